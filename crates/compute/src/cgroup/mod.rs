//! Control groups: which CPUs and how much memory a run has, what it used, and how all of it is killed at once.
//!
//! A run has one group in each hierarchy that the host has and this can use: in version 2 one for all, in version 1 one a
//! controller (cgroups(7)). Hosts that have both kinds are served as they are: what version 2 can do is done there.

mod mounts;

pub use mounts::Layer;

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// So long the kernel may take to freeze a group.
const FREEZING: Duration = Duration::from_millis(200);

/// The groups of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunGroup(Vec<Hierarchy>);

/// A tree of groups, and a group in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hierarchy {
    /// The group's directory.
    path: PathBuf,
    /// Of version 1: what it controls; of version 2 its own file says so.
    controllers: Option<Vec<String>>,
}

/// What a run may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPUs in the kernel's numbers, as cpuset(7) lists them; empty for all.
    pub cpus: String,
    /// Bytes of memory; 0 for all.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u32,
    /// Devices that it may not open, as `devices.deny` names them: `c 195:0 rwm`.
    pub denied: Vec<String>,
}

/// What could not be done with a group.
#[derive(Debug, thiserror::Error)]
#[error("control group {path}: {error}")]
pub struct GroupError {
    path: String,
    error: io::Error,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> GroupError {
    let path = path.display().to_string();
    move |error| GroupError { path, error }
}

impl Hierarchy {
    fn has(&self, controller: &str) -> bool {
        match &self.controllers {
            Some(own) => own.iter().any(|name| name == controller),
            None => {
                self.read("cgroup.controllers").is_some_and(|all| all.split_whitespace().any(|it| it == controller))
            }
        }
    }

    fn is_new(&self) -> bool {
        self.controllers.is_none()
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.path.join(file)).ok()
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }

    /// The number behind a word, as in `memory.stat`.
    fn keyed(&self, file: &str, key: &str) -> Option<u64> {
        let text = self.read(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    fn write(&self, file: &str, value: &str) -> Result<(), GroupError> {
        let path = self.path.join(file);
        fs::write(&path, value).map_err(failed(&path))
    }

    fn below(&self, name: &str) -> Self {
        Self { path: self.path.join(name), ..self.clone() }
    }

    fn can_freeze(&self) -> bool {
        if self.is_new() { self.path.join("cgroup.freeze").exists() } else { self.has("freezer") }
    }

    /// Stops all that is in it, so that nothing is started meanwhile. One that cannot be frozen in time is left as it is.
    fn freeze(&self) {
        let (file, word) = if self.is_new() { ("cgroup.freeze", "1") } else { ("freezer.state", "FROZEN") };
        if self.write(file, word).is_err() {
            return;
        }
        let until = Instant::now() + FREEZING;
        while self.is_freezing() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_freezing(&self) -> bool {
        if self.is_new() {
            return self.keyed("cgroup.events", "frozen") == Some(0);
        }
        self.read("freezer.state").is_some_and(|it| it.trim() == "FREEZING")
    }

    fn thaw(&self) {
        let (file, word) = if self.is_new() { ("cgroup.freeze", "0") } else { ("freezer.state", "THAWED") };
        // A group that is gone needs none.
        let _ = self.write(file, word);
    }

    /// Version 1 starts groups without CPUs and memory nodes: they come from the group above.
    fn inherit_cpus(&self) -> Result<(), GroupError> {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let above = self.path.parent().and_then(|above| fs::read_to_string(above.join(file)).ok());
            if self.read(file).is_some_and(|own| own.trim().is_empty()) {
                self.write(file, above.unwrap_or_default().trim())?;
            }
        }
        Ok(())
    }

    fn limit(&self, limits: &Limits) -> Result<(), GroupError> {
        if self.has("cpuset") {
            if !self.is_new() {
                self.inherit_cpus()?;
            }
            if !limits.cpus.is_empty() {
                self.write("cpuset.cpus", &limits.cpus)?;
            }
        }
        if self.has("memory") && limits.memory > 0 {
            self.limit_memory(limits.memory)?;
        }
        if self.has("pids") && limits.processes > 0 {
            self.write("pids.max", &limits.processes.to_string())?;
        }
        if self.has("devices") {
            limits.denied.iter().try_for_each(|device| self.write("devices.deny", device))?;
        }
        Ok(())
    }

    /// Swap does not count as more memory (cgroup.conf(5), `AllowedSwapSpace` 0), where the kernel counts it at all.
    fn limit_memory(&self, bytes: u64) -> Result<(), GroupError> {
        let bytes = bytes.to_string();
        let (memory, both, swap) = if self.is_new() {
            ("memory.max", "memory.swap.max", "0")
        } else {
            ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes.as_str())
        };
        self.write(memory, &bytes)?;
        if self.path.join(both).exists() {
            self.write(both, swap)?;
        }
        Ok(())
    }
}

impl RunGroup {
    /// Whether there are no groups at all.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Their directories.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|hierarchy| hierarchy.path.as_path())
    }

    fn with(&self, controller: &str) -> Option<&Hierarchy> {
        self.0.iter().find(|it| it.has(controller))
    }

