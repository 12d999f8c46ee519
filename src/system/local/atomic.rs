//! Atomic replacement of files and names: a reader sees the old or the new, whole; a crash leaves one of the two.

use super::doing;
use crate::system::{Attributes, Result, SystemError};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown, fsync};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the kernel shows SELinux when it is in use.
const SELINUX: &str = "/sys/fs/selinux/enforce";
/// The extended attribute that holds a file's SELinux label.
const LABEL: &str = "security.selinux";

/// Puts `content` at `path`: temporary file beside it, owner, mode, label, fsync, rename, fsync of the directory.
///
/// What `attributes` leaves open is taken from the regular file that is replaced, else from the process and
/// `default_mode`. A symbolic link at `path` is replaced, never followed; a directory, device or pipe is refused. On
/// error (a full disk) the old file is there untouched and no temporary one is left.
pub fn replace(path: &Path, content: &[u8], attributes: Attributes, default_mode: u32) -> Result<()> {
    let old = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => Some(meta),
        Ok(meta) if meta.is_symlink() => None,
        Ok(_) => return Err(SystemError::Refused(format!("{} is not a regular file", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return doing("write", path, Err(error)),
    };
    let wanted = Attributes {
        mode: attributes.mode.or(old.as_ref().map(|m| m.mode() & 0o7777)).or(Some(default_mode)),
        uid: attributes.uid.or(old.as_ref().map(MetadataExt::uid)),
        gid: attributes.gid.or(old.as_ref().map(MetadataExt::gid)),
    };
    let label = old.and_then(|_| label_of(path));
    doing("write", path, write_beside(path, content, wanted, label.as_deref()))
}

fn write_beside(path: &Path, content: &[u8], wanted: Attributes, label: Option<&[u8]>) -> io::Result<()> {
    let (mut file, temporary) =
        Temporary::create(path, |name| File::options().write(true).create_new(true).mode(0o600).open(name))?;
    file.write_all(content)?;
    // Owner before mode: a change of owner clears set-user-id bits.
    fchown(&file, wanted.uid.map(Uid::from_raw), wanted.gid.map(Gid::from_raw))?;
    if let Some(mode) = wanted.mode {
        fchmod(&file, Mode::from_bits_truncate(mode))?;
    }
    if let Some(label) = label {
        rustix::fs::fsetxattr(&file, LABEL, label, rustix::fs::XattrFlags::empty())?;
    }
    fsync(&file)?;
    temporary.rename_to(path)
}

/// Makes a name (a link) with `make` and puts it at `path`, replacing a file or link that is there.
pub fn replace_name(path: &Path, make: impl Fn(&Path) -> io::Result<()>) -> Result<()> {
    let replace = || -> io::Result<()> {
        let ((), temporary) = Temporary::create(path, make)?;
        temporary.rename_to(path)
    };
    doing("link", path, replace())
}

/// Makes the names in the directory of `path` durable.
pub fn sync_directory_of(path: &Path) -> Result<()> {
    let directory = directory_of(path);
    doing("sync", directory, File::open(directory).and_then(|opened| Ok(fsync(&opened)?)))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The SELinux label, where SELinux is in use and the file has one.
fn label_of(path: &Path) -> Option<Vec<u8>> {
    if !Path::new(SELINUX).exists() {
        return None;
    }
    let mut label = vec![0; 4096];
    let length = rustix::fs::lgetxattr(path, LABEL, &mut label[..]).ok()?;
    label.truncate(length);
    Some(label)
}

/// A temporary name; removed when dropped.
struct Temporary(Option<PathBuf>);

impl Temporary {
    /// Tries names beside `path` until `make` finds one free.
    fn create<T>(path: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, Self)> {
        let mut last = None;
        for attempt in 0..100 {
            let name = temporary_name(path, attempt);
            match make(&name) {
                Ok(made) => return Ok((made, Self(Some(name)))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("no free temporary name")))
    }

    fn rename_to(mut self, path: &Path) -> io::Result<()> {
        if let Some(name) = &self.0 {
            fs::rename(name, path)?;
        }
        self.0 = None;
        fsync(&File::open(directory_of(path))?)?;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            let _ = fs::remove_file(name);
        }
    }
}

/// `.NAME.enlist-PID-N`: hidden, and with a dot in it, so that directories such as sudoers.d and cron.d ignore it.
fn temporary_name(path: &Path, attempt: u32) -> PathBuf {
    let suffix = format!(".enlist-{}-{attempt}", std::process::id());
    let stem = path.file_name().unwrap_or_default().as_bytes();
    let stem = &stem[..stem.len().min(254 - suffix.len())];
    let name = [b".", stem, suffix.as_bytes()].concat();
    directory_of(path).join(OsString::from_vec(name))
}
