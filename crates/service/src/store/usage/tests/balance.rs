//! Balances come to what all hours come to, whatever happens to hours, settings and the tree.

use super::super::balance::{Balance, begin};
use super::*;
use proptest::prelude::*;
use slurm::fairshare::history::Left;
use slurm::fairshare::{History, Terms};
use slurm::settings::Priority;
use std::collections::BTreeMap;
use std::time::Duration;

/// What may happen, so many days before now.
#[derive(Clone, Debug)]
enum Event {
    /// A job's record comes in, or is corrected.
    Job { id: u32, ago: i64, hours: i64 },
    /// Time goes by.
    Days(i64),
    /// An association's usage is set to zero.
    Zeroed(u32),
    /// The half-life is set; 0 is none.
    HalfLife(u64),
    /// Usage from before goes.
    Purge(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..6u32, 0..90i64, 1..60i64).prop_map(|(id, ago, hours)| Event::Job { id, ago, hours }),
        3 => (1..40i64).prop_map(Event::Days),
        1 => (1..3u32).prop_map(Event::Zeroed),
        1 => (0..3u64).prop_map(Event::HalfLife),
        1 => (20..90i64).prop_map(Event::Purge),
    ]
}

struct World {
    connection: Connection,
    state: State,
    priority: Priority,
    now: i64,
}

impl World {
    fn new() -> Self {
        let connection = database();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        let half_life = Some(Duration::from_secs(2 * 86_400));
        let priority = Priority { half_life, ..Priority::default() };
        Self { connection, state: site(), priority, now: NEW_YEAR + 100 * DAY + 5000 }
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Job { id, ago, hours } => {
                let start = NEW_YEAR + i64::from(id) * 1000;
                let end = (self.now - ago * DAY).min(start + (90 - ago) * DAY + hours * 3600).max(start + 60);
                self.job(id, start, end);
            }
            Event::Days(days) => self.now += days * DAY,
            Event::Zeroed(id) => self.state.reset_usage(AssociationId(id), self.now),
            Event::HalfLife(days) => {
                self.priority.half_life = (days > 0).then(|| Duration::from_secs(days * 86_400 / 2));
            }
            Event::Purge(ago) => self.purge(calendar().start(Period::Day, self.now - ago * DAY)),
        }
        self.settle();
    }

    fn job(&self, id: u32, start: i64, end: i64) {
        let job = Job {
            cluster: "c".into(),
            job_id: JobId(id),
            association: Some(AssociationId(1 + id % 2)),
            submit: start,
            eligible: Some(start),
            start: Some(start),
            end: Some(end),
            state: JobState::Completed,
            tres_allocated: TresCounts::parse("1=2,5=3").unwrap(),
            ..Job::default()
        };
        let stored = put(&self.connection, &[(job, Vec::new())]).unwrap();
        stored.earliest.into_iter().for_each(|earliest| changed_from(&self.connection, earliest).unwrap());
    }

    fn purge(&self, until: i64) {
        let sql = "INSERT INTO purge (kind, frozen) VALUES ('usage', ?1), ('jobs', ?1) \
                   ON CONFLICT (kind) DO UPDATE SET frozen = MAX(frozen, excluded.frozen)";
        self.connection.execute(sql, [until]).unwrap();
        let sql = "SELECT MIN(start), MAX(start) FROM usage_association WHERE period = 0 AND start < ?1";
        let gone = self.connection.query_row(sql, [until], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let (Some(first), Some(last)) = gone else { return };
        self.connection.execute("DELETE FROM usage_association WHERE start < ?1", [until]).unwrap();
        let last: i64 = last;
        remade(&self.connection, Span { start: first, end: last + 3600 }).unwrap();
    }

    /// Everything is summed up, and the balances that are missing are made.
    fn settle(&self) {
        roll(&self.connection, &self.state, self.now, usize::MAX);
        let terms = self.terms();
        for made in 0.. {
            assert!(made < 20, "it does not come to an end");
            let Some(balance) = Balance::next(&self.connection, &terms, &calendar()).unwrap() else { break };
            assert!(balance.keep(&self.connection).unwrap());
        }
    }

    fn terms(&self) -> Terms {
        Terms::new(&self.priority, &self.state, self.now, &calendar())
    }

    fn known(&self) -> i64 {
        progress(&self.connection).unwrap().known.unwrap()
    }

    fn added(&self, mut history: History, from: i64) -> BTreeMap<(u32, u32), f64> {
        let calendar = calendar();
        let table = UsageTable::new(&self.connection, &calendar).unwrap();
        table.charges(from, self.known(), &mut |charge| history.add(charge)).unwrap();
        let each = |Left { association, measure, seconds }| ((association.0, measure.number()), seconds);
        history.left().map(each).collect()
    }

    fn by_all_hours(&self) -> BTreeMap<(u32, u32), f64> {
        let terms = self.terms();
        self.added(History::new(&terms, self.known()), terms.from)
    }

    fn by_balance(&self) -> BTreeMap<(u32, u32), f64> {
        let (history, from) = begin(&self.connection, &self.terms(), self.known(), self.known()).unwrap();
        self.added(history, from)
    }

    fn balances(&self) -> Vec<i64> {
        let mut statement = self.connection.prepare("SELECT until FROM usage_balance ORDER BY until DESC").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_>>().unwrap()
    }
}

