//! sacct as a function: [`run`] takes a command line and gives the text and exit code of Slurm 22.05.8, for the jobs
//! that are kept. What is deliberately different is listed in `docs/compatibility.md`.

pub(crate) mod cell;
pub(crate) mod fields;
mod line;
mod options;
pub(crate) mod print;
mod reason;
mod select;
mod structured;
pub mod units;

#[cfg(test)]
mod tests;

use crate::Output;
use crate::Reply;
use crate::data::Structured;
use cell::Maker;
use jiff::Zoned;
use line::{JobLine, StepLine};
use options::{Instead, Options};
use print::Table;
use select::Query;
use slurm::State;
use slurm::authority::Caller;
use slurm::model::{JobId, QosId};
use slurm::privacy::View;
use slurm::records::selection::Parts;
use slurm::records::{Job, JobState, Jobs, JobsError, Order, See};
use slurm::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::ControlFlow;
use words::people::{Gid, People, Uid};
use words::text::slurm_time::TimeFormat;

/// What a command line does not say.
pub struct Surroundings<'a> {
    /// The caller's time, in the caller's zone.
    pub now: Zoned,
    /// SLURM_TIME_FORMAT.
    pub time_format: TimeFormat,
    /// SACCT_FORMAT.
    pub format: Option<String>,
    /// Who is who.
    pub people: &'a dyn People,
    /// What was to complain about in the environment.
    pub complaint: String,
}

impl<'a> Surroundings<'a> {
    /// With the environment variables that sacct heeds.
    pub fn new(now: Zoned, environment: &BTreeMap<String, String>, people: &'a dyn People) -> Self {
        let format = environment.get("SLURM_TIME_FORMAT").map_or("", String::as_str);
        let time_format = TimeFormat::named(format);
        let complaint = match time_format {
            None => options::error(&format!("invalid SLURM_TIME_FORMAT = '{format}'")),
            Some(_) => String::new(),
        };
        let time_format = time_format.unwrap_or_default();
        Self { now, time_format, format: environment.get("SACCT_FORMAT").cloned(), people, complaint }
    }

    /// A user's name; nothing where there is none, `kept` where nobody knows.
    fn user_name(&self, uid: Uid, kept: impl Display) -> String {
        self.people.user_numbered(uid).map(|user| user.name).or_kept("", kept)
    }

    /// A group's name; nothing where there is none, the number where nobody knows.
    fn group_name(&self, gid: Gid) -> String {
        self.people.group_numbered(gid).map(|group| group.name).or_kept("", gid)
    }
}

/// Where sacct looks.
pub struct Service<'a> {
    /// Names of QOS and TRES, who may see what.
    pub state: &'a State,
    /// `PrivateData` and its like.
    pub settings: &'a Settings,
    /// The service's own cluster.
    pub cluster: &'a str,
    /// The records.
    pub jobs: &'a dyn Jobs,
}

const USAGE: &str = "Usage: sacct [options]\n\tUse --help for help\n";

const HELP: &str = "\
sacct [OPTION...]: jobs and steps that ran or wait
    -a, --allusers          of all users, not only the caller's
    -A, --accounts=LIST     of these accounts; likewise -u users, -g groups, -r partitions, -q qos, -W wckeys,
                            -x association ids, --name names, -C constraints, -R reasons, -F flags, -N nodes
    -j, --jobs=LIST         these: 123, 123.batch, 123_4, 12+1; all their times
    -s, --state=LIST        those in these states (PD, R, CD, CA, F, TO, NF ...) in the time asked for
    -S, --starttime=TIME    from then on; else from midnight (with -j: always; with -s: now)
    -E, --endtime=TIME      until then; else until now
    -i, --nnodes=MIN[-MAX]  on so many nodes; likewise -I cpus, -k/-K shortest and longest time limit
    -D, --duplicates        also earlier runs of requeued jobs
    -L, -M, --clusters=LIST on all or on these clusters
    -X, --allocations       without steps
    -T, --truncate          cut times to those asked for
    -o, --format=LIST       these fields, each with %WIDTH if wanted; -e lists them; -b brief, -l long
    -n, -p, -P              without heading; columns separated by `|` (--delimiter), without one at the end
    --noconvert, --units=K  amounts as they are kept, or in one unit
    --json, --yaml          everything about them, for programs
    -V, --version
Times: YYYY-MM-DD[THH:MM[:SS]], MMDD[YY], MM/DD[/YY], HH:MM, now-2hours, today, noon ...
";

/// What `-V` says; scripts look for a Slurm release here, so the one whose behaviour is kept comes first.
const VERSION: &str = concat!("slurm 22.05.8 (enlist ", env!("CARGO_PKG_VERSION"), ")\n");

