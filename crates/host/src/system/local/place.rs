//! [`Place`]: a name in a directory that is held open. Everything that root reads or changes on the real host goes by one:
//! what a user exchanges on the path afterwards leads nowhere else.

use super::{mount, to_stat};
use crate::system::held::OPENED;
use crate::system::resolve::{self, At, FollowedLinks, Ground, Met, Reached, Start};
use crate::system::{Attributes, FileKind, Result, Stat, SystemError};
use nix::errno::Errno;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A name in a directory that is held open.
pub struct Place {
    /// The directory.
    pub directory: OwnedFd,
    /// Who owns the directory.
    pub directory_uid: crate::identity::Uid,
    /// The name; `.` is the directory itself.
    pub name: OsString,
    /// The path without links.
    pub path: PathBuf,
}

impl Place {
    /// Finds where `path` ends; `follow` goes through a link in the last component too. What is above must exist.
    pub fn find(path: &Path, follow: bool, links: FollowedLinks) -> Result<Self> {
        let reached = match held(path) {
            Some((start, rest)) => resolve::reach_from(&Descriptors, start?, rest, follow, links)?,
            None if path.is_absolute() => resolve::reach(&Descriptors, path, follow, links)?,
            None => resolve::reach_from(&Descriptors, working_directory()?, path, follow, links)?,
        };
        let Reached { directory, directory_uid, name, path } = reached;
        Ok(Self { directory, directory_uid, name, path })
    }

    /// What is at the place; `None` when nothing is. A link is not followed.
    pub fn open(&self) -> io::Result<Option<Opened>> {
        match Opened::at(&self.directory, &self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// The file, to be read. Pipes are not waited for.
    pub fn read(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.directory, &self.name, flags, Mode::empty())?.into())
    }

    /// Makes the names in the directory durable.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(directory_to_read(&self.directory)?)?)
    }
}

/// A directory that was opened as a place only, opened to be listed or synced.
pub fn directory_to_read(directory: &impl AsFd) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, ".", flags, Mode::empty())?)
}

/// A file of any kind, held without being read: what was looked at is what is changed.
pub struct Opened {
    /// The descriptor, with O_PATH.
    pub fd: OwnedFd,
    /// What it is.
    pub stat: Stat,
}

impl Opened {
    /// Opens a name; links are opened themselves.
    pub fn at(directory: &impl AsFd, name: &OsStr) -> io::Result<Self> {
        // With O_DIRECTORY first: only then the kernel mounts what autofs has promised.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(directory, name, flags | OFlags::DIRECTORY, Mode::empty()) {
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                rustix::fs::openat(directory, name, flags, Mode::empty())
            }
            other => other,
        };
        Self::of(opened?)
    }

    /// What has been opened.
    pub fn of(fd: OwnedFd) -> io::Result<Self> {
        let file = File::from(fd);
        let stat = to_stat(&file.metadata()?);
        Ok(Self { fd: file.into(), stat })
    }

    /// A path to it for this process, for calls that take no descriptor of this kind. It must not be a link.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("{OPENED}{}", self.fd.as_raw_fd()))
    }

    /// The target of a link.
    pub fn target(&self) -> io::Result<PathBuf> {
        use std::os::unix::ffi::OsStringExt;
        let target = rustix::fs::readlinkat(&self.fd, "", Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// Sets owner and mode of this very file.
    ///
    /// The kernel drops set-user-id bits on a change of owner, and that stands unless a mode was asked for: giving a
    /// user's set-user-id program to root must not make it root's. So the mode comes last.
    pub fn set(&self, wanted: Attributes) -> io::Result<()> {
        if wanted.uid.is_some() || wanted.gid.is_some() {
            let (uid, gid) = (wanted.uid.map(|uid| Uid::from_raw(uid.0)), wanted.gid.map(|gid| Gid::from_raw(gid.0)));
            rustix::fs::chownat(&self.fd, "", uid, gid, AtFlags::EMPTY_PATH)?;
        }
        match wanted.mode {
            Some(mode) if self.stat.kind != FileKind::Link => {
                Ok(rustix::fs::chmod(self.path(), Mode::from_raw_mode(mode))?)
            }
            _ => Ok(()),
        }
    }

    /// The number of the mount that it lies on.
    pub fn mount(&self) -> io::Result<u64> {
        mount::of(&self.fd)
    }
}

/// The start of a walk for a path below a directory that this process holds, and the rest of the path.
fn held(path: &Path) -> Option<(Result<Start<OwnedFd>>, &Path)> {
    let below = path.strip_prefix(OPENED).ok()?;
    let number = below.components().next()?;
    let itself = Path::new(OPENED).join(number);
    let rest = below.strip_prefix(number).ok()?;
    // The dot goes through the kernel's link to the directory that was opened.
    Some((start_at(&itself.join("."), itself), rest))
}

fn working_directory() -> Result<Start<OwnedFd>> {
    let name = std::env::current_dir().map_err(|error| SystemError::io("find the working directory", error))?;
    start_at(Path::new("."), name)
}

fn start_at(directory: &Path, path: PathBuf) -> Result<Start<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory, flags, Mode::empty()).map_err(io::Error::from).and_then(Opened::of);
    let Opened { fd, stat } = opened.map_err(|error| SystemError::io(format!("open {}", path.display()), error))?;
    Ok(Start { directory: fd, uid: stat.uid, path })
}

/// The real host's directories, by descriptor.
struct Descriptors;

impl Ground for Descriptors {
    type Directory = OwnedFd;

    fn is_root(&self) -> bool {
        nix::unistd::geteuid().is_root()
    }

    fn top(&self) -> Result<(OwnedFd, crate::identity::Uid)> {
        let top = start_at(Path::new("/"), "/".into())?;
        Ok((top.directory, top.uid))
    }

    fn look(&self, directory: &OwnedFd, name: &OsStr, path: &Path) -> Result<Met<OwnedFd>> {
        let wrong = |error: io::Error| SystemError::io(format!("find {}", path.display()), error);
        let opened = match Opened::at(directory, name) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => {
                return Ok(Met { at: At::Nothing, uid: crate::identity::Uid::ROOT });
            }
            other => other.map_err(wrong)?,
        };
        let uid = opened.stat.uid;
        let at = match opened.stat.kind {
            FileKind::Directory => At::Directory(opened.fd),
            FileKind::Link => At::Link(opened.target().map_err(wrong)?),
            FileKind::File | FileKind::Other => At::Other,
        };
        Ok(Met { at, uid })
    }
}
