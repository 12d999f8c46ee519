//! `enlist import …`: takes in what another site's Slurm recorded.

mod jobs;
mod lines;

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
    /// Jobs and steps, as `sacct -P` lists them
    Jobs(jobs::JobsArgs),
}

/// Takes in what was asked for.
pub fn run(args: ImportArgs) -> Exit {
    match args.what {
        What::Jobs(args) => jobs::run(&args),
    }
}
