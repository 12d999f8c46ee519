//! Runs playbooks: plays over hosts, tasks in lockstep, one round trip a task and host.

pub mod actions;
mod arguments;
pub mod events;
mod links;
mod loops;
mod meta;
mod parallel;
mod play;
pub mod preflight;
mod report;
mod result;
pub mod scope;
pub mod tags;
pub mod target;
mod task;

use crate::connection::Connector;
use crate::diag::{Diagnostic, ErrorKind};
use crate::inventory::Inventory;
use crate::playbook::Playbook;
use crate::template::Templar;
use crate::value::{Map, Value};
pub use arguments::key_values;
use events::{Event, Observer, Stats};
use indexmap::IndexMap;
pub use links::Links;
pub use parallel::in_order;
use scope::{HostVars, World};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use tags::TagSelection;
use target::Login;

/// What the command line says about a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Predict only.
    pub check: bool,
    /// Show what differs.
    pub diff: bool,
    /// How many `-v`.
    pub verbosity: u8,
    /// Hosts in work at once.
    pub forks: usize,
    /// Handlers also run on hosts that failed.
    pub force_handlers: bool,
    /// Which tasks.
    pub tags: TagSelection,
    /// Patterns that every play's hosts are cut down to; none for all.
    pub limit: Vec<String>,
    /// Variables from the command line.
    pub extra_vars: Map,
}

/// Everything a run needs and remembers.
pub struct Runner<'a> {
    inventory: &'a Inventory,
    options: &'a Options,
    login: &'a Login,
    templar: Templar,
    links: Links<'a>,
    world: Arc<World>,
    stats: IndexMap<String, Stats>,
    /// Hosts that failed or were unreachable in an earlier play or task.
    gone: BTreeSet<String>,
    observer: &'a mut dyn Observer,
}

impl<'a> Runner<'a> {
    /// A runner that reaches hosts through `connector` and tells `observer` what happens.
    pub fn new(
        inventory: &'a Inventory,
        options: &'a Options,
        login: &'a Login,
        connector: &'a dyn Connector,
        observer: &'a mut dyn Observer,
    ) -> Self {
        Self {
            inventory,
            options,
            login,
            templar: Templar::new(),
            links: Links::new(connector),
            world: Arc::new(world(inventory, options)),
            stats: IndexMap::new(),
            gone: BTreeSet::new(),
            observer,
        }
    }

    /// Runs playbooks in order and gives ansible-playbook's exit code: 0 all well, 2 a host failed, 4 a host was
    /// unreachable. An error is something wrong with the files themselves.
    pub fn run(mut self, playbooks: &[Playbook]) -> Result<u8, Diagnostic> {
        for playbook in playbooks {
            preflight::check(playbook)?;
        }
        'all: for playbook in playbooks {
            self.observer.on(&Event::Playbook { path: playbook.path.clone() });
            for play in &playbook.plays {
                if !self.run_play(play, &playbook.path)? {
                    break 'all;
                }
            }
        }
        let mut recap: Vec<_> = std::mem::take(&mut self.stats).into_iter().collect();
        recap.sort_by(|a, b| a.0.cmp(&b.0));
        let code = self.exit_code(&recap);
        self.observer.on(&Event::Recap(recap));
        Ok(code)
    }

    /// By the hosts that are out at the end: `meta: clear_host_errors` forgives earlier ones.
    fn exit_code(&self, recap: &[(String, Stats)]) -> u8 {
        let mut out = recap.iter().filter(|(host, _)| self.gone.contains(host)).peekable();
        match () {
            () if out.peek().is_none() => 0,
            () if out.any(|(_, stats)| stats.unreachable > 0) => 4,
            () => 2,
        }
    }
}

/// What is known of all hosts before the first play.
pub fn world(inventory: &Inventory, options: &Options) -> World {
    let host_vars = |name: &str| HostVars {
        inventory: Arc::new(inventory.host_vars(name)),
        file: inventory.host(name).and_then(|host| host.file.clone()),
        group_names: inventory.group_names(name).into_iter().map(str::to_owned).collect(),
        ..HostVars::default()
    };
    let mut hosts: IndexMap<String, HostVars> =
        inventory.hosts().keys().map(|name| (name.clone(), host_vars(name))).collect();
    if !hosts.contains_key("localhost") {
        hosts.insert("localhost".into(), host_vars("localhost"));
    }
    World {
        hosts,
        groups: Value::Map(inventory.groups_value()),
        extra: options.extra_vars.clone(),
        constants: constants(options),
    }
}

fn constants(options: &Options) -> Map {
    let version = env!("CARGO_PKG_VERSION");
    let ansible = [("full", "2.19.14"), ("string", "2.19.14"), ("enlist", version)];
    let mut ansible: Map = ansible.map(|(name, text)| (name.to_owned(), text.into())).into_iter().collect();
    for (name, number) in [("major", 2), ("minor", 19), ("revision", 14)] {
        ansible.insert(name.into(), Value::Int(number));
    }
    [
        ("ansible_check_mode", Value::Bool(options.check)),
        ("ansible_diff_mode", Value::Bool(options.diff)),
        ("ansible_verbosity", Value::Int(i64::from(options.verbosity))),
        ("ansible_forks", Value::Int(options.forks as i64)),
        ("ansible_version", Value::Map(ansible)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// The directory of a playbook, `.` for a bare name.
pub fn playbook_directory(path: &str) -> PathBuf {
    match PathBuf::from(path).parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// An error without a place in a file.
fn usage(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, message)
}
