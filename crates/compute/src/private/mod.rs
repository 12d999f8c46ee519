//! Directories that each job has for itself on a node, such as `/tmp` (slurm.conf(5), `JobContainerType=job_container/tmpfs`;
//! job_container.conf(5)).
//!
//! A job has one mount namespace on a node, in which its script and its steps run. What is in its directories lies below `BasePath`,
//! in a directory of the run that root alone may enter; `/dev/shm` is memory. The supervisor of the run holds the namespace, so it is
//! gone with the run, also after a crash, and no mount is left anywhere. The files go with the run, or at the daemon's next start.

mod removal;

use crate::process::ProcessId;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;

/// Memory, wherever the others lie.
const SHARED_MEMORY: &str = "/dev/shm";

/// What stands in the name of what nobody needs any more.
const OLD: &str = "old.";

/// Which directories jobs have for themselves, and where what is in them is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateDirectories {
    base: PathBuf,
    /// Their paths.
    pub paths: Vec<PathBuf>,
    makes_base: bool,
}

/// Those of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivatePlace {
    place: PathBuf,
    paths: Vec<PathBuf>,
}

/// Files of a run that is over, to be taken away.
#[derive(Debug)]
pub struct Aside(PathBuf);

impl Aside {
    /// Takes them away; what cannot be goes at the daemon's next start.
    pub fn remove(self) -> io::Result<()> {
        removal::remove_tree(&self.0)
    }
}

/// Where a namespace is that a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldNamespace {
    holder: ProcessId,
    descriptor: i32,
}

impl PrivateDirectories {
    /// Reads job_container.conf(5) for a node: `BasePath`, `AutoBasePath`, `Dirs`, on lines for all nodes or with a `NodeName` that has
    /// it. Gives words about what means nothing here, too. The error says what is missing or cannot be.
    pub fn read(text: &str, node: &str) -> Result<(Self, Vec<String>), String> {
        let (mut base, mut paths, mut makes_base) = (None, vec!["/tmp".into(), SHARED_MEMORY.into()], false);
        let mut warnings = Vec::new();
        for line in text.lines().map(|line| line.split('#').next().unwrap_or_default()) {
            let words: Vec<(&str, &str)> = line.split_whitespace().filter_map(|word| word.split_once('=')).collect();
            if !is_for(&words, node) {
                continue;
            }
            for (name, value) in words {
                match name.to_ascii_lowercase().as_str() {
                    "nodename" => {}
                    "basepath" => base = Some(value.replace("%n", node).replace("%h", node)),
                    "autobasepath" => makes_base = matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "1"),
                    "dirs" => paths = value.split(',').map(PathBuf::from).collect(),
                    _ => warnings.push(format!("job_container.conf: {name} does nothing here")),
                }
            }
        }
        let base = PathBuf::from(base.ok_or("job_container.conf says no BasePath for this node")?);
        let directories = Self { base, paths, makes_base };
        directories.check().map(|()| (directories, warnings))
    }

    fn check(&self) -> Result<(), String> {
        for path in self.paths.iter().chain([&self.base]) {
            let is_plain = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
            if !path.is_absolute() || !is_plain || path.parent().is_none() {
                return Err(format!("job_container.conf: {} is no absolute path of a directory", path.display()));
            }
        }
        let is_nested = |path: &&PathBuf| self.paths.iter().any(|other| *path != other && path.starts_with(other));
        if let Some(path) = self.paths.iter().find(is_nested) {
            return Err(format!("job_container.conf: {} lies below another of Dirs", path.display()));
        }
        self.hides(&self.base).map_or(Ok(()), |path| {
            Err(format!("job_container.conf: BasePath lies below {}, which every job has for itself", path.display()))
        })
    }

    /// Which of the directories has a path below it.
    pub fn hides(&self, path: &Path) -> Option<&Path> {
        self.paths.iter().map(PathBuf::as_path).find(|own| path.starts_with(own))
    }

    /// Makes where they lie, and takes away what is left of runs that are not among these; the files of those go beside all else
    /// that this process does.
    pub fn open(&self, node: &str, runs: &[String]) -> io::Result<()> {
        if let Some(path) = self.paths.iter().find(|path| !path.is_dir()) {
            return Err(io::Error::other(format!("{}, which jobs are to have, is no directory here", path.display())));
        }
        if self.makes_base {
            DirBuilder::new().recursive(true).mode(0o755).create(&self.base)?;
        }
        let home = self.home(node);
        own_directory(&home)?;
        let mut old = Vec::new();
        for entry in fs::read_dir(&home)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !runs.contains(&name) {
                old.extend(aside(&home, &name)?);
            }
        }
        let remove = move || {
            for path in old {
                if let Err(error) = removal::remove_tree(&path) {
                    tracing::warn!("what a job left in {} stays until the next start: {error}", path.display());
                }
            }
        };
        thread::Builder::new().spawn(remove).map(|_| ())
    }

    fn home(&self, node: &str) -> PathBuf {
        self.base.join(node)
    }

    /// Where those of a run lie.
    pub fn of_run(&self, node: &str, run: &str) -> PrivatePlace {
        PrivatePlace { place: self.home(node).join(run), paths: self.paths.clone() }
    }
}

