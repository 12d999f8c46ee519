//! The directory of a run, or of a step of one: all that is known of it, so that nobody has to be asked who may be dead.
//!
//! | file | says | is written by |
//! |---|---|---|
//! | `work.json` | what was launched | the daemon, before anything starts |
//! | `lock` | held as long as the supervisor lives | the supervisor |
//! | `control` | its socket: commands in, a line out when something has changed here | the supervisor |
//! | `usage` | a socket that answers who connects with what is used now | the supervisor |
//! | `stream` | of a step: a socket for what its tasks read and write | the supervisor |
//! | `tasks.json` | the processes of script or tasks, before they may run | the supervisor |
//! | `namespace.json` | of a run: who holds the mount namespace of its own directories | the supervisor |
//! | `launched` | they run | the supervisor |
//! | `failed.json` | why they could not be started | the supervisor, or the daemon for it |
//! | `delivered.json` | serial numbers of delivered signals | the supervisor |
//! | `ending` | of a run: its end has begun, and no step starts in it any more | the supervisor |
//! | `exit.json` | how script or tasks ended | the supervisor |
//! | `ended.json` | that, and what they used | the supervisor, or the daemon for it |
//! | `left` | nothing of it is left | the supervisor, or the daemon for it |
//! | `log` | what went wrong beside that | the supervisor |
//!
//! Each is there whole or not at all, and on disk when it is there. The directory is root's alone. The script lies beside it,
//! where its user can read it and others cannot. Directories of a run's steps lie beside it, too: their names begin as its own.

mod spool;

pub use spool::Spool;

use crate::cgroup::{Limits, RunGroup};
use crate::private::{Aside, HeldNamespace, PrivatePlace};
use crate::process::ProcessId;
use crate::protocol::{Launch, RunUsage, StepLaunch};
use scheduling::event::ScriptEnd;
use scheduling::id::{Attempt, Boot, JobId, NodeName};
use scheduling::job::SignalTarget;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slurm::records::{ExitCode, StepId};
use spool::{gone, is_missing};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Which run.
pub type RunId = (JobId, Attempt);

/// A run, or a step of one, on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Which run, or of which.
    pub run: RunId,
    /// Which step; `None` is the run itself.
    pub step: Option<StepId>,
}

impl From<RunId> for Part {
    fn from(run: RunId) -> Self {
        Self { run, step: None }
    }
}

/// As its directory is called.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run.0, self.run.1.0)?;
        self.step.map_or(Ok(()), |step| write!(f, ".{step}"))
    }
}

/// What is launched on this node, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Which job.
    pub job: JobId,
    /// Which run of it.
    pub attempt: Attempt,
    /// The node's name.
    pub node: NodeName,
    /// The kernel under which it runs.
    pub boot: Boot,
    /// What the master said of the run; the script is in a file of its own.
    pub launch: Launch,
    /// What it said of the step, if this is one.
    pub step: Option<StepLaunch>,
    /// The script's file; `None` where no script runs.
    pub script: Option<PathBuf>,
    /// The control groups of its own processes.
    pub group: RunGroup,
    /// What these may have.
    pub limits: Limits,
    /// Of a run: the groups around its script and its steps.
    pub whole: Option<WholeRun>,
    /// The numbers of its GPUs.
    pub gpus: Vec<u32>,
    /// Whether other GPUs are hidden from it.
    pub hides_gpus: bool,
    /// Of a step: so many bytes that its tasks wrote are kept until they are read.
    #[serde(default)]
    pub room: usize,
    /// The directories that it has for itself, where it has some; those of a step are its run's.
    #[serde(default)]
    pub private: Option<PrivatePlace>,
}

/// The control groups of all of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeRun {
    /// The groups.
    pub group: RunGroup,
    /// What all in them may have.
    pub limits: Limits,
}

impl Work {
    /// Which run or step it is.
    pub fn part(&self) -> Part {
        Part { run: (self.job, self.attempt), step: self.step.as_ref().map(|step| step.step) }
    }

    /// Puts the files in a run's own directories aside. A step has none.
    pub fn put_private_aside(&self) -> io::Result<Option<Aside>> {
        let private = self.private.as_ref().filter(|_| self.step.is_none());
        private.map_or(Ok(None), PrivatePlace::put_aside)
    }

    /// Whether processes are started for it: a script or tasks; an allocation has none of its own.
    pub fn has_tasks(&self) -> bool {
        self.script.is_some() || self.step.is_some()
    }
}

/// How a run ended, and what it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How its script ended.
    pub end: ScriptEnd,
    /// What its processes used.
    pub usage: RunUsage,
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunStanding {
    /// Whether its processes run, or ran.
    pub launched: bool,
    /// Why it could not be started.
    pub failed: Option<String>,
    /// Signals that were delivered.
    pub delivered: BTreeSet<u32>,
    /// Whether its end has begun.
    pub is_ending: bool,
    /// How its script ended.
    pub exit: Option<ExitCode>,
    /// How it ended, and what it used.
    pub ended: Option<Ended>,
    /// Whether nothing of it is left.
    pub left: bool,
}

/// The directory of one run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

/// Writes a file so that it is there whole or not at all, and on disk when this returns.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

impl RunDirectory {
    /// The directory at this path.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the supervisor's socket.
    pub fn control(&self) -> PathBuf {
        self.path.join("control")
    }

    /// The path of the socket that tells what is used.
    pub fn usage(&self) -> PathBuf {
        self.path.join("usage")
    }

    /// The path of the socket for what a step's tasks read and write.
    pub fn stream(&self) -> PathBuf {
        self.path.join("stream")
    }

