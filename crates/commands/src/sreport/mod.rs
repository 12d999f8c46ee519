//! `sreport` as a function: [`run`] takes a command line, the state and what is rolled up, and gives the text and exit
//! code of Slurm 22.05.8. It changes nothing.

mod cluster;
mod condition;
mod fields;
mod options;
mod reservation;
mod sizes;
mod totals;
mod users;

use crate::Reply;
use crate::columns::{Cell, Column};
use crate::sacctmgr::word::begins;
use condition::Condition;
use fields::Field;
pub use options::{HEEDED, VERSION, begin_session};
use options::{HELP, Instead, Options};
use slurm::State;
use slurm::model::{AssociationId, TresId, WckeyId};
use slurm::privacy::View;
use slurm::records::{Job, JobsError, Scan};
use slurm::rollup::{Calendar, ClusterUse, Span};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use words::people::People;

/// Seconds of one TRES, by association or wckey.
pub type Share<Id> = (Id, TresId, u64);

/// Where reports read what is rolled up. Times are whole hours.
pub trait Records {
    /// What each association used itself.
    fn associations(&self, span: Span) -> Result<Vec<Share<AssociationId>>, JobsError>;

    /// What each wckey used.
    fn wckeys(&self, span: Span) -> Result<Vec<Share<WckeyId>>, JobsError>;

    /// What a cluster did: a record for each TRES and each hour, day or month of the time.
    fn cluster(&self, cluster: &str, span: Span) -> Result<Vec<(TresId, ClusterUse)>, JobsError>;

    /// Shows every job of a window ([`Scan::window`]) that started, with what is looked at. All are shown in the same
    /// place in memory, since a month may have a million.
    fn each_job(&self, look: Look, scan: &Scan, see: &mut dyn FnMut(&Job) -> ControlFlow<()>) -> Result<(), JobsError>;
}

/// What a report looks at in jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The association, the reservation, when it ran, and what it had: quicker to read than all.
    Use,
    /// Also whose it is, and where it ran.
    Whole,
}

/// What a report must know of the world.
pub trait Site {
    /// Seconds since 1970.
    fn now(&self) -> i64;

    /// The time zone.
    fn calendar(&self) -> &Calendar;

    /// The cluster that is meant when none is named.
    fn cluster(&self) -> &str;

    /// Who is who.
    fn people(&self) -> &dyn People;
}

/// Everything that a report works with.
struct Report<'a> {
    state: &'a State,
    view: View<'a>,
    site: &'a dyn Site,
    records: &'a dyn Records,
    options: Options,
    out: String,
    err: String,
    failed: bool,
}

/// A report that could not be made; why is said already.
#[derive(Debug)]
struct Refused;

type Done<T = ()> = Result<T, Refused>;

/// The caller's environment variables.
pub type Environment = BTreeMap<String, String>;

/// Runs one command line (without the program's name). Of the environment it heeds [`HEEDED`].
pub fn run(
    state: &State,
    view: View,
    site: &dyn Site,
    records: &dyn Records,
    environment: &Environment,
    argv: &[String],
) -> Reply {
    let (options, words) = match Options::parse(argv, environment, state) {
        Ok(parsed) => parsed,
        Err(text) => return Reply { stderr: text, code: 1, ..Reply::default() },
    };
    match options.instead {
        Some(Instead::Help) => return Reply { stdout: HELP.into(), ..Reply::default() },
        Some(Instead::Version) => return Reply { stdout: VERSION.into(), ..Reply::default() },
        None => {}
    }
    let err = options.complaints.clone();
    let mut report = Report { state, view, site, records, options, out: String::new(), err, failed: false };
    let refused = report.dispatch(&words).is_err();
    Reply { stdout: report.out, stderr: report.err, code: (report.failed || refused).into(), ..Reply::default() }
}

