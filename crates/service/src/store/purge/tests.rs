use super::*;
use crate::store::Store;
use jiff::tz::TimeZone;
use slurm::founding::found;
use slurm::model::tres::CPU;
use slurm::model::{AssociationId, JobId, Reservation, ReservationId};
use slurm::records::{Job, JobState, Step};
use words::people::Uid;

const DAY: i64 = 86_400;

struct Site {
    _directory: tempfile::TempDir,
    store: Store,
    state: State,
}

impl Site {
    /// Cluster `c` with jobs that ended on days 1 to 9, each with a step; events and reservations likewise.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("a.db")).unwrap();
        let mut site = Self { _directory: directory, store, state: State::default() };
        found(&mut site.state, "c", &[], 0);
        for day in 1..10 {
            let end = day * DAY;
            let event = Event {
                id: day as u64,
                cluster: "c".into(),
                node: "n1".into(),
                start: end - 60,
                end: Some(end),
                state: 1,
                reason: "fan".into(),
                user: Some(Uid::ROOT),
                tres: [(CPU, 4)].into(),
                cluster_nodes: String::new(),
            };
            site.state.events.put(event.id, event);
            let row = Reservation {
                cluster: "c".into(),
                id: ReservationId(1),
                name: "r".into(),
                start: end - 60,
                end,
                tres: [(CPU, 4)].into(),
                flags: 0,
                nodes: "n1".into(),
                unused_wall: 0.1 + 0.2,
                associations: String::new(),
            };
            site.state.reservations.put(row.key(), row);
        }
        let jobs: Vec<_> = (1..10).map(job).collect();
        site.keep(|draft, _| draft.put_jobs(&jobs).map(drop));
        site
    }

    fn keep(&mut self, work: impl FnOnce(&Draft, &mut State) -> std::result::Result<(), StoreError>) {
        let draft = self.store.draft().unwrap();
        work(&draft, &mut self.state).unwrap();
        draft.save(&self.state).unwrap();
        draft.keep().unwrap();
        self.state.commit();
    }

    fn old(&self, kind: Kind, until: i64) -> Vec<Record> {
        let calendar = Calendar::new(TimeZone::UTC);
        let cluster = if kind.is_by_cluster() { "c" } else { "" };
        let old = Old { kind, cluster, until, calendar: &calendar, from: std::cell::Cell::new(i64::MIN) };
        let mut found = Vec::new();
        let mut see = |record| {
            found.push(record);
            Ok::<_, rusqlite::Error>(())
        };
        old.each(&self.store.connection, &self.state, 1000, &mut see).unwrap();
        found
    }

    fn remove(&mut self, records: &[Record]) -> u64 {
        let mut count = 0;
        self.keep(|draft, state| {
            count = draft.remove(state, records)?;
            Ok(())
        });
        count
    }

    fn bring_back(&mut self, records: &[Record]) -> u64 {
        let mut count = 0;
        self.keep(|draft, state| {
            count = draft.bring_back(state, records)?;
            Ok(())
        });
        count
    }
}

fn job(day: i64) -> (Job, Vec<Step>) {
    let (submit, end) = (day * DAY - 7200, Some(day * DAY));
    let job = Job {
        cluster: "c".into(),
        job_id: JobId(day as u32),
        user: "root".into(),
        account: "root".into(),
        association: Some(AssociationId(2)),
        submit,
        eligible: Some(submit),
        start: Some(submit),
        end,
        state: JobState::OutOfMemory,
        ..Job::default()
    };
    (job, vec![Step { start: Some(submit), end, state: JobState::NodeFail, ..Step::default() }])
}

/// What an archive makes of records.
fn archived(records: &[Record]) -> Vec<Record> {
    records.iter().map(|record| serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()).collect()
}

#[test]
fn what_was_taken_out_comes_back_as_it_was_and_only_once() {
    for kind in [Kind::Jobs, Kind::Steps, Kind::Events, Kind::Reservations] {
        let mut site = Site::new();
        let records = archived(&site.old(kind, 5 * DAY));
        assert_eq!(records.len(), 4, "{kind:?}: what ended before, and not at that time");
        let before = site.old(kind, i64::MAX);
        assert_eq!(site.remove(&records), 4, "{kind:?}");
        assert_eq!(site.remove(&records), 0, "{kind:?}");
        assert_eq!(site.old(kind, i64::MAX).len(), 5, "{kind:?}");
        assert!(site.old(kind, 5 * DAY).is_empty(), "{kind:?}");
        assert_eq!(site.bring_back(&records), 4, "{kind:?}");
        assert_eq!(site.bring_back(&records), 0, "{kind:?}");
        let unnumbered = |records: Vec<Record>| -> Vec<Record> {
            let without = |record| match record {
                Record::Job { job, steps } => Record::Job { job: Job { row: None, ..job }, steps },
                other => other,
            };
            records.into_iter().map(without).collect()
        };
        assert_eq!(unnumbered(site.old(kind, i64::MAX)), unnumbered(before), "{kind:?}");
    }
}

