//! [`Local`]: the machine that this process runs on.

pub mod atomic;
mod process;
mod tree;

use super::accounts::{Accounts, is_database};
use super::claim::{Claim, WORKSHOP};
use super::held::{self, Held};
use super::{Attributes, Command, FileKind, Output, Result, Stat, System, SystemError};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, UtimensatFlags, fchmodat, umask, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The real host.
pub struct Local {
    /// The permission bits that new files do not get by themselves.
    umask: u32,
    /// Added to the environment of every program.
    environment: Vec<(String, String)>,
    /// The open transaction over the account databases.
    accounts: Option<Accounts>,
    /// The right to work on accounts and homes.
    claim: Option<Claim>,
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Local {
    /// This machine, as the user that this process runs as. Not for use while other threads make files: it looks at
    /// the process's umask by setting it and putting it back.
    pub fn new() -> Self {
        let mask = umask(Mode::from_bits_truncate(0o077));
        umask(mask);
        Self { umask: mask.bits(), environment: Vec::new(), accounts: None, claim: None }
    }

    /// Removes what killed processes left of account transactions, unless somebody is at work. Only root can.
    pub fn tidy(&self) -> Result<()> {
        if !Uid::effective().is_root() {
            return Ok(());
        }
        if let Some(_claim) = Claim::try_take()? {
            clear_workshop()?;
            Accounts::tidy()?;
        }
        Ok(())
    }

    /// What programs get in their environment from now on, beside what this process has (a task's `environment`).
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }
}

fn clear_workshop() -> Result<()> {
    let workshop = Path::new(WORKSHOP);
    if workshop.symlink_metadata().is_ok() { tree::remove(workshop) } else { Ok(()) }
}

/// `Ok(None)` for "nothing is there".
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        other => other.map(Some),
    }
}

/// Adds what was being done to an error.
fn doing<T, E: Into<io::Error>>(verb: &str, path: &Path, result: std::result::Result<T, E>) -> Result<T> {
    result.map_err(|error| SystemError::io(format!("{verb} {}", path.display()), error.into()))
}

