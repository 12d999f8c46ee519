//! Processes of people: which there are, which of them are jobs of a scheduler, and ending them.

use super::{Result, System, SystemError};
use crate::identity::Uid;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// A process of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedProcess {
    /// Its number.
    pub pid: u32,
    /// Whether a scheduler started it: it is root's supervisor's descendant, or in a control group of a job, which nobody becomes
    /// by himself.
    pub is_job: bool,
    /// Whether its real number is the user's. What only acts with the user's rights, such as a file server of root's, is
    /// somebody else's, and is never ended.
    pub is_own: bool,
}

impl OwnedProcess {
    /// Whether it ends with the user's others; those of jobs only `with_jobs`.
    pub fn ends(&self, with_jobs: bool) -> bool {
        self.is_own && (with_jobs || !self.is_job)
    }
}

/// What `/proc` says of one process.
struct Seen {
    parent: u32,
    /// Real, effective, saved; proc_pid_status(5).
    uids: [Uid; 3],
    is_supervisor: bool,
    is_in_group_of_job: bool,
}

/// Names of root's processes whose descendants are jobs: Slurm's step daemon, and the command line of this project's own.
const SUPERVISORS: [&str; 2] = ["slurmstepd", "supervise-run"];

/// All processes by their users. Those with another root directory are among them: a user can give himself one
/// (`unshare -r chroot`), and still holds what is in the home. What cannot be read is an error, never no process.
pub fn by_user(system: &(impl System + ?Sized)) -> Result<BTreeMap<Uid, Vec<OwnedProcess>>> {
    let names = system.list(Path::new("/proc"))?;
    let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
    for pid in names.iter().filter_map(|name| name.to_str()?.parse().ok()) {
        seen.extend(look(system, pid)?.map(|one| (pid, one)));
    }
    let mut found: BTreeMap<Uid, Vec<OwnedProcess>> = BTreeMap::new();
    for (pid, one) in &seen {
        let is_job = one.is_in_group_of_job || ancestors(&seen, one).any(|other| other.is_supervisor);
        let mut uids = one.uids.to_vec();
        uids.sort_unstable();
        uids.dedup();
        let of = |uid: Uid| OwnedProcess { pid: *pid, is_job, is_own: one.uids[0] == uid };
        uids.into_iter().for_each(|uid| found.entry(uid).or_default().push(of(uid)));
    }
    Ok(found)
}

fn ancestors<'s>(all: &'s BTreeMap<u32, Seen>, of: &'s Seen) -> impl Iterator<Item = &'s Seen> {
    // What moved while it was read may look like a circle.
    std::iter::successors(all.get(&of.parent), |one| all.get(&one.parent)).take(all.len())
}

/// What a file of `/proc/PID` holds; `None` when the process is gone meanwhile.
fn read(system: &(impl System + ?Sized), pid: u32, name: &str) -> Result<Option<Vec<u8>>> {
    match system.read(Path::new(&format!("/proc/{pid}/{name}"))) {
        Err(SystemError::Io { source, .. }) if is_gone(&source) => Ok(None),
        other => other,
    }
}

/// ENOENT, ENOTDIR, and ESRCH of a file that was opened just before the process ended; proc(5).
fn is_gone(error: &std::io::Error) -> bool {
    const NO_SUCH_PROCESS: i32 = 3;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(NO_SUCH_PROCESS)
}

/// `None` of one that is gone, or dead.
fn look(system: &(impl System + ?Sized), pid: u32) -> Result<Option<Seen>> {
    let Some(status) = read(system, pid, "status")? else { return Ok(None) };
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let mut uids = field("Uid:").split_whitespace().filter_map(|uid| uid.parse().ok()).map(Uid);
    let (Some(real), Some(effective), Some(saved)) = (uids.next(), uids.next(), uids.next()) else {
        return Err(SystemError::Refused(format!("/proc/{pid}/status does not say whose process it is")));
    };
    // One that is dead holds nothing any more.
    if field("State:").starts_with('Z') {
        return Ok(None);
    }
    let is_one = |name: &str| SUPERVISORS.contains(&name);
    // A supervisor acts with the rights of a job's user at times; its real number stays root's.
    let is_supervisor =
        real == Uid::ROOT && (is_one(field("Name:")) || words(system, pid)?.iter().any(|it| is_one(it)));
    let parent = field("PPid:").parse().unwrap_or(0);
    let groups = if real == Uid::ROOT { None } else { read(system, pid, "cgroup")? };
    let groups = String::from_utf8_lossy(&groups.unwrap_or_default()).into_owned();
    let is_in_group_of_job = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2)).any(is_group_of_job);
    Ok(Some(Seen { parent, uids: [real, effective, saved], is_supervisor, is_in_group_of_job }))
}

/// Whether a control group is one that Slurm made for a job: `/system.slice/slurmstepd.scope/job_7/…`, with an older kernel
/// `/slurm/uid_2001/job_7/…` (cgroups(7), Slurm's cgroup guide). A process that lost its parent, and one that pam_slurm_adopt took in,
/// are known by it alone. Below a group of a user's own, such as `/user.slice`, anybody may call a group so.
fn is_group_of_job(path: &str) -> bool {
    let mut parts = path.split('/').skip_while(|part| part.is_empty() || *part == "system.slice");
    let is_slurms = parts.next().is_some_and(|top| {
        let scope = top.strip_suffix("slurmstepd.scope");
        scope.is_some_and(|node| node.is_empty() || node.ends_with('_')) || top == "slurm" || top.starts_with("slurm_")
    });
    is_slurms && parts.any(|part| part.strip_prefix("job_").is_some_and(|id| id.parse::<u32>().is_ok()))
}

/// The first words of a command line.
fn words(system: &(impl System + ?Sized), pid: u32) -> Result<Vec<String>> {
    let line = read(system, pid, "cmdline")?.unwrap_or_default();
    Ok(line.split(|byte| *byte == 0).take(3).map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// The processes of one user.
pub fn of_user(system: &(impl System + ?Sized), uid: Uid) -> Result<Vec<OwnedProcess>> {
    Ok(by_user(system)?.remove(&uid).unwrap_or_default())
}

/// Whether a process is this user's own now.
pub fn is_of(system: &(impl System + ?Sized), pid: u32, uid: Uid) -> bool {
    look(system, pid).is_ok_and(|seen| seen.is_some_and(|seen| seen.uids[0] == uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_jobs_are_those_that_slurm_makes() {
        for path in [
            "/system.slice/slurmstepd.scope/job_7/step_batch/user/task_0",
            "/system.slice/node1_slurmstepd.scope/job_7/step_extern/user",
            "/slurm/uid_2001/job_7/step_0",
            "/slurm_node1/uid_2001/job_7",
        ] {
            assert!(is_group_of_job(path), "{path}");
        }
        for path in [
            "/",
            "/user.slice/user-2001.slice/user@2001.service/slurm/job_7",
            "/user.slice/slurmstepd.scope/job_7",
            "/system.slice/slurmstepd.scope/system",
            "/system.slice/evil-slurmstepd.scope/job_7",
            "/system.slice/ssh.service/slurm/job_7",
            "/slurmish/job_7",
            "/slurm/job_x",
        ] {
            assert!(!is_group_of_job(path), "{path}");
        }
    }
}