/// Runs one command line (without the program's name) for a caller. It changes nothing.
/// The reply's `stdout` is what was not handed on.
pub fn run(service: &Service, caller: &Caller, around: &Surroundings, argv: &[String], mut stdout: Output) -> Reply {
    let (stderr, code) = match list(service, caller, around, argv, &mut stdout) {
        Ok(said) => (said + &around.complaint, 0),
        Err(Refusal { stderr, code }) => (stderr, code),
    };
    Reply { stdout: stdout.rest(), stderr, code, ..Reply::default() }
}

/// Why there is nothing to show.
struct Refusal {
    stderr: String,
    code: u8,
}

impl From<String> for Refusal {
    fn from(stderr: String) -> Self {
        Self { stderr, code: 1 }
    }
}

/// The exit code of a query over more than MaxQueryTimeRange: the low byte of Slurm's error number.
const TOO_WIDE: u8 = 95;

/// Prints, and gives what belongs on standard error; or the error.
fn list(
    service: &Service,
    caller: &Caller,
    around: &Surroundings,
    argv: &[String],
    out: &mut Output,
) -> Result<String, Refusal> {
    let options = options::parse(argv, around)?;
    if let Some(instead) = &options.instead {
        out.push_str(&instead.text());
        return Ok(String::new());
    }
    let columns = options.columns(around.format.as_deref())?;
    let view = View::new(service.state, caller, service.settings);
    let (start, end) = options.window();
    // Whoever names jobs asks for little, however long ago.
    if options.selected.is_empty() && !view.time_range(end.saturating_sub(start).unsigned_abs()) {
        let stderr = options::error("Too wide of a date range in query");
        return match options.structured {
            Some(form) => {
                structured::document(form, Some(structured::TOO_WIDE), out).end();
                Ok(stderr)
            }
            None => Err(Refusal { stderr, code: TOO_WIDE }),
        };
    }
    let query = query(service, caller, around, &options)?;
    let printed = match options.structured {
        Some(form) => print_document(service, around, &query, &view, form, out),
        None => print_table(service, around, &query, &view, Table::new(&columns, &options, out)),
    };
    printed.map_err(|error| options::error(&format!("the jobs: {error}")))?;
    Ok(said(&options, around))
}

impl Instead {
    fn text(&self) -> String {
        match self {
            Instead::Version => VERSION.into(),
            Instead::Fields => fields::help(fields::ALL),
            Instead::Usage => USAGE.into(),
            Instead::Help => HELP.into(),
        }
    }
}

/// Names turned into what records have.
fn query<'a>(
    service: &'a Service,
    caller: &Caller,
    around: &Surroundings,
    options: &'a Options,
) -> Result<Query<'a>, String> {
    let anybody = options.users.is_empty()
        && (caller.uid == Uid::ROOT || !options.selected.is_empty() || options.node_list.is_some());
    let uids = if options.users.is_empty() { vec![caller.uid] } else { options.users.clone() };
    let named = |uid: Uid| {
        if uid == caller.uid {
            (uid, caller.name.clone())
        } else {
            // Where nobody knows the name, the records go by the number.
            let name = around.user_name(uid, "");
            (uid, if service.settings.keeps_case() { name } else { name.to_lowercase() })
        }
    };
    let users = (!options.all_users && !anybody).then(|| uids.into_iter().map(named).collect());
    let qos = qos(service.state, options.qos.as_deref().unwrap_or_default())?;
    let mut query = Query { options, cluster: service.cluster, qos, users, hets: BTreeSet::new() };
    if options.whole_het == Some(true) {
        query.hets = whole_hets(service, &query).map_err(|error| options::error(&error.to_string()))?;
    }
    Ok(query)
}

fn qos(state: &State, names: &str) -> Result<Vec<QosId>, String> {
    let find = |name: &str| {
        let known = || state.qos.values().map(|qos| qos.name.as_str()).collect::<Vec<_>>().join(",");
        let found = state.qos.values().find(|qos| qos.name.eq_ignore_ascii_case(name)).map(|qos| qos.id);
        found.ok_or_else(|| {
            options::error(&format!("You gave a bad qos '{name}'. Valid QOS's are {}", known()))
                + &options::fatal("problem processing qos list")
        })
    };
    names.split(',').filter(|name| !name.is_empty()).map(find).collect()
}

/// The heterogeneous jobs that have one of the named jobs as a component.
fn whole_hets(service: &Service, query: &Query) -> Result<BTreeSet<JobId>, JobsError> {
    let mut hets = BTreeSet::new();
    let named: BTreeSet<JobId> = query.options.selected.numbers();
    service.jobs.each(&query.scan(), &mut |job| {
        hets.extend(job.het.filter(|_| named.contains(&job.job_id)).map(|het| het.job));
        ControlFlow::Continue(())
    })?;
    Ok(hets)
}

