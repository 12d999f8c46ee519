//! Which processes a user has.

use crate::change::outcome::Failure;
use crate::identity::Uid;
use crate::identity::entries::Passwd;
use crate::system::System;
use std::path::Path;

/// Refuses to go on while the user has processes: their files and home would be pulled from under them.
pub(super) fn refuse(system: &dyn System, user: &Passwd) -> Result<(), Failure> {
    let pids = processes(system, user.uid);
    if pids.is_empty() {
        return Ok(());
    }
    let plural = if pids.len() == 1 { "process" } else { "processes" };
    let shown: Vec<_> = pids.iter().take(10).map(u32::to_string).collect();
    let more = if pids.len() > 10 { format!(" and {} more", pids.len() - 10) } else { String::new() };
    Err(Failure::new(format!("user {} is currently used by {plural} {}{more}", user.name, shown.join(", ")))
        .hint("let the user log out, or end these processes, and run again")
        .with("processes", pids.len() as i64))
}

/// The processes with this uid (real, effective or saved) that /proc shows. Also those with another root directory: a
/// user can give himself one (`unshare -r chroot`), and still holds what is in the home.
fn processes(system: &dyn System, uid: Uid) -> Vec<u32> {
    let names = system.list(Path::new("/proc")).unwrap_or_default();
    let pids = names.iter().filter_map(|name| name.to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let status = system.read(Path::new(&format!("/proc/{pid}/status"))).ok().flatten().unwrap_or_default();
        has_uid(&String::from_utf8_lossy(&status), uid)
    })
    .collect()
}

/// Whether `/proc/PID/status` says so; proc_pid_status(5): "Real, effective, saved set, and filesystem UIDs".
fn has_uid(status: &str, uid: Uid) -> bool {
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    uids.split_whitespace().take(3).any(|field| field.parse() == Ok(uid))
}
