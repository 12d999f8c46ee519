//! `sacctmgr`: words go to the service, text comes back, questions are asked here.

use super::client;
use super::files;
use super::prompt::{Answer, Input};
use super::session::session;
use crate::accounting::command::options;
use crate::cli::exit::Exit;
use crate::daemon::api::{self, REHEARSE_VARIABLE, Request, Response};
use std::ffi::OsString;
use std::io::Write;

/// Runs one command, or, without words, a session that reads one command a line.
pub fn run(args: Vec<OsString>) -> Exit {
    match texts(args).and_then(|argv| Ok((argv, rehearsal()?))) {
        Err(error) => complain(&error),
        Ok((argv, rehearse)) if wants_session(&argv) => session(argv, |argv, input| one(argv, rehearse.clone(), input)),
        Ok((argv, rehearse)) => one(argv, rehearse, &mut Input::default()),
    }
}

/// Options alone begin a session, unless they are wrong, or need no command (`-V`, `-h`).
fn wants_session(argv: &[String]) -> bool {
    options::parse(argv).is_ok_and(|(options, words)| words.is_empty() && options.instead.is_none())
}

fn texts(args: Vec<OsString>) -> Result<Vec<String>, String> {
    let text = |arg: OsString| arg.into_string().map_err(|arg| format!("{} is not UTF-8 text", arg.display()));
    args.into_iter().map(text).collect()
}

fn rehearsal() -> Result<Option<Vec<Vec<String>>>, String> {
    let Some(value) = std::env::var_os(REHEARSE_VARIABLE) else { return Ok(None) };
    let commands: Vec<Vec<String>> = serde_json::from_str(&value.to_string_lossy())
        .map_err(|error| format!("{REHEARSE_VARIABLE} is no list of commands: {error}"))?;
    Ok(Some(commands.into_iter().map(without_program).collect()))
}

/// A rehearsed command begins with its program: `sacctmgr …`, or `enlist slurm sacctmgr …`.
fn without_program(mut argv: Vec<String>) -> Vec<String> {
    let name = |arg: &String| arg.rsplit('/').next().unwrap_or_default().to_owned();
    let program = match argv.iter().take(3).map(name).collect::<Vec<_>>().as_slice() {
        [first, ..] if first == "sacctmgr" => 1,
        [first, second, third] if first == "enlist" && second == "slurm" && third == "sacctmgr" => 3,
        _ => 0,
    };
    argv.drain(..program);
    argv
}

fn complain(error: &str) -> Exit {
    eprintln!("sacctmgr: error: {error}");
    Exit::ERROR
}

fn one(argv: Vec<String>, rehearse: Option<Vec<Vec<String>>>, input: &mut Input) -> Exit {
    let mut request = Request { argv, rehearse, ..Request::default() };
    let (mut said, mut complained) = (0, String::new());
    loop {
        let answer = match client::ask_printing(&api::socket(), "sacctmgr", &request, &mut said) {
            Ok(answer) => answer,
            Err(error) => return complain(&error),
        };
        if request.rehearse.is_none()
            && let Err(error) = files::write(&answer, &request)
        {
            eprintln!("{error}");
            return Exit::ERROR;
        }
        show(&answer, &mut complained);
        if let Some(path) = &answer.reads {
            match files::read(path, &request) {
                Ok(file) => request.files.push(file),
                Err(error) => return complain(&error),
            }
            continue;
        }
        let Some(question) = &answer.question else { return Exit(answer.code) };
        match input.ask(question) {
            Answer::EndOfInput => {
                return complain(
                    "no answer, since the input ended; nothing was changed. Use -i to commit without asking",
                );
            }
            given => request.answers.push(given == Answer::Yes),
        }
        request.asked = answer.asked;
    }
}

/// Prints what was not printed before the last question: after it the command ran again from its beginning.
fn show(answer: &Response, complained: &mut String) {
    print!("{}", answer.stdout);
    let _ = std::io::stdout().flush();
    eprint!("{}", news(complained, &answer.stderr));
    complained.clone_from(&answer.stderr);
}

/// What of the complaints `now` was not among those `before`. A time that is told may have other digits now.
fn news<'a>(before: &str, now: &'a str) -> &'a str {
    let same = |(a, b): &(&str, &str)| a.trim_end_matches(char::is_numeric) == b.trim_end_matches(char::is_numeric);
    let (lines, again) = (before.lines().count(), before.lines().zip(now.lines()).take_while(same).count());
    match lines == again {
        true => now.match_indices('\n').nth(lines.wrapping_sub(1)).map_or(now, |(end, _)| &now[end + 1..]),
        false => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_printed_once() {
        assert_eq!(news("", "a\nb\n"), "a\nb\n");
        assert_eq!(news("a\nusec=9\n", "a\nusec=10\nb\n"), "b\n");
        assert_eq!(news("a\n", "a\n"), "");
        assert_eq!(news("a\n", "something else\n"), "something else\n");
        assert_eq!(news("a\nb\n", "a\n"), "a\n");
    }

    #[test]
    fn the_program_of_a_rehearsed_command() {
        let strip = |argv: &[&str]| without_program(argv.iter().map(|s| s.to_string()).collect());
        assert_eq!(strip(&["/usr/bin/sacctmgr", "-i"]), ["-i"]);
        assert_eq!(strip(&["enlist", "slurm", "sacctmgr", "show"]), ["show"]);
        assert_eq!(strip(&["show", "user"]), ["show", "user"]);
    }
}
