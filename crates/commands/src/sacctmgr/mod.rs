//! sacctmgr as a function: [`run`] takes a command line and a [`State`] and gives the text and the exit code of
//! Slurm 22.05.8. What is deliberately different is listed in `docs/compatibility.md`.

mod account_words;
mod add_account;
mod add_user;
mod archive;
mod cluster;
mod common;
mod condition;
mod coordinator;
mod delete;
mod dump;
mod event;
mod federation;
pub mod fields;
mod format;
mod idle;
mod job;
pub mod line;
mod load;
mod modify;
mod modify_association;
mod node_state;
pub mod options;
mod problem;
mod qos;
mod qos_words;
mod raw_usage;
mod reservation;
mod resource;
mod resource_words;
mod rows;
mod runaway;
mod service_words;
mod session;
mod setting;
mod show;
mod show_more;
pub mod statistics;
#[cfg(test)]
mod tests;
mod transaction;
mod user_words;
mod wckey;
pub mod word;

use crate::{Output, Reply};
use line::Verb;
use options::Instead;
pub use session::{Done, Part, Session, Stop, World};
use slurm::State;
use slurm::authority::Caller;
use std::collections::VecDeque;
use word::{Word, begins};

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
    let entity = rest.first().copied().unwrap_or_default();
    let rest = all.get(1..).unwrap_or_default();
    match meant {
        Some(Verb::Add) => add(session, entity, rest),
        Some(Verb::Archive) => archive::run(session, &all),
        Some(Verb::Delete) => delete(session, entity, rest),
        Some(Verb::Dump) => dump::run(session, &all),
        Some(Verb::Load) => load::run(session, &all),
        Some(Verb::Modify) => modify(session, entity, rest),
        Some(Verb::Show) => show(session, entity, rest),
        Some(Verb::Clear | Verb::Reconfigure | Verb::Shutdown) | None => {
            match service_words::run(session, verb, &words[1..]) {
                Some(done) => done,
                None => session.refuse(format!("invalid keyword: {verb}")),
            }
        }
    }
}

fn add(session: &mut Session, entity: &str, words: &[Word]) -> Done {
    if begins(entity, "Account", 1) || begins(entity, "Acct", 4) {
        add_account::run(session, words)
    } else if begins(entity, "Cluster", 2) {
        cluster::add(session, words)
    } else if begins(entity, "Coordinator", 2) {
        coordinator::add(session, words)
    } else if begins(entity, "Federation", 1) {
        federation::add(session, words)
    } else if begins(entity, "QOS", 1) {
        qos::add(session, words)
    } else if begins(entity, "Resource", 1) {
        resource::add(session, words)
    } else if begins(entity, "User", 1) {
        add_user::run(session, words)
    } else {
        session.refuse(
            "No valid entity in add command\nInput line must include \"Account\", \"Cluster\", \"Coordinator\", \
             \"Federation\", \"QOS\", \"Resource\", or \"User\"",
        )
    }
}

fn show(session: &mut Session, entity: &str, words: &[Word]) -> Done {
    may_list(session, entity)?;
    if begins(entity, "Accounts", 2) || begins(entity, "Acct", 4) {
        show::accounts(session, words)
    } else if begins(entity, "Associations", 2) {
        show::associations(session, words)
    } else if begins(entity, "Clusters", 2) {
        cluster::show(session, words)
    } else if begins(entity, "Configuration", 2) {
        service_words::configuration(session)
    } else if begins(entity, "Events", 1) {
        event::show(session, words)
    } else if begins(entity, "Federation", 1) {
        federation::show(session, words)
    } else if begins(entity, "Problems", 1) {
        problem::show(session, words)
    } else if ["OrphanJobs", "LostJobs"].iter().any(|name| begins(entity, name, 1)) || begins(entity, "RunawayJobs", 2)
    {
        runaway::show(session, words)
    } else if begins(entity, "QOS", 1) {
        show_more::qos(session, words)
    } else if begins(entity, "Resource", 4) {
        resource::show(session, words)
    } else if begins(entity, "Reservations", 4) || begins(entity, "Resv", 4) {
        reservation::show(session, words)
    } else if begins(entity, "Stats", 1) {
        service_words::stats(session)
    } else if begins(entity, "Transactions", 1) || begins(entity, "Txn", 1) {
        transaction::show(session, words)
    } else if begins(entity, "Users", 1) {
        show::users(session, words)
    } else if begins(entity, "WCKeys", 1) {
        wckey::show(session, words)
    } else if begins(entity, "tres", 2) {
        show_more::tres(session, words)
    } else {
        session.refuse(
            "No valid entity in list command\nInput line must include \"Account\", \"Association\", \"Cluster\", \
             \"Configuration\",\n\"Event\", \"Federation\", \"Problem\", \"QOS\", \"Resource\", \"Reservation\",\n\
             \"RunAwayJobs\", \"Stats\", \"Transaction\", \"TRES\", \"User\", or \"WCKey\"",
        )
    }
}

/// Events and reservations may be hidden altogether (`PrivateData`).
fn may_list(session: &mut Session, entity: &str) -> Done {
    const DENIED: &str = "Access/permission denied";
    if begins(entity, "Events", 1) && !session.view().events() {
        return session.refuse(format!("sacctmgr: error: {DENIED}\n Error with request: {DENIED}"));
    }
    if begins(entity, "Reservations", 4) && !session.view().reservations() {
        return session.refuse(format!("sacctmgr: error: {DENIED}\n Problem with query."));
    }
    Ok(())
}

fn modify(session: &mut Session, entity: &str, words: &[Word]) -> Done {
    if begins(entity, "Accounts", 1) || begins(entity, "Acct", 4) {
        modify::account(session, words)
    } else if begins(entity, "Clusters", 5) {
        cluster::modify(session, words)
    } else if begins(entity, "Federation", 1) {
        federation::modify(session, words)
    } else if begins(entity, "Job", 1) {
        job::modify(session, words)
    } else if begins(entity, "QOSs", 1) {
        qos::modify(session, words)
    } else if begins(entity, "Resource", 1) {
        resource::modify(session, words)
    } else if begins(entity, "Users", 1) {
        modify::user(session, words)
    } else {
        session.refuse(
            "No valid entity in modify command\nInput line must include \"Account\", \"Cluster\", \"Federation\", \
             \"Job\", \"QOS\", \"Resource\" or \"User\"",
        )
    }
}

fn delete(session: &mut Session, entity: &str, words: &[Word]) -> Done {
    if begins(entity, "Accounts", 1) || begins(entity, "Acct", 4) {
        delete::account(session, words)
    } else if begins(entity, "Clusters", 2) {
        cluster::delete(session, words)
    } else if begins(entity, "Coordinators", 2) {
        coordinator::delete(session, words)
    } else if begins(entity, "Federations", 1) {
        federation::delete(session, words)
    } else if begins(entity, "QOS", 2) {
        qos::delete(session, words)
    } else if begins(entity, "Resource", 1) {
        resource::delete(session, words)
    } else if begins(entity, "Users", 1) {
        delete::user(session, words)
    } else {
        session.refuse(
            "No valid entity in delete command\nInput line must include \"Account\", \"Cluster\", \"Coordinator\", \
             \"Federation\", \"QOS\", \"Resource\", or \"User\"",
        )
    }
}
