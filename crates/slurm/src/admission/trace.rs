//! [`trace`]: admission check by check, with each limit, who sets it, and what is in use. For people who ask why.

use super::checks::Place;
use super::{Amounts, Counts, Enforce, InUse, Job, Reason, admit};
use crate::State;
use crate::model::{AssociationId, Limit, QosId, TresId};
use crate::records::{Job as Record, JobState, TimeLimit};

/// When limits are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At submission.
    Submit,
    /// Before nodes are selected.
    Before,
    /// After nodes were selected.
    Placed,
}

/// Who sets a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setter {
    /// A QOS.
    Qos(QosId),
    /// An association: the user's, or one above from which it is inherited or in which it holds for all together.
    Association(AssociationId),
}

/// One limit that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Who sets it.
    pub setter: Setter,
    /// The limit.
    pub limit: Limit,
    /// The TRES; 0 for one that is no TRES limit.
    pub tres: Option<TresId>,
    /// Its value, in the limit's unit.
    pub value: u64,
    /// What is in use, of what the limit counts; 0 for those that look at the job alone, `None` when it is not known.
    pub used: Option<u64>,
    /// What the job adds; `None` when it is not known.
    pub asked: Option<u64>,
    /// What it says to the job, if it stands in its way.
    pub reason: Option<Reason>,
}

/// What was asked of a job, and what came of it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The association that counts; `None` when there is none.
    pub association: Option<AssociationId>,
    /// The job's QOS; `None` when there is none.
    pub qos: Option<QosId>,
    /// Why it may not be submitted, if so.
    pub submit: Result<(), Reason>,
    /// Why it may not start now, if so.
    pub start: Result<(), Reason>,
    /// Every limit that was looked at, in Slurm's order: those of the submission, then those of the start.
    pub checks: Vec<(Stage, Check)>,
}

/// [`admit`], with every check, also those behind the first that fails. Limits that don't hold, since
/// `AccountingStorageEnforce` leaves them out, are not among them.
pub fn trace(state: &State, enforce: Enforce, counts: &Counts, job: &Job) -> Trace {
    let said = admit(state, enforce, counts, job);
    let place = Place::find(state, job);
    let mut checks = Vec::new();
    if let Some(place) = place.as_ref().filter(|_| enforce.limits) {
        for stage in [Stage::Submit, Stage::Before, Stage::Placed] {
            let seen: Result<(), ()> = place.each(stage, enforce, counts, job, &mut |check| {
                checks.push((stage, check));
                Ok(())
            });
            debug_assert!(seen.is_ok(), "the visitor stops nothing");
        }
    }
    let (association, qos) = (place.as_ref().map(Place::association), place.as_ref().and_then(Place::job_qos));
    Trace { association, qos, submit: said.submit, start: said.start, checks }
}

/// The association that a job counts on; `None` when there is none.
pub fn association(state: &State, job: &Job) -> Option<AssociationId> {
    Place::find(state, job).map(|place| place.association())
}

impl Check {
    /// Whether the limit may stand in the way, and what would say so is not known.
    pub fn is_open(&self) -> bool {
        self.reason.is_none() && (self.used.is_none() || self.asked.is_none())
    }
}

impl Counts {
    /// Counts a job that has not ended: with its association and all above, and by QOS, user and account. `partition` is
    /// the QOS of its partition, on which it counts too (qos.shtml, "Partition QOS"). `now` is in seconds since 1970.
    pub fn add_job(&mut self, state: &State, partition: Option<QosId>, job: &Record, now: i64) {
        let running = job.state == JobState::Running;
        let add = |to: &mut InUse| {
            to.submitted += 1;
            if running {
                to.running += 1;
                add_amounts(&mut to.tres, job.tres_allocated.iter(), 1);
                add_amounts(&mut to.run_minutes, job.tres_allocated.iter(), minutes_left(job, now));
            }
        };
        let mut next = job.association;
        while let Some(row) = next.and_then(|id| state.association(id)) {
            add(self.associations.entry(row.id).or_default());
            next = row.parent;
        }
        for qos in job.qos.into_iter().chain(partition.filter(|qos| Some(*qos) != job.qos)) {
            add(self.qos.entry(qos).or_default());
            add(self.users.entry((qos, job.user.clone())).or_default());
            add(self.accounts.entry((qos, job.account.clone())).or_default());
        }
    }
}

fn add_amounts(to: &mut Amounts, counts: impl Iterator<Item = (TresId, u64)>, times: u64) {
    for (tres, count) in counts {
        let sum = to.entry(tres).or_default();
        *sum = sum.saturating_add(count.saturating_mul(times));
    }
}

/// Minutes until the job's time limit; 0 for one without.
fn minutes_left(job: &Record, now: i64) -> u64 {
    let TimeLimit::Minutes(limit) = job.limit else { return 0 };
    let gone = job.start.map_or(0, |start| u64::try_from(now.saturating_sub(start)).unwrap_or(0) / 60);
    u64::from(limit).saturating_sub(gone)
}
