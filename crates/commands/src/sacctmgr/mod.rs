//! sacctmgr as a function: [`run`] takes a command line and a [`State`] and gives the text and the exit code of
//! Slurm 22.05.8. What is deliberately different is listed in `docs/compatibility.md`.

mod account;
mod archive;
mod association;
mod cluster;
mod common;
mod condition;
mod coordinator;
mod dump;
mod entities;
mod event;
mod federation;
pub mod fields;
mod format;
mod job;
pub mod line;
mod load;
pub mod options;
mod problem;
pub(crate) mod qos;
mod reservation;
mod resource;
mod service_words;
mod session;
pub(crate) mod setting;
pub mod statistics;
#[cfg(test)]
mod tests;
mod transaction;
mod tres;
mod user;
mod wckey;
pub mod word;

use crate::{Output, Reply};
use entities::Entities;
use line::Verb;
use options::Instead;
pub use session::{Done, Part, Session, Stop, World};
use slurm::State;
use slurm::authority::Caller;
use std::collections::VecDeque;
use word::Word;

/// Runs one command line (without the program's name). The state is changed in place, or not at all when the command is
/// refused or a question is open; the caller commits it. As in Slurm, a command may do a part of what was asked and
/// still end with 1 (`add user x account=there,nope`).
pub fn run(state: &mut State, caller: &Caller, world: &dyn World, argv: &[String], answers: &[bool]) -> Reply {
    print(state, caller, world, argv, answers, Output::default())
}

/// [`run`] with an output that may be handed on in pieces: for commands that only read, since no question can be asked
/// once rows were handed on. The reply's `stdout` is what is left of it.
pub fn print(
    state: &mut State,
    caller: &Caller,
    world: &dyn World,
    argv: &[String],
    answers: &[bool],
    stdout: Output,
) -> Reply {
    if let Some(index) = argv.iter().position(|word| word.contains(char::is_control)) {
        // Not shown, since a terminal might obey it.
        let stderr = format!("sacctmgr: error: argument {} holds a control character\n", index + 1);
        return Reply { stderr, code: 1, ..Reply::default() };
    }
    let (options, words) = match options::parse(argv) {
        Ok(parsed) => parsed,
        Err(text) => return Reply { stderr: text, code: 1, ..Reply::default() },
    };
    if let Some(instead) = options.instead {
        return Reply { stdout: instead.text(), ..Reply::default() };
    }
    let answers = VecDeque::from(answers.to_vec());
    let stderr = String::new();
    let mut session = Session {
        state,
        caller,
        world,
        options,
        answers,
        stdout,
        stderr,
        failed: false,
        writes: Vec::new(),
        task: None,
        then: None,
    };
    let stopped = dispatch(&mut session, &words).err();
    if stopped.is_some() {
        session.state.rollback();
    }
    let (question, reads) = match stopped {
        Some(Stop::Question(question)) => (Some(question), None),
        Some(Stop::File(path)) => (None, Some(path)),
        Some(Stop::Failed) | None => (None, None),
    };
    let Session { stdout, stderr, failed, writes, task, then, .. } = session;
    Reply { stdout: stdout.rest(), stderr, code: failed.into(), question, reads, writes, task, then }
}

impl Instead {
    /// What is printed.
    pub fn text(self) -> String {
        match self {
            Instead::Version => VERSION.to_owned(),
            Instead::Help => HELP.to_owned(),
        }
    }
}

/// What `-V` says; scripts look for a Slurm release here, so the one whose behaviour is kept comes first.
const VERSION: &str = concat!("slurm 22.05.8 (enlist ", env!("CARGO_PKG_VERSION"), ")\n");

const HELP: &str = "\
sacctmgr [OPTION...] [COMMAND]
    -h, --help          this text
    -i, --immediate     commit changes immediately, without asking
    -n, --noheader      no heading
    -o, --oneliner      one line for each record (as always)
    -p, --parsable      columns separated by `|`, also at the end
    -P, --parsable2     columns separated by `|`
    -Q, --quiet         less talk
    -r, --readonly      refuse to change anything
    -s, --associations  list users and accounts with their associations
    -v, --verbose       more talk
    -V, --version       display tool version number

  add|create, modify|update, delete|remove, show|list ENTITY [where ...] [set ...]
  dump CLUSTER [file=FILE], load FILE [clean] [cluster=NAME], archive dump|load ...
  clear stats, ping, reconfigure, shutdown: about the service itself
  help, version, quit (or exit), !! (the last command again), and the words associations, oneliner, quiet, readonly and
  verbose, which hold for the rest of a session: where sacctmgr reads its commands itself, when it is called with none
    ENTITY: account, association, cluster, configuration, coordinator, event, federation, job, problem, qos,
            reservation, resource, runawayjobs, stats, transaction, tres, user, wckey
    Examples: sacctmgr add cluster ai
              sacctmgr -i add user gildong Account=ai_project
";

fn dispatch(session: &mut Session, words: &[&str]) -> Done {
    let Some((verb, rest)) = words.split_first() else {
        return session.refuse(HELP.trim_end());
    };
    let meant = Verb::of(verb);
    if meant.is_some_and(Verb::writes) && session.options.read_only {
        return session.refuse("Can't run this command in readonly mode.");
    }
    let all: Vec<_> = rest.iter().map(|raw| Word::parse(raw)).collect();
    match meant {
        Some(Verb::Archive) => archive::run(session, &all),
        Some(Verb::Dump) => dump::run(session, &all),
        Some(Verb::Load) => load::run(session, &all),
        meant => match meant.and_then(Entities::of) {
            Some(entities) => entities.carry_out(session, rest, &all),
            None => alone(session, verb, rest),
        },
    }
}

/// A verb that stands alone.
fn alone(session: &mut Session, verb: &str, rest: &[&str]) -> Done {
    service_words::run(session, verb, rest).unwrap_or_else(|| session.refuse(format!("invalid keyword: {verb}")))
}
