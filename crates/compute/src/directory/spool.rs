//! [`Spool`]: where runs and steps have their directories.

use super::{Part, RunDirectory, Work, write_whole};
use rustix::fs::{XattrFlags, fsetxattr};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long a daemon that was killed may take to let go of the spool: what it was just starting has its files, too.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Where runs have their directories (slurm.conf(5), `SlurmdSpoolDir`). One daemon has it, as long as this or a copy lives.
#[derive(Clone, Debug)]
pub struct Spool {
    path: PathBuf,
    _lock: Arc<File>,
}

impl Spool {
    /// Opens it, or makes it. What was half made or half taken away when a daemon was killed is taken away. Refuses a directory
    /// in which others than root can write, and one that another daemon uses.
    pub fn open(path: &Path) -> io::Result<Self> {
        make_private(path)?;
        let spool = Self { path: path.to_owned(), _lock: Arc::new(lock_of_daemon(&path.join("lock"))?) };
        spool.lay_out()?;
        for entry in fs::read_dir(path.join("new"))? {
            fs::remove_dir_all(entry?.path())?;
        }
        for entry in fs::read_dir(path.join("scripts"))? {
            let entry = entry?;
            if !path.join("runs").join(entry.file_name()).try_exists()? {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(spool)
    }

    /// Makes the directories in it, whatever bits this process takes from new files.
    fn lay_out(&self) -> io::Result<()> {
        for (name, mode) in [("runs", 0o700), ("scripts", 0o711), ("new", 0o700)] {
            let path = self.path.join(name);
            DirBuilder::new().recursive(true).mode(mode).create(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// A word that no other spool on this host has, the same at each start.
    pub fn token(&self) -> io::Result<String> {
        let path = self.path.join("token");
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let random = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
                let token: String = random.chars().take(8).collect();
                write_whole(&path, token.as_bytes())?;
                Ok(token)
            }
            read => read,
        }
    }

    /// The directory that a run or step has, or would have.
    pub fn directory_of(&self, part: Part) -> RunDirectory {
        RunDirectory { path: self.path.join("runs").join(part.to_string()) }
    }

    /// All directories of runs and steps.
    pub fn runs(&self) -> io::Result<Vec<RunDirectory>> {
        let entries = fs::read_dir(self.path.join("runs"))?;
        entries.map(|entry| Ok(RunDirectory { path: entry?.path() })).collect()
    }

    /// The directory of a new run or step: it is there whole or not at all. Where there is a script, its file is made, too.
    pub fn make(&self, mut work: Work) -> io::Result<RunDirectory> {
        let name = work.part().to_string();
        let mut made = self.make_named(&name, &mut work);
        if made.as_ref().is_err_and(is_missing) {
            // Somebody emptied the spool by hand.
            make_private(&self.path)?;
            self.lay_out()?;
            made = self.make_named(&name, &mut work);
        }
        if made.is_err() {
            for half in ["new", "scripts"] {
                // What stays goes at the next start.
                let _ = fs::remove_dir_all(self.path.join(half).join(&name));
            }
        }
        made
    }

    fn make_named(&self, name: &str, work: &mut Work) -> io::Result<RunDirectory> {
        let mut text = work.clone();
        if let (Some(batch), None) = (&mut text.launch.batch, &work.step) {
            let directory = self.path.join("scripts").join(name);
            text.script = Some(write_script(&directory, &batch.script.0, work.launch.user.uid.0)?);
            batch.script.0.clear();
        }
        let (new, path) = (self.path.join("new").join(name), self.path.join("runs").join(name));
        DirBuilder::new().mode(0o700).create(&new)?;
        write_whole(&new.join("work.json"), &serde_json::to_vec(&text)?)?;
        fs::rename(&new, &path)?;
        Ok(RunDirectory { path })
    }
}

pub(super) fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Where it is gone already, that is well.
pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })
}

