//! `setup`: facts about a host, read from /proc, /sys and /etc; a program is started only for local facts that are
//! programs themselves.

mod hardware;
mod local;
mod network;
mod platform;
mod session;

use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::System;
use std::path::Path;
use words::text::glob;
use words::value::{Map, Value};

/// The module.
pub struct Setup;

parameters! {
    /// Gathers facts about the host.
    pub struct SetupParameters for "setup" {
        /// Which facts: all, min, hardware, network, virtual; ! excludes.
        gather_subset: Vec<String> = "all",
        /// Patterns of the names to return.
        filter: Option<Vec<String>>,
        /// Directory of the host's own facts.
        fact_path: HostPath = "/etc/ansible/facts.d",
    }
    unread {
        /// Taken and not needed.
        gather_timeout: i64 = "10",
    }
    facts "ansible_", "module_setup";
}

impl Module for Setup {
    type Parameters = SetupParameters;

    fn check(&self, given: &SetupParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let subset = &given.gather_subset;
        let wanted = Subsets::parse(subset)?;
        let mut facts = Facts { system, found: Map::new() };
        if wanted.min {
            platform::gather(&mut facts)?;
            session::gather(&mut facts)?;
            local::gather(&mut facts, &given.fact_path.on(system)?)?;
        }
        if wanted.hardware {
            hardware::gather(&mut facts)?;
        }
        if wanted.network {
            network::gather(&mut facts)?;
        }
        if wanted.virtualization {
            platform::virtualization(&mut facts)?;
        }
        facts.set("gather_subset", Value::List(subset.iter().map(|name| name.as_str().into()).collect()));
        let filters = given.filter.as_deref().unwrap_or_default();
        facts.found.retain(|name, _| is_wanted(name, filters));
        facts.found.insert("module_setup".into(), true.into());
        Ok(Verdict::Satisfied(Outcome::new().with("ansible_facts", facts.found)))
    }
}

/// Facts found so far, and where to look for more.
struct Facts<'a> {
    system: &'a dyn System,
    found: Map,
}

impl Facts<'_> {
    /// Sets `ansible_NAME`.
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.found.insert(format!("ansible_{name}"), value.into());
    }

    /// The text of a file without the newline at its end; empty when it is not there or may not be read.
    fn text(&self, path: &str) -> String {
        let content = self.system.read(Path::new(path)).ok().flatten().unwrap_or_default();
        String::from_utf8_lossy(&content).trim_end_matches('\n').to_owned()
    }

    fn exists(&self, path: &str) -> bool {
        self.system.stat(Path::new(path), true).is_ok_and(|stat| stat.is_some())
    }
}

/// Patterns fit the name with and without `ansible_`.
fn is_wanted(name: &str, filters: &[String]) -> bool {
    let short = name.strip_prefix("ansible_").unwrap_or(name);
    filters.is_empty() || filters.iter().any(|f| f == "*" || glob::matches(f, name) || glob::matches(f, short))
}

/// Which groups of facts are gathered.
#[derive(Debug, PartialEq, Eq)]
struct Subsets {
    min: bool,
    hardware: bool,
    network: bool,
    virtualization: bool,
}

/// What may be named, and the group that has it. Ansible names single facts too.
const NAMES: &[(&str, &str)] = &[
    ("all", "all"),
    ("all_ipv4_addresses", "network"),
    ("all_ipv6_addresses", "network"),
    ("architecture", "min"),
    ("date_time", "min"),
    ("default_ipv4", "network"),
    ("devices", "hardware"),
    ("distribution", "min"),
    ("distribution_major_version", "min"),
    ("distribution_version", "min"),
    ("env", "min"),
    ("facter", "none"),
    ("fqdn", "min"),
    ("hardware", "hardware"),
    ("hostname", "min"),
    ("interfaces", "network"),
    ("kernel", "min"),
    ("local", "min"),
    ("lsb", "min"),
    ("machine", "min"),
    ("memory", "hardware"),
    ("min", "min"),
    ("mounts", "hardware"),
    ("network", "network"),
    ("ohai", "none"),
    ("os_family", "min"),
    ("pkg_mgr", "min"),
    ("platform", "min"),
    ("processor", "hardware"),
    ("python", "min"),
    ("selinux", "min"),
    ("service_mgr", "min"),
    ("system", "min"),
    ("user", "min"),
    ("user_id", "min"),
    ("virtual", "virtual"),
    ("virtualization_type", "virtual"),
];

impl Subsets {
    fn parse(names: &[String]) -> Result<Self, Failure> {
        let mut wanted = Vec::new();
        let mut excluded = Vec::new();
        for name in names {
            let (list, name) = match name.strip_prefix('!') {
                Some(name) => (&mut excluded, name),
                None => (&mut wanted, name.as_str()),
            };
            let known = NAMES.iter().find(|(known, _)| *known == name).ok_or_else(|| bad_subset(name))?;
            list.push(known.1);
        }
        // Only exclusions: from everything.
        let all = wanted.is_empty() || wanted.contains(&"all");
        let has =
            |name: &&str| (all || wanted.contains(name)) && !excluded.contains(name) && !excluded.contains(&"all");
        let named = |name: &&str| wanted.contains(name) && !excluded.contains(name);
        Ok(Self {
            min: !excluded.contains(&"min"),
            hardware: has(&"hardware") || named(&"hardware"),
            network: has(&"network") || named(&"network"),
            virtualization: has(&"virtual") || named(&"virtual"),
        })
    }
}

fn bad_subset(name: &str) -> Failure {
    let known: Vec<_> = NAMES.iter().map(|(known, _)| *known).collect();
    Failure::new(format!("Bad subset '{name}' given to Ansible. gather_subset options allowed: {}", known.join(", ")))
}

#[cfg(test)]
mod tests;
