mod balance;

use super::*;
use crate::store::jobs::put;
use commands::sreport::Records;
use jiff::tz::TimeZone;
use slurm::State;
use slurm::founding::found;
use slurm::model::tres::CPU;
use slurm::model::{AssociationId, Event, JobId};
use slurm::records::{Details, Job, JobState, TresCounts};
use slurm::rollup::{Calendar, Period, Span};

const DAY: i64 = 86_400;
/// 2025-01-01T00:00:00
const NEW_YEAR: i64 = 1_735_689_600;

fn calendar() -> Calendar {
    Calendar::new(TimeZone::UTC)
}

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for schema in crate::store::MIGRATIONS {
        connection.execute_batch(schema).unwrap();
    }
    connection
}

fn site() -> State {
    let mut state = State::default();
    found(&mut state, "c", &[], 0);
    let event = Event {
        id: 1,
        cluster: "c".into(),
        node: String::new(),
        start: NEW_YEAR,
        end: None,
        state: 0,
        reason: "Cluster Registered TRES".into(),
        user: None,
        tres: [(CPU, 10)].into(),
        cluster_nodes: "n1".into(),
    };
    state.events.put(1, event);
    state
}

fn add_job(connection: &Connection, id: u32, start: i64, end: i64) {
    let job = Job {
        cluster: "c".into(),
        job_id: JobId(id),
        association: Some(AssociationId(2)),
        user: "root".into(),
        account: "root".into(),
        submit: start,
        eligible: Some(start),
        start: Some(start),
        end: Some(end),
        state: JobState::Completed,
        cpus_requested: 2,
        tres_allocated: TresCounts::parse("1=2").unwrap(),
        ..Job::default()
    };
    let stored = put(connection, &[(job, Vec::new())]).unwrap();
    changed_from(connection, stored.earliest.unwrap()).unwrap();
}

/// Computes a slice; what computes never writes.
fn slice(roll: &mut Roll, connection: &Connection, state: &State) -> Option<Slice> {
    connection.pragma_update(None, "query_only", true).unwrap();
    let slice = roll.slice(connection, state).unwrap();
    connection.pragma_update(None, "query_only", false).unwrap();
    slice
}

fn begin(connection: &Connection, state: &State, now: i64) -> Option<Roll> {
    watch(connection).unwrap();
    Roll::begin(connection, state, &calendar(), now).unwrap()
}

/// Rolls up to `now` in at most so many steps: slices up to one behind which it could stop.
fn roll(connection: &Connection, state: &State, now: i64, steps: usize) {
    let Some(mut roll) = begin(connection, state, now) else { return };
    for _ in 0..steps {
        loop {
            let Some(slice) = slice(&mut roll, connection, state) else { return };
            assert!(slice.keep(connection).unwrap());
            if slice.is_complete() {
                break;
            }
        }
    }
}

fn dump(connection: &Connection) -> String {
    let mut out = String::new();
    for table in ["usage_association", "usage_wckey", "usage_qos", "usage_cluster"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            out.push_str(&format!("{table} {row:?}\n"));
        }
    }
    out
}

fn used(connection: &Connection, from: i64, to: i64) -> u64 {
    let calendar = calendar();
    let table = UsageTable::new(connection, &calendar).unwrap();
    let shares = table.associations(Span { start: from, end: to }).unwrap();
    shares.iter().filter(|(_, tres, _)| *tres == CPU).map(|(.., seconds)| seconds).sum()
}

#[test]
fn interrupted_and_repeated_rollups_come_to_the_same() {
    let (state, now) = (site(), NEW_YEAR + 40 * DAY + 1800);
    let jobs = |connection: &Connection| {
        for day in 0..35 {
            let start = NEW_YEAR + i64::from(day) * DAY + 3000;
            add_job(connection, day + 1, start, start + 100_000);
        }
    };
    let whole = database();
    jobs(&whole);
    roll(&whole, &state, now, usize::MAX);
    let pieces = database();
    jobs(&pieces);
    for _ in 0..60 {
        roll(&pieces, &state, now, 1);
    }
    assert_eq!(dump(&whole), dump(&pieces));
    assert_eq!(progress(&whole).unwrap().rolled, Some(NEW_YEAR + 40 * DAY));
    assert_eq!(used(&whole, NEW_YEAR, now), 35 * 200_000);
    let january = NEW_YEAR + 31 * DAY;
    assert_eq!(used(&whole, NEW_YEAR, january) + used(&whole, january, now), 35 * 200_000);
    let calendar = calendar();
    let table = UsageTable::new(&whole, &calendar).unwrap();
    let month = table.cluster("c", Span { start: NEW_YEAR, end: january }).unwrap();
    assert_eq!(month.len(), 1, "one record of the month");
    assert_eq!(month[0].1.reported(), 31 * DAY.unsigned_abs() * 10);
}

#[test]
fn older_jobs_that_come_in_later_are_counted() {
    let (state, now) = (site(), NEW_YEAR + 70 * DAY);
    let late = database();
    add_job(&late, 1, NEW_YEAR + 50 * DAY, NEW_YEAR + 50 * DAY + 7200);
    roll(&late, &state, now, usize::MAX);
    assert_eq!(used(&late, NEW_YEAR, now), 14_400);
    add_job(&late, 2, NEW_YEAR + 10 * DAY + 5, NEW_YEAR + 10 * DAY + 25);
    assert_eq!(used(&late, NEW_YEAR, now), 14_400, "until it is rolled up again, what was known");
    roll(&late, &state, now, 25);
    assert_eq!(used(&late, NEW_YEAR, now), 14_440, "January is made again, the rest is still there");
    roll(&late, &state, now, usize::MAX);
    let early = database();
    add_job(&early, 2, NEW_YEAR + 10 * DAY + 5, NEW_YEAR + 10 * DAY + 25);
    add_job(&early, 1, NEW_YEAR + 50 * DAY, NEW_YEAR + 50 * DAY + 7200);
    roll(&early, &state, now, usize::MAX);
    assert_eq!(dump(&late), dump(&early));
}

