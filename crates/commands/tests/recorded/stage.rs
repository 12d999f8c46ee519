//! A cluster without processes: the core, with nodes that obey at once, and the people of `tests/cases/live/record`.

use commands::cluster::{Cluster, Controller, Scripts};
use commands::sacctmgr::{self, World};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use scheduling::config::{Bounds, Config, PartitionLine};
use scheduling::demand::MemoryDemand;
use scheduling::event::{
    Accepted, Denial, NodeOrder, NodeReport, OrderTask, Registration, Reported, RunStage, SchedulerEvent, ScriptEnd,
};
use scheduling::id::{Boot, Gid, JobId, NodeName, NodeSession, Uid};
use scheduling::job::{JobPhase, Submitter};
use scheduling::live::LiveTables;
use scheduling::node::{GresStock, Hardware, NodeLine};
use scheduling::request::{BatchJob, JobRequest};
use scheduling::{Core, Present};
use slurm::State;
use slurm::authority::Caller;
use slurm::records::ExitCode;
use slurm::settings::{Enforce, JobIds, Partition, Priority, Settings, Weights};
use std::collections::BTreeMap;
use std::sync::Arc;
use words::people::{Listed, People};

pub const PEOPLE: [&str; 9] = ["alice", "bob", "carol", "dave", "gildong", "erin", "frank", "grace", "heidi"];
const ACCOUNTS: &[&str] = &[
    "add account lab description=lab",
    "add user alice account=lab",
    "add user bob account=lab",
    "add user carol account=lab",
    "add user dave account=lab adminlevel=operator",
    "add coordinator account=lab name=carol",
];

pub struct Stage {
    pub core: Core,
    pub accounts: State,
    pub settings: Settings,
    pub people: Listed,
    pub now: i64,
    pub scripts: BTreeMap<JobId, BatchJob>,
}

struct Clock(Listed);

impl World for Clock {
    fn people(&self) -> &dyn People {
        &self.0
    }

    fn now(&self) -> i64 {
        0
    }

    fn local_time(&self, seconds: i64) -> String {
        seconds.to_string()
    }
}

fn people() -> Listed {
    let users: Vec<(&str, u32)> = std::iter::once(("root", 0)).chain(PEOPLE.into_iter().zip(2001..)).collect();
    let mut listed = Listed::new(&users, &[("root", 0), ("people", 3000)]);
    listed.users.iter_mut().filter(|user| user.uid.0 > 0).for_each(|user| user.gid = Gid(3000));
    listed
}

fn settings() -> Settings {
    let weights = Weights { job_size: 1000, ..Weights::default() };
    Settings {
        enforce: Enforce { associations: true, limits: true, qos: true, ..Enforce::default() },
        job_ids: JobIds { first: 1001, ..JobIds::default() },
        priority: Priority { weights, ..Priority::default() },
        ..Settings::default()
    }
}

fn config(settings: &Settings) -> Config {
    let gpus = GresStock { name: "gpu".into(), kind: Some("a100".into()), count: 4 };
    let node = |name: &str, hardware| NodeLine { name: name.into(), hardware, features: Vec::new(), weight: 1 };
    let cpu = |name| node(name, Hardware::new(8, 16000));
    let partition = |name: &str, nodes: &[&str], days: u64| {
        let mut line = PartitionLine::new(name, nodes.iter().map(|name| NodeName::from(*name)).collect());
        line.rules = Partition { max_minutes: Some(days * 1440), is_default: name == "cpu", ..line.rules };
        (line.default_minutes, line.default_memory) = (Some(60), MemoryDemand::PerCpu(100));
        line
    };
    Config {
        cluster: "ref".into(),
        settings: settings.clone(),
        nodes: vec![cpu("c1"), cpu("c2"), node("g1", Hardware { gres: vec![gpus], ..Hardware::new(16, 64000) })],
        partitions: vec![partition("cpu", &["c1", "c2"], 7), partition("gpu", &["g1"], 2)],
        licenses: [("matlab".to_owned(), 4)].into(),
        bounds: Bounds { kill_wait: 2, max_jobs: 10_000, ..Bounds::default() },
        counts_memory: true,
    }
}

impl Stage {
    pub fn new() -> Self {
        let (settings, people) = (settings(), people());
        let mut accounts = State::default();
        slurm::founding::found(&mut accounts, "ref", &["gres/gpu".into()], 0);
        for line in ACCOUNTS {
            let argv: Vec<String> = format!("-i {line}").split(' ').map(str::to_owned).collect();
            let reply = sacctmgr::run(&mut accounts, &Caller::root(), &Clock(people.clone()), &argv, &[]);
            assert_eq!(reply.code, 0, "{line}: {}{}", reply.stdout, reply.stderr);
            accounts.commit();
        }
        let now = 1_700_000_000;
        let config = config(&settings);
        let present = Present { accounts: &accounts, now };
        let live = LiveTables::loaded([], [], 0);
        let core = Core::restore(Arc::new(config.clone()), live, present).unwrap();
        let mut stage = Self { core, accounts, settings, people, now, scripts: BTreeMap::new() };
        for node in config.nodes {
            let name = NodeName::from(node.name.as_str());
            let Ok(Accepted::Connected(session)) = stage.on(SchedulerEvent::NodeConnects(name.clone())) else {
                panic!("a node connects")
            };
            let registration =
                Registration { boot: Boot(1), hardware: node.hardware, runs: Vec::new(), steps: Vec::new() };
            stage.on(SchedulerEvent::NodeRegisters(name, session, registration)).unwrap();
        }
        stage
    }

