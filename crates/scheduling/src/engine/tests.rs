//! One node, one job at a time: each answer, order and row.

mod arrays;
mod careful;
mod reshape;
mod steps;
mod suspend;
mod updates;

use super::*;
use crate::config::{Bounds, PartitionLine};
use crate::demand::Demand;
use crate::dependency::{Dependencies, Dependency, DependencyKind};
use crate::event::*;
use crate::id::{Attempt, Boot, Gid, NodeSession, Uid};
use crate::job::{Hold, Submission, Submitter};
use crate::node::{Hardware, NodeLine, NodeState};
use crate::reason::PendingReason;
use slurm::founding::found;
use slurm::model::{AssociationKey, Limit};
use slurm::records::{ExitCode, JobState, TimeLimit};
use slurm::settings::{Enforce, Partition, Settings};
use slurm::tree::{Seed, Settings as Wanted, grow};

const USER: Requester = Requester { uid: Uid(1000), is_operator: false, coordinates: Vec::new() };
const ROOT: Requester = Requester { uid: Uid::ROOT, is_operator: true, coordinates: Vec::new() };
const DONE: RunStage = RunStage::Ended(ScriptEnd { exit: ExitCode { code: 0, signal: 0 }, out_of_memory: false });

/// A cluster of nodes `n1`, `n2` … of four CPUs each, with alice's account `lab`.
struct Bench {
    core: Core,
    accounts: State,
    now: Time,
}

impl Bench {
    fn new(nodes: u32) -> Self {
        let mut accounts = State::default();
        found(&mut accounts, "c", &[], 0);
        let root = accounts.root("c").unwrap().id;
        let key = AssociationKey::account("c", "lab");
        let lab = grow(&mut accounts, &[(root, Seed { key, settings: Wanted::default(), is_default: false })])[0];
        let key = AssociationKey::user("c", "lab", "alice", "");
        grow(&mut accounts, &[(lab, Seed { key, settings: Wanted::default(), is_default: true })]);
        let names: Vec<String> = (1..=nodes).map(|number| format!("n{number}")).collect();
        let line = |name: &String| NodeLine {
            name: name.clone(),
            hardware: Hardware::new(4, 1000),
            features: Vec::new(),
            weight: 1,
        };
        let mut main = PartitionLine::new("main", names.iter().map(|name| name.as_str().into()).collect());
        main.rules = Partition { is_default: true, ..main.rules };
        let config = Config {
            cluster: "c".into(),
            settings: Settings { enforce: Enforce { safe: false, ..Enforce::ALL }, ..Settings::default() },
            nodes: names.iter().map(line).collect(),
            partitions: vec![main],
            licenses: [("x".to_owned(), 1)].into(),
            bounds: Bounds::default(),
            counts_memory: false,
            launch: String::new(),
        };
        let present = Present { accounts: &accounts, now: 1000 };
        let core = Core::restore(Arc::new(config), LiveTables::default(), present).unwrap();
        let mut bench = Self { core, accounts, now: 1000 };
        for name in &names {
            bench.join(name, 1, Vec::new());
        }
        bench
    }

    fn on(&mut self, event: SchedulerEvent) -> Decision {
        self.core.on(Present { accounts: &self.accounts, now: self.now }, event)
    }

    fn pass(&mut self) -> Vec<NodeOrder> {
        self.core.pass(Present { accounts: &self.accounts, now: self.now }).orders
    }

    /// A node connects and registers.
    fn join(&mut self, name: &str, boot: u128, runs: Vec<(JobId, Attempt, RunStage)>) -> Vec<NodeOrder> {
        let answer = self.on(SchedulerEvent::NodeConnects(name.into())).answer;
        let Ok(Accepted::Connected(session)) = answer else { panic!("{answer:?}") };
        let registration = Registration { boot: Boot(boot), hardware: Hardware::new(4, 1000), runs, steps: Vec::new() };
        self.on(SchedulerEvent::NodeRegisters(name.into(), session, registration)).orders
    }

