//! What slurm.conf and slurmdbd.conf say about accounting: values that commands, reports and the scheduler obey.
//! `daemon::config` reads them; nothing here does I/O.

mod enforce;
pub mod partition;
pub mod words;

pub use enforce::Enforce;
pub use partition::{Admits, Partition, PartitionState};
pub use words::{Archive, Parameter, PriorityFlag, Private, ResetPeriod, Words};

use crate::fairshare::{Decay, Method};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// All of them, with Slurm's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `SlurmUser`: who may do what root may.
    pub slurm_user: String,
    /// `PrivateData`: what ordinary users don't see of others; see [`super::privacy`].
    pub private_data: Words<Private>,
    /// `AccountingStorageEnforce`.
    pub enforce: Enforce,
    /// `EnforcePartLimits`: jobs that break a limit of their partition are refused; else they wait.
    pub enforce_partitions: bool,
    /// `PartitionName=…`, in their order. Where none is known, every name is one without limits.
    pub partitions: Vec<Partition>,
    /// `TrackWCKey`: whether wckeys are recorded.
    pub track_wckey: bool,
    /// `DisableCoordDBD`: coordinators have no rights.
    pub disable_coordinators: bool,
    /// `Parameters`.
    pub parameters: Words<Parameter>,
    /// `MaxQueryTimeRange` in seconds; `None` is without bound. Operators are exempt.
    pub max_query_seconds: Option<u64>,
    /// `DefaultQOS` of new clusters.
    pub default_qos: String,
    /// `FirstJobId`, `MaxJobId`.
    pub job_ids: JobIds,
    /// `Priority…` and `FairShareDampeningFactor`.
    pub priority: Priority,
    /// `Purge…After`, `Archive…`.
    pub retention: Retention,
}

impl Settings {
    /// Whether names of users keep their upper-case letters (slurmdbd.conf(5), `PreserveCaseUser`).
    pub fn keeps_case(&self) -> bool {
        self.parameters.has(Parameter::PreserveCaseUser)
    }
}

impl Settings {
    /// The partition of a job that names this one, or none (an empty name: the default one). `None` when there is no
    /// such partition; where none is known, any name is good.
    pub fn partition(&self, name: &str) -> Option<Partition> {
        if self.partitions.is_empty() || name.is_empty() && !self.partitions.iter().any(|it| it.is_default) {
            return Some(Partition { name: name.to_owned(), ..Partition::default() });
        }
        let is_it = |it: &&Partition| if name.is_empty() { it.is_default } else { it.name == name };
        self.partitions.iter().rev().find(is_it).cloned()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            slurm_user: "root".into(),
            private_data: Words::default(),
            enforce: Enforce::default(),
            enforce_partitions: false,
            partitions: Vec::new(),
            track_wckey: false,
            disable_coordinators: false,
            parameters: Words::default(),
            max_query_seconds: None,
            default_qos: "normal".into(),
            job_ids: JobIds::default(),
            priority: Priority::default(),
            retention: Retention::default(),
        }
    }
}

/// The numbers that new jobs get (slurm.conf(5), `FirstJobId`, `MaxJobId`); after the last comes the first again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobIds {
    /// At least 1.
    pub first: u32,
    /// At most [`JobIds::LAST`], and above the first.
    pub last: u32,
}

impl JobIds {
    /// The greatest local job number: 26 bits.
    pub const LAST: u32 = 0x03ff_ffff;
}

impl Default for JobIds {
    fn default() -> Self {
        Self { first: 1, last: 0x03ff_0000 }
    }
}

/// How priorities and fairshare are computed (priority_multifactor.shtml).
#[derive(Clone, Debug, PartialEq)]
pub struct Priority {
    /// `PriorityType=priority/multifactor`; else first come, first served.
    pub multifactor: bool,
    /// `PriorityFlags`.
    pub flags: Words<PriorityFlag>,
    /// `PriorityDecayHalfLife`; `None` is no decay.
    pub half_life: Option<Duration>,
    /// `PriorityUsageResetPeriod`.
    pub reset: ResetPeriod,
    /// `PriorityCalcPeriod`: how often decay is computed; whole minutes, at least one.
    pub calc_period: Duration,
    /// `PriorityMaxAge`: the age that gives the whole age factor.
    pub max_age: Duration,
    /// `PriorityFavorSmall`.
    pub favor_small: bool,
    /// `FairShareDampeningFactor`, at least 1.
    pub dampening: u16,
    /// `PriorityWeight…`.
    pub weights: Weights,
}

