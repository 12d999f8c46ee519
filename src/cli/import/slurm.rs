//! `enlist import slurm`: brings everything of a real Slurm into the built-in service; what would change comes first.

use crate::accounting::migrate::{self, Command};
use crate::cli::exit::Exit;
use crate::cli::slurm::side::{self, Picture, Side};
use crate::daemon::api::CallerFile;
use crate::view::styles::{stderr, stdout};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `enlist import slurm`.
#[derive(Args)]
pub struct SlurmArgs {
    /// Slurm's sacctmgr on this host
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/sacctmgr")]
    sacctmgr: PathBuf,
    /// Read files instead, as `enlist export slurm --sacctmgr` writes them on Slurm's master
    #[arg(long, value_name = "DIR", conflicts_with = "sacctmgr")]
    from: Option<PathBuf>,
    /// Do it
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command. Exit codes: 0 nothing to import, or done; 2 something would change; 1 an error.
pub fn run(args: SlurmArgs) -> Exit {
    let SlurmArgs { sacctmgr, from, yes } = args;
    match import(&from.map_or(Side::Program(sacctmgr), Side::Files), yes) {
        Ok(0) => {
            stdout().line("Nothing to import: the service has it all.");
            Exit::OK
        }
        Ok(_) if yes => Exit::OK,
        Ok(_) => {
            stdout().line("Nothing was changed. Do it with --yes.");
            Exit(2)
        }
        Err(error) => {
            stderr().line(format!("enlist import: {error}"));
            Exit::ERROR
        }
    }
}

/// How many steps there are (or were).
fn import(from: &Side, yes: bool) -> Result<usize, String> {
    let theirs = from.picture()?;
    if theirs.dumps.is_empty() {
        return Err("there is no cluster to import".into());
    }
    let steps = qos(&theirs)?;
    let mut count = steps.len();
    stdout().lines(steps.iter().map(side::typed));
    if yes {
        steps.iter().try_for_each(|command| side::service(command, None, None).map(drop))?;
    }
    for (_, dump) in &theirs.dumps {
        let load: Command = ["-i", "load", "dump.cfg"].map(str::to_owned).into();
        let file = CallerFile { path: "dump.cfg".into(), text: dump.clone(), error: None };
        let answer = side::service(&load, (!yes).then(|| steps.clone()), Some(file))?;
        if !answer.stdout.ends_with(" Nothing new added.\n") {
            stdout().text(&answer.stdout);
            count += 1;
        }
    }
    let ours = Side::Service.picture()?;
    let thresholds = migrate::thresholds(&theirs.thresholds, &ours.thresholds);
    for command in &thresholds {
        stdout().line(side::typed(command));
        if yes {
            side::service(command, None, None)?;
        }
    }
    Ok(count + thresholds.len())
}

fn qos(theirs: &Picture) -> Result<Vec<Command>, String> {
    Ok(theirs.qos()?.commands(&Side::Service.picture()?.qos()?))
}
