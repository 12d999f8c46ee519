//! What people ask of jobs: cancel, signal, hold, release, requeue, update.

use super::runs::waiting_again;
use super::suspend::may_reach_who_stands_still;
use super::{Core, Present};
use crate::event::{Denial, JobChange, JobCommand, Requester};
use crate::id::JobId;
use crate::job::*;
use crate::units::Units;
use slurm::records::{Details, JobState};
use std::sync::Arc;

/// So many signals of a job may be on their way.
pub(super) const MOST_SIGNALS: usize = 64;

impl Core {
    pub(super) fn control(
        &mut self,
        present: Present,
        who: &Requester,
        id: JobId,
        command: JobCommand,
    ) -> Result<(), Denial> {
        let job = self.live.jobs.shared(&id).cloned().ok_or(Denial::InvalidJob)?;
        self.may_control(who, &job)?;
        match command {
            JobCommand::Cancel => self.cancel(present, who, &job),
            JobCommand::Signal(number, to) => self.signal(present, &job, number, to),
            JobCommand::Hold { as_user } => self.hold(present, who, &job, as_user),
            JobCommand::Release => self.release(present, who, &job),
            JobCommand::Suspend => self.suspend(present, who, &job),
            JobCommand::Resume => self.resume(present, who, &job),
            JobCommand::Requeue { hold } => self.requeue(present, who, &job, hold),
            JobCommand::Update(change) => self.update(present, who, &job, change),
        }
    }

    pub(super) fn may_control(&self, who: &Requester, job: &LiveJob) -> Result<(), Denial> {
        let is_coordinator = who.coordinates.iter().any(|account| **account == *job.account);
        let may = who.uid == job.submission.user.uid || who.is_operator || is_coordinator;
        if may { Ok(()) } else { Err(Denial::Denied) }
    }

    fn cancel(&mut self, present: Present, who: &Requester, job: &LiveJob) -> Result<(), Denial> {
        let ending = Ending { cancelled_by: Some(who.uid), ..Ending::new(JobState::Cancelled, present.now) };
        match &job.phase {
            JobPhase::Pending => self.put(present, LiveJob { phase: JobPhase::Over(None, ending), ..job.clone() }),
            JobPhase::Running(_) => self.end_run(present, job, ending, NextPhase::Over),
            JobPhase::Completing(clearing) if clearing.next != NextPhase::Over => {
                let phase = JobPhase::Completing(Clearing { ending, next: NextPhase::Over, ..clearing.clone() });
                self.put(present, LiveJob { phase, ..job.clone() });
            }
            JobPhase::Completing(_) | JobPhase::Over(..) => return Err(Denial::AlreadyDone),
        }
        Ok(())
    }

    pub(super) fn signal(
        &mut self,
        present: Present,
        job: &LiveJob,
        number: u8,
        to: SignalTarget,
    ) -> Result<(), Denial> {
        let mut run = match &job.phase {
            JobPhase::Running(run) => run.clone(),
            JobPhase::Pending => return Err(Denial::IsPending),
            JobPhase::Completing(_) | JobPhase::Over(..) => return Err(Denial::AlreadyDone),
        };
        if job.is_suspended() && !may_reach_who_stands_still(number) {
            return Err(Denial::Suspended);
        }
        if to == SignalTarget::Steps {
            // A step that is to be ended, or that has too many on their way, hears of the job's no more.
            run.steps.iter_mut().for_each(|step| _ = super::steps::send(step, number));
            self.put(present, LiveJob { phase: JobPhase::Running(run), ..job.clone() });
            return Ok(());
        }
        let open = run.signals.iter().filter(|signal| signal.delivered.count() < nodes(&run)).count();
        if open >= MOST_SIGNALS {
            return Err(Denial::Disabled);
        }
        let serial = run.signals.last().map_or(1, |last| last.serial + 1);
        // Nodes pass what is for all of a run on to its steps.
        run.signals.push(SentSignal { serial, number, to, delivered: Units::default() });
        self.put(present, LiveJob { phase: JobPhase::Running(run), ..job.clone() });
        Ok(())
    }

    fn hold(&mut self, present: Present, who: &Requester, job: &LiveJob, as_user: bool) -> Result<(), Denial> {
        if !job.is_live() {
            return Err(Denial::AlreadyDone);
        }
        let hold = self.hold_of(who, as_user);
        // A user's hold does not take the place of an operator's.
        let hold = if job.hold == Some(Hold::Admin) && !who.is_operator { Hold::Admin } else { hold };
        self.put(present, LiveJob { hold: Some(hold), ..job.clone() });
        Ok(())
    }

    fn hold_of(&self, who: &Requester, as_user: bool) -> Hold {
        if who.is_operator && !as_user { Hold::Admin } else { Hold::User }
    }

    fn release(&mut self, present: Present, who: &Requester, job: &LiveJob) -> Result<(), Denial> {
        if !job.is_live() {
            return Err(Denial::AlreadyDone);
        }
        if job.hold == Some(Hold::Admin) && !who.is_operator {
            return Err(Denial::Denied);
        }
        self.put(present, LiveJob { hold: None, priority: None, ..job.clone() });
        Ok(())
    }

