//! Steps: each answer, order and record.

use super::*;
use crate::job::Allocating;
use crate::request::StepProgram;
use crate::step::{RunUsage, StepRequest};
use slurm::records::{Step, StepId};

const ZERO: StepId = StepId::Number(0);

impl Bench {
    fn allocate(&mut self, nodes: u32, allocation: Allocating) -> JobId {
        let job = self.try_submit(|it| {
            it.allocation = Some(allocation);
            it.requeue = false;
            it.demand = Arc::new(Demand { min_nodes: nodes, tasks: nodes, cpus_per_task: 2, ..Demand::default() });
        });
        let job = job.unwrap();
        self.pass();
        for number in 1..=nodes {
            self.report(&format!("n{number}"), job, 0, RunStage::Launched);
        }
        job
    }

    fn create(&mut self, job: JobId, request: StepRequest) -> Result<(StepId, Vec<NodeOrder>), Denial> {
        let event = SchedulerEvent::CreateStep(USER, job, Box::new(request), Arc::new(StepProgram::default()));
        let decision = self.on(event);
        match decision.answer? {
            Accepted::StepCreated(step) => Ok((step, decision.orders)),
            other => panic!("{other:?}"),
        }
    }

    fn tell_step(&mut self, node: &str, job: JobId, step: StepId, what: Reported) -> Vec<NodeOrder> {
        let session = self.core.live().nodes.get(&node.into()).unwrap().session;
        let usage = matches!(what, Reported::Stage(RunStage::Ended(_)));
        let usage = usage.then(|| RunUsage { user_cpu: Some(70), peak_memory: Some(900), ..RunUsage::default() });
        let report = NodeReport { job, attempt: Attempt(0), what };
        let decision = self.on(SchedulerEvent::NodeReportsStep(node.into(), session, step, report, usage));
        decision.answer.unwrap();
        decision.orders
    }

    fn order_step(&mut self, job: JobId, step: StepId, command: StepCommand) -> Result<Vec<NodeOrder>, Denial> {
        let decision = self.on(SchedulerEvent::ControlStep(USER, job, step, command));
        decision.answer.map(|_| decision.orders)
    }

    /// Records of steps since the last commit, which this is.
    fn steps(&mut self) -> Vec<Step> {
        let rows: Vec<Step> = (self.core.changes(&self.accounts))
            .filter_map(|row| if let LiveRow::Step(step) = row { Some(step.1) } else { None })
            .collect();
        self.core.commit();
        rows
    }
}

fn ended(code: u8) -> Reported {
    Reported::Stage(RunStage::Ended(ScriptEnd { exit: ExitCode { code, signal: 0 }, out_of_memory: false }))
}

const LAUNCHED: Reported = Reported::Stage(RunStage::Launched);
const LEFT: Reported = Reported::Stage(RunStage::Left);

fn one() -> StepRequest {
    StepRequest { name: "hostname".into(), tasks: Some(1), ..StepRequest::default() }
}

#[test]
fn a_step_is_launched_ends_and_is_recorded_and_the_next_waits_for_it() {
    let mut bench = Bench::new(1);
    let job = bench.allocate(1, Allocating::Kept);
    let (step, orders) = bench.create(job, one()).unwrap();
    assert!(matches!(tasks(&orders)[..], [("n1", OrderTask::LaunchStep(_, ZERO, _))]), "{orders:?}");
    let record = bench.steps().pop().unwrap();
    assert_eq!((record.id, record.state, record.tasks), (step, JobState::Running, 1));
    assert_eq!((record.tres_allocated.to_string(), record.nodes.as_str()), ("1=2,4=1".into(), "n1"));
    assert_eq!(bench.create(job, one()).unwrap_err(), Denial::NodesBusy);
    assert!(bench.tell_step("n1", job, step, LAUNCHED).is_empty());
    bench.now += 5;
    bench.tell_step("n1", job, step, ended(3));
    assert_eq!(bench.create(job, one()).unwrap_err(), Denial::NodesBusy, "until nothing is left of it");
    bench.tell_step("n1", job, step, LEFT);
    let record = bench.steps().pop().unwrap();
    assert_eq!((record.state, record.exit.code, record.end), (JobState::Failed, 3, Some(1005)));
    assert_eq!((record.user_cpu, record.details.usage_in.max.to_string()), (70, "1=0,2=900".into()));
    assert_eq!(bench.create(job, one()).unwrap().0, StepId::Number(1));
    assert_eq!(bench.state(job), JobState::Running, "salloc keeps what it has");
    bench.now += 5;
    let exit = ExitCode { code: 7, signal: 0 };
    let over = bench.on(SchedulerEvent::Finish(USER, job, exit));
    assert!(matches!(tasks(&over.orders)[..], [("n1", OrderTask::Terminate { .. })]), "{over:?}");
    assert_eq!((bench.state(job), bench.records()[0].exit), (JobState::Failed, exit));
    assert_eq!(bench.steps().pop().unwrap().state, JobState::Cancelled, "a step does not outlive its job");
    let again = bench.on(SchedulerEvent::Finish(USER, job, exit)).answer;
    assert_eq!(again, Err(Denial::AlreadyDone));
}

