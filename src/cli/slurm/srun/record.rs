//! How a step ended by its record, for an `srun` whose connection broke at the step's end, or while the service started again.

use crate::cli::slurm::client;
use scheduling::id::JobId;
use service::daemon::api::{self, Request};
use slurm::records::{ExitCode, JobState, StepId};

/// The exit code that `srun` has then; `None` where the step is not over, or nobody says how it ended.
pub fn exit(job: JobId, step: StepId) -> Option<u8> {
    let argv = ["-nP", "-j", &format!("{job}.{step}"), "-o", "State,ExitCode"].map(str::to_owned).to_vec();
    let answer = client::ask(&api::socket(), "sacct", &Request { argv, ..Request::default() }).ok()?;
    read(answer.stdout.lines().next()?)
}

/// `COMPLETED|0:0`; a cancelled one has who did it behind its state.
fn read(line: &str) -> Option<u8> {
    let (state, exit) = line.split_once('|')?;
    let state = JobState::named(state.split(' ').next()?)?;
    let (code, signal) = exit.split_once(':')?;
    let exit = ExitCode { code: code.parse().ok()?, signal: signal.parse().ok()? };
    let code = if exit.signal > 0 { 128u8.saturating_add(exit.signal) } else { exit.code };
    let is_good = state == JobState::Completed;
    state.is_over().then_some(if is_good { code } else { code.max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_and_nothing_else_is() {
        assert_eq!(read("COMPLETED|0:0"), Some(0));
        assert_eq!(read("FAILED|3:0"), Some(3));
        assert_eq!(read("CANCELLED by 1000|0:9"), Some(137));
        assert_eq!(read("CANCELLED|0:0"), Some(1), "it did not do what it was to do");
        assert_eq!(read("RUNNING|0:0"), None);
        assert_eq!(read("no such job"), None);
    }
}
