//! Jobs that stand still.

use super::*;
use crate::job::{Allocating, SignalTarget};
use crate::step::StepRequest;
use slurm::records::StepId;

/// SIGCONT.
const GO_ON: u8 = 18;

/// Signals that nodes are told: serial number, number, for whom.
fn signals(orders: &[NodeOrder]) -> Vec<(u32, u8, SignalTarget)> {
    let signals = orders.iter().filter_map(|order| match order.task {
        OrderTask::Signal { serial, number, to } => Some((serial, number, to)),
        _ => None,
    });
    signals.collect()
}

impl Bench {
    fn order(&mut self, job: JobId, command: JobCommand) -> Result<Vec<NodeOrder>, Denial> {
        let decision = self.on(SchedulerEvent::Control(ROOT, job, command));
        decision.answer.map(|_| decision.orders)
    }

    /// Time goes on, while the node is there.
    fn until(&mut self, at: Time) {
        while self.now < at {
            self.now = (self.now + 100).min(at);
            let session = self.core.live().nodes.get(&"n1".into()).unwrap().session;
            self.on(SchedulerEvent::NodeHeard("n1".into(), session)).answer.unwrap();
        }
    }

    fn runs(&mut self, cpus: u32) -> JobId {
        let job = self.submit(cpus);
        self.pass();
        self.report("n1", job, 0, RunStage::Launched);
        job
    }
}

#[test]
fn its_cpus_are_free_and_its_time_stands_still_until_it_goes_on() {
    let mut bench = Bench::new(1);
    let job = bench.runs(3);
    let begun = bench.now;
    assert_eq!(bench.control(USER, job, JobCommand::Suspend), Err(Denial::Denied), "operators alone");
    bench.now = begun + 100;
    let told = bench.order(job, JobCommand::Suspend).unwrap();
    assert_eq!(signals(&told), [(1, 19, SignalTarget::Standstill)]);
    assert_eq!(bench.order(job, JobCommand::Suspend).map(|orders| signals(&orders)), Ok(Vec::new()), "once is enough");
    assert_eq!(bench.state(job), JobState::Suspended);
    let record = bench.records().into_iter().find(|record| record.job_id == job).unwrap();
    assert_eq!((record.state, record.details.suspended_since), (JobState::Suspended, Some(begun + 100)));
    assert_eq!((record.elapsed(begun + 400), record.rested(begun + 400)), (100, 300));
    assert_eq!(bench.core.node_state(&"n1".into()), Some(NodeState::Idle));

    let other = bench.submit(4);
    bench.pass();
    assert_eq!(bench.state(other), JobState::Running, "it has the whole node");
    assert_eq!(bench.order(job, JobCommand::Resume).map(drop), Err(Denial::NodesBusy));
    bench.until(begun + 6000);
    assert_eq!((bench.state(job), bench.state(other)), (JobState::Suspended, JobState::Timeout));
    bench.report("n1", other, 0, RunStage::Left);
    let told = bench.order(job, JobCommand::Resume).unwrap();
    assert_eq!(signals(&told), [(2, 18, SignalTarget::Standstill)], "the last word alone");
    let end = bench.core.job(job).unwrap().allocation().unwrap().end();
    assert_eq!(end, Some(begun + 600 + 5900), "ten minutes, and the time in which it stood still");
    bench.until(begun + 6499);
    assert_eq!(bench.state(job), JobState::Running);
    bench.until(begun + 6500);
    let record = bench.records().into_iter().find(|record| record.job_id == job).unwrap();
    assert_eq!((record.state, record.suspended, record.elapsed(0)), (JobState::Timeout, 5900, 600));
    assert_eq!(bench.core.drift(Present { accounts: &bench.accounts, now: bench.now }), Vec::<String>::new());
}

#[test]
fn only_what_runs_is_suspended_and_only_that_goes_on() {
    let mut bench = Bench::new(1);
    let running = bench.runs(1);
    let held = bench.try_submit(|it| it.hold = Some(Hold::User)).unwrap();
    assert_eq!(bench.control(ROOT, running, JobCommand::Resume), Err(Denial::NotSuspended));
    assert_eq!(bench.control(ROOT, held, JobCommand::Suspend), Err(Denial::IsPending));
    assert_eq!(bench.control(ROOT, held, JobCommand::Resume), Err(Denial::IsPending));
    assert_eq!(bench.control(ROOT, running, JobCommand::Suspend), Ok(()));
    // One that stands still is cancelled as any other.
    assert_eq!(bench.control(USER, running, JobCommand::Cancel), Ok(()));
    assert_eq!(bench.control(ROOT, running, JobCommand::Resume), Err(Denial::AlreadyDone));
    bench.report("n1", running, 0, RunStage::Left);
    assert_eq!(bench.core.drift(Present { accounts: &bench.accounts, now: bench.now }), Vec::<String>::new());
}

