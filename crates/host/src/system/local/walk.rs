//! The walk over a tree, by descriptor: [`crate::system::tree`].

use super::place::{Opened, Place, directory_to_read};
use crate::identity::Uid;
use crate::system::resolve::{FollowedLinks, refuse_further_name};
use crate::system::tree::{DEEPEST, Judge, TreeScope, Walked};
use crate::system::{FileKind, Result, SystemError};
use nix::unistd::geteuid;
use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Walks over `top`; with `apply`, sets what differs.
pub fn walk(top: &Path, scope: TreeScope, judge: &Judge, apply: bool) -> Result<Walked> {
    let place = Place::find(top, false, FollowedLinks::Judged)?;
    let mut walk = Walk { scope, judge, apply, mount: None, path: top.to_owned(), depth: 0, walked: Walked::default() };
    walk.entry(&place.directory, place.directory_uid, &place.name)
        .map_err(|error| SystemError::io(format!("walk over {}", walk.path.display()), error))?;
    Ok(walk.walked)
}

struct Walk<'a> {
    scope: TreeScope,
    judge: &'a Judge<'a>,
    apply: bool,
    /// The mount of the top, once known.
    mount: Option<u64>,
    /// Where the walk is, for messages.
    path: PathBuf,
    depth: usize,
    walked: Walked,
}

impl Walk<'_> {
    /// One entry: what is in it, then itself. An error leaves `path` where it happened.
    fn entry(&mut self, directory: &OwnedFd, directory_uid: Uid, name: &OsStr) -> io::Result<()> {
        let opened = match Opened::at(directory, name) {
            // Removed since the directory was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        if opened.stat.kind == FileKind::Directory && !self.enter(&opened)? {
            self.walked.mounts.push(self.path.clone());
            return Ok(());
        }
        let Some(attributes) = (self.judge)(&self.path, &opened.stat) else { return Ok(()) };
        self.walked.differing += 1;
        let refused = geteuid().is_root().then(|| refuse_further_name(&self.path, &opened.stat, directory_uid));
        match refused {
            Some(Err(refused)) => self.walked.refused.push(refused.to_string()),
            _ if self.apply => opened.set(attributes)?,
            _ => {}
        }
        Ok(())
    }

    /// What is in a directory; false when it is another mount that is not to be entered.
    fn enter(&mut self, opened: &Opened) -> io::Result<bool> {
        if self.scope == TreeScope::OneMount {
            let mount = opened.mount()?;
            if *self.mount.get_or_insert(mount) != mount {
                return Ok(false);
            }
        }
        if self.depth == DEEPEST {
            return Err(io::Error::other(format!("it is deeper than {DEEPEST} directories")));
        }
        self.depth += 1;
        for name in names(&opened.fd)? {
            self.path.push(&name);
            self.entry(&opened.fd, opened.stat.uid, &name)?;
            self.path.pop();
        }
        self.depth -= 1;
        Ok(true)
    }
}

/// The names in a directory, sorted, without `.` and `..`.
pub fn names(directory: &impl AsFd) -> io::Result<Vec<OsString>> {
    let is_self = |name: &CStr| matches!(name.to_bytes(), b"." | b"..");
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(directory_to_read(directory)?)? {
        let entry = entry?;
        if !is_self(entry.file_name()) {
            names.push(OsString::from_vec(entry.file_name().to_bytes().to_vec()));
        }
    }
    names.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    Ok(names)
}
