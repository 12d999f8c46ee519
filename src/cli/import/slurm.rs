//! `enlist import slurm`: brings everything of a real Slurm into the built-in service; what would change comes first.

use crate::accounting::migrate::{self, Command};
use crate::cli::exit::Exit;
use crate::cli::slurm::side::{self, Picture, Side, service};
use crate::daemon::api::{CallerFile, Request};
use crate::view::styles::{stderr, stdout};
use clap::Args;
use std::collections::BTreeSet;
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

/// How many steps there are (or were). All of them are rehearsed first, and then done in one transaction.
fn import(from: &Side, yes: bool) -> Result<usize, String> {
    let theirs = from.picture()?;
    if theirs.dumps.is_empty() {
        return Err("there is no cluster to import".into());
    }
    let ours = Side::Service.picture()?;
    let mut steps = theirs.qos()?.commands(&ours.qos()?);
    steps.iter().for_each(|command| stdout().line(side::typed(command)));
    let files: Vec<_> = theirs.dumps.iter().map(|(cluster, dump)| file(cluster, dump)).collect();
    for CallerFile { path, .. } in &files {
        let load: Command = ["-i", "load", path].map(str::to_owned).into();
        let rehearse = Some(steps.clone());
        let answer = service(&Request { argv: load.clone(), rehearse, files: files.clone(), ..Request::default() })?;
        if !answer.stdout.ends_with(" Nothing new added.\n") {
            stdout().text(&answer.stdout);
            steps.push(load);
        }
    }
    let thresholds = migrate::thresholds(&theirs.thresholds, &ours.thresholds);
    thresholds.iter().for_each(|command| stdout().line(side::typed(command)));
    steps.extend(thresholds);
    tell_loose(&theirs);
    let count = steps.len();
    if yes && let Some(argv) = steps.pop() {
        service(&Request { argv, together: steps, files, ..Request::default() })?;
    }
    Ok(count)
}

/// A cluster's dump without its QOS lines (of 25.05 and later): the listing of the QOS says more.
fn file(cluster: &str, dump: &str) -> CallerFile {
    let lines = dump.lines().filter(|line| !line.starts_with("QOS - "));
    let text = lines.flat_map(|line| [line, "\n"]).collect();
    CallerFile { path: format!("{cluster}.cfg"), text, error: None }
}

/// Says which accounts and users have no association: `sacctmgr` can make no such, so they stay behind.
fn tell_loose(theirs: &Picture) {
    let all = [("account", &theirs.accounts, &["Account", "Project"][..]), ("user", &theirs.users, &["User"])];
    for (kind, names, objects) in all {
        let Some(names) = names else { continue };
        let dumped: BTreeSet<&str> = theirs.dumps.iter().flat_map(|(_, dump)| named(dump, objects)).collect();
        let loose: Vec<_> = names.lines().filter(|name| *name != "root" && !dumped.contains(name)).collect();
        if !loose.is_empty() {
            stdout().line(format!("{kind}s without an association stay behind: {}", loose.join(", ")));
        }
    }
}

/// The names of a dump's lines about such objects: `Account - 'name':…`.
fn named<'a>(dump: &'a str, objects: &[&str]) -> impl Iterator<Item = &'a str> {
    dump.lines().filter_map(|line| {
        let (object, rest) = line.split_once(" - '")?;
        objects.contains(&object).then(|| rest.split('\'').next())?
    })
}
