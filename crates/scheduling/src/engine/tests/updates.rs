//! `scontrol update JobId=`.

use super::*;
use crate::event::JobChange;
use crate::job::{SignalTarget, Warning};

#[test]
fn what_a_job_asks_for_changes_while_it_waits_and_is_checked_again() {
    let mut bench = Bench::new(1);
    let (running, waiting) = (bench.submit(4), bench.submit(4));
    bench.pass();
    let update = |change| JobCommand::Update(change);
    assert_eq!(bench.control(USER, waiting, update(JobChange::CpusPerTask(9))), Err(Denial::NodeConfiguration));
    assert!(bench.control(USER, waiting, update(JobChange::Account("none".into()))).is_err());
    assert_eq!(
        bench.control(USER, waiting, update(JobChange::Partitions(vec!["none".into()]))),
        Err(Denial::InvalidPartition)
    );
    assert_eq!(bench.core.job(waiting).unwrap().submission.demand.cpus_per_task, 4, "a refused change changes nothing");
    assert_eq!(bench.control(USER, running, update(JobChange::CpusPerTask(1))), Err(Denial::NotPending));
    assert_eq!(bench.control(USER, running, update(JobChange::Comment("well".into()))), Ok(()));
    let eligible = bench.core.job(waiting).unwrap().eligible;
    bench.now += 50;
    assert_eq!(bench.control(USER, waiting, update(JobChange::Name("other".into()))), Ok(()));
    assert_eq!(bench.core.job(waiting).unwrap().eligible, eligible, "its age stays");
    assert_eq!(bench.control(USER, waiting, update(JobChange::Begin(bench.now + 100))), Ok(()));
    assert_eq!(bench.core.reason(waiting), Some(PendingReason::BeginTime));
    bench.now += 100;
    bench.on(SchedulerEvent::TimePasses);
    assert_eq!(bench.core.job(waiting).unwrap().eligible, Some(bench.now));
    assert_eq!(bench.core.drift(Present { accounts: &bench.accounts, now: bench.now }), Vec::<String>::new());
}

#[test]
fn who_asks_why_is_told_of_limits_jobs_before_and_ends() {
    let mut bench = Bench::new(1);
    let alice = bench.accounts.find(&AssociationKey::user("c", "lab", "alice", "")).unwrap().id;
    let [running, first, second] = [3, 4, 4].map(|cpus| bench.submit(cpus));
    bench.pass();
    let wait = |bench: &Bench, id| bench.core.wait(Present { accounts: &bench.accounts, now: bench.now }, id);
    assert_eq!(wait(&bench, running), None);
    let told = wait(&bench, second).unwrap();
    assert_eq!((told.ahead, told.first_ahead, told.reason), (1, vec![first], PendingReason::Priority));
    assert_eq!(told.next_ends, [(running, 1600)]);
    assert_eq!((told.limits.len(), told.unusable), (0, vec![]));
    bench.accounts.edit_association(alice, |row| row.limits.set((Limit::MaxJobs, None), Some(1)));
    bench.on(SchedulerEvent::AccountsChanged);
    bench.pass();
    let limits = wait(&bench, first).unwrap().limits;
    assert_eq!(limits.iter().map(|check| (check.limit, check.used)).collect::<Vec<_>>(), [(Limit::MaxJobs, Some(1))]);
}

#[test]
fn a_lower_limit_of_an_array_holds_its_tasks_back() {
    let mut bench = Bench::new(1);
    let array = bench.try_submit(|it| it.array = Some("0-9%1".parse().unwrap())).unwrap();
    bench.pass();
    assert_eq!(bench.core.reason(array), Some(PendingReason::ArrayTaskLimit));
    let throttle = JobCommand::Update(JobChange::Throttle(Some(3)));
    assert_eq!(bench.control(USER, array, throttle), Ok(()));
    bench.pass();
    let running = bench.core.array_records(array).filter(|id| bench.state(*id) == JobState::Running);
    assert_eq!(running.count(), 3);
}

#[test]
fn a_job_starts_some_minutes_after_another() {
    let mut bench = Bench::new(2);
    let first = bench.submit(1);
    let one = Dependency { minutes: 2, ..Dependency::new(DependencyKind::After, first) };
    let later = bench.try_submit(|it| it.dependencies.unmet = vec![one.clone()]).unwrap();
    bench.pass();
    let begun = bench.now;
    bench.report("n1", first, 0, DONE);
    bench.report("n1", first, 0, RunStage::Left);
    for (now, state) in [(begun + 119, JobState::Pending), (begun + 120, JobState::Running)] {
        bench.now = now;
        bench.on(SchedulerEvent::TimePasses);
        bench.pass();
        assert_eq!(bench.state(later), state, "{}", now - begun);
    }
    // Of one that started long ago it is over at once.
    let at_once = bench.try_submit(|it| it.dependencies.unmet = vec![one]).unwrap();
    bench.on(SchedulerEvent::TimePasses);
    bench.pass();
    assert_eq!(bench.state(at_once), JobState::Running);
}

#[test]
fn a_job_is_warned_before_its_end_and_again_of_a_later_one() {
    let mut bench = Bench::new(1);
    let warning = Warning { signal: 10, seconds: 400, to: SignalTarget::Script };
    let job = bench.try_submit(|it| it.warning = Some(warning)).unwrap();
    bench.pass();
    bench.report("n1", job, 0, RunStage::Launched);
    let begun = bench.now;
    let warned = |bench: &mut Bench, now| {
        bench.now = now;
        let orders = bench.on(SchedulerEvent::TimePasses).orders;
        let signals = orders.into_iter().filter_map(|order| match order.task {
            OrderTask::Signal { serial, number, to } => Some((serial, number, to)),
            _ => None,
        });
        signals.collect::<Vec<_>>()
    };
    assert_eq!(warned(&mut bench, begun + 199), []);
    assert_eq!(warned(&mut bench, begun + 200), [(1, 10, SignalTarget::Script)]);
    bench.report_what("n1", job, 0, Reported::Delivered(1));
    assert_eq!(warned(&mut bench, begun + 210), []);
    let longer = JobCommand::Update(JobChange::Minutes(11));
    assert_eq!(bench.control(ROOT, job, longer), Ok(()));
    assert_eq!(warned(&mut bench, begun + 260), [(2, 10, SignalTarget::Script)]);
    assert_eq!(bench.state(job), JobState::Running);
}

#[test]
fn a_wckey_is_kept_and_changes() {
    let mut bench = Bench::new(1);
    let job = bench.try_submit(|it| it.wckey = Some("one".into())).unwrap();
    bench.pass();
    assert_eq!(bench.records()[0].wckey, "one");
    assert_eq!(bench.control(USER, job, JobCommand::Update(JobChange::Wckey(Some("two".into())))), Ok(()));
    assert_eq!(bench.records()[0].wckey, "two");
}
