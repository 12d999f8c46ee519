//! A job that an operator suspends stands still: its processes are stopped and its CPUs are others', while its memory, devices and
//! licences stay its own. Its time and use stand still, too (scontrol(1); src/slurmctld/job_mgr.c, `_job_suspend`).

use super::{Core, Present};
use crate::event::{Denial, Requester};
use crate::id::Time;
use crate::job::*;
use crate::units::Units;

/// Signals' numbers (signal(7)).
const STOP: u8 = 19;
const GO_ON: u8 = 18;

impl Core {
    /// `scontrol suspend`.
    pub(super) fn suspend(&mut self, present: Present, who: &Requester, job: &LiveJob) -> Result<(), Denial> {
        let mut run = suspendable(who, job)?.clone();
        if run.allocation.suspended.since.is_some() {
            return Ok(());
        }
        run.allocation.suspended.since = Some(present.now);
        self.put_standstill(present, job, run, STOP);
        Ok(())
    }

    /// `scontrol resume`. Its CPUs must be free: two jobs do not have the same ones.
    pub(super) fn resume(&mut self, present: Present, who: &Requester, job: &LiveJob) -> Result<(), Denial> {
        let mut run = suspendable(who, job)?.clone();
        let Some(since) = run.allocation.suspended.since.take() else { return Err(Denial::NotSuspended) };
        if !run.allocation.shares.iter().all(|share| self.may_go_on(job, share)) {
            return Err(Denial::NodesBusy);
        }
        let stood = |from: Time, until: Time| until.saturating_sub(from).max(0);
        let rested = stood(since, present.now);
        run.allocation.suspended.seconds = run.allocation.suspended.seconds.saturating_add(rested);
        for step in &mut run.steps {
            let until = step.ending.as_ref().map_or(present.now, |ending| ending.at.min(present.now));
            step.suspended = step.suspended.saturating_add(stood(since.max(step.start), until));
        }
        self.put_standstill(present, job, run, GO_ON);
        Ok(())
    }

    fn put_standstill(&mut self, present: Present, job: &LiveJob, mut run: Run, number: u8) {
        run.allocation.suspended.changed = Some(present.now);
        push_last_word(&mut run, number);
        run.steps.iter().for_each(|step| self.note_step(present, job, &run.allocation, step));
        self.put(present, LiveJob { phase: JobPhase::Running(run), ..job.clone() });
    }

    /// Whether a node has room for a part that stood still.
    fn may_go_on(&self, job: &LiveJob, share: &NodeShare) -> bool {
        let Some(pool) = self.pools.get(&share.node) else { return false };
        let is_alone = job.submission.demand.exclusive
            || self
                .lines(&self.config, job)
                .iter()
                .any(|line| line.exclusive && Some(&*line.rules.name) == partition(job));
        pool.has_cpus(&share.cpus) && (!is_alone || pool.room.shares == 0)
    }
}

fn partition(job: &LiveJob) -> Option<&str> {
    job.allocation().map(|it| &*it.partition)
}

/// The run of a job, where who asks may suspend and resume it.
fn suspendable<'j>(who: &Requester, job: &'j LiveJob) -> Result<&'j Run, Denial> {
    if !who.is_operator {
        return Err(Denial::Denied);
    }
    match &job.phase {
        JobPhase::Running(run) => Ok(run),
        JobPhase::Pending => Err(Denial::IsPending),
        JobPhase::Completing(_) | JobPhase::Over(..) => Err(Denial::AlreadyDone),
    }
}

/// Whether a signal may go to a job that stands still. One that ends it waits until it goes on, or acts at once; any other could set
/// processes going on CPUs that are others' now.
pub(super) fn may_reach_who_stands_still(number: u8) -> bool {
    const KILL: u8 = 9;
    const TERM: u8 = 15;
    number == KILL || number == TERM
}

/// Tells nodes whether its processes are to stand still. The last word counts: earlier ones are not said any more.
fn push_last_word(run: &mut Run, number: u8) {
    let serial = run.signals.last().map_or(1, |last| last.serial + 1);
    run.signals.retain(|signal| signal.to != SignalTarget::Standstill);
    let (to, delivered) = (SignalTarget::Standstill, Units::default());
    run.signals.push(SentSignal { serial, number, to, delivered });
}