/// Whether a line is about a node.
fn is_for(words: &[(&str, &str)], node: &str) -> bool {
    let names = words.iter().find(|(name, _)| name.eq_ignore_ascii_case("NodeName")).map(|(_, names)| *names);
    names.is_none_or(|names| words::text::hostlist::expand_all(names).into_iter().flatten().any(|name| name == node))
}

/// A directory of root's that nobody else may enter. One that is there must be so already.
fn own_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = fs::symlink_metadata(path)?;
    let is_own = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if is_own {
        return Ok(());
    }
    let why = format!("{} is not root's alone: take it away", path.display());
    Err(io::Error::other(why))
}

/// Puts a directory where nobody looks for it; its new path. `None` where it is gone meanwhile.
fn aside(home: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    if name.starts_with(OLD) {
        return Ok(Some(home.join(name)));
    }
    let path = home.join(format!("{OLD}{name}"));
    removal::remove_tree(&path)?;
    match fs::rename(home.join(name), &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        renamed => renamed.map(|()| Some(path)),
    }
}

fn of<E: std::fmt::Display>(what: String) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}

impl PrivatePlace {
    /// Makes the directories and a namespace in which they are; it is there as long as this is open.
    pub fn make(&self) -> Result<OwnedFd, String> {
        let wrong = |error: io::Error| format!("the job's own directories in {}: {error}", self.place.display());
        // A number of a job may come again where the master's store was restored: nobody gets what another left.
        self.remove().map_err(wrong)?;
        own_directory(&self.place).map_err(wrong)?;
        for at in 0..self.paths.len() {
            let path = self.content(at);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(wrong(error)),
                _ => fs::set_permissions(&path, Permissions::from_mode(0o1777)).map_err(wrong)?,
            }
        }
        // A thread has a namespace of its own, and this process stays where it is.
        let place = self.clone();
        let made = thread::Builder::new().spawn(move || place.mounted()).map_err(wrong)?.join();
        made.unwrap_or_else(|_| Err("a bug: a thread that makes a mount namespace panicked".to_owned()))
    }

    /// What is in the directory at this place among the paths.
    fn content(&self, at: usize) -> PathBuf {
        self.place.join(at.to_string())
    }

    fn mounted(&self) -> Result<OwnedFd, String> {
        const NOTHING: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS).map_err(of("a mount namespace".to_owned()))?;
        // What is mounted on the node later is seen in the job, and nothing that is mounted in the job is seen on the node.
        mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_SLAVE, NOTHING).map_err(of("mounts".to_owned()))?;
        for (at, path) in self.paths.iter().enumerate() {
            let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            let mounted = if path == Path::new(SHARED_MEMORY) {
                mount(Some("tmpfs"), path, Some("tmpfs"), quiet, Some("mode=1777"))
            } else {
                mount(Some(&self.content(at)), path, NOTHING, MsFlags::MS_BIND, NOTHING)
            };
            mounted.map_err(of(format!("a {} of the job's own", path.display())))?;
        }
        let own = File::open("/proc/thread-self/ns/mnt");
        own.map(OwnedFd::from).map_err(of("a mount namespace".to_owned()))
    }

    /// Takes all files away. Those of a run that is over are of no use to anybody.
    pub fn remove(&self) -> io::Result<()> {
        removal::remove_tree(&self.place)
    }

    /// Puts all files where nobody looks for them, at once, however many there are: the run need not wait until they are gone.
    pub fn put_aside(&self) -> io::Result<Option<Aside>> {
        let (Some(home), Some(name)) = (self.place.parent(), self.place.file_name()) else { return Ok(None) };
        let name = name.to_string_lossy();
        let path = home.join(format!("{OLD}{name}.{}", std::process::id()));
        match fs::rename(&self.place, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            renamed => renamed.map(|()| Some(Aside(path))),
        }
    }
}

