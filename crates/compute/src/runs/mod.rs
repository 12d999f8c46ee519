//! [`Runs`]: all runs of this node, as its daemon has them. Orders of the master come in, reports for it go out.
//!
//! Each run has a thread of its own, so one whose files or processes hang delays no other. A daemon that starts finds the
//! runs of an earlier one by their directories.

mod keeper;
mod known;

use crate::cgroup::Layer;
use crate::directory::{ControlCommand, RunDirectory, RunId, Spool};
use crate::hardware::Inventory;
use crate::protocol::{Launch, Order, OrderedTask, RunReport};
use keeper::{Ask, Keeper};
use known::{Known, KnownRuns};
use scheduling::event::RunStage;
use scheduling::id::{Attempt, Boot, JobId, NodeName};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// What runs have in common.
pub struct Site {
    /// The node's name.
    pub node: NodeName,
    /// The kernel that runs.
    pub boot: Boot,
    /// What the node has.
    pub inventory: Inventory,
    /// Where runs are kept.
    pub spool: Spool,
    /// Their control groups.
    pub layer: Layer,
    /// What is started as supervisor: [`crate::OWN_PROGRAM`].
    pub program: PathBuf,
    /// Is called when there is something new to report.
    pub notify: Box<dyn Fn() + Send + Sync>,
}

/// All runs of this node.
pub struct Runs {
    site: Arc<Site>,
    known: Arc<KnownRuns>,
}

impl Runs {
    /// Finds those that are there. Of runs under another kernel only directories are left, which go.
    pub fn open(site: Site) -> io::Result<Self> {
        let directories = site.spool.runs()?;
        let runs = Self { site: Arc::new(site), known: Arc::default() };
        for directory in directories {
            if let Err(error) = runs.adopt(&directory) {
                tracing::error!("the run in {} is left as it is: {error}", directory.path().display());
            }
        }
        Ok(runs)
    }

    fn adopt(&self, directory: &RunDirectory) -> io::Result<()> {
        let work = directory.work()?;
        if work.boot != self.site.boot {
            return directory.remove();
        }
        let run = (work.job, work.attempt);
        tracing::info!(job = work.job.0, attempt = work.attempt.0, "found a run that is here already");
        self.keep(run, Some(directory.clone()), Ask::Attach)
    }

    /// Does what the master wants. Nothing here waits for a run.
    pub fn obey(&self, order: Order) {
        let run = (order.job, order.attempt);
        match order.task {
            OrderedTask::Launch(launch) => self.launch(run, launch),
            OrderedTask::Terminate { kill_wait } => {
                if !self.known.ask(run, Ask::Order(ControlCommand::Terminate { kill_wait })) {
                    // It was never here, and is not started any more.
                    self.known.put(run, Known::gone());
                    (self.site.notify)();
                }
            }
            OrderedTask::Signal { serial, number } => {
                self.known.ask(run, Ask::Order(ControlCommand::Signal { serial, number }));
            }
            OrderedTask::LaunchStep(_) | OrderedTask::TerminateStep { .. } | OrderedTask::SignalStep { .. } => {
                tracing::error!(job = run.0.0, "this daemon starts no steps yet; the master is of a newer release");
            }
        }
        self.known.repeat(run);
        (self.site.notify)();
    }

    fn launch(&self, run: RunId, launch: Box<Launch>) {
        if self.known.has(run) {
            return;
        }
        if let Err(error) = self.keep(run, None, Ask::Launch(launch)) {
            self.known.put(run, Known::failed(run, &format!("cannot start a thread: {error}")));
        }
    }

    fn keep(&self, run: RunId, directory: Option<RunDirectory>, first: Ask) -> io::Result<()> {
        let (sender, asks) = channel();
        // The receiver is in this function.
        let _ = sender.send(first);
        self.known.put(run, Known::kept(sender.clone()));
        let keeper = Keeper::new(self.site.clone(), self.known.clone(), run, directory, sender);
        std::thread::Builder::new().stack_size(256 * 1024).spawn(move || keeper.run(&asks)).map(|_| ())
    }

    /// All runs that are here, for a registration. How far they have come is said by reports; until then the master may
    /// take them as running.
    pub fn here(&self) -> Vec<(JobId, Attempt, RunStage)> {
        self.known.here().into_iter().map(|(job, attempt)| (job, attempt, RunStage::Launched)).collect()
    }

    /// What the master has not confirmed.
    pub fn unconfirmed(&self) -> Vec<RunReport> {
        self.known.unconfirmed()
    }

    /// The master has these on disk. What is known of a run that is over can go then.
    pub fn confirm(&self, reports: &[RunReport]) {
        self.known.confirm(reports);
    }

    /// A new session begins: what an earlier one confirmed may be lost with the master's disk, and costs little to say
    /// again.
    pub fn repeat_all(&self) {
        self.known.repeat_all();
    }
}
