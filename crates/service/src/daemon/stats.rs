//! [`Stats`]: what `sacctmgr show stats` tells.

use commands::sacctmgr::statistics::{Count, Cycles, Message, Statistics};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use words::people::Uid;

/// Counts since the start, or since `sacctmgr clear stats`.
#[derive(Debug)]
pub struct Stats {
    started: i64,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    since: i64,
    rollup: Option<Cycles>,
    messages: BTreeMap<Message, Count>,
    users: BTreeMap<Uid, Count>,
}

impl Counted {
    fn new() -> Self {
        let since = Timestamp::now().as_second();
        Self { since, rollup: None, messages: BTreeMap::new(), users: BTreeMap::new() }
    }
}

impl Default for Stats {
    fn default() -> Self {
        let counted = Counted::new();
        Self { started: counted.since, counted: Mutex::new(counted) }
    }
}

impl Stats {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it began for the first time, in seconds since 1970.
    pub fn started(&self) -> i64 {
        self.started
    }

    /// Counts one request of a user.
    pub fn request(&self, message: Message, uid: Uid, took: Duration) {
        let mut counted = self.counted();
        counted.messages.entry(message).or_default().add(took);
        counted.users.entry(uid).or_default().add(took);
    }

    /// Counts one run of the rollup.
    pub fn rolled(&self, began: i64, took: Duration) {
        let mut counted = self.counted();
        let cycles = counted.rollup.get_or_insert_default();
        (cycles.began, cycles.last) = (began, took);
        cycles.longest = cycles.longest.max(took);
        cycles.all.add(took);
    }

    /// Counts requests anew.
    pub fn clear_requests(&self) {
        let mut counted = self.counted();
        counted.messages.clear();
        counted.users.clear();
    }

    /// Begins anew.
    pub fn clear(&self) {
        *self.counted() = Counted::new();
    }

    /// Everything, now.
    pub fn told(&self) -> Statistics {
        let counted = self.counted();
        Statistics {
            since: counted.since,
            rollup: counted.rollup,
            messages: counted.messages.iter().map(|(message, count)| (*message, *count)).collect(),
            users: counted.users.iter().map(|(uid, count)| (*uid, *count)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_and_forgets() {
        let stats = Stats::default();
        for milliseconds in [3, 1] {
            stats.request(("DBD_GET_QOS", 1448), Uid(5), Duration::from_millis(milliseconds));
            stats.rolled(100, Duration::from_millis(milliseconds));
        }
        let told = stats.told();
        let twice = Count { times: 2, took: Duration::from_millis(4) };
        assert_eq!((told.messages, told.users), (vec![(("DBD_GET_QOS", 1448), twice)], vec![(Uid(5), twice)]));
        let cycles = told.rollup.unwrap();
        assert_eq!(
            (cycles.last, cycles.longest, cycles.all),
            (Duration::from_millis(1), Duration::from_millis(3), twice)
        );
        stats.clear();
        assert!(stats.told().rollup.is_none() && stats.told().users.is_empty());
    }
}
