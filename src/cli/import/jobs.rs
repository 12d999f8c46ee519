//! `enlist import jobs`: everything is read and checked first, then sent to the service chunk by chunk.

use super::lines::Lines;
use super::{PASSED_OVER, counted};
use crate::cli::exit::{Exit, fail, said};
use crate::cli::slurm::client;
use crate::view::live;
use crate::view::styles::{stderr, stdout};
use clap::Args;
use jiff::tz::TimeZone;
use service::daemon::api::{self, ImportJobs, ImportedJobs};
use slurm::model::JobId;
use slurm::records::import::record::Joiner;
use slurm::records::import::{Bad, Dialect, Line, NoNames, Reader};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use words::diag::{Diagnostic, ErrorKind, Place};
use words::text::slurm_time;

/// So many lines are sent at once; a job's steps stay with it, so it may be a few more.
const CHUNK: usize = 5000;

/// So many bytes are enough for a chunk too.
const CHUNK_BYTES: usize = 4 << 20;

/// The most bad lines that are told one by one.
const MOST_TOLD: u64 = 100;

/// What is said of a cell that only describes.
const LEFT_OUT: &str = "; it is left out";

/// Options of `enlist import jobs`.
#[derive(Args)]
pub struct JobsArgs {
    /// The list, or - for standard input. Made at the other site by
    /// `SLURM_TIME_FORMAT=%s sacct -a -D -P --noconvert -S 2015-01-01 -E now --format=ALL`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Time zone of the list's times, such as Asia/Seoul [default: this host's]; seconds since 1970 need none
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What separates columns (sacct --delimiter), for names that contain |
    #[arg(long, value_name = "TEXT", default_value = "|", allow_hyphen_values = true)]
    delimiter: String,
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
pub fn run(args: &JobsArgs) -> Exit {
    match import(args) {
        Ok(exit) => exit,
        Err(error) => fail(&error),
    }
}

fn import(args: &JobsArgs) -> Result<Exit, Diagnostic> {
    let zone = zone(args.timezone.as_deref())?;
    let mut lines = Lines::open(&args.file)?;
    let Some((number, heading)) = lines.heading()? else {
        return Err(Diagnostic::new(ErrorKind::Input, format!("{} is empty", lines.name())));
    };
    let dialect =
        Dialect { delimiter: args.delimiter.clone(), zone: slurm_time::zone(&zone), cluster: args.cluster.clone() };
    let reader =
        Reader::new(&heading, dialect).map_err(|bad| Diagnostic::input(&lines.place(number, bad.column), bad.what))?;
    let mut run = Run { args, heading, reader, zone, total: ImportedJobs::default(), left_out: 0, lost_steps: 0 };
    let bad = run.check(&mut lines)?;
    if bad > 0 && !args.skip_bad {
        let lines = counted(bad, "line");
        let error = Diagnostic::new(ErrorKind::Input, format!("{lines} cannot be read; nothing was imported"));
        return Err(error.hint("--skip-bad passes over such lines"));
    }
    if !args.check {
        lines.rewind()?;
        run.send_all(&mut lines)?;
    }
    run.summary(bad);
    Ok(if bad > 0 { PASSED_OVER } else { Exit::OK })
}

/// The name of the zone, checked here so that a wrong name is not taken for UTC.
pub(super) fn zone(name: Option<&str>) -> Result<String, Diagnostic> {
    let Some(name) = name else {
        let system = TimeZone::system();
        return Ok(system.iana_name().unwrap_or("UTC").to_owned());
    };
    let known = matches!(name, "UTC" | "Etc/UTC") || slurm_time::zone(name) != TimeZone::UTC;
    if known {
        Ok(name.to_owned())
    } else {
        Err(Diagnostic::new(ErrorKind::Usage, format!("there is no time zone `{name}`"))
            .hint("write it like Europe/Berlin"))
    }
}

/// One import.
struct Run<'a> {
    args: &'a JobsArgs,
    heading: String,
    reader: Reader,
    zone: String,
    total: ImportedJobs,
    /// Cells that could not be read and only describe.
    left_out: u64,
    /// Steps of jobs that were passed over.
    lost_steps: u64,
}

