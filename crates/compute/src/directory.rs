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
use rustix::fs::{XattrFlags, fsetxattr};
use rustix::io::Errno;
use scheduling::event::ScriptEnd;
use scheduling::id::{Attempt, Boot, JobId, NodeName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slurm::records::ExitCode;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long a daemon that was killed may take to let go of the spool: what it was just starting has its files, too.
const LETTING_GO: Duration = Duration::from_secs(2);

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

/// Where runs have their directories (slurm.conf(5), `SlurmdSpoolDir`). One daemon has it, as long as this or a copy lives.
#[derive(Clone, Debug)]
pub struct Spool {
    path: PathBuf,
    _lock: Arc<File>,
}

/// The directory of one run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

impl Spool {
    /// Opens it, or makes it. What was half made or half taken away when a daemon was killed is taken away. Refuses a directory
    /// in which others than root can write, and one that another daemon uses.
    pub fn open(path: &Path) -> io::Result<Self> {
        make_private(path)?;
        let spool = Self { path: path.to_owned(), _lock: Arc::new(lock_of_daemon(&path.join("lock"))?) };
        spool.lay_out()?;
        for entry in fs::read_dir(path.join("new"))? {
            fs::remove_dir_all(entry?.path())?;
        }
        for entry in fs::read_dir(path.join("scripts"))? {
            let entry = entry?;
            if !path.join("runs").join(entry.file_name()).try_exists()? {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(spool)
    }

    /// Makes the directories in it, whatever bits this process takes from new files.
    fn lay_out(&self) -> io::Result<()> {
        for (name, mode) in [("runs", 0o700), ("scripts", 0o711), ("new", 0o700)] {
            let path = self.path.join(name);
            DirBuilder::new().recursive(true).mode(mode).create(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// A word that no other spool on this host has, the same at each start.
    pub fn token(&self) -> io::Result<String> {
        let path = self.path.join("token");
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
        let entries = fs::read_dir(self.path.join("runs"))?;
        entries.map(|entry| Ok(RunDirectory { path: entry?.path() })).collect()
    }

    /// The directory of a new run: it is there whole or not at all. Where there is a script, its file is made, too.
    pub fn make(&self, mut work: Work) -> io::Result<RunDirectory> {
        let name = format!("{}.{}", work.job, work.attempt.0);
        let mut made = self.make_named(&name, &mut work);
        if made.as_ref().is_err_and(is_missing) {
            // Somebody emptied the spool by hand.
            make_private(&self.path)?;
            self.lay_out()?;
            made = self.make_named(&name, &mut work);
        }
        if made.is_err() {
            for half in ["new", "scripts"] {
                // What stays goes at the next start.
                let _ = fs::remove_dir_all(self.path.join(half).join(&name));
            }
        }
        made
    }

    fn make_named(&self, name: &str, work: &mut Work) -> io::Result<RunDirectory> {
        let mut text = work.clone();
        if let Some(batch) = &mut text.launch.batch {
            let directory = self.path.join("scripts").join(name);
            text.script = Some(write_script(&directory, &batch.script.0, work.launch.user.uid.0)?);
            batch.script.0.clear();
        }
        let (new, path) = (self.path.join("new").join(name), self.path.join("runs").join(name));
        DirBuilder::new().mode(0o700).create(&new)?;
        write_whole(&new.join("work.json"), &serde_json::to_vec(&text)?)?;
        fs::rename(&new, &path)?;
        Ok(RunDirectory { path })
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Where it is gone already, that is well.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })
}

/// Makes a directory that all may pass and root alone may change. One that is there must be so already: nothing is taken
/// from others that may be theirs.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).create(parent)?;
    }
    match DirBuilder::new().mode(0o711).create(path) {
        Ok(()) => return fs::set_permissions(path, Permissions::from_mode(0o711)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::metadata(path)?;
    let is_own = found.uid() == 0 || found.uid() == nix::unistd::geteuid().as_raw();
    if !is_own || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("it is not root's, or others can write there: give it to root, with mode 0711"));
    }
    if found.mode() & 0o011 != 0o011 {
        fs::set_permissions(path, Permissions::from_mode(found.mode() & 0o7777 | 0o011))?;
    }
    Ok(())
}

/// Held for as long as the file is open.
fn lock_of_daemon(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let until = Instant::now() + LETTING_GO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another daemon uses it")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// The script, which its user may read and nobody else. It is root's, so that the user cannot make it larger.
fn write_script(directory: &Path, script: &[u8], uid: u32) -> io::Result<PathBuf> {
    let path = directory.join("slurm_script");
    gone(fs::remove_dir_all(directory))?;
    DirBuilder::new().mode(0o711).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o711))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o500).open(&path)?;
    file.write_all(script)?;
    match fsetxattr(&file, "system.posix_acl_access", &readable_for(uid), XattrFlags::empty()) {
        // A file system without such lists: there it has to be the user's own.
        Err(Errno::OPNOTSUPP | Errno::INVAL) => fchown(&file, Some(uid), None)?,
        set => set?,
    }
    Ok(path)
}

/// The list by which root and one user may read and execute a file, as the kernel takes it (acl(5);
/// `linux/posix_acl_xattr.h`): a version, then tag, permissions and number of each entry.
fn readable_for(uid: u32) -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] = [(1, 5, !0), (2, 5, uid), (4, 0, !0), (16, 5, !0), (32, 0, !0)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
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
    /// Send all its processes a signal, once for each serial number.
    Signal {
        /// Which of the job's signals.
        serial: u32,
        /// Its number.
        number: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_spool_has_one_daemon_and_loses_what_was_half_made() {
        let files = TempDir::new().unwrap();
        let path = files.path().join("a/spool");
        let spool = Spool::open(&path).unwrap();
        assert_eq!(fs::metadata(path.join("scripts")).unwrap().mode() & 0o777, 0o711);
        for name in ["new/1.0", "scripts/1.0", "scripts/2.0", "runs/2.0"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        let copy = spool.clone();
        drop(spool);
        assert_eq!(Spool::open(&path).unwrap_err().to_string(), "another daemon uses it");
        assert!(path.join("new/1.0").exists());
        drop(copy);
        Spool::open(&path).unwrap();
        let left = ["new/1.0", "scripts/1.0", "scripts/2.0", "runs/2.0"].map(|name| path.join(name).exists());
        assert_eq!(left, [false, false, true, true]);
    }

    #[test]
    fn a_spool_in_which_others_can_write_is_refused_and_left_as_it_is() {
        let files = TempDir::new().unwrap();
        fs::set_permissions(files.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(Spool::open(files.path()).unwrap_err().to_string().contains("others can write"));
        assert_eq!(fs::metadata(files.path()).unwrap().mode() & 0o777, 0o777);
        assert_eq!(fs::read_dir(files.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_run_goes_with_its_script_also_a_second_time() {
        let files = TempDir::new().unwrap();
        let spool = Spool::open(&files.path().join("spool")).unwrap();
        let path = |name: &str| spool.path.join(name);
        write_script(&path("scripts/1.0"), b"#!/bin/sh\n", 65534).unwrap();
        fs::create_dir(path("runs/1.0")).unwrap();
        // What an earlier try left.
        fs::create_dir(path("new/1.0")).unwrap();
        let run = RunDirectory::at(&path("runs/1.0"));
        run.remove().unwrap();
        run.remove().unwrap();
        assert!(run.is_gone() && !path("new/1.0").exists() && !path("scripts/1.0").exists());
    }
}
