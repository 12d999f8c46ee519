//! A world: the master with its store, nodes, the messages between them, people who ask for things, and time.

use crate::cluster::{accounts, config, submission};
use crate::invariants;
use crate::node::{FromNode, SimNode};
use crate::random::Random;
use crate::steps::{self, StepKey};
use scheduling::array::TaskSet;
use scheduling::backfill::BackfillPlan;
use scheduling::config::Config;
use scheduling::event::*;
use scheduling::id::{Attempt, JobId, NodeName, NodeSession, Time, Uid};
use scheduling::job::{JobPhase, LiveJob, SignalTarget};
use scheduling::live::{LiveRow, LiveTables};
use scheduling::node::NodeStanding;
use scheduling::reason::PendingReason;
use scheduling::step::RunUsage;
use scheduling::{Core, Present};
use slurm::State;
use slurm::records::{ExitCode, Job as Record, JobState, Step, StepId};
use slurm::settings::PartitionState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const START: Time = 1_800_000_000;
/// Things that happen in a world before everything is mended.
const STEPS: u64 = 120;
/// Steps within which all must have come to its end then.
const PATIENCE: u64 = 3_000;

/// What the master's disk has.
#[derive(Clone, Default)]
pub struct Store {
    pub jobs: BTreeMap<JobId, LiveJob>,
    pub nodes: BTreeMap<NodeName, NodeStanding>,
    pub last_job: u32,
    pub records: BTreeMap<(JobId, Time), Record>,
    pub steps: BTreeMap<(JobId, Time, StepId), Step>,
}

impl Store {
    fn write(&mut self, core: &Core, accounts: &State) {
        for row in core.changes(accounts) {
            match row {
                LiveRow::Job(id, Some(job)) => _ = self.jobs.insert(id, job.clone()),
                LiveRow::Job(id, None) => _ = self.jobs.remove(&id),
                LiveRow::Node(name, node) => _ = self.nodes.insert(name.clone(), node.clone()),
                LiveRow::LastJob(last) => self.last_job = last,
                LiveRow::Record(record) => _ = self.records.insert((record.job_id, record.submit), *record),
                LiveRow::Step(row) => {
                    let (of, step) = *row;
                    assert!(self.records.contains_key(&(of.job_id, of.submit)), "a step without a record: {step:?}");
                    self.steps.insert((of.job_id, of.submit, step.id), step);
                }
            }
        }
    }

    pub fn tables(&self) -> LiveTables {
        let nodes = self.nodes.iter().map(|(name, node)| (name.clone(), node.clone()));
        LiveTables::loaded(self.jobs.values().cloned(), nodes, self.last_job)
    }
}

/// The master's disk as it was at a time, and what people had been told by then.
struct Backup {
    store: Store,
    accepted: BTreeMap<JobId, Option<TaskSet>>,
    accepted_steps: BTreeSet<(JobId, StepId)>,
}

/// A message on its way.
enum Mail {
    ToMaster(NodeName, NodeSession, FromNode),
    Order(NodeOrder),
    Confirms(NodeName, NodeSession, FromNode),
}

/// Who waits for the answer to an event.
enum Asks {
    Nobody,
    Client,
    /// … for a step of a job.
    Step(JobId),
    Node(NodeName, NodeSession, FromNode),
}

