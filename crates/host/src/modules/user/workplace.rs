//! Where work on a home is done that takes more than one step: a directory beside the home, which root alone can enter.
//!
//! A run that is cut off leaves it, and by its name the next run knows it and finishes or clears the work. The name ends
//! with that of the host, so that hosts which share their homes over a network never take each other's work for a
//! leftover; on one host the claim tells ([`System::begin_work`]): what is there when it is taken was left.

use crate::change::outcome::Failure;
use crate::identity::{Gid, Uid};
use crate::system::{Attributes, FileKind, Result, System, SystemError};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How often a place that another run makes is removed before a dry run gives up.
const TRIES: usize = 5;

fn is(error: &SystemError, kind: ErrorKind) -> bool {
    matches!(error, SystemError::Io { source, .. } if source.kind() == kind)
}

/// The directory beside one home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Workplace(PathBuf);

impl Workplace {
    /// `.NAME.enlist-HOST` beside `home`.
    pub(super) fn beside(home: &Path, system: &dyn System) -> Self {
        let mut name = OsString::from(".");
        name.push(home.file_name().unwrap_or_default());
        name.push(".enlist");
        let host = system.host_name();
        if !host.is_empty() {
            name.push(format!("-{}", host.replace('/', "_")));
        }
        Self(home.with_file_name(name))
    }

    /// The one beside `home` that a run which was cut off has left. One that is not root's is somebody's own directory.
    pub(super) fn left(home: &Path, system: &dyn System) -> Result<Option<Self>> {
        if home.file_name().is_none() {
            return Ok(None);
        }
        let place = Self::beside(home, system);
        let stat = system.stat(&place.0, false)?;
        Ok(stat.filter(|stat| stat.kind == FileKind::Directory && stat.uid == Uid::ROOT).map(|_| place))
    }

    /// Makes it, empty.
    pub(super) fn open(&self, system: &mut dyn System) -> Result<()> {
        let private = Attributes { mode: Some(0o700), uid: Some(Uid::ROOT), gid: Some(Gid::ROOT) };
        for _ in 0..TRIES {
            self.close(system)?;
            match system.make_directory(&self.0, private) {
                Err(error) if is(&error, ErrorKind::AlreadyExists) => {}
                made => return made,
            }
        }
        Err(SystemError::Refused(format!("{} comes back again and again", self.0.display())))
    }

    /// Removes it and all in it. A dry run has no claim: it may see that of another run, which goes meanwhile.
    pub(super) fn close(&self, system: &mut dyn System) -> Result<()> {
        let removed = match system.stat(&self.0, false)? {
            Some(stat) if stat.kind == FileKind::Directory => system.remove_tree(&self.0),
            Some(_) => system.remove(&self.0),
            None => Ok(()),
        };
        match removed {
            Err(error) if is(&error, ErrorKind::NotFound) => Ok(()),
            removed => removed,
        }
    }

    /// The directory itself, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A new home while it is filled.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.0.join("home")
    }

    /// A link to where a home is moved from; made before the account says the new place.
    pub(super) fn origin(&self) -> PathBuf {
        self.0.join("from")
    }

    /// A link to the numbers that files have which are still to get new ones; made before the account says the new ones.
    pub(super) fn owners(&self) -> PathBuf {
        self.0.join("owners")
    }

    /// A home's copy on its way from another file system.
    pub(super) fn copy(&self) -> PathBuf {
        self.0.join("moved")
    }

    /// Says that the copy is whole.
    pub(super) fn copied(&self) -> PathBuf {
        self.0.join("copied")
    }
}

/// Removes a home, and what a run that was cut off left of it. It loses its name first: it is never seen half removed.
pub(super) fn remove_home(system: &mut dyn System, home: &Path) -> std::result::Result<(), Failure> {
    let place = Workplace::beside(home, system);
    if system.stat(home, false)?.is_none() {
        return Ok(place.close(system)?);
    }
    place.open(system)?;
    let gone = place.0.join("gone");
    system.rename(home, &gone).map_err(|error| {
        Failure::from(error).hint("if it is a mount point, unmount it first and remove it where it comes from")
    })?;
    match place.close(system) {
        Ok(()) => Ok(()),
        Err(error) => {
            // Something is mounted in it, or the disk fails: what is left of it keeps its name.
            system.rename_new(&gone, home)?;
            Err(error.into())
        }
    }
}
