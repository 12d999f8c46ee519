//! `enlist import events`: everything is read and checked first, then sent to the service chunk by chunk.

use super::jobs::zone;
use super::lines::Lines;
use super::{PASSED_OVER, counted};
use crate::cli::exit::{Exit, fail, said};
use crate::cli::slurm::client;
use crate::view::styles::{stderr, stdout};
use clap::Args;
use service::daemon::api::{self, ImportEvents, ImportedEvents};
use slurm::records::import::events::EventReader;
use slurm::records::import::record::Joiner;
use slurm::records::import::{Bad, Dialect, NoNames};
use std::path::PathBuf;
use words::diag::Diagnostic;
use words::text::slurm_time;

/// So many lines are sent at once.
const CHUNK: usize = 5000;

/// What the file should have been.
const EXPECTED: &str = "The list must be what `sacctmgr -P show event` prints, its heading (Cluster|NodeName|TimeStart|…) \
                        first; `enlist import events --help` says how to make it";

/// Options of `enlist import events`.
#[derive(Args)]
pub struct EventsArgs {
    /// The list, or - for standard input. Made at the other site by `SLURM_TIME_FORMAT=%s sacctmgr -P show event
    /// start=2015-01-01 format=Cluster,ClusterNodes,NodeName,TimeStart,TimeEnd,StateRaw,Reason,User,TRES`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Time zone of the list's times, such as Asia/Seoul [default: this host's]; seconds since 1970 need none
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// The cluster of a list without the column Cluster [default: the service's]
    #[arg(long, value_name = "NAME", default_value = "")]
    cluster: String,
    /// Pass over lines that cannot be read; without this, one such line and nothing is imported
    #[arg(long)]
    skip_bad: bool,
    /// Only read and check the list
    #[arg(long)]
    check: bool,
}

/// Imports the list.
pub fn run(args: &EventsArgs) -> Exit {
    match import(args) {
        Ok((summary, bad)) => {
            stdout().line(summary);
            if bad > 0 { PASSED_OVER } else { Exit::OK }
        }
        Err(error) => fail(&error),
    }
}

/// What is wrong, and where.
fn place(input: &Lines, number: u64, column: usize, what: &str) -> String {
    format!("{}:{number}:{column}: {what}", input.name())
}

/// A line that keeps the list from being imported.
fn refused(input: &Lines, number: u64, column: usize, what: String) -> Diagnostic {
    Diagnostic::input(&input.place(number, column), what).hint("--skip-bad passes over such lines")
}

fn import(args: &EventsArgs) -> Result<(String, u64), Diagnostic> {
    let zone = zone(args.timezone.as_deref())?;
    let mut input = Lines::open(&args.file)?;
    let Some((first, heading)) = input.heading()? else {
        return Err(Diagnostic::input(&input.place(1, 1), "the list is empty").hint(EXPECTED));
    };
    let dialect = Dialect { delimiter: "|".into(), zone: slurm_time::zone(&zone), cluster: args.cluster.clone() };
    let reader = EventReader::new(&heading, dialect)
        .map_err(|bad| Diagnostic::input(&input.place(first, bad.column), bad.what).hint(EXPECTED))?;
    let (mut lines, mut numbers, mut bad) = (Vec::new(), Vec::new(), 0);
    let mut joiner = Joiner::new(reader.layout(), &heading);
    while let Some((number, line)) = input.record(&mut joiner)? {
        let read = line.map_err(|what| Bad { column: 1, what });
        let read = read.and_then(|line| reader.line(&line, &mut NoNames).map(|_| line));
        match read {
            Ok(line) => {
                lines.push(line);
                numbers.push(number);
            }
            Err(wrong) if args.skip_bad => {
                bad += 1;
                stderr().line(place(&input, number, wrong.column, &wrong.what));
            }
            Err(wrong) => return Err(refused(&input, number, wrong.column, wrong.what)),
        }
    }
    let mut total = ImportedEvents::default();
    for (chunk, numbers) in lines.chunks(CHUNK).zip(numbers.chunks(CHUNK)) {
        let request = ImportEvents {
            heading: heading.clone(),
            zone: zone.clone(),
            cluster: args.cluster.clone(),
            lines: chunk.to_vec(),
            skip_bad: args.skip_bad,
            check: args.check,
        };
        let done: ImportedEvents = client::post(&api::socket(), "/v1/import/events", &request).map_err(said)?;
        if let Some(why) = done.refused {
            return Err(match done.bad {
                Some(bad) => {
                    let number = numbers.get(bad.line).copied().unwrap_or_default();
                    refused(&input, number, bad.column, bad.what)
                }
                None => said(why),
            });
        }
        for wrong in &done.passed_over {
            bad += 1;
            let number = numbers.get(wrong.line).copied().unwrap_or_default();
            stderr().line(place(&input, number, wrong.column, &wrong.what));
        }
        total.added += done.added;
        total.changed += done.changed;
        total.unchanged += done.unchanged;
    }
    let ImportedEvents { added, changed, unchanged, .. } = total;
    let would = if args.check { "would be " } else { "" };
    let mut summary = format!("{} {would}added, {changed} changed, {unchanged} unchanged", counted(added, "event"));
    if bad > 0 {
        summary.push_str(&format!("\n{} could not be read and passed over", counted(bad, "line")));
    }
    Ok((summary, bad))
}