/// Makes a directory that all may pass and root alone may change. One that is there must be so already: nothing is taken
/// from others that may be theirs.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).create(parent)?;
    }
    match DirBuilder::new().mode(0o711).create(path) {
        Ok(()) => return fs::set_permissions(path, Permissions::from_mode(0o711)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::metadata(path)?;
    let is_own = found.uid() == 0 || found.uid() == nix::unistd::geteuid().as_raw();
    if !is_own || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("it is not root's, or others can write there: give it to root, with mode 0711"));
    }
    if found.mode() & 0o011 != 0o011 {
        fs::set_permissions(path, Permissions::from_mode(found.mode() & 0o7777 | 0o011))?;
    }
    Ok(())
}

/// Held for as long as the file is open.
fn lock_of_daemon(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let until = Instant::now() + LETTING_GO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another daemon uses it")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// The script, which its user may read and nobody else. It is root's, so that the user cannot make it larger.
fn write_script(directory: &Path, script: &[u8], uid: u32) -> io::Result<PathBuf> {
    let path = directory.join("slurm_script");
    gone(fs::remove_dir_all(directory))?;
    DirBuilder::new().mode(0o711).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o711))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o500).open(&path)?;
    file.write_all(script)?;
    match fsetxattr(&file, "system.posix_acl_access", &readable_for(uid), XattrFlags::empty()) {
        // A file system without such lists: there it has to be the user's own.
        Err(Errno::OPNOTSUPP | Errno::INVAL) => fchown(&file, Some(uid), None)?,
        set => set?,
    }
    Ok(path)
}

/// The list by which root and one user may read and execute a file, as the kernel takes it (acl(5);
/// `linux/posix_acl_xattr.h`): a version, then tag, permissions and number of each entry.
fn readable_for(uid: u32) -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] = [(1, 5, !0), (2, 5, uid), (4, 0, !0), (16, 5, !0), (32, 0, !0)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_spool_has_one_daemon_and_loses_what_was_half_made() {
        let files = TempDir::new().unwrap();
        let path = files.path().join("a/spool");
        let spool = Spool::open(&path).unwrap();
        assert_eq!(fs::metadata(path.join("scripts")).unwrap().mode() & 0o777, 0o711);
        for name in ["new/1.0", "scripts/1.0", "scripts/2.0", "runs/2.0"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        let copy = spool.clone();
        drop(spool);
        assert_eq!(Spool::open(&path).unwrap_err().to_string(), "another daemon uses it");
        assert!(path.join("new/1.0").exists());
        drop(copy);
        Spool::open(&path).unwrap();
        let left = ["new/1.0", "scripts/1.0", "scripts/2.0", "runs/2.0"].map(|name| path.join(name).exists());
        assert_eq!(left, [false, false, true, true]);
    }

    #[test]
    fn a_spool_in_which_others_can_write_is_refused_and_left_as_it_is() {
        let files = TempDir::new().unwrap();
        fs::set_permissions(files.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(Spool::open(files.path()).unwrap_err().to_string().contains("others can write"));
        assert_eq!(fs::metadata(files.path()).unwrap().mode() & 0o777, 0o777);
        assert_eq!(fs::read_dir(files.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_run_goes_with_its_script_also_a_second_time() {
        let files = TempDir::new().unwrap();
        let spool = Spool::open(&files.path().join("spool")).unwrap();
        let path = |name: &str| spool.path.join(name);
        write_script(&path("scripts/1.0"), b"#!/bin/sh\n", 65534).unwrap();
        fs::create_dir(path("runs/1.0")).unwrap();
        // What an earlier try left.
        fs::create_dir(path("new/1.0")).unwrap();
        let run = RunDirectory::at(&path("runs/1.0"));
        run.remove().unwrap();
        run.remove().unwrap();
        assert!(run.is_gone() && !path("new/1.0").exists() && !path("scripts/1.0").exists());
    }
}
