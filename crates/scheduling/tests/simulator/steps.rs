//! Steps in a world: what a node does with them, what people ask of them, and what must be true.

use crate::node::SimNode;
use crate::random::Random;
use crate::world::World;
use scheduling::demand::{GresDemand, MemoryDemand};
use scheduling::event::{NodeOrder, NodeReport, OrderTask, Reported, RunStage, ScriptEnd};
use scheduling::id::{Attempt, JobId, NodeName, Time};
use scheduling::job::{JobPhase, LiveJob};
use scheduling::step::{LiveStep, StepLayout, StepRequest, StepShare};
use scheduling::units::Units;
use slurm::records::{ExitCode, StepId};
use std::collections::{BTreeMap, BTreeSet};

/// Seconds after which a node says again what was not confirmed.
const AGAIN: i64 = 15;

pub type StepKey = (JobId, Attempt, StepId);

/// One step as a node knows it.
#[derive(Clone, Debug)]
pub struct NodeStep {
    pub stage: RunStage,
    /// CPUs that no other may use.
    pub cpus: Units,
    /// When its tasks end by themselves.
    ends: Time,
    exit: ExitCode,
    /// When nothing is left of it.
    gone: Option<Time>,
    still: Option<Time>,
    said: Option<Time>,
    confirmed: bool,
}

/// What a node knows of steps.
#[derive(Default)]
pub struct NodeSteps {
    pub known: BTreeMap<StepKey, NodeStep>,
    /// Steps that are over here.
    over: BTreeSet<StepKey>,
    failures: BTreeSet<StepKey>,
    signals: BTreeSet<(StepKey, u32)>,
    nagged: Time,
}

impl NodeSteps {
    pub fn listed(&self) -> Vec<(JobId, Attempt, StepId, RunStage)> {
        self.known.iter().map(|((job, attempt, step), it)| (*job, *attempt, *step, it.stage)).collect()
    }

    /// Whether tasks of a step run here.
    pub fn runs(&self, key: &StepKey) -> bool {
        self.known.get(key).is_some_and(|step| step.stage == RunStage::Launched)
    }

    pub fn say_again(&mut self) {
        self.known.values_mut().for_each(|step| (step.said, step.confirmed) = (None, false));
    }

    /// Steps of a run stand still or go on with it.
    pub fn stand_still(&mut self, run: (JobId, Attempt), is_still: bool, now: Time) {
        for (_, step) in self.known.iter_mut().filter(|(key, _)| (key.0, key.1) == run) {
            if is_still {
                step.still.get_or_insert(now);
            } else if let Some(since) = step.still.take() {
                step.ends += now - since;
            }
        }
    }

    /// A run is over: nothing of it is left.
    pub fn forget_run(&mut self, run: (JobId, Attempt)) {
        let is_others = |key: &StepKey| (key.0, key.1) != run;
        self.known.retain(|key, _| is_others(key));
        self.failures.retain(is_others);
        self.signals.retain(|(key, _)| is_others(key));
    }

    pub fn next(&self, is_connected: bool) -> Option<Time> {
        let steps = self.known.values().flat_map(|step| {
            let ends = (step.stage == RunStage::Launched && step.still.is_none()).then_some(step.ends);
            let gone = step.gone.filter(|_| step.stage != RunStage::Left);
            let again = (!step.confirmed && is_connected).then(|| step.said.map_or(0, |said| said + AGAIN));
            [ends, gone, again]
        });
        let nags = is_connected && !(self.failures.is_empty() && self.signals.is_empty());
        steps.chain([nags.then_some(self.nagged + AGAIN)]).flatten().min()
    }

    /// Tasks end by themselves, or after they were told to.
    pub fn live(&mut self, now: Time) {
        for (key, step) in &mut self.known {
            if step.stage == RunStage::Launched && step.still.is_none() && step.ends <= now {
                step.stage = RunStage::Ended(ScriptEnd { exit: step.exit, out_of_memory: false });
                (step.said, step.confirmed) = (None, false);
                step.gone.get_or_insert(now + 1);
            } else if step.stage != RunStage::Left && step.gone.is_some_and(|at| at <= now) {
                step.stage = RunStage::Left;
                (step.said, step.confirmed) = (None, false);
                self.over.insert(*key);
            }
        }
    }

    /// What it has to say now.
    pub fn speak(&mut self, now: Time) -> Vec<(StepId, NodeReport)> {
        let report = |key: &StepKey, what| (key.2, NodeReport { job: key.0, attempt: key.1, what });
        let mut said = Vec::new();
        for (key, step) in &mut self.known {
            if !step.confirmed && step.said.is_none_or(|at| at + AGAIN <= now) {
                step.said = Some(now);
                said.push(report(key, Reported::Stage(step.stage)));
            }
        }
        if self.nagged + AGAIN <= now {
            self.nagged = now;
            said.extend(self.failures.iter().map(|key| report(key, Reported::LaunchFailed)));
            said.extend(self.signals.iter().map(|(key, serial)| report(key, Reported::Delivered(*serial))));
        }
        said
    }

