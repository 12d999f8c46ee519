//! `sreport` and `sshare`: words go to the service, text comes back.

use super::client;
use crate::accounting::sreport::{HEEDED, begin_session};
use crate::cli::exit::Exit;
use crate::daemon::api::{self, Request};
use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write};

/// `sshare`
pub fn sshare(args: Vec<OsString>) -> Exit {
    match texts(args) {
        Ok(argv) => ask("sshare", argv),
        Err(error) => complain("sshare", &error),
    }
}

/// `sreport`: one command, or, without words, a session that reads one command a line.
pub fn sreport(args: Vec<OsString>) -> Exit {
    match texts(args) {
        Err(error) => complain("sreport", &error),
        Ok(argv) if begin_session(&argv) => session(argv),
        Ok(argv) => ask("sreport", argv),
    }
}

fn texts(args: Vec<OsString>) -> Result<Vec<String>, String> {
    let text = |arg: OsString| arg.into_string().map_err(|arg| format!("{} is not UTF-8 text", arg.display()));
    args.into_iter().map(text).collect()
}

fn complain(program: &str, error: &str) -> Exit {
    eprintln!("{program}: error: {error}");
    Exit::ERROR
}

fn ask(program: &str, argv: Vec<String>) -> Exit {
    let environment = HEEDED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let request = Request { argv, environment: environment.collect(), ..Request::default() };
    match client::ask_printing(&api::socket(), program, &request, &mut 0) {
        Ok(answer) => {
            print!("{}", answer.stdout);
            let _ = std::io::stdout().flush();
            eprint!("{}", answer.stderr);
            Exit(answer.code)
        }
        Err(error) => complain(program, &error),
    }
}

/// One command a line until `exit`, `quit` or the end of input. `time UNIT`, `parsable` and the like hold from there on.
fn session(mut options: Vec<String>) -> Exit {
    let prompting = std::io::stdin().is_terminal();
    let mut exit = Exit::OK;
    let mut last = String::new();
    loop {
        if prompting {
            print!("sreport: ");
            let _ = std::io::stdout().flush();
        }
        let mut line = String::new();
        if !matches!(std::io::stdin().lock().read_line(&mut line), Ok(1..)) {
            return exit;
        }
        if line.trim() == "!!" {
            line.clone_from(&last);
        }
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        last = line;
        let (Some(first), argument) = (words.first(), words.get(1)) else { continue };
        match (first.as_str(), argument) {
            (comment, _) if comment.starts_with('#') => continue,
            ("exit" | "quit" | "\\q", _) => return exit,
            ("time", Some(unit)) => options.extend(["-t".into(), unit.clone()]),
            ("sort", Some(order)) => options.extend(["-s".into(), order.clone()]),
            ("parsable", None) => options.push("-p".into()),
            ("parsable2", None) => options.push("-P".into()),
            ("nonparsable", None) => options.retain(|option| !matches!(option.as_str(), "-p" | "-P")),
            _ => {
                let ended = ask("sreport", options.iter().cloned().chain(words).collect());
                exit = if ended == Exit::OK { exit } else { ended };
            }
        }
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
}
