//! `sacct`, `sreport` and `sshare`: words go to the service, text comes back.

use super::console::Streams;
use super::session::{Program, session};
use super::{client, complain, texts};
use crate::cli::exit::Exit;
use crate::view::styles::{stderr, stdout};
use commands::sreport::{HEEDED, begin_session};
use service::daemon::api::{self, Request};
use std::ffi::OsString;

/// Environment variables that change what `sacct` prints.
const SACCT_HEEDS: &[&str] = &["SACCT_FORMAT", "SLURM_TIME_FORMAT", "TZ"];

/// A session of `sreport`.
const SESSION: Program = Program { name: "sreport", ends: &[("exit", 1), ("quit", 4), ("\\q", 2)], lasts };

/// `sacct`
pub fn sacct(args: Vec<OsString>) -> Exit {
    texts(args).map_or_else(|error| complain("sacct", &error), |argv| ask("sacct", argv, SACCT_HEEDS).0)
}

/// `sshare`
pub fn sshare(args: Vec<OsString>) -> Exit {
    texts(args).map_or_else(|error| complain("sshare", &error), |argv| ask("sshare", argv, HEEDED).0)
}

/// `sreport`: one command, or, without words, a session that reads one command a line.
pub fn sreport(args: Vec<OsString>) -> Exit {
    match texts(args) {
        Err(error) => complain("sreport", &error),
        Ok(argv) if begin_session(&argv) => session(&SESSION, argv, |argv, _| ask("sreport", argv, HEEDED)),
        Ok(argv) => ask("sreport", argv, HEEDED).0,
    }
}

/// Runs one command; how it ended, and whether it had nothing to complain about.
fn ask(program: &str, argv: Vec<String>, heeded: &[&str]) -> (Exit, bool) {
    let environment = heeded.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let request = Request { argv, environment: environment.collect(), ..Request::default() };
    match client::ask_printing(&api::socket(), program, &request, &mut Streams, &mut 0) {
        Ok(answer) => {
            stdout().text(&answer.stdout);
            stderr().text(&answer.stderr);
            (Exit(answer.code), answer.stderr.is_empty())
        }
        Err(error) => (complain(program, &error), false),
    }
}

/// The options that stay in force after a line of sreport's session.
fn lasts(options: &mut Vec<String>, line: &[String]) {
    match line.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["time", unit, ..] => options.extend(["-t".into(), unit.into()]),
        ["sort", order, ..] => options.extend(["-s".into(), order.into()]),
        ["parsable"] => options.push("-p".into()),
        ["parsable2"] => options.push("-P".into()),
        ["quiet"] => options.push("-Q".into()),
        ["nonparsable"] => {
            options.retain(|option| !["-p", "-P", "--parsable", "--parsable2"].contains(&option.as_str()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_alone_begin_a_session() {
        let has = |line: &str| !begin_session(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(!has("-n -t hours -T cpu --parsable2"));
        assert!(has("-n cluster utilization") && has("-V") && has("--help") && has("-x"));
    }

    #[test]
    fn words_that_stay_in_force() {
        let mut options = vec!["-P".to_owned()];
        for line in ["time hours", "quiet", "cluster top", "nonparsable", "parsable"] {
            lasts(&mut options, &line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!(options, ["-t", "hours", "-Q", "-p"]);
    }
}