/// A report's name, its shortest abbreviation, and how it is made.
type Known = (&'static str, usize, fn(&mut Report, &[&str]) -> Done);

const CLUSTER: &[Known] = &[
    ("AccountUtilizationByUser", 1, cluster::by_account),
    ("UserUtilizationByAccount", 18, cluster::by_user),
    ("UA", 2, cluster::by_user),
    ("UserUtilizationByWckey", 18, cluster::by_user_and_wckey),
    ("UW", 2, cluster::by_user_and_wckey),
    ("Utilization", 2, cluster::utilization),
    ("WCKeyUtilizationByUser", 1, cluster::by_wckey),
];

const JOB: &[Known] = &[
    ("SizesByAccount", 1, sizes::by_account),
    ("SizesByWcKey", 8, sizes::by_wckey),
    ("SizesByAccountAndWcKey", 15, sizes::by_account_and_wckey),
];

impl Report<'_> {
    fn dispatch(&mut self, words: &[&str]) -> Done {
        let Some((verb, rest)) = words.split_first() else { return self.refuse(HELP.trim_end()) };
        let is = |name: &str, shortest: usize| begins(verb, name, shortest);
        if is("cluster", 2) {
            self.make(verb, CLUSTER, rest, "cluster reports are, \"AccountUtilizationByUser\", \
                \"UserUtilizationByAccount\", \"UserUtilizationByWckey\", \"Utilization\", and \"WCKeyUtilizationByUser\"")
        } else if is("help", 2) {
            self.alone(verb, rest);
            self.out.push_str(HELP);
            Ok(())
        } else if is("job", 1) {
            self.make(verb, JOB, rest, "job reports are, \"SizesByAccount, SizesByAccountAndWcKey, and  SizesByWckey\"")
        } else if is("reservation", 2) || is("resv", 2) {
            self.make(
                verb,
                &[("Utilization", 1, reservation::utilization)],
                rest,
                "reservation reports are, \
                \"Utilization\"",
            )
        } else if is("sort", 1) || is("time", 1) {
            if rest.is_empty() { self.refuse(format!("too few arguments for keyword:{verb}")) } else { Ok(()) }
        } else if is("version", 4) {
            self.alone(verb, rest);
            self.out.push_str(VERSION);
            Ok(())
        } else if is("user", 1) {
            self.make(verb, &[("Top", 1, users::top)], rest, "user reports are, \"Top\"")
        } else if SESSION_WORDS.iter().any(|(word, shortest)| is(word, *shortest)) {
            self.alone(verb, rest);
            Ok(())
        } else {
            self.refuse(format!("invalid keyword: {verb}"))
        }
    }

    fn make(&mut self, verb: &str, known: &[Known], words: &[&str], names: &str) -> Done {
        let Some((name, words)) = words.split_first() else {
            self.failed = true;
            return if self.options.quiet {
                Ok(())
            } else {
                self.refuse(format!("too few arguments for keyword:{verb}"))
            };
        };
        let fits = |(report, shortest, _): &&Known| match verb.starts_with(['j', 'J']) {
            true => begins(name, report, *shortest),
            // Of other reports only the first letters are looked at, whatever follows.
            false => name.get(..*shortest).is_some_and(|typed| begins(typed, report, *shortest)),
        };
        match known.iter().find(fits) {
            Some((_, _, make)) => make(self, words),
            None => self.refuse(format!("Not valid report {name}\nValid {names}")),
        }
    }

    /// A word that stands alone.
    fn alone(&mut self, verb: &str, rest: &[&str]) {
        if !rest.is_empty() {
            self.complain(format!("too many arguments for keyword:{verb}"));
        }
    }

    fn complain(&mut self, text: impl AsRef<str>) {
        self.err.push_str(text.as_ref());
        self.err.push('\n');
        self.failed = true;
    }

    fn refuse<T>(&mut self, text: impl AsRef<str>) -> Done<T> {
        self.complain(text);
        Err(Refused)
    }

    /// What was read, or the reader's complaint.
    fn read<T>(&mut self, read: Result<T, JobsError>) -> Done<T> {
        read.or_else(|error| self.refuse(format!("sreport: error: the usage cannot be read: {error}")))
    }

    /// The lines above a table: what is reported, of when, in which unit.
    fn heading(&mut self, title: &str, wanted: &Condition, with_length: bool, unit: String) {
        if !self.options.style.header {
            return;
        }
        let Span { start, end } = wanted.span;
        let length = if with_length { format!(" ({} secs)", wanted.span.seconds()) } else { String::new() };
        let line = "-".repeat(80);
        let (from, to) = (self.time_text(start), self.time_text(end.saturating_sub(1)));
        self.out.push_str(&format!("{line}\n{title} {from} - {to}{length}\n{unit}\n{line}\n"));
    }

    /// A moment as SLURM_TIME_FORMAT wants it, in the service's time zone.
    fn time_text(&self, time: i64) -> String {
        self.options.time_format.show(time, &self.site.calendar().zoned(self.site.now()))
    }

    /// The line of a heading that says the unit.
    fn unit_line(&self, what: &str) -> String {
        match self.options.unit.name() {
            name if self.options.unit.is_percent() => format!("Usage reported in {name}"),
            name => format!("Usage reported in {what} {name}"),
        }
    }

    /// An amount of time in the unit asked for, as a part of `whole`.
    fn time(&self, seconds: u64, whole: u64) -> Cell {
        Cell::Time(self.options.unit.text(seconds, whole))
    }

    /// Prints a table.
    fn print(&mut self, fields: &[Field], rows: impl IntoIterator<Item = Vec<Cell>>) {
        let columns: Vec<Column> = fields.iter().map(Field::column).collect();
        let style = self.options.style;
        style.head(&mut self.out, &columns);
        rows.into_iter().for_each(|row| style.row(&mut self.out, &columns, &row));
    }
}

/// Words that change the rest of a session, and their shortest abbreviations; alone they do nothing.
const SESSION_WORDS: &[(&str, usize)] = &[
    ("quiet", 4),
    ("exit", 1),
    ("\\q", 2),
    ("quit", 4),
    ("local", 3),
    ("nonparsable", 4),
    ("parsable", 8),
    ("parsable2", 9),
    ("verbose", 4),
];
