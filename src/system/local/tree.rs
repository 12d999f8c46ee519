//! Removes directory trees without following a link or leaving the file system.

use super::doing;
use crate::system::{Result, SystemError};
use nix::dir::{Dir, Type};
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Removes `path` and all in it.
///
/// Refuses before anything is removed when something is mounted inside, also by a bind mount. Works on directory
/// handles: a directory that is swapped for a link meanwhile is not followed.
pub fn remove(path: &Path) -> Result<()> {
    if !doing("look at", path, fs::symlink_metadata(path))?.is_dir() {
        return doing("remove", path, fs::remove_file(path));
    }
    let real = doing("look at", path, fs::canonicalize(path))?;
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
        let directory = Dir::openat(AT_FDCWD, path, flags(), Mode::empty())?;
        let device = fstat(&directory)?.st_dev;
        empty(directory, device)?;
        fs::remove_dir(path)
    };
    doing("remove", path, remove())
}

fn flags() -> OFlag {
    OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_RDONLY | OFlag::O_CLOEXEC
}

fn empty(mut directory: Dir, device: u64) -> io::Result<()> {
    let entries: Vec<(CString, Option<Type>)> = directory
        .iter()
        .map(|entry| entry.map(|e| (e.file_name().to_owned(), e.file_type())))
        .collect::<std::result::Result<_, _>>()?;
    for (name, kind) in entries {
        if matches!(name.as_bytes(), b"." | b"..") {
            continue;
        }
        // Some file systems do not say the kind in the listing; opening tells.
        let inner = match kind {
            Some(Type::Directory) | None => Dir::openat(directory.as_fd(), name.as_c_str(), flags(), Mode::empty()),
            Some(_) => Err(nix::errno::Errno::ENOTDIR),
        };
        match inner {
            Ok(inner) => {
                if fstat(&inner)?.st_dev != device {
                    return Err(io::Error::other(format!("{} is another file system", name.to_string_lossy())));
                }
                empty(inner, device)?;
                unlinkat(directory.as_fd(), name.as_c_str(), UnlinkatFlags::RemoveDir)?;
            }
            Err(nix::errno::Errno::ENOTDIR | nix::errno::Errno::ELOOP) => {
                unlinkat(directory.as_fd(), name.as_c_str(), UnlinkatFlags::NoRemoveDir)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A mount point at or below `real`.
fn mount_inside(real: &Path) -> Option<PathBuf> {
    // Without /proc only the check of the device number remains.
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
