//! [`Timers`]: what is to be looked at when.

use crate::id::{JobId, NodeName, Time};
use std::collections::BTreeSet;

/// What is to be looked at. Whether there is still something to do is found out then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A job: begin, deadline, time limit, or to be forgotten.
    Job(JobId),
    /// Whether a node is silent for too long.
    Silence(NodeName),
    /// Whether a node has not confirmed what it was told.
    Resend(NodeName),
    /// Priorities, which grow with age.
    Priorities,
}

/// All of them, the earliest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Time, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Time, timer: Timer) {
        self.0.insert((at, timer));
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the next one that is due.
    pub(crate) fn due(&mut self, now: Time) -> Option<Timer> {
        let is_due = self.next().is_some_and(|at| at <= now);
        if is_due { self.0.pop_first().map(|(_, timer)| timer) } else { None }
    }
}