impl HeldNamespace {
    /// One that this process holds.
    pub fn of(namespace: impl AsFd) -> Option<Self> {
        let holder = ProcessId::of(std::process::id() as i32)?;
        Some(Self { holder, descriptor: namespace.as_fd().as_raw_fd() })
    }

    /// Opens it for somebody else. Fails where its holder is gone.
    pub fn open(self) -> io::Result<OwnedFd> {
        let Self { holder, descriptor } = self;
        let path = format!("/proc/{}/fd/{descriptor}", holder.pid);
        // Looked at before, so that nothing of anybody else's is opened, and afterwards, in case it ended meanwhile.
        let is_namespace =
            || fs::read_link(&path).is_ok_and(|it| it.as_os_str().as_encoded_bytes().starts_with(b"mnt:["));
        if !holder.is_alive() || !is_namespace() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path)?;
        if holder.is_alive() { Ok(opened.into()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// From here on this process is in the namespace; it has no other threads.
pub fn enter(namespace: impl AsFd) -> io::Result<()> {
    Ok(setns(namespace, CloneFlags::CLONE_NEWNS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_which_and_where() {
        let text = "AutoBasePath=true\nBasePath=/var/jobs/%n # all\nNodeName=n[2-3] BasePath=/fast Dirs=/tmp,/var/tmp\nShared=yes\n";
        let (of_n1, warnings) = PrivateDirectories::read(text, "n1").unwrap();
        assert_eq!((of_n1.base.as_path(), of_n1.makes_base), (Path::new("/var/jobs/n1"), true));
        assert_eq!(of_n1.paths, [Path::new("/tmp"), Path::new("/dev/shm")]);
        assert_eq!(warnings, ["job_container.conf: Shared does nothing here"]);
        let (of_n3, _) = PrivateDirectories::read(text, "n3").unwrap();
        assert_eq!(
            (of_n3.base.as_path(), of_n3.hides(Path::new("/var/tmp/x"))),
            (Path::new("/fast"), Some(Path::new("/var/tmp")))
        );
        for (bad, why) in [
            ("Dirs=/tmp", "says no BasePath"),
            ("BasePath=jobs", "jobs is no absolute path"),
            ("BasePath=/x Dirs=/tmp,../y", "../y is no absolute path"),
            ("BasePath=/x Dirs=/", "/ is no absolute path of a directory"),
            ("BasePath=/tmp/jobs", "BasePath lies below /tmp"),
            ("BasePath=/x Dirs=/tmp,/tmp/x", "/tmp/x lies below another"),
        ] {
            let said = PrivateDirectories::read(bad, "n1").unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn what_others_may_enter_is_refused_and_what_old_runs_left_goes() {
        let files = tempfile::TempDir::new().unwrap();
        let base = files.path().join("base");
        let directories = PrivateDirectories { base: base.clone(), paths: vec!["/tmp".into()], makes_base: true };
        directories.open("n1", &[]).unwrap();
        for run in ["7.0", "8.0", "old.6.0"] {
            fs::create_dir_all(base.join("n1").join(run).join("0/deep")).unwrap();
        }
        directories.open("n1", &["7.0".into()]).unwrap();
        let left = || fs::read_dir(base.join("n1")).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
        let begun = std::time::Instant::now();
        while left() != ["7.0"] {
            assert!(begun.elapsed().as_secs() < 60, "{:?}", left());
            thread::yield_now();
        }
        // A number that comes again finds nothing of who had it before.
        let place = directories.of_run("n1", "7.0");
        fs::write(base.join("n1/7.0/0/secret"), "theirs").unwrap();
        let aside = place.put_aside().unwrap().unwrap();
        assert!(!base.join("n1/7.0").exists() && place.put_aside().unwrap().is_none());
        aside.remove().unwrap();
        assert!(left().is_empty());
        fs::set_permissions(base.join("n1"), Permissions::from_mode(0o755)).unwrap();
        assert!(directories.open("n1", &[]).unwrap_err().to_string().contains("is not root's alone"));
    }
}
