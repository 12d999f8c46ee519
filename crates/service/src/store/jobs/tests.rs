use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use slurm::model::tres::MEM;
use slurm::model::{AssociationId, JobId, QosId, ReservationId, TresId};
use words::people::{Gid, Uid};

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    crate::store::MIGRATIONS.iter().for_each(|schema| connection.execute_batch(schema).unwrap());
    connection
}

fn all(connection: &Connection, scan: &Scan) -> Vec<Job> {
    let mut found = Vec::new();
    let mut see = |job| {
        found.push(job);
        ControlFlow::Continue(())
    };
    JobTable(connection).each(scan, &mut see).unwrap();
    found
}

fn full_job() -> JobWithSteps {
    let job = Job {
        row: Some(JobRow(1)),
        cluster: "ref".into(),
        job_id: JobId(7),
        array: Some(ArrayPlace { job: JobId(5), tasks: Tasks::One(2) }),
        het: Some(HetPlace { job: JobId(7), offset: 0 }),
        name: "run|it".into(),
        user: "gildong".into(),
        uid: Some(Uid(1001)),
        submit: 100,
        eligible: Some(0),
        start: Some(110),
        limit: TimeLimit::Minutes(5),
        state: JobState::Running,
        tres_allocated: TresCounts::parse("1=4,2=2000").unwrap(),
        details: Details { comment: "x".into(), ..Details::default() },
        ..Job::default()
    };
    let usage_in = Usage { max_node: [(MEM, "n1".to_owned())].into(), ..Usage::default() };
    let details = StepDetails { usage_in, energy: Some(3), ..StepDetails::default() };
    let step = Step { id: StepId::Batch, name: "batch".into(), details, ..Step::default() };
    (job, vec![step, Step { id: StepId::Number(u32::MAX), ..Step::default() }])
}

#[test]
fn what_was_put_is_there_and_the_second_time_nothing_changes() {
    let connection = database();
    let (job, steps) = full_job();
    let stored = put(&connection, &[(job.clone(), steps.clone())]).unwrap();
    assert_eq!(stored, Stored { added: 1, earliest: Some(100), ..Stored::default() });
    let table = JobTable(&connection);
    assert_eq!(table.job(JobRow(1)).unwrap().unwrap(), job);
    assert_eq!(table.steps(JobRow(1)).unwrap(), steps);
    assert_eq!(table.job(JobRow(2)).unwrap(), None);
    let again = put(&connection, &[(Job { row: None, ..job.clone() }, Vec::new())]).unwrap();
    assert_eq!(again, Stored { unchanged: 1, ..Stored::default() });
    let ended = Job { end: Some(200), state: JobState::Completed, ..job };
    assert_eq!(put(&connection, &[(ended.clone(), Vec::new())]).unwrap().changed, 1);
    assert_eq!(table.job(JobRow(1)).unwrap().unwrap(), ended);
    assert_eq!(table.steps(JobRow(1)).unwrap(), steps, "steps stay when their job changes");
}

#[test]
fn jobs_come_in_order_and_with_their_later_runs() {
    let connection = database();
    let job = |number, cluster: &str, submit, end: Option<i64>, array: Option<Tasks>| {
        let job_id = JobId(number);
        let array = array.map(|tasks| ArrayPlace { job: JobId(5), tasks });
        (Job { cluster: cluster.into(), job_id, submit, end, array, ..Job::default() }, Vec::new())
    };
    let jobs = [
        job(9, "b", 20, Some(30), None),
        job(9, "a", 20, None, None),
        job(5, "a", 20, Some(40), Some(Tasks::Waiting("3-9".into()))),
        job(7, "a", 20, None, Some(Tasks::One(2))),
        job(6, "a", 20, None, Some(Tasks::One(1))),
        job(6, "a", 10, Some(15), Some(Tasks::One(1))),
        job(6, "a", 30, Some(4 * scan::LONG), Some(Tasks::One(1))),
    ];
    put(&connection, &jobs).unwrap();
    let table = JobTable(&connection);
    for (order, scan) in [
        (Order::Submitted, Scan::default()),
        (Order::Numbered, Scan::default()),
        (Order::Submitted, Scan { clusters: Vec::new(), ..Scan::window("", 18, 35) }),
        (Order::Numbered, Scan { clusters: Vec::new(), ..Scan::window("", 18, 35) }),
    ] {
        let mut expected = all(&connection, &scan);
        expected.sort_by(|a, b| order.compare(a, b));
        let mut found = Vec::new();
        let mut see = |job| {
            found.push(job);
            Ok(ControlFlow::Continue(()))
        };
        table.each_in(order, &scan, &mut see).unwrap();
        assert_eq!(found, expected, "{order:?} {scan:?}");
        assert!(found.len() >= 6);
    }
    let later = |job: &Job| table.later_runs(job).unwrap().iter().map(|run| run.submit).collect::<Vec<_>>();
    assert_eq!(later(&jobs[5].0), [20, 30]);
    assert_eq!(later(&jobs[6].0), [0; 0]);
    let mut seen = 0;
    let refused = table.each_in(Order::Submitted, &Scan::default(), &mut |_| {
        seen += 1;
        if seen < 3 { Ok(ControlFlow::Continue(())) } else { Err(JobsError::new("enough")) }
    });
    assert_eq!((refused.unwrap_err().to_string(), seen), ("enough".to_owned(), 3));
}