/// Shows the jobs of a query one after another. Of the runs of a job the latest is taken (`-D`: all).
fn each(service: &Service, query: &Query, view: &View, order: Order, see: &mut See) -> Result<(), JobsError> {
    let scan = query.scan();
    let takes = |job: &Job| (view.all_jobs() || view.job(&job.account, &job.user)) && query.takes(job);
    let is_last = |job: &Job| {
        let every = query.options.duplicates || job.state == JobState::Resizing;
        Ok::<_, JobsError>(every || !service.jobs.later_runs(job)?.iter().any(|run| scan.takes(run) && takes(run)))
    };
    service.jobs.each_in(order, &scan, &mut |job| {
        if takes(&job) && is_last(&job)? { see(job) } else { Ok(ControlFlow::Continue(())) }
    })
}

/// Prints a table.
fn print_table(
    service: &Service,
    around: &Surroundings,
    query: &Query,
    view: &View,
    mut table: Table,
) -> Result<(), JobsError> {
    each(service, query, view, Order::Submitted, &mut |job| {
        show(service, around, query, &mut table, job)?;
        Ok(table.out.row_ends())
    })
}

/// Prints one job and its steps.
fn show(service: &Service, around: &Surroundings, query: &Query, table: &mut Table, job: Job) -> Result<(), JobsError> {
    let options = query.options;
    if options.script || options.environment {
        let what = if options.script { "Batch Script for" } else { "Environment used for" };
        let note = if options.script { "" } else { " (must be batch to display)" };
        table.out.push_str(&format!("{what} {}{note}\n{}\nNONE\n\n", cell::job_id(&job), "-".repeat(80)));
        return Ok(());
    }
    let parts = Parts::of(&job, &options.selected);
    let (line, steps) = lines(service, around, query, &parts, job)?;
    let maker = Maker { state: service.state, around, convert: options.convert, local_uid: options.local_uid };
    if parts.job || query.without_steps() {
        table.row(|column| maker.job(&line, column.field));
    }
    for step in &steps {
        table.row(|column| maker.step(&line, step, column.field));
    }
    Ok(())
}

/// A job and those of its steps that are shown.
fn lines(
    service: &Service,
    around: &Surroundings,
    query: &Query,
    parts: &Parts,
    job: Job,
) -> Result<(JobLine, Vec<StepLine>), JobsError> {
    let now = around.now.timestamp().as_second();
    let row = job.row.filter(|_| !query.without_steps());
    let steps = row.map_or(Ok(Vec::new()), |row| service.jobs.steps(row))?;
    let steps: Vec<_> = steps
        .into_iter()
        .filter(|step| parts.takes(step) && query.takes_step(step))
        .map(|step| StepLine::new(step, &job, query.options, now))
        .collect();
    Ok((JobLine::new(job, &steps, query.options, now), steps))
}

/// Prints what `--json` and `--yaml` say of the jobs, in the order in which slurmdbd hands them out.
fn print_document(
    service: &Service,
    around: &Surroundings,
    query: &Query,
    view: &View,
    form: Structured,
    out: &mut Output,
) -> Result<(), JobsError> {
    let options = query.options;
    let maker = Maker { state: service.state, around, convert: options.convert, local_uid: options.local_uid };
    // What stands first says whether there are any.
    let mut document = None;
    let mut out = Some(out);
    each(service, query, view, Order::Numbered, &mut |job| {
        let parts = Parts::of(&job, &options.selected);
        let (line, steps) = lines(service, around, query, &parts, job)?;
        if let Some(out) = out.take() {
            document = Some(structured::document(form, None, out));
        }
        let job = maker.data(&line, &steps);
        Ok(document.as_mut().map_or(ControlFlow::Break(()), |document| document.item(&job)))
    })?;
    let none = out.map(|out| structured::document(form, Some(structured::NOTHING), out));
    if let Some(document) = document.or(none) {
        document.end();
    }
    Ok(())
}

/// `-v`: which time was asked about.
fn said(options: &Options, around: &Surroundings) -> String {
    if !options.verbose {
        return String::new();
    }
    let states: Vec<_> = options.states.iter().map(|state| state.name()).collect();
    let states = if states.is_empty() { "Eligible".to_owned() } else { states.join(",") };
    let ctime = TimeFormat::Pattern("%a %b %d %H:%M:%S %Y".into());
    let show = |time: i64| if time == 0 { "Epoch 0".to_owned() } else { ctime.show(time, &around.now) };
    let (start, end) = options.window();
    if start == end {
        format!("sacct: Jobs {states} at the time instant {}\n", show(start))
    } else {
        format!("sacct: Jobs {states} in the time window from {} to {}\n", show(start), show(end))
    }
}
