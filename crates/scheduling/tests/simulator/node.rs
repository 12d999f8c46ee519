//! A compute node of a world: what its daemon does, with what it knows on disk.

use crate::random::Random;
use crate::steps::NodeSteps;
use scheduling::event::{NodeOrder, NodeReport, OrderTask, Registration, Reported, RunStage, ScriptEnd};
use scheduling::id::{Attempt, Boot, JobId, NodeName, NodeSession, Time};
use scheduling::job::{LiveJob, SignalTarget};
use scheduling::node::Hardware;
use scheduling::units::Units;
use slurm::records::{ExitCode, StepId};
use std::collections::{BTreeMap, BTreeSet};

/// Seconds after which it says again what was not confirmed.
const AGAIN: i64 = 15;
const HEARTBEAT: i64 = 60;

/// One run as the node knows it.
#[derive(Clone, Debug)]
pub struct NodeRun {
    pub stage: RunStage,
    /// CPUs that it uses.
    pub cpus: Units,
    /// When the script ends by itself; `None` where no script runs.
    pub ends: Option<Time>,
    pub exit: ExitCode,
    /// When nothing is left of it, once it was told to end.
    pub gone: Option<Time>,
    /// Since when it stands still.
    still: Option<Time>,
    /// The master's last word on that.
    still_serial: u32,
    /// When it was reported last.
    said: Option<Time>,
    confirmed: bool,
}

impl NodeRun {
    fn new(stage: RunStage, cpus: Units, exit: ExitCode) -> Self {
        let (said, confirmed) = (None, false);
        Self { stage, cpus, ends: None, exit, gone: None, still: None, still_serial: 0, said, confirmed }
    }
}

/// A node.
pub struct SimNode {
    pub name: NodeName,
    pub hardware: Hardware,
    pub boot: Boot,
    /// Off until then.
    pub off_until: Option<Time>,
    /// Cut off until then.
    pub cut_until: Option<Time>,
    pub session: Option<NodeSession>,
    /// When it registered last in its session, and whether that was confirmed.
    pub registered: Option<(Time, bool)>,
    pub runs: BTreeMap<(JobId, Attempt), NodeRun>,
    /// Runs that are over here.
    over: BTreeSet<(JobId, Attempt)>,
    pub steps: NodeSteps,
    signals: BTreeSet<(JobId, Attempt, u32)>,
    failures: BTreeSet<(JobId, Attempt)>,
    heard: Time,
    nagged: Time,
}

/// What a node sends.
#[derive(Clone, Debug)]
pub enum FromNode {
    Registers(Registration),
    Reports(NodeReport),
    ReportsStep(StepId, NodeReport),
    Heartbeat,
}

impl SimNode {
    pub fn new(name: &str, hardware: Hardware) -> Self {
        Self {
            name: name.into(),
            hardware,
            boot: Boot(1),
            off_until: None,
            cut_until: None,
            session: None,
            registered: None,
            runs: BTreeMap::new(),
            over: BTreeSet::new(),
            steps: NodeSteps::default(),
            signals: BTreeSet::new(),
            failures: BTreeSet::new(),
            heard: 0,
            nagged: 0,
        }
    }

    pub fn is_reachable(&self) -> bool {
        self.off_until.is_none() && self.cut_until.is_none()
    }

    /// Power goes: all that runs is gone, and what it knew of it.
    pub fn die(&mut self, until: Time) {
        self.runs.clear();
        self.over.clear();
        self.signals.clear();
        self.failures.clear();
        self.steps = NodeSteps::default();
        self.boot = Boot(self.boot.0 + 1);
        self.off_until = Some(until);
        self.disconnect();
    }

    pub fn disconnect(&mut self) {
        (self.session, self.registered) = (None, None);
    }

    pub fn connected(&mut self, session: NodeSession) {
        (self.session, self.registered) = (Some(session), None);
        // What an earlier session confirmed may be lost with the master's disk.
        self.runs.values_mut().for_each(|run| (run.said, run.confirmed) = (None, false));
        self.steps.say_again();
    }