    /// The directories of a run's steps that are here; none where the spool itself is gone.
    pub fn steps(&self) -> io::Result<Vec<RunDirectory>> {
        let (Some(all), Some(own)) = (self.path.parent(), self.path.file_name()) else { return Ok(Vec::new()) };
        let beginning = format!("{}.", own.to_string_lossy());
        let mut steps = Vec::new();
        match fs::read_dir(all) {
            Err(error) if is_missing(&error) => {}
            entries => {
                for entry in entries? {
                    let entry = entry?;
                    if entry.file_name().to_string_lossy().starts_with(&beginning) {
                        steps.push(RunDirectory { path: entry.path() });
                    }
                }
            }
        }
        Ok(steps)
    }

    /// The directory of the run that a step is of.
    pub fn beside_run(&self, step: Part) -> RunDirectory {
        RunDirectory { path: self.path.with_file_name(Part::from(step.run).to_string()) }
    }

    /// Who holds the mount namespace of a run's own directories.
    pub fn namespace(&self) -> io::Result<Option<HeldNamespace>> {
        self.read("namespace.json")
    }

    /// Notes who holds the mount namespace of the run's own directories.
    pub fn note_namespace(&self, held: &HeldNamespace) -> io::Result<()> {
        self.write("namespace.json", held)
    }

    /// The path of the supervisor's log.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// What was launched.
    pub fn work(&self) -> io::Result<Work> {
        self.read("work.json")?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it has no work.json"))
    }

    /// The processes of script or tasks, if it got so far.
    pub fn tasks(&self) -> io::Result<Option<Vec<ProcessId>>> {
        self.read("tasks.json")
    }

    /// Whether nothing of it is left, or its directory was taken away.
    pub fn has_left(&self) -> bool {
        self.path.join("left").exists() || self.is_gone()
    }

    /// How far the run has come.
    pub fn standing(&self) -> io::Result<RunStanding> {
        Ok(RunStanding {
            launched: self.path.join("launched").exists(),
            failed: self.read("failed.json")?,
            delivered: self.read("delivered.json")?.unwrap_or_default(),
            is_ending: ["ending", "exit.json", "failed.json"].iter().any(|name| self.path.join(name).exists()),
            exit: self.read("exit.json")?,
            ended: self.read("ended.json")?,
            left: self.path.join("left").exists(),
        })
    }

    /// Notes the processes of script or tasks.
    pub fn note_tasks(&self, tasks: &[ProcessId]) -> io::Result<()> {
        self.write("tasks.json", &tasks)
    }

    /// Notes that the run's end has begun.
    pub fn note_ending(&self) -> io::Result<()> {
        write_whole(&self.path.join("ending"), b"")
    }

    /// Notes that the script runs.
    pub fn note_launched(&self) -> io::Result<()> {
        write_whole(&self.path.join("launched"), b"")
    }

    /// Notes why it could not be started.
    pub fn note_failed(&self, why: &str) -> io::Result<()> {
        self.write("failed.json", &why)
    }

    /// Notes which signals were delivered.
    pub fn note_delivered(&self, serials: &BTreeSet<u32>) -> io::Result<()> {
        self.write("delivered.json", serials)
    }

    /// Notes how the script ended.
    pub fn note_exit(&self, exit: ExitCode) -> io::Result<()> {
        self.write("exit.json", &exit)
    }

    /// Notes how the run ended.
    pub fn note_ended(&self, ended: &Ended) -> io::Result<()> {
        self.write("ended.json", ended)
    }

    /// Notes that nothing of it is left.
    pub fn note_left(&self) -> io::Result<()> {
        write_whole(&self.path.join("left"), b"")
    }

    /// Takes the place of the run's supervisor; `None` when somebody has it. It is free again when the file is closed.
    pub fn lock(&self) -> io::Result<Option<File>> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether it was taken away by somebody.
    pub fn is_gone(&self) -> bool {
        fs::symlink_metadata(&self.path).as_ref().is_err_and(is_missing)
    }

    /// The place of its kind in the spool: `scripts` or `new`.
    fn beside(&self, kind: &str) -> Option<PathBuf> {
        Some(self.path.ancestors().nth(2)?.join(kind).join(self.path.file_name()?))
    }

    /// Takes the script away, which nothing runs any more.
    pub fn remove_script(&self) -> io::Result<()> {
        self.beside("scripts").map_or(Ok(()), |scripts| gone(fs::remove_dir_all(scripts)))
    }

    /// Takes it away, with the script: at once for all who look for runs, whenever this process dies.
    pub fn remove(&self) -> io::Result<()> {
        if let Some(aside) = self.beside("new") {
            gone(fs::remove_dir_all(&aside))?;
            gone(fs::rename(&self.path, &aside))?;
            self.remove_script()?;
            gone(fs::remove_dir_all(&aside))?;
        }
        // Only where it could not be put aside.
        gone(fs::remove_dir_all(&self.path))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        let path = self.path.join(name);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let wrong = |error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()));
        serde_json::from_slice(&text).map(Some).map_err(wrong)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write_whole(&self.path.join(name), &serde_json::to_vec(value)?)
    }
}

/// What a supervisor is told: one line of JSON each on the supervisor's socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlCommand {
    /// End it: SIGCONT and SIGTERM, so many seconds later SIGKILL.
    Terminate {
        /// `KillWait`
        kill_wait: u32,
    },
    /// Send processes of it a signal, once for each serial number.
    Signal {
        /// Which of the job's signals.
        serial: u32,
        /// Its number.
        number: u8,
        /// Who gets it.
        #[serde(default)]
        to: SignalTarget,
    },
    /// To a step: the same, for a signal that its run was sent.
    Pass {
        /// Its number.
        number: u8,
    },
    /// To a step: its run stands still, or goes on.
    Standstill {
        /// Whether it does.
        is_still: bool,
    },
}
