//! A run's way: it starts, ends, its nodes clean up, and the job is over or waits again.

use super::{Core, Present};
use crate::id::{JobId, NodeName, Time};
use crate::job::*;
use crate::units::Units;
use slurm::records::{Details, JobState};
use std::sync::Arc;

impl Core {
    /// Gives a job its nodes.
    pub(super) fn start(&mut self, present: Present, job: &LiveJob, allocation: Allocation) {
        let (launched, signals, steps) = (Units::default(), Vec::new(), Vec::new());
        let run = Run { allocation, launched, signals, steps, next_step: 0, warned: false };
        let task = self.next_task(present, job);
        self.put(present, LiveJob { phase: JobPhase::Running(run), ..task });
    }

    /// Decides how a run ends. Its nodes end what is left of it and clean up.
    pub(super) fn end_run(&mut self, present: Present, job: &LiveJob, ending: Ending, next: NextPhase) {
        let JobPhase::Running(run) = &job.phase else { return };
        self.spend(present, job, &run.allocation);
        let allocation = run.allocation.clone();
        let mut left = Units::default();
        for (share, at) in allocation.shares.iter().zip(0..) {
            if self.is_down(share) {
                left.insert(at);
            }
        }
        let steps = self.end_steps(present, job, run, &ending);
        let phase = JobPhase::Completing(Clearing { allocation, left, ending, next, steps });
        self.settle(present, LiveJob { phase, ..job.clone() });
    }

    /// A node has nothing left of a run that is over.
    pub(super) fn node_left(&mut self, present: Present, job: &LiveJob, node: &NodeName) {
        let JobPhase::Completing(clearing) = &job.phase else { return };
        let mut clearing = clearing.clone();
        let place = clearing.allocation.place(node);
        if place.is_some_and(|at| clearing.left.insert(at)) {
            self.settle(present, LiveJob { phase: JobPhase::Completing(clearing), ..job.clone() });
        }
    }

    /// Puts a job whose run is over; once all nodes have left it, it goes on to its next phase.
    fn settle(&mut self, present: Present, job: LiveJob) {
        let JobPhase::Completing(clearing) = &job.phase else { return };
        let all_left = clearing.left.count() as usize == clearing.allocation.shares.len();
        if !all_left {
            return self.put(present, job);
        }
        let Clearing { allocation, ending, next, .. } = clearing.clone();
        match next {
            NextPhase::Over => {
                self.put(present, LiveJob { phase: JobPhase::Over(Some(allocation), ending), ..job });
            }
            NextPhase::Again(begin) => {
                // The record of the run that ended is written before the job is one that waits.
                self.put(present, job.clone());
                self.put(present, waiting_again(job, begin, present.now));
            }
        }
    }

    /// A node is lost with what ran there.
    pub(super) fn lose(&mut self, present: Present, id: JobId, node: &NodeName) {
        let Some(job) = self.live.jobs.shared(&id).cloned() else { return };
        if self.pools.place(node).is_none() {
            self.end_for_good(present, &job, node);
        } else if matches!(job.phase, JobPhase::Running(_)) {
            let next = if job.submission.requeue { self.again(present) } else { NextPhase::Over };
            self.end_run(present, &job, Ending::new(JobState::NodeFail, present.now), next);
        }
        if let Some(job) = self.live.jobs.shared(&id).cloned() {
            self.node_left(present, &job, node);
        }
    }

    /// Nobody can tell a node without a line to end what it runs: the job does not run again beside that.
    fn end_for_good(&mut self, present: Present, job: &LiveJob, node: &NodeName) {
        let text = format!("{node} is in no configuration any more: the job may still run there, and was not requeued");
        let details = Details { system_comment: text, ..job.submission.details.clone() };
        let submission = Arc::new(Submission { details, ..(*job.submission).clone() });
        let job = LiveJob { submission, ..job.clone() };
        let ending = Ending::new(JobState::NodeFail, present.now);
        match &job.phase {
            JobPhase::Running(_) => self.end_run(present, &job, ending, NextPhase::Over),
            JobPhase::Completing(clearing) if clearing.next != NextPhase::Over => {
                let phase = JobPhase::Completing(Clearing { ending, next: NextPhase::Over, ..clearing.clone() });
                self.put(present, LiveJob { phase, ..job });
            }
            JobPhase::Completing(_) | JobPhase::Pending | JobPhase::Over(..) => {}
        }
    }

    /// A while from now.
    pub(super) fn again(&self, present: Present) -> NextPhase {
        NextPhase::Again(present.now.saturating_add(i64::from(self.config.bounds.requeue_delay)))
    }

    /// Does what time says to a job.
    pub(super) fn look_at(&mut self, present: Present, id: JobId) {
        let Some(job) = self.live.jobs.shared(&id).cloned() else { return };
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= present.now);
        match &job.phase {
            JobPhase::Pending if self.latest_start(&job).is_some_and(|latest| latest < present.now) => {
                let ending = Ending::new(JobState::Deadline, present.now);
                self.put(present, LiveJob { phase: JobPhase::Over(None, ending), ..(*job).clone() });
            }
            JobPhase::Pending if is_due(job.begin) => self.put(present, LiveJob { begin: None, ..(*job).clone() }),
            JobPhase::Pending if is_due(job.dependencies.next_ripe()) => {
                let mut ripe = (*job).clone();
                ripe.dependencies.ripen(present.now);
                self.put(present, ripe);
            }
            JobPhase::Running(run) if is_due(run.allocation.due()) => {
                self.end_run(present, &job, Ending::new(JobState::Timeout, present.now), NextPhase::Over);
            }
            JobPhase::Running(_) if is_due(warning_due(&job)) => self.warn(present, &job),
            JobPhase::Running(run) if !job.is_suspended() && run.steps.iter().any(|step| is_due(step.end())) => {
                self.end_late_steps(present, id)
            }
            JobPhase::Over(..) if self.times(&job).iter().all(|at| *at <= present.now) => self.forget(present, &job),
            _ => {}
        }
    }

    /// Sends a job the signal that it wants before its end.
    fn warn(&mut self, present: Present, job: &LiveJob) {
        let (JobPhase::Running(run), Some(warning)) = (&job.phase, job.submission.warning) else { return };
        let run = Run { warned: true, ..run.clone() };
        let warned = LiveJob { phase: JobPhase::Running(run), ..job.clone() };
        // One that has too many signals on their way already is not told any more.
        if self.signal(present, &warned, warning.signal, warning.to).is_err() {
            self.put(present, warned);
        }
    }

    fn forget(&mut self, present: Present, job: &LiveJob) {
        // How it ended may not be written yet, where the service stood still for long.
        if self.live.jobs.is_touched(&job.id) {
            self.past.push(self.record(present.accounts, job));
        }
        self.tally.discharge(job.id);
        self.forget_part(job);
        self.known_jobs -= u64::from(job.task_count());
        self.live.jobs.remove(&job.id);
    }
}

/// When a job is to be warned that has not been.
pub(super) fn warning_due(job: &LiveJob) -> Option<Time> {
    match (&job.phase, &job.submission.warning) {
        (JobPhase::Running(run), Some(warning)) if !run.warned => run.allocation.warned_at(warning),
        _ => None,
    }
}

/// The job as it waits for its next run: a new submission to the accounting, one second later at least.
pub(super) fn waiting_again(job: LiveJob, begin: Time, now: Time) -> LiveJob {
    LiveJob {
        submit: now.max(job.submit + 1),
        eligible: None,
        begin: Some(begin).filter(|begin| *begin > now),
        attempt: job.attempt.next(),
        phase: JobPhase::Pending,
        ..job
    }
}
