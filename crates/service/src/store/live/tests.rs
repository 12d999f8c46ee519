use super::*;
use crate::store::verify;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use scheduling::dependency::{Dependencies, Dependency, DependencyKind};
use scheduling::id::{AssociationId, Attempt, Boot, Gid, NodeSession, QosId, Uid};
use scheduling::job::*;
use scheduling::node::{DownCause, Hardware, NodeHealth, NodeLine, Remark};
use scheduling::units::Units;
use slurm::records::{ExitCode, JobState};
use slurm::table::Journal;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

fn store() -> (TempDir, PathBuf, Store) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = Store::open(&path).unwrap();
    (directory, path, store)
}

fn submission(name: String, nice: i32) -> Submission {
    Submission {
        user: Submitter { name: name.clone(), uid: Uid(1000), gid: Gid(100), groups: vec![name.clone()] },
        name,
        account: None,
        qos: Some("normal".into()),
        partitions: vec!["main".into()],
        demand: Arc::default(),
        minutes: Some(10),
        begin: None,
        deadline: None,
        dependencies: Dependencies::default(),
        nice,
        hold: None,
        requeue: true,
        array: None,
        allocation: None,
        wckey: Some("key".into()),
        warning: Some(Warning { signal: 10, seconds: 60, to: SignalTarget::Script }),
        details: Default::default(),
    }
}

fn job(id: u32, name: &str) -> LiveJob {
    LiveJob {
        id: JobId(id),
        submission: Arc::new(submission(name.to_owned(), 0)),
        association: None,
        account: "lab".into(),
        qos: None,
        submit: 1000,
        eligible: None,
        begin: None,
        dependencies: Dependencies::default(),
        hold: None,
        priority: None,
        array: None,
        attempt: Attempt::default(),
        phase: JobPhase::Pending,
    }
}

prop_compose! {
    fn units()(numbers in vec(0u32..300, 0..4)) -> Units {
        Units::try_from(numbers).unwrap()
    }
}

prop_compose! {
    fn allocation()(
        start in any::<i64>(),
        minutes in option::of(any::<u32>()),
        cpus in units(),
        devices in units(),
        memory in any::<u64>(),
    ) -> Allocation {
        let gres = vec![GresShare { name: "gpu".into(), kind: Some("a100".into()), devices }];
        let share = NodeShare { node: "n1".into(), tasks: 2, cpus, memory, gres };
        Allocation { partition: "main".into(), start, minutes, shares: vec![share], suspended: Default::default() }
    }
}

fn phase() -> impl Strategy<Value = JobPhase> {
    let ending = |code| Ending { exit: ExitCode { code, signal: 9 }, ..Ending::new(JobState::Failed, 2000) };
    let run = move |(allocation, launched, delivered)| {
        let signals = vec![SentSignal { serial: 3, number: 10, to: SignalTarget::Script, delivered }];
        JobPhase::Running(Run { allocation, launched, signals, steps: Vec::new(), next_step: 3, warned: true })
    };
    let clear = move |(allocation, left, code): (_, _, u8)| {
        let next = if code > 100 { NextPhase::Again(i64::from(code)) } else { NextPhase::Over };
        JobPhase::Completing(Clearing { allocation, left, ending: ending(code), next, steps: Vec::new() })
    };
    prop_oneof![
        Just(JobPhase::Pending),
        (allocation(), units(), units()).prop_map(run),
        (allocation(), units(), any::<u8>()).prop_map(clear),
        (option::of(allocation()), any::<u8>()).prop_map(move |(it, code)| JobPhase::Over(it, ending(code))),
    ]
}

prop_compose! {
    fn any_job()(
        id in 1u32..6,
        name in any::<String>(),
        nice in any::<i32>(),
        times in (any::<i64>(), option::of(any::<i64>()), option::of(any::<i64>())),
        ids in (option::of(any::<u32>()), option::of(any::<u32>()), option::of(any::<u32>())),
        attempt in any::<u32>(),
        waits in vec(any::<(u32, bool)>(), 0..3),
        hold in option::of(prop_oneof![Just(Hold::User), Just(Hold::LaunchFailed)]),
        phase in phase(),
    ) -> LiveJob {
        let unmet = waits.into_iter().map(|(of, failed)| {
            Dependency { failed, ..Dependency::new(DependencyKind::AfterOk, JobId(of)) }
        });
        LiveJob {
            submission: Arc::new(submission(name, nice)),
            association: ids.0.map(AssociationId),
            qos: ids.1.map(QosId),
            priority: ids.2,
            submit: times.0,
            eligible: times.1,
            begin: times.2,
            dependencies: Dependencies { unmet: unmet.collect(), any: true, singleton: false },
            hold,
            attempt: Attempt(attempt),
            phase,
            ..job(id, "")
        }
    }
}