impl Run<'_> {
    /// Reads every line and tells what cannot be read; how many those are. The service is asked whether it knows the
    /// clusters, so that nothing is imported when it does not.
    fn check(&mut self, lines: &mut Lines) -> Result<u64, Diagnostic> {
        let mut bad = 0;
        let mut seen = Seen::default();
        let mut joiner = Joiner::new(self.reader.layout(), &self.heading);
        while let Some((number, line)) = lines.record(&mut joiner)? {
            tell("checked", lines.number());
            let read = match line {
                Ok(line) => seen.line(&self.reader, line),
                Err(what) => Err(Bad { column: 1, what }),
            };
            bad += u64::from(read.is_err());
            self.left_out += read.as_ref().map_or(0, |left_out| left_out.len() as u64);
            let told = match read {
                Ok(left_out) => left_out.into_iter().map(|Bad { column, what }| (column, what + LEFT_OUT)).collect(),
                Err(Bad { column, what }) => vec![(column, what)],
            };
            for (column, what) in told {
                if bad + self.left_out <= MOST_TOLD {
                    live::clear();
                    stderr().line(format!("{}:{number}:{column}: {what}", lines.name()));
                }
            }
        }
        live::clear();
        let asked = self.send(seen.one_of_each, true)?;
        match asked.bad.first() {
            Some(unknown) => Err(Diagnostic::new(ErrorKind::Input, unknown.what.clone())),
            None => Ok(bad),
        }
    }

    /// Sends chunk after chunk; the next one is read while the service takes in the one before.
    fn send_all(&mut self, lines: &mut Lines) -> Result<(), Diagnostic> {
        let (ready, chunks) = sync_channel(1);
        let mut cutter = Cutter::new(self);
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || cutter.cut(lines, &ready).map(|()| cutter.lost_steps));
            chunks.into_iter().try_for_each(|chunk| self.add(chunk))?;
            let bug = |_| Diagnostic::new(ErrorKind::Internal, "the reading of the list stopped");
            self.lost_steps = reading.join().map_err(bug)??;
            Ok(())
        })
    }

    fn add(&mut self, chunk: Chunk) -> Result<(), Diagnostic> {
        let Chunk { lines, last, place } = chunk;
        let done = self.send(lines, false)?;
        if let Some(bad) = done.bad.first().filter(|_| !self.args.skip_bad) {
            let error = Diagnostic::input(&place, bad.what.clone());
            return Err(error.note("it is near this line; what came before is imported").hint("run it again"));
        }
        let total = &mut self.total;
        total.added += done.added;
        total.changed += done.changed;
        total.unchanged += done.unchanged;
        total.steps += done.steps;
        total.without_association += done.without_association;
        total.without_qos += done.without_qos;
        tell("imported", last);
        Ok(())
    }

    fn send(&self, lines: Vec<String>, check: bool) -> Result<ImportedJobs, Diagnostic> {
        let request = ImportJobs {
            heading: self.heading.clone(),
            delimiter: self.args.delimiter.clone(),
            zone: self.zone.clone(),
            cluster: self.args.cluster.clone(),
            lines,
            skip_bad: self.args.skip_bad,
            check,
        };
        let answer: ImportedJobs = client::post(&api::socket(), "/v1/import/jobs", &request).map_err(said)?;
        match answer.refused {
            Some(why) => Err(said(why)),
            None => Ok(answer),
        }
    }

    fn summary(&mut self, bad: u64) {
        live::clear();
        let total = &self.total;
        let say = |count: u64, one: &str, many: &str| {
            if count > 0 {
                stdout().line(format!("{count} {}", if count == 1 { one } else { many }));
            }
        };
        if self.args.check {
            stdout().line("the list can be imported");
        } else {
            let (added, changed, unchanged) = (total.added, total.changed, total.unchanged);
            let (added, steps) = (counted(added, "job"), counted(total.steps, "step"));
            stdout().line(format!("{added} added, {changed} changed, {unchanged} unchanged, {steps}"));
        }
        let nowhere = total.without_association;
        say(
            nowhere,
            "job belongs to no association here; it is kept and counted on none",
            "jobs belong to no association here; they are kept and counted on none",
        );
        if self.reader.tells_qos() {
            say(total.without_qos, "job has a QOS that is not known here", "jobs have a QOS that is not known here");
        }
        say(bad, "line could not be read and was passed over", "lines could not be read and were passed over");
        say(
            self.lost_steps,
            "step of jobs that were passed over was left out too",
            "steps of jobs that were passed over were left out too",
        );
        say(self.left_out, "cell could not be read and was left out", "cells could not be read and were left out");
        self.tell_columns();
    }

    /// Which columns of the list are not kept, and which it should have had.
    fn tell_columns(&self) {
        if !self.reader.tells_eligible() {
            stdout().line("the list has no column Eligible: each job counts as eligible since its submission");
        }
        if !self.reader.tells_cpus() {
            stdout().line("the list has none of the columns AllocTRES, AllocCPUS, NCPUS: how many CPUs jobs had is not known, and \
                 they count as no CPU time");
        }
        match self.reader.passed_over() {
            [] => {}
            [one] => stdout().line(format!("the column {one} was passed over: nothing like it is kept")),
            many => {
                let names = many.join(", ");
                stdout().line(format!("the columns {names} were passed over: nothing like them is kept"));
            }
        }
    }
}

