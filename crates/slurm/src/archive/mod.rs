//! What becomes of old records (slurmdbd.conf(5), `Purge…After`, `Archive…`; sacctmgr(1), "ARCHIVE FUNCTIONALITY"): which
//! are old, and how an archive has them.

mod record;

pub use record::{Cell, Head, Record, Tail, UsageOf};

use crate::rollup::{Calendar, Period};
use crate::settings::{Age, Archive, Retention};
use jiff::Span;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A kind of records that grow old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nodes that were down, clusters that were as they were.
    Events,
    /// Steps, of jobs that stay.
    Steps,
    /// Jobs with their steps.
    Jobs,
    /// Reservations.
    Reservations,
    /// The transaction record.
    Transactions,
    /// Usage by hour, day and month.
    Usage,
}

impl Kind {
    /// All, in the order in which they are purged.
    pub const ALL: [Kind; 6] =
        [Kind::Events, Kind::Steps, Kind::Jobs, Kind::Reservations, Kind::Transactions, Kind::Usage];

    /// `jobs`
    pub fn name(self) -> &'static str {
        match self {
            Kind::Events => "events",
            Kind::Steps => "steps",
            Kind::Jobs => "jobs",
            Kind::Reservations => "reservations",
            Kind::Transactions => "transactions",
            Kind::Usage => "usage",
        }
    }

    /// Whether each cluster has its own; the others are archived together.
    pub fn is_by_cluster(self) -> bool {
        !matches!(self, Kind::Transactions | Kind::Usage)
    }

    /// Whether usage is summed up from them (or is what they are): they stay until that is done.
    pub fn makes_usage(self) -> bool {
        matches!(self, Kind::Events | Kind::Jobs | Kind::Reservations | Kind::Usage)
    }
}

/// How old the records of a kind may get, and whether they are archived before they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Of which kind.
    pub kind: Kind,
    /// How old.
    pub age: Age,
    /// Whether they are archived.
    pub archive: bool,
}

/// What is to be purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// By which rules, one a kind.
    pub rules: Vec<Rule>,
    /// Of these clusters; of all when empty.
    pub clusters: Vec<String>,
    /// Where archives go.
    pub directory: PathBuf,
}

/// What `sacctmgr archive` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// `archive dump`
    Dump(Order),
    /// `archive load`: this file.
    Load(PathBuf),
}

impl Order {
    /// What the configuration says.
    pub fn configured(retention: &Retention) -> Self {
        let rules = Kind::ALL.into_iter().filter_map(|kind| {
            let (age, archive) = retention.of(kind);
            Some(Rule { kind, age: age?, archive })
        });
        Self { rules: rules.collect(), clusters: Vec::new(), directory: retention.directory.clone() }
    }
}

impl Retention {
    /// Age and archive of a kind.
    pub fn of(&self, kind: Kind) -> (Option<Age>, bool) {
        let (age, word) = match kind {
            Kind::Events => (self.events, Archive::Events),
            Kind::Steps => (self.steps, Archive::Steps),
            Kind::Jobs => (self.jobs, Archive::Jobs),
            Kind::Reservations => (self.reservations, Archive::Reservations),
            Kind::Transactions => (self.transactions, Archive::Transactions),
            Kind::Usage => (self.usage, Archive::Usage),
        };
        (age, self.archived.has(word))
    }
}

impl Age {
    /// The time before which everything is too old: the beginning of the hour, day or month, less the age. `None` when
    /// that is before all time.
    pub fn cutoff(self, now: i64, calendar: &Calendar) -> Option<i64> {
        let start = |period| calendar.civil(calendar.start(period, now));
        let (start, age) = match self {
            Age::Hours(hours) => return calendar.start(Period::Hour, now).checked_sub(i64::from(hours) * 3600),
            Age::Days(days) => (start(Period::Day), Span::new().try_days(days)),
            Age::Months(months) => (start(Period::Month), Span::new().try_months(months)),
        };
        calendar.instant(start.checked_sub(age.ok()?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn what_is_too_old() {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap());
        let now = 1_743_500_000; // 2025-04-01T11:33:20
        let cutoff = |age: &str| Age::parse(age).unwrap().cutoff(now, &calendar).map(|time| calendar.text(time));
        for (age, then) in [
            ("12hours", "2025-03-31T23:00:00"),
            ("1day", "2025-03-31T00:00:00"),
            ("3days", "2025-03-29T00:00:00"), // the day between has 23 hours
            ("1", "2025-03-01T00:00:00"),
            ("12months", "2024-04-01T00:00:00"),
        ] {
            assert_eq!(cutoff(age).as_deref(), Some(then), "{age}");
        }
        assert_eq!(cutoff("4000000000months"), None);
    }

    #[test]
    fn nothing_is_purged_unless_it_is_said() {
        assert!(Order::configured(&Retention::default()).rules.is_empty());
        let retention = Retention { jobs: Some(Age::Months(2)), ..Retention::default() };
        let rule = Rule { kind: Kind::Jobs, age: Age::Months(2), archive: false };
        assert_eq!(Order::configured(&retention).rules, [rule]);
    }
}
