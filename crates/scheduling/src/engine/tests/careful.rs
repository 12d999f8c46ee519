//! What must not be got round, and what must not stand still for ever.

use super::*;
use crate::array::TaskSet;
use crate::dependency::DependencyKind::{AfterAny, AfterOk};
use crate::event::JobChange;
use crate::job::SignalTarget;
use crate::units::Units;

impl Bench {
    fn after(&mut self, one: Dependency) -> Result<JobId, Denial> {
        let dependencies = Dependencies { unmet: vec![one], ..Dependencies::default() };
        self.try_submit(|it| it.dependencies = dependencies)
    }

    fn finish(&mut self, job: JobId) {
        for stage in [RunStage::Launched, DONE, RunStage::Left] {
            self.report("n1", job, 0, stage);
        }
    }
}

#[test]
fn a_change_does_not_ask_again_what_was_met() {
    let mut bench = Bench::new(1);
    let first = bench.submit(1);
    let second = bench.after(Dependency::new(AfterOk, first)).unwrap();
    bench.pass();
    bench.finish(first);
    bench.control(ROOT, second, JobCommand::Hold { as_user: false }).unwrap();
    bench.now += 400;
    bench.on(SchedulerEvent::TimePasses);
    assert_eq!(bench.core.job(first), None, "it is forgotten");
    assert_eq!(bench.control(USER, second, JobCommand::Update(JobChange::Name("new".into()))), Ok(()));
    assert!(bench.core.job(second).unwrap().dependencies.are_met());
}

#[test]
fn what_nobody_knows_is_refused_or_taken_as_over() {
    let mut bench = Bench::new(1);
    let array = bench.try_submit(|it| it.array = Some("0-1".parse().unwrap())).unwrap();
    let of_task = |kind, task| Dependency { task: Some(task), ..Dependency::new(kind, array) };
    assert_eq!(bench.after(of_task(AfterOk, 9)), Err(Denial::DependencyProblem), "there is no ninth");
    let job = bench.after(of_task(AfterAny, 9)).unwrap();
    assert!(bench.core.job(job).unwrap().dependencies.are_met());
    let own = JobChange::Dependencies(Dependencies {
        unmet: vec![Dependency::new(AfterAny, array)],
        ..Dependencies::default()
    });
    assert_eq!(bench.control(USER, array, JobCommand::Update(own)), Err(Denial::DependencyProblem));
}

#[test]
fn a_cancelled_job_that_is_requeued_does_not_wait_for_what_is_over() {
    let mut bench = Bench::new(1);
    let first = bench.submit(1);
    let second = bench.after(Dependency::new(AfterAny, first)).unwrap();
    bench.pass();
    bench.control(USER, second, JobCommand::Cancel).unwrap();
    bench.finish(first);
    bench.control(USER, second, JobCommand::Requeue { hold: false }).unwrap();
    assert!(bench.core.job(second).unwrap().dependencies.are_met());
}

#[test]
fn a_user_does_not_get_round_an_operators_hold() {
    let mut bench = Bench::new(1);
    let job = bench.submit(1);
    bench.control(ROOT, job, JobCommand::Hold { as_user: false }).unwrap();
    bench.control(USER, job, JobCommand::Cancel).unwrap();
    bench.control(USER, job, JobCommand::Requeue { hold: true }).unwrap();
    assert_eq!(bench.control(USER, job, JobCommand::Release), Err(Denial::Denied));
}

#[test]
fn one_task_of_those_cancelled_together_runs_again_alone() {
    let mut bench = Bench::new(1);
    let array = bench.try_submit(|it| it.array = Some("3-6".parse().unwrap())).unwrap();
    bench.control(USER, array, JobCommand::Cancel).unwrap();
    let again = JobCommand::Requeue { hold: false };
    let tasks: TaskSet = "4".parse().unwrap();
    assert!(bench.on(SchedulerEvent::ControlTasks(USER, array, tasks, again)).answer.is_ok());
    bench.now += 10;
    bench.on(SchedulerEvent::TimePasses);
    bench.pass();
    let running = bench.core.array_records(array).filter(|id| bench.state(*id) == JobState::Running);
    assert_eq!(running.count(), 1);
    let signal =
        SchedulerEvent::ControlTasks(USER, array, "3-6".parse().unwrap(), JobCommand::Signal(10, SignalTarget::All));
    assert!(bench.on(signal).answer.is_err(), "the others are over");
    assert_eq!(bench.core.array_records(array).count(), 2, "and stay together");
}

#[test]
fn arrays_count_as_many_jobs_as_they_have_tasks() {
    let mut bench = Bench::new(1);
    let mut config = bench.core.config().clone();
    config.bounds.max_jobs = 5;
    bench.on(SchedulerEvent::Configure(Arc::new(config))).answer.unwrap();
    let array = |bench: &mut Bench, text: &str| bench.try_submit(|it| it.array = Some(text.parse().unwrap()));
    assert!(array(&mut bench, "0-3").is_ok());
    assert_eq!(array(&mut bench, "0-1"), Err(Denial::MaxJobCount));
    bench.pass();
    assert!(array(&mut bench, "0").is_ok());
}

