//! [`Core`]: events in, decisions and rows out.
//!
//! Everything durable is in [`LiveTables`]; all else follows from it, the configuration and the accounts, and is kept by
//! increments. A job changes through [`Core::put`] alone, so that pools, counts, queue and timers cannot miss a change.

mod amounts;
mod arrays;
mod control;
mod drift;
mod nodes;
mod orders;
mod pass;
mod plan;
mod priority;
mod record;
mod reshape;
mod runs;
mod step_record;
mod steps;
mod submit;
mod suspend;
#[cfg(test)]
mod tests;
mod update;
mod view;
mod waking;
mod why;

use self::arrays::ArrayRecords;
pub use self::view::NodeUse;

use self::priority::Scale;
use self::runs::warning_due;
use self::waking::{NameKey, Namesakes};
pub use self::why::Wait;
use crate::backfill::Reserved;
use crate::config::{Config, ConfigError, PartitionLine};
use crate::event::{Accepted, Decision, Denial, SchedulerEvent, UsageKnown};
use crate::id::{Attempt, JobId, NodeName, NodeSession, Time};
use crate::job::{JobPhase, LiveJob, NodeShare};
use crate::live::{LiveRow, LiveTables};
use crate::node::{NodeHealth, NodeStanding};
use crate::pool::{NodeIndex, Pools};
use crate::queue::{LaneKey, Queue, Rank};
use crate::request::StepProgram;
use crate::selection::Fit;
use crate::tally::Tally;
use crate::timers::{Timer, Timers};
use slurm::State;
use slurm::records::{Job as Record, Step, StepId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the core is told besides events: the accounts as they are, and the time.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// Accounts, limits, QOS.
    pub accounts: &'a State,
    /// The time.
    pub now: Time,
}

/// The scheduler.
#[derive(Clone, Debug)]
pub struct Core {
    config: Arc<Config>,
    /// As it was at the last commit.
    committed_config: Arc<Config>,
    live: LiveTables,
    pools: Pools,
    tally: Tally,
    queue: Queue,
    timers: Timers,
    usage: UsageKnown,
    /// When each node was heard last.
    heard: BTreeMap<NodeName, Time>,
    /// The sessions of connections that there are; those from before a start are gone.
    connected: BTreeMap<NodeName, NodeSession>,
    /// The sessions in which nodes have registered.
    registered: BTreeMap<NodeName, NodeSession>,
    /// How many jobs the tables have, tasks of arrays that wait included.
    known_jobs: u64,
    /// Counts configurations, each of which numbers nodes anew.
    layout: u64,
    /// Grows whenever something is given back: what did not fit before may fit now.
    version: u64,
    /// Whether a pass could start something.
    wants_pass: bool,
    /// The first job of each partition that found no room.
    blocked: BTreeMap<Arc<str>, Rank>,
    licenses: BTreeMap<String, u32>,
    /// Jobs that are not over, by user and name.
    namesakes: BTreeMap<NameKey, Namesakes>,
    /// The records of arrays.
    arrays: BTreeMap<JobId, ArrayRecords>,
    /// Who waits for a job, or for all tasks of an array.
    dependents: BTreeMap<JobId, BTreeSet<JobId>>,
    /// When jobs are expected to start, as the last plan said.
    expected: BTreeMap<JobId, Reserved>,
    /// What the factors of priorities are parts of.
    scale: Scale,
    /// The nodes of each partition.
    members: BTreeMap<Arc<str>, Arc<[NodeIndex]>>,
    /// Whom something is to be said about which job.
    touched: BTreeSet<(NodeName, JobId)>,
    /// Records of runs that are over, of jobs that go on.
    past: Vec<Record>,
    /// Records of steps that changed.
    step_records: BTreeMap<(JobId, Time, StepId), Step>,
    /// What steps run that not all their nodes have launched. Not durable: who starts again fails these.
    programs: BTreeMap<(JobId, StepId), Arc<StepProgram>>,
    /// Steps that nodes have, in runs that go on, and that nobody knows of. Not durable: nodes say it in each session.
    stray_steps: BTreeMap<NodeName, BTreeSet<(JobId, Attempt, StepId)>>,
}