#[test]
fn scans_take_what_they_say() {
    let connection = database();
    let job = |number, submit, end, user: &str| {
        let (job_id, uid) = (JobId(number), (user == "a").then_some(Uid(1000)));
        let job = Job { cluster: "ref".into(), job_id, submit, end, uid, user: user.into(), ..Job::default() };
        (job, Vec::new())
    };
    let mut jobs = vec![job(1, 10, Some(20), "a"), job(2, 10, None, "b"), job(3, 30, Some(40), "a")];
    jobs.push(full_job());
    let month = 4 * scan::LONG;
    jobs.extend([job(8, 50, Some(month), "a"), job(9, month, Some(2 * month), "b"), job(11, month, None, "c")]);
    put(&connection, &jobs).unwrap();
    let user = |uid, name: &str| vec![(Uid(uid), name.to_owned())];
    let scans = [
        (7, Scan::default()),
        (2, Scan::window("ref", 20, 30)),
        (2, Scan::window("ref", 21, 31)),
        (2, Scan::window("ref", 60, 70)),
        (4, Scan::window("ref", month + 1, month + 2)),
        (4, Scan { clusters: Vec::new(), ..Scan::window("", month + 1, month + 2) }),
        (0, Scan::window("other", 0, 99)),
        (4, Scan { ended_from: Some(2 * month), ..Scan::default() }),
        (3, Scan { submitted_before: Some(50), ..Scan::default() }),
        (2, Scan { numbers: [JobId(5), JobId(3)].into(), ..Scan::default() }),
        (2, Scan { users: user(1000, "other"), ended_from: Some(30), ..Scan::default() }),
        (2, Scan { users: user(1, "b"), ..Scan::default() }),
    ];
    for (expected, scan) in scans {
        let scan = &scan;
        let found = all(&connection, scan);
        assert_eq!(found.len(), expected, "{scan:?}");
        assert!(found.iter().all(|job| scan.takes(job)), "{scan:?}");
        assert_eq!(jobs.iter().filter(|(job, _)| scan.takes(job)).count(), expected, "{scan:?}");
    }
}

/// SQLite takes 32,766 variables in a statement.
#[test]
fn lists_of_any_length_are_looked_up_through_indices() {
    let connection = database();
    put(&connection, &[full_job()]).unwrap();
    let (number, uid) = (full_job().0.job_id, full_job().0.uid.unwrap());
    let many = (number.0..number.0 + 40_000).map(JobId);
    let numbers = Scan { numbers: many.clone().collect(), ..Scan::default() };
    let users = Scan { users: many.map(|_| (uid, "it's".to_owned())).collect(), ..Scan::default() };
    let clusters: Vec<_> = (0..40_000).map(|n| format!("c{n}")).chain([full_job().0.cluster]).collect();
    for scan in [&numbers, &users, &Scan { clusters, numbers: [number].into(), ..Scan::default() }] {
        assert_eq!(all(&connection, scan).len(), 1);
        let mut seen = 0;
        let mut see = |_| {
            seen += 1;
            Ok(ControlFlow::Continue(()))
        };
        JobTable(&connection).each_in(Order::Submitted, scan, &mut see).unwrap();
        assert_eq!(seen, 1);
        for condition in scan::conditions(&connection, scan).unwrap() {
            let sql = format!("EXPLAIN QUERY PLAN SELECT id FROM job WHERE {}", condition.text());
            let mut statement = connection.prepare(&sql).unwrap();
            let plan = statement.query_map(params_from_iter(condition.values), |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<_> = plan.collect::<Result<_>>().unwrap();
            assert!(plan.iter().all(|step| step != "SCAN job"), "{plan:?}");
        }
    }
}

/// People who ask are not told which statement failed.
#[test]
fn errors_hold_no_statement() {
    let connection = Connection::open_in_memory().unwrap();
    let error = JobTable(&connection).job(JobRow(1)).unwrap_err();
    assert_eq!(error.to_string(), "no such table: job");
}

#[test]
fn statements_are_not_planned_again_for_each_job() {
    let connection = database();
    crate::store::keep_plans(&connection).unwrap();
    put(&connection, &[full_job()]).unwrap();
    let table = JobTable(&connection);
    for _ in 0..3 {
        let job = table.job(JobRow(1)).unwrap().unwrap();
        assert_eq!(table.steps(JobRow(1)).unwrap().len(), 2);
        assert_eq!(table.later_runs(&job).unwrap(), []);
    }
    let steps = STEPS_OF.clone();
    for sql in [ONE.as_str(), LATER.as_str(), &steps] {
        let statement = connection.prepare_cached(sql).unwrap();
        assert!(statement.get_status(rusqlite::StatementStatus::Run) >= 3, "{sql} is the one that was used");
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0, "{sql}");
    }
}

