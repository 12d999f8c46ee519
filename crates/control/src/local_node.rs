//! [`LocalNode`]: the machine that enlist runs on.

use crate::template::{ControlNode, Decide, Entry, EntryKind};
use jiff::Zoned;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use words::text::login_name::LoginName;

/// This machine: for a run, or for a dry run, which reads it as it is and writes nothing.
#[derive(Debug, Default)]
pub struct LocalNode {
    is_dry: bool,
    /// What a dry run would have written, by full path. The lock also makes one wait for the other who settles a file.
    promised: Arc<Mutex<BTreeMap<PathBuf, String>>>,
}

impl LocalNode {
    /// As a run sees it; `dry` as a dry run does: files that it would have written read as if they were there.
    pub fn new(dry: bool) -> LocalNode {
        LocalNode { is_dry: dry, promised: Arc::default() }
    }

    /// The same machine for tasks of the same playbook that run for real, or dry. What was promised to the dry ones is
    /// what the others then write.
    pub fn with(&self, dry: bool) -> LocalNode {
        LocalNode { is_dry: dry, promised: self.promised.clone() }
    }

    fn promised(&self) -> MutexGuard<'_, BTreeMap<PathBuf, String>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn promise(&self, path: &Path) -> Option<String> {
        if !self.is_dry {
            return None;
        }
        self.promised().get(&std::path::absolute(path).ok()?).cloned()
    }

    fn seen(&self, path: &Path, found: io::Result<fs::Metadata>) -> io::Result<Entry> {
        match found {
            Ok(metadata) => Ok(entry(&metadata)),
            Err(_) if self.promise(path).is_some() => Ok(Entry { kind: EntryKind::File, device: 0, inode: 0 }),
            Err(error) => Err(error),
        }
    }
}

fn entry(metadata: &fs::Metadata) -> Entry {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => EntryKind::File,
        kind if kind.is_dir() => EntryKind::Directory,
        kind if kind.is_symlink() => EntryKind::Link,
        _ => EntryKind::Other,
    };
    Entry { kind, device: metadata.dev(), inode: metadata.ino() }
}

impl ControlNode for LocalNode {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.promise(path).map_or_else(|| fs::read(path), |text| Ok(text.into_bytes()))
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.seen(path, path.metadata())
    }

    fn entry_or_link(&self, path: &Path) -> io::Result<Entry> {
        self.seen(path, path.symlink_metadata())
    }

    fn names_in(&self, directory: &Path) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<fs::DirEntry>| Some(entry.ok()?.file_name().to_string_lossy().into_owned());
        Ok(fs::read_dir(directory)?.filter_map(name).collect())
    }

    fn resolved(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    fn directory(&self) -> io::Result<PathBuf> {
        std::env::current_dir()
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    #[expect(clippy::disallowed_methods, reason = "a `LoginName` is what may reach NSS")]
    fn home_of(&self, user: &LoginName) -> io::Result<Option<String>> {
        // That there is no such user is no error to the C library; every error is a directory that cannot be asked.
        let user = nix::unistd::User::from_name(user.as_str())?;
        Ok(user.map(|user| user.dir.to_string_lossy().into_owned()))
    }

    fn shell(&self, command: &str, directory: Option<&Path>) -> Result<String, String> {
        let mut program = Command::new("/bin/sh");
        if let Some(directory) = directory {
            program.current_dir(directory);
        }
        let output = program.arg("-c").arg(command).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{command}` failed ({}): {}", output.status, complaint.trim()))
    }

    fn now(&self) -> Zoned {
        Zoned::now()
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        File::open("/dev/urandom")?.read_exact(bytes)
    }

    fn settle(&self, path: &Path, decide: Decide<'_>) -> Result<(), String> {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let full = std::path::absolute(path).map_err(failed)?;
        let mut promised = self.promised();
        let promise = promised.get(&full).cloned();
        let there = if promise.is_some() { promise.clone() } else { stored(path).map_err(failed)? };
        let wanted = decide(there.as_deref())?;
        if self.is_dry {
            promised.extend(wanted.map(|text| (full, text)));
        } else if let Some(text) = wanted.or(promise) {
            write_private(path, &text).map_err(failed)?;
            promised.remove(&full);
        }
        Ok(())
    }
}

/// What the file holds, if there is one.
fn stored(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file for its owner only, in a directory that is, if it is new.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
        make_private(directory)?;
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// A directory for its owner only, and what it lies in.
fn make_private(directory: &Path) -> io::Result<()> {
    if let Some(above) = directory.parent() {
        fs::create_dir_all(above)?;
    }
    DirBuilder::new().mode(0o700).create(directory)
}

#[cfg(test)]
mod tests;