    /// Does what an order says. Gives back the run if one starts.
    pub fn obey(&mut self, order: &NodeOrder, random: &mut Random, now: Time, well: bool) -> Option<(JobId, Attempt)> {
        if self.session != Some(order.session) {
            return None;
        }
        let run = (order.job, order.attempt);
        match &order.task {
            OrderTask::Launch(_) if !self.is_new(run) => self.repeat(run),
            OrderTask::Launch(_) if !well && random.one_in(40) => {
                self.over.insert(run);
                self.failures.insert(run);
            }
            OrderTask::Launch(job) => return Some(self.launch(job, run, random, now)),
            OrderTask::Terminate { kill_wait } => self.terminate(run, now + random.below(u64::from(*kill_wait)) as i64),
            OrderTask::Signal { serial, number, to } => {
                self.signals.insert((run.0, run.1, *serial));
                if *to == SignalTarget::Standstill {
                    self.stand_still(run, *serial, *number == 19, now);
                }
            }
            // See `obey_step`.
            OrderTask::LaunchStep(..) | OrderTask::TerminateStep { .. } | OrderTask::SignalStep { .. } => {}
        }
        None
    }

    /// Script and steps stand still or go on; what they still have to do takes as long as before.
    fn stand_still(&mut self, run: (JobId, Attempt), serial: u32, is_still: bool, now: Time) {
        let Some(known) = self.runs.get_mut(&run).filter(|known| known.still_serial < serial) else { return };
        known.still_serial = serial;
        if is_still {
            known.still.get_or_insert(now);
        } else if let Some(since) = known.still.take() {
            known.ends = known.ends.map(|ends| ends + now - since);
        }
        self.steps.stand_still(run, is_still, now);
    }

    /// The master asks again: what was said is said again.
    fn repeat(&mut self, run: (JobId, Attempt)) {
        if let Some(known) = self.runs.get_mut(&run) {
            (known.said, known.confirmed) = (None, false);
        } else if !self.failures.contains(&run) {
            self.terminate(run, 0);
        }
    }

    fn is_new(&self, run: (JobId, Attempt)) -> bool {
        !self.runs.contains_key(&run) && !self.over.contains(&run)
    }

    fn launch(&mut self, job: &LiveJob, run: (JobId, Attempt), random: &mut Random, now: Time) -> (JobId, Attempt) {
        let allocation = job.allocation().expect("a job that is launched has nodes");
        let share = allocation.shares.iter().find(|share| share.node == self.name).expect("it has a share here");
        let is_head = allocation.shares[0].node == self.name;
        let exit = ExitCode { code: u8::from(random.one_in(5)), signal: 0 };
        let has_script = is_head && job.submission.allocation.is_none();
        let ends = has_script.then(|| now + 1 + random.below(150) as i64);
        let cpus = share.cpus.clone();
        self.runs.insert(run, NodeRun { ends, ..NodeRun::new(RunStage::Launched, cpus, exit) });
        run
    }

    fn terminate(&mut self, run: (JobId, Attempt), gone: Time) {
        match self.runs.get_mut(&run) {
            Some(known) if known.gone.is_none() => known.gone = Some(gone),
            Some(_) => {}
            None => {
                self.over.insert(run);
                let left = NodeRun::new(RunStage::Left, Units::default(), ExitCode::default());
                self.runs.insert(run, NodeRun { gone: Some(gone), ..left });
            }
        }
    }

    /// The master has it: it need not be said again.
    pub fn confirmed(&mut self, session: NodeSession, report: &NodeReport) {
        if self.session != Some(session) {
            return;
        }
        let run = (report.job, report.attempt);
        match &report.what {
            Reported::Stage(RunStage::Left) => {
                self.runs.remove(&run);
                self.over.insert(run);
            }
            Reported::Stage(stage) => {
                let known = self.runs.get_mut(&run).filter(|known| known.stage == *stage);
                known.into_iter().for_each(|known| known.confirmed = true);
            }
            Reported::LaunchFailed => _ = self.failures.remove(&run),
            Reported::Delivered(serial) => _ = self.signals.remove(&(run.0, run.1, *serial)),
        }
    }

