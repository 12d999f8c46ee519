//! [`Record`]: one line of an archive, JSON by kind.

use super::Kind;
use crate::model::{Action, Event, JobId, QosId, Reservation, TresId};
use crate::records::{Job, Step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the format; this is 1.
    pub enlist_archive: u32,
    /// What the records are.
    pub kind: Kind,
    /// Of which cluster; empty for kinds that are archived together.
    pub cluster: String,
    /// Everything in it is older, in seconds since 1970.
    pub until: i64,
    /// When it was made.
    pub made: i64,
    /// What the numbers of TRES stand for.
    pub tres: BTreeMap<TresId, String>,
    /// What the numbers of QOS stand for.
    pub qos: BTreeMap<QosId, String>,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// How many lines are between.
    pub records: u64,
    /// SHA-256 of all bytes before this line, in hexadecimal digits.
    pub sha256: String,
}

/// A line between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Record {
    /// A job with its steps.
    Job {
        /// The job.
        job: Job,
        /// Its steps.
        steps: Vec<Step>,
    },
    /// A step.
    Step {
        /// The cluster of its job.
        cluster: String,
        /// The number of its job.
        job_id: JobId,
        /// When its job was submitted.
        submit: i64,
        /// The step.
        step: Step,
    },
    /// An event.
    Event(Event),
    /// A reservation.
    Reservation(Reservation),
    /// A line of the transaction record.
    Transaction {
        /// Its number.
        id: u64,
        /// When.
        time: i64,
        /// Slurm's number of what was done.
        action: u16,
        /// Who.
        actor: String,
        /// To what.
        target: String,
        /// How.
        info: String,
        /// On which cluster.
        cluster: String,
    },
    /// A row of usage.
    Usage {
        /// Of what.
        of: UsageOf,
        /// The values of the row, in the order of the table's columns.
        row: Vec<Cell>,
    },
}

/// What usage is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageOf {
    /// Of an association: period, start, association, TRES, seconds, charged seconds.
    Association,
    /// Of a wckey: period, start, wckey, TRES, seconds.
    Wckey,
    /// Of a QOS: period, start, cluster, QOS, TRES, charged seconds.
    Qos,
    /// Of a cluster: period, start, cluster, TRES, count, allocated, down, planned down, idle, planned, overcommitted.
    Cluster,
}

impl UsageOf {
    /// All of them.
    pub const ALL: [UsageOf; 4] = [UsageOf::Association, UsageOf::Wckey, UsageOf::Qos, UsageOf::Cluster];
}

/// A value in a row of usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A number.
    Number(i64),
    /// A name.
    Text(String),
}

impl Record {
    /// What no store could hold, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        match self {
            Record::Transaction { action, .. } if Action::from_number(*action).is_none() => Some("unknown action"),
            Record::Usage { of, row } if !of.holds(row) => Some("no row of usage"),
            _ => None,
        }
    }

    /// The time that says how old it is, in seconds since 1970.
    pub fn time(&self) -> i64 {
        match self {
            Record::Job { job, .. } => job.end.unwrap_or(job.submit),
            Record::Step { submit, step, .. } => step.end.unwrap_or(*submit),
            Record::Event(event) => event.start,
            Record::Reservation(row) => row.start,
            Record::Transaction { time, .. } => *time,
            Record::Usage { row, .. } => match row.get(1) {
                Some(Cell::Number(start)) => *start,
                _ => 0,
            },
        }
    }
}

impl UsageOf {
    /// How many columns its table has.
    pub fn columns(self) -> usize {
        match self {
            UsageOf::Association | UsageOf::Qos => 6,
            UsageOf::Wckey => 5,
            UsageOf::Cluster => 11,
        }
    }

    fn holds(self, row: &[Cell]) -> bool {
        let is_name = |index| index == 2 && matches!(self, UsageOf::Cluster | UsageOf::Qos);
        let fits = |(index, cell): (usize, &Cell)| match cell {
            Cell::Number(number) => *number >= 0 && !is_name(index),
            Cell::Text(name) => is_name(index) && !name.is_empty(),
        };
        row.len() == self.columns()
            && matches!(row.first(), Some(Cell::Number(0..=2)))
            && row.iter().enumerate().all(fits)
    }
}
