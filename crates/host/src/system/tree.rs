//! One walk over a directory tree that sees every entry and, if told to, sets owners and modes as it goes.
//!
//! A tree that a user owns changes while root walks over it: a directory that was looked at may be a link when it is
//! used. So the walk opens each directory without following links, looks at what it opened, and changes what it looked
//! at; see `local::walk`. Here are its words, and the walk for hosts in memory, where nobody else acts.

use super::{Attributes, FileKind, Result, Stat, System};
use crate::identity::Uid;
use std::path::{Path, PathBuf};

/// So deep a tree is walked; a deeper one is refused rather than walked until memory or descriptors end.
pub const DEEPEST: usize = 900;

/// Where a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeScope {
    /// Into all that is mounted below, too.
    AllMounts,
    /// Only over the mount on which it begins; bind mounts are mounts of their own.
    OneMount,
}

/// What an entry shall have, by its path and what it has; `None` when it is as it should be.
pub type Judge<'a> = dyn Fn(&Path, &Stat) -> Option<Attributes> + 'a;

/// What a walk found and, in [`System::correct_tree`], did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// How many entries differed.
    pub differing: usize,
    /// Directories on which something else is mounted, not entered.
    pub mounts: Vec<PathBuf>,
    /// Why some of the entries that differ must stay as they are: [`super::resolve::refuse_further_name`].
    pub refused: Vec<String>,
}

/// A walk by names; also what differs, in the order in which it is to be changed: content before its directory.
pub(super) fn by_name<S: System + ?Sized>(
    system: &S,
    top: &Path,
    scope: TreeScope,
    judge: &Judge,
) -> Result<(Walked, Vec<(PathBuf, Attributes)>)> {
    let mount = system.mount_of(top)?;
    let mut walk = ByName { system, scope, judge, mount, walked: Walked::default(), differing: Vec::new() };
    let above = top.parent().unwrap_or(Path::new("/"));
    let above_uid = system.stat(above, true)?.map_or(Uid::ROOT, |stat| stat.uid);
    walk.entry(top, above_uid)?;
    Ok((walk.walked, walk.differing))
}

struct ByName<'a, S: ?Sized> {
    system: &'a S,
    scope: TreeScope,
    judge: &'a Judge<'a>,
    mount: Option<u64>,
    walked: Walked,
    differing: Vec<(PathBuf, Attributes)>,
}

impl<S: System + ?Sized> ByName<'_, S> {
    fn entry(&mut self, path: &Path, above_uid: Uid) -> Result<()> {
        let Some(stat) = self.system.stat(path, false)? else { return Ok(()) };
        if stat.kind == FileKind::Directory {
            if self.scope == TreeScope::OneMount && self.system.mount_of(path)? != self.mount {
                self.walked.mounts.push(path.to_owned());
                return Ok(());
            }
            for name in self.system.list(path)? {
                self.entry(&path.join(name), stat.uid)?;
            }
        }
        let Some(attributes) = (self.judge)(path, &stat) else { return Ok(()) };
        self.walked.differing += 1;
        match super::resolve::refuse_further_name(path, &stat, above_uid) {
            Ok(()) => self.differing.push((path.to_owned(), attributes)),
            Err(refused) => self.walked.refused.push(refused.to_string()),
        }
        Ok(())
    }
}