    /// The master has it.
    pub fn confirmed(&mut self, step: StepId, report: &NodeReport) {
        let key = (report.job, report.attempt, step);
        match &report.what {
            Reported::Stage(RunStage::Left) => {
                self.known.remove(&key);
                self.over.insert(key);
            }
            Reported::Stage(stage) => {
                let same = self.known.get_mut(&key).filter(|known| known.stage == *stage);
                same.into_iter().for_each(|known| known.confirmed = true);
            }
            Reported::LaunchFailed => _ = self.failures.remove(&key),
            Reported::Delivered(serial) => _ = self.signals.remove(&(key, *serial)),
        }
    }

    /// The master asks again: what was said is said again.
    fn repeat(&mut self, key: StepKey) {
        if let Some(known) = self.known.get_mut(&key) {
            (known.said, known.confirmed) = (None, false);
        } else if !self.failures.contains(&key) {
            self.terminate(key, 0);
        }
    }

    fn terminate(&mut self, key: StepKey, gone: Time) {
        match self.known.get_mut(&key) {
            Some(known) => _ = known.gone.get_or_insert(gone),
            None => {
                self.over.insert(key);
                let (cpus, exit) = (Units::default(), ExitCode::default());
                let (stage, gone) = (RunStage::Left, Some(gone));
                let left = NodeStep { stage, cpus, ends: 0, exit, gone, still: None, said: None, confirmed: false };
                self.known.insert(key, left);
            }
        }
    }
}

impl SimNode {
    /// Does what an order says of a step. Gives back its key if it starts here.
    pub fn obey_step(&mut self, order: &NodeOrder, random: &mut Random, now: Time, well: bool) -> Option<StepKey> {
        let run = (order.job, order.attempt);
        match &order.task {
            OrderTask::LaunchStep(job, id, _) => {
                let key = (run.0, run.1, *id);
                if self.steps.known.contains_key(&key) || self.steps.over.contains(&key) {
                    self.steps.repeat(key);
                    return None;
                }
                let is_here = self.runs.get(&run).is_some_and(|run| run.stage != RunStage::Left && run.gone.is_none());
                if !is_here || !well && random.one_in(40) {
                    self.steps.over.insert(key);
                    self.steps.failures.insert(key);
                    return None;
                }
                let step = job.step(*id).expect("a step that is launched is there");
                let share = step.shares.iter().find(|share| share.node == self.name).expect("it has a share here");
                let cpus = if step.holds() { share.cpus.clone() } else { Units::default() };
                let exit = ExitCode { code: u8::from(random.one_in(4)), signal: 0 };
                let ends = now + 1 + random.below(60) as i64;
                let stage = RunStage::Launched;
                let (gone, still) = (None, None);
                let started = NodeStep { stage, cpus, ends, exit, gone, still, said: None, confirmed: false };
                self.steps.known.insert(key, started);
                return Some(key);
            }
            OrderTask::TerminateStep { step, kill_wait } => {
                self.steps.terminate((run.0, run.1, *step), now + random.below(u64::from(*kill_wait)) as i64);
            }
            OrderTask::SignalStep { step, serial, .. } => {
                self.steps.signals.insert(((run.0, run.1, *step), *serial));
            }
            OrderTask::Launch(_) | OrderTask::Terminate { .. } | OrderTask::Signal { .. } => {}
        }
        None
    }
}

/// A step that somebody may ask for.
pub fn request(random: &mut Random) -> StepRequest {
    let exact = random.one_in(2);
    let nodes = random.one_in(3).then(|| (1 + random.below(2) as u32, None));
    StepRequest {
        name: "step".into(),
        is_interactive: random.one_in(12),
        tasks: random.one_in(2).then(|| 1 + random.below(3) as u32),
        nodes,
        cpus_per_task: random.one_in(3).then(|| 1 + random.below(2) as u32),
        memory: match random.below(4) {
            0 => MemoryDemand::Unsaid,
            1 => MemoryDemand::PerNode(random.below(300)),
            2 => MemoryDemand::PerCpu(random.below(100)),
            _ => MemoryDemand::Whole,
        },
        gres: match random.below(4) {
            0 => Some(Vec::new()),
            1 => Some(vec![GresDemand { name: "gpu".into(), kind: None, count: 1 }]),
            _ => None,
        },
        relative: random.one_in(6).then_some(1),
        layout: *random.pick(&[StepLayout::Usual, StepLayout::Cyclic, StepLayout::Plane(2)]).expect("there are some"),
        exact,
        overlap: random.one_in(6),
        minutes: random.one_in(6).then_some(1),
        kill_on_bad_exit: random.one_in(4),
        ..StepRequest::default()
    }
}