prop_compose! {
    fn any_node()(
        number in 1u32..4,
        session in any::<u64>(),
        boot in option::of(any::<u128>()),
        reason in any::<String>(),
        stray in any::<u32>(),
        is_down in any::<bool>(),
    ) -> (NodeName, NodeStanding) {
        let remark = Remark { reason, uid: Uid(7), since: 5 };
        let health =
            if is_down { NodeHealth::Down(remark.clone(), DownCause::Silent) } else { NodeHealth::Up };
        let standing = NodeStanding {
            health,
            drain: Some(remark),
            is_failing: true,
            comment: "rack 7".into(),
            extra: "some".into(),
            session: NodeSession(session),
            boot: boot.map(Boot),
            strays: [(JobId(stray), Attempt(2))].into(),
            line: is_down.then(|| NodeLine {
                name: format!("n{number}"),
                hardware: Hardware::new(4, 1000),
                features: vec!["fast".into()],
                weight: 3,
            }),
        };
        (format!("n{number}").as_str().into(), standing)
    }
}

/// The rows that lead from one to the other.
fn rows(tables: &LiveTables) -> Vec<LiveRow<'_>> {
    let jobs = tables.jobs.changes().map(|(id, job)| LiveRow::Job(*id, job));
    let nodes = tables.nodes.changes().filter_map(|(name, node)| node.map(|node| LiveRow::Node(name, node)));
    jobs.chain(nodes).chain([LiveRow::LastJob(tables.last_job)]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_was_kept_comes_back_after_every_commit(
        commits in vec((vec(any_job(), 0..5), vec(any_node(), 0..3), option::of(1u32..6), any::<u32>()), 1..5),
    ) {
        let (_directory, path, mut store) = store();
        let mut tables = LiveTables::default();
        for (jobs, nodes, gone, last) in commits {
            jobs.into_iter().for_each(|job| tables.jobs.put(job.id, job));
            nodes.into_iter().for_each(|(name, node)| tables.nodes.put(name, node));
            gone.iter().for_each(|id| tables.jobs.remove(&JobId(*id)));
            tables.last_job = last;
            let draft = store.draft().unwrap();
            draft.save_live(rows(&tables)).unwrap();
            draft.keep().unwrap();
            tables.jobs.commit();
            tables.nodes.commit();
            let found = store.live().unwrap();
            prop_assert_eq!(&found.unread, &Vec::<String>::new());
            prop_assert_eq!(&found.tables.jobs, &tables.jobs);
            prop_assert_eq!(&found.tables.nodes, &tables.nodes);
            prop_assert_eq!(found.tables.last_job, last);
        }
        drop(store);
        verify(&path).unwrap();
    }
}

fn keep(store: &mut Store, work: impl FnOnce(&Draft)) {
    let draft = store.draft().unwrap();
    work(&draft);
    draft.keep().unwrap();
}

#[test]
fn a_script_is_kept_as_it_is_and_goes_with_its_job() {
    let (_directory, _path, mut store) = store();
    let batch = BatchJob {
        script: words::raw::RawText(b"#!/bin/sh\n\xff\xfe\n".to_vec()),
        arguments: vec!["a b".into()],
        environment: vec![("HOME".into(), words::raw::RawText(vec![0xff]))],
        umask: 0o22,
        ..BatchJob::default()
    };
    let job = job(7, "alice");
    keep(&mut store, |draft| {
        draft.put_batch(JobId(7), "Alice", &batch).unwrap();
        draft.save_live([LiveRow::Job(JobId(7), Some(&job))]).unwrap();
    });
    let found = store.readers().batch(JobId(7)).unwrap().unwrap();
    assert_eq!((found.login.as_str(), &found.batch), ("Alice", &batch));
    keep(&mut store, |draft| draft.save_live([LiveRow::Job(JobId(7), Some(&job))]).unwrap());
    assert!(store.readers().batch(JobId(7)).unwrap().is_some(), "a change of the job leaves the script");
    keep(&mut store, |draft| draft.save_live([LiveRow::Job(JobId(7), None)]).unwrap());
    assert_eq!(store.readers().batch(JobId(7)).unwrap(), None);
    let count = || -> i64 {
        let query = "SELECT count(*) FROM job_batch";
        store.readers().read(|sql| sql.query_row(query, [], |row| row.get(0))).unwrap().unwrap()
    };
    assert_eq!(count(), 0);
}

