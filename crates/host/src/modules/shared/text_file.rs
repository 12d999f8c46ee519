//! What `lineinfile`, `blockinfile` and `replace` share: a text file of which a part is changed. It is bytes: what is
//! not theirs to change stays as it is, in whatever encoding, with whatever line ends.

use super::files::{EditParameters, followed};
use crate::change::outcome::Failure;
use crate::engine::Verdict;
use crate::parameters::HostPath;
use crate::system::resolve::FollowedLinks;
use crate::system::{FileKind, System};
use std::path::PathBuf;

/// What follows when the file is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// All is well: nothing shall be in it.
    Leave,
    /// It is made.
    Make,
    /// The task fails.
    Fail,
}

impl IfMissing {
    /// By whether something shall be in the file, and whether the task makes it then.
    pub fn of(is_present: bool, create: bool) -> Self {
        if !is_present {
            Self::Leave
        } else if create {
            Self::Make
        } else {
            Self::Fail
        }
    }
}

/// A text file as it is before the change.
pub struct TextFile {
    path: PathBuf,
    /// `None` when it is not there and may be made.
    old: Option<Vec<u8>>,
}

impl TextFile {
    /// The file at `path`. Missing: made if it may be, `None` if nothing is to be in it, else a failure that calls the
    /// file what `called` says, as Ansible does.
    pub fn find(
        path: &HostPath,
        if_missing: IfMissing,
        called: &str,
        system: &dyn System,
    ) -> Result<Option<Self>, Failure> {
        let path = followed(path.on(system)?, Some(FollowedLinks::Judged), system)?;
        let shown = path.display();
        match system.stat(&path, true)? {
            Some(stat) if stat.kind == FileKind::Directory => {
                Err(Failure::new(format!("Path {shown} is a directory !")).with("rc", 256))
            }
            Some(_) => Ok(Some(Self { old: Some(system.read(&path)?.unwrap_or_default()), path })),
            None if if_missing == IfMissing::Leave => Ok(None),
            None if if_missing == IfMissing::Make => Ok(Some(Self { path, old: None })),
            None => {
                let failure = Failure::new(format!("{called} {shown} does not exist !")).with("rc", 257);
                Err(failure.hint("make the file in an earlier task, or set create: true where the module has that"))
            }
        }
    }

    /// What is in it; empty when it is not there.
    pub fn content(&self) -> &[u8] {
        self.old.as_deref().unwrap_or_default()
    }

    /// Whether it is still to be made.
    pub fn is_missing(&self) -> bool {
        self.old.is_none()
    }

    /// The verdict about its new content, with `msg` as these modules report it.
    pub fn edited(
        self,
        given: &EditParameters,
        new: Vec<u8>,
        msg: String,
        system: &dyn System,
    ) -> Result<Verdict, Failure> {
        let is_new = self.old.as_ref() != Some(&new);
        let edit = given.edit(self.path, is_new.then(|| new.into()), given.attributes.wanted(system)?);
        let verdict = edit.verdict(system, |_, outcome| Ok(outcome))?;
        let msg = match verdict {
            Verdict::Would(_) if !is_new => "ownership, perms or SE linux context changed".to_owned(),
            _ => msg,
        };
        Ok(given.attributes.warn_about_mode(verdict.map(|outcome| outcome.with("msg", msg))))
    }
}
