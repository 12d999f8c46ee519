//! `sbatch`: script, environment and limits are read here, and the job goes to the service in one request.

use super::{client, complain, given, printed, texts};
use crate::cli::exit::Exit;
use crate::view::styles::{stderr, stdout};
use commands::sbatch::{self, Order, Stop};
use jiff::Zoned;
use scheduling::id::JobId;
use service::daemon::api::{self, Request, SubmitJob, SubmittedJob};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

/// Where jobs are submitted.
const PLACE: &str = "/v1/jobs/submit";

/// Between two looks at a job that is waited for: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// `sbatch`
pub fn run(args: Vec<OsString>) -> Exit {
    let now = Zoned::now();
    let argv = match texts(args) {
        Ok(argv) => argv,
        Err(error) => return complain("sbatch", &error),
    };
    let given = match given::given(&now) {
        Ok(given) => given,
        Err(error) => return complain("sbatch", &error),
    };
    match sbatch::read(&argv, &given) {
        // What is wrong with the command line itself has codes of its own.
        Err(Stop(reply)) => Exit(printed(*reply)),
        Ok(order) => submit(&order),
    }
}

/// `SLURM_EXIT_ERROR` says which code stands for a failure.
pub(super) fn or_chosen(code: u8) -> u8 {
    let chosen = std::env::var("SLURM_EXIT_ERROR").ok().and_then(|text| text.parse().ok());
    if code == 1 { chosen.unwrap_or(code) } else { code }
}

fn submit(order: &Order) -> Exit {
    let ask = SubmitJob { request: order.request.clone(), test_only: order.test_only, cluster: order.cluster.clone() };
    let answer: SubmittedJob = match client::ask_for(&api::socket(), PLACE, &ask) {
        Ok(answer) => answer,
        Err(why) => return complain("sbatch", &format!("Batch job submission failed: {}", why.of_submission())),
    };
    stderr().text(&order.noted(&answer.notes));
    match (&answer.refused, answer.job) {
        (Some(why), _) => {
            stderr().text(&order.refused(why));
            Exit(or_chosen(1))
        }
        (None, Some(job)) => {
            stdout().text(&order.submitted(job, &answer.cluster));
            if order.wait { wait(job) } else { Exit::OK }
        }
        (None, None) => Exit::OK,
    }
}

/// Until the job is over; its exit code, of an array the greatest.
fn wait(job: JobId) -> Exit {
    let words = ["-h", "-j", &job.to_string(), "-t", "all", "-O", "State: ,exit_code:"].map(str::to_owned);
    let request = Request { argv: words.to_vec(), environment: BTreeMap::new(), ..Request::default() };
    let [mut pause, longest] = PAUSES;
    loop {
        std::thread::sleep(pause);
        pause = (pause * 2).min(longest);
        // A service that is away comes back, and the job with it.
        let Ok(answer) = client::ask(&api::socket(), "squeue", &request) else { continue };
        if answer.code != 0 {
            return complain("sbatch", &format!("nobody knows any more how job {job} ended; sacct -j {job} does"));
        }
        let rows: Vec<(&str, u32)> = answer.stdout.lines().filter_map(row).collect();
        let is_over = |state: &str| !["PENDING", "RUNNING", "SUSPENDED", "COMPLETING"].contains(&state);
        if !rows.is_empty() && rows.iter().all(|(state, _)| is_over(state)) {
            return Exit(rows.iter().map(|(state, status)| code(state, *status)).max().unwrap_or(1));
        }
    }
}

fn row(line: &str) -> Option<(&str, u32)> {
    let (state, status) = line.split_once(' ')?;
    Some((state, status.trim().parse().ok()?))
}

/// A script that a signal ended, or that was not let end by itself, counts as 1.
fn code(state: &str, status: u32) -> u8 {
    match ((status >> 8) as u8, status & 0x7f) {
        (0, 0) if state == "COMPLETED" => 0,
        (0, _) => 1,
        (code, _) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_job_that_was_waited_for_ended() {
        assert_eq!(row("FAILED 768"), Some(("FAILED", 768)));
        for (state, status, exit) in
            [("COMPLETED", 0, 0), ("FAILED", 768, 3), ("FAILED", 9, 1), ("CANCELLED", 0, 1), ("TIMEOUT", 0, 1)]
        {
            assert_eq!(code(state, status), exit, "{state} {status}");
        }
    }
}
