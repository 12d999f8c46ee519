//! `sacct`: words and a few environment variables go to the service, text comes back.

use super::client;
use crate::cli::exit::Exit;
use crate::daemon::api::{self, Request};
use std::ffi::OsString;
use std::io::Write;

/// Environment variables that change what is printed.
const HEEDED: [&str; 3] = ["SACCT_FORMAT", "SLURM_TIME_FORMAT", "TZ"];

/// Runs one command.
pub fn run(args: Vec<OsString>) -> Exit {
    let answer = texts(args).and_then(|argv| {
        let environment = HEEDED.iter().filter_map(|name| Some((name.to_string(), std::env::var(name).ok()?)));
        let request = Request { argv, environment: environment.collect(), ..Request::default() };
        client::ask_printing(&api::socket(), "sacct", &request, &mut 0)
    });
    match answer {
        Ok(answer) => {
            // Whoever reads may have seen enough.
            let _ = std::io::stdout().write_all(answer.stdout.as_bytes());
            eprint!("{}", answer.stderr);
            Exit(answer.code)
        }
        Err(error) => {
            eprintln!("sacct: error: {error}");
            Exit::ERROR
        }
    }
}

fn texts(args: Vec<OsString>) -> Result<Vec<String>, String> {
    let text = |arg: OsString| arg.into_string().map_err(|arg| format!("{} is not UTF-8 text", arg.display()));
    args.into_iter().map(text).collect()
}