    fn try_submit(&mut self, change: impl FnOnce(&mut Submission)) -> Result<JobId, Denial> {
        let mut submission = Submission {
            user: Submitter { name: "alice".into(), uid: Uid(1000), gid: Gid(100), groups: Vec::new() },
            name: "job".into(),
            account: None,
            qos: None,
            partitions: Vec::new(),
            demand: Arc::default(),
            minutes: Some(10),
            begin: None,
            deadline: None,
            dependencies: Dependencies::default(),
            nice: 0,
            hold: None,
            requeue: true,
            array: None,
            allocation: None,
            wckey: None,
            warning: None,
            details: Default::default(),
        };
        change(&mut submission);
        match self.on(SchedulerEvent::Submit(Box::new(submission))).answer? {
            Accepted::Submitted(id) => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    fn submit(&mut self, cpus: u32) -> JobId {
        self.try_submit(|it| it.demand = Arc::new(Demand { cpus_per_task: cpus, ..Demand::default() })).unwrap()
    }

    fn report(&mut self, node: &str, job: JobId, attempt: u32, stage: RunStage) -> Decision {
        self.report_what(node, job, attempt, Reported::Stage(stage))
    }

    fn report_what(&mut self, node: &str, job: JobId, attempt: u32, what: Reported) -> Decision {
        let session = self.core.live().nodes.get(&node.into()).unwrap().session;
        let report = NodeReport { job, attempt: Attempt(attempt), what };
        self.on(SchedulerEvent::NodeReports(node.into(), session, report))
    }

    fn control(&mut self, who: Requester, job: JobId, command: JobCommand) -> Result<(), Denial> {
        self.on(SchedulerEvent::Control(who, job, command)).answer.map(|_| ())
    }

    fn state(&self, job: JobId) -> JobState {
        self.core.job(job).unwrap().state()
    }

    fn records(&self) -> Vec<Record> {
        let rows = self.core.changes(&self.accounts);
        rows.filter_map(|row| if let LiveRow::Record(record) = row { Some(*record) } else { None }).collect()
    }
}

fn tasks(orders: &[NodeOrder]) -> Vec<(&str, &OrderTask)> {
    orders.iter().map(|order| (order.node.as_str(), &order.task)).collect()
}

#[test]
fn a_job_is_submitted_started_ended_and_recorded() {
    let mut bench = Bench::new(1);
    let job = bench.submit(2);
    assert_eq!((job, bench.state(job)), (JobId(1), JobState::Pending));
    assert_eq!(bench.records()[0].state, JobState::Pending, "sacct shows it from the first moment");
    let orders = bench.pass();
    assert!(matches!(tasks(&orders)[..], [("n1", OrderTask::Launch(_))]), "{orders:?}");
    assert_eq!(bench.core.node_state(&"n1".into()), Some(NodeState::Mixed));
    bench.now += 30;
    bench.report("n1", job, 0, RunStage::Launched);
    bench.now += 30;
    let ended = bench.report("n1", job, 0, DONE);
    assert!(matches!(tasks(&ended.orders)[..], [("n1", OrderTask::Terminate { kill_wait: 30 })]), "{ended:?}");
    assert!(bench.core.job(job).unwrap().is_completing());
    assert_eq!(bench.core.node_state(&"n1".into()), Some(NodeState::Mixed), "until its node is done with it");
    bench.now += 5;
    bench.report("n1", job, 0, RunStage::Left);
    assert_eq!(bench.core.node_state(&"n1".into()), Some(NodeState::Idle));
    let record = &bench.records()[0];
    assert_eq!((record.start, record.end, record.state), (Some(1000), Some(1060), JobState::Completed));
    assert_eq!((record.nodes.as_str(), record.limit, record.node_count), ("n1", TimeLimit::Minutes(10), 1));
    assert_eq!(record.tres_allocated.to_string(), "1=2,4=1,5=2");
    bench.now += 300;
    bench.on(SchedulerEvent::TimePasses);
    assert_eq!(bench.core.job(job), None, "MinJobAge is over");
}

#[test]
fn at_its_time_limit_a_job_is_ended() {
    let mut bench = Bench::new(1);
    let job = bench.try_submit(|it| it.minutes = Some(2)).unwrap();
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    bench.now += 119;
    assert!(bench.on(SchedulerEvent::TimePasses).orders.is_empty());
    assert_eq!(bench.core.next_due(), Some(1120));
    bench.now += 1;
    let session = bench.core.live().nodes.get(&"n1".into()).unwrap().session;
    let orders = bench.on(SchedulerEvent::NodeHeard("n1".into(), session)).orders;
    let ends = |(node, task): &(&str, &OrderTask)| *node == "n1" && matches!(task, OrderTask::Terminate { .. });
    assert!(tasks(&orders).iter().any(ends), "{orders:?}");
    assert_eq!(bench.state(job), JobState::Timeout);
    bench.report("n1", job, 0, DONE);
    assert_eq!(bench.state(job), JobState::Timeout, "how it ended is decided once");
}

#[test]
fn the_first_that_finds_no_room_keeps_others_from_passing_it() {
    let mut bench = Bench::new(1);
    let [running, wide, small] = [3, 4, 1].map(|cpus| bench.submit(cpus));
    bench.pass();
    assert_eq!(
        [running, wide, small].map(|job| bench.state(job)),
        [JobState::Running, JobState::Pending, JobState::Pending]
    );
    let reasons = [running, wide, small].map(|job| bench.core.reason(job));
    assert_eq!(reasons, [None, Some(PendingReason::Resources), Some(PendingReason::Priority)]);
}

#[test]
fn a_limit_holds_back_its_own_jobs_alone() {
    let mut bench = Bench::new(1);
    let alice = bench.accounts.find(&AssociationKey::user("c", "lab", "alice", "")).unwrap().id;
    bench.accounts.edit_association(alice, |row| row.limits.set((Limit::MaxJobs, None), Some(1)));
    let [first, second] = [1, 1].map(|cpus| bench.submit(cpus));
    bench.pass();
    assert_eq!([first, second].map(|job| bench.state(job)), [JobState::Running, JobState::Pending]);
    assert_eq!(bench.core.reason(second).unwrap().named(&bench.accounts), "AssocMaxJobsLimit");
    bench.report("n1", first, 0, DONE);
    assert!(bench.core.wants_pass());
    bench.pass();
    assert_eq!(bench.state(second), JobState::Running, "also while the first is still cleaned up");
}

#[test]
fn refusals_are_slurms() {
    let mut bench = Bench::new(2);
    let mut said = |change: fn(&mut Submission)| bench.try_submit(change).unwrap_err().to_string();
    let demand = |demand: Demand| Arc::new(demand);
    assert_eq!(said(|it| it.partitions = vec!["x".into()]), "Invalid partition name specified");
    assert_eq!(said(|it| it.qos = Some("x".into())), "Invalid qos specification");
    let stranger = "Invalid account or account/partition combination specified";
    assert_eq!(said(|it| it.user.name = "mallory".into()), stranger);
    assert_eq!(said(|it| it.deadline = Some(1500)), "Requested time limit is invalid (missing or exceeds some limit)");
    let too_large = demand(Demand { cpus_per_task: 5, ..Demand::default() });
    let said = |bench: &mut Bench, demand| bench.try_submit(|it| it.demand = demand).unwrap_err().to_string();
    assert_eq!(said(&mut bench, too_large), "Requested node configuration is not available");
    let license = demand(Demand { licenses: vec![("x".into(), 2)], ..Demand::default() });
    assert_eq!(said(&mut bench, license), "Invalid license specification");
    let elsewhere = demand(Demand { required: vec!["n9".into()], ..Demand::default() });
    assert_eq!(said(&mut bench, elsewhere), "Invalid node name specified");
    let both = Demand { required: vec!["n1".into()], excluded: vec!["n1".into()], ..Demand::default() };
    assert_eq!(said(&mut bench, demand(both)), "Invalid node name specified");
    assert_eq!(bench.try_submit(|it| it.nice = -1), Err(Denial::InvalidNice));
    assert_eq!(bench.core.live().last_job, 0, "a refused job has no number");
}

#[test]
fn holds_are_released_by_who_may() {
    let mut bench = Bench::new(1);
    let job = bench.submit(1);
    assert_eq!(bench.control(Requester { uid: Uid(7), ..USER }, job, JobCommand::Release), Err(Denial::Denied));
    assert_eq!(bench.control(ROOT, job, JobCommand::Hold { as_user: false }), Ok(()));
    assert_eq!(bench.control(USER, job, JobCommand::Hold { as_user: false }), Ok(()));
    bench.pass();
    assert_eq!(bench.core.reason(job), Some(PendingReason::Held(Hold::Admin)), "his own hold does not replace it");
    assert_eq!(bench.control(USER, job, JobCommand::Release), Err(Denial::Denied));
    assert_eq!(bench.control(ROOT, job, JobCommand::Release), Ok(()));
    bench.pass();
    assert_eq!(bench.state(job), JobState::Running);
    assert_eq!(bench.control(USER, JobId(9), JobCommand::Cancel), Err(Denial::InvalidJob));
}

#[test]
fn a_cancelled_job_ends_and_names_who_did_it() {
    let mut bench = Bench::new(1);
    let [runs, waits] = [4, 4].map(|cpus| bench.submit(cpus));
    bench.pass();
    assert_eq!([runs, waits].map(|job| bench.control(USER, job, JobCommand::Cancel)), [Ok(()), Ok(())]);
    let records = bench.records();
    assert!(
        records.iter().all(|it| it.state == JobState::Cancelled && it.cancelled_by == Some(Uid(1000))),
        "{records:?}"
    );
    assert_eq!([records[0].start, records[1].start], [Some(1000), None]);
    assert_eq!(bench.control(USER, runs, JobCommand::Cancel), Err(Denial::AlreadyDone));
}

#[test]
fn a_silent_node_is_down_and_its_jobs_wait_again() {
    let mut bench = Bench::new(2);
    let job = bench.submit(4);
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    bench.now += 299;
    bench.on(SchedulerEvent::NodeHeard("n2".into(), NodeSession(1)));
    bench.now += 1;
    bench.on(SchedulerEvent::TimePasses);
    assert_eq!(bench.core.node_state(&"n1".into()), Some(NodeState::Down));
    let ended = bench.records();
    assert_eq!(ended.iter().map(|it| it.state).collect::<Vec<_>>(), [JobState::NodeFail, JobState::Pending]);
    bench.now += 5;
    bench.pass();
    let again = bench.core.job(job).unwrap();
    assert_eq!((again.attempt, again.allocation().unwrap().shares[0].node.as_str()), (Attempt(1), "n2"));
    // The node comes back, and still has the first run: that ends before anything new starts there.
    let orders = bench.join("n1", 1, vec![(job, Attempt(0), RunStage::Launched)]);
    assert!(matches!(tasks(&orders)[..], [("n1", OrderTask::Terminate { .. })]), "{orders:?}");
    assert_eq!(orders[0].attempt, Attempt(0));
    let next = bench.submit(4);
    bench.pass();
    assert_eq!(bench.state(next), JobState::Pending);
    bench.report("n1", job, 0, RunStage::Left);
    bench.pass();
    assert_eq!([job, next].map(|job| bench.state(job)), [JobState::Running; 2]);
}

#[test]
fn a_node_that_started_anew_has_lost_its_jobs_at_once() {
    let mut bench = Bench::new(1);
    let job = bench.try_submit(|it| it.requeue = false).unwrap();
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    bench.join("n1", 2, Vec::new());
    assert_eq!(bench.state(job), JobState::NodeFail);
}

#[test]
fn a_node_that_never_got_its_order_gets_it_when_it_registers() {
    let mut bench = Bench::new(1);
    let job = bench.submit(1);
    bench.pass();
    let orders = bench.join("n1", 1, Vec::new());
    assert!(matches!(tasks(&orders)[..], [("n1", OrderTask::Launch(_))]), "{orders:?}");
    // Nor does silence in a connection lose it.
    bench.now += 10;
    assert_eq!(bench.on(SchedulerEvent::TimePasses).orders, orders);
    assert_eq!(bench.report("n1", job, 0, RunStage::Launched).orders, []);
    bench.now += 10;
    assert_eq!(bench.on(SchedulerEvent::TimePasses).orders, []);
}

#[test]
fn what_comes_in_an_earlier_session_does_not_count() {
    let mut bench = Bench::new(1);
    let job = bench.submit(1);
    bench.pass();
    bench.join("n1", 1, vec![(job, Attempt(0), RunStage::Launched)]);
    let report = NodeReport { job, attempt: Attempt(0), what: Reported::Stage(RunStage::Left) };
    let answer = bench.on(SchedulerEvent::NodeReports("n1".into(), NodeSession(1), report)).answer;
    assert_eq!((answer, bench.state(job)), (Err(Denial::Denied), JobState::Running));
}

#[test]
fn a_node_with_less_than_configured_is_drained() {
    let mut bench = Bench::new(1);
    bench.on(SchedulerEvent::NodeConnects("n1".into()));
    let registration =
        Registration { boot: Boot(1), hardware: Hardware::new(4, 900), runs: Vec::new(), steps: Vec::new() };
    bench.on(SchedulerEvent::NodeRegisters("n1".into(), NodeSession(2), registration));
    let drain = bench.core.live().nodes.get(&"n1".into()).unwrap().drain.clone().unwrap();
    assert_eq!(drain.reason, "Low RealMemory (reported:900 < 100.00% of configured:1000)");
    let job = bench.submit(1);
    bench.pass();
    assert_eq!(bench.core.reason(job), Some(PendingReason::NodesUnavailable));
    bench.on(SchedulerEvent::NodeControl(ROOT, "n1".into(), NodeCommand::Resume));
    bench.pass();
    assert_eq!(bench.state(job), JobState::Running);
}

#[test]
fn what_could_not_be_written_never_was() {
    let mut bench = Bench::new(1);
    bench.core.commit();
    let job = bench.submit(1);
    bench.pass();
    bench.core.rollback(Present { accounts: &bench.accounts, now: bench.now });
    assert_eq!((bench.core.job(job), bench.core.live().last_job), (None, 0));
    assert_eq!(bench.core.node_state(&"n1".into()), Some(NodeState::Idle));
    assert_eq!(bench.core.changes(&bench.accounts).count(), 0);
}

#[test]
fn a_small_job_passes_a_large_one_that_it_does_not_delay() {
    let mut bench = Bench::new(2);
    let mut of = |tasks, minutes| {
        let demand = Arc::new(Demand { tasks, ..Demand::default() });
        bench.try_submit(|it| (it.demand, it.minutes) = (demand, Some(minutes))).unwrap()
    };
    let [running, large, long, short] = [of(6, 10), of(8, 10), of(2, 11), of(2, 10)];
    bench.pass();
    assert_eq!(bench.state(running), JobState::Running);
    let plan = bench.core.plan(Present { accounts: &bench.accounts, now: 1000 }, 100);
    assert_eq!(plan.starts().collect::<Vec<_>>(), [short]);
    bench.on(SchedulerEvent::Planned(plan));
    assert_eq!(
        [large, long, short].map(|job| bench.state(job)),
        [JobState::Pending, JobState::Pending, JobState::Running]
    );
    assert_eq!([large, long].map(|job| bench.core.expected_start(job)), [Some(1600), Some(2200)]);
}

#[test]
fn a_plan_that_came_too_late_starts_nobody_where_there_is_no_room() {
    let mut bench = Bench::new(1);
    let job = bench.submit(4);
    let plan = bench.core.plan(Present { accounts: &bench.accounts, now: 1000 }, 100);
    bench.on(SchedulerEvent::NodeControl(ROOT, "n1".into(), NodeCommand::Drain("a test".into())));
    bench.on(SchedulerEvent::Planned(plan));
    assert_eq!(bench.state(job), JobState::Pending);
}

#[test]
fn the_higher_priority_goes_first_and_grows_with_age() {
    let mut bench = Bench::new(1);
    let mut config = bench.core.config().clone();
    config.settings.priority.weights.age = 1000;
    config.settings.priority.max_age = std::time::Duration::from_secs(1000);
    bench.on(SchedulerEvent::Configure(Arc::new(config)));
    let old = bench.try_submit(|_| {}).unwrap();
    bench.now += 600;
    let new = bench.try_submit(|_| {}).unwrap();
    assert_eq!(bench.control(ROOT, new, JobCommand::Update(JobChange::Nice(-500))), Ok(()));
    let priorities = [old, new].map(|job| bench.core.priority_of(job));
    assert_eq!(priorities, [Some(600), Some(500)], "computed again after PriorityCalcPeriod");
    assert_eq!(bench.control(USER, new, JobCommand::Update(JobChange::Priority(700))), Err(Denial::Denied));
    assert_eq!(bench.control(ROOT, new, JobCommand::Update(JobChange::Priority(700))), Ok(()));
    assert_eq!(bench.core.priority_of(new), Some(700));
}

#[test]
fn a_registration_from_before_a_restart_says_nothing() {
    let mut bench = Bench::new(1);
    bench.core.commit();
    let present = Present { accounts: &bench.accounts, now: bench.now };
    let live = bench.core.live().clone();
    bench.core = Core::restore(Arc::new(bench.core.config().clone()), live, present).unwrap();
    let registration =
        Registration { boot: Boot(1), hardware: Hardware::new(4, 1000), runs: Vec::new(), steps: Vec::new() };
    let answer = bench.on(SchedulerEvent::NodeRegisters("n1".into(), NodeSession(1), registration)).answer;
    assert_eq!(answer, Err(Denial::Denied));
}

#[test]
fn a_job_starts_after_those_that_it_depends_on() {
    let mut bench = Bench::new(2);
    let first = bench.submit(1);
    let after = |bench: &mut Bench, kind| {
        let one = Dependency::new(kind, first);
        bench.try_submit(|it| it.dependencies.unmet = vec![one]).unwrap()
    };
    use DependencyKind::*;
    let [started, any, ok, not_ok] = [After, AfterAny, AfterOk, AfterNotOk].map(|kind| after(&mut bench, kind));
    let reason = |bench: &Bench, job| bench.core.reason(job).map(|reason| reason.named(&bench.accounts));
    assert_eq!(reason(&bench, started).as_deref(), Some("Dependency"));
    bench.pass();
    bench.pass();
    assert_eq!(
        [first, started, any].map(|job| bench.state(job)),
        [JobState::Running, JobState::Running, JobState::Pending]
    );
    bench.report("n1", first, 0, DONE);
    bench.pass();
    assert_eq!(bench.state(any), JobState::Pending, "its node is not done with it");
    bench.report("n1", first, 0, RunStage::Left);
    bench.pass();
    assert_eq!(
        [any, ok, not_ok].map(|job| bench.state(job)),
        [JobState::Running, JobState::Running, JobState::Pending]
    );
    assert_eq!(reason(&bench, not_ok).as_deref(), Some("DependencyNeverSatisfied"));
    let unknown = Dependency::new(AfterOk, JobId(99));
    let said = bench.try_submit(|it| it.dependencies.unmet = vec![unknown]).unwrap_err();
    assert_eq!(said.to_string(), "Job dependency problem");
}

#[test]
fn a_singleton_waits_for_those_of_its_name() {
    let mut bench = Bench::new(2);
    let single = |bench: &mut Bench| bench.try_submit(|it| it.dependencies.singleton = true).unwrap();
    let [first, second] = [single(&mut bench), single(&mut bench)];
    bench.pass();
    assert_eq!([first, second].map(|job| bench.state(job)), [JobState::Running, JobState::Pending]);
    bench.report("n1", first, 0, DONE);
    bench.report("n1", first, 0, RunStage::Left);
    bench.pass();
    assert_eq!(bench.state(second), JobState::Running);
}
