//! Removes directory trees without following a link or leaving the file system.

use super::doing;
use super::place::{Opened, Place};
use super::walk::names;
use crate::system::tree::DEEPEST;
use crate::system::{FileKind, Result, SystemError};
use rustix::fs::AtFlags;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Removes what is at a place and all in it; `path` is its name for people.
///
/// Refuses before anything is removed when something is mounted inside, also by a bind mount. Works on directory
/// handles: a directory that is swapped for a link meanwhile is not followed.
pub fn remove(place: &Place, path: &Path) -> Result<()> {
    let opened = doing("look at", path, Opened::at(&place.directory, &place.name))?;
    if opened.stat.kind != FileKind::Directory {
        return doing("remove", path, rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::empty()));
    }
    let real = doing("look at", path, fs::canonicalize(opened.path().join(".")))?;
    if real == Path::new("/") {
        return Err(SystemError::Refused("will not remove /".into()));
    }
    if let Some(mount) = mount_inside(&real) {
        return Err(SystemError::Refused(format!(
            "cannot remove {}: {} is mounted in it; unmount it first",
            path.display(),
            mount.display()
        )));
    }
    let remove = || -> io::Result<()> {
        empty(&opened.fd, opened.mount()?, 0)?;
        Ok(rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::REMOVEDIR)?)
    };
    doing("remove", path, remove())
}

fn empty(directory: &OwnedFd, mount: u64, depth: usize) -> io::Result<()> {
    if depth > DEEPEST {
        return Err(io::Error::other(format!("it is deeper than {DEEPEST} directories")));
    }
    for name in names(directory)? {
        remove_one(directory, &name, mount, depth)?;
    }
    Ok(())
}

fn remove_one(directory: &OwnedFd, name: &OsStr, mount: u64, depth: usize) -> io::Result<()> {
    let opened = match Opened::at(directory, name) {
        // Somebody else has removed it since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let flags = if opened.stat.kind == FileKind::Directory {
        if opened.mount()? != mount {
            return Err(io::Error::other(format!("{} is another file system", name.to_string_lossy())));
        }
        empty(&opened.fd, mount, depth + 1)?;
        AtFlags::REMOVEDIR
    } else {
        AtFlags::empty()
    };
    Ok(rustix::fs::unlinkat(directory, name, flags)?)
}

/// A mount point at or below `real`.
fn mount_inside(real: &Path) -> Option<PathBuf> {
    // Without /proc only the check of each directory's mount remains.
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mount_points(&mounts).find(|mount| mount.starts_with(real))
}

/// The mount points of mountinfo(5) text; blanks and backslashes are octal there.
fn mount_points(mountinfo: &str) -> impl Iterator<Item = PathBuf> + '_ {
    mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(|field| {
        let text = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
            .iter()
            .fold(field.to_owned(), |text, (code, meant)| text.replace(code, meant));
        PathBuf::from(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_unescaped() {
        let text = "36 35 98:0 / /mnt/a\\040b rw - ext3 /dev/root rw\n37 35 0:5 / /proc rw - proc proc rw\n";
        let points: Vec<_> = mount_points(text).collect();
        assert_eq!(points, [PathBuf::from("/mnt/a b"), PathBuf::from("/proc")]);
    }
}