fn odd() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("'\"\0|,{}".to_owned()), any::<String>()]
}

fn edge() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(u32::MAX), any::<u32>()]
}

fn moment() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![Just(None), Just(Some(0)), Just(Some(i64::MAX)), any::<i64>().prop_map(Some)]
}

fn counts() -> impl Strategy<Value = TresCounts> {
    vec((edge().prop_map(TresId), any::<u64>()), 0..3).prop_map(|all| all.into_iter().collect())
}

fn array() -> impl Strategy<Value = Option<ArrayPlace>> {
    let tasks = prop_oneof![edge().prop_map(Tasks::One), odd().prop_map(Tasks::Waiting)];
    option::of((edge(), tasks).prop_map(|(job, tasks)| ArrayPlace { job: JobId(job), tasks }))
}

fn some_job() -> impl Strategy<Value = Job> {
    let limit =
        prop_oneof![Just(TimeLimit::Partition), Just(TimeLimit::Unlimited), edge().prop_map(TimeLimit::Minutes)];
    let het = option::of((edge(), edge()).prop_map(|(job, offset)| HetPlace { job: JobId(job), offset }));
    let exit = || any::<(u8, u8)>().prop_map(|(code, signal)| ExitCode { code, signal });
    let ids =
        (option::of(1..=u32::MAX), option::of(1..=u32::MAX), option::of(1..=u32::MAX), vec(option::of(edge()), 3));
    let what = (vec(odd(), 9), vec(moment(), 3), vec(edge(), 5), 1..=u32::MAX, 0..=i64::MAX as u64);
    (what, ids, (array(), het, limit, exit(), exit()), (counts(), counts())).prop_map(
        |((texts, times, numbers, job_id, suspended), (association, qos, reservation, people), places, tres)| {
            let (array, het, limit, exit, derived_exit) = places;
            let text = |at: usize| texts[at].clone();
            Job {
                row: Some(JobRow(1)),
                cluster: "c".into(),
                job_id: JobId(job_id),
                array,
                het,
                name: text(0),
                account: text(1),
                user: text(2),
                uid: people[0].map(Uid),
                gid: people[1].map(Gid),
                partition: text(3),
                qos: qos.map(QosId),
                association: association.map(AssociationId),
                wckey: text(4),
                reservation: text(5),
                reservation_id: reservation.map(ReservationId),
                submit: times[0].unwrap_or(i64::MIN),
                eligible: times[1],
                start: times[2],
                end: times[0],
                suspended,
                limit,
                state: JobState::Resizing,
                cancelled_by: people[2].map(Uid),
                exit,
                derived_exit,
                tres_requested: tres.0,
                tres_allocated: tres.1,
                cpus_requested: numbers[0],
                node_count: numbers[1],
                nodes: text(6),
                priority: numbers[2],
                reason: text(7),
                flags: Flags(numbers[3]),
                constraints: text(8),
                details: Details { comment: text(0), energy: times[1].map(|_| u64::MAX), ..Details::default() },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_job_holds_comes_back(job in some_job(), other in some_job()) {
        let connection = database();
        let step = |id: &Job| Step { name: id.name.clone(), het_component: id.uid.map(|uid| uid.0), ..Step::default() };
        put(&connection, &[(job.clone(), vec![step(&job)])]).unwrap();
        let table = JobTable(&connection);
        prop_assert_eq!(table.job(JobRow(1)).unwrap(), Some(job.clone()));
        prop_assert_eq!(table.steps(JobRow(1)).unwrap(), [step(&job)]);
        let changed = Job { job_id: job.job_id, submit: job.submit, ..other };
        put(&connection, &[(changed.clone(), Vec::new())]).unwrap();
        prop_assert_eq!(table.job(JobRow(1)).unwrap(), Some(changed), "every column is brought up to date");
    }
}
