//! [`Turns`]: who may go next where places are few, so that no caller crowds out others.
//!
//! Each party waits in a line of its own. A free place goes to the party that has the fewest, and among equals to the one
//! whose turn was longest ago; so a flood of one party's requests delays that party alone.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot::{self, Receiver, Sender};

/// How many places there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// All of them.
    pub places: usize,
    /// Those that one ordinary party may have.
    pub each: usize,
    /// Those that all ordinary parties may have together; the others are kept for the privileged.
    pub ordinary: usize,
    /// So many requests of an ordinary party may wait.
    pub waiting: usize,
}

impl Bounds {
    /// Of so many places each ordinary party may have a quarter, and all of them together three quarters.
    pub fn quarters(places: usize, waiting: usize) -> Self {
        Self { places, each: (places / 4).max(1), ordinary: (places * 3 / 4).max(1), waiting }
    }
}

/// Who asks for places, as far as sharing them goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party<K> {
    /// Who it is.
    pub who: K,
    /// Whether it is root or SlurmUser, who may have all places.
    pub is_privileged: bool,
}

/// A party that has places, or waits for them.
#[derive(Debug, Default)]
struct Standing {
    places: usize,
    waiting: VecDeque<u64>,
    /// When it last got a place, or else came.
    since: u64,
}

/// The lines, as values.
#[derive(Debug)]
struct Lines<K> {
    bounds: Bounds,
    parties: BTreeMap<Party<K>, Standing>,
    /// Places that are taken, and those of them by ordinary parties.
    taken: usize,
    ordinary: usize,
    /// Counts what happens; also the number of the ticket that was given last.
    clock: u64,
}

impl<K: Ord + Clone> Lines<K> {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, parties: BTreeMap::new(), taken: 0, ordinary: 0, clock: 0 }
    }

    /// A ticket for one more request, which waits from now on.
    fn come(&mut self, party: &Party<K>) -> u64 {
        self.clock += 1;
        let new = Standing { since: self.clock, ..Standing::default() };
        self.parties.entry(party.clone()).or_insert(new).waiting.push_back(self.clock);
        self.clock
    }

    /// The ticket whose turn it is; its place is taken now.
    fn next(&mut self) -> Option<u64> {
        let Bounds { places, each, ordinary, .. } = self.bounds;
        let (any, any_ordinary) = (self.taken < places, self.taken < places && self.ordinary < ordinary);
        let may = |party: &Party<K>, has: usize| if party.is_privileged { any } else { any_ordinary && has < each };
        let waiting = self.parties.iter_mut().filter(|(_, standing)| !standing.waiting.is_empty());
        let (party, standing) = waiting
            .filter(|(party, standing)| may(party, standing.places))
            .min_by_key(|(_, standing)| (standing.places, standing.since))?;
        self.clock += 1;
        standing.since = self.clock;
        standing.places += 1;
        self.taken += 1;
        self.ordinary += usize::from(!party.is_privileged);
        standing.waiting.pop_front()
    }

    /// The ticket is done with: it waits no more, or its place is free again.
    fn go(&mut self, party: &Party<K>, ticket: u64) {
        let Some(standing) = self.parties.get_mut(party) else { return };
        match standing.waiting.iter().position(|waiting| *waiting == ticket) {
            Some(at) => drop(standing.waiting.remove(at)),
            None => {
                standing.places -= 1;
                self.taken -= 1;
                self.ordinary -= usize::from(!party.is_privileged);
            }
        }
        if standing.places == 0 && standing.waiting.is_empty() {
            self.parties.remove(party);
        }
    }

    /// Whether more requests of this party wait than may.
    fn is_too_long(&self, party: &Party<K>) -> bool {
        let waiting = self.parties.get(party).map_or(0, |standing| standing.waiting.len());
        !party.is_privileged && waiting > self.bounds.waiting
    }
}

struct Shared<K> {
    lines: Lines<K>,
    /// Whom to call, by ticket.
    calls: HashMap<u64, Sender<()>>,
}

impl<K: Ord + Clone> Shared<K> {
    fn call(&mut self) {
        while let Some(ticket) = self.lines.next() {
            if let Some(call) = self.calls.remove(&ticket) {
                // Who has left meanwhile gives the place back.
                let _ = call.send(());
            }
        }
    }
}

/// Gives places to parties in turn; a copy gives the same places.
pub struct Turns<K: Ord + Clone>(Arc<Mutex<Shared<K>>>);

impl<K: Ord + Clone> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A place, or one that waits for it. Both end when this is dropped.
pub struct Turn<K: Ord + Clone> {
    turns: Turns<K>,
    party: Party<K>,
    ticket: u64,
}

/// A party has all the places that it may have, and so many requests that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// The places.
    pub places: usize,
    /// What waits.
    pub waiting: usize,
}

impl<K: Ord + Clone> Turns<K> {
    /// With all places free.
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Mutex::new(Shared { lines: Lines::new(bounds), calls: HashMap::new() })))
    }

    fn shared(&self) -> MutexGuard<'_, Shared<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn come(&self, party: Party<K>) -> Result<(Turn<K>, Receiver<()>), Full> {
        let (call, called) = oneshot::channel();
        let mut shared = self.shared();
        let ticket = shared.lines.come(&party);
        shared.calls.insert(ticket, call);
        shared.call();
        let Bounds { each: places, waiting, .. } = shared.lines.bounds;
        let is_too_long = shared.lines.is_too_long(&party);
        drop(shared);
        let turn = Turn { turns: self.clone(), party, ticket };
        if is_too_long { Err(Full { places, waiting }) } else { Ok((turn, called)) }
    }

    /// Waits for a place.
    pub async fn wait(&self, party: Party<K>) -> Result<Turn<K>, Full> {
        let (turn, called) = self.come(party)?;
        // Whoever waits is called in the end: the call is kept as long as the ticket.
        let _ = called.await;
        Ok(turn)
    }

    /// A place if there is one now.
    pub fn now(&self, party: Party<K>) -> Option<Turn<K>> {
        let (turn, mut called) = self.come(party).ok()?;
        called.try_recv().ok().map(|()| turn)
    }

    /// How many places are taken, and how many requests wait.
    pub fn counts(&self) -> (usize, usize) {
        let shared = self.shared();
        (shared.lines.taken, shared.lines.parties.values().map(|standing| standing.waiting.len()).sum())
    }
}

impl<K: Ord + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut shared = self.turns.shared();
        shared.calls.remove(&self.ticket);
        shared.lines.go(&self.party, self.ticket);
        shared.call();
    }
}

#[cfg(test)]
mod tests;
