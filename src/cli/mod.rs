//! The command line: one file per command, one line each in [`Command`].
//!
//! Called by the name of a Slurm command (`sacctmgr`, … as links to the one binary), enlist is that command.

pub mod apply;
pub mod audit;
pub mod cert;
pub mod directory;
pub mod doc;
mod exit;
pub mod explain;
pub mod export;
pub mod import;
mod interrupt;
pub mod inventory;
mod ledger;
mod listing;
pub mod log;
pub mod node;
pub mod options;
mod passing;
pub mod plan;
pub mod play;
mod recording;
pub mod roster;
mod saved;
pub mod serve;
mod site;
pub mod slurm;
pub mod status;
mod stepping;
pub mod store;
pub mod user;
mod waiting;

use crate::view::styles::{give_up, stderr};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
pub use exit::{Exit, fail};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use words::text::secrets;

/// Onboards people onto HPC/AI clusters: runs playbooks, syncs a roster, keeps the accounting service.
#[derive(Parser)]
#[command(name = "enlist", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands; each has its file and its `run`.
#[derive(Subcommand)]
enum Command {
    /// Run playbooks, with the flags, output and exit codes of ansible-playbook
    Play(play::PlayArgs),
    /// Show which modules there are, and what parameters they take
    Doc(doc::DocArgs),
    /// Show hosts, groups and their variables, as ansible-inventory does
    Inventory(inventory::InventoryCommand),
    /// Show what the roster would change on the hosts and in the scheduler
    Plan(plan::PlanArgs),
    /// Carry out a saved plan, or make one, show it and ask
    Apply(apply::ApplyArgs),
    /// Show what was done to people, by whom and why, and whether that log is whole
    Log(log::LogArgs),
    /// Find names and numbers that mean different people on different hosts, and drift from the roster
    Audit(audit::AuditArgs),
    /// Say why somebody can or cannot log in and submit: the first broken link from roster to scheduler
    Explain(explain::ExplainArgs),
    /// Show how everybody stands, with the first broken link of each
    Status(status::StatusArgs),
    /// How hosts are to be clients of a directory of the roster
    Directory(directory::DirectoryArgs),
    /// Look at the roster itself
    Roster(roster::RosterArgs),
    /// Add, change, remove or show a person in the roster
    User(user::UserArgs),
    /// Keep the accounting service: Slurm's accounts, associations and limits
    Serve(serve::ServeArgs),
    /// Back up, restore or check the accounting service's store
    Store(store::StoreCommand),
    /// Bring the service to a login node (its socket, forwarded to the master over TLS), or be a compute node's daemon
    Node(node::NodeArgs),
    /// Make, list and revoke the certificates of the service and its login nodes
    Cert(cert::CertArgs),
    /// Write what a real Slurm needs to take over from the accounting service
    Export(export::ExportArgs),
    /// Take in what a real Slurm has: accounts and limits, or recorded jobs
    Import(import::ImportArgs),
    /// Run a Slurm command against the accounting service, such as `enlist slurm sacctmgr show user`
    Slurm(slurm::SlurmArgs),
}

impl Command {
    fn run(self) -> Exit {
        match self {
            Command::Serve(args) => serve::run(args),
            Command::Store(args) => store::run(args),
            Command::Node(args) => node::run(args),
            Command::Cert(args) => cert::run(args),
            Command::Export(args) => export::run(args),
            Command::Import(args) => import::run(args),
            Command::Slurm(args) => slurm::run(args),
            Command::Play(args) => play::run(args),
            Command::Doc(args) => doc::run(&args),
            Command::Inventory(args) => inventory::run(&args),
            Command::Plan(args) => plan::run(&args),
            Command::Apply(args) => apply::run(&args),
            Command::Audit(args) => audit::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Status(args) => status::run(&args),
            Command::Directory(args) => directory::run(&args),
            Command::Roster(args) => roster::run(&args),
            Command::Log(args) => log::run(&args),
            Command::User(args) => user::run(&args),
        }
    }
}

/// A command that parses its own arguments (those after its name), as Slurm's do.
type Raw = fn(Vec<OsString>) -> Exit;

/// Parses the process's arguments, runs the command, and gives its exit code.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let name = args.first().and_then(|arg| Path::new(arg).file_name()).unwrap_or_default();
    // A link of that name makes enlist a Slurm command.
    if let Some(run) = slurm::named(name) {
        return run(args[1..].to_vec()).into();
    }
    if let Some(run) = node::part_of_a_run(args.get(1).map(OsString::as_os_str)) {
        return run(args[2..].to_vec()).into();
    }
    let is_play = args.get(1).is_some_and(|command| command == "play");
    match Cli::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli.command.run().into(),
        Err(error) => misused(&error, is_play).into(),
    }
}

/// Help, or what is wrong with the command line. The code is ansible-playbook's 2 for `play`; for others it is 1, since
/// 2 from `plan` means that there is something to change.
fn misused(error: &clap::Error, is_play: bool) -> Exit {
    if error.use_stderr() {
        // What was not understood is quoted, and may be a key that was pasted into a command line.
        stderr().text(&secrets::conceal(&error.to_string()));
        return if is_play { Exit(2) } else { Exit::ERROR };
    }
    match error.print() {
        Ok(()) => Exit::OK,
        Err(failure) => give_up(&failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_do_not_clash() {
        Cli::command().debug_assert();
    }
}
