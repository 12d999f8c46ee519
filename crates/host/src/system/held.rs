//! [`Held`]: a directory by what it is, not by what it is called.
//!
//! What lies in a user's home has names that the user may change at any instant: a directory that was looked at may be a
//! link to somewhere else when it is used. So each directory below the home is opened without following links, kept
//! open, and used through what was opened.

use super::{Attributes, FileKind, Result, System, SystemError};
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// Where the kernel shows what this process has opened.
pub(super) const OPENED: &str = "/proc/self/fd/";

/// A directory that stays the same one while this is held, whoever renames or replaces it.
#[derive(Debug)]
pub struct Held {
    name: PathBuf,
    open: Option<OwnedFd>,
}

impl Held {
    /// Where nobody else acts, as in memory, a name is good enough.
    pub fn by_name(name: &Path) -> Self {
        Self { name: name.to_owned(), open: None }
    }

    /// What was opened, and how it was called then.
    pub fn opened(name: &Path, open: OwnedFd) -> Self {
        Self { name: name.to_owned(), open: Some(open) }
    }

    /// The path of a file in it, for this process and while this is held.
    pub fn file(&self, name: &OsStr) -> PathBuf {
        self.path().join(name)
    }

    /// The path of the directory itself, likewise.
    pub fn itself(&self) -> PathBuf {
        // Without the dot, the last component would be the kernel's link, which is not followed where links are not.
        if self.open.is_some() { self.path().join(".") } else { self.name.clone() }
    }

    fn path(&self) -> PathBuf {
        match &self.open {
            Some(open) => PathBuf::from(format!("{OPENED}{}", open.as_raw_fd())),
            None => self.name.clone(),
        }
    }

    /// A result of something done with these paths; its error says the name.
    pub fn named<T>(&self, result: Result<T>) -> Result<T> {
        let (path, name) = (self.path().display().to_string(), self.name.display().to_string());
        result.map_err(|error| match error {
            SystemError::Io { doing, source } => SystemError::Io { doing: doing.replace(&path, &name), source },
            SystemError::Refused(text) => SystemError::Refused(text.replace(&path, &name)),
            unknown => unknown,
        })
    }
}

/// The names from `top` down to `directory`; refused when it does not lie below, or goes up again.
pub fn names_below<'a>(top: &Path, directory: &'a Path) -> Result<Vec<&'a OsStr>> {
    let wrong = || SystemError::Refused(format!("{} is not below {}", directory.display(), top.display()));
    let rest = directory.strip_prefix(top).map_err(|_| wrong())?;
    rest.components().map(|part| if let Component::Normal(name) = part { Ok(name) } else { Err(wrong()) }).collect()
}

/// Why what is at `path` cannot be held, if so.
pub fn must_be_directory(path: &Path, kind: FileKind) -> Result<()> {
    match kind {
        FileKind::Directory => Ok(()),
        FileKind::Link => Err(SystemError::Refused(format!(
            "{} is a symbolic link, which its owner could point anywhere; not followed",
            path.display()
        ))),
        _ => Err(SystemError::Refused(format!("{} is not a directory", path.display()))),
    }
}

/// Makes `directory`, which lies below `top`, and holds it; its parent must be there. One that is there already, because
/// another run was faster, is held as it is.
pub fn make_directory(system: &mut dyn System, top: &Path, directory: &Path, attributes: Attributes) -> Result<Held> {
    let gone = |path: &Path| SystemError::Refused(format!("{} was taken away meanwhile", path.display()));
    let (parent, name) = (directory.parent().unwrap_or(top), directory.file_name().unwrap_or_default());
    let parent = system.hold(top, parent)?.ok_or_else(|| gone(parent))?;
    match parent.named(system.make_directory(&parent.file(name), attributes)) {
        Err(SystemError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    system.hold(top, directory)?.ok_or_else(|| gone(directory))
}
