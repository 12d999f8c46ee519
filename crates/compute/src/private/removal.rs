//! [`remove_tree`]: takes away a tree that a user made, as root. Names in it are hostile: they may be links to anywhere, lie deeper than
//! there are descriptors, and be changed meanwhile by who still has a directory of it open. So no link is followed, no path goes
//! deeper than one level, and what is found deeper is first moved up.

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// So many names are read at a time.
const AT_ONCE: usize = 1000;

/// So often a directory may have got something new since it was emptied.
const PATIENCE: u32 = 100;

/// Takes a directory of root's own away, with all that is below it. One that is not there is well.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let top = match directory(CWD, path.as_os_str()) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    let mut moved = 0;
    loop {
        let names = names(&top)?;
        if names.is_empty() {
            break;
        }
        for (name, kind) in names {
            if kind == FileType::Directory {
                empty(&top, &name, &mut moved)?;
            } else {
                unlinkat(&top, &name, AtFlags::empty())?;
            }
        }
    }
    drop(top);
    Ok(std::fs::remove_dir(path)?)
}

fn directory(at: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Some of the names in a directory.
fn names(of: &OwnedFd) -> io::Result<Vec<(CString, FileType)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(of)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            found.push((entry.file_name().to_owned(), kind(of, &entry)?));
        }
        if found.len() == AT_ONCE {
            break;
        }
    }
    Ok(found)
}

/// File systems need not say in a listing what an entry is.
fn kind(of: &OwnedFd, entry: &rustix::fs::DirEntry) -> io::Result<FileType> {
    if entry.file_type() != FileType::Unknown {
        return Ok(entry.file_type());
    }
    let found = rustix::fs::statat(of, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode))
}

/// Takes a directory below the top away; directories in it are moved up, beside it.
fn empty(top: &OwnedFd, name: &CString, moved: &mut u64) -> io::Result<()> {
    let own = directory(top, OsStr::from_bytes(name.as_bytes()))?;
    for _ in 0..PATIENCE {
        loop {
            let names = names(&own)?;
            if names.is_empty() {
                break;
            }
            for (name, kind) in names {
                take_out(top, &own, &name, kind, moved)?;
            }
        }
        match unlinkat(top, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            removed => return Ok(removed?),
        }
    }
    Err(io::Error::other("somebody puts files into it again and again"))
}

fn take_out(top: &OwnedFd, from: &OwnedFd, name: &CString, kind: FileType, moved: &mut u64) -> io::Result<()> {
    if kind != FileType::Directory {
        match unlinkat(from, name, AtFlags::empty()) {
            Err(Errno::NOENT) => return Ok(()),
            // It has become a directory meanwhile.
            Err(Errno::ISDIR | Errno::PERM) => {}
            removed => return Ok(removed?),
        }
    }
    loop {
        *moved += 1;
        match renameat(from, name, top, format!("moved.{moved}")) {
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::ISDIR) => {}
            Err(Errno::NOENT) => return Ok(()),
            renamed => return Ok(renamed?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_tree_goes_whatever_is_in_it_and_nothing_else_does() {
        let files = tempfile::TempDir::new().unwrap();
        let (top, safe) = (files.path().join("7.0"), files.path().join("safe"));
        fs::create_dir_all(top.join("0")).unwrap();
        fs::write(&safe, "kept").unwrap();
        std::os::unix::fs::symlink(files.path(), top.join("0/link")).unwrap();
        std::os::unix::fs::symlink(&safe, top.join("0/file")).unwrap();
        (0..2500).for_each(|number| fs::write(top.join(format!("0/{number}")), "").unwrap());
        // Deeper than a path may be long, and than there are descriptors.
        let mut at = directory(CWD, top.join("0").as_os_str()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "a-long-name-of-a-directory", Mode::RWXU).unwrap();
            at = directory(&at, OsStr::new("a-long-name-of-a-directory")).unwrap();
        }
        drop(at);
        remove_tree(&top).unwrap();
        assert!(!top.exists());
        assert_eq!(fs::read_to_string(safe).unwrap(), "kept");
        remove_tree(&top).unwrap();
    }
}