#[test]
fn records_that_change_under_a_rollup_stop_it() {
    let (state, now) = (site(), NEW_YEAR + 9 * DAY);
    let connection = database();
    add_job(&connection, 1, NEW_YEAR + 5 * DAY, NEW_YEAR + 6 * DAY);
    let mut under_way = begin(&connection, &state, now).unwrap();
    let first = slice(&mut under_way, &connection, &state).unwrap();
    add_job(&connection, 2, NEW_YEAR + DAY, NEW_YEAR + DAY + 60);
    assert!(first.keep(&connection).unwrap(), "a later job does not matter to it");
    let sum = slice(&mut under_way, &connection, &state).unwrap();
    assert!(!first.is_complete() && sum.is_complete(), "the sum of the day belongs to it");
    assert!(sum.keep(&connection).unwrap());
    let second = slice(&mut under_way, &connection, &state).unwrap();
    add_job(&connection, 3, NEW_YEAR + DAY + 3600, NEW_YEAR + DAY + 7200);
    assert!(!second.keep(&connection).unwrap(), "it was computed without this one");
    assert_eq!(progress(&connection).unwrap().rolled, Some(NEW_YEAR + DAY));
    add_job(&connection, 4, NEW_YEAR + 3600, NEW_YEAR + 7200);
    assert_eq!(progress(&connection).unwrap().rolled, Some(NEW_YEAR + 3600));
    roll(&connection, &state, now, usize::MAX);
    assert_eq!(used(&connection, NEW_YEAR, now), 2 * (DAY.unsigned_abs() + 60 + 3600 + 3600));
}

#[test]
fn what_was_cut_off_before_its_day_was_summed_up_is_made_again() {
    let (state, now) = (site(), NEW_YEAR + 3 * DAY);
    let (cut, whole) = (database(), database());
    for connection in [&cut, &whole] {
        add_job(connection, 1, NEW_YEAR + 3600, NEW_YEAR + 2 * DAY);
    }
    let mut first = begin(&cut, &state, now).unwrap();
    assert!(slice(&mut first, &cut, &state).unwrap().keep(&cut).unwrap());
    assert_eq!(progress(&cut).unwrap(), Progress::default());
    roll(&cut, &state, now, usize::MAX);
    roll(&whole, &state, now, usize::MAX);
    assert_eq!(dump(&cut), dump(&whole));
}

#[test]
fn nothing_to_do_is_nothing() {
    let connection = database();
    let mut state = site();
    state.events.remove(&1);
    assert!(Roll::begin(&connection, &state, &calendar(), NEW_YEAR).unwrap().is_none());
    assert_eq!(used(&connection, 0, NEW_YEAR), 0);
}

#[test]
fn it_is_counted_how_often_hours_change_that_were_known() {
    let (state, now) = (site(), NEW_YEAR + 2 * DAY);
    let connection = database();
    add_job(&connection, 1, NEW_YEAR + 3000, NEW_YEAR + 9000);
    roll(&connection, &state, now, usize::MAX);
    roll(&connection, &state, now + DAY, usize::MAX);
    let on = progress(&connection).unwrap();
    assert_eq!((on.known, on.remade), (Some(now + DAY), 0), "going on changes nothing");
    changed_from(&connection, NEW_YEAR + 4000).unwrap();
    roll(&connection, &state, now + DAY, usize::MAX);
    assert!(progress(&connection).unwrap().remade > 0);
}

/// Two CPUs from the new year on; it stands still from the second hour on, and goes on in the fifth.
#[test]
fn hours_in_which_a_job_stands_still_are_not_used() {
    let (connection, state) = (database(), site());
    let hour = |number: i64| NEW_YEAR + number * 3600;
    let job = |end: Option<i64>, suspended, details: Details| Job {
        cluster: "c".into(),
        job_id: JobId(1),
        association: Some(AssociationId(2)),
        submit: NEW_YEAR,
        eligible: Some(NEW_YEAR),
        start: Some(NEW_YEAR),
        end,
        suspended,
        state: if end.is_some() { JobState::Completed } else { JobState::Suspended },
        tres_allocated: TresCounts::parse("1=2").unwrap(),
        details,
        ..Job::default()
    };
    let keep = |job: Job| {
        let stored = put(&connection, &[(job, Vec::new())]).unwrap();
        changed_from(&connection, stored.earliest.unwrap()).unwrap();
    };
    keep(job(None, 0, Details { suspended_since: Some(hour(1)), ..Details::default() }));
    roll(&connection, &state, hour(4), usize::MAX);
    assert_eq!([0, 1, 2, 3].map(|at| used(&connection, hour(at), hour(at + 1))), [7200, 0, 0, 0]);
    keep(job(Some(hour(6)), 4 * 3600, Details { resumed: Some(hour(5)), ..Details::default() }));
    roll(&connection, &state, hour(6), usize::MAX);
    assert_eq!([0, 1, 2, 3, 4, 5].map(|at| used(&connection, hour(at), hour(at + 1))), [7200, 0, 0, 0, 0, 7200]);
}
