//! [`Budget`]: bytes that wait in memory on behalf of users, bounded for each of them and for all together.

use super::controller::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use words::people::Uid;

/// How many bytes there may be.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Of one user.
    pub each: usize,
    /// Of all users together; beyond that only [`Most::least`] of each.
    pub all: usize,
    /// What each user has in any case.
    pub least: usize,
}

/// Bytes that are taken, by user.
#[derive(Debug)]
pub struct Budget {
    most: Most,
    taken: Mutex<Taken>,
    /// Rings when something is given back that somebody may wait for.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    by_user: HashMap<Uid, usize>,
    all: usize,
}

impl Budget {
    /// Of which nothing is taken.
    pub fn new(most: Most) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default(), freed: Notify::new() })
    }

    /// Takes bytes for a user, if there are so many. `is_needed`: the user gets as much again for it, so that nothing stands still
    /// for what is in other places.
    pub fn take(&self, user: Uid, bytes: usize, is_needed: bool) -> bool {
        let mut taken = lock(&self.taken);
        let own = taken.by_user.get(&user).copied().unwrap_or(0).saturating_add(bytes);
        let all = taken.all.saturating_add(bytes);
        let most = if is_needed { self.most.each.saturating_mul(2) } else { self.most.each };
        let fits = own <= most && (all <= self.most.all || own <= self.most.least);
        if fits {
            taken.by_user.insert(user, own);
            taken.all = all;
        }
        fits
    }

    /// Gives bytes back.
    pub fn give(&self, user: Uid, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let mut taken = lock(&self.taken);
        let own = taken.by_user.get(&user).copied().unwrap_or(0).saturating_sub(bytes);
        taken.all = taken.all.saturating_sub(bytes);
        if own == 0 {
            taken.by_user.remove(&user);
        } else {
            taken.by_user.insert(user, own);
        }
        drop(taken);
        self.freed.notify_waiters();
    }

    /// Takes bytes for as long as what is given back is kept.
    pub fn hold(self: &Arc<Self>, user: Uid, bytes: usize) -> Option<Held> {
        self.take(user, bytes, false).then(|| Held { budget: self.clone(), user, bytes })
    }

    /// Resolves when something is given back after it was asked for.
    pub fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.freed.notified()
    }

    /// What is taken altogether.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        lock(&self.taken).all
    }
}

/// Bytes that are taken until this is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    user: Uid,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give(self.user, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_does_not_take_what_is_for_all() {
        let budget = Budget::new(Most { each: 100, all: 150, least: 10 });
        assert!(budget.take(Uid(1), 100, false) && !budget.take(Uid(1), 1, false));
        assert!(budget.take(Uid(1), 1, true), "what it needs to go on, it gets");
        assert!(!budget.take(Uid(2), 60, false), "all together have not so much");
        assert!(budget.take(Uid(2), 40, false) && !budget.take(Uid(2), 40, false));
        assert!(budget.take(Uid(3), 10, false), "everybody has a little");
        assert!(!budget.take(Uid(3), 1, false));
        budget.give(Uid(1), 101);
        assert!(budget.take(Uid(3), 40, false));
        let held = budget.hold(Uid(4), 20).unwrap();
        assert_eq!(budget.taken(), 110);
        drop(held);
        assert_eq!(budget.taken(), 90);
    }
}
