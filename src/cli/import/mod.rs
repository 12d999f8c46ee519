//! `enlist import …`: takes in what a real Slurm has.

mod events;
mod jobs;
mod lines;
mod rehearsal;
mod slurm;

use super::exit::Exit;
use clap::{Args, Subcommand};

/// Arguments of `enlist import`.
#[derive(Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What nodes and clusters went through, as `sacctmgr -P show event` lists it
    Events(events::EventsArgs),
    /// Jobs and steps, as `sacct -P` lists them
    Jobs(jobs::JobsArgs),
    /// QOS, clusters, accounts, users, associations, coordinators and wckeys of a real Slurm
    ///
    /// Shows what would change and ends with 2 if anything would; with --yes it is done. Nothing is removed that only
    /// the service has.
    Slurm(slurm::SlurmArgs),
}

/// `1 job`, `2 jobs`.
fn counted(count: u64, thing: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{ending}")
}

/// Rows were passed over: what could be read is here, and the rest was told.
const PASSED_OVER: Exit = Exit(2);

/// Takes in what was asked for.
pub fn run(args: ImportArgs) -> Exit {
    match args.what {
        What::Events(args) => events::run(&args),
        What::Jobs(args) => jobs::run(&args),
        What::Slurm(args) => slurm::run(args),
    }
}
