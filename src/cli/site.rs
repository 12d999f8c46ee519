//! What the roster's commands share: options, reading the roster, reaching the site.

use super::options::{self, InventoryArgs, LoginArgs};
use super::{Exit, exit};
use crate::view::styles::stdout;
use clap::Args;
use control::inventory::{self, Inventory};
use control::roster::files::RosterFiles;
use control::roster::{self, Roster};
use control::variables::target::Login;
use jiff::civil::Date;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// Where the site is and how to get there.
#[derive(Args, Debug, Clone)]
pub struct SiteArgs {
    /// Which hosts
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// How to log in
    #[command(flatten)]
    pub login: LoginArgs,
    /// Hosts worked on at once
    #[arg(short, long, default_value_t = 50)]
    pub forks: usize,
}

impl SiteArgs {
    /// How to log in. Account files are root's, so these commands become root unless the inventory says
    /// `ansible_become: false`.
    pub fn login(&self) -> Result<Login, Diagnostic> {
        Ok(Login { escalate: true, ..self.login.login()? })
    }

    /// The inventory sources that were given, or else the default ones.
    pub fn sources(&self) -> Vec<String> {
        self.inventory.sources_or_default()
    }

    /// The patterns that hosts are cut down to.
    pub fn limit(&self) -> Result<Vec<String>, Diagnostic> {
        inventory::limit_patterns(&self.inventory.limit)
    }
}

/// Reads an inventory and shows its warnings.
pub fn read_inventory(sources: &[String]) -> Result<Inventory, Diagnostic> {
    if sources.is_empty() {
        return Err(Diagnostic::new(ErrorKind::Usage, "no inventory is given").hint("name one with -i"));
    }
    let inventory = inventory::load(sources, &[PathBuf::from(".")])?;
    inventory.warnings.iter().for_each(options::warn);
    Ok(inventory)
}

/// Reads a roster, a file or a folder, with all its checks, as of today.
pub fn read_roster(path: &Path) -> Result<Roster, Vec<Diagnostic>> {
    read_roster_at(path, roster::today())
}

/// The same as of `day`.
pub fn read_roster_at(path: &Path, day: Date) -> Result<Roster, Vec<Diagnostic>> {
    roster::load_files(&roster_files(path)?, day)
}

/// The files of a roster.
pub fn roster_files(path: &Path) -> Result<RosterFiles, Vec<Diagnostic>> {
    if let Err(error) = path.metadata() {
        let message = format!("cannot read the roster {}: {error}", path.display());
        let problem = Diagnostic::new(ErrorKind::Input, message);
        return Err(vec![problem.hint("name it with --roster; docs/roster.md says what it may say")]);
    }
    RosterFiles::read_from(path)
}

/// A day of the command line, such as 2027-03-01.
pub fn day(text: &str) -> Result<Date, String> {
    let day = text.parse().ok().filter(|_| text.len() == "2027-03-01".len());
    day.ok_or_else(|| "write a day as 2027-03-01".to_owned())
}

/// Shows everything that went wrong on standard error, with `json` also as one document on standard output, where a
/// program waits for one. Gives the exit code 1.
pub fn fail_all(problems: &[Diagnostic], json: bool) -> Exit {
    if json {
        let errors: Vec<_> = problems.iter().map(Diagnostic::to_json).collect();
        stdout().json(&serde_json::json!({ "ok": false, "errors": errors }).to_string());
    }
    problems.iter().for_each(exit::show);
    Exit::ERROR
}

/// Now, in UTC, to the second.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