    /// One event, and all that follows until nothing more does.
    pub fn on(&mut self, event: SchedulerEvent) -> Result<Accepted, Denial> {
        let present = Present { accounts: &self.accounts, now: self.now };
        let decision = self.core.on(present, event);
        let mut orders = decision.orders;
        loop {
            orders.extend(self.core.pass(Present { accounts: &self.accounts, now: self.now }).orders);
            let Some(order) = orders.pop() else { break };
            if let Some(report) = obeyed(&order) {
                let event = SchedulerEvent::NodeReports(order.node, order.session, report);
                orders.extend(self.core.on(Present { accounts: &self.accounts, now: self.now }, event).orders);
            }
        }
        let present = Present { accounts: &self.accounts, now: self.now };
        let plan = self.core.plan(present, usize::MAX);
        let planned = self.core.on(present, SchedulerEvent::Planned(plan));
        for order in planned.orders {
            if let Some(report) = obeyed(&order) {
                self.core.on(present, SchedulerEvent::NodeReports(order.node, order.session, report));
            }
        }
        self.core.commit();
        decision.answer
    }

    /// The script of a job ends so.
    pub fn end(&mut self, job: JobId, exit: ExitCode) {
        let JobPhase::Running(run) = &self.core.job(job).expect("it is known").phase else { panic!("{job} runs") };
        let attempt = self.core.job(job).expect("it is known").attempt;
        for node in run.allocation.shares.iter().map(|share| share.node.clone()).collect::<Vec<_>>() {
            let ended = RunStage::Ended(ScriptEnd { exit, out_of_memory: false });
            for stage in [ended, RunStage::Left] {
                let report = NodeReport { job, attempt, what: Reported::Stage(stage) };
                let event = SchedulerEvent::NodeReports(node.clone(), NodeSession(1), report);
                let _ = self.on(event);
            }
        }
    }

    pub fn caller(&self, user: &str) -> Caller {
        match PEOPLE.iter().position(|name| *name == user) {
            Some(at) => Caller::new(Uid(2001 + u32::try_from(at).unwrap()), user, &self.settings),
            None => Caller::root(),
        }
    }

    pub fn zoned(&self) -> Zoned {
        Timestamp::from_second(self.now).unwrap().to_zoned(TimeZone::UTC)
    }

    /// A job as a caller submits it.
    pub fn submission(&self, user: &str, request: JobRequest) -> (scheduling::job::Submission, BatchJob) {
        let caller = self.caller(user);
        let gid = if caller.uid == Uid(0) { Gid(0) } else { Gid(3000) };
        let who = Submitter { name: caller.name.clone(), uid: caller.uid, gid, groups: vec!["people".into()] };
        request.submission(who, true)
    }
}

/// What a node says to an order.
fn obeyed(order: &NodeOrder) -> Option<NodeReport> {
    let what = match order.task {
        OrderTask::Launch(_) => Reported::Stage(RunStage::Launched),
        OrderTask::Terminate { .. } => Reported::Stage(RunStage::Left),
        OrderTask::Signal { serial, .. } => Reported::Delivered(serial),
        // Nothing recorded starts steps here.
        OrderTask::LaunchStep(..) | OrderTask::TerminateStep { .. } | OrderTask::SignalStep { .. } => return None,
    };
    Some(NodeReport { job: order.job, attempt: order.attempt, what })
}

/// Somebody at the stage.
pub struct Asking<'a> {
    pub stage: &'a mut Stage,
    pub caller: Caller,
    pub now: Zoned,
    pub scripts: BTreeMap<JobId, BatchJob>,
}

impl Scripts for Asking<'_> {
    fn batch(&self, job: JobId) -> Result<Option<BatchJob>, String> {
        Ok(self.scripts.get(&job).cloned())
    }
}

impl Controller for Asking<'_> {
    fn cluster(&self) -> Cluster<'_> {
        Cluster {
            core: &self.stage.core,
            accounts: &self.stage.accounts,
            settings: &self.stage.settings,
            people: &self.stage.people,
            caller: &self.caller,
            now: &self.now,
            scripts: self,
        }
    }

    fn on(&mut self, event: SchedulerEvent) -> Result<Accepted, Denial> {
        self.stage.on(event)
    }
}
