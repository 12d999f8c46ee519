//! Arrays.

use super::*;
use crate::array::TaskSet;
use crate::dependency::DependencyKind::{AfterCorr, AfterNotOk, AfterOk};
use crate::job::ArrayPart;
use slurm::records::{ArrayPlace, Tasks};

impl Bench {
    fn array(&mut self, text: &str) -> JobId {
        self.try_submit(|it| it.array = Some(text.parse().unwrap())).unwrap()
    }

    /// The tasks of an array that run, with their records' numbers.
    fn running(&self, array: JobId) -> Vec<(u32, JobId)> {
        let jobs = self.core.array_records(array).filter_map(|id| self.core.job(id));
        let running = jobs.filter(|job| job.state() == JobState::Running);
        let mut found: Vec<_> = running.map(|job| (index_of(job), job.id)).collect();
        found.sort_unstable();
        found
    }

    fn end(&mut self, job: JobId, stage: RunStage) {
        for stage in [RunStage::Launched, stage, RunStage::Left] {
            self.report("n1", job, 0, stage);
        }
    }
}

fn index_of(job: &LiveJob) -> u32 {
    match job.array.as_ref().map(|part| &part.part) {
        Some(ArrayPart::Task(index)) => *index,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tasks_of_an_array_start_in_order_and_the_last_keeps_its_number() {
    let mut bench = Bench::new(1);
    let array = bench.array("3-5");
    assert_eq!(bench.records()[0].array, Some(ArrayPlace { job: array, tasks: Tasks::Waiting("3-5".into()) }));
    bench.pass();
    assert_eq!(bench.running(array), [(3, JobId(2)), (4, JobId(3)), (5, array)], "all in one pass");
    let tasks: Vec<_> = bench.records().into_iter().filter_map(|record| record.array).map(|it| it.tasks).collect();
    assert_eq!(tasks, [Tasks::One(5), Tasks::One(3), Tasks::One(4)]);
}

#[test]
fn no_more_tasks_of_an_array_run_than_it_says() {
    let mut bench = Bench::new(1);
    let array = bench.array("0-9%2");
    let other = bench.submit(1);
    bench.pass();
    assert_eq!(bench.running(array).len(), 2);
    assert_eq!(bench.core.reason(array), Some(PendingReason::ArrayTaskLimit));
    assert_eq!(bench.state(other), JobState::Running, "it keeps nobody else waiting");
    let first = bench.running(array)[0].1;
    bench.end(first, DONE);
    bench.pass();
    assert_eq!(bench.running(array).iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn one_task_of_an_array_is_held_cancelled_and_counted() {
    let mut bench = Bench::new(1);
    let alice = bench.accounts.find(&AssociationKey::user("c", "lab", "alice", "")).unwrap().id;
    bench.accounts.edit_association(alice, |row| row.limits.set((Limit::MaxSubmitJobs, None), Some(4)));
    let refused = bench.try_submit(|it| it.array = Some("0-4".parse().unwrap()));
    assert!(matches!(refused, Err(Denial::Refused(_))), "five are more than four: {refused:?}");
    let array = bench.array("0-3");
    let owner = || Requester { uid: Uid(1000), is_operator: false, coordinates: Vec::new() };
    let tasks = |text: &str| text.parse::<TaskSet>().unwrap();
    let hold = JobCommand::Hold { as_user: true };
    assert_eq!(bench.on(SchedulerEvent::ControlTasks(owner(), array, tasks("1"), hold)).answer, Ok(Accepted::Done));
    let cancel = |tasks| SchedulerEvent::ControlTasks(owner(), array, tasks, JobCommand::Cancel);
    assert_eq!(bench.on(cancel(tasks("2,9"))).answer, Err(Denial::InvalidJob), "there is no ninth");
    let stranger = Requester { uid: Uid(1001), ..owner() };
    let theirs = SchedulerEvent::ControlTasks(stranger, array, tasks("0"), JobCommand::Cancel);
    assert_eq!(bench.on(theirs).answer, Err(Denial::Denied));
    bench.pass();
    assert_eq!(bench.running(array).iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn who_waits_for_an_array_waits_for_all_its_tasks() {
    let mut bench = Bench::new(1);
    let array = bench.array("0-1");
    let after = |bench: &mut Bench, kind, task| {
        let one = Dependency { task, ..Dependency::new(kind, array) };
        let dependencies = Dependencies { unmet: vec![one], ..Dependencies::default() };
        bench.try_submit(|it| it.dependencies = dependencies).unwrap()
    };
    let all = after(&mut bench, AfterOk, None);
    let first = after(&mut bench, AfterOk, Some(0));
    let bad = after(&mut bench, AfterNotOk, None);
    bench.pass();
    let [(_, zero), (_, one)] = bench.running(array)[..] else { panic!("both run") };
    bench.end(zero, DONE);
    bench.pass();
    assert_eq!(
        [all, first, bad].map(|job| bench.state(job)),
        [JobState::Pending, JobState::Running, JobState::Pending]
    );
    bench.end(one, DONE);
    bench.pass();
    assert_eq!(bench.state(all), JobState::Running);
    assert_eq!(bench.core.reason(bad), Some(PendingReason::DependencyNeverSatisfied));
}

impl Bench {
    /// An array of which each task waits for its counterpart.
    fn correlated(&mut self, text: &str, to: JobId) -> JobId {
        let unmet = vec![Dependency::new(AfterCorr, to)];
        let dependencies = Dependencies { unmet, ..Dependencies::default() };
        let array = Some(text.parse().unwrap());
        self.try_submit(|it| (it.array, it.dependencies) = (array, dependencies)).unwrap()
    }

    fn indices(&self, array: JobId) -> Vec<u32> {
        self.running(array).iter().map(|(index, _)| *index).collect()
    }

    /// The reason of the record that has this task.
    fn task_reason(&self, array: JobId, index: u32) -> Option<PendingReason> {
        let mut records = self.core.array_records(array).filter_map(|id| self.core.job(id));
        let record = records.find(|job| job.array.as_ref().is_some_and(|part| part.has(index)));
        self.core.reason(record.unwrap().id)
    }
}

#[test]
fn each_task_waits_for_its_counterpart() {
    let mut bench = Bench::new(2);
    let first = bench.array("0-2");
    let second = bench.correlated("0-3", first);
    bench.pass();
    let running = bench.running(first);
    let of = |index: usize| running[index].1;
    let failed = RunStage::Ended(ScriptEnd { exit: ExitCode { code: 1, signal: 0 }, out_of_memory: false });
    bench.end(of(1), DONE);
    bench.pass();
    assert_eq!(bench.indices(second), [1]);
    bench.end(of(0), failed);
    bench.pass();
    assert_eq!(bench.indices(second), [1]);
    assert_eq!(bench.task_reason(second, 0), Some(PendingReason::DependencyNeverSatisfied));
    assert_eq!(bench.task_reason(second, 2), Some(PendingReason::Dependency));
    bench.end(of(2), DONE);
    bench.pass();
    assert_eq!(bench.indices(second), [1, 2]);
    // It has no counterpart, and waits for all, of which one went wrong.
    assert_eq!(bench.task_reason(second, 3), Some(PendingReason::DependencyNeverSatisfied));
    let present = Present { accounts: &bench.accounts, now: bench.now };
    assert_eq!(bench.core.drift(present), Vec::<String>::new());
}

#[test]
fn counterparts_that_are_over_already_count() {
    let mut bench = Bench::new(2);
    let first = bench.array("0-1");
    bench.pass();
    let [(_, zero), (_, one)] = bench.running(first)[..] else { panic!("both run") };
    bench.end(zero, DONE);
    let second = bench.correlated("0-1", first);
    bench.pass();
    assert_eq!(bench.indices(second), [0]);
    bench.end(one, DONE);
    bench.pass();
    assert_eq!(bench.indices(second), [0, 1]);
    let third = bench.correlated("0-5", first);
    bench.pass();
    assert_eq!(bench.indices(third), [0, 1, 2, 3, 4, 5], "all went well");
}

#[test]
fn numbers_of_tasks_have_a_bound() {
    let mut bench = Bench::new(1);
    let submit = |bench: &mut Bench, text: &str| bench.try_submit(|it| it.array = Some(text.parse().unwrap()));
    assert_eq!(submit(&mut bench, "0-1001"), Err(Denial::InvalidArray));
    assert_eq!(submit(&mut bench, "1001"), Err(Denial::InvalidArray));
    assert!(submit(&mut bench, "1000").is_ok());
}
