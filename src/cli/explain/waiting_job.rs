//! `enlist explain JOB`: what a job waits for, when it starts, and what would start it.

use crate::cli::Exit;
use crate::cli::exit::said;
use crate::cli::site::fail_all;
use crate::cli::slurm::client;
use crate::view;
use crate::view::styles::stdout;
use commands::why::Why;
use service::daemon::api::{self, AskWhy};

/// Whether a job is meant and no login name: those do not begin with a digit here.
pub fn is_job(name: &str) -> bool {
    let mut parts = name.splitn(2, '_');
    parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Asks the service and shows. Exit codes: 0 it does not wait, 2 it waits, 1 an error.
pub fn run(job: &str, json: bool) -> Exit {
    let ask = AskWhy { job: job.to_owned() };
    let why = match client::post::<Why>(&api::socket(), "/v1/why", &ask).map_err(said) {
        Ok(why) => why,
        Err(error) => return fail_all(&[error], json),
    };
    let out = stdout();
    if json {
        out.json(&serde_json::to_string_pretty(&why).expect("an answer has only text keys"))
    } else {
        out.lines(view::why::lines(&why))
    }
    if why.reason.is_none() { Exit::OK } else { Exit(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_jobs_and_the_others_are_people() {
        assert!(is_job("12") && is_job("12_3"));
        assert!(!is_job("gildong") && !is_job("12a") && !is_job("12_") && !is_job("_1") && !is_job(""));
    }
}
