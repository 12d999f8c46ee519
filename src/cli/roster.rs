//! `enlist roster`: looks at the roster itself, or makes one of what is there. Changes no host.

mod import;

use super::Exit;
use super::site::{fail_all, read_roster};
use crate::view::styles::stdout;
use clap::{Args, Subcommand};
use control::roster::{CHECKS, Roster, State};
use std::path::PathBuf;
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
    }
}

fn summary(roster: &Roster) -> String {
    let absent = roster.users.iter().filter(|user| user.state == State::Absent).count();
    format!(
        "{}: {} users ({absent} absent), {} groups, {} accounts; all {} checks pass.",
        roster.source.name,
        roster.users.len(),
        roster.groups.len(),
        roster.accounts.len(),
        CHECKS.len()
    )
}
