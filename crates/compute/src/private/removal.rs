//! [`remove_tree`]: takes away a tree that a user made, as root. Names in it are hostile: they may be links to anywhere, lie deeper than
//! there are descriptors, and be changed meanwhile by who still has a directory of it open. So no link is followed, no path goes
//! deeper than one level, and what is found deeper is first moved up.

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, openat, renameat, unlinkat};
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
                absent_is_well(unlinkat(&top, &name, AtFlags::empty()))?;
            }
        }
    }
    drop(top);
    Ok(absent_is_well(unlinkat(CWD, path, AtFlags::REMOVEDIR))?)
}

fn absent_is_well(removed: Result<(), Errno>) -> Result<(), Errno> {
    removed.or_else(|error| if error == Errno::NOENT { Ok(()) } else { Err(error) })
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
    let own = match directory(top, OsStr::from_bytes(name.as_bytes())) {
        // Somebody else takes the same tree away.
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    // From here on nobody but root puts anything in, also who has it open.
    fchmod(&own, Mode::RWXU)?;
    fchown(&own, Some(Uid::ROOT), Some(Gid::ROOT))?;
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
            removed => return Ok(absent_is_well(removed)?),
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

    /// Who has a directory open and puts files in without end. It is another user's process, as those of jobs are.
    #[test]
    fn who_writes_without_end_does_not_hold_it_up() {
        let files = tempfile::TempDir::new().unwrap();
        fs::set_permissions(files.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let top = files.path().join("7.0");
        fs::create_dir_all(top.join("0")).unwrap();
        fs::set_permissions(top.join("0"), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
        let script = "import os, sys\nos.chdir(sys.argv[1])\nos.setuid(65534)\nprint(1, flush=True)\nn = 0\n\
                      while True:\n    try: os.close(os.open('x%d' % n, os.O_CREAT)); n += 1\n    except OSError: pass\n";
        let mut writer = std::process::Command::new("python3");
        let mut writer =
            writer.arg("-c").arg(script).arg(top.join("0")).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(writer.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let removed = remove_tree(&top);
        writer.kill().unwrap();
        writer.wait().unwrap();
        removed.unwrap();
        assert!(!top.exists());
    }

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
