//! The directory of a run: all that is known of it, so that nobody has to be asked who may be dead.
//!
//! | file | says | is written by |
//! |---|---|---|
//! | `work.json` | what was launched | the daemon, before anything starts |
//! | `lock` | held as long as the supervisor lives | the supervisor |
//! | `control` | its socket: commands in, a line out when something has changed here | the supervisor |
//! | `task.json` | the script's process, before it may run | the supervisor |
//! | `launched` | the script runs | the supervisor |
//! | `failed.json` | why it could not be started | the supervisor, or the daemon for it |
//! | `delivered.json` | serial numbers of delivered signals | the supervisor |
//! | `exit.json` | how the script ended | the supervisor |
//! | `ended.json` | that, and what the run used | the supervisor, or the daemon for it |
//! | `left` | nothing of the run is left | the supervisor, or the daemon for it |
//! | `log` | what went wrong beside that | the supervisor |
//!
//! Each is there whole or not at all, and on disk when it is there. The directory is root's alone. The script lies beside it,
//! where its user can read it and others cannot.

use crate::cgroup::{Limits, RunGroup};
use crate::process::ProcessId;
use crate::protocol::{Launch, RunUsage};
use scheduling::event::ScriptEnd;
use scheduling::id::{Attempt, Boot, JobId, NodeName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slurm::records::ExitCode;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Which run.
pub type RunId = (JobId, Attempt);

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
    /// What the master said; the script is in a file of its own.
    pub launch: Launch,
    /// The script's file; `None` where no script runs.
    pub script: Option<PathBuf>,
    /// Its control groups.
    pub group: RunGroup,
    /// What it may have.
    pub limits: Limits,
    /// The numbers of its GPUs.
    pub gpus: Vec<u32>,
    /// Whether other GPUs are hidden from it.
    pub hides_gpus: bool,
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
    /// How its script ended.
    pub exit: Option<ExitCode>,
    /// How it ended, and what it used.
    pub ended: Option<Ended>,
    /// Whether nothing of it is left.
    pub left: bool,
}

/// Where runs have their directories (slurm.conf(5), `SlurmdSpoolDir`).
#[derive(Clone, Debug)]
pub struct Spool(PathBuf);

/// The directory of one run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

impl Spool {
    /// Opens it, or makes it. What was half made when a daemon was killed is taken away.
    pub fn open(path: &Path) -> io::Result<Self> {
        let spool = Self(path.to_owned());
        DirBuilder::new().recursive(true).mode(0o711).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o711))?;
        for (name, mode) in [("runs", 0o700), ("scripts", 0o711), ("new", 0o700)] {
            DirBuilder::new().recursive(true).mode(mode).create(path.join(name))?;
        }
        for entry in fs::read_dir(path.join("new"))? {
            fs::remove_dir_all(entry?.path())?;
        }
        Ok(spool)
    }

    /// A word that no other spool on this host has, the same at each start.
    pub fn token(&self) -> io::Result<String> {
        let path = self.0.join("token");
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let random = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
                let token: String = random.chars().take(8).collect();
                write_whole(&path, token.as_bytes())?;
                Ok(token)
            }
            read => read,
        }
    }

    /// All directories of runs.
    pub fn runs(&self) -> io::Result<Vec<RunDirectory>> {
        let entries = fs::read_dir(self.0.join("runs"))?;
        entries.map(|entry| Ok(RunDirectory { path: entry?.path() })).collect()
    }

    /// The directory of a new run: it is there whole or not at all. Where there is a script, its file is made, too.
    pub fn make(&self, mut work: Work) -> io::Result<RunDirectory> {
        let name = format!("{}.{}", work.job, work.attempt.0);
        if let Some(batch) = &mut work.launch.batch {
            let directory = self.0.join("scripts").join(&name);
            let user = &work.launch.user;
            work.script = Some(write_script(&directory, &batch.script.0, user.uid.0, user.gid.0)?);
            batch.script.0.clear();
        }
        let (new, path) = (self.0.join("new").join(&name), self.0.join("runs").join(&name));
        DirBuilder::new().mode(0o700).create(&new)?;
        write_whole(&new.join("work.json"), &serde_json::to_vec(&work)?)?;
        fs::rename(&new, &path)?;
        Ok(RunDirectory { path })
    }
}

/// The script, which its user may read and nobody else.
fn write_script(directory: &Path, script: &[u8], uid: u32, gid: u32) -> io::Result<PathBuf> {
    let path = directory.join("slurm_script");
    let _ = fs::remove_dir_all(directory);
    DirBuilder::new().mode(0o711).create(directory)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o500).open(&path)?;
    file.write_all(script)?;
    chown(&path, Some(uid), Some(gid))?;
    Ok(path)
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

    /// The path of the supervisor's log.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// What was launched.
    pub fn work(&self) -> io::Result<Work> {
        self.read("work.json")?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it has no work.json"))
    }

    /// The script's process, if it got so far.
    pub fn task(&self) -> io::Result<Option<ProcessId>> {
        self.read("task.json")
    }

    /// How far the run has come.
    pub fn standing(&self) -> io::Result<RunStanding> {
        Ok(RunStanding {
            launched: self.path.join("launched").exists(),
            failed: self.read("failed.json")?,
            delivered: self.read("delivered.json")?.unwrap_or_default(),
            exit: self.read("exit.json")?,
            ended: self.read("ended.json")?,
            left: self.path.join("left").exists(),
        })
    }

    /// Notes the script's process.
    pub fn note_task(&self, task: ProcessId) -> io::Result<()> {
        self.write("task.json", &task)
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

    /// Takes it away, with the script.
    pub fn remove(&self) -> io::Result<()> {
        if let (Some(spool), Some(name)) = (self.path.ancestors().nth(2), self.path.file_name()) {
            let scripts = fs::remove_dir_all(spool.join("scripts").join(name));
            scripts.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        }
        fs::remove_dir_all(&self.path)
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
    /// Send all its processes a signal, once for each serial number.
    Signal {
        /// Which of the job's signals.
        serial: u32,
        /// Its number.
        number: u8,
    },
}