impl Core {
    /// From what a store has. Nodes are as they were, and silent until they connect.
    pub fn restore(config: Arc<Config>, live: LiveTables, present: Present) -> Result<Self, ConfigError> {
        config.check()?;
        let mut core = Self {
            committed_config: config.clone(),
            config,
            live,
            pools: Pools::default(),
            tally: Tally::default(),
            queue: Queue::default(),
            timers: Timers::default(),
            usage: UsageKnown::default(),
            heard: BTreeMap::new(),
            connected: BTreeMap::new(),
            registered: BTreeMap::new(),
            known_jobs: 0,
            layout: 0,
            version: 0,
            wants_pass: true,
            blocked: BTreeMap::new(),
            licenses: BTreeMap::new(),
            namesakes: BTreeMap::new(),
            arrays: BTreeMap::new(),
            dependents: BTreeMap::new(),
            expected: BTreeMap::new(),
            scale: Scale::default(),
            members: BTreeMap::new(),
            touched: BTreeSet::new(),
            past: Vec::new(),
            step_records: BTreeMap::new(),
            programs: BTreeMap::new(),
            stray_steps: BTreeMap::new(),
        };
        core.config = core.keep_held_nodes(core.config.clone());
        core.committed_config = core.config.clone();
        core.rebuild(present);
        Ok(core)
    }

    /// Takes one event. What it decides is to be acted on when the rows are durable. Start jobs with [`Core::pass`].
    pub fn on(&mut self, present: Present, event: SchedulerEvent) -> Decision {
        self.pass_time(present);
        let answer = self.take(present, event);
        Decision { answer, orders: self.orders(present.now) }
    }

    fn take(&mut self, present: Present, event: SchedulerEvent) -> Result<Accepted, Denial> {
        match event {
            SchedulerEvent::Submit(submission) => return self.submit(present, *submission).map(Accepted::Submitted),
            SchedulerEvent::Control(who, job, command) => self.control(present, &who, job, command)?,
            SchedulerEvent::ControlTasks(who, array, tasks, command) => {
                self.control_tasks(present, &who, array, &tasks, &command)?;
            }
            SchedulerEvent::NodeConnects(node) => return self.connect(present, &node).map(Accepted::Connected),
            SchedulerEvent::NodeRegisters(node, session, registration) => {
                self.register(present, &node, session, registration)?;
            }
            SchedulerEvent::NodeReports(node, session, report) => self.report(present, &node, session, report)?,
            SchedulerEvent::NodeReportsStep(node, session, step, report, usage) => {
                self.report_step(present, &node, session, step, &report, usage)?;
            }
            SchedulerEvent::CreateStep(who, job, request, program) => {
                return self.create_step(present, &who, job, *request, program).map(Accepted::StepCreated);
            }
            SchedulerEvent::ControlStep(who, job, step, command) => {
                self.control_step(present, &who, job, step, command)?;
            }
            SchedulerEvent::Finish(who, job, exit) => self.finish(present, &who, job, exit)?,
            SchedulerEvent::Remarked(job, text) => self.remark(present, job, text)?,
            SchedulerEvent::NodeHeard(node, session) => self.hear(present, &node, session)?,
            SchedulerEvent::NodeControl(who, node, command) => self.control_node(present, &who, &node, command)?,
            SchedulerEvent::Reshape(who, change) => self.reshape(present, &who, change)?,
            SchedulerEvent::Configure(config) => self.configure(present, config)?,
            SchedulerEvent::AccountsChanged => self.learn_accounts(present),
            SchedulerEvent::UsageKnown(usage) => self.learn(present, usage),
            SchedulerEvent::Planned(plan) => self.planned(present, plan),
            SchedulerEvent::TimePasses => {}
        }
        Ok(Accepted::Done)
    }

    /// When time alone makes a difference next: an event is due then.
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Whether [`Core::pass`] could start something.
    pub fn wants_pass(&self) -> bool {
        self.wants_pass
    }