/// Records that are sent together.
struct Chunk {
    lines: Vec<String>,
    /// The number of the line that was read last.
    last: u64,
    /// Where that is.
    place: Place,
}

impl Chunk {
    fn new(records: Vec<String>, lines: &Lines) -> Self {
        let last = lines.number();
        Self { lines: records, last, place: lines.place(last, 1) }
    }
}

/// Cuts a list into chunks.
struct Cutter {
    reader: Reader,
    heading: String,
    skip_bad: bool,
    lost_steps: u64,
}

impl Cutter {
    fn new(run: &Run) -> Self {
        let (reader, heading) = (run.reader.clone(), run.heading.clone());
        Self { reader, heading, skip_bad: run.args.skip_bad, lost_steps: 0 }
    }

    /// Hands out all chunks, or as many as are taken.
    fn cut(&mut self, lines: &mut Lines, ready: &SyncSender<Chunk>) -> Result<(), Diagnostic> {
        let (mut chunk, mut bytes, mut skipping) = (Vec::new(), 0, false);
        let (reader, heading) = (self.reader.clone(), self.heading.clone());
        let mut joiner = Joiner::new(reader.layout(), &heading);
        while let Some((_, line)) = lines.record(&mut joiner)? {
            let Ok(line) = line else { continue };
            let is_step = self.reader.is_step(&line);
            // Steps of a job that was passed over have nowhere to go.
            if is_step && skipping {
                self.lost_steps += 1;
                continue;
            }
            let is_bad = self.skip_bad && self.reader.line(&line, &mut NoNames).is_err();
            if is_bad {
                skipping = !is_step;
                continue;
            }
            skipping = false;
            if !is_step && (chunk.len() >= CHUNK || bytes >= CHUNK_BYTES) {
                if ready.send(Chunk::new(std::mem::take(&mut chunk), lines)).is_err() {
                    return Ok(());
                }
                bytes = 0;
            }
            bytes += line.len();
            chunk.push(line);
        }
        if !chunk.is_empty() {
            // Nobody takes it when one before was refused.
            let _ = ready.send(Chunk::new(chunk, lines));
        }
        Ok(())
    }
}

/// What a look at all lines remembers.
#[derive(Default)]
struct Seen {
    /// Whose steps may come next.
    job: Option<JobId>,
    /// The last job's line could not be read, so its steps say nothing more.
    is_lost: bool,
    clusters: BTreeSet<String>,
    /// A line of each cluster.
    one_of_each: Vec<String>,
}

impl Seen {
    /// Takes a record; gives its cells that are left out.
    fn line(&mut self, reader: &Reader, line: String) -> Result<Vec<Bad>, Bad> {
        match reader.read(&line, &mut NoNames) {
            Ok((Line::Step(job, _), _)) if !self.is_lost && self.job != Some(job) => {
                Err(Bad { column: 1, what: format!("a step of job {job}, whose own line is not before it") })
            }
            Ok((Line::Step(..), left_out)) => Ok(left_out),
            Ok((Line::Job(job), left_out)) => {
                (self.job, self.is_lost) = (Some(job.job_id), false);
                if self.clusters.insert(job.cluster) {
                    self.one_of_each.push(line);
                }
                Ok(left_out)
            }
            Err(bad) => {
                self.is_lost |= !reader.is_step(&line);
                Err(bad)
            }
        }
    }
}

/// Says on the live line how far it is.
fn tell(what: &str, lines: u64) {
    if lines.is_multiple_of(CHUNK as u64) {
        live::show(&format!("{lines} lines {what}"));
    }
}