pub struct World {
    pub random: Random,
    pub now: Time,
    pub accounts: State,
    pub config: Arc<Config>,
    pub core: Core,
    pub store: Store,
    pub nodes: Vec<SimNode>,
    mail: BTreeMap<(Time, u64), Mail>,
    mails: u64,
    pub events: u64,
    /// Whether nothing goes wrong any more.
    mended: bool,
    /// Jobs whose numbers people were told.
    pub accepted: BTreeMap<JobId, Option<TaskSet>>,
    /// How often each run was started on each node.
    pub launches: BTreeMap<(JobId, Attempt, NodeName), u32>,
    /// Those of them that have no script.
    pub allocations: BTreeSet<JobId>,
    /// Steps whose numbers people were told.
    pub accepted_steps: BTreeSet<(JobId, StepId)>,
    /// Which steps were started on which nodes.
    pub step_launches: BTreeSet<(StepKey, NodeName)>,
    backup: Option<Box<Backup>>,
    /// Since when a step has no task any more, or a job nothing to do but to clean up; looked at when all is mended.
    pub idle_since: BTreeMap<(JobId, Attempt, Option<StepId>), Time>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let (accounts, config) = (accounts(), Arc::new(config()));
        let present = Present { accounts: &accounts, now: START };
        let core = Core::restore(config.clone(), LiveTables::default(), present).expect("the configuration is good");
        let nodes = config.nodes.iter().map(|line| SimNode::new(&line.name, line.hardware.clone())).collect();
        Self {
            random: Random::new(seed),
            now: START,
            accounts,
            config,
            core,
            store: Store::default(),
            nodes,
            mail: BTreeMap::new(),
            mails: 0,
            events: 0,
            mended: false,
            accepted: BTreeMap::new(),
            launches: BTreeMap::new(),
            allocations: BTreeSet::new(),
            accepted_steps: BTreeSet::new(),
            step_launches: BTreeSet::new(),
            backup: None,
            idle_since: BTreeMap::new(),
        }
    }

    /// From the first job to the end of the last.
    pub fn live(mut self) {
        for _ in 0..STEPS {
            self.happen();
            self.move_on();
        }
        self.mend();
        for step in 0..PATIENCE {
            if step % 20 == 0 {
                self.release_all();
                self.give_back();
                self.cancel_what_can_never_start();
            }
            if self.core.live().jobs.values().all(|job| !job.is_live() && !job.is_completing()) {
                return invariants::at_the_end(&self);
            }
            self.move_on();
        }
        let stuck = self.core.live().jobs.values().filter(|job| job.is_live() || job.is_completing());
        let told = stuck.map(|job| {
            let (name, reason) = (&job.submission.name, self.core.reason(job.id));
            let user = job.submission.user.uid;
            format!("{} {name} of {user} {reason:?} {:?} {:?} {:?}\n", job.id, job.phase, job.dependencies, job.array)
        });
        let nodes = self.core.live().nodes.iter().map(|(name, node)| format!("{name} {node:?}\n"));
        panic!("jobs do not end:\n{}", told.chain(nodes).collect::<String>());
    }

    /// Nothing goes wrong any more, and nothing is held.
    fn mend(&mut self) {
        self.mended = true;
        self.take(vec![(SchedulerEvent::Configure(self.config.clone()), Asks::Nobody)]);
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            (node.off_until, node.cut_until) = (None, None);
            let name = node.name.clone();
            self.take(vec![(SchedulerEvent::NodeControl(root(), name, NodeCommand::Resume), Asks::Nobody)]);
        }
    }

    fn release_all(&mut self) {
        let still = self.core.live().jobs.values().filter(|job| job.state() == JobState::Suspended);
        for id in still.map(|job| job.id).collect::<Vec<_>>() {
            self.take(vec![(SchedulerEvent::Control(root(), id, JobCommand::Resume), Asks::Nobody)]);
        }
        let held = self.core.live().jobs.values().filter(|job| job.hold.is_some());
        for id in held.map(|job| job.id).collect::<Vec<_>>() {
            self.take(vec![(SchedulerEvent::Control(root(), id, JobCommand::Release), Asks::Nobody)]);
        }
    }

    /// Allocations without a script end when somebody says so, or an hour later.
    fn give_back(&mut self) {
        let is_idle = |job: &&LiveJob| {
            job.submission.allocation.is_some() && job.state() == JobState::Running && job.steps().is_empty()
        };
        for id in self.core.live().jobs.values().filter(is_idle).map(|job| job.id).collect::<Vec<_>>() {
            self.take(vec![(SchedulerEvent::Finish(root(), id, ExitCode::default()), Asks::Nobody)]);
        }
    }

    /// A job that would be over a limit all alone waits for ever, as does one whose dependency failed, as in Slurm.
    fn cancel_what_can_never_start(&mut self) {
        let jobs = || self.core.live().jobs.values();
        let nothing_runs = !jobs().any(|job| job.state() == JobState::Running);
        let never = |job: &&LiveJob| match self.core.reason(job.id) {
            Some(PendingReason::Admission(_)) => nothing_runs,
            reason => reason == Some(PendingReason::DependencyNeverSatisfied),
        };
        for id in jobs().filter(never).map(|job| job.id).collect::<Vec<_>>() {
            self.take(vec![(SchedulerEvent::Control(root(), id, JobCommand::Cancel), Asks::Nobody)]);
        }
    }

    /// One thing happens.
    fn happen(&mut self) {
        match self.random.below(20) {
            0..=7 => {
                let submission = submission(&mut self.random, self.now);
                self.take(vec![(SchedulerEvent::Submit(Box::new(submission)), Asks::Client)]);
            }
            8..=11 => self.ask_of_a_job(),
            12 => self.ask_of_a_node(),
            13 => self.break_a_node(),
            17..=19 => self.ask_of_a_step(),
            14 if self.random.one_in(2) => self.restart(),
            14 => self.put_back(),
            15 if self.random.one_in(3) => self.fail_to_write(),
            16 if self.random.one_in(3) => {
                let event = match self.random.below(4) {
                    0 => SchedulerEvent::Configure(self.config.clone()),
                    3 => self.partition_state(),
                    1 => SchedulerEvent::AccountsChanged,
                    _ => SchedulerEvent::UsageKnown(UsageKnown::default()),
                };
                self.take(vec![(event, Asks::Nobody)]);
            }
            _ => {}
        }
    }

    /// An operator closes or opens a partition.
    fn partition_state(&mut self) -> SchedulerEvent {
        let mut line = self.random.pick(&self.config.partitions).expect("there are some").clone();
        line.rules.state = *self.random.pick(&[PartitionState::Up, PartitionState::Down]).expect("there are two");
        SchedulerEvent::Reshape(root(), ClusterChange::SetPartition(Box::new(line)))
    }

    fn ask_of_a_job(&mut self) {
        let jobs: Vec<JobId> = self.core.live().jobs.iter().map(|(id, _)| *id).collect();
        let Some(id) = self.random.pick(&jobs).copied() else { return };
        let who = match self.random.below(4) {
            0 => root(),
            user => Requester { uid: Uid(999 + user as u32), is_operator: false, coordinates: Vec::new() },
        };
        let command = match self.random.below(10) {
            0..=2 => JobCommand::Cancel,
            3 => JobCommand::Hold { as_user: self.random.one_in(2) },
            4 | 5 => JobCommand::Release,
            6 => JobCommand::Requeue { hold: self.random.one_in(3) },
            7 if self.random.one_in(2) => JobCommand::Signal(10, SignalTarget::All),
            7 if self.random.one_in(2) => JobCommand::Suspend,
            7 => JobCommand::Resume,
            8 => JobCommand::Update(JobChange::Minutes(1 + self.random.below(12) as u32)),
            9 if self.random.one_in(2) => JobCommand::Update(self.other_change()),
            _ if self.random.one_in(2) => JobCommand::Update(JobChange::Priority(self.random.below(50) as u32)),
            _ => JobCommand::Update(JobChange::Nice(self.random.below(9) as i32)),
        };
        let of = self.core.job(id).and_then(|job| job.array.as_ref()).map(|part| part.of);
        let event = match of.filter(|_| self.random.one_in(2)) {
            Some(array) => {
                let tasks = TaskSet::one(self.random.below(5) as u32);
                SchedulerEvent::ControlTasks(who, array, tasks, command)
            }
            None => SchedulerEvent::Control(who, id, command),
        };
        self.take(vec![(event, Asks::Nobody)]);
    }

    /// Somebody starts a step of a job that runs, ends one, or gives an allocation back.
    fn ask_of_a_step(&mut self) {
        let running = |job: &&LiveJob| job.state() == JobState::Running;
        let jobs: Vec<JobId> = self.core.live().jobs.values().filter(running).map(|job| job.id).collect();
        let Some(id) = self.random.pick(&jobs).copied() else { return };
        let steps: Vec<StepId> = self.core.job(id).into_iter().flat_map(LiveJob::steps).map(|step| step.id).collect();
        let step = self.random.pick(&steps).copied();
        let event = match (self.random.below(8), step) {
            (0, Some(step)) => SchedulerEvent::ControlStep(root(), id, step, StepCommand::Cancel),
            (1, Some(step)) => SchedulerEvent::ControlStep(root(), id, step, StepCommand::Signal(10)),
            (2, Some(step)) => SchedulerEvent::ControlStep(root(), id, step, StepCommand::LeaveAlone),
            (3, _) if self.random.one_in(3) => {
                let exit = ExitCode { code: u8::from(self.random.one_in(2)), signal: 0 };
                SchedulerEvent::Finish(root(), id, exit)
            }
            _ => {
                let request = Box::new(steps::request(&mut self.random));
                let event = SchedulerEvent::CreateStep(root(), id, request, Arc::default());
                return self.take(vec![(event, Asks::Step(id))]);
            }
        };
        self.take(vec![(event, Asks::Nobody)]);
    }

    fn other_change(&mut self) -> JobChange {
        let other = submission(&mut self.random, self.now);
        match self.random.below(12) {
            0 => JobChange::Name(other.name),
            1 => JobChange::Partitions(other.partitions),
            2 => JobChange::Begin(self.now + 60),
            3 => JobChange::Deadline(other.deadline),
            4 => JobChange::Dependencies(other.dependencies),
            5 => JobChange::Requeue(other.requeue),
            6 => JobChange::Throttle(Some(6)),
            7 => JobChange::Nodes(other.demand.min_nodes, other.demand.max_nodes),
            8 => JobChange::Tasks(other.demand.tasks),
            9 => JobChange::Gres(other.demand.gres.clone()),
            10 => JobChange::Excluded(other.demand.excluded.clone()),
            _ => JobChange::Memory(other.demand.memory),
        }
    }

    fn ask_of_a_node(&mut self) {
        let name = self.nodes[self.random.below(self.nodes.len() as u64) as usize].name.clone();
        let command = match self.random.below(6) {
            0 => NodeCommand::Drain("for a test".into()),
            1 => NodeCommand::Down("for a test".into()),
            _ => NodeCommand::Resume,
        };
        self.take(vec![(SchedulerEvent::NodeControl(root(), name, command), Asks::Nobody)]);
    }

    fn break_a_node(&mut self) {
        let index = self.random.below(self.nodes.len() as u64) as usize;
        let until = self.now + 1 + self.random.below(400) as i64;
        let node = &mut self.nodes[index];
        match self.random.below(3) {
            0 => node.die(until),
            1 => node.cut_until = Some(until),
            _ => node.disconnect(),
        }
    }

    /// Events of one batch are taken, then their rows are written, then answers and orders go out.
    fn take(&mut self, batch: Vec<(SchedulerEvent, Asks)>) {
        let (mut answers, mut orders) = (Vec::new(), Vec::new());
        for (event, asks) in batch {
            let present = Present { accounts: &self.accounts, now: self.now };
            let decision = self.core.on(present, event);
            orders.extend(decision.orders);
            answers.push((decision.answer, asks));
        }
        if self.core.wants_pass() {
            orders.extend(self.core.pass(Present { accounts: &self.accounts, now: self.now }).orders);
        }
        if self.random.one_in(6) {
            orders.extend(self.plan());
        }
        self.events += 1;
        // While all is mended, nothing is new in most events.
        if !self.mended || self.events.is_multiple_of(16) {
            invariants::after_an_event(self);
        }
        if self.mended && self.events.is_multiple_of(16) {
            steps::end_soon(self);
        }
        if !self.mended && self.random.one_in(60) {
            return self.restart(); // Killed before the commit.
        }
        self.store.write(&self.core, &self.accounts);
        if !self.mended && self.random.one_in(60) {
            return self.restart(); // Killed after it: neither answers nor orders went out.
        }
        self.core.commit();
        for order in orders {
            self.post(Mail::Order(order));
        }
        for (answer, asks) in answers {
            self.answer(answer, asks);
        }
    }

    /// A plan is made and taken. Nobody who waits may have to wait longer for those who passed.
    fn plan(&mut self) -> Vec<NodeOrder> {
        let present = Present { accounts: &self.accounts, now: self.now };
        let plan = self.core.plan(present, 50);
        let starts: Vec<JobId> = plan.starts().collect();
        let orders = self.core.on(present, SchedulerEvent::Planned(plan.clone())).orders;
        // Who did not start after all (a limit) makes room for others, and so does who started in another partition.
        let all_started = starts.iter().all(|id| {
            let job = self.core.job(*id).expect("a plan forgets nobody");
            job.state() == JobState::Running && job.submission.partitions.len() < 2
        });
        if !all_started {
            return orders;
        }
        let again = self.core.plan(present, 50);
        let waiting = |plan: &BackfillPlan| plan.waiting().map(|(id, _)| id).collect::<Vec<_>>();
        // Who must not start any more by a limit gives his place to others, who then stand elsewhere.
        if waiting(&plan) != waiting(&again) {
            return orders;
        }
        for ((id, before), (_, now)) in plan.waiting().zip(again.waiting()) {
            assert!(now <= before, "job {id} was to start at {before}, is delayed to {now} by {starts:?}");
        }
        orders
    }

    fn answer(&mut self, answer: Result<Accepted, Denial>, asks: Asks) {
        match (answer, asks) {
            (Ok(Accepted::Submitted(id)), Asks::Client) => {
                let array = self.core.job(id).and_then(|job| job.submission.array.as_ref());
                let tasks = array.map(|array| array.tasks.clone());
                if self.core.job(id).is_some_and(|job| job.submission.allocation.is_some()) {
                    self.allocations.insert(id);
                }
                self.accepted.insert(id, tasks);
            }
            (Ok(Accepted::StepCreated(step)), Asks::Step(job)) => _ = self.accepted_steps.insert((job, step)),
            (Ok(Accepted::Connected(session)), Asks::Node(name, ..)) => {
                self.node(&name).connected(session);
            }
            (Ok(_), Asks::Node(name, session, said)) => self.post(Mail::Confirms(name, session, said)),
            (Err(_), Asks::Node(name, session, _)) => {
                // The master does not know this session: the connection ends.
                let node = self.node(&name);
                if node.session == Some(session) {
                    node.disconnect();
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, name: &NodeName) -> &mut SimNode {
        self.nodes.iter_mut().find(|node| node.name == *name).expect("a node that there is")
    }

    /// The master is killed and starts again from its disk; all connections are gone.
    fn restart(&mut self) {
        let present = Present { accounts: &self.accounts, now: self.now };
        self.core = Core::restore(self.config.clone(), self.store.tables(), present).expect("it was good before");
        self.nodes.iter_mut().for_each(SimNode::disconnect);
        // What fell due meanwhile is done at once.
        _ = self.core.on(present, SchedulerEvent::TimePasses);
        invariants::after_an_event(self);
    }

    /// The master's disk is put back to what it was a while ago; or it is seen to that it can be.
    fn put_back(&mut self) {
        let Some(backup) = self.backup.take() else {
            let (store, accepted) = (self.store.clone(), self.accepted.clone());
            self.backup = Some(Box::new(Backup { store, accepted, accepted_steps: self.accepted_steps.clone() }));
            return;
        };
        // A run that was started since would be started again by its own number, of which nodes know that it ran already.
        let is_new = |(job, attempt, _): &(JobId, Attempt, NodeName)| {
            let is_later = |it: &LiveJob| it.attempt < *attempt || it.attempt == *attempt && it.allocation().is_none();
            backup.store.jobs.get(job).is_some_and(is_later)
        };
        if self.launches.keys().any(is_new) {
            return;
        }
        let Backup { mut store, accepted, accepted_steps } = *backup;
        // Numbers that were given since are not given again (slurm.conf(5), `FirstJobId`).
        store.last_job = self.store.last_job;
        for (id, job) in &mut store.jobs {
            let now = self.store.jobs.get(id).map(|job| &job.phase);
            if let (JobPhase::Running(before), Some(JobPhase::Running(run))) = (&mut job.phase, now) {
                before.next_step = before.next_step.max(run.next_step);
            }
        }
        (self.store, self.accepted, self.accepted_steps) = (store, accepted, accepted_steps);
        // Numbers of sessions may come again, but nothing comes over the connections of before.
        self.mail.clear();
        self.restart();
    }

    /// The disk is full: what was decided since the last commit never was.
    fn fail_to_write(&mut self) {
        let present = Present { accounts: &self.accounts, now: self.now };
        let submission = submission(&mut self.random, self.now);
        _ = self.core.on(present, SchedulerEvent::Submit(Box::new(submission)));
        _ = self.core.pass(present);
        self.core.rollback(present);
        let rows: Vec<LiveRow> = self.core.changes(&self.accounts).collect();
        assert_eq!(rows, [], "a rollback leaves nothing to write");
        _ = self.core.on(present, SchedulerEvent::TimePasses);
        self.nodes.iter_mut().for_each(SimNode::disconnect);
        invariants::after_an_event(self);
    }

    /// A message goes on its way: late, twice or never.
    fn post(&mut self, mail: Mail) {
        if !self.mended && self.random.one_in(25) {
            return;
        }
        let copies = if !self.mended && self.random.one_in(25) { 2 } else { 1 };
        let mails: Vec<Mail> = if copies == 2 { vec![again(&mail), mail] } else { vec![mail] };
        for mail in mails {
            let late = if self.random.one_in(8) { self.random.below(30) } else { self.random.below(2) };
            self.mails += 1;
            self.mail.insert((self.now + late as i64, self.mails), mail);
        }
    }

    /// Time goes on to the next thing that happens by itself.
    fn move_on(&mut self) {
        let mail = self.mail.keys().next().map(|(at, _)| *at);
        let nodes = self.nodes.iter().filter_map(SimNode::next);
        let next = nodes.chain(mail).chain(self.core.next_due()).min().unwrap_or(self.now + 60);
        self.now = next.max(self.now + i64::from(self.random.one_in(3)));
        let now = self.now;
        self.nodes.iter_mut().for_each(|node| node.live(now));
        self.deliver();
        self.speak();
        self.take(vec![(SchedulerEvent::TimePasses, Asks::Nobody)]);
    }

    fn deliver(&mut self) {
        let later = self.mail.split_off(&(self.now + 1, 0));
        let due = std::mem::replace(&mut self.mail, later);
        let mut batch = Vec::new();
        for mail in due.into_values() {
            match mail {
                Mail::ToMaster(name, session, said) => {
                    if self.node(&name).is_reachable() {
                        batch.push((event(&name, session, &said), Asks::Node(name, session, said)));
                    }
                }
                Mail::Order(order) => self.obey(&order),
                Mail::Confirms(name, session, said) => self.confirm(&name, session, &said),
            }
        }
        if !batch.is_empty() {
            self.take(batch);
        }
    }

    fn obey(&mut self, order: &NodeOrder) {
        let now = self.now;
        let Some(index) = self.nodes.iter().position(|node| node.name == order.node && node.is_reachable()) else {
            return;
        };
        if let Some((job, attempt)) = self.nodes[index].obey(order, &mut self.random, now, self.mended) {
            invariants::at_a_launch(self, index, job, attempt);
        }
        if self.nodes[index].session != Some(order.session) {
            return;
        }
        if let Some(step) = self.nodes[index].obey_step(order, &mut self.random, now, self.mended) {
            steps::at_a_launch(self, index, step);
        }
    }

    fn confirm(&mut self, name: &NodeName, session: NodeSession, said: &FromNode) {
        let node = self.node(name);
        if !node.is_reachable() || node.session != Some(session) {
            return;
        }
        match said {
            FromNode::Registers(_) => node.registered = node.registered.map(|(at, _)| (at, true)),
            FromNode::Reports(report) => node.confirmed(session, report),
            FromNode::ReportsStep(step, report) => node.steps.confirmed(*step, report),
            FromNode::Heartbeat => {}
        }
    }

    /// Nodes connect, and say what they have to say.
    fn speak(&mut self) {
        for index in 0..self.nodes.len() {
            if !self.nodes[index].is_reachable() {
                continue;
            }
            let name = self.nodes[index].name.clone();
            if self.nodes[index].session.is_none() {
                let asks = Asks::Node(name.clone(), NodeSession::default(), FromNode::Heartbeat);
                self.take(vec![(SchedulerEvent::NodeConnects(name.clone()), asks)]);
            }
            let Some(session) = self.nodes[index].session else { continue };
            for said in self.nodes[index].speak(self.now) {
                self.post(Mail::ToMaster(name.clone(), session, said));
            }
        }
    }
}

fn again(mail: &Mail) -> Mail {
    match mail {
        Mail::ToMaster(name, session, said) => Mail::ToMaster(name.clone(), *session, said.clone()),
        Mail::Order(order) => Mail::Order(order.clone()),
        Mail::Confirms(name, session, said) => Mail::Confirms(name.clone(), *session, said.clone()),
    }
}

fn event(name: &NodeName, session: NodeSession, said: &FromNode) -> SchedulerEvent {
    match said {
        FromNode::Registers(registration) => SchedulerEvent::NodeRegisters(name.clone(), session, registration.clone()),
        FromNode::Reports(report) => SchedulerEvent::NodeReports(name.clone(), session, report.clone()),
        FromNode::ReportsStep(step, report) => {
            let usage = matches!(report.what, Reported::Stage(RunStage::Ended(_))).then(RunUsage::default);
            SchedulerEvent::NodeReportsStep(name.clone(), session, *step, report.clone(), usage)
        }
        FromNode::Heartbeat => SchedulerEvent::NodeHeard(name.clone(), session),
    }
}

fn root() -> Requester {
    Requester { uid: Uid::ROOT, is_operator: true, coordinates: Vec::new() }
}