    /// What changed since the last commit, and is to be written in one transaction.
    pub fn changes<'a>(&'a self, accounts: &'a State) -> impl Iterator<Item = LiveRow<'a>> {
        let records = self.live.jobs.changes().filter_map(|(_, job)| job).map(|job| self.record(accounts, job));
        let records = self.past.iter().cloned().chain(records).map(|record| LiveRow::Record(Box::new(record)));
        // They belong to records, which are there by then.
        let key = |job: JobId, submit| Record {
            cluster: self.config.cluster.clone(),
            job_id: job,
            submit,
            ..Record::default()
        };
        let steps = self.step_records.iter().map(move |((job, submit, _), step)| (key(*job, *submit), step.clone()));
        self.live.changes().chain(records).chain(steps.map(|step| LiveRow::Step(Box::new(step))))
    }

    /// The rows are durable.
    pub fn commit(&mut self) {
        self.live.commit();
        self.committed_config = self.config.clone();
        self.past.clear();
        self.step_records.clear();
    }

    /// The rows could not be written: everything is as at the last commit, and what was decided since must not be
    /// acted on. Nodes have to connect again.
    pub fn rollback(&mut self, present: Present) {
        self.connected.clear();
        self.registered.clear();
        self.live.rollback();
        if !Arc::ptr_eq(&self.config, &self.committed_config) {
            self.config = self.committed_config.clone();
            self.layout += 1;
        }
        self.past.clear();
        self.step_records.clear();
        self.touched.clear();
        self.stray_steps.clear();
        self.rebuild(present);
        self.forget_programs();
    }

    /// What is durable.
    pub fn live(&self) -> &LiveTables {
        &self.live
    }

