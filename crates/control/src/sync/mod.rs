//! The roster's engine: observe every host, plan, apply.
//!
//! A roster is compiled into items of the same modules that playbooks use (`compile`). Their check mode on every host
//! is the plan; running them for real is the apply. Nothing here knows what a passwd file looks like.

pub mod adopt;
mod apply;
mod ask;
pub mod audit;
mod busy;
pub mod compile;
mod due;
pub mod explain;
pub mod joined;
mod lost;
pub mod nis;
mod nodes;
mod nss;
mod observe;
mod plan;
mod prove;
pub mod reach;
mod stale;
pub mod status;
mod ways_in;

use crate::connection::{Become, Connector, Target};
use crate::fleet::Links;
use crate::plan::DirectoryMark;
pub use apply::{Applied, Became, Mandate, apply};
use directory::Directory;
pub use due::only_due;
use nis::NisMaster;
pub use observe::{Observed, ObservedGroup, ObservedUser, Survey, observe};
pub use plan::{Planned, plan, plan_of, plan_passing};
pub use prove::{Proof, prove};
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
    /// Whether it keeps groups, users and keys: a host in its files, a directory in its entries.
    pub accounts: bool,
    /// Whether it is the scheduler's master.
    pub scheduler: bool,
    /// The directory that its people come from; it gets no accounts of its own then.
    pub resolves: Option<String>,
}

/// How to get to a place that the roster reaches.
#[derive(Clone)]
pub enum Way {
    /// A host.
    Ssh {
        /// Where it is.
        target: Target,
        /// Whom to be there: mostly root.
        who: Become,
    },
    /// A directory, which takes the calls of accounts as a host does.
    Directory(Arc<dyn Directory>),
    /// A NIS domain, likewise.
    Nis(Arc<NisMaster>),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Way::Ssh { target, who } => f.debug_struct("Ssh").field("target", target).field("who", who).finish(),
            Way::Directory(_) => f.write_str("Directory"),
            Way::Nis(master) => master.fmt(f),
        }
    }
}

impl Host {
    /// Its inventory name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether people can be on it, with sessions and what starts programs for them: a host that keeps accounts, or has its people
    /// from a directory.
    pub fn has_people(&self) -> bool {
        !self.is_directory() && (self.accounts || self.resolves.is_some())
    }

    /// Where the directory is, if it is one.
    fn directory_mark(&self) -> Option<DirectoryMark> {
        match &self.way {
            Ok(Way::Directory(directory)) => Some(DirectoryMark::from(directory.settings())),
            Ok(Way::Nis(master)) => Some(master.mark()),
            Ok(Way::Ssh { .. }) | Err(_) => None,
        }
    }

    /// Whether it is no host, but a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.way, Ok(Way::Directory(_) | Way::Nis(_)))
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

#[cfg(test)]
mod tests;
