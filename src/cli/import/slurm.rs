//! `enlist import slurm`: brings everything of a real Slurm into the built-in service; what would change comes first.

use super::rehearsal::Rehearsal;
use super::{PASSED_OVER, counted};
use crate::cli::exit::{Exit, fail};
use crate::cli::slurm::side::{Picture, Side, service};
use crate::view::styles::stdout;
use clap::Args;
use commands::migrate;
use service::daemon::api::Request;
use std::collections::BTreeSet;
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};

/// Arguments of `enlist import slurm`.
#[derive(Args)]
pub struct SlurmArgs {
    /// Slurm's sacctmgr on this host
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/sacctmgr")]
    sacctmgr: PathBuf,
    /// Read files instead, as `enlist export slurm --sacctmgr` writes them on Slurm's master
    #[arg(long, value_name = "DIR", conflicts_with = "sacctmgr")]
    from: Option<PathBuf>,
    /// Pass over what the service refuses (lines of a dump, QOS, thresholds) and take in the rest; each is told, and the
    /// exit code is 2
    #[arg(long)]
    skip_bad: bool,
    /// Do it
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command. Exit codes: 0 nothing to import, or done; 2 something would change, or was passed over; 1 an error.
pub fn run(args: SlurmArgs) -> Exit {
    let SlurmArgs { sacctmgr, from, yes, skip_bad } = args;
    match import(&from.map_or(Side::Program(sacctmgr), Side::Files), yes, skip_bad) {
        Ok(done) => done.tell(yes),
        Err(error) => fail(&error),
    }
}

/// What came of an import.
struct Imported {
    /// How many steps there are (or were).
    steps: usize,
    /// How many rows were passed over.
    passed_over: u64,
}

impl Imported {
    fn tell(&self, yes: bool) -> Exit {
        let Imported { steps, passed_over } = *self;
        if passed_over > 0 {
            stdout().line(format!("{} could not be taken in and passed over", counted(passed_over, "row")));
        }
        match steps {
            0 if passed_over == 0 => stdout().line("Nothing to import: the service has it all."),
            0 => stdout().line("Nothing else is to import."),
            _ if !yes => stdout().line("Nothing was changed. Do it with --yes."),
            _ => {}
        }
        let is_done = yes || steps == 0;
        if is_done && passed_over == 0 { Exit::OK } else { PASSED_OVER }
    }
}

/// All steps are rehearsed first, and then done in one transaction. Rows that are refused are told and left out when
/// `skip_bad`; else they are an error, and nothing is done.
fn import(from: &Side, yes: bool, skip_bad: bool) -> Result<Imported, Diagnostic> {
    let theirs = from.picture()?;
    if theirs.dumps.is_empty() {
        let error = Diagnostic::new(ErrorKind::Input, "there is no cluster to import");
        return Err(error.hint("a captured directory has a file CLUSTER.cfg for each cluster"));
    }
    let ours = Side::Service.picture()?;
    let mut rehearsal = Rehearsal::new(skip_bad);
    let (qos, bad) = theirs.qos();
    bad.into_iter().try_for_each(|why| rehearsal.pass_over(why))?;
    for command in qos.commands(&ours.qos().0) {
        let needs = rehearsal.steps.len();
        rehearsal.command(command, needs)?;
    }
    rehearsal.dumps(&theirs.dumps)?;
    // They don't need each other, and there may be thousands.
    let needs = rehearsal.steps.len();
    for command in migrate::thresholds(&theirs.thresholds, &ours.thresholds) {
        rehearsal.command(command, needs)?;
    }
    tell_loose(&theirs);
    let Rehearsal { mut steps, files, passed_over, .. } = rehearsal;
    let done = Imported { steps: steps.len(), passed_over };
    if yes && let Some(argv) = steps.pop() {
        service(&Request { argv, together: steps, files, ..Request::default() })?;
    }
    Ok(done)
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