    /// Whether a node has a session, registered or not.
    pub fn has_session(&self, node: &NodeName) -> bool {
        self.connected.contains_key(node)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes a job. The only way: all that follows from jobs follows here.
    fn put(&mut self, present: Present, mut job: LiveJob) {
        let ready = self.is_ready(&job, present.now);
        if ready && job.eligible.is_none() {
            job.eligible = Some(present.now);
        }
        if let Some(old) = self.live.jobs.shared(&job.id).cloned() {
            if old.submit != job.submit {
                self.past.push(self.record(present.accounts, &old));
            }
            self.known_jobs -= u64::from(old.task_count());
            self.leave(&old, &job);
            self.rename(&old, &job);
            self.touch(&old, &job);
        }
        self.known_jobs += u64::from(job.task_count());
        self.introduce(&job);
        self.enter(present, &job, ready);
        let before = self.live.jobs.shared(&job.id).cloned();
        self.live.jobs.put(job.id, job.clone());
        let is_same = |old: &LiveJob| std::mem::discriminant(&old.phase) == std::mem::discriminant(&job.phase);
        if !before.as_deref().is_some_and(is_same) {
            self.wake(present, &job);
        }
        if let Some(old) = before {
            self.wake_renamed(present, &old, &job);
        }
    }

    /// Takes an old form of a job out of all that is kept by increments; counts are replaced and not taken out.
    fn leave(&mut self, old: &LiveJob, new: &LiveJob) {
        let gives_back = old.held().any(|share| !new.held().any(|other| other.node == share.node));
        if gives_back || old.state() != new.state() {
            self.version += 1;
            self.wants_pass = true;
        }
        old.held().for_each(|share| self.pools.give(old, share));
        self.queue.remove(old.id);
        if matches!(old.phase, JobPhase::Running(_)) {
            for (name, count) in &old.submission.demand.licenses {
                self.licenses.entry(name.clone()).and_modify(|taken| *taken -= count);
            }
        }
    }

    /// Puts a job into all that is kept by increments.
    fn enter(&mut self, present: Present, job: &LiveJob, ready: bool) {
        job.held().for_each(|share| self.pools.take(job, share));
        if matches!(job.phase, JobPhase::Running(_)) {
            for (name, count) in &job.submission.demand.licenses {
                *self.licenses.entry(name.clone()).or_default() += count;
            }
        }
        match self.charge_of(present.accounts, job) {
            Some((standing, charge)) => self.tally.charge(present.accounts, job.id, standing, charge),
            None => self.tally.discharge(job.id),
        }
        if ready {
            self.enqueue(present, job);
        }
        for at in self.times(job) {
            self.timers.set(at, Timer::Job(job.id));
        }
    }

    /// Puts a job that could start into the lanes of its partitions.
    fn enqueue(&mut self, present: Present, job: &LiveJob) {
        let config = self.config.clone();
        for line in self.lines(&config, job) {
            let rank = Rank {
                tier: Reverse(line.tier),
                priority: Reverse(self.priority(present, job, line)),
                submit: job.submit,
                job: job.id,
            };
            let key = LaneKey {
                partition: line.rules.name.as_str().into(),
                uid: job.submission.user.uid,
                association: job.association,
                qos: job.qos,
                demand: job.submission.demand.clone(),
                minutes: job.submission.minutes,
                array: job.array_limit().and(job.array.as_ref()).map(|part| part.of),
            };
            self.queue.insert(key, rank, || Fit::new(&config, line, job.submission.demand.clone()));
        }
        self.wants_pass = true;
    }

    /// The partitions in which a job may run, as far as they are there.
    fn lines<'c>(&self, config: &'c Config, job: &LiveJob) -> Vec<&'c PartitionLine> {
        let names = &job.submission.partitions;
        let default = names.is_empty().then(|| config.partition("")).flatten();
        names.iter().filter_map(|name| config.partition(name)).chain(default).collect()
    }

    /// Whether a job stands in the queue.
    fn is_ready(&self, job: &LiveJob, now: Time) -> bool {
        let is_time = job.begin.is_none_or(|begin| begin <= now);
        job.phase == JobPhase::Pending && job.hold.is_none() && is_time && self.has_leave(job)
    }

    /// When time makes a difference to a job.
    fn times(&self, job: &LiveJob) -> Vec<Time> {
        let over = |at: Time| at.saturating_add(i64::from(self.config.bounds.min_job_age));
        match &job.phase {
            JobPhase::Pending => {
                [job.begin, self.latest_start(job), job.dependencies.next_ripe()].into_iter().flatten().collect()
            }
            // Its time stands still with it.
            JobPhase::Running(_) if job.is_suspended() => Vec::new(),
            JobPhase::Running(run) => {
                let steps = run.steps.iter().filter(|step| !step.is_stopped).filter_map(|step| step.end());
                run.allocation.end().into_iter().chain(warning_due(job)).chain(steps).collect()
            }
            JobPhase::Completing(_) => Vec::new(),
            JobPhase::Over(_, ending) => vec![over(ending.at)],
        }
    }

    /// The last moment at which a job could start and end before its deadline.
    fn latest_start(&self, job: &LiveJob) -> Option<Time> {
        let minutes = i64::from(job.submission.minutes.unwrap_or(0));
        job.submission.deadline.map(|deadline| deadline.saturating_sub(minutes * 60))
    }

    /// Makes all that follows from the tables anew.
    fn rebuild(&mut self, present: Present) {
        self.pools = Pools::new(&self.config);
        self.scale = Scale::of(&self.config, present.accounts);
        let place = |name: &NodeName| self.pools.place(name);
        let members = |line: &PartitionLine| line.nodes.iter().filter_map(place).collect();
        let lines = self.config.partitions.iter();
        self.members = lines.map(|line| (line.rules.name.as_str().into(), members(line))).collect();
        (self.tally, self.queue, self.timers) = (Tally::default(), Queue::default(), Timers::default());
        self.licenses.clear();
        self.blocked.clear();
        self.expected.clear();
        self.tally.set_used(&self.usage.used);
        for (name, standing) in self.live.nodes.iter() {
            self.pools.set_takes_work(name, standing.takes_work());
        }
        self.known_jobs = self.live.jobs.values().map(|job| u64::from(job.task_count())).sum();
        (self.namesakes, self.arrays, self.dependents) = Default::default();
        let jobs = self.live.jobs.clone();
        jobs.values().for_each(|job| self.introduce(job));
        for job in jobs.values() {
            self.enter(present, job, self.is_ready(job, present.now));
        }
        self.watch_nodes(present);
        for node in self.registered.keys() {
            self.timers.set(present.now.saturating_add(1), Timer::Resend(node.clone()));
        }
        self.age_later(present);
        self.version += 1;
        self.wants_pass = true;
    }

    fn age_later(&mut self, present: Present) {
        let period = i64::try_from(self.config.settings.priority.calc_period.as_secs()).unwrap_or(i64::MAX);
        self.timers.set(present.now.saturating_add(period.max(1)), Timer::Priorities);
    }

    /// Takes on what the file says.
    fn configure(&mut self, present: Present, config: Arc<Config>) -> Result<(), Denial> {
        config.check().map_err(|_| Denial::BadConfig)?;
        let config = self.keep_held_nodes(config);
        self.put_config(present, config)
    }

    fn put_config(&mut self, present: Present, config: Arc<Config>) -> Result<(), Denial> {
        config.check().map_err(|_| Denial::BadConfig)?;
        self.config = config;
        self.layout += 1;
        self.rebuild(present);
        self.end_sessions_of_gone_nodes();
        Ok(())
    }

    fn end_sessions_of_gone_nodes(&mut self) {
        let Self { pools, connected, registered, stray_steps, .. } = self;
        let is_there = |node: &NodeName| pools.place(node).is_some();
        connected.retain(|node, _| is_there(node));
        registered.retain(|node, _| is_there(node));
        stray_steps.retain(|node, _| is_there(node));
    }

    fn learn_accounts(&mut self, present: Present) {
        self.tally.recount(present.accounts);
        self.scale = Scale::of(&self.config, present.accounts);
        self.version += 1;
        self.set_priorities(present);
    }

    fn learn(&mut self, present: Present, usage: UsageKnown) {
        self.usage = usage;
        self.tally.set_used(&self.usage.used);
        self.version += 1;
        self.set_priorities(present);
    }

    /// Does all that is due.
    fn pass_time(&mut self, present: Present) {
        while let Some(timer) = self.timers.due(present.now) {
            match timer {
                Timer::Job(id) => self.look_at(present, id),
                Timer::Silence(node) => self.check_silence(present, &node),
                Timer::Resend(node) => self.resend(&node),
                Timer::Priorities => {
                    self.version += 1;
                    self.set_priorities(present);
                    self.age_later(present);
                }
            }
        }
    }

    /// Gives every job in the queue its priority of now.
    fn set_priorities(&mut self, present: Present) {
        let config = self.config.clone();
        for id in self.queue.jobs().collect::<Vec<_>>() {
            let Some(job) = self.live.jobs.shared(&id).cloned() else { continue };
            for place in self.queue.places(id).to_vec() {
                let line = self.queue.lane(place.1).and_then(|lane| config.partition(&lane.key.partition));
                let priority = line.map(|line| self.priority(present, &job, line));
                if let Some(priority) = priority.filter(|priority| *priority != place.0.priority.0) {
                    self.queue.set_priority(place, priority);
                }
            }
        }
        self.wants_pass = true;
    }

    fn standing(&self, node: &NodeName) -> NodeStanding {
        self.live.nodes.get(node).cloned().unwrap_or_default()
    }

    fn put_node(&mut self, node: &NodeName, standing: NodeStanding) {
        let takes_work = standing.takes_work();
        if takes_work && !self.standing(node).takes_work() {
            self.version += 1;
            self.wants_pass = true;
        }
        self.pools.set_takes_work(node, takes_work);
        self.live.nodes.put(node.clone(), standing);
    }

    fn is_down(&self, share: &NodeShare) -> bool {
        let is_gone = self.pools.place(&share.node).is_none();
        is_gone || matches!(self.live.nodes.get(&share.node), Some(NodeStanding { health: NodeHealth::Down(..), .. }))
    }
}
