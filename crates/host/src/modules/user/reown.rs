//! A home whose files get new numbers when the user's change, and how that is finished when it was cut off.

use super::parameters::UserParameters;
use super::workplace::Workplace;
use crate::identity::entries::Passwd;
use crate::identity::{AccountSources, Database, Defaults, Gid, LocalAccount, Uid};
use crate::system::lookup::Nss;
use crate::system::tree::{TreeScope, Walked};
use crate::system::{Attributes, FileKind, Result, Stat, System};
use std::path::{Path, PathBuf};
use words::people::Sought;

/// Uid and gid.
pub(super) type Numbers = (Uid, Gid);

/// A home whose files get new numbers.
#[derive(Clone)]
pub(super) struct Reown {
    /// The directory with the files.
    pub(super) home: PathBuf,
    /// Those that were the user's; several when a run was cut off before the numbers changed again.
    pub(super) from: Vec<Numbers>,
    /// Those that are.
    pub(super) to: Numbers,
    spool: PathBuf,
    /// Whether the disk is to say so before the account does: whose home has its new numbers already, such as one that
    /// hosts share over a network, is walked and not marked.
    is_marked: bool,
}

impl Reown {
    /// As usermod: the home is re-owned with the user's uid or gid, if it was the user's. With `uid` given, also a home
    /// that still has the number of nobody, as one that somebody else's tool left half done.
    pub(super) fn plan(
        given: &UserParameters,
        system: &dyn System,
        defaults: &Defaults,
        old: Option<&LocalAccount>,
        new: &LocalAccount,
    ) -> Result<Option<Self>> {
        // A new user's home may be there, left by somebody of whom only the number remains.
        let user = &old.unwrap_or(new).passwd;
        let home = user.home_path();
        let Some(stat) = system.stat(&home, false)?.filter(|stat| stat.kind == FileKind::Directory) else {
            return Ok(None);
        };
        let to = (new.passwd.uid, new.passwd.gid);
        let is_left_over = || given.uid.is_some() && stat.uid != user.uid && is_nobodys(system, stat.uid);
        let mut from: Vec<Numbers> =
            Workplace::left(&home, system)?.map_or(Ok(Vec::new()), |left| noted(&left, system))?;
        if (user.uid, user.gid) != to && stat.uid == user.uid {
            from.push((user.uid, user.gid));
        } else if from.is_empty() && is_left_over() {
            from.push((stat.uid, stat.gid));
        }
        let is_marked = old.is_some() && (stat.uid, stat.gid) != to;
        let spool = spool_path(defaults, &new.passwd.name);
        Ok((!from.is_empty()).then_some(Self { home, from, to, spool, is_marked }))
    }

    /// What a move that was cut off had still to do before it: the files are where the home was, or is.
    pub(super) fn of_move(
        left: &Workplace,
        places: [&Path; 2],
        defaults: &Defaults,
        new: &LocalAccount,
        system: &dyn System,
    ) -> Result<Option<Self>> {
        let from = noted(left, system)?;
        let to = (new.passwd.uid, new.passwd.gid);
        let spool = spool_path(defaults, &new.passwd.name);
        for home in places {
            if !from.is_empty() && system.stat(home, false)?.is_some_and(|stat| stat.kind == FileKind::Directory) {
                return Ok(Some(Self { home: home.to_owned(), from, to, spool, is_marked: false }));
            }
        }
        Ok(None)
    }

    /// Notes the numbers on the disk, before the account has others: whoever comes after a run that was cut off knows by
    /// it that files are left. In the place of a move where there is one.
    pub(super) fn mark(&self, of_move: Option<&Workplace>, system: &mut dyn System) -> Result<()> {
        let own = Workplace::beside(&self.home, system);
        if of_move.is_none() {
            if !self.is_marked {
                return Ok(());
            }
            own.open(system)?;
        }
        let numbers: Vec<_> = self.from.iter().map(|(uid, gid)| format!("{uid}:{gid}")).collect();
        system.make_link(&of_move.unwrap_or(&own).owners(), Path::new(&numbers.join(",")))
    }

    /// Re-owns the files, and forgets what was noted; gives what people should know about files that were left.
    pub(super) fn run(&self, system: &mut dyn System) -> Result<Vec<String>> {
        let walked = match system.stat(&self.home, false)? {
            Some(home) if home.kind == FileKind::Directory => {
                system.correct_tree(&self.home, TreeScope::OneMount, &|_, stat| self.wanted(stat))?
            }
            _ => Walked::default(),
        };
        if let Some(spool) = system.stat(&self.spool, false)?.filter(|stat| self.is_old_uid(stat.uid)) {
            self.wanted(&spool).map_or(Ok(()), |wanted| system.set_attributes(&self.spool, wanted))?;
        }
        if self.is_marked {
            Workplace::beside(&self.home, system).close(system)?;
        }
        Ok(self.warnings(walked))
    }

    fn warnings(&self, walked: Walked) -> Vec<String> {
        let others = self.from.iter().map(|(uid, _)| *uid).filter(|uid| *uid != self.to.0);
        let mut warnings: Vec<String> = others
            .map(|uid| {
                let home = self.home.display();
                format!(
                    "files outside {home} that uid {uid} owned keep that number; `find / -xdev -uid {uid}` lists them"
                )
            })
            .collect();
        warnings.dedup();
        if !walked.mounts.is_empty() {
            let mounts: Vec<_> = walked.mounts.iter().map(|path| path.display().to_string()).collect();
            warnings.push(format!("on other file systems, not re-owned: {}", mounts.join(", ")));
        }
        warnings.extend(walked.refused);
        warnings
    }

    fn is_old_uid(&self, uid: Uid) -> bool {
        self.from.iter().any(|(old, _)| *old == uid)
    }

    /// Each number that was the user's becomes the new one.
    fn wanted(&self, stat: &Stat) -> Option<Attributes> {
        let is_old_gid = self.from.iter().any(|(_, old)| *old == stat.gid);
        let uid = (self.is_old_uid(stat.uid) && stat.uid != self.to.0).then_some(self.to.0);
        let gid = (is_old_gid && stat.gid != self.to.1).then_some(self.to.1);
        (uid.is_some() || gid.is_some()).then_some(Attributes { mode: None, uid, gid })
    }
}

/// The numbers that a run which was cut off has noted; none when it noted none that can be read.
fn noted(left: &Workplace, system: &dyn System) -> Result<Vec<Numbers>> {
    let Some(text) = system.read_link(&left.owners())? else { return Ok(Vec::new()) };
    let pair = |pair: &str| {
        let (uid, gid) = pair.split_once(':')?;
        Some((uid.parse().ok()?, gid.parse().ok()?))
    };
    Ok(text.to_string_lossy().split(',').filter_map(pair).collect())
}

/// The mailbox of a user.
pub(super) fn spool_path(defaults: &Defaults, name: &str) -> PathBuf {
    Path::new(defaults.mail_directory().unwrap_or("/var/mail")).join(name)
}

/// Whether no user has this number; one of whom nobody can say is somebody's.
fn is_nobodys(system: &dyn System, uid: Uid) -> bool {
    let is_local = |passwd: Database<Passwd>| passwd.with_number(uid.into()).next().is_some();
    uid != Uid::ROOT && !system.passwd().is_ok_and(is_local) && Nss(system).user_with_uid(uid) == Sought::Absent
}
