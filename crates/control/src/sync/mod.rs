//! The roster's engine: observe every host, plan, apply.
//!
//! A roster is compiled into items of the same modules that playbooks use (`compile`). Their check mode on every host
//! is the plan; running them for real is the apply. Nothing here knows what a passwd file looks like.

mod apply;
mod ask;
pub mod audit;
mod busy;
pub mod compile;
pub mod explain;
mod lost;
mod observe;
mod plan;
pub mod reach;
mod stale;
mod ways_in;

use crate::connection::{Become, Connector, Target};
use crate::fleet::Links;
pub use apply::{Applied, Became, Mandate, apply};
pub use observe::{Observed, ObservedGroup, ObservedUser, Survey, observe};
pub use plan::{Planned, plan};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
pub use ways_in::{WayIn, WayStanding, ways_in};
use words::diag::Diagnostic;

/// One host that the roster reaches.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its inventory name.
    pub name: String,
    /// How to get there, or why nobody can tell: then it is as a host that does not answer, and costs nothing but itself.
    pub way: Result<Way, Diagnostic>,
    /// Whether it gets groups, users and keys.
    pub accounts: bool,
    /// Whether it is the scheduler's master.
    pub scheduler: bool,
}

/// How to get to a host.
#[derive(Clone, Debug)]
pub struct Way {
    /// Where it is.
    pub target: Target,
    /// Whom to be there: mostly root.
    pub who: Become,
}

impl Host {
    /// Its inventory name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The hosts of a site, connected on first use and kept for as long as this lives.
pub struct Site<'a> {
    hosts: Vec<Host>,
    links: Links<'a>,
    forks: usize,
    stop: Arc<AtomicBool>,
}

impl<'a> Site<'a> {
    /// `hosts` in inventory order, reached by `connector`, at most `forks` at a time.
    pub fn new(hosts: Vec<Host>, connector: &'a dyn Connector, forks: usize) -> Self {
        Self { hosts, links: Links::new(connector), forks, stop: Arc::default() }
    }

    /// Begins nothing new once `stop` is set.
    pub fn stopping_at(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    /// Whether somebody asked for an end.
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The hosts, in inventory order.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }
}
