//! The account databases as one transaction: locked as shadow-utils lock them, edited in memory, written atomically.
//!
//! [`Accounts::begin`] takes the locks; reads and writes then go through the transaction; [`Accounts::commit`] writes
//! what changed. Dropping it without a commit unlocks and writes nothing.

pub(super) mod lock;

use super::{Attributes, Result, SystemError, kept};
use lock::Lock;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Names of the files under `/etc` that a transaction covers.
pub const DATABASES: [&str; 6] = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"];

/// Whether `path` is one of the six account databases in `/etc`.
pub fn is_database(path: &Path) -> bool {
    path.parent() == Some(Path::new("/etc")) && DATABASES.iter().any(|name| path.file_name() == Some(name.as_ref()))
}

/// An open transaction over the account databases of one machine.
#[derive(Debug)]
pub struct Accounts {
    etc: PathBuf,
    /// In the order of the first write, which is the order of the commit.
    written: Vec<(&'static str, Vec<u8>)>,
    /// How many more effects a commit may have before it "crashes".
    #[cfg(test)]
    fuse: Option<usize>,
    _lock: Lock,
}

impl Accounts {
    /// Takes all locks of the databases in a directory, mostly `/etc`, waiting up to 15 seconds for a live holder, whose pid the
    /// error then names.
    pub fn begin_in(etc: &Path) -> Result<Self> {
        let lock = Lock::take(etc, lock::PATIENCE)?;
        remove_temporaries(etc);
        let accounts = Self {
            etc: etc.into(),
            written: Vec::new(),
            #[cfg(test)]
            fuse: None,
            _lock: lock,
        };
        Ok(accounts)
    }

    /// Removes what killed processes left in the directory: locks and temporary files. Nothing is done, and false said, while
    /// somebody is at work on the databases.
    pub fn tidy_in(etc: &Path) -> Result<bool> {
        Lock::tidy(etc)
    }

    /// A database as this transaction sees it; `path` must satisfy [`is_database`].
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let name = database_name(path)?;
        match self.written.iter().find(|(written, _)| *written == name) {
            Some((_, content)) => Ok(Some(content.clone())),
            None => read_database(&self.etc.join(name)).map(|found| found.map(|(content, _)| content)),
        }
    }

    /// Replaces a database's content in memory. The file that is written first is also committed first: callers
    /// choose the order in which a crash does least harm.
    pub fn write(&mut self, path: &Path, content: &[u8]) -> Result<()> {
        let name = database_name(path)?;
        match self.written.iter_mut().find(|(written, _)| *written == name) {
            Some((_, old)) => *old = content.to_vec(),
            None => self.written.push((name, content.to_vec())),
        }
        Ok(())
    }

    /// Writes every file that differs: temporary file, fsync, backup `FILE-`, rename; then one fsync of the directory,
    /// and caches are told. Stops at the first error, which names the file.
    ///
    /// All temporary files are on disk before the first rename, so that a full disk changes nothing, and the time in
    /// which a crash leaves some files old and some new is that of a few renames.
    pub fn commit(mut self) -> Result<()> {
        let mut staged = Vec::new();
        for (name, content) in std::mem::take(&mut self.written) {
            match self.stage(name, &content) {
                Ok(Some(temporary)) => staged.push((name, temporary)),
                Ok(None) => {}
                Err(error) => {
                    self.discard(&staged);
                    return Err(error);
                }
            }
        }
        for (done, (name, temporary)) in staged.iter().enumerate() {
            if let Err(error) = self.publish(name, temporary) {
                self.discard(&staged[done..]);
                return Err(error);
            }
        }
        if !staged.is_empty() {
            self.sync_directory()?;
            flush_caches(&self.etc);
        }
        Ok(())
    }

    /// Writes the new content beside the database; `None` when the file has that content already.
    fn stage(&mut self, name: &str, content: &[u8]) -> Result<Option<PathBuf>> {
        let path = self.etc.join(name);
        let old = read_database(&path)?;
        if old.as_ref().is_some_and(|(current, _)| current == content) {
            return Ok(None);
        }
        self.effect()?;
        let temporary = temporary(&self.etc, name);
        let written = write_like(&temporary, content, name, old.as_ref().map(|(_, file)| file));
        if let Err(source) = written {
            let _ = fs::remove_file(&temporary);
            return Err(SystemError::io(format!("write {}", path.display()), source));
        }
        Ok(Some(temporary))
    }

