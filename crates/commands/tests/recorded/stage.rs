//! A cluster without processes: the core, with nodes that obey at once, and the people of `tests/lab/real_slurm.py`.

use crate::live::Directory;
use crate::site::Site;
use commands::cluster::{Cluster, Controller, Scripts};
use commands::sacctmgr::{self, World};
use commands::sbatch::{self, Given};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use scheduling::event::{
    Accepted, Denial, NodeOrder, NodeReport, OrderTask, Registration, Reported, RunStage, SchedulerEvent, ScriptEnd,
};
use scheduling::id::{Boot, Gid, JobId, NodeName, NodeSession, Uid};
use scheduling::job::{JobPhase, Submitter};
use scheduling::live::LiveTables;
use scheduling::request::{BatchJob, JobRequest};
use scheduling::{Core, Present};
use slurm::State;
use slurm::authority::Caller;
use slurm::records::ExitCode;
use slurm::settings::Settings;
use std::collections::BTreeMap;
use std::sync::Arc;
use words::people::{Listed, People};

pub const PEOPLE: [&str; 9] = ["alice", "bob", "carol", "dave", "gildong", "erin", "frank", "grace", "heidi"];
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

impl Stage {
    /// With all nodes there.
    pub fn of(site: Site) -> Self {
        let Site { settings, config, accounts: lines } = site;
        let mut accounts = State::default();
        slurm::founding::found(&mut accounts, "ref", &["gres/gpu".into()], 0);
        let now = 1_700_000_000;
        let present = Present { accounts: &accounts, now };
        let core = Core::restore(Arc::new(config.clone()), LiveTables::loaded([], [], 0), present).unwrap();
        let mut stage = Self { core, accounts, settings, people: people(), now, scripts: BTreeMap::new() };
        lines.iter().for_each(|line| stage.sacctmgr(line));
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

    /// Changes the accounts, as root.
    pub fn sacctmgr(&mut self, line: &str) {
        let argv: Vec<String> = std::iter::once("-i".to_owned()).chain(shell_words::split(line).unwrap()).collect();
        let reply = sacctmgr::run(&mut self.accounts, &Caller::root(), &Clock(self.people.clone()), &argv, &[]);
        assert_eq!(reply.code, 0, "{line}: {}{}", reply.stdout, reply.stderr);
        self.accounts.commit();
        self.on(SchedulerEvent::AccountsChanged).unwrap();
    }

    /// One event, and all that follows until nothing more does.
    pub fn on(&mut self, event: SchedulerEvent) -> Result<Accepted, Denial> {
        self.on_all(vec![event]).pop().expect("one event has one answer")
    }

    /// Events that come at once, before anything is started, and all that follows.
    pub fn on_all(&mut self, events: Vec<SchedulerEvent>) -> Vec<Result<Accepted, Denial>> {
        let (mut answers, mut orders) = (Vec::new(), Vec::new());
        for event in events {
            let decision = self.core.on(Present { accounts: &self.accounts, now: self.now }, event);
            orders.extend(decision.orders);
            answers.push(decision.answer);
        }
        self.pass(orders);
        let present = Present { accounts: &self.accounts, now: self.now };
        let plan = self.core.plan(present, usize::MAX);
        let planned = self.core.on(present, SchedulerEvent::Planned(plan));
        self.pass(planned.orders);
        self.core.commit();
        answers
    }

    /// Starts what can start; nodes do what they are told at once.
    fn pass(&mut self, mut orders: Vec<NodeOrder>) {
        loop {
            let present = Present { accounts: &self.accounts, now: self.now };
            orders.extend(self.core.pass(present).orders);
            let Some(order) = orders.pop() else { break };
            if let Some(report) = obeyed(&order) {
                let event = SchedulerEvent::NodeReports(order.node, order.session, report);
                orders.extend(self.core.on(present, event).orders);
            }
        }
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

/// A job that must be taken, with options of sbatch; its number.
pub fn submit(stage: &mut Stage, user: &str, options: &str) -> JobId {
    let job = submit_alone(stage, user, options);
    stage.on_all(Vec::new());
    job
}

/// The same, before anything is started.
pub fn submit_alone(stage: &mut Stage, user: &str, options: &str) -> JobId {
    let argv = shell_words::split(&format!("{options} -o /dev/null --wrap true")).unwrap();
    let now = stage.zoned();
    let given = Given {
        environment: Vec::new(),
        directory: "/tmp".into(),
        host: "host".into(),
        umask: 0o22,
        limits: Vec::new(),
        session: 1,
        now: &now,
        files: &Directory::default(),
    };
    let Ok(order) = sbatch::read(&argv, &given) else { panic!("{options}") };
    let (submission, _) = stage.submission(user, order.request);
    let present = Present { accounts: &stage.accounts, now: stage.now };
    match stage.core.on(present, SchedulerEvent::Submit(Box::new(submission))).answer {
        Ok(Accepted::Submitted(job)) => job,
        other => panic!("{options}: {other:?}"),
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