#[test]
fn tasks_of_an_array_run_one_script_and_the_last_takes_it_along() {
    let (_directory, _path, mut store) = store();
    let part = |index| Some(InArray { of: JobId(7), part: ArrayPart::Task(index) });
    let (first, second) = (LiveJob { array: part(1), ..job(7, "a") }, LiveJob { array: part(2), ..job(8, "a") });
    let batch = BatchJob { script: "#!/bin/sh\n".into(), ..BatchJob::default() };
    keep(&mut store, |draft| {
        draft.put_batch(JobId(7), "a", &batch).unwrap();
        draft.save_live([LiveRow::Job(JobId(7), Some(&first)), LiveRow::Job(JobId(8), Some(&second))]).unwrap();
    });
    keep(&mut store, |draft| draft.save_live([LiveRow::Job(JobId(7), None)]).unwrap());
    assert_eq!(store.readers().batch(JobId(8)).unwrap().unwrap().batch, batch, "the array's own record went first");
    keep(&mut store, |draft| draft.save_live([LiveRow::Job(JobId(8), None)]).unwrap());
    assert_eq!(store.readers().batch(JobId(8)).unwrap(), None);
}

#[test]
fn what_cannot_be_read_is_named_and_the_others_count() {
    let (_directory, path, mut store) = store();
    let (good, other) = (job(3, "a"), job(5, "b"));
    keep(&mut store, |draft| {
        draft.save_live([LiveRow::Job(JobId(3), Some(&good)), LiveRow::Job(JobId(9), Some(&other))]).unwrap();
        let broken = "INSERT INTO job_live (number, script, document) VALUES (4, 4, '{\"id\":4}')";
        draft.connection().execute(broken, []).unwrap();
    });
    let found = store.live().unwrap();
    assert_eq!(found.tables.jobs.values().map(|job| job.id.0).collect::<Vec<_>>(), [3]);
    assert!(found.unread[0].starts_with("job 4: missing field"), "{:?}", found.unread);
    assert_eq!(found.unread[1], "job 9: the document is of job 5");
    assert!(verify(&path).unwrap_err().to_string().contains("job 4: missing field"));
    assert_eq!(store.live().unwrap().unread.len(), 2, "it stays where it is");
}

#[test]
fn numbers_go_on_after_those_of_the_records() {
    let (_directory, _path, mut store) = store();
    assert_eq!(store.live().unwrap().tables.last_job, 0);
    let record = Record { cluster: "c".into(), job_id: JobId(41), submit: 5, ..Record::default() };
    keep(&mut store, |draft| assert_eq!(draft.put_jobs(&[(record, Vec::new())]).unwrap().added, 1));
    assert_eq!(store.live().unwrap().tables.last_job, 41);
    keep(&mut store, |draft| draft.save_live([LiveRow::LastJob(7)]).unwrap());
    assert_eq!(store.live().unwrap().tables.last_job, 7);
}

#[test]
fn a_job_that_starts_moves_no_usage_of_the_days_that_it_waited() {
    let (_directory, _path, mut store) = store();
    let rolled = |store: &mut Store, to: i64| {
        keep(store, |draft| {
            let set = "UPDATE usage_progress SET rolled = ?1, touched = NULL";
            draft.connection().execute(set, [to]).unwrap();
        });
    };
    let progress = |store: &Store| store.readers().read(crate::store::usage::progress).unwrap().unwrap().rolled;
    let save = |store: &mut Store, record: &Record| {
        let row = LiveRow::Record(Box::new(record.clone()));
        keep(store, |draft| draft.save_live([row]).unwrap());
    };
    let key = Record { cluster: "c".into(), job_id: JobId(1), submit: 1000, eligible: Some(1000), ..Record::default() };
    save(&mut store, &key);
    rolled(&mut store, 90_000);
    let running = Record { start: Some(95_000), state: JobState::Running, ..key.clone() };
    save(&mut store, &running);
    assert_eq!(progress(&store), Some(90_000));
    save(&mut store, &Record { end: Some(96_000), state: JobState::Completed, ..running.clone() });
    assert_eq!(progress(&store), Some(90_000));
    save(&mut store, &Record { start: Some(80_000), end: Some(96_000), ..running.clone() });
    assert_eq!(progress(&store), Some(80_000), "a start that is another one does");
    rolled(&mut store, 99_000);
    save(
        &mut store,
        &Record { association: Some(AssociationId(7)), start: Some(80_000), end: Some(96_000), ..running },
    );
    assert_eq!(progress(&store), Some(1000), "another's usage is another's from the beginning on");
}
