//! `enlist log`: reads the audit log and says whether it is whole.

use super::Exit;
use super::site::{self, fail_all};
use crate::view;
use crate::view::styles::{stderr, stdout};
use clap::Args;
use control::audit_log::{Chain, FILE, LogEvent, Logged, read};
use jiff::civil::Date;
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};

/// Show what was done to people, by whom and why, and whether the log is whole.
///
/// Exit codes: 0 the log is whole; 1 it is broken, or cannot be read.
#[derive(Args, Debug)]
pub struct LogArgs {
    /// The log
    #[arg(long, value_name = "FILE", env = "ENLIST_LOG", default_value = FILE)]
    pub log: PathBuf,
    /// Only what is about this person
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// Only what was done on this host
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// From this day (UTC) on
    #[arg(long, value_name = "DAY", value_parser = site::day)]
    pub since: Option<Date>,
    /// Until this day (UTC)
    #[arg(long, value_name = "DAY", value_parser = site::day)]
    pub until: Option<Date>,
    /// Only what failed, was not tried, or was refused
    #[arg(long)]
    pub failed: bool,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Does it.
pub fn run(args: &LogArgs) -> Exit {
    let text = match std::fs::read(&args.log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            let message = format!("cannot read the audit log {}: {error}", args.log.display());
            let problem = Diagnostic::new(ErrorKind::Input, message);
            return fail_all(&[problem.hint("it lies beside the roster; name it with --log FILE")], args.json);
        }
    };
    let chain = read(&text);
    let meant: Vec<&Logged> = chain.lines.iter().filter(|logged| is_meant(args, &chain, logged)).collect();
    let is_whole = chain.faults.iter().all(|fault| fault.is_torn);
    if args.json {
        stdout().json(&as_json(&chain, &meant, is_whole));
    } else {
        stdout().lines(meant.iter().map(|logged| view::log::line(&logged.line)));
        show_state(args, &chain, is_whole);
    }
    if is_whole { Exit::OK } else { Exit::ERROR }
}

/// The beginning and end of a run are shown with what is meant of it.
fn is_meant(args: &LogArgs, chain: &Chain, logged: &Logged) -> bool {
    let day = logged.line.at.get(..10).and_then(|day| day.parse::<Date>().ok());
    let is_in_time = day
        .is_some_and(|day| args.since.is_none_or(|since| since <= day) && args.until.is_none_or(|until| day <= until));
    let is_filtered = args.person.is_some() || args.host.is_some() || args.failed;
    let of_run = || chain.lines.iter().filter(|other| other.run == logged.run);
    let is_wanted = match &logged.line.event {
        LogEvent::Begin(_) | LogEvent::End { .. } => {
            !is_filtered || of_run().any(|other| is_wanted(args, &other.line.event))
        }
        event => is_wanted(args, event),
    };
    is_in_time && is_wanted
}

fn is_wanted(args: &LogArgs, event: &LogEvent) -> bool {
    match event {
        LogEvent::Begin(_) | LogEvent::End { .. } => false,
        LogEvent::Refused { .. } => args.person.is_none() && args.host.is_none(),
        LogEvent::Change(changed) => {
            let is_of = |name: &String| changed.what.split(|c: char| " /,".contains(c)).any(|word| word == name);
            args.person.as_ref().is_none_or(is_of)
                && args.host.as_ref().is_none_or(|host| *host == changed.host)
                && (!args.failed || !["done", "otherwise"].contains(&changed.result.as_str()))
        }
    }
}

fn as_json(chain: &Chain, meant: &[&Logged], is_whole: bool) -> String {
    let faults: Vec<_> = chain.faults.iter().map(ToString::to_string).collect();
    let lines: Vec<_> = meant.iter().map(|logged| &logged.line).collect();
    serde_json::json!({ "ok": is_whole, "head": chain.head, "faults": faults, "events": lines }).to_string()
}

fn show_state(args: &LogArgs, chain: &Chain, is_whole: bool) {
    let err = stderr();
    err.lines(chain.faults.iter().map(|fault| format!("{}: {fault}", args.log.display())));
    let head = chain.head.as_deref().unwrap_or("nothing");
    if is_whole {
        err.line(format!("The chain is whole: {} lines, the last is {head}", chain.lines.len()));
    } else {
        err.line("The chain is broken: what the log says from there on may not be what was done.");
    }
}
