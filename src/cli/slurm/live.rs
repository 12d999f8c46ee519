//! `squeue`, `sinfo`, `sprio`, `sstat`, `scancel` and `scontrol`: words go to the service, text comes back; questions are asked and
//! files are written here.

use super::console::{Console, Streams};
use super::prompt::{Answer, Input};
use super::{client, complain, printed, texts};
use crate::cli::exit::Exit;
use commands::{scancel, scontrol, sinfo, sprio, squeue};
use service::daemon::api::{self, Request, Response};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

/// How long `wait_job` waits before it asks again.
const PAUSE: Duration = Duration::from_secs(1);

/// `squeue`
pub fn squeue(args: Vec<OsString>) -> Exit {
    run("squeue", args, letters(squeue::VARIABLES))
}

/// `sinfo`
pub fn sinfo(args: Vec<OsString>) -> Exit {
    run("sinfo", args, letters(sinfo::VARIABLES))
}

/// `sdiag`
pub fn sdiag(args: Vec<OsString>) -> Exit {
    run("sdiag", args, heeded(std::iter::empty()))
}

/// `sprio`
pub fn sprio(args: Vec<OsString>) -> Exit {
    run("sprio", args, letters(sprio::VARIABLES))
}

/// `sstat`
pub fn sstat(args: Vec<OsString>) -> Exit {
    run("sstat", args, heeded(std::iter::empty()))
}

/// `scancel`
pub fn scancel(args: Vec<OsString>) -> Exit {
    run("scancel", args, letters(scancel::VARIABLES))
}

/// `scontrol`: lists of nodes need no service.
pub fn scontrol(args: Vec<OsString>) -> Exit {
    let heeded = heeded(scontrol::VARIABLES.iter().copied());
    match texts(args) {
        Err(error) => complain("scontrol", &error),
        Ok(argv) => match scontrol::alone(&heeded, &argv) {
            Some(reply) => Exit(printed(reply)),
            None => ask("scontrol", argv, heeded),
        },
    }
}

fn letters(variables: &[(&'static str, char)]) -> BTreeMap<String, String> {
    heeded(variables.iter().map(|(name, _)| *name))
}

/// Variables of this process that a command heeds, with those that all do.
fn heeded(names: impl Iterator<Item = &'static str>) -> BTreeMap<String, String> {
    let all = names.chain(["SLURM_TIME_FORMAT", "TZ"]);
    all.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
}

fn run(program: &str, args: Vec<OsString>, environment: BTreeMap<String, String>) -> Exit {
    texts(args).map_or_else(|error| complain(program, &error), |argv| ask(program, argv, environment))
}

fn ask(program: &str, argv: Vec<String>, environment: BTreeMap<String, String>) -> Exit {
    let mut request = Request { argv, environment, ..Request::default() };
    let (mut said, mut input, console) = (0, Input::default(), &mut Streams);
    loop {
        let answer = match client::ask_printing(&api::socket(), program, &request, console, &mut said) {
            Ok(answer) => answer,
            Err(error) => return complain(program, &error),
        };
        if let Err(error) = write(&answer, &request) {
            return complain(program, &error);
        }
        console.out(&answer.stdout);
        let Some(question) = &answer.question else {
            console.err(&answer.stderr);
            if program == "scontrol" && answer.code == scontrol::WAITS {
                std::thread::sleep(PAUSE);
                continue;
            }
            return Exit(answer.code);
        };
        let given = if program == "scancel" { input.ask_plainly(question) } else { input.ask(question) };
        match given {
            Answer::EndOfInput => return complain(program, "no answer, since the input ended; nothing was changed"),
            given => request.answers.push(given == Answer::Yes),
        }
        request.asked = None;
    }
}

/// Writes files that the answer holds: such as the command line names, or a job's script by its usual name.
fn write(answer: &Response, request: &Request) -> Result<(), String> {
    for file in &answer.writes {
        let usual = request.argv.iter().any(|word| file.path == format!("slurm-{word}.sh"));
        if !usual && !request.argv.contains(&file.path) {
            return Err(format!("the service wants to write {:?}, which this command does not name", file.path));
        }
        std::fs::write(&file.path, &file.text).map_err(|error| format!("failed to write {}: {error}", file.path))?;
    }
    Ok(())
}
