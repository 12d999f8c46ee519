//! [`CoreCell`]: where the core is kept, who may look at it, and what is told to it without a transaction.

use super::bells::JobBells;
use super::figures::SchedulerFigures;
use super::live_usage::LiveUsages;
use super::mailbox::Mailboxes;
use super::turn::CoreTurn;
use crate::store::StoredLive;
use scheduling::config::{Config, ConfigError};
use scheduling::id::{JobId, NodeName, NodeSession, Time};
use scheduling::job::LiveJob;
use scheduling::live::LiveTables;
use scheduling::{Core, Present};
use slurm::State;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

/// A copy of the core, and of which of its changes it is.
type View = Option<(u64, Arc<Core>)>;

/// The core, where there is one. The writer holds its lock from the first change of a batch until that is on disk, so
/// nobody sees what may be taken back.
#[derive(Debug, Default)]
pub struct CoreCell {
    core: RwLock<Option<Core>>,
    exists: AtomicBool,
    /// Counts what was kept, or taken back.
    version: AtomicU64,
    view: Mutex<View>,
    /// The tables as they were kept last: a copy of them is cheap, and its lock is held by nobody for long.
    kept: RwLock<LiveTables>,
    /// Nodes that were heard, and when, until the writer tells the core.
    heard: Mutex<BTreeMap<NodeName, (NodeSession, Time)>>,
    mailboxes: Mailboxes,
    bells: JobBells,
    figures: SchedulerFigures,
    usages: LiveUsages,
}

impl CoreCell {
    /// With the core that a store and a configuration make; without one where there are neither nodes nor jobs.
    pub fn restored(
        config: Option<Arc<Config>>,
        stored: StoredLive,
        accounts: &State,
        now: Time,
    ) -> Result<Arc<Self>, ConfigError> {
        let cell = Self::default();
        let is_empty = stored.tables.jobs.iter().next().is_none() && stored.tables.nodes.iter().next().is_none();
        if config.is_some() || !is_empty {
            let config = config.unwrap_or_else(nothing_configured);
            let core = Core::restore(config, stored.tables, Present { accounts, now })?;
            cell.publish(&core);
            cell.put(&mut cell.lock(), Some(core));
        }
        Ok(Arc::new(cell))
    }

    /// Whether there is a core.
    pub fn exists(&self) -> bool {
        self.exists.load(Ordering::Acquire)
    }

    /// Counts the changes of the core.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The core as it was kept last: a copy that nobody changes any more, made once for all who ask between two
    /// changes. Not for the writer's own works, which may have the core locked.
    pub fn view(&self) -> Option<Arc<Core>> {
        let core = self.core.read().unwrap_or_else(PoisonError::into_inner);
        let (core, version) = (core.as_ref()?, self.version());
        let mut view = lock(&self.view);
        if let Some((of, copy)) = &*view
            && *of == version
        {
            return Some(copy.clone());
        }
        let copy = Arc::new(core.clone());
        *view = Some((version, copy.clone()));
        Some(copy)
    }

    /// Whether a job waits or runs, as it was kept last. Anybody may ask, the writer's works too.
    pub fn has_live(&self, job: JobId, submit: Time) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.jobs.get(&job).is_some_and(|job| job.submit == submit && job.is_live())
    }

    /// A job as it was kept last. Anybody may ask, at any time.
    pub fn kept_job(&self, job: JobId) -> Option<Arc<LiveJob>> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).jobs.shared(&job).cloned()
    }

    /// All jobs as they were kept last.
    pub fn kept_jobs(&self) -> LiveTables {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What rings when jobs change.
    pub fn bells(&self) -> &JobBells {
        &self.bells
    }

    /// What runs use now.
    pub(super) fn usages(&self) -> &LiveUsages {
        &self.usages
    }

    /// What `sdiag` tells.
    pub fn figures(&self) -> &SchedulerFigures {
        &self.figures
    }

    /// Where nodes get their orders.
    pub fn mailboxes(&self) -> &Mailboxes {
        &self.mailboxes
    }

    /// A node is there. The core learns it when the writer next looks at the time; it costs no transaction.
    pub fn heard(&self, node: &NodeName, session: NodeSession, now: Time) {
        lock(&self.heard).insert(node.clone(), (session, now));
    }

    /// One batch of the writer's begins.
    pub fn turn(&self, now: Time) -> CoreTurn<'_> {
        CoreTurn::new(self, now)
    }

    /// For the writer's thread alone.
    pub(super) fn lock(&self) -> RwLockWriteGuard<'_, Option<Core>> {
        self.core.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, place: &mut Option<Core>, core: Option<Core>) {
        self.exists.store(core.is_some(), Ordering::Release);
        *place = core;
    }

    pub(super) fn publish(&self, core: &Core) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = core.live().clone();
    }

    /// Copies of before are of the past. To be called while the lock is held.
    pub(super) fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn take_heard(&self) -> BTreeMap<NodeName, (NodeSession, Time)> {
        std::mem::take(&mut lock(&self.heard))
    }
}

/// A cluster without nodes, for jobs that are left from when there were some.
fn nothing_configured() -> Arc<Config> {
    Arc::new(Config {
        cluster: String::new(),
        settings: slurm::settings::Settings::default(),
        nodes: Vec::new(),
        partitions: Vec::new(),
        licenses: BTreeMap::new(),
        bounds: scheduling::config::Bounds::default(),
        counts_memory: false,
        launch: String::new(),
    })
}

/// Locks, also after a panic.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
