//! The inventory itself: hosts, groups, and who belongs to what.

use super::vars::Beside;
use indexmap::{IndexMap, IndexSet};
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// Names that mean this machine even if no inventory has them.
const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A host as the inventory sources say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// Variables from inventory sources, not from groups nor `host_vars`.
    pub vars: Map,
    /// The first inventory file that names it, absolute; `None` for host lists and for the implicit localhost.
    pub file: Option<PathBuf>,
}

/// A group as the inventory sources say it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Hosts named in the group itself, not in its children.
    pub hosts: IndexSet<String>,
    /// Groups directly in it.
    pub children: IndexSet<String>,
    /// Groups that it is directly in; the other side of `children`.
    parents: IndexSet<String>,
    /// Variables from inventory sources, not from `group_vars`.
    pub vars: Map,
    /// `ansible_group_priority`: among groups of one depth, the higher one's variables win.
    pub priority: i64,
}

/// All hosts and groups of all sources. It always has the groups `all` and `ungrouped`.
#[derive(Clone, Debug)]
pub struct Inventory {
    hosts: IndexMap<String, Host>,
    groups: IndexMap<String, Group>,
    /// What it was read from, as given; files with their absolute paths.
    pub sources: Vec<String>,
    /// What is probably not meant, to be shown once.
    pub warnings: Vec<Diagnostic>,
    pub(super) beside_sources: Vec<Beside>,
    /// By the directories of playbooks; the first is that of the playbook that was asked for.
    pub(super) beside_playbooks: IndexMap<PathBuf, Beside>,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            hosts: IndexSet::new(),
            children: IndexSet::new(),
            parents: IndexSet::new(),
            vars: Map::new(),
            priority: 1,
        }
    }
}

impl Default for Inventory {
    fn default() -> Self {
        let all = Group { children: IndexSet::from(["ungrouped".to_owned()]), ..Group::default() };
        let ungrouped = Group { parents: IndexSet::from(["all".to_owned()]), ..Group::default() };
        Self {
            hosts: IndexMap::new(),
            groups: IndexMap::from([("all".to_owned(), all), ("ungrouped".to_owned(), ungrouped)]),
            sources: Vec::new(),
            warnings: Vec::new(),
            beside_sources: Vec::new(),
            beside_playbooks: IndexMap::new(),
        }
    }
}

/// Reading.
impl Inventory {
    /// The host, if a source names it.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// All hosts with their names, in the order in which sources name them first.
    pub fn hosts(&self) -> &IndexMap<String, Host> {
        &self.hosts
    }

    /// All groups with their names, in the order in which sources name them first.
    pub fn groups(&self) -> &IndexMap<String, Group> {
        &self.groups
    }

    /// Whether `name` is this machine without being in the inventory: no group has it, `all` does not match it.
    pub fn is_implicit_localhost(&self, name: &str) -> bool {
        LOCALHOST.contains(&name) && !self.hosts.contains_key(name)
    }

    /// The host that a name means, also for delegation: itself if the inventory has it; for a name of this machine the
    /// inventory's first such host, or else the implicit localhost of that name.
    pub fn host_named<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if !self.is_implicit_localhost(name) {
            return self.hosts.get_key_value(name).map(|(name, _)| name.as_str());
        }
        Some(self.hosts.keys().map(String::as_str).find(|host| LOCALHOST.contains(host)).unwrap_or(name))
    }

    /// The hosts of a group and of all groups in it, in inventory order, each once. Empty for an unknown group.
    pub fn group_hosts(&self, group: &str) -> Vec<&str> {
        let mut seen = IndexSet::new();
        for name in self.descendants(group) {
            seen.extend(self.groups[name].hosts.iter().map(String::as_str));
        }
        seen.into_iter().collect()
    }

    /// Every group's hosts: the variable `groups`.
    pub fn groups_value(&self) -> Map {
        let hosts = |group: &String| self.group_hosts(group).into_iter().map(Value::from).collect::<Vec<_>>();
        self.groups.keys().map(|group| (group.clone(), Value::List(hosts(group)))).collect()
    }

    /// All groups that hold the host, directly or not, without `all`, sorted by name: the variable `group_names`.
    pub fn group_names(&self, host: &str) -> Vec<&str> {
        let mut names = self.groups_of(host);
        names.retain(|name| *name != "all");
        names.sort_unstable();
        names
    }

    /// The same groups with `all`, weakest variables first: by depth, priority, name.
    pub(super) fn groups_by_strength(&self, host: &str) -> Vec<&str> {
        let mut names = self.groups_of(host);
        if names.is_empty() {
            names.push("all");
        }
        names.sort_by_cached_key(|name| (self.depth(name), self.groups[*name].priority, *name));
        names
    }

    fn groups_of(&self, host: &str) -> Vec<&str> {
        let mut found: IndexSet<&str> = IndexSet::new();
        let direct = self.groups.iter().filter(|(_, group)| group.hosts.contains(host));
        for (name, _) in direct {
            found.insert(name);
            found.extend(self.ancestors(name));
        }
        found.into_iter().collect()
    }

    /// The group and the groups in it, level by level, each once.
    fn descendants<'a>(&'a self, group: &str) -> IndexSet<&'a str> {
        let start = self.groups.get_key_value(group).map(|(name, _)| name.as_str());
        self.closure(start, |name| self.groups[name].children.iter().map(String::as_str).collect())
    }

    /// The groups that hold the group, level by level, each once.
    fn ancestors<'a>(&'a self, group: &str) -> IndexSet<&'a str> {
        self.closure(self.parents(group), |name| self.parents(name).collect())
    }

    fn parents(&self, group: &str) -> impl Iterator<Item = &str> {
        self.groups.get(group).into_iter().flat_map(|group| group.parents.iter().map(String::as_str))
    }

    fn closure<'a>(
        &'a self,
        start: impl IntoIterator<Item = &'a str>,
        next: impl Fn(&'a str) -> Vec<&'a str>,
    ) -> IndexSet<&'a str> {
        let mut found: IndexSet<&str> = start.into_iter().collect();
        let mut at = 0;
        while let Some(name) = found.get_index(at).copied() {
            found.extend(next(name));
            at += 1;
        }
        found
    }

    /// The longest way from a group that no other group holds.
    fn depth(&self, group: &str) -> usize {
        let mut level = IndexSet::from([group]);
        let mut depth = 0;
        loop {
            level = level.into_iter().flat_map(|name| self.parents(name)).collect();
            if level.is_empty() {
                return depth;
            }
            depth += 1;
        }
    }
}