    /// Makes the backup and puts the new file in place.
    fn publish(&mut self, name: &str, temporary: &Path) -> Result<()> {
        let path = self.etc.join(name);
        self.effect()?;
        self.back_up(&path)?;
        self.effect()?;
        fs::rename(temporary, &path).map_err(|error| SystemError::io(format!("replace {}", path.display()), error))
    }

    /// The old file itself becomes `FILE-` by a second name: its mode, owner, label and times are kept, and it is on
    /// disk already.
    fn back_up(&mut self, path: &Path) -> Result<()> {
        let mut backup = path.as_os_str().to_owned();
        backup.push("-");
        let linked = temporary(&self.etc, "backup");
        let _ = fs::remove_file(&linked);
        let made = match fs::hard_link(path, &linked) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other,
        };
        let made = made.and_then(|()| {
            self.effect().map_err(std::io::Error::other)?;
            fs::rename(&linked, &backup)?;
            // When both names are one file already, rename does nothing and leaves the first.
            let _ = fs::remove_file(&linked);
            Ok(())
        });
        made.map_err(|error| SystemError::io(format!("back up {}", path.display()), error))
    }

    fn sync_directory(&self) -> Result<()> {
        File::open(&self.etc)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| SystemError::io(format!("sync {}", self.etc.display()), error))
    }

    fn discard(&self, staged: &[(&str, PathBuf)]) {
        if self.crashed() {
            return;
        }
        for (_, temporary) in staged {
            let _ = fs::remove_file(temporary);
        }
    }

    /// Called before each effect of a commit; in tests the place where a crash is played.
    fn effect(&mut self) -> Result<()> {
        #[cfg(test)]
        if let Some(left) = &mut self.fuse {
            *left = left.checked_sub(1).ok_or_else(|| {
                self._lock.abandon();
                SystemError::Refused("crash".into())
            })?;
        }
        Ok(())
    }

    #[cfg(not(test))]
    fn crashed(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn crashed(&self) -> bool {
        self._lock.is_abandoned()
    }
}

/// Removes what a process that was killed left; under the lock nobody else uses these names.
fn remove_temporaries(etc: &Path) {
    for name in DATABASES.iter().chain(&["backup"]) {
        let _ = fs::remove_file(temporary(etc, name));
    }
}

/// Where a file is prepared, in the directory that it will be renamed in.
fn temporary(etc: &Path, name: &str) -> PathBuf {
    etc.join(format!(".{name}.enlist"))
}

fn database_name(path: &Path) -> Result<&'static str> {
    let name = DATABASES.iter().copied().find(|name| path.file_name() == Some(name.as_ref()));
    name.ok_or_else(|| SystemError::Refused(format!("{} is no account database", path.display())))
}

/// Content and the open file; refuses a symbolic link, as shadow-utils do.
fn read_database(path: &Path) -> Result<Option<(Vec<u8>, File)>> {
    let opened = OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => {
            return Err(SystemError::Refused(format!("{} is a symbolic link, not replaced", path.display())));
        }
        Err(error) => return Err(SystemError::io(format!("read {}", path.display()), error)),
    };
    let mut content = Vec::new();
    let read = file.read_to_end(&mut content);
    read.map(|_| Some((content, file))).map_err(|error| SystemError::io(format!("read {}", path.display()), error))
}

/// Writes and syncs a new file with what the one that it will replace has: [`kept::take_over`].
fn write_like(path: &Path, content: &[u8], name: &str, old: Option<&File>) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    let new_mode = if name.ends_with("shadow") { 0o600 } else { 0o644 };
    kept::take_over(&file, old.map(AsFd::as_fd), Attributes::default(), new_mode)?;
    file.sync_all()
}

/// Tells nscd and sssd, where they run, that accounts changed; as shadow-utils do, a failure is no error.
fn flush_caches(etc: &Path) {
    let tell = |argv: &[&str]| {
        let _ = std::process::Command::new(argv[0]).args(&argv[1..]).output();
    };
    if etc != Path::new("/etc") {
        return;
    }
    if ["/run/nscd/socket", "/var/run/nscd/socket"].iter().any(|socket| Path::new(socket).exists()) {
        tell(&["nscd", "-i", "passwd"]);
        tell(&["nscd", "-i", "group"]);
    }
    if Path::new("/var/lib/sss/pipes/nss").exists() {
        tell(&["sss_cache", "-UG"]);
    }
}

#[cfg(test)]
mod tests;
