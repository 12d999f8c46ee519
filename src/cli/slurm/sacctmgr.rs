//! `sacctmgr`: words go to the service, text comes back, questions are asked here.

use super::console::{Console, Streams};
use super::prompt::{Answer, Input};
use super::session::{Program, session};
use super::{client, complain, coprocess, files, texts};
use crate::cli::exit::Exit;
use commands::sacctmgr::options;
use commands::sacctmgr::word::begins;
use host::system::coprocess::VARIABLE as COPROCESS_VARIABLE;
use service::daemon::api::{self, REHEARSE_VARIABLE, Request};
use std::ffi::OsString;

/// A session of `sacctmgr`.
const SESSION: Program = Program { name: "sacctmgr", ends: &[("exit", 4), ("quit", 4), ("\\q", 2)], lasts };

/// Words of a session that stay in force, the shortest form of each, and the option that says the same.
const LASTING: [(&str, usize, &str); 5] =
    [("associations", 3, "-s"), ("oneliner", 1, "-o"), ("quiet", 4, "-Q"), ("readonly", 4, "-r"), ("verbose", 4, "-v")];

fn lasts(options: &mut Vec<String>, line: &[String]) {
    let word = line.first().map_or("", String::as_str);
    let lasting = LASTING.iter().find(|(name, shortest, _)| begins(word, name, *shortest));
    options.extend(lasting.map(|(.., option)| option.to_string()));
}

/// Runs one command, or, without words, a session that reads one command a line. What is wrong with the options, and what
/// `-V` and `-h` say, needs no service.
pub fn run(args: Vec<OsString>) -> Exit {
    let (argv, rehearse) = match texts(args).and_then(|argv| Ok((argv, rehearsal()?))) {
        Ok(asked) => asked,
        Err(error) => return complain("sacctmgr", &error),
    };
    if argv == ["-V"] && rehearse.is_none() && std::env::var_os(COPROCESS_VARIABLE).is_some() {
        return coprocess::serve();
    }
    match read(&argv, &mut Streams) {
        Line::Said(exit) => exit,
        Line::Session => session(&SESSION, argv, |argv, input| {
            let ended = one(argv, rehearse.as_ref(), input);
            (ended, ended == Exit::OK)
        }),
        Line::Command => one(argv, rehearse.as_ref(), &mut Input::default()),
    }
}

/// Runs one command for whoever reads the console. `None`, and nothing was done, when that takes a process of its own: for
/// a session, a question, or files.
pub fn run_apart(argv: Vec<String>, console: &mut impl Console) -> Option<Exit> {
    match read(&argv, console) {
        Line::Said(exit) => Some(exit),
        Line::Session => None,
        Line::Command => apart(&Request { argv, ..Request::default() }, console),
    }
}

/// What a command line comes to.
enum Line {
    /// All is said: the options are wrong, or ask for no command.
    Said(Exit),
    /// Commands come by standard input.
    Session,
    /// The service is to be asked.
    Command,
}

fn read(argv: &[String], console: &mut impl Console) -> Line {
    match options::parse(argv) {
        Err(text) => {
            console.err(&text);
            Line::Said(Exit::ERROR)
        }
        Ok((options, words)) => match options.instead {
            Some(instead) => {
                console.out(&instead.text());
                Line::Said(Exit::OK)
            }
            None if words.is_empty() => Line::Session,
            None => Line::Command,
        },
    }
}

/// What a dry run rehearsed before.
#[derive(Clone, Default)]
struct Earlier {
    /// Commands of `sacctmgr`, without the program's name.
    commands: Vec<Vec<String>>,
    /// Users whose jobs `scancel` would have ended.
    without_jobs_of: Vec<u32>,
}

fn rehearsal() -> Result<Option<Earlier>, String> {
    let Some(value) = std::env::var_os(REHEARSE_VARIABLE) else { return Ok(None) };
    let commands: Vec<Vec<String>> = serde_json::from_str(&value.to_string_lossy())
        .map_err(|error| format!("{REHEARSE_VARIABLE} is no list of commands: {error}"))?;
    let mut earlier = Earlier::default();
    for argv in commands {
        match ended_jobs(&argv) {
            Some(uid) => earlier.without_jobs_of.push(uid),
            None => earlier.commands.push(without_program(argv)),
        }
    }
    Ok(Some(earlier))
}