impl Default for Priority {
    fn default() -> Self {
        const WEEK: Duration = Duration::from_secs(7 * 86_400);
        Self {
            multifactor: true,
            flags: Words::default(),
            half_life: Some(WEEK),
            reset: ResetPeriod::None,
            calc_period: Duration::from_secs(300),
            max_age: WEEK,
            favor_small: false,
            dampening: 1,
            weights: Weights::default(),
        }
    }
}

impl Priority {
    /// Fair Tree, unless `NO_FAIR_TREE` or `DEPTH_OBLIVIOUS`, which implies it.
    pub fn method(&self) -> Method {
        if self.flags.has(PriorityFlag::NoFairTree) || self.flags.has(PriorityFlag::DepthOblivious) {
            Method::Classic { dampening: self.dampening }
        } else {
            Method::FairTree
        }
    }

    /// How usage fades.
    pub fn decay(&self) -> Decay {
        Decay::of_half_life(self.half_life)
    }
}

/// How much each factor counts in a job's priority.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// `PriorityWeightAge`.
    pub age: u32,
    /// `PriorityWeightAssoc`.
    pub association: u32,
    /// `PriorityWeightFairshare`.
    pub fairshare: u32,
    /// `PriorityWeightJobSize`.
    pub job_size: u32,
    /// `PriorityWeightPartition`.
    pub partition: u32,
    /// `PriorityWeightQOS`.
    pub qos: u32,
    /// `PriorityWeightTRES`: by name in lower case; may be negative.
    pub tres: Vec<(String, f64)>,
}

/// How long records are kept, and whether they are archived before they go (slurmdbd.conf(5), `Purge…After`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `PurgeEventAfter`; `None` is for ever, as with the others.
    pub events: Option<Age>,
    /// `PurgeJobAfter`.
    pub jobs: Option<Age>,
    /// `PurgeResvAfter`.
    pub reservations: Option<Age>,
    /// `PurgeStepAfter`.
    pub steps: Option<Age>,
    /// `PurgeSuspendAfter`.
    pub suspensions: Option<Age>,
    /// `PurgeTXNAfter`.
    pub transactions: Option<Age>,
    /// `PurgeUsageAfter`.
    pub usage: Option<Age>,
    /// `ArchiveEvents=yes` and so on.
    pub archived: Words<Archive>,
    /// `ArchiveDir`.
    pub directory: PathBuf,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            events: None,
            jobs: None,
            reservations: None,
            steps: None,
            suspensions: None,
            transactions: None,
            usage: None,
            archived: Words::default(),
            directory: "/var/lib/enlist/archive".into(),
        }
    }
}

/// An age in the unit in which it was written, since that says when the purge happens: at each full hour, day or month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// `12hours`
    Hours(u32),
    /// `30days`
    Days(u32),
    /// `12` or `12months`
    Months(u32),
}

impl Age {
    /// From `12hours`, `30days`, `12months` or `12`; units may be cut short.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number = number.parse().ok().filter(|number| *number > 0)?;
        let is = |name: &str| name.get(..unit.len()).is_some_and(|part| part.eq_ignore_ascii_case(unit));
        match () {
            () if is("months") => Some(Age::Months(number)),
            () if is("hours") => Some(Age::Hours(number)),
            () if is("days") => Some(Age::Days(number)),
            () => None,
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Age::Hours(number) => write!(f, "{number}hours"),
            Age::Days(number) => write!(f, "{number}days"),
            Age::Months(number) => write!(f, "{number}months"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (text, age) in [("12", Age::Months(12)), ("1month", Age::Months(1)), ("2d", Age::Days(2))] {
            assert_eq!(Age::parse(text), Some(age), "{text}");
        }
        assert_eq!(Age::parse("12HOURS").map(|age| age.to_string()).as_deref(), Some("12hours"));
        for bad in ["", "0", "x", "12weeks", "-1", "99999999999", "1é"] {
            assert_eq!(Age::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_formula_follows_the_flags() {
        let mut priority = Priority { dampening: 3, ..Priority::default() };
        assert_eq!(priority.method(), Method::FairTree);
        priority.flags = Words::parse("depth_oblivious").unwrap();
        assert_eq!(priority.method(), Method::Classic { dampening: 3 });
    }
}
