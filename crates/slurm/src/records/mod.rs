//! Jobs and steps as the accounting keeps them, and [`Jobs`], the port through which reports and `sacct` read them.
//!
//! A site has millions of jobs: they live in the store only, never all in memory, so everything here works on one at a
//! time. Times are seconds since 1970; what has not happened is `None`, never 0.

mod edit;
pub mod import;
mod record;
pub mod selection;
mod state;
mod tres_counts;

pub use edit::JobEdit;
pub use record::{
    ArrayPlace, Details, ExitCode, Flags, Frequencies, HetPlace, Job, Step, StepDetails, StepId, Tasks, TimeLimit,
    Usage,
};
pub use state::JobState;
pub use tres_counts::TresCounts;

use crate::model::{JobId, JobRow};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use words::people::Uid;

/// A job with its steps.
pub type JobWithSteps = (Job, Vec<Step>);

/// Why job records cannot be read, in words for whoever asked: it holds no statement of a database.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JobsError(String);

impl JobsError {
    /// With these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// Which rows to read: what indices answer quickly. Whoever reads checks the rest himself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Of these clusters; of all when empty.
    pub clusters: Vec<String>,
    /// Not ended before this time; those that have no end are always among them.
    pub ended_from: Option<i64>,
    /// Submitted before this time.
    pub submitted_before: Option<i64>,
    /// With one of these numbers, as the job's own, its array's or its heterogeneous job's; any when empty.
    pub numbers: BTreeSet<JobId>,
    /// Of these users, by number and name; of all when empty. The name counts only for jobs whose number is not known.
    pub users: Vec<(Uid, String)>,
}

impl Scan {
    /// All jobs of one cluster that had not ended before `from` and were submitted before `to`: every job that used or
    /// waited for something in that time is among them.
    pub fn window(cluster: &str, from: i64, to: i64) -> Self {
        let clusters = vec![cluster.to_owned()];
        Self { clusters, ended_from: Some(from), submitted_before: Some(to), ..Self::default() }
    }

    /// Whether the job is of a user.
    pub fn is_of(job: &Job, (uid, name): &(Uid, String)) -> bool {
        job.uid.map_or(*name == job.user, |of| of == *uid)
    }

    /// Whether it asks for this job.
    pub fn takes(&self, job: &Job) -> bool {
        let numbers = [Some(job.job_id), job.array.as_ref().map(|a| a.job), job.het.as_ref().map(|h| h.job)];
        (self.clusters.is_empty() || self.clusters.contains(&job.cluster))
            && self.ended_from.is_none_or(|from| job.end.is_none_or(|end| end >= from))
            && self.submitted_before.is_none_or(|to| job.submit < to)
            && (self.numbers.is_empty() || numbers.iter().flatten().any(|n| self.numbers.contains(n)))
            && (self.users.is_empty() || self.users.iter().any(|user| Self::is_of(job, user)))
    }
}

/// In which order jobs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By submission, then array, task, number and cluster. Jobs that are no tasks come first, and tasks that wait
    /// together last of their array.
    Submitted,
    /// By cluster and number, the latest run of a job first.
    Numbered,
}

impl Order {
    /// Which of two jobs comes first.
    pub fn compare(self, a: &Job, b: &Job) -> Ordering {
        let array = |job: &Job| match &job.array {
            Some(array) => (Some(array.job), if let Tasks::One(task) = array.tasks { task } else { u32::MAX }),
            None => (None, u32::MAX),
        };
        match self {
            Order::Submitted => {
                (a.submit, array(a), a.job_id, &a.cluster).cmp(&(b.submit, array(b), b.job_id, &b.cluster))
            }
            Order::Numbered => (&a.cluster, a.job_id, b.submit).cmp(&(&b.cluster, b.job_id, a.submit)),
        }
    }
}

/// Sees jobs one after another; an error or a break ends it.
pub type See<'a> = dyn FnMut(Job) -> Result<ControlFlow<()>, JobsError> + 'a;

/// Where job records are read.
pub trait Jobs {
    /// Shows every job of the scan, in no order to count on, until `see` breaks.
    fn each(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), JobsError>;

    /// Shows every job of the scan in an order. Whoever has millions does it without keeping them in memory.
    fn each_in(&self, order: Order, scan: &Scan, see: &mut See) -> Result<(), JobsError> {
        let mut all = Vec::new();
        self.each(scan, &mut |job| {
            all.push(job);
            ControlFlow::Continue(())
        })?;
        all.sort_by(|a, b| order.compare(a, b));
        for job in all {
            if see(job)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The runs of this job (its number on its cluster) that were submitted later.
    fn later_runs(&self, job: &Job) -> Result<Vec<Job>, JobsError> {
        let (mut later, scan) = (Vec::new(), Scan { numbers: [job.job_id].into(), ..Scan::default() });
        self.each(&scan, &mut |other| {
            let is_later = other.job_id == job.job_id && other.cluster == job.cluster && other.submit > job.submit;
            later.extend(is_later.then_some(other));
            ControlFlow::Continue(())
        })?;
        Ok(later)
    }

    /// One job.
    fn job(&self, row: JobRow) -> Result<Option<Job>, JobsError>;

    /// The steps of a job in Slurm's order: interactive, batch, extern, then by number.
    fn steps(&self, row: JobRow) -> Result<Vec<Step>, JobsError>;
}

/// What became of jobs that were put into the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// New ones.
    pub added: u64,
    /// There before, with something changed.
    pub changed: u64,
    /// There before as they are.
    pub unchanged: u64,
    /// The earliest time at which an added or changed job began to matter (its submission): rollups from here on are
    /// to be made again.
    pub earliest: Option<i64>,
}

impl Stored {
    /// Adds another batch's figures.
    pub fn add(&mut self, other: &Stored) {
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.earliest = [self.earliest, other.earliest].into_iter().flatten().min();
    }
}
