//! [`Layer`]: where this host has its control groups.

use super::{GroupError, Hierarchy, RunGroup, failed};
use std::fs;
use std::path::{Path, PathBuf};

/// Controllers of version 1 that are used.
const USED: [&str; 6] = ["cpuset", "memory", "pids", "devices", "freezer", "cpuacct"];

/// Controllers of version 2 that are switched on, where the host has them there.
const SWITCHED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// The groups below which those of runs are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    parents: Vec<Hierarchy>,
    /// What cannot be used, and why.
    pub troubles: Vec<String>,
}

impl Layer {
    /// Finds and makes them. `name` is theirs alone: two daemons on one kernel have different ones.
    pub fn find(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut layer = Self::default();
        for hierarchy in mounts.lines().filter_map(mounted) {
            match prepare(&hierarchy, name) {
                Ok(parent) => layer.parents.push(parent),
                Err(error) => layer.troubles.push(error.to_string()),
            }
        }
        layer
    }

    /// The groups of a run. They are not made yet.
    pub fn run(&self, name: &str) -> RunGroup {
        RunGroup(self.parents.iter().map(|parent| parent.below(name)).collect())
    }

    /// What holds for runs, by the names of controllers, such as `cpuset` and `devices`; empty where nothing does.
    pub fn holds(&self) -> Vec<&'static str> {
        let has = |name: &&&str| self.parents.iter().any(|it| it.has(name));
        ["cpuset", "memory", "pids", "devices"].iter().filter(has).copied().collect()
    }

    /// Whether there are no groups at all.
    pub fn is_none(&self) -> bool {
        self.parents.is_empty()
    }
}

/// A line of `/proc/self/mountinfo` (proc(5)) that is about a hierarchy which can be used.
fn mounted(line: &str) -> Option<Hierarchy> {
    let (place, kind) = line.split_once(" - ")?;
    let path = PathBuf::from(place.split(' ').nth(4)?);
    let mut kind = kind.split(' ');
    match (kind.next()?, kind.nth(1)?) {
        ("cgroup2", _) => Some(Hierarchy { path, controllers: None }),
        ("cgroup", options) => {
            let used: Vec<String> = options.split(',').filter(|it| USED.contains(it)).map(str::to_owned).collect();
            (!used.is_empty()).then_some(Hierarchy { path, controllers: Some(used) })
        }
        _ => None,
    }
}

/// Makes the group below which runs get theirs.
fn prepare(root: &Hierarchy, name: &str) -> Result<Hierarchy, GroupError> {
    let parent = Hierarchy { path: root.path.join(name), ..root.clone() };
    fs::create_dir_all(&parent.path).map_err(failed(&parent.path))?;
    if parent.is_new() {
        switch_on(&root.path);
        switch_on(&parent.path);
    } else if parent.has("cpuset") {
        parent.inherit_cpus()?;
    }
    Ok(parent)
}

/// Groups below this one may have limits then. A controller that the host uses elsewhere is simply not there.
pub(super) fn switch_on(path: &Path) {
    for controller in SWITCHED {
        let _ = fs::write(path.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_read_from_mounts() {
        let read = |line: &str| mounted(line).map(|it| (it.path.display().to_string(), it.controllers));
        let old = "36 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct";
        assert_eq!(read(old), Some(("/sys/fs/cgroup/cpu,cpuacct".into(), Some(vec!["cpuacct".into()]))));
        let new = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(read(new), Some(("/sys/fs/cgroup".into(), None)));
        let named = "31 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd";
        let other = "23 1 8:1 / / rw - ext4 /dev/sda1 rw";
        assert_eq!((read(named), read(other)), (None, None));
    }
}