#[test]
fn a_licence_is_not_asked_for_twice() {
    let twice = Demand { licenses: vec![("a".into(), 5), ("a".into(), 5)], ..Demand::default() };
    assert!(!twice.is_sound());
}

#[test]
fn a_plan_of_another_configuration_is_not_taken() {
    let mut bench = Bench::new(2);
    let job = bench.submit(1);
    let plan = bench.core.plan(Present { accounts: &bench.accounts, now: bench.now }, 10);
    assert_eq!(plan.starts().collect::<Vec<_>>(), [job]);
    let config = Arc::new(bench.core.config().clone());
    bench.on(SchedulerEvent::Configure(config)).answer.unwrap();
    bench.on(SchedulerEvent::Planned(plan));
    assert_eq!(bench.state(job), JobState::Pending);
}

#[test]
fn cpus_that_a_node_has_no_more_are_given_to_nobody() {
    let mut bench = Bench::new(1);
    let job = bench.submit(4);
    bench.pass();
    let mut config = bench.core.config().clone();
    config.nodes[0].hardware.cpus = 2;
    bench.on(SchedulerEvent::Configure(Arc::new(config))).answer.unwrap();
    bench.finish(job);
    assert_eq!(bench.core.drift(Present { accounts: &bench.accounts, now: bench.now }), Vec::<String>::new());
    let mut units = Units::first(130);
    units.keep_below(66);
    assert_eq!((units.count(), units.contains(65), units.contains(66)), (66, true, false));
}

#[test]
fn signals_on_their_way_have_a_bound_and_those_that_arrived_go() {
    let mut bench = Bench::new(1);
    let job = bench.submit(1);
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    let sent = (0..100).filter(|_| bench.control(USER, job, JobCommand::Signal(10, SignalTarget::All)).is_ok()).count();
    assert_eq!(sent, 64);
    let session = bench.core.live().nodes.get(&"n1".into()).unwrap().session;
    for serial in 1..=64 {
        let what = Reported::Delivered(serial);
        let report = NodeReport { job, attempt: Attempt(0), what };
        bench.on(SchedulerEvent::NodeReports("n1".into(), session, report)).answer.unwrap();
    }
    let JobPhase::Running(run) = &bench.core.job(job).unwrap().phase else { panic!("it runs") };
    assert_eq!(run.signals.len(), 1, "the last one says which number comes next");
    assert_eq!(bench.control(USER, job, JobCommand::Signal(10, SignalTarget::All)), Ok(()));
}

#[test]
fn nobody_waits_in_a_circle() {
    let mut bench = Bench::new(1);
    let first = bench.submit(1);
    let second = bench.after(Dependency::new(AfterOk, first)).unwrap();
    let third = bench.after(Dependency::new(AfterOk, second)).unwrap();
    let unmet = vec![Dependency::new(AfterAny, third)];
    let list = JobChange::Dependencies(Dependencies { unmet, ..Dependencies::default() });
    assert_eq!(bench.control(USER, first, JobCommand::Update(list)), Err(Denial::CircularDependency));
}

#[test]
fn a_task_stands_where_its_array_does() {
    let mut bench = Bench::new(1);
    let singleton = Dependencies { singleton: true, ..Dependencies::default() };
    let array = bench.try_submit(|it| {
        it.array = Some("0-1".parse().unwrap());
        it.dependencies = singleton;
    });
    let array = array.unwrap();
    let waiting = bench.after(Dependency::new(AfterOk, array)).unwrap();
    let hold = JobCommand::Hold { as_user: true };
    let task = |command| SchedulerEvent::ControlTasks(USER, array, TaskSet::one(0), command);
    assert!(bench.on(task(hold)).answer.is_ok(), "it gets a number above that of the job that waits");
    bench.pass();
    bench.finish(array);
    assert!(bench.on(task(JobCommand::Release)).answer.is_ok());
    bench.pass();
    let running = bench.core.array_records(array).filter(|id| bench.state(*id) == JobState::Running);
    assert_eq!((running.count(), bench.state(waiting)), (1, JobState::Pending));
}

#[test]
fn memory_that_the_partition_gives_counts_for_limits_and_priorities() {
    let mut bench = Bench::new(1);
    let mut config = bench.core.config().clone();
    config.partitions[0].default_memory = crate::demand::MemoryDemand::PerCpu(100);
    config.settings.priority.weights.tres = vec![("mem".into(), 1000.0)];
    bench.on(SchedulerEvent::Configure(Arc::new(config))).answer.unwrap();
    let job = bench.submit(3);
    let factors = bench.core.factors(Present { accounts: &bench.accounts, now: bench.now }, job).unwrap();
    assert_eq!(factors.tres.iter().map(|it| it.weighted()).sum::<f64>(), 300.0, "300 of 1000 MB");
}