fn assert_same(found: &BTreeMap<(u32, u32), f64>, expected: &BTreeMap<(u32, u32), f64>, what: &str) {
    let keys = found.keys().chain(expected.keys());
    for key in keys {
        let [found, expected] = [found, expected].map(|map| map.get(key).copied().unwrap_or_default());
        assert!((found - expected).abs() <= expected.abs() * 1e-9 + 1e-5, "{what}: {key:?}: {found} and {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn what_happens_leaves_them_true(events in prop::collection::vec(event(), 1..8)) {
        let mut world = World::new();
        world.happens(&Event::Job { id: 9, ago: 50, hours: 40 });
        for event in &events {
            world.happens(event);
            assert_same(&world.by_balance(), &world.by_all_hours(), &format!("{event:?} of {events:?}"));
        }
    }
}

#[test]
fn with_them_few_hours_are_read() {
    let mut world = World::new();
    world.happens(&Event::Job { id: 1, ago: 1, hours: 40 });
    let expected = world.by_all_hours();
    assert!(expected[&(2, 5)] > 1000.0, "{expected:?}");
    let last = calendar().start(Period::Day, world.known());
    assert_eq!(world.balances()[0], last);
    world.connection.execute("DELETE FROM usage_association WHERE start < ?1", [last]).unwrap();
    assert_same(&world.by_balance(), &expected, "the hours before are not needed");

    // What changes five days ago leaves the balance of eight days ago.
    let changed = last - 5 * DAY;
    remade(&world.connection, Span { start: changed, end: changed + 3600 }).unwrap();
    assert_eq!(world.balances()[0], last - 8 * DAY);
}

#[test]
fn the_older_they_are_the_farther_they_stand_apart() {
    let mut world = World::new();
    world.happens(&Event::Job { id: 1, ago: 1, hours: 40 });
    for _ in 0..70 {
        world.happens(&Event::Days(1));
    }
    let last = calendar().start(Period::Day, world.known());
    let ages: Vec<i64> = world.balances().iter().map(|until| (last - until) / DAY).collect();
    assert!(ages.len() <= 9, "{ages:?}");
    for days in 0..60 {
        let reached = ages.iter().find(|age| **age >= days).copied().unwrap_or(i64::MAX);
        assert!(reached <= 4 * days + 2, "{days} days back: {ages:?}");
    }
}

#[test]
fn one_made_of_hours_that_changed_meanwhile_is_not_kept() {
    let mut world = World::new();
    world.happens(&Event::Job { id: 1, ago: 1, hours: 40 });
    world.connection.execute("DELETE FROM usage_balance", []).unwrap();
    let balance = Balance::next(&world.connection, &world.terms(), &calendar()).unwrap().unwrap();
    remade(&world.connection, Span { start: NEW_YEAR, end: NEW_YEAR + 3600 }).unwrap();
    assert!(!balance.keep(&world.connection).unwrap() && world.balances().is_empty());
    changed_from(&world.connection, NEW_YEAR + DAY).unwrap();
    let next = Balance::next(&world.connection, &world.terms(), &calendar()).unwrap();
    assert!(next.is_none(), "while hours are to be made again there is no good in it");
}