fn to_stat(meta: &fs::Metadata) -> Stat {
    let kind = match meta.file_type() {
        t if t.is_file() => FileKind::File,
        t if t.is_dir() => FileKind::Directory,
        t if t.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    };
    Stat {
        kind,
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        size: meta.size(),
        mtime: meta.mtime(),
        ino: meta.ino(),
        dev: meta.dev(),
        nlink: meta.nlink(),
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for its other end; O_NONBLOCK does not.
    let mut file = fs::File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_fifo() || kind.is_socket() {
        return Err(io::Error::other("it is a pipe or socket"));
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// The file is judged after it was opened, so that it cannot be swapped in between.
fn read_guarded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;
    let file = fs::File::options().read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    match content.len() as u64 > limit {
        true => Err(io::Error::other(format!("it is longer than {limit} bytes"))),
        false => Ok(content),
    }
}

fn set_attributes(path: &Path, wanted: Attributes) -> io::Result<()> {
    let old = fs::symlink_metadata(path)?;
    if wanted.uid.is_some() || wanted.gid.is_some() {
        let (uid, gid) = (wanted.uid.map(Uid::from_raw), wanted.gid.map(Gid::from_raw));
        fchownat(AT_FDCWD, path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    }
    if old.is_symlink() {
        return Ok(());
    }
    // The kernel drops set-user-id bits on a change of owner, and that stands unless a mode was asked for: giving a
    // user's set-user-id program to root must not make it root's. So the mode comes last.
    if let Some(mode) = wanted.mode {
        fchmodat(AT_FDCWD, path, Mode::from_bits_truncate(mode), FchmodatFlags::NoFollowSymlink)?;
    }
    Ok(())
}

impl System for Local {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match &self.accounts {
            Some(accounts) if is_database(path) => accounts.read(path),
            _ => doing("read", path, if_there(read_file(path))),
        }
    }

    fn read_guarded(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        doing("read", path, if_there(read_guarded(path, limit)))
    }

    fn hold(&self, top: &Path, directory: &Path) -> Result<Option<Held>> {
        let names = held::names_below(top, directory)?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = nix::fcntl::open(top, flags, Mode::empty()).map_err(io::Error::from);
        let Some(mut open) = doing("open", top, if_there(opened))? else { return Ok(None) };
        let mut at = top.to_owned();
        for name in names {
            at.push(name);
            let next = openat(&open, name, flags | OFlag::O_NOFOLLOW, Mode::empty());
            open = match next {
                Ok(next) => next,
                Err(Errno::ENOENT) => return Ok(None),
                Err(error) => {
                    let kind = self.stat(&at, false)?.map(|stat| stat.kind);
                    kind.map_or(Ok(()), |kind| held::must_be_directory(&at, kind))?;
                    return doing("open", &at, Err(error));
                }
            };
        }
        Ok(Some(Held::opened(directory, open)))
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Option<Stat>> {
        let meta = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        doing("look at", path, if_there(meta)).map(|meta| meta.as_ref().map(to_stat))
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>> {
        let names = || -> io::Result<Vec<OsString>> {
            let mut names: Vec<_> = fs::read_dir(directory)?.map(|e| Ok(e?.file_name())).collect::<io::Result<_>>()?;
            names.sort_unstable();
            Ok(names)
        };
        doing("list", directory, names())
    }

    fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        match fs::read_link(path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            other => doing("read the link", path, if_there(other)),
        }
    }

    fn query(&self, command: &Command) -> Result<Output> {
        process::run(command, &self.environment)
    }

    fn variable(&self, name: &str) -> Option<String> {
        let added = self.environment.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        added.or_else(|| std::env::var(name).ok())
    }

    fn write(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        match &mut self.accounts {
            Some(accounts) if is_database(path) => accounts.write(path, content),
            _ => atomic::replace(path, content, attributes, 0o666 & !self.umask),
        }
    }

    fn make_directory(&mut self, path: &Path, attributes: Attributes) -> Result<()> {
        // Open to nobody until it has its owner; without a wanted mode the kernel applies umask and set-group-id.
        let first = if attributes.mode.is_some() { 0o700 } else { 0o777 };
        doing("make directory", path, nix::unistd::mkdir(path, Mode::from_bits_truncate(first)))?;
        let set = set_attributes(path, attributes);
        if set.is_err() {
            let _ = fs::remove_dir(path);
        }
        doing("set owner and mode of", path, set)
    }

    fn make_link(&mut self, path: &Path, target: &Path) -> Result<()> {
        atomic::replace_name(path, |temporary| std::os::unix::fs::symlink(target, temporary))
    }

    fn make_hard_link(&mut self, path: &Path, existing: &Path) -> Result<()> {
        let (new, old) = (self.stat(path, false)?, self.stat(existing, false)?);
        // Renaming one name of a file over another name of it does nothing, and would leave the temporary one.
        if let (Some(new), Some(old)) = (new, old)
            && (new.dev, new.ino) == (old.dev, old.ino)
        {
            return Ok(());
        }
        atomic::replace_name(path, |temporary| fs::hard_link(existing, temporary))
    }

    fn set_attributes(&mut self, path: &Path, attributes: Attributes) -> Result<()> {
        doing("set owner and mode of", path, set_attributes(path, attributes))
    }

    fn set_times(&mut self, path: &Path, atime: i64, mtime: i64) -> Result<()> {
        let (atime, mtime) = (TimeSpec::new(atime, 0), TimeSpec::new(mtime, 0));
        doing("set times of", path, utimensat(AT_FDCWD, path, &atime, &mtime, UtimensatFlags::NoFollowSymlink))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        doing("rename", from, fs::rename(from, to))?;
        atomic::sync_directory_of(to)
    }

    fn rename_new(&mut self, from: &Path, to: &Path) -> Result<bool> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => atomic::sync_directory_of(to).map(|()| true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            // Some network file systems do not know the flag.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if self.stat(to, false)?.is_some() => Ok(false),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => self.rename(from, to).map(|()| true),
            Err(error) => doing("rename", from, Err(io::Error::from(error))),
        }
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        let remove = |path: &Path| match fs::symlink_metadata(path)?.is_dir() {
            true => fs::remove_dir(path),
            false => fs::remove_file(path),
        };
        doing("remove", path, remove(path))
    }

    fn remove_tree(&mut self, path: &Path) -> Result<()> {
        tree::remove(path)
    }

    fn run(&mut self, command: &Command) -> Result<Output> {
        process::run(command, &self.environment)
    }

    fn begin_work(&mut self) -> Result<()> {
        if self.claim.is_none() && Uid::effective().is_root() {
            self.claim = Some(Claim::take()?);
            clear_workshop()?;
        }
        Ok(())
    }

    fn end_work(&mut self) {
        self.claim = None;
    }

    fn begin_accounts(&mut self) -> Result<()> {
        if self.accounts.is_some() {
            return Err(SystemError::Refused("an account transaction is open already".into()));
        }
        self.accounts = Some(Accounts::begin()?);
        Ok(())
    }

    fn commit_accounts(&mut self) -> Result<()> {
        match self.accounts.take() {
            Some(accounts) => accounts.commit(),
            None => Err(SystemError::Refused("no account transaction is open".into())),
        }
    }

    fn abort_accounts(&mut self) {
        self.accounts = None;
    }
}

#[cfg(test)]
mod tests;