    /// Groups of this name below these.
    pub fn below(&self, name: &str) -> Self {
        Self(self.0.iter().map(|hierarchy| hierarchy.below(name)).collect())
    }

    /// Makes the groups and sets their limits. Those above must be there: a group that came to be without them would have no
    /// limits but its own.
    pub fn make(&self, limits: &Limits) -> Result<(), GroupError> {
        for hierarchy in &self.0 {
            match fs::create_dir(&hierarchy.path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(failed(&hierarchy.path))?,
            }
            hierarchy.limit(limits)?;
        }
        Ok(())
    }

    /// Lets groups below these have limits of their own. In version 2 no process can be in these themselves then.
    pub fn divide(&self) {
        self.0.iter().filter(|it| it.is_new()).for_each(|it| mounts::switch_on(&it.path));
    }

    /// Puts a process into them, and with it all that it will start.
    pub fn take(&self, pid: i32) -> Result<(), GroupError> {
        self.0.iter().try_for_each(|hierarchy| hierarchy.write("cgroup.procs", &pid.to_string()))
    }

    /// Who is in them or in groups below; also those that ended and were not waited for, in version 2.
    pub fn processes(&self) -> BTreeSet<i32> {
        let mut found = BTreeSet::new();
        self.0.iter().for_each(|hierarchy| collect_processes(&hierarchy.path, &mut found));
        found
    }

    /// Sends SIGKILL to all that is in them, so that nothing that is being started meanwhile escapes. What is in them dies
    /// soon, but not at once.
    pub fn kill(&self) {
        let whole = self.0.iter().find(|it| it.path.join("cgroup.kill").exists());
        if whole.is_some_and(|it| it.write("cgroup.kill", "1").is_ok()) {
            return;
        }
        let freezer = self.0.iter().find(|it| it.can_freeze());
        if let Some(freezer) = freezer {
            freezer.freeze();
        }
        crate::process::signal_each(&self.processes(), nix::sys::signal::Signal::SIGKILL);
        if let Some(freezer) = freezer {
            freezer.thaw();
        }
    }

    /// Whether there is a freezer.
    pub fn can_freeze(&self) -> bool {
        self.0.iter().any(Hierarchy::can_freeze)
    }

    /// Makes all in them stand still, also what is being started; says whether there is a freezer.
    pub fn freeze(&self) -> bool {
        let freezer = self.0.iter().find(|it| it.can_freeze());
        freezer.inspect(|it| it.freeze()).is_some()
    }

    /// Lets all in them go on.
    pub fn thaw(&self) {
        self.0.iter().filter(|it| it.can_freeze()).for_each(Hierarchy::thaw);
    }

    /// Kills until none is left in them, or `patience` is over; says whether none is left.
    pub fn kill_all(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while !self.processes().is_empty() {
            if Instant::now() > until {
                return false;
            }
            self.kill();
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Takes them away. They must be empty; the kernel may need a moment to see that they are.
    pub fn remove(&self) -> Result<(), GroupError> {
        self.0.iter().try_for_each(|hierarchy| remove(&hierarchy.path))
    }

    /// Processes that the kernel killed because memory ran out; `None` where nobody counts.
    pub fn out_of_memory(&self) -> Option<u64> {
        let memory = self.with("memory")?;
        memory.keyed(if memory.is_new() { "memory.events" } else { "memory.oom_control" }, "oom_kill")
    }

    /// Bytes that are in use now, without what is only a copy of files.
    pub fn memory_now(&self) -> Option<u64> {
        let memory = self.with("memory")?;
        let sum = |keys: [&str; 2]| keys.iter().map(|key| memory.keyed("memory.stat", key)).sum();
        sum(if memory.is_new() { ["anon", "shmem"] } else { ["total_rss", "total_shmem"] })
    }

    /// The most bytes that were in use, copies of files included, and whether the limit was reached.
    pub fn memory_peak(&self) -> Option<(u64, bool)> {
        let memory = self.with("memory")?;
        let (peak, failures) = if memory.is_new() {
            (memory.number("memory.peak"), memory.keyed("memory.events", "max"))
        } else {
            (memory.number("memory.max_usage_in_bytes"), memory.number("memory.failcnt"))
        };
        Some((peak?, failures.is_some_and(|count| count > 0)))
    }

    /// Microseconds in user mode and in the kernel.
    pub fn cpu_time(&self) -> Option<(u64, u64)> {
        let whole = self.0.iter().find(|it| it.is_new());
        let new = whole.and_then(|it| Some((it.keyed("cpu.stat", "user_usec")?, it.keyed("cpu.stat", "system_usec")?)));
        new.or_else(|| {
            let old = self.with("cpuacct")?;
            Some((old.number("cpuacct.usage_user")? / 1000, old.number("cpuacct.usage_sys")? / 1000))
        })
    }
}

fn collect_processes(path: &Path, found: &mut BTreeSet<i32>) {
    let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_processes(&entry.path(), found);
        }
    }
}

/// Removes a group and those below it. The kernel refuses for a moment after the last process is gone.
fn remove(path: &Path) -> Result<(), GroupError> {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path())?;
        }
    }
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::remove_dir(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < until => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(failed(path)(error)),
        }
    }
}