    fn requeue(&mut self, present: Present, who: &Requester, job: &LiveJob, hold: bool) -> Result<(), Denial> {
        if !job.submission.requeue {
            return Err(Denial::Disabled);
        }
        let held = hold.then(|| self.hold_of(who, false));
        // What an operator holds, the user does not hold instead.
        let is_operators = job.hold == Some(Hold::Admin) && !who.is_operator;
        let job = &LiveJob { hold: if is_operators { job.hold } else { held.or(job.hold) }, ..job.clone() };
        match &job.phase {
            JobPhase::Pending => return Err(Denial::IsPending),
            JobPhase::Running(_) => {
                let again = self.again(present);
                self.end_run(present, job, Ending::new(JobState::Requeued, present.now), again);
            }
            JobPhase::Completing(clearing) => {
                let next = self.again(present);
                let phase = JobPhase::Completing(Clearing { next, ..clearing.clone() });
                self.put(present, LiveJob { phase, ..job.clone() });
            }
            JobPhase::Over(..) => {
                // As if it had run until now: others have their turn.
                let NextPhase::Again(begin) = self.again(present) else { return Err(Denial::Disabled) };
                let mut again = waiting_again(job.clone(), begin, present.now);
                self.consider_again(&mut again.dependencies, again.array.clone().as_ref());
                let id = again.id;
                self.put(present, again);
                self.correlate_all(present, id);
            }
        }
        Ok(())
    }

    fn update(&mut self, present: Present, who: &Requester, job: &LiveJob, change: JobChange) -> Result<(), Denial> {
        match change {
            JobChange::Minutes(minutes) => self.set_minutes(present, who, job, minutes),
            JobChange::Priority(priority) => {
                let now = self.queued_priority(job.id);
                let raises = now.is_none_or(|now| priority > now);
                self.pending(job)?;
                if raises && !who.is_operator {
                    return Err(Denial::Denied);
                }
                self.put(present, LiveJob { priority: Some(priority.max(1)), ..job.clone() });
                Ok(())
            }
            JobChange::AdminComment(_) if !who.is_operator => Err(Denial::Denied),
            JobChange::Nice(nice) => {
                if !job.is_live() {
                    return Err(Denial::NotPending);
                }
                if nice < job.submission.nice.max(0) && !who.is_operator {
                    return Err(Denial::Denied);
                }
                let submission = Arc::new(Submission { nice, ..(*job.submission).clone() });
                self.put(present, LiveJob { submission, ..job.clone() });
                Ok(())
            }
            other => self.change_submission(present, job, other),
        }
    }

    /// Keeps a text of the service's own with a job.
    pub(super) fn remark(&mut self, present: Present, id: JobId, text: String) -> Result<(), Denial> {
        let job = self.live.jobs.shared(&id).cloned().ok_or(Denial::InvalidJob)?;
        let details = Details { system_comment: text, ..job.submission.details.clone() };
        let submission = Arc::new(Submission { details, ..(*job.submission).clone() });
        self.put(present, LiveJob { submission, ..(*job).clone() });
        Ok(())
    }

    pub(super) fn pending(&self, job: &LiveJob) -> Result<(), Denial> {
        if job.phase == JobPhase::Pending { Ok(()) } else { Err(Denial::NotPending) }
    }

    /// A new time limit. Of a job that waits it passes the checks of a submission again; of one that runs users only
    /// shorten it.
    fn set_minutes(&mut self, present: Present, who: &Requester, job: &LiveJob, minutes: u32) -> Result<(), Denial> {
        let minutes = minutes.max(1);
        let submission = Arc::new(Submission { minutes: Some(minutes), ..(*job.submission).clone() });
        let mut changed = LiveJob { submission, ..job.clone() };
        let before = match &mut changed.phase {
            JobPhase::Pending => None,
            JobPhase::Running(run) => {
                // Of a new end it is warned anew.
                run.warned &= run.allocation.minutes.is_some_and(|before| before >= minutes);
                run.allocation.minutes.replace(minutes)
            }
            JobPhase::Completing(_) | JobPhase::Over(..) => return Err(Denial::AlreadyDone),
        };
        if before.is_some_and(|before| minutes > before) && !who.is_operator {
            return Err(Denial::Denied);
        }
        if changed.phase == JobPhase::Pending {
            self.check_again(present, job, &changed)?;
        }
        self.put(present, changed);
        self.look_at(present, job.id);
        Ok(())
    }

    /// Whether a changed job would be taken if it were submitted now.
    pub(super) fn check_again(&mut self, present: Present, job: &LiveJob, changed: &LiveJob) -> Result<(), Denial> {
        let config = self.config.clone();
        let lines = self.lines(&config, changed);
        self.tally.discharge(job.id);
        let checked = self.check_admission(present, &lines, changed);
        if let Some((standing, charge)) = self.charge_of(present.accounts, job) {
            self.tally.charge(present.accounts, job.id, standing, charge);
        }
        checked
    }
}

/// On how many nodes a run is.
pub(super) fn nodes(run: &Run) -> u32 {
    u32::try_from(run.allocation.shares.len()).unwrap_or(u32::MAX)
}
