//! [`Runs`]: all runs and their steps on this node, as its daemon has them. Orders of the master come in, reports for it go out.
//!
//! Each run and each step has a thread of its own, so one whose files or processes hang delays no other. A daemon that starts finds the
//! runs of an earlier one by their directories.

mod keeper;
mod known;
mod measure;
mod work;

use crate::cgroup::Layer;
use crate::directory::{ControlCommand, Part, RunDirectory, Spool};
use crate::hardware::Inventory;
use crate::private::PrivateDirectories;
use crate::protocol::{Launch, Order, OrderedTask, PartUsage, RunReport, StepLaunch};
use keeper::{Ask, Keeper};
use known::{Known, KnownRuns};
use scheduling::event::RunStage;
use scheduling::id::{Attempt, Boot, JobId, NodeName};
use scheduling::job::SignalTarget;
use slurm::records::StepId;
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
    /// The directories that each job has for itself, if it has any.
    pub private: Option<PrivateDirectories>,
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
        runs.open_private()?;
        Ok(runs)
    }

    /// What is left in the own directories of runs that are gone is taken away.
    fn open_private(&self) -> io::Result<()> {
        let Some(directories) = &self.site.private else { return Ok(()) };
        let here = self.site.spool.runs()?;
        let name = |run: &RunDirectory| run.path().file_name().map(|name| name.to_string_lossy().into_owned());
        directories.open(self.site.node.as_str(), &here.iter().filter_map(name).collect::<Vec<_>>())
    }

    fn adopt(&self, directory: &RunDirectory) -> io::Result<()> {
        let work = directory.work()?;
        if work.boot != self.site.boot {
            return directory.remove();
        }
        tracing::info!(run = work.part().to_string(), "found one that is here already");
        self.keep(work.part(), Some(directory.clone()), Ask::Attach)
    }

    /// Does what the master wants. Nothing here waits for a run.
    pub fn obey(&self, order: Order) {
        let run = Part::from((order.job, order.attempt));
        let part = match order.task {
            OrderedTask::Launch(launch) => self.launch(run, launch),
            OrderedTask::Terminate { kill_wait } => self.terminate(run, kill_wait),
            OrderedTask::Signal { serial, number, to } => self.signal(run, serial, number, to),
            OrderedTask::LaunchStep(step) => self.launch_step(Part { step: Some(step.step), ..run }, step),
            OrderedTask::TerminateStep { step, kill_wait } => {
                self.terminate(Part { step: Some(step), ..run }, kill_wait)
            }
            OrderedTask::SignalStep { step, serial, number } => {
                self.signal(Part { step: Some(step), ..run }, serial, number, SignalTarget::All)
            }
        };
        self.known.repeat(part);
        (self.site.notify)();
    }

    fn launch(&self, run: Part, launch: Box<Launch>) -> Part {
        if !self.known.has(run) {
            self.begin(run, Ask::Launch(launch));
        }
        run
    }

    /// Steps are started in runs that are here, as the run's user: an order names no other.
    fn launch_step(&self, part: Part, step: Box<StepLaunch>) -> Part {
        if self.known.has(part) {
            return part;
        }
        if self.known.goes_on(part.run.into()) {
            self.begin(part, Ask::LaunchStep(step));
        } else {
            let why = format!("job {} does not run on {}", part.run.0, self.site.node);
            self.known.put(part, Known::failed(part, &why));
        }
        part
    }

    fn begin(&self, part: Part, ask: Ask) {
        if let Err(error) = self.keep(part, None, ask) {
            self.known.put(part, Known::failed(part, &format!("cannot start a thread: {error}")));
        }
    }

    fn terminate(&self, part: Part, kill_wait: u32) -> Part {
        if !self.known.ask(part, Ask::Order(ControlCommand::Terminate { kill_wait })) {
            // It was never here, and is not started any more.
            self.known.put(part, Known::gone());
        }
        part
    }

    fn signal(&self, part: Part, serial: u32, number: u8, to: SignalTarget) -> Part {
        self.known.ask(part, Ask::Order(ControlCommand::Signal { serial, number, to }));
        part
    }

    fn keep(&self, run: Part, directory: Option<RunDirectory>, first: Ask) -> io::Result<()> {
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

    /// All steps that are here, or of which the master does not know that they are over, for a registration.
    pub fn steps_here(&self) -> Vec<(JobId, Attempt, StepId, RunStage)> {
        let here = self.known.steps_here().into_iter();
        here.filter_map(|Part { run: (job, attempt), step }| Some((job, attempt, step?, RunStage::Launched))).collect()
    }

    /// Steps that are here, each with the path of the socket for what its tasks read and write; it need not be there yet.
    pub fn streams(&self) -> Vec<(Part, PathBuf)> {
        let path = |part: Part| (part, self.site.spool.directory_of(part).stream());
        self.known.steps().into_iter().map(path).collect()
    }

    /// What runs and steps that are here use now, as far as their supervisors say it in time. It waits for them.
    pub fn measure(&self) -> Vec<PartUsage> {
        let here = self.known.here().into_iter().map(Part::from).chain(self.known.steps());
        measure::all(here.map(|part| (part, self.site.spool.directory_of(part).usage())).collect())
    }

    /// Whether a step is here still.
    pub fn has_step(&self, part: Part) -> bool {
        part.step.is_some() && self.known.goes_on(part)
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