    /// When it does something by itself next.
    pub fn next(&self) -> Option<Time> {
        let back = [self.off_until, self.cut_until];
        let runs = self.runs.values().flat_map(|run| {
            let ends = run.ends.filter(|_| run.stage == RunStage::Launched && run.still.is_none());
            let gone = run.gone.filter(|_| run.stage != RunStage::Left);
            let again = (!run.confirmed).then(|| run.said.map_or(0, |said| said + AGAIN));
            [ends, gone, again.filter(|_| self.session.is_some())]
        });
        let nags = !self.failures.is_empty() || !self.signals.is_empty();
        let nag = self.session.filter(|_| nags).map(|_| self.nagged + AGAIN);
        let beat = self.session.map(|_| self.heard + HEARTBEAT);
        let register = self.registered.filter(|(_, done)| !done).map(|(at, _)| at + AGAIN);
        let steps = self.steps.next(self.session.is_some());
        back.into_iter().chain(runs).chain([steps]).chain([beat, register, nag]).flatten().min()
    }

    /// Processes end by themselves or after they were told to.
    pub fn live(&mut self, now: Time) {
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        for field in [&mut self.off_until, &mut self.cut_until] {
            if is_due(*field) {
                *field = None;
            }
        }
        for (run, known) in &mut self.runs {
            if known.stage == RunStage::Launched && known.still.is_none() && is_due(known.ends) {
                known.stage = RunStage::Ended(ScriptEnd { exit: known.exit, out_of_memory: false });
                (known.said, known.confirmed) = (None, false);
            }
            if known.stage != RunStage::Left && is_due(known.gone) {
                known.stage = RunStage::Left;
                (known.said, known.confirmed) = (None, false);
                self.over.insert(*run);
                self.steps.forget_run(*run);
            }
        }
        self.steps.live(now);
    }

    /// What it has to say now.
    pub fn speak(&mut self, now: Time) -> Vec<FromNode> {
        let is_due = |said: Option<Time>| said.is_none_or(|at| at + AGAIN <= now);
        match self.registered {
            None => {
                self.registered = Some((now, false));
                let runs = self.runs.iter().map(|((job, attempt), run)| (*job, *attempt, run.stage)).collect();
                let (boot, hardware) = (self.boot, self.hardware.clone());
                let steps = self.steps.listed();
                return vec![FromNode::Registers(Registration { boot, hardware, runs, steps })];
            }
            // Not confirmed: it tries from the beginning.
            Some((at, false)) if at + AGAIN <= now => {
                self.disconnect();
                return Vec::new();
            }
            Some((_, false)) => return Vec::new(),
            Some((_, true)) => {}
        }
        let mut said = Vec::new();
        if self.heard + HEARTBEAT <= now {
            self.heard = now;
            said.push(FromNode::Heartbeat);
        }
        for ((job, attempt), run) in &mut self.runs {
            if !run.confirmed && is_due(run.said) {
                run.said = Some(now);
                said.push(FromNode::Reports(NodeReport {
                    job: *job,
                    attempt: *attempt,
                    what: Reported::Stage(run.stage),
                }));
            }
        }
        let of_steps = self.steps.speak(now).into_iter();
        said.extend(of_steps.map(|(step, report)| FromNode::ReportsStep(step, report)));
        if self.nagged + AGAIN > now {
            return said;
        }
        self.nagged = now;
        for (job, attempt) in &self.failures {
            said.push(FromNode::Reports(NodeReport { job: *job, attempt: *attempt, what: Reported::LaunchFailed }));
        }
        for (job, attempt, serial) in &self.signals {
            let what = Reported::Delivered(*serial);
            said.push(FromNode::Reports(NodeReport { job: *job, attempt: *attempt, what }));
        }
        said
    }
}