#[test]
fn what_changed_since_it_was_archived_stays() {
    let mut site = Site::new();
    let records = site.old(Kind::Jobs, 5 * DAY);
    let (first, steps) = job(1);
    let changed = Job { name: "other".into(), ..first };
    site.keep(|draft, _| draft.put_jobs(&[(changed, steps)]).map(drop));
    assert_eq!(site.remove(&records), 3);
    assert_eq!(site.bring_back(&records), 3, "and is not made old again");
    assert!(
        site.old(Kind::Jobs, 5 * DAY).iter().any(|it| matches!(it, Record::Job { job, .. } if job.name == "other"))
    );
}

#[test]
fn usage_from_before_what_was_purged_is_not_summed_up_again() {
    let mut site = Site::new();
    let rolled = |site: &Site| usage::progress(&site.store.connection).unwrap().rolled;
    let roll = |site: &mut Site| {
        site.keep(|draft, _| draft.execute("UPDATE usage_progress SET rolled = 1000000, known = 1000000", []));
    };
    roll(&mut site);
    site.keep(|draft, _| draft.put_jobs(&[job(20)]).map(drop));
    assert_eq!(rolled(&site), Some(1_000_000), "a later one changes nothing");
    site.keep(|draft, _| draft.put_jobs(&[(Job { job_id: JobId(99), ..job(2).0 }, Vec::new())]).map(drop));
    assert_eq!(rolled(&site), Some(2 * DAY - 7200));
    roll(&mut site);
    site.keep(|draft, _| draft.freeze(Kind::Jobs, 5 * DAY));
    site.keep(|draft, _| draft.freeze(Kind::Jobs, 4 * DAY));
    site.keep(|draft, _| draft.freeze(Kind::Transactions, 9 * DAY));
    site.keep(|draft, _| draft.put_jobs(&[(Job { job_id: JobId(98), ..job(2).0 }, Vec::new())]).map(drop));
    assert_eq!(rolled(&site), Some(5 * DAY));
    let records = site.old(Kind::Reservations, 5 * DAY);
    roll(&mut site);
    site.remove(&records);
    assert!(rolled(&site) >= Some(5 * DAY), "{:?}", rolled(&site));
}

#[test]
fn the_last_line_of_the_record_stays_and_numbers_to_come_are_not_taken() {
    let mut site = Site::new();
    let all =
        site.store.connection.query_row("SELECT COUNT(*) FROM txn", [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    let records = archived(&site.old(Kind::Transactions, i64::MAX));
    assert_eq!(records.len(), all - 1);
    assert_eq!(site.remove(&records), all as u64 - 1);
    let Some(Record::Transaction { id, time, action, actor, target, info, cluster }) = records.last().cloned() else {
        panic!("{records:?}")
    };
    let strange = Record::Transaction { id: id + 1000, time, action, actor, target, info, cluster };
    assert_eq!(site.bring_back(&[strange]), 0);
    assert_eq!((site.bring_back(&records), site.bring_back(&records)), (all as u64 - 1, 0));
}

#[test]
fn usage_goes_by_whole_periods_and_comes_back_only_where_it_is_not_made_again() {
    let mut site = Site::new();
    site.keep(|draft, _| {
        for (period, start) in [(0, 0), (0, DAY), (0, 40 * DAY), (1, 0), (1, 40 * DAY), (2, 0), (2, 31 * DAY)] {
            draft.execute("INSERT INTO usage_wckey VALUES (?1, ?2, 1, 1, 60)", params![period, start])?;
            draft.execute("INSERT INTO usage_qos VALUES (?1, ?2, 'c', 1, 1, 60)", params![period, start])?;
            draft.execute("INSERT INTO usage_qos VALUES (?1, ?2, 'c', 2, 1, 60)", params![period, start])?;
            draft.execute(
                "INSERT INTO usage_cluster VALUES (?1, ?2, 'c', 1, 1, 2, 3, 4, 5, 6, 7)",
                params![period, start],
            )?;
        }
        Ok(())
    });
    let records = archived(&site.old(Kind::Usage, 40 * DAY));
    assert_eq!(records.len(), 16, "two hours, a day and January, of wckey, two QOS and cluster");
    assert_eq!(site.remove(&records), 16);
    assert_eq!(site.bring_back(&records), 0, "the rollup would make it");
    site.keep(|draft, _| draft.freeze(Kind::Usage, 40 * DAY));
    assert_eq!((site.bring_back(&records), site.bring_back(&records)), (16, 0));
}

#[test]
fn steps_are_shown_in_one_pass_and_those_that_stay_again() {
    let mut site = Site::new();
    let calendar = Calendar::new(TimeZone::UTC);
    let until = i64::MAX;
    let old = Old { kind: Kind::Steps, cluster: "c", until, calendar: &calendar, from: std::cell::Cell::new(i64::MIN) };
    let look = |site: &Site| {
        let mut found = Vec::new();
        let mut see = |record| {
            found.push(record);
            Ok::<_, rusqlite::Error>(())
        };
        old.each(&site.store.connection, &site.state, 2, &mut see).unwrap();
        found
    };
    let all = site.old(Kind::Steps, until);
    // The first stays, as if it had changed since it was shown.
    let mut rounds = 0;
    loop {
        let mut shown = look(&site);
        shown.retain(|record| *record != all[0]);
        if shown.is_empty() {
            break;
        }
        rounds += 1;
        site.keep(|draft, state| draft.remove(state, &shown).map(drop));
    }
    assert_eq!((rounds, site.old(Kind::Steps, until)), (5, all[..1].to_vec()));
}
