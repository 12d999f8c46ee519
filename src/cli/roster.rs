//! `enlist roster`: looks at the roster itself, or makes one of what is there. Changes no host.

mod import;

use super::Exit;
use super::ledger::Ledger;
use super::site::{self, fail_all, read_roster};
use crate::view;
use crate::view::styles::{stderr, stdout};
use clap::{Args, Subcommand};
use control::roster::{CHECKS, Roster, calendar, ids, schema, today};
use jiff::civil::Date;
use std::path::{Path, PathBuf};
use words::diag::Diagnostic;
use words::text::width::pad;

/// Look at the roster itself, or make one of what is there. Changes no host.
#[derive(Args, Debug)]
pub struct RosterArgs {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with it.
#[derive(Subcommand, Debug)]
pub enum Action {
    /// Run every check and report all that is wrong; exit code 1 when anything is
    Check {
        /// The roster
        #[arg(default_value = "roster.yml")]
        file: PathBuf,
        /// The same, as the other commands call it
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        roster: Option<PathBuf>,
    },
    /// List the checks
    Checks,
    /// Make a roster of the people who are there already, on hosts, in directories and in the scheduler
    Import(Box<import::ImportArgs>),
    /// List who starts, ends and expires, by day
    Calendar {
        /// The roster
        #[arg(long, value_name = "FILE", default_value = "roster.yml")]
        roster: PathBuf,
        /// From this day on [default: today, UTC]
        #[arg(long, value_name = "DAY", value_parser = site::day)]
        from: Option<Date>,
        /// Until this day
        #[arg(long, value_name = "DAY", value_parser = site::day)]
        until: Option<Date>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Give numbers to those who have none yet, and write every number into the ledger
    Number {
        /// The roster
        #[arg(long, value_name = "FILE", default_value = "roster.yml")]
        roster: PathBuf,
        /// Begin a ledger where there is none
        #[arg(long)]
        new: bool,
        /// A login or group whose entry was gone and is there again means the same as before; repeatable
        #[arg(long, value_name = "NAME")]
        returns: Vec<String>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of a roster, for editors
    Schema,
}

/// Does it.
pub fn run(args: &RosterArgs) -> Exit {
    let out = stdout();
    match &args.action {
        Action::Import(args) => import::run(args),
        Action::Checks => {
            let column = CHECKS.iter().map(|check| check.name.len()).max().unwrap_or(0);
            CHECKS.iter().for_each(|check| out.line(format!("{}  {}", pad(check.name, column), check.demands)));
            Exit::OK
        }
        Action::Check { file, roster } => match read_roster(roster.as_ref().unwrap_or(file)) {
            Ok(roster) => {
                out.line(summary(&roster));
                Exit::OK
            }
            Err(problems) => fail_all(&problems, false),
        },
        Action::Calendar { roster, from, until, json } => {
            done(show_calendar(roster, from.unwrap_or_else(today), *until, *json), *json)
        }
        Action::Number { roster, new, returns, json } => done(number(roster, *new, returns, *json), *json),
        Action::Schema => {
            out.line(format!("{:#}", schema::schema()));
            Exit::OK
        }
    }
}

fn done(result: Result<(), Vec<Diagnostic>>, json: bool) -> Exit {
    result.map_or_else(|problems| fail_all(&problems, json), |()| Exit::OK)
}

fn show_calendar(roster: &Path, from: Date, until: Option<Date>, json: bool) -> Result<(), Vec<Diagnostic>> {
    let all = calendar::calendar(&read_roster(roster)?);
    let meant = |entry: &calendar::CalendarDay| entry.day >= from && until.is_none_or(|until| entry.day <= until);
    let entries: Vec<_> = all.into_iter().filter(meant).collect();
    let out = stdout();
    if json {
        out.json(&serde_json::json!(entries).to_string())
    } else if entries.is_empty() {
        out.line("No days are written from then on.")
    } else {
        out.lines(view::calendar::lines(&entries))
    }
    Ok(())
}

/// Gives numbers out. The ledger is held from reading to writing, so that of two at once none gives the same number. A
/// ledger is one roster's: what it has of another's people would count as gone.
fn number(path: &Path, new: bool, returns: &[String], json: bool) -> Result<(), Vec<Diagnostic>> {
    let place = ids::ledger_path(&site::roster_files(path)?)?;
    let mut ledger = Ledger::hold(&place, new).map_err(|problem| vec![problem])?;
    let numbered = ids::number(site::roster_files(path)?, today(), returns)?;
    let out = stdout();
    if !numbered.lines.is_empty() {
        ledger.add(&numbered.added).map_err(|problem| vec![problem])?;
    }
    let lines: Vec<&str> = numbered.lines.iter().map(|line| line.trim_end()).collect();
    if json {
        out.json(&serde_json::json!({ "file": numbered.path, "added": lines }).to_string());
    } else if lines.is_empty() {
        out.line(format!("Nothing to do: {} has every number.", numbered.path.display()));
    } else {
        out.lines(lines.iter().map(|line| format!("+ {line}")));
        stderr().line(format!("Written to {}. It belongs to the roster: commit both.", numbered.path.display()));
    }
    Ok(())
}

fn summary(roster: &Roster) -> String {
    let absent = roster.users.iter().filter(|user| !user.standing.has_account()).count();
    format!(
        "{}: {} users ({absent} absent), {} groups, {} accounts; all {} checks pass.",
        roster.source.name,
        roster.users.len(),
        roster.groups.len(),
        roster.accounts.len(),
        CHECKS.len()
    )
}
