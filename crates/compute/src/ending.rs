//! The end of a run begins with that of its steps: [`end_steps`], for whoever ends the run, its supervisor or the daemon.

use crate::directory::{ControlCommand, RunDirectory};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

/// How often is looked whether steps are left, at first and at last.
const SOON: Duration = Duration::from_millis(2);
const LATEST: Duration = Duration::from_millis(100);

/// Tells a supervisor something. Fails where nobody listens, or nobody does yet.
pub fn tell(directory: &RunDirectory, command: &ControlCommand) -> io::Result<()> {
    let line = serde_json::to_string(command)?;
    UnixStream::connect(directory.control())?.write_all(format!("{line}\n").as_bytes())
}

/// Sends a run's signal to its steps. One that just ends, or is only starting, does not get it.
pub fn signal_steps(run: &RunDirectory, number: u8) -> io::Result<()> {
    for step in run.steps()? {
        let _ = tell(&step, &ControlCommand::Pass { number });
    }
    Ok(())
}

/// Makes a run's steps stand still or go on. One that is only starting does not hear it.
pub fn still_steps(run: &RunDirectory, is_still: bool) -> io::Result<()> {
    for step in run.steps()? {
        let _ = tell(&step, &ControlCommand::Standstill { is_still });
    }
    Ok(())
}

/// Ends a run's steps, and comes back when nothing is left of any; those whose supervisors died are the daemon's.
pub fn end_steps(run: &RunDirectory, kill_wait: u32) {
    let (mut told, mut pause) = (BTreeSet::new(), SOON);
    // A directory that cannot be read now may hide steps: it is read again.
    while !run.steps().is_ok_and(|steps| steps.iter().filter(|step| !is_over(step, kill_wait, &mut told)).count() == 0)
    {
        sleep(pause);
        pause = (pause * 2).min(LATEST);
    }
}

/// Whether nothing is left of a step; one that was not told to end yet is told.
fn is_over(step: &RunDirectory, kill_wait: u32, told: &mut BTreeSet<std::path::PathBuf>) -> bool {
    if step.has_left() {
        return true;
    }
    if !told.contains(step.path()) && tell(step, &ControlCommand::Terminate { kill_wait }).is_ok() {
        told.insert(step.path().to_owned());
    }
    false
}
