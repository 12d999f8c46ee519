//! Ends the processes of a user.

use super::Local;
use crate::identity::Uid;
use crate::system::processes::{self, OwnedProcess};
use crate::system::{Result, SystemError};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::time::{Duration, Instant};

/// So long they have after they were asked.
const GRACE: Duration = Duration::from_secs(1);

/// So long after that nothing may be left.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks them to end, kills those that stay, and waits until none is left.
pub(super) fn end_processes(local: &Local, uid: Uid, with_jobs: bool) -> Result<()> {
    let own = || -> Result<Vec<OwnedProcess>> {
        Ok(processes::of_user(local, uid)?.into_iter().filter(|process| process.ends(with_jobs)).collect())
    };
    let begun = Instant::now();
    send_all(local, uid, &own()?, &[Signal::TERM, Signal::HUP, Signal::CONT]);
    loop {
        let left = own()?;
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > GRACE + PATIENCE {
            let pids: Vec<_> = left.iter().map(|process| process.pid.to_string()).collect();
            return Err(SystemError::Refused(format!("processes {} of user {uid} do not end", pids.join(", "))));
        }
        if begun.elapsed() > GRACE {
            // Stopped first: what stands still makes no new ones meanwhile.
            send_all(local, uid, &left, &[Signal::STOP]);
            send_all(local, uid, &own()?, &[Signal::KILL]);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn send_all(local: &Local, uid: Uid, all: &[OwnedProcess], signals: &[Signal]) {
    for process in all {
        let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { continue };
        // The descriptor is of the process that is there now; whose that is, is looked at once more.
        let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if processes::is_of(local, process.pid, uid) {
            // An error is of one that has ended meanwhile.
            signals.iter().for_each(|signal| _ = pidfd_send_signal(&held, *signal));
        }
    }
}