#[test]
fn what_is_for_one_step_ends_with_it_and_a_script_is_given_back_by_nobody() {
    let mut bench = Bench::new(2);
    let job = bench.allocate(2, Allocating::ForOneStep);
    let (step, orders) = bench.create(job, StepRequest { nodes: Some((2, None)), ..StepRequest::default() }).unwrap();
    assert_eq!(orders.len(), 2, "{orders:?}");
    for node in ["n1", "n2"] {
        bench.tell_step(node, job, step, LAUNCHED);
    }
    bench.tell_step("n1", job, step, ended(0));
    bench.tell_step("n1", job, step, LEFT);
    assert_eq!(bench.state(job), JobState::Running);
    bench.tell_step("n2", job, step, ended(2));
    bench.tell_step("n2", job, step, LEFT);
    assert_eq!((bench.state(job), bench.records()[0].exit.code), (JobState::Failed, 2), "the greatest counts");
    let script = bench.submit(1);
    assert_eq!(bench.on(SchedulerEvent::Finish(USER, script, ExitCode::default())).answer, Err(Denial::Disabled));
}

#[test]
fn orders_of_steps_are_told_until_they_are_confirmed() {
    let mut bench = Bench::new(2);
    let job = bench.allocate(2, Allocating::Kept);
    let (step, _) = bench.create(job, StepRequest::default()).unwrap();
    bench.now += 10;
    let again = bench.on(SchedulerEvent::TimePasses).orders;
    assert!(again.iter().all(|order| matches!(order.task, OrderTask::LaunchStep(..))) && again.len() == 2);
    bench.tell_step("n1", job, step, LAUNCHED);
    let signal = bench.order_step(job, step, StepCommand::Signal(10)).unwrap();
    let kinds: Vec<_> =
        tasks(&signal).into_iter().map(|(node, task)| (node, matches!(task, OrderTask::SignalStep { .. }))).collect();
    assert_eq!(kinds, [("n1", true), ("n2", false)], "first it has to be launched");
    bench.tell_step("n1", job, step, Reported::Delivered(1));
    bench.tell_step("n2", job, step, LAUNCHED);
    bench.now += 10;
    let again = bench.on(SchedulerEvent::TimePasses).orders;
    assert!(matches!(tasks(&again)[..], [("n2", OrderTask::SignalStep { serial: 1, number: 10, .. })]), "{again:?}");
    let end = bench.order_step(job, step, StepCommand::Cancel).unwrap();
    assert!(end.iter().all(|order| matches!(order.task, OrderTask::TerminateStep { .. })) && end.len() == 2, "{end:?}");
    assert_eq!(bench.order_step(job, step, StepCommand::Cancel).unwrap_err(), Denial::AlreadyDone);
    for node in ["n1", "n2"] {
        bench.tell_step(node, job, step, ended(0));
        bench.tell_step(node, job, step, LEFT);
        bench.tell_step(node, job, step, LEFT);
    }
    let record = bench.steps().pop().unwrap();
    assert_eq!((record.state, record.cancelled_by), (JobState::Cancelled, Some(Uid(1000))));
    assert_eq!(bench.core.job(job).unwrap().steps(), []);
}

