//! Atomic replacement of files and names: a reader sees the old or the new, whole; a crash leaves one of the two.

use super::place::Place;
use crate::system::{Attributes, FileKind, Result, SystemError, kept};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the temporary name of a link may be there before it counts as left behind: renaming takes microseconds.
const LINK_PATIENCE: Duration = Duration::from_millis(50);

/// When what was written must be on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// Before it has its name.
    Now,
    /// Whoever calls syncs it; what replaces a file is synced nevertheless.
    Later,
}

/// The same as [`replace`] for content in memory, at a path whose links are judged.
pub fn write(path: &Path, content: &[u8], attributes: Attributes, default_mode: u32) -> Result<()> {
    let place = super::place("write", path)?;
    replace(&place, attributes, default_mode, Sync::Now, |file| file.write_all(content))
}

/// Puts what `fill` writes at a place: temporary file beside it, owner, mode, attributes, fsync, rename, fsync of the
/// directory.
///
/// What `attributes` leaves open is taken from the regular file that is replaced, see [`kept::take_over`], else from the
/// process and `default_mode`. A symbolic link at the place is replaced, never followed; a directory, device or pipe is
/// refused. On error (a full disk) the old file is there untouched and no temporary one is left.
pub(super) fn replace(
    place: &Place,
    attributes: Attributes,
    default_mode: u32,
    sync: Sync,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<()> {
    let write = |error| SystemError::io(format!("write {}", place.path.display()), error);
    let old = place.open().map_err(write)?;
    let old = match old.as_ref().map(|old| old.stat.kind) {
        Some(FileKind::File) => old,
        Some(FileKind::Link) | None => None,
        Some(_) => return Err(SystemError::Refused(format!("{} is not a regular file", place.path.display()))),
    };
    let old = old.as_ref().map(|old| old.fd.as_fd());
    let replace = || -> io::Result<()> {
        let (mut file, temporary) = Temporary::create(place, "")?;
        fill(&mut file)?;
        kept::take_over(&file, old, attributes, default_mode)?;
        if sync == Sync::Later && old.is_none() {
            return temporary.rename();
        }
        rustix::fs::fsync(&file)?;
        temporary.rename()?;
        place.sync()
    };
    replace().map_err(write)
}

/// A private copy beside a place, for programs that shall look at it before it is there. It goes when this is dropped.
pub(super) struct Aside<'p> {
    temporary: Temporary<'p>,
    /// Held: it is what tells others that the file is in use.
    _file: File,
}

impl<'p> Aside<'p> {
    /// A new file with what `fill` writes.
    pub fn write(place: &'p Place, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Self> {
        let (mut file, temporary) = Temporary::create(place, "validate-")?;
        fill(&mut file)?;
        Ok(Self { temporary, _file: file })
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.temporary.place.path.with_file_name(self.temporary.name.as_deref().unwrap_or_default())
    }
}

/// Makes a name (a link) with `make` and puts it at a place, replacing a file or link that is there.
pub(super) fn replace_name(place: &Place, make: impl Fn(&OwnedFd, &OsStr) -> rustix::io::Result<()>) -> io::Result<()> {
    let name = temporary_name(&place.name, "link");
    for _ in 0..10 {
        match make(&place.directory, &name) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                // Of a process that was killed: a live one would have renamed it by then, or will make it again.
                std::thread::sleep(LINK_PATIENCE);
                remove_if_there(place, &name)?;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        match (Temporary { place, name: Some(name.clone()) }).rename() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => return renamed.and_then(|()| place.sync()),
        }
    }
    Err(io::Error::other("another process makes the same name again and again"))
}

fn remove_if_there(place: &Place, name: &OsStr) -> io::Result<()> {
    match rustix::fs::unlinkat(&place.directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        other => Ok(other?),
    }
}

/// A temporary name beside a place; removed when dropped.
struct Temporary<'p> {
    place: &'p Place,
    name: Option<OsString>,
}

impl<'p> Temporary<'p> {
    /// A new file that this process alone holds, by flock(2), for as long as it is open. A file of that name without a
    /// holder was left by a process that was killed, and goes. `what` is a part of its name.
    fn create(place: &'p Place, what: &str) -> io::Result<(File, Self)> {
        for attempt in 0..100 {
            let name = temporary_name(&place.name, &format!("{what}{attempt}"));
            if let Some(file) = hold_new(place, &name)? {
                return Ok((file, Self { place, name: Some(name) }));
            }
        }
        Err(io::Error::other("no free temporary name"))
    }

    fn rename(mut self) -> io::Result<()> {
        if let Some(name) = &self.name {
            rustix::fs::renameat(&self.place.directory, name, &self.place.directory, &self.place.name)?;
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = rustix::fs::unlinkat(&self.place.directory, name, AtFlags::empty());
        }
    }
}

/// A new file under this process's lock; `None` when somebody else has the name.
fn hold_new(place: &Place, name: &OsStr) -> io::Result<Option<File>> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..3 {
        match rustix::fs::openat(&place.directory, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => {
                // Whoever looks for leftovers may have come between making and locking; then it is made again.
                let is_locked = lock(&fd) != Err(Errno::WOULDBLOCK);
                if is_locked && is_called(place, name, &fd)? {
                    return Ok(Some(fd.into()));
                }
            }
            Err(Errno::EXIST) if remove_leftover(place, name)? => {}
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Removes a temporary file that nobody holds; false when somebody does or it is none of ours.
fn remove_leftover(place: &Place, name: &OsStr) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(&place.directory, name, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(error) => return Ok(error == Errno::NOENT),
    };
    let is_leftover = lock(&fd).is_ok() && is_called(place, name, &fd)?;
    if is_leftover {
        remove_if_there(place, name)?;
    }
    Ok(is_leftover)
}

fn lock(fd: &OwnedFd) -> rustix::io::Result<()> {
    rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive)
}

/// Whether the name is still that of this regular file.
fn is_called(place: &Place, name: &OsStr, fd: &OwnedFd) -> io::Result<bool> {
    let held = File::from(fd.try_clone()?).metadata()?;
    let named = match super::place::Opened::at(&place.directory, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?.stat,
    };
    Ok(held.is_file() && (held.dev(), held.ino()) == (named.dev, named.ino))
}

/// `.NAME.enlist-…`: hidden, and with a dot in it, so that directories such as sudoers.d and cron.d ignore it.
fn temporary_name(name: &OsStr, what: &str) -> OsString {
    let suffix = format!(".enlist-{what}");
    let stem = name.as_bytes();
    let stem = &stem[..stem.len().min(254 - suffix.len())];
    OsString::from_vec([b".", stem, suffix.as_bytes()].concat())
}
