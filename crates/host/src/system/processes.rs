//! Processes of people: which there are, which of them are jobs of a scheduler, and ending them.

use super::System;
use crate::identity::Uid;
use std::collections::BTreeMap;
use std::path::Path;

/// A process of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedProcess {
    /// Its number.
    pub pid: u32,
    /// Whether a scheduler started it: it is root's supervisor's descendant, which nobody becomes by himself.
    pub is_job: bool,
}

/// What `/proc` says of one process.
struct Seen {
    parent: u32,
    /// Real, effective, saved; proc_pid_status(5).
    uids: [Uid; 3],
    is_supervisor: bool,
}

/// Names of root's processes whose descendants are jobs: Slurm's step daemon, and the command line of this project's own.
const SUPERVISORS: [&str; 2] = ["slurmstepd", "supervise-run"];

/// All processes by their users. Those with another root directory are among them: a user can give himself one
/// (`unshare -r chroot`), and still holds what is in the home.
pub fn by_user(system: &(impl System + ?Sized)) -> BTreeMap<Uid, Vec<OwnedProcess>> {
    let names = system.list(Path::new("/proc")).unwrap_or_default();
    let pids = names.iter().filter_map(|name| name.to_str()?.parse::<u32>().ok());
    let seen: BTreeMap<u32, Seen> = pids.filter_map(|pid| Some((pid, look(system, pid)?))).collect();
    let mut found: BTreeMap<Uid, Vec<OwnedProcess>> = BTreeMap::new();
    for (pid, one) in &seen {
        let is_job = ancestors(&seen, one).any(|other| other.is_supervisor);
        let mut uids = one.uids.to_vec();
        uids.sort_unstable();
        uids.dedup();
        uids.into_iter().for_each(|uid| found.entry(uid).or_default().push(OwnedProcess { pid: *pid, is_job }));
    }
    found
}

fn ancestors<'s>(all: &'s BTreeMap<u32, Seen>, of: &'s Seen) -> impl Iterator<Item = &'s Seen> {
    // What moved while it was read may look like a circle.
    std::iter::successors(all.get(&of.parent), |one| all.get(&one.parent)).take(all.len())
}

fn look(system: &(impl System + ?Sized), pid: u32) -> Option<Seen> {
    let read = |name: &str| system.read(Path::new(&format!("/proc/{pid}/{name}"))).ok().flatten();
    let status = read("status")?;
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let mut uids = field("Uid:").split_whitespace().filter_map(|uid| uid.parse().ok()).map(Uid);
    let uids = [uids.next()?, uids.next()?, uids.next()?];
    // One that is dead holds nothing any more.
    if field("State:").starts_with('Z') {
        return None;
    }
    let is_root = uids == [Uid::ROOT; 3];
    let words = || {
        let line = read("cmdline").unwrap_or_default();
        line.split(|byte| *byte == 0).take(3).map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>()
    };
    let is_one = |name: &str| SUPERVISORS.contains(&name);
    let is_supervisor = is_root && (is_one(field("Name:")) || words().iter().any(|word| is_one(word)));
    Some(Seen { parent: field("PPid:").parse().unwrap_or(0), uids, is_supervisor })
}

/// The processes of one user.
pub fn of_user(system: &(impl System + ?Sized), uid: Uid) -> Vec<OwnedProcess> {
    by_user(system).remove(&uid).unwrap_or_default()
}

/// Whether a process is this user's now.
pub fn is_of(system: &(impl System + ?Sized), pid: u32, uid: Uid) -> bool {
    look(system, pid).is_some_and(|seen| seen.uids.contains(&uid))
}