#[test]
fn one_node_ends_a_step_for_all_if_it_cannot_start_it_or_if_that_was_asked_for() {
    let mut bench = Bench::new(2);
    let job = bench.allocate(2, Allocating::Kept);
    let (step, _) = bench.create(job, StepRequest { kill_on_bad_exit: true, ..StepRequest::default() }).unwrap();
    for node in ["n1", "n2"] {
        bench.tell_step(node, job, step, LAUNCHED);
    }
    let orders = bench.tell_step("n1", job, step, ended(1));
    assert!(tasks(&orders).iter().any(|(node, task)| *node == "n2" && matches!(task, OrderTask::TerminateStep { .. })));
    for node in ["n1", "n2"] {
        bench.tell_step(node, job, step, LEFT);
    }
    let (step, _) = bench.create(job, StepRequest::default()).unwrap();
    bench.tell_step("n2", job, step, LAUNCHED);
    let orders = bench.tell_step("n1", job, step, Reported::LaunchFailed);
    assert!(matches!(tasks(&orders)[..], [("n2", OrderTask::TerminateStep { .. })]), "{orders:?}");
    bench.tell_step("n2", job, step, LEFT);
    assert_eq!(bench.steps().pop().unwrap().state, JobState::Failed);
    assert_eq!(bench.state(job), JobState::Running, "the job goes on");
}

#[test]
fn at_its_own_limit_a_step_ends_and_its_job_goes_on() {
    let mut bench = Bench::new(1);
    let job = bench.allocate(1, Allocating::Kept);
    let (step, _) = bench.create(job, StepRequest { minutes: Some(1), ..one() }).unwrap();
    bench.tell_step("n1", job, step, LAUNCHED);
    bench.now += 60;
    let orders = bench.on(SchedulerEvent::TimePasses).orders;
    assert!(matches!(tasks(&orders)[..], [("n1", OrderTask::TerminateStep { .. })]), "{orders:?}");
    bench.tell_step("n1", job, step, LEFT);
    assert_eq!((bench.steps().pop().unwrap().state, bench.state(job)), (JobState::Timeout, JobState::Running));
}

#[test]
fn who_may_not_starts_and_ends_no_step() {
    let mut bench = Bench::new(1);
    let job = bench.allocate(1, Allocating::Kept);
    let (step, _) = bench.create(job, one()).unwrap();
    let stranger = Requester { uid: Uid(1001), ..USER };
    let operator = Requester { uid: Uid(1001), is_operator: true, ..USER };
    for who in [stranger.clone(), operator] {
        let event = SchedulerEvent::CreateStep(who, job, Box::new(one()), Arc::default());
        assert_eq!(bench.on(event).answer, Err(Denial::Denied), "what it runs is run as the job's user");
    }
    let end = SchedulerEvent::ControlStep(stranger, job, step, StepCommand::Cancel);
    assert_eq!(bench.on(end).answer, Err(Denial::Denied));
    let waits = bench.try_submit(|it| it.hold = Some(Hold::User)).unwrap();
    assert_eq!(bench.create(waits, one()).unwrap_err(), Denial::IsPending);
    assert_eq!(bench.create(JobId(99), one()).unwrap_err(), Denial::InvalidJob);
}

#[test]
fn a_master_that_starts_again_keeps_what_runs_and_fails_what_it_cannot_start() {
    let mut bench = Bench::new(1);
    let job = bench.allocate(1, Allocating::Kept);
    let exact = StepRequest { exact: true, ..one() };
    let (runs, _) = bench.create(job, exact.clone()).unwrap();
    let (never, _) = bench.create(job, exact).unwrap();
    let live = LiveTables::loaded(
        bench.core.live().jobs.values().cloned(),
        bench.core.live().nodes.iter().map(|(name, node)| (name.clone(), node.clone())),
        1,
    );
    let config = Arc::new(bench.core.config().clone());
    bench.core = Core::restore(config, live, Present { accounts: &bench.accounts, now: bench.now }).unwrap();
    let answer = bench.on(SchedulerEvent::NodeConnects("n1".into())).answer;
    let Ok(Accepted::Connected(session)) = answer else { panic!("{answer:?}") };
    let registration = Registration {
        boot: Boot(1),
        hardware: Hardware::new(4, 1000),
        runs: vec![(job, Attempt(0), RunStage::Launched)],
        steps: vec![(job, Attempt(0), runs, RunStage::Launched)],
    };
    let orders = bench.on(SchedulerEvent::NodeRegisters("n1".into(), session, registration)).orders;
    assert!(
        matches!(tasks(&orders)[..], [("n1", OrderTask::TerminateStep { step, .. })] if *step == never),
        "{orders:?}"
    );
    let alive = bench.core.job(job).unwrap().step(runs).unwrap();
    assert!(!alive.is_stopped && alive.launched.contains(0));
    bench.tell_step("n1", job, never, LEFT);
    assert!(bench.steps().iter().any(|step| step.id == never && step.state == JobState::Failed));
}

