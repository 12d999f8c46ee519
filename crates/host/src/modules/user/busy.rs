//! Which processes a user has.

use crate::change::outcome::Failure;
use crate::identity::entries::Passwd;
use crate::system::{System, processes};

/// Refuses to go on while the user has processes: their files and home would be pulled from under them.
pub(super) fn refuse(system: &dyn System, user: &Passwd) -> Result<(), Failure> {
    let pids: Vec<u32> = processes::of_user(system, user.uid)?.into_iter().map(|process| process.pid).collect();
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