/// Steps keep to what their job has, and to themselves.
pub fn steps_share_nothing(world: &World) {
    for job in world.core.live().jobs.values() {
        let JobPhase::Running(run) = &job.phase else { continue };
        let mut numbers = BTreeSet::new();
        for step in &run.steps {
            assert!(numbers.insert(step.id), "a number is given twice: {job:?}");
            assert!(!step.is_gone() && !step.shares.is_empty(), "{step:?}");
            let is_in_time = job.is_suspended() || step.end().is_none_or(|end| end > world.now);
            assert!(step.is_stopped || is_in_time, "beyond its limit: {step:?}");
            let next = StepId::Number(run.next_step);
            assert!(step.id < next, "{step:?} {next:?}");
        }
        run.allocation.shares.iter().for_each(|share| on_one_node(job, &run.steps, &share.node));
    }
}

fn on_one_node(job: &LiveJob, steps: &[LiveStep], node: &NodeName) {
    let own = job.held().find(|share| share.node == *node).expect("a job that runs holds its nodes");
    let mut held: Vec<&StepShare> = Vec::new();
    for step in steps {
        let Some(at) = step.place(node) else { continue };
        let share = &step.shares[at as usize];
        let mut beyond = share.cpus.clone();
        beyond.remove(&own.cpus);
        assert!(beyond.is_empty() && !share.ranks.is_empty(), "more than the job has: {share:?} {own:?}");
        if !step.holds() || step.left.contains(at) {
            continue;
        }
        for other in &held {
            assert!(!share.cpus.meets(&other.cpus), "CPUs are given to two steps: {share:?} {other:?}");
            for (gres, same) in share.gres.iter().flat_map(|gres| other.gres.iter().map(move |same| (gres, same))) {
                let is_same = gres.name == same.name && gres.kind == same.kind;
                assert!(!is_same || !gres.devices.meets(&same.devices), "a device is given to two steps");
            }
        }
        held.push(share);
    }
    let memory: u64 = held.iter().map(|share| share.memory).sum();
    assert!(own.memory == 0 || memory <= own.memory, "steps have more memory than their job: {held:?} {own:?}");
}

/// A step starts once on a node, in a run that is there, on CPUs that no other step there has.
pub fn at_a_launch(world: &mut World, index: usize, key: StepKey) {
    let name = world.nodes[index].name.clone();
    assert!(world.step_launches.insert((key, name.clone())), "step {key:?} started twice on {name}");
    let node = &world.nodes[index];
    let run = node.runs.get(&(key.0, key.1));
    assert!(run.is_some_and(|run| run.stage != RunStage::Left), "step {key:?} has no run on {name}");
    let of_run = |other: &StepKey| (other.0, other.1) == (key.0, key.1);
    let mut used = Units::default();
    for (other, step) in node.steps.known.iter().filter(|(other, step)| of_run(other) && step.stage != RunStage::Left) {
        assert!(!used.meets(&step.cpus), "{other:?} shares CPUs of {name} with another step");
        used.add(&step.cpus);
    }
}

/// Seconds within which a step is over after its tasks, and a run after it was told to end, where nothing goes wrong: orders and
/// reports that were lost are said again, and what ignores SIGTERM is killed.
const SOON: i64 = 300;

/// A step is over soon after its tasks, and so is a job whose end is decided.
pub fn end_soon(world: &mut World) {
    let mut idle = BTreeSet::new();
    for job in world.core.live().jobs.values() {
        if job.is_completing() {
            idle.insert((job.id, job.attempt, None));
            continue;
        }
        // It waits until somebody lets it go on.
        if job.is_suspended() {
            continue;
        }
        let runs = |step: &LiveStep| {
            let key = (job.id, job.attempt, step.id);
            world.nodes.iter().any(|node| node.steps.runs(&key))
        };
        let of_job = job.steps().iter().filter(|step| !runs(step));
        idle.extend(of_job.map(|step| (job.id, job.attempt, Some(step.id))));
    }
    world.idle_since.retain(|key, _| idle.contains(key));
    for key in idle {
        let since = *world.idle_since.entry(key).or_insert(world.now);
        let job = world.core.job(key.0);
        assert!(world.now - since <= SOON, "{key:?} has nothing to do since {since}, and is not over: {job:?}");
    }
}

/// All steps have come to their end, in the records and on nodes.
pub fn at_the_end(world: &World) {
    for (key, record) in &world.store.steps {
        assert!(record.end.is_some() && record.state.is_over(), "step {key:?} has no end: {record:?}");
    }
    for (job, step) in &world.accepted_steps {
        let mut records = world.store.steps.keys();
        assert!(records.any(|(of, _, id)| of == job && id == step), "step {step:?} of {job} has no record");
    }
    for node in &world.nodes {
        let alive = node.steps.known.iter().find(|(key, step)| {
            let run = node.runs.get(&(key.0, key.1));
            step.stage != RunStage::Left && run.is_none_or(|run| run.stage == RunStage::Left)
        });
        assert!(alive.is_none(), "a step outlives its run on {}: {alive:?}", node.name);
    }
}