/// A step on a node that registers again with these steps.
fn rejoined(bench: &mut Bench, job: JobId, steps: &[u32]) -> Vec<NodeOrder> {
    let answer = bench.on(SchedulerEvent::NodeConnects("n1".into())).answer;
    let Ok(Accepted::Connected(session)) = answer else { panic!("{answer:?}") };
    let attempt = Attempt::default();
    let steps = steps.iter().map(|step| (job, attempt, StepId::Number(*step), RunStage::Launched)).collect();
    let runs = vec![(job, attempt, RunStage::Launched)];
    let registration = Registration { boot: Boot(1), hardware: Hardware::new(4, 1000), runs, steps };
    bench.on(SchedulerEvent::NodeRegisters("n1".into(), session, registration)).orders
}

#[test]
fn a_step_that_its_node_does_not_know_any_more_has_ended() {
    let mut bench = Bench::new(1);
    let job = bench.allocate(1, Allocating::Kept);
    let (step, _) = bench.create(job, one()).unwrap();
    bench.tell_step("n1", job, step, Reported::Stage(RunStage::Launched));
    bench.core.commit();
    rejoined(&mut bench, job, &[0]);
    assert!(bench.core.job(job).unwrap().step(step).is_some(), "a node that has it keeps it");
    rejoined(&mut bench, job, &[]);
    assert_eq!(bench.core.job(job).unwrap().step(step), None);
    let ended = bench.steps().into_iter().find(|record| record.id == step).unwrap();
    assert_eq!((ended.state, ended.exit), (JobState::Failed, ExitCode { code: 0, signal: 9 }));
    assert!(bench.create(job, one()).is_ok(), "what it had is free");
}

#[test]
fn a_step_of_which_only_the_node_knows_is_ended_before_another_starts() {
    let mut bench = Bench::new(1);
    let job = bench.allocate(1, Allocating::Kept);
    let orders = rejoined(&mut bench, job, &[4]);
    let ends = |orders: &[NodeOrder]| {
        let is_end =
            |order: &&NodeOrder| matches!(order.task, OrderTask::TerminateStep { step: StepId::Number(4), .. });
        orders.iter().filter(is_end).count()
    };
    assert_eq!(ends(&orders), 1, "{orders:?}");
    let (step, orders) = bench.create(job, one()).unwrap();
    assert_eq!(step, StepId::Number(5), "a number is given once");
    assert!(!orders.iter().any(|order| matches!(order.task, OrderTask::LaunchStep(..))), "{orders:?}");
    let orders = bench.tell_step("n1", job, StepId::Number(4), Reported::Stage(RunStage::Left));
    assert!(orders.iter().any(|order| matches!(order.task, OrderTask::LaunchStep(..))), "{orders:?}");
}

#[test]
fn a_live_step_keeps_no_long_lists() {
    let mut bench = Bench::new(1);
    let job = bench.allocate(1, Allocating::Kept);
    let excluded = (0..1000).map(|number| format!("other{number}").as_str().into()).collect();
    let (step, _) = bench.create(job, StepRequest { excluded, required: vec!["n1".into()], ..one() }).unwrap();
    let kept = &bench.core.job(job).unwrap().step(step).unwrap().request;
    assert!(kept.excluded.is_empty() && kept.required.is_empty() && kept.gres.is_none());
}
