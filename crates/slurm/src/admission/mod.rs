//! Admission: whether a job may be submitted and may start, and if not, Slurm's reason (resource_limits.shtml,
//! src/slurmctld/acct_policy.c). One pure function, [`admit`], of the accounts, the jobs there are, and the job.
//!
//! The first level that defines a limit decides: partition QOS, job QOS (the other way round with OverPartQOS), user
//! association. Group limits of associations are checked at every level up to the root.

mod checks;
mod needs;
mod partition;
mod reason;
#[cfg(test)]
mod tests;
mod trace;

use checks::Place;
pub use needs::Needs;
pub use reason::{Level, Reason};
pub use trace::{Check, Setter, Stage, Trace, association, trace};

use crate::State;
use crate::model::{AssociationId, QosId, TresId};
use crate::settings::{Enforce, Partition};
use std::collections::BTreeMap;

/// Amounts by TRES.
pub type Amounts = BTreeMap<TresId, u64>;

/// A job that is asked about.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// Whose it is.
    pub user: &'a str,
    /// The account; `None` is the user's default.
    pub account: Option<&'a str>,
    /// The groups that the user is in.
    pub groups: &'a [String],
    /// The partition.
    pub partition: &'a Partition,
    /// The QOS asked for; `None` is the association's default, else `normal`.
    pub qos: Option<QosId>,
    /// What it needs altogether.
    pub tres: Needs,
    /// Time limit in minutes.
    pub minutes: u64,
    /// Number of tasks of an array; 1 for other jobs.
    pub tasks: u64,
}

impl<'a> Job<'a> {
    /// A job of one minute that needs nothing yet.
    pub fn new(cluster: &'a str, user: &'a str, partition: &'a Partition) -> Self {
        let (account, groups, qos, tres) = (None, &[][..], None, Needs::default());
        Self { cluster, user, account, groups, partition, qos, tres, minutes: 1, tasks: 1 }
    }
}

/// What the jobs of an association and all below it, or of a QOS, have.
#[derive(Clone, Debug, Default)]
pub struct InUse {
    /// Running jobs.
    pub running: u64,
    /// Running and pending jobs.
    pub submitted: u64,
    /// TRES of running jobs.
    pub tres: Amounts,
    /// Minutes that running jobs may still use.
    pub run_minutes: Amounts,
    /// Minutes used up, faded.
    pub minutes: Amounts,
    /// Wall clock minutes used up, faded.
    pub wall: u64,
    /// Whether more minutes may be used up than `minutes` and `wall` say, since not all were summed up.
    pub lacks_usage: bool,
}

/// All counts.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By association, each with all below it.
    pub associations: BTreeMap<AssociationId, InUse>,
    /// By QOS.
    pub qos: BTreeMap<QosId, InUse>,
    /// By QOS and user.
    pub users: BTreeMap<(QosId, String), InUse>,
    /// By QOS and account.
    pub accounts: BTreeMap<(QosId, String), InUse>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Why it may not be submitted, if so.
    pub submit: Result<(), Reason>,
    /// Why it may not start now, if so.
    pub start: Result<(), Reason>,
}

/// Whether `job` may be submitted and, once it is pending, may start. When its account or QOS is not valid, neither.
pub fn admit(state: &State, enforce: Enforce, counts: &Counts, job: &Job) -> Admission {
    let place = Place::find(state, job);
    match valid(enforce, place.as_ref(), job) {
        Err(reason) => Admission { submit: Err(reason), start: Err(reason) },
        Ok(()) => Admission {
            submit: submit(enforce, place.as_ref(), counts, job),
            start: start(enforce, place.as_ref(), counts, job),
        },
    }
}

/// What makes a job one that nobody takes, whatever else there is.
fn valid(enforce: Enforce, place: Option<&Place>, job: &Job) -> Result<(), Reason> {
    partition::takes_jobs(job)?;
    if enforce.associations && place.is_none() {
        return Err(Reason::InvalidAccount);
    }
    if enforce.qos && !place.is_some_and(Place::may_use_qos) {
        return Err(Reason::InvalidQos);
    }
    partition::lets_in(job)
}

fn submit(enforce: Enforce, place: Option<&Place>, counts: &Counts, job: &Job) -> Result<(), Reason> {
    if enforce.partitions {
        partition::fits(place, job)?;
        partition::admits(place, job)?;
    }
    limits(Stage::Submit, enforce, place, counts, job)
}

fn start(enforce: Enforce, place: Option<&Place>, counts: &Counts, job: &Job) -> Result<(), Reason> {
    partition::starts_jobs(job)?;
    partition::fits(place, job)?;
    limits(Stage::Before, enforce, place, counts, job)?;
    partition::admits(place, job)?;
    limits(Stage::Placed, enforce, place, counts, job)
}

fn limits(stage: Stage, enforce: Enforce, place: Option<&Place>, counts: &Counts, job: &Job) -> Result<(), Reason> {
    match place.filter(|_| enforce.limits) {
        Some(place) => place.check(stage, enforce, counts, job),
        None => Ok(()),
    }
}

/// What squeue shows of a job that waits for `reason`; the reason's name unless there is more to say.
pub fn waits(state: &State, job: &Job, reason: Reason) -> String {
    let said = Place::find(state, job).and_then(|place| partition::words(reason, &place, job));
    said.unwrap_or_else(|| reason.named(state))
}
