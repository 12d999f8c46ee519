//! Whom a run waits for: a connector that notes when each host was asked and when it answered.

use crate::connection::{Become, Connector, Link, LinkError, Target};
use host::protocol::{AgentReply, AgentRequest};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is waited for now, and how much was asked and answered in all.
#[derive(Default)]
pub struct Waits {
    open: Mutex<Vec<(usize, String, String, Instant)>>,
    number: AtomicUsize,
    asked: AtomicUsize,
    answered: AtomicUsize,
    /// How many of those that count as asked were announced and are still to be asked.
    expected: AtomicUsize,
}

/// One host that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Its inventory name.
    pub host: String,
    /// What it was asked for: `connecting`, or the module and how many items.
    pub what: String,
    /// For how long.
    pub since: Duration,
}

impl Waits {
    /// Who is waited for now, in the order in which they were asked.
    pub fn now(&self) -> Vec<Wait> {
        let wait = |(_, host, what, since): &(usize, String, String, Instant)| Wait {
            host: host.clone(),
            what: what.clone(),
            since: since.elapsed(),
        };
        self.open().iter().map(wait).collect()
    }

    /// How many items were answered, of how many that were asked or announced.
    pub fn items(&self) -> (usize, usize) {
        (self.answered.load(Ordering::Relaxed), self.asked.load(Ordering::Relaxed))
    }

    fn expect(&self, items: usize) {
        self.expected.fetch_add(items, Ordering::Relaxed);
        self.asked.fetch_add(items, Ordering::Relaxed);
    }

    /// Counts items that are asked for; those that were announced are counted already.
    fn ask(&self, items: usize) {
        let less = |expected: usize| Some(expected.saturating_sub(items));
        let expected = self.expected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        self.asked.fetch_add(items.saturating_sub(expected), Ordering::Relaxed);
    }

    fn open(&self) -> MutexGuard<'_, Vec<(usize, String, String, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` while `host` is waited for.
    fn during<R>(&self, host: &str, what: String, work: impl FnOnce() -> R) -> R {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        self.open().push((number, host.to_owned(), what, Instant::now()));
        let _ended = Ended(self, number);
        work()
    }
}

/// Ends a wait when it goes, also when the work panics.
struct Ended<'w>(&'w Waits, usize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.open().retain(|(other, ..)| *other != self.1);
    }
}

/// A connector whose links note when they wait.
pub struct Watched<C> {
    connector: C,
    waits: Arc<Waits>,
}

impl<C> Watched<C> {
    /// Notes in `waits` whom `connector` waits for.
    pub fn new(connector: C, waits: Arc<Waits>) -> Self {
        Self { connector, waits }
    }
}

impl<C: Connector> Connector for Watched<C> {
    fn open(&self, target: &Target) -> Result<Box<dyn Link>, LinkError> {
        let link = self.waits.during(&target.name, "connecting".into(), || self.connector.open(target))?;
        Ok(Box::new(WatchedLink { link, host: target.name.clone(), waits: self.waits.clone() }))
    }

    fn expect(&self, items: usize) {
        self.waits.expect(items);
    }
}

struct WatchedLink {
    link: Box<dyn Link>,
    host: String,
    waits: Arc<Waits>,
}

impl Link for WatchedLink {
    fn login(&self) -> Option<&str> {
        self.link.login()
    }

    fn call(&mut self, who: &Become, request: &AgentRequest) -> Result<AgentReply, LinkError> {
        let items = request.items.len();
        let what = match items {
            1 => request.module.clone(),
            items => format!("{}, {items} items", request.module),
        };
        self.waits.ask(items);
        let reply = self.waits.during(&self.host, what, || self.link.call(who, request));
        self.waits.answered.fetch_add(items, Ordering::Relaxed);
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_items_count_once() {
        let waits = Waits::default();
        waits.ask(1);
        waits.expect(5000);
        assert_eq!(waits.items(), (0, 5001));
        waits.ask(2500);
        waits.ask(2500);
        assert_eq!(waits.items(), (0, 5001));
        waits.ask(3);
        assert_eq!(waits.items(), (0, 5004));
    }
}
