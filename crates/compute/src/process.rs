//! Processes of this host, as `/proc` has them (proc(5)).

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// A process. Numbers come again; with the tick at which it started it is this one and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: i32,
    /// Clock ticks from the start of the kernel to its own.
    pub ticks: u64,
}

impl ProcessId {
    /// The process that has this number now; `None` when there is none.
    pub fn of(pid: i32) -> Option<Self> {
        stat(pid).map(|stat| Self { pid, ticks: stat.ticks })
    }

    /// Whether it is still there; one that ended and was not waited for is not.
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.ticks == self.ticks && !stat.is_dead)
    }
}

/// What is read of `/proc/PID/stat`.
struct Stat {
    is_dead: bool,
    parent: i32,
    session: i32,
    ticks: u64,
    /// Ticks in user mode and in the kernel, with those of children that were waited for.
    cpu: [u64; 2],
}

fn stat(pid: i32) -> Option<Stat> {
    // The name before the last `)` is the process's own choice, and may hold anything, also what is no text.
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse().ok();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        is_dead: matches!(*fields.first()?, "Z" | "X"),
        parent: number(1)?,
        session: number(3)?,
        ticks: ticks(19)?,
        cpu: [ticks(11)?.saturating_add(ticks(13)?), ticks(12)?.saturating_add(ticks(14)?)],
    })
}

fn all() -> BTreeMap<i32, Stat> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Some((pid, stat(pid)?))
    });
    numbers.filter(|(_, stat)| !stat.is_dead).collect()
}

/// All processes below one: its children, theirs, and so on.
pub fn descendants(of: i32) -> BTreeSet<i32> {
    below(&all(), BTreeSet::from([of]), of)
}

/// What is below `found`, without `except`.
fn below(all: &BTreeMap<i32, Stat>, mut found: BTreeSet<i32>, except: i32) -> BTreeSet<i32> {
    loop {
        let is_new = |(pid, stat): &(&i32, &Stat)| found.contains(&stat.parent) && !found.contains(pid);
        let more: Vec<i32> = all.iter().filter(is_new).map(|(pid, _)| *pid).collect();
        if more.is_empty() {
            found.remove(&except);
            return found;
        }
        found.extend(more);
    }
}

/// What is left of processes whose supervisor died: their sessions, those with all these lines in their environment, and what is
/// below these. For hosts without control groups: a process that left the session, its parents and its environment
/// behind is not found.
pub fn left_of(started: &[ProcessId], lines: &[String]) -> BTreeSet<i32> {
    let all = all();
    let has_all = |text: &[u8]| lines.iter().all(|line| has_line(text, line.as_bytes()));
    let is_named = |pid: &i32| fs::read(format!("/proc/{pid}/environ")).is_ok_and(|text| has_all(&text));
    // A process that has the number of one and another start is somebody else, with a session of its own.
    let is_taken = |it: &ProcessId| all.get(&it.pid).is_some_and(|stat| stat.ticks != it.ticks);
    let sessions: BTreeSet<i32> = started.iter().filter(|it| !is_taken(it)).map(|it| it.pid).collect();
    let is_own = |(pid, stat): &(&i32, &Stat)| sessions.contains(&stat.session) || is_named(pid);
    let roots = all.iter().filter(is_own).map(|(pid, _)| *pid).collect();
    below(&all, roots, 0)
}

/// Microseconds in user mode and in the kernel that these used, with those that they waited for.
pub fn cpu_time(pids: &BTreeSet<i32>) -> (u64, u64) {
    let a_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|it| u64::try_from(it).ok()).unwrap_or(100);
    let micros = |ticks: u64| ticks.saturating_mul(1_000_000) / a_second.max(1);
    let all = pids.iter().filter_map(|pid| stat(*pid));
    let (user, system) = all.fold((0, 0), |(user, system), it| (user + it.cpu[0], system + it.cpu[1]));
    (micros(user), micros(system))
}

/// Bytes that these moved, with those that they waited for: `rchar: ` or `wchar: ` of `/proc/PID/io`. One that has ended meanwhile
/// counts where it was waited for.
pub fn moved(pids: &BTreeSet<i32>, key: &str) -> u64 {
    let of = |pid: &i32| number_in(&fs::read_to_string(format!("/proc/{pid}/io")).ok()?, key);
    pids.iter().filter_map(of).fold(0, u64::saturating_add)
}

/// The most bytes of memory that one of these has had.
pub fn largest(pids: &BTreeSet<i32>) -> Option<u64> {
    let of = |pid: &i32| number_in(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:");
    pids.iter().filter_map(of).max().map(|kilobytes| kilobytes.saturating_mul(1024))
}

/// The number behind a word at the beginning of a line; what follows it is left out.
pub fn number_in(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

fn has_line(environment: &[u8], line: &[u8]) -> bool {
    environment.split(|byte| *byte == 0).any(|it| it == line)
}

/// Sends a signal to each. One that is gone already needs none.
pub fn signal_each<'a>(pids: impl IntoIterator<Item = &'a i32>, signal: Signal) {
    for pid in pids.into_iter().filter(|pid| **pid > 1) {
        let _ = kill(Pid::from_raw(*pid), signal);
    }
}

/// Kills all that `list` finds, again and again until it finds none or `rounds` are over; they are stopped first, so that
/// they do not make more meanwhile. Says whether none is left.
pub fn kill_all(list: impl Fn() -> BTreeSet<i32>, rounds: u32) -> bool {
    for _ in 0..rounds {
        let found = list();
        if found.is_empty() {
            return true;
        }
        signal_each(&found, Signal::SIGSTOP);
        signal_each(&list(), Signal::SIGKILL);
    }
    list().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_told_from_a_later_one_of_its_number() {
        let own = ProcessId::of(std::process::id() as i32).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { ticks: own.ticks + 1, ..own }.is_alive());
        assert_eq!(ProcessId::of(i32::MAX), None);
    }

    #[test]
    fn one_whose_name_is_no_text_is_seen() {
        let files = tempfile::TempDir::new().unwrap();
        let program = files.path().join(std::ffi::OsStr::from_bytes(b"\xff) Z ("));
        fs::copy("/bin/sleep", &program).unwrap();
        let mut sleep = Command::new(&program).arg("600").spawn().unwrap();
        let pid = sleep.id() as i32;
        let seen = (ProcessId::of(pid).is_some_and(ProcessId::is_alive), descendants(std::process::id() as i32));
        sleep.kill().unwrap();
        sleep.wait().unwrap();
        assert!(seen.0 && seen.1.contains(&pid), "{seen:?}");
    }

    #[test]
    fn what_is_below_is_found_and_killed() {
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", "sleep 600 & sleep 600; true"]).stdin(Stdio::null()).spawn().unwrap();
        let pid = shell.id() as i32;
        while descendants(pid).len() < 2 {
            std::thread::yield_now();
        }
        let below_it = || descendants(pid);
        let sleeps = below_it();
        assert!(kill_all(below_it, 1000));
        assert!(sleeps.iter().all(|pid| stat(*pid).is_none_or(|it| it.is_dead)), "{sleeps:?}");
        assert!(shell.wait().unwrap().success());
    }
}