/// Whose jobs a rehearsed `scancel -u NUMBER` ends.
fn ended_jobs(argv: &[String]) -> Option<u32> {
    match argv {
        [.., program, option, uid] if program.rsplit('/').next() == Some("scancel") && option == "-u" => {
            uid.parse().ok()
        }
        _ => None,
    }
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

fn one(argv: Vec<String>, earlier: Option<&Earlier>, input: &mut Input) -> Exit {
    let without_jobs_of = earlier.map(|it| it.without_jobs_of.clone()).unwrap_or_default();
    let rehearse = earlier.map(|it| it.commands.clone());
    let mut request = Request { argv, rehearse, without_jobs_of, ..Request::default() };
    let (mut said, mut complained) = (0, String::new());
    let console = &mut Streams;
    loop {
        let answer = match client::ask_printing(&api::socket(), "sacctmgr", &request, console, &mut said) {
            Ok(answer) => answer,
            Err(error) => return complain_on(console, &error),
        };
        if request.rehearse.is_none()
            && let Err(error) = files::write(&answer, &request)
        {
            console.err(&format!("{error}\n"));
            return Exit::ERROR;
        }
        console.out(&answer.stdout);
        // What was not said before the last question: after it the command ran again from its beginning.
        console.err(news(&complained, &answer.stderr));
        complained.clone_from(&answer.stderr);
        if let Some(path) = &answer.reads {
            match files::read(path, &request) {
                Ok(file) => request.files.push(file),
                Err(error) => return complain_on(console, &error),
            }
            continue;
        }
        let Some(question) = &answer.question else { return Exit(answer.code) };
        match input.ask(question) {
            Answer::EndOfInput => {
                let why = "no answer, since the input ended; nothing was changed. Use -i to commit without asking";
                return complain_on(console, why);
            }
            given => request.answers.push(given == Answer::Yes),
        }
        request.asked = answer.asked;
    }
}

/// A command up to where it needs its caller; the service has done nothing then.
fn apart(request: &Request, console: &mut impl Console) -> Option<Exit> {
    let answer = match client::ask_printing(&api::socket(), "sacctmgr", request, console, &mut 0) {
        Ok(answer) => answer,
        Err(error) => return Some(complain_on(console, &error)),
    };
    if answer.question.is_some() || answer.reads.is_some() || !answer.writes.is_empty() {
        return None;
    }
    console.out(&answer.stdout);
    console.err(&answer.stderr);
    Some(Exit(answer.code))
}

fn complain_on(console: &mut impl Console, error: &str) -> Exit {
    console.err(&format!("sacctmgr: error: {error}\n"));
    Exit::ERROR
}

/// What of the complaints `now` was not among those `before`. A time that is told may have other digits now.
fn news<'a>(before: &str, now: &'a str) -> &'a str {
    let same = |(a, b): &(&str, &str)| a.trim_end_matches(char::is_numeric) == b.trim_end_matches(char::is_numeric);
    let (lines, again) = (before.lines().count(), before.lines().zip(now.lines()).take_while(same).count());
    if lines == again {
        now.match_indices('\n').nth(lines.wrapping_sub(1)).map_or(now, |(end, _)| &now[end + 1..])
    } else {
        now
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
    fn words_that_stay_in_force() {
        let after = |word: &str| {
            let mut options = Vec::new();
            lasts(&mut options, &[word.to_owned()]);
            options
        };
        assert_eq!(after("READ"), ["-r"]);
        assert!(after("rea").is_empty() && after("show").is_empty());
    }

    #[test]
    fn the_program_of_a_rehearsed_command() {
        let strip = |argv: &[&str]| without_program(argv.iter().map(|s| s.to_string()).collect());
        assert_eq!(strip(&["/usr/bin/sacctmgr", "-i"]), ["-i"]);
        assert_eq!(strip(&["enlist", "slurm", "sacctmgr", "show"]), ["show"]);
        assert_eq!(strip(&["show", "user"]), ["show", "user"]);
    }
}
