//! What `lineinfile`, `blockinfile` and `replace` share: a text file of which a part is changed. It is bytes: what is
//! not theirs to change stays as it is, in whatever encoding, with whatever line ends.

use super::files::{Edit, followed, path, wanted, warn_about_mode};
use super::{Args, Failure, Verdict};
use crate::system::resolve::Links;
use crate::system::{FileKind, System};
use std::path::PathBuf;

/// A text file as it is before the change.
pub(super) struct TextFile {
    path: PathBuf,
    /// `None` when it is not there and may be made.
    old: Option<Vec<u8>>,
}

impl TextFile {
    /// The file that the argument `path` names. Missing: made if the task says so, `None` if nothing is to be in it, else
    /// a failure that calls the file what `called` says, as Ansible does.
    pub(super) fn find(
        args: &Args,
        is_present: bool,
        called: &str,
        system: &dyn System,
    ) -> Result<Option<Self>, Failure> {
        let path = followed(path(args, "path", system)?, Some(Links::Judged), system)?;
        let shown = path.display();
        match system.stat(&path, true)? {
            Some(stat) if stat.kind == FileKind::Directory => {
                Err(Failure::new(format!("Path {shown} is a directory !")).with("rc", 256))
            }
            Some(_) => Ok(Some(Self { old: Some(system.read(&path)?.unwrap_or_default()), path })),
            None if !is_present => Ok(None),
            None if args.flag("create") => Ok(Some(Self { path, old: None })),
            None => {
                let failure = Failure::new(format!("{called} {shown} does not exist !")).with("rc", 257);
                Err(failure.hint("make the file in an earlier task, or set create: true where the module has that"))
            }
        }
    }

    /// What is in it; empty when it is not there.
    pub(super) fn content(&self) -> &[u8] {
        self.old.as_deref().unwrap_or_default()
    }

    /// Whether it is still to be made.
    pub(super) fn is_missing(&self) -> bool {
        self.old.is_none()
    }

    /// The verdict about its new content, with `msg` as these modules report it.
    pub(super) fn edited(
        self,
        args: &Args,
        new: Vec<u8>,
        msg: String,
        system: &dyn System,
    ) -> Result<Verdict, Failure> {
        let is_new = self.old.as_ref() != Some(&new);
        let edit = Edit::new(args, self.path, is_new.then(|| new.into()), wanted(args, system)?);
        let verdict = edit.verdict(system, |_, outcome| Ok(outcome))?;
        let msg = match verdict {
            Verdict::Would(_) if !is_new => "ownership, perms or SE linux context changed".to_owned(),
            _ => msg,
        };
        Ok(warn_about_mode(args, verdict.map(|outcome| outcome.with("msg", msg))))
    }
}