#[test]
fn steps_stand_still_with_their_job_and_none_starts_meanwhile() {
    let mut bench = Bench::new(1);
    let job = bench.try_submit(|it| it.allocation = Some(Allocating::Kept)).unwrap();
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    let begun = bench.now;
    let create = |bench: &mut Bench| {
        let request = StepRequest { tasks: Some(1), minutes: Some(1), ..StepRequest::default() };
        bench.on(SchedulerEvent::CreateStep(USER, job, Box::new(request), Arc::default()))
    };
    assert!(create(&mut bench).answer.is_ok());
    bench.now = begun + 30;
    // The step is on its way: it is not started now, but when the job goes on.
    bench.order(job, JobCommand::Suspend).unwrap();
    assert_eq!(create(&mut bench).answer.map(drop), Err(Denial::Suspended));
    bench.until(begun + 1000);
    let launches =
        |orders: &[NodeOrder]| orders.iter().filter(|order| matches!(order.task, OrderTask::LaunchStep(..))).count();
    assert_eq!(launches(&bench.on(SchedulerEvent::TimePasses).orders), 0);
    assert_eq!(launches(&bench.order(job, JobCommand::Resume).unwrap()), 1);
    let step = bench.core.job(job).unwrap().step(StepId::Number(0)).unwrap();
    assert_eq!((step.is_stopped, step.end()), (false, Some(begun + 60 + 970)));
    bench.until(begun + 1030);
    assert!(bench.core.job(job).unwrap().step(StepId::Number(0)).unwrap().is_stopped, "its minute is over");
}

#[test]
fn a_clock_that_goes_back_takes_no_time_from_a_job() {
    let mut bench = Bench::new(1);
    let job = bench.try_submit(|it| it.allocation = Some(Allocating::Kept)).unwrap();
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    let begun = bench.now;
    let request = StepRequest { tasks: Some(1), minutes: Some(1), ..StepRequest::default() };
    bench.on(SchedulerEvent::CreateStep(USER, job, Box::new(request), Arc::default())).answer.unwrap();
    bench.order(job, JobCommand::Suspend).unwrap();
    bench.now = begun - 300;
    bench.order(job, JobCommand::Resume).unwrap();
    let resumed = bench.core.job(job).unwrap();
    assert_eq!(resumed.allocation().unwrap().end(), Some(begun + 600));
    assert_eq!(resumed.step(StepId::Number(0)).unwrap().end(), Some(begun + 60));
}

#[test]
fn a_signal_does_not_set_going_what_stands_still() {
    let mut bench = Bench::new(1);
    let job = bench.try_submit(|it| it.allocation = Some(Allocating::Kept)).unwrap();
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    let request = StepRequest { tasks: Some(1), ..StepRequest::default() };
    bench.on(SchedulerEvent::CreateStep(USER, job, Box::new(request), Arc::default())).answer.unwrap();
    bench.order(job, JobCommand::Suspend).unwrap();
    let step = |bench: &mut Bench, command| {
        bench.on(SchedulerEvent::ControlStep(USER, job, StepId::Number(0), command)).answer.map(drop)
    };
    for target in [SignalTarget::All, SignalTarget::Steps] {
        assert_eq!(bench.control(USER, job, JobCommand::Signal(GO_ON, target)), Err(Denial::Suspended));
        assert_eq!(bench.control(USER, job, JobCommand::Signal(9, target)), Ok(()));
    }
    assert_eq!(step(&mut bench, StepCommand::Signal(GO_ON)), Err(Denial::Suspended));
    assert_eq!(step(&mut bench, StepCommand::Signal(15)), Ok(()));
    assert_eq!(step(&mut bench, StepCommand::Cancel), Ok(()));
    bench.order(job, JobCommand::Resume).unwrap();
    assert_eq!(bench.control(USER, job, JobCommand::Signal(GO_ON, SignalTarget::All)), Ok(()));
}
