//! Steps: `srun` starts them in a job that runs, nodes say how far they have come, and they end by themselves, by an order, or with
//! their job.

use super::control::MOST_SIGNALS;
use super::suspend::may_reach_who_stands_still;
use super::{Core, Present};
use crate::event::{Denial, NodeReport, Reported, Requester, RunStage, ScriptEnd, StepCommand};
use crate::id::{Attempt, JobId, NodeName, NodeSession, Time, Uid};
use crate::job::*;
use crate::placing::{Unplaced, place};
use crate::request::StepProgram;
use crate::step::{LiveStep, RunUsage, StepEnding, StepRequest, StepShare};
use crate::timers::Timer;
use crate::units::Units;
use slurm::records::{ExitCode, JobState, StepId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `MaxStepCount`: so many steps may a run have had.
const MOST_STEPS: u32 = 40_000;

/// So many steps of a job may be there at one time.
const MOST_LIVE: usize = 2_000;

/// So many parts on nodes, and so many tasks, may the steps of a job have together: each change of a job is written with all of
/// them. One step alone may have as many as its job has room for.
const MOST_SHARES: usize = 20_000;
const MOST_TASKS: u64 = 500_000;

/// So many steps of a user may be on their way to their nodes: what they run is in memory until then.
const MOST_UNTOLD: usize = 32;

/// How a step ends of which a node knows nothing any more.
const VANISHED: ScriptEnd = ScriptEnd { exit: ExitCode { code: 0, signal: 9 }, out_of_memory: false };

/// … that a node could not start.
const NOT_STARTED: ScriptEnd = ScriptEnd { exit: ExitCode { code: 1, signal: 0 }, out_of_memory: false };

impl From<Unplaced> for Denial {
    fn from(why: Unplaced) -> Self {
        match why {
            Unplaced::Busy => Denial::NodesBusy,
            Unplaced::TooManyCpus => Denial::TooManyCpus,
            Unplaced::NoSuchNodes => Denial::NodeConfiguration,
            Unplaced::TooMuchMemory => Denial::StepMemory,
            Unplaced::NoSuchGres => Denial::InvalidGres,
        }
    }
}

impl Core {
    /// Gives a step its part of the job. [`Denial::NodesBusy`] is that it can be tried again when others end.
    pub(super) fn create_step(
        &mut self,
        present: Present,
        who: &Requester,
        id: JobId,
        request: StepRequest,
        program: Arc<StepProgram>,
    ) -> Result<StepId, Denial> {
        let job = self.live.jobs.shared(&id).cloned().ok_or(Denial::InvalidJob)?;
        if who.uid != job.submission.user.uid && who.uid != Uid::ROOT {
            return Err(Denial::Denied);
        }
        let mut run = running(&job)?.clone();
        if job.is_suspended() {
            return Err(Denial::Suspended);
        }
        let number = if request.is_interactive { StepId::Interactive } else { StepId::Number(run.next_step) };
        if run.next_step >= MOST_STEPS {
            return Err(Denial::StepLimit);
        }
        let threads = |node: &NodeName| self.pools.get(node).map_or(1, |pool| pool.hardware.threads_per_core);
        let shares = place(&run.allocation.shares, threads, &run.steps, &request)?;
        let is_there = run.steps.iter().any(|step| step.id == number);
        let is_full = run.steps.len() >= MOST_LIVE || is_too_much(&run.steps, &shares);
        if is_there || is_full || self.untold_steps(job.submission.user.uid) >= MOST_UNTOLD {
            return Err(Denial::NodesBusy);
        }
        if !request.is_interactive {
            run.next_step += 1;
        }
        let step = LiveStep::new(number, request.placed(), who.uid, present.now, shares);
        self.programs.insert((id, number), program);
        self.put_step(present, &job, run, step);
        Ok(number)
    }

    /// Steps of a user's jobs that are on their way to nodes.
    fn untold_steps(&self, uid: Uid) -> usize {
        let owner = |job: &JobId| self.live.jobs.get(job).map(|job| job.submission.user.uid);
        self.programs.keys().filter(|(job, _)| owner(job) == Some(uid)).count()
    }

    pub(super) fn control_step(
        &mut self,
        present: Present,
        who: &Requester,
        id: JobId,
        step: StepId,
        command: StepCommand,
    ) -> Result<(), Denial> {
        let job = self.live.jobs.shared(&id).cloned().ok_or(Denial::InvalidJob)?;
        self.may_control(who, &job)?;
        let run = running(&job)?.clone();
        let mut step = job.step(step).cloned().ok_or(Denial::AlreadyDone)?;
        match command {
            StepCommand::Cancel if step.is_stopped || has_ended(&step) => return Err(Denial::AlreadyDone),
            StepCommand::Cancel => stop(&mut step, JobState::Cancelled, present.now, Some(who.uid)),
            StepCommand::Signal(number) if job.is_suspended() && !may_reach_who_stands_still(number) => {
                return Err(Denial::Suspended);
            }
            StepCommand::Signal(number) => send(&mut step, number)?,
            StepCommand::LeaveAlone => step.is_left_alone = true,
        }
        self.put_step(present, &job, run, step);
        Ok(())
    }

    /// An allocation without a script is given back.
    pub(super) fn finish(
        &mut self,
        present: Present,
        who: &Requester,
        id: JobId,
        exit: ExitCode,
    ) -> Result<(), Denial> {
        let job = self.live.jobs.shared(&id).cloned().ok_or(Denial::InvalidJob)?;
        self.may_control(who, &job)?;
        if job.submission.allocation.is_none() {
            return Err(Denial::Disabled);
        }
        match &job.phase {
            JobPhase::Pending => {
                let ending = Ending { cancelled_by: Some(who.uid), ..Ending::new(JobState::Cancelled, present.now) };
                self.put(present, LiveJob { phase: JobPhase::Over(None, ending), ..(*job).clone() });
            }
            JobPhase::Running(_) => {
                let end = ScriptEnd { exit, out_of_memory: false };
                let ending = Ending { exit, ..Ending::new(end.state(), present.now) };
                self.end_run(present, &job, ending, NextPhase::Over);
            }
            JobPhase::Completing(_) | JobPhase::Over(..) => return Err(Denial::AlreadyDone),
        }
        Ok(())
    }

    pub(super) fn report_step(
        &mut self,
        present: Present,
        node: &NodeName,
        session: NodeSession,
        step: StepId,
        report: &NodeReport,
        usage: Option<RunUsage>,
    ) -> Result<(), Denial> {
        self.hear(present, node, session)?;
        self.advance_step(present, node, step, report, usage);
        Ok(())
    }

    /// A step has come so far on a node; what is behind that is known already.
    fn advance_step(
        &mut self,
        present: Present,
        node: &NodeName,
        step: StepId,
        report: &NodeReport,
        usage: Option<RunUsage>,
    ) {
        let NodeReport { job: id, attempt, what } = report;
        if matches!(what, Reported::Stage(RunStage::Left) | Reported::LaunchFailed)
            && self.stray_steps.get_mut(node).is_some_and(|strays| strays.remove(&(*id, *attempt, step)))
        {
            self.touched.insert((node.clone(), *id));
        }
        let Some(job) = self.live.jobs.shared(id).filter(|job| job.attempt == *attempt).cloned() else { return };
        let Some(mut step) = job.step(step).cloned() else { return };
        let Some(at) = step.place(node).filter(|at| !step.left.contains(*at)) else { return };
        let before = step.clone();
        if let (Reported::Stage(RunStage::Ended(_)), Some(usage), false) = (what, usage, step.ended.contains(at)) {
            step.used.push((at, usage));
        }
        advance(&mut step, at, what, present.now);
        if step == before {
            return;
        }
        if step.ended.contains(at) && !step.left.contains(at) {
            // It says by itself when nothing is left; else it is told to see to it.
            let again = present.now.saturating_add(i64::from(self.config.bounds.resend.max(1)));
            self.timers.set(again, Timer::Resend(node.clone()));
        }
        match &job.phase {
            JobPhase::Running(run) => self.put_step(present, &job, run.clone(), step),
            JobPhase::Completing(clearing) => self.put_late_step(present, &job, clearing.clone(), step),
            JobPhase::Pending | JobPhase::Over(..) => {}
        }
    }

    /// Puts a step of a job that runs. The only way. One that is gone is not kept.
    fn put_step(&mut self, present: Present, job: &LiveJob, mut run: Run, step: LiveStep) {
        if step.launched.count() as usize == step.shares.len() || step.is_stopped || step.is_gone() {
            self.programs.remove(&(job.id, step.id));
        }
        self.note_step(present, job, &run.allocation, &step);
        let place = run.steps.iter().position(|other| other.id == step.id);
        let is_last = step.is_gone() && job.submission.allocation == Some(Allocating::ForOneStep);
        let ending = step.ending.clone().filter(|_| is_last);
        match (place, step.is_gone()) {
            (Some(at), true) => _ = run.steps.remove(at),
            (Some(at), false) => run.steps[at] = step,
            (None, true) => {}
            (None, false) => run.steps.push(step),
        }
        let job = LiveJob { phase: JobPhase::Running(run), ..job.clone() };
        self.put(present, job.clone());
        if let Some(StepEnding { state, exit, cancelled_by, .. }) = ending {
            let ending = Ending { exit, cancelled_by, ..Ending::new(state, present.now) };
            self.end_run(present, &job, ending, NextPhase::Over);
        }
    }

    /// Puts a step of a job that is over: what it used is still told.
    fn put_late_step(&mut self, present: Present, job: &LiveJob, mut clearing: Clearing, step: LiveStep) {
        self.note_step(present, job, &clearing.allocation, &step);
        for other in clearing.steps.iter_mut().filter(|other| other.id == step.id) {
            *other = step.clone();
        }
        self.put(present, LiveJob { phase: JobPhase::Completing(clearing), ..job.clone() });
    }

    /// The steps of a run that ends: they end with it.
    pub(super) fn end_steps(&mut self, present: Present, job: &LiveJob, run: &Run, ending: &Ending) -> Vec<LiveStep> {
        let state = if ending.state == JobState::NodeFail { ending.state } else { JobState::Cancelled };
        let mut steps = run.steps.clone();
        for step in &mut steps {
            self.programs.remove(&(job.id, step.id));
            let has_ended = has_ended(step);
            match &mut step.ending {
                _ if has_ended => {}
                Some(own) if step.is_stopped => own.at = present.now,
                _ => stop(step, state, present.now, ending.cancelled_by),
            }
            self.note_ended_step(present, job, &run.allocation, step);
        }
        steps
    }

    /// Ends steps whose own time is over.
    pub(super) fn end_late_steps(&mut self, present: Present, id: JobId) {
        while let Some(job) = self.live.jobs.shared(&id).cloned() {
            let is_late = |step: &&LiveStep| !step.is_stopped && step.end().is_some_and(|end| end <= present.now);
            let (JobPhase::Running(run), Some(step)) = (&job.phase, job.steps().iter().find(is_late)) else { return };
            let mut step = step.clone();
            stop(&mut step, JobState::Timeout, present.now, None);
            self.put_step(present, &job, run.clone(), step);
        }
    }

    /// A node says which steps it has. Those that it has not launched, and that nobody knows how to, are over, and so are those of
    /// which nothing is there any more. Those that it should not have end.
    pub(super) fn reconcile_steps(
        &mut self,
        present: Present,
        node: &NodeName,
        said: &[(JobId, Attempt, StepId, RunStage)],
    ) {
        for (job, attempt, step, stage) in said {
            let report = NodeReport { job: *job, attempt: *attempt, what: Reported::Stage(*stage) };
            // How it ended there is reported with what it used.
            if *stage == RunStage::Launched {
                self.advance_step(present, node, *step, &report, None);
            }
        }
        let jobs: Vec<JobId> = self.pools.get(node).map(|pool| pool.jobs.iter().copied().collect()).unwrap_or_default();
        for id in jobs {
            let Some(job) = self.live.jobs.shared(&id).cloned() else { continue };
            let knows = |step: &LiveStep| said.iter().any(|it| (it.0, it.1, it.2) == (id, job.attempt, step.id));
            let is_missing =
                |step: &&LiveStep| step.place(node).is_some_and(|at| !step.left.contains(at)) && !knows(step);
            let was_launched = |step: &LiveStep| step.place(node).is_some_and(|at| step.launched.contains(at));
            let missing = job.steps().iter().filter(is_missing);
            let (vanished, untold): (Vec<&LiveStep>, Vec<&LiveStep>) = missing.partition(|step| was_launched(step));
            for step in vanished {
                let left = NodeReport { job: id, attempt: job.attempt, what: Reported::Stage(RunStage::Left) };
                self.advance_step(present, node, step.id, &left, None);
            }
            let is_lost = |step: &&LiveStep| !step.is_stopped && !self.programs.contains_key(&(id, step.id));
            let lost: Vec<StepId> = untold.into_iter().filter(is_lost).map(|step| step.id).collect();
            lost.into_iter().for_each(|step| self.fail_unstarted(present, id, step));
        }
        self.find_stray_steps(present, node, said);
    }

    /// Steps that a node has in runs that go on, and that are none of theirs: the store is an older one than the node's. Their
    /// numbers are not given again.
    fn find_stray_steps(&mut self, present: Present, node: &NodeName, said: &[(JobId, Attempt, StepId, RunStage)]) {
        let mut strays = BTreeSet::new();
        for (id, attempt, step, _) in said.iter().filter(|it| it.3 != RunStage::Left) {
            let Some(job) = self.live.jobs.shared(id).filter(|job| job.attempt == *attempt).cloned() else { continue };
            let JobPhase::Running(run) = &job.phase else { continue };
            if job.step(*step).is_some_and(|own| own.place(node).is_some()) || run.allocation.place(node).is_none() {
                continue;
            }
            strays.insert((*id, *attempt, *step));
            if let StepId::Number(number) = step
                && *number >= run.next_step
            {
                let run = Run { next_step: number.saturating_add(1), ..run.clone() };
                self.put(present, LiveJob { phase: JobPhase::Running(run), ..(*job).clone() });
            }
        }
        self.stray_steps.insert(node.clone(), strays);
    }

    fn fail_unstarted(&mut self, present: Present, id: JobId, step: StepId) {
        let Some(job) = self.live.jobs.shared(&id).cloned() else { return };
        let (JobPhase::Running(run), Some(step)) = (&job.phase, job.step(step)) else { return };
        let mut step = step.clone();
        merge(&mut step, NOT_STARTED, present.now);
        step.is_stopped = true;
        self.put_step(present, &job, run.clone(), step);
    }

    /// Forgets what steps run that are not there, or need it no more.
    pub(super) fn forget_programs(&mut self) {
        let live = &self.live;
        let needs = |step: &LiveStep| !step.is_stopped && (step.launched.count() as usize) < step.shares.len();
        self.programs.retain(|(job, step), _| live.jobs.get(job).and_then(|job| job.step(*step)).is_some_and(needs));
    }
}

/// The run of a job that steps can be started in.
fn running(job: &LiveJob) -> Result<&Run, Denial> {
    match &job.phase {
        JobPhase::Running(run) => Ok(run),
        JobPhase::Pending => Err(Denial::IsPending),
        JobPhase::Completing(_) | JobPhase::Over(..) => Err(Denial::AlreadyDone),
    }
}

/// Whether steps of a job would be more than can be kept together.
fn is_too_much(steps: &[LiveStep], shares: &[StepShare]) -> bool {
    let parts = steps.iter().map(|step| step.shares.len()).sum::<usize>() + shares.len();
    let tasks =
        steps.iter().flat_map(|step| &step.shares).chain(shares).map(|share| share.ranks.len() as u64).sum::<u64>();
    !steps.is_empty() && (parts > MOST_SHARES || tasks > MOST_TASKS)
}

/// Whether no task of a step runs any more.
fn has_ended(step: &LiveStep) -> bool {
    step.ended.count() as usize == step.shares.len()
}

/// Decides how a step ends. What its tasks ended with is still counted.
fn stop(step: &mut LiveStep, state: JobState, at: Time, cancelled_by: Option<Uid>) {
    let exit = step.ending.as_ref().map_or_else(ExitCode::default, |ending| ending.exit);
    step.ending = Some(StepEnding { state, exit, at, cancelled_by });
    step.is_stopped = true;
}

/// Sends a signal to a step.
pub(super) fn send(step: &mut LiveStep, number: u8) -> Result<(), Denial> {
    let open = step.signals.iter().filter(|signal| (signal.delivered.count() as usize) < step.shares.len()).count();
    if step.is_stopped {
        return Err(Denial::AlreadyDone);
    }
    if open >= MOST_SIGNALS {
        return Err(Denial::Disabled);
    }
    let serial = step.signals.last().map_or(1, |last| last.serial + 1);
    step.signals.push(SentSignal { serial, number, to: SignalTarget::All, delivered: Units::default() });
    Ok(())
}

fn advance(step: &mut LiveStep, at: u32, what: &Reported, now: Time) {
    match what {
        Reported::Stage(RunStage::Launched) => _ = step.launched.insert(at),
        Reported::Stage(RunStage::Ended(end)) => end_part(step, at, *end, now),
        Reported::Stage(RunStage::Left) => {
            if !step.is_stopped && !step.ended.contains(at) {
                end_part(step, at, VANISHED, now);
            }
            step.left.insert(at);
        }
        Reported::LaunchFailed => {
            end_part(step, at, NOT_STARTED, now);
            step.is_stopped = true;
            step.left.insert(at);
        }
        Reported::Delivered(serial) => deliver(step, at, *serial),
    }
}

/// The tasks of a node have ended.
fn end_part(step: &mut LiveStep, at: u32, end: ScriptEnd, now: Time) {
    step.launched.insert(at);
    if !step.ended.insert(at) {
        return;
    }
    merge(step, end, now);
    if step.request.kill_on_bad_exit && end.state() != JobState::Completed {
        step.is_stopped = true;
    }
}

fn deliver(step: &mut LiveStep, at: u32, serial: u32) {
    for signal in step.signals.iter_mut().filter(|signal| signal.serial == serial) {
        signal.delivered.insert(at);
    }
    let (all, last) = (step.shares.len(), step.signals.last().map(|signal| signal.serial));
    // The last one says which serial number comes next.
    step.signals.retain(|signal| (signal.delivered.count() as usize) < all || Some(signal.serial) == last);
}

/// Adds how a part of a step ended: the worst counts, unless it was decided before.
fn merge(step: &mut LiveStep, end: ScriptEnd, at: Time) {
    let own = step.ending.get_or_insert(StepEnding {
        state: JobState::Completed,
        exit: ExitCode::default(),
        at,
        cancelled_by: None,
    });
    let badness = |state: JobState| match state {
        JobState::Completed => 0,
        JobState::Failed => 1,
        JobState::OutOfMemory => 2,
        // Somebody decided so.
        _ => 3,
    };
    if badness(end.state()) > badness(own.state) {
        own.state = end.state();
    }
    if end.exit.height() > own.exit.height() {
        own.exit = end.exit;
    }
    own.at = own.at.max(at);
}
