//! Rollup: what jobs, reservations and events come to in an hour, by association, wckey and cluster, as slurmdbd counts
//! it. Hours add up to days, days to months.
//!
//! Everything is whole seconds of TRES (`cpu` seconds, `gres/gpu` seconds …), so sums are exact in any order and an hour
//! that is rolled up again comes to the same. Times are seconds since 1970.

mod balance;
pub mod calendar;
mod from_model;
mod hour;
#[cfg(test)]
mod tests;

pub use balance::ClusterUse;
pub use calendar::{Calendar, Period};
pub use hour::HourSum;

use crate::model::{AssociationId, QosId, ReservationId, TresId, WckeyId};
use std::collections::BTreeMap;

/// A time from `start` up to and without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its first second.
    pub start: i64,
    /// The second after its last.
    pub end: i64,
}

impl Span {
    /// The part of it that lies in `other`; may be empty.
    pub fn within(self, other: Span) -> Span {
        Span { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Its length; 0 when it is empty.
    pub fn seconds(self) -> u64 {
        u64::try_from(self.end.saturating_sub(self.start)).unwrap_or(0)
    }
}

/// Adds to a sum. What lists from outside say may be anything; a sum that is full stays so.
pub fn add_up(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// How much of which TRES.
pub type Amounts = Vec<(TresId, u64)>;

/// A job as far as the rollup looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobUse {
    /// Its association; 0 is none, and counts for the cluster only.
    pub association: Option<AssociationId>,
    /// Its QOS.
    pub qos: Option<QosId>,
    /// Its wckey; 0 is none.
    pub wckey: Option<WckeyId>,
    /// When it could first have started.
    pub eligible: i64,
    /// When it started.
    pub start: Option<i64>,
    /// When it ended.
    pub end: Option<i64>,
    /// When it did not run in between: its CPUs count for others then.
    pub suspended: Vec<Span>,
    /// How many CPUs it asked for.
    pub cpus_requested: u64,
    /// Tasks of an array that wait together in this record; 0 for an ordinary job.
    pub waiting_tasks: u64,
    /// The reservation it ran in.
    pub reservation: Option<ReservationId>,
    /// UsageFactor of its QOS in millionths.
    pub usage_factor: u64,
    /// What it had.
    pub tres: Amounts,
}

/// What the usage of associations and QOS is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// The time that jobs ran, whatever they had: what `GrpWall` counts.
    Wall,
    /// Seconds of a TRES.
    Tres(TresId),
}

impl Measure {
    /// The number in the store: the TRES', and 0 for time.
    pub fn number(self) -> u32 {
        match self {
            Measure::Wall => 0,
            Measure::Tres(id) => id.0,
        }
    }

    /// From [`Measure::number`].
    pub fn from_number(number: u32) -> Self {
        if number == 0 { Measure::Wall } else { Measure::Tres(TresId(number)) }
    }
}

/// UsageFactor 1.
pub const FACTOR_ONE: u64 = 1_000_000;

/// What a cluster had for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// When.
    pub span: Span,
    /// Whether its controller was away in that time.
    pub is_away: bool,
    /// What it had.
    pub tres: Amounts,
}

/// A node that could not be used for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The node.
    pub node: String,
    /// When.
    pub span: Span,
    /// Whether nobody expected it to be there (FUTURE, or a cloud node that is powered down).
    pub is_planned: bool,
    /// What it has.
    pub tres: Amounts,
}

/// Resources set apart for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The reservation's number.
    pub id: ReservationId,
    /// When.
    pub span: Span,
    /// MAINT: counts as planned down time.
    pub is_maintenance: bool,
    /// IGNORE_JOBS: other jobs may run on it too, so it counts only by its own jobs.
    pub ignores_jobs: bool,
    /// Its nodes.
    pub nodes: Vec<String>,
    /// Who may use it: they are charged for what nobody uses.
    pub associations: Vec<AssociationId>,
    /// What is set apart.
    pub tres: Amounts,
}

/// What of a cluster is not a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What it had, in order of time.
    pub registrations: Vec<Registration>,
    /// What was down.
    pub outages: Vec<Outage>,
    /// What was set apart.
    pub bookings: Vec<Booking>,
}

impl Surroundings {
    /// What of it concerns an hour, cut to it.
    pub fn within(&self, hour: Span) -> Surroundings {
        fn cut<T: Clone>(all: &[T], hour: Span, span: impl Fn(&mut T) -> &mut Span, of: impl Fn(&T) -> Span) -> Vec<T> {
            let concerned = all.iter().filter(|item| of(item).within(hour).seconds() > 0).cloned();
            let mut kept: Vec<T> = concerned.collect();
            for item in &mut kept {
                let part = span(item).within(hour);
                *span(item) = part;
            }
            kept
        }
        Surroundings {
            registrations: cut(&self.registrations, hour, |it| &mut it.span, |it| it.span),
            outages: cut(&self.outages, hour, |it| &mut it.span, |it| it.span),
            bookings: cut(&self.bookings, hour, |it| &mut it.span, |it| it.span),
        }
    }
}

/// Seconds that an association used of a TRES.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// As reports show them.
    pub seconds: u64,
    /// Times the UsageFactor of the jobs' QOS: what fairshare counts.
    pub charged: u64,
}

/// What an hour comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourRecords {
    /// By association.
    pub associations: BTreeMap<(AssociationId, Measure), Used>,
    /// By wckey.
    pub wckeys: BTreeMap<(WckeyId, TresId), u64>,
    /// By QOS, times its UsageFactor.
    pub qos: BTreeMap<(QosId, Measure), u64>,
    /// The cluster's; empty when it was not registered.
    pub cluster: BTreeMap<TresId, ClusterUse>,
}