/// Building. Errors are messages; the parsers know the places.
impl Inventory {
    /// Adds a group unless it is there.
    pub fn add_group(&mut self, name: &str) {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.to_owned(), Group::default());
        }
    }

    /// Adds a host unless it is there, and puts it into the group. A port only counts the first time.
    pub fn add_host(&mut self, name: &str, group: &str, port: Option<u16>, file: Option<&PathBuf>) {
        self.hosts.entry(name.to_owned()).or_insert_with(|| Host {
            vars: port.map(|port| ("ansible_port".to_owned(), Value::Int(port.into()))).into_iter().collect(),
            file: file.cloned(),
        });
        self.groups.entry(group.to_owned()).or_default().hosts.insert(name.to_owned());
    }

    /// Sets variables of a host; an unknown host is left alone.
    pub fn set_host_vars(&mut self, host: &str, vars: Map) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.vars.extend(vars);
        }
    }

    /// Sets a variable of a group; `ansible_group_priority` must be an integer.
    pub fn set_group_var(&mut self, group: &str, name: &str, value: Value) -> Result<(), String> {
        let group = self.groups.entry(group.to_owned()).or_default();
        if name != "ansible_group_priority" {
            group.vars.insert(name.to_owned(), value);
            return Ok(());
        }
        let number = value.as_int().or_else(|| value.as_str()?.trim().parse().ok());
        group.priority =
            number.ok_or_else(|| format!("ansible_group_priority must be an integer, not {}", value.repr()))?;
        Ok(())
    }

    /// Puts a group into another; refuses a group that would hold itself.
    pub fn add_child(&mut self, group: &str, child: &str) -> Result<(), String> {
        if group == child {
            return Err(format!("the group `{group}` cannot be its own child"));
        }
        if self.ancestors(group).contains(child) {
            return Err(format!("the group `{child}` already holds `{group}`: it cannot also be its child"));
        }
        self.link(group, child);
        Ok(())
    }

    fn link(&mut self, group: &str, child: &str) {
        self.groups.entry(group.to_owned()).or_default().children.insert(child.to_owned());
        self.groups.entry(child.to_owned()).or_default().parents.insert(group.to_owned());
    }

    /// Brings the rules of `all` and `ungrouped` back after changes: `all` holds every group without a parent, and
    /// `ungrouped` every host that is in no other group.
    pub fn reconcile(&mut self) {
        let tops = self.groups.iter().filter(|(name, group)| *name != "all" && group.parents.is_empty());
        for top in tops.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.link("all", &top);
        }
        let grouped: IndexSet<String> = self
            .groups
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "all" | "ungrouped"))
            .flat_map(|(_, group)| group.hosts.iter().cloned())
            .collect();
        let (hosts, groups) = (&self.hosts, &mut self.groups);
        let ungrouped = &mut groups["ungrouped"].hosts;
        ungrouped.retain(|host| !grouped.contains(host));
        ungrouped.extend(hosts.keys().filter(|host| !grouped.contains(*host)).cloned());
        self.warn_about_names();
    }

    pub(super) fn warn(&mut self, message: impl Into<String>) {
        let warning = Diagnostic::new(ErrorKind::Input, message);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn warn_about_names(&mut self) {
        let odd: Vec<String> = self.groups.keys().filter(|name| !is_variable_name(name)).cloned().collect();
        if !odd.is_empty() {
            self.warn(format!("Invalid characters were found in group names but not replaced: {}", odd.join(", ")));
        }
        let both: Vec<String> = self.groups.keys().filter(|name| self.hosts.contains_key(*name)).cloned().collect();
        for name in both {
            self.warn(format!("Found both group and host with same name: {name}"));
        }
    }
}

/// Letters, digits and `_`, no digit first.
fn is_variable_name(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric())
}
