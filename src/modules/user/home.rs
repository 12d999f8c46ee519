//! The home directory: made whole or not at all, moved, re-owned; and the mail spool beside it.

use crate::change::Change;
use crate::identity::entries::Passwd;
use crate::identity::{Account, Database, Defaults, Directory};
use crate::modules::{Args, Failure};
use crate::system::lookup::Nss;
use crate::system::{Attributes, Command, FileKind, Result, Stat, System};
use crate::value::Value;
use std::path::{Path, PathBuf};

/// What happens to a user's directories after the databases are written, in this order.
#[derive(Default)]
pub(super) struct Homes {
    reown: Option<Reown>,
    moved: Option<(PathBuf, PathBuf)>,
    made: Option<NewHome>,
    spool: Option<Spool>,
}

/// A home whose files get new numbers.
struct Reown {
    home: PathBuf,
    from: (u32, u32),
    to: (u32, u32),
    spool: PathBuf,
}

/// A home to be made.
struct NewHome {
    path: PathBuf,
    skeleton: PathBuf,
    owner: Attributes,
}

/// A mail spool to be made.
struct Spool {
    path: PathBuf,
    owner: Attributes,
}

/// Decides by what is there; refuses a move that could not be carried out.
pub(super) fn plan(
    args: &Args,
    system: &dyn System,
    defaults: &Defaults,
    old: Option<&Account>,
    new: &Account,
) -> std::result::Result<Homes, Failure> {
    let mut homes = Homes { reown: plan_reown(args, system, defaults, old, new)?, ..Homes::default() };
    let path = PathBuf::from(&new.passwd.home);
    if new.passwd.home.is_empty() {
        return Ok(homes);
    }
    if let Some(old) = old.filter(|old| args.flag("move_home") && old.passwd.home != new.passwd.home) {
        homes.moved = plan_move(system, Path::new(&old.passwd.home), &path)?;
    }
    let (uid, gid) = (Some(new.passwd.uid), Some(new.passwd.gid));
    if args.flag("create_home") && homes.moved.is_none() && system.stat(&path, false)?.is_none() {
        let skeleton = args.str("skeleton").unwrap_or(defaults.skeleton()).into();
        homes.made = Some(NewHome { path, skeleton, owner: Attributes { mode: Some(defaults.home_mode()), uid, gid } });
    }
    if old.is_none() && defaults.mail_spool() {
        homes.spool = plan_spool(system, defaults, new)?;
    }
    Ok(homes)
}

/// As usermod: the home is re-owned with the user's uid or gid, if it was the user's. With `uid` given, also a home
/// that still has the number of nobody: a run that was killed had changed the user but not yet the files.
fn plan_reown(
    args: &Args,
    system: &dyn System,
    defaults: &Defaults,
    old: Option<&Account>,
    new: &Account,
) -> Result<Option<Reown>> {
    let Some(old) = old.map(|old| &old.passwd) else { return Ok(None) };
    let home = PathBuf::from(&old.home);
    let Some(stat) = system.stat(&home, false)?.filter(|stat| stat.kind == FileKind::Directory) else {
        return Ok(None);
    };
    let to = (new.passwd.uid, new.passwd.gid);
    let is_left_over = || args.get("uid").is_some() && stat.uid != old.uid && is_nobodys(system, stat.uid);
    let from = match (old.uid, old.gid) != to && stat.uid == old.uid {
        true => (old.uid, old.gid),
        false if is_left_over() => (stat.uid, stat.gid),
        false => return Ok(None),
    };
    Ok(Some(Reown { home, from, to, spool: spool_path(defaults, &new.passwd.name) }))
}

/// Whether no user has this number.
fn is_nobodys(system: &dyn System, uid: u32) -> bool {
    let text = system.read(Path::new("/etc/passwd")).ok().flatten().unwrap_or_default();
    let is_local = Database::<Passwd>::parse(text).entries().any(|user| user.uid == uid);
    uid != 0 && !is_local && Nss(system).user_with_uid(uid).is_none()
}

/// usermod changes passwd before it finds out that it cannot move; here that is known first.
fn plan_move(system: &dyn System, from: &Path, to: &Path) -> std::result::Result<Option<(PathBuf, PathBuf)>, Failure> {
    let refuse = |why: String, hint: &str| {
        Err(Failure::new(format!("cannot move the home directory {} to {}: {why}", from.display(), to.display()))
            .hint(hint))
    };
    if !system.stat(from, false)?.is_some_and(|stat| stat.kind == FileKind::Directory) {
        return Ok(None);
    }
    if system.stat(to, false)?.is_some() {
        return refuse(format!("{} exists", to.display()), "move its content by hand, or choose another `home`");
    }
    let parent = to.parent().unwrap_or(Path::new("/"));
    match system.stat(parent, true)? {
        Some(stat) if stat.kind == FileKind::Directory && !to.starts_with(from) => Ok(Some((from.into(), to.into()))),
        Some(_) => refuse(format!("{} is not a place for it", parent.display()), "choose another `home`"),
        None => refuse(format!("{} does not exist", parent.display()), "make it first, with the module `file`"),
    }
}

fn spool_path(defaults: &Defaults, name: &str) -> PathBuf {
    Path::new(defaults.mail_directory().unwrap_or("/var/mail")).join(name)
}

/// As useradd: group `mail` may write it, where there is one.
fn plan_spool(system: &dyn System, defaults: &Defaults, new: &Account) -> Result<Option<Spool>> {
    let path = spool_path(defaults, &new.passwd.name);
    if system.stat(&path, false)?.is_some() {
        return Ok(None);
    }
    let mail = crate::system::lookup::group(system, "mail")?.map(|group| group.into_entry().gid);
    let mode = if mail.is_some() { 0o660 } else { 0o600 };
    let owner = Attributes { mode: Some(mode), uid: Some(new.passwd.uid), gid: mail.or(Some(new.passwd.gid)) };
    Ok(Some(Spool { path, owner }))
}

impl Homes {
    /// Whether nothing happens.
    pub(super) fn is_empty(&self) -> bool {
        self.reown.is_none() && self.moved.is_none() && self.made.is_none() && self.spool.is_none()
    }

    /// Says what happens, for people.
    pub(super) fn add_fields(&self, mut change: Change) -> Change {
        let shown = |path: &Path| path.display().to_string();
        if let Some(reown) = &self.reown {
            let owner = |(uid, gid): (u32, u32)| format!("{} owned by {uid}:{gid}", reown.home.display());
            change = change.field("home directory", owner(reown.from), owner(reown.to));
        }
        if let Some((from, to)) = &self.moved {
            change = change.field("home directory", shown(from), shown(to));
        }
        if let Some(made) = &self.made {
            change = change.field("home directory", Value::Null, format!("{} created", made.path.display()));
        }
        if let Some(spool) = &self.spool {
            change = change.field("mail spool", Value::Null, shown(&spool.path));
        }
        change
    }

    /// Carries it out; gives what people should know about files that were left.
    pub(super) fn run(self, system: &mut dyn System) -> std::result::Result<Vec<String>, Failure> {
        let mut warnings = Vec::new();
        if let Some(reown) = self.reown {
            warnings.extend(reown.run(system)?);
        }
        if let Some((from, to)) = self.moved {
            move_home(system, &from, &to)?;
        }
        if let Some(made) = self.made {
            made.make(system)?;
        }
        if let Some(spool) = self.spool
            && system.stat(&spool.path, false)?.is_none()
        {
            system.write(&spool.path, b"", spool.owner)?;
        }
        Ok(warnings)
    }
}

impl NewHome {
    /// Fills a directory that root alone can enter, and gives it its name when it is complete.
    fn make(&self, system: &mut dyn System) -> Result<()> {
        if system.stat(&self.path, false)?.is_some() {
            return Ok(());
        }
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        make_parents(system, parent)?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = parent.join(format!(".{name}.enlist-home"));
        match system.stat(&unfinished, false)? {
            Some(left) if left.kind == FileKind::Directory => system.remove_tree(&unfinished)?,
            Some(_) => system.remove(&unfinished)?,
            None => {}
        }
        let private = Attributes { mode: Some(0o700), uid: Some(0), gid: Some(0) };
        system.make_directory(&unfinished, private)?;
        if system.stat(&self.skeleton, true)?.is_some_and(|stat| stat.kind == FileKind::Directory) {
            self.copy(system, &self.skeleton, &unfinished)?;
        }
        system.set_attributes(&unfinished, self.owner)?;
        system.rename(&unfinished, &self.path)
    }

    /// Copies what is in `from`, with modes and times, owned by the user.
    fn copy(&self, system: &mut dyn System, from: &Path, to: &Path) -> Result<()> {
        for name in system.list(from)? {
            let (source, target) = (from.join(&name), to.join(&name));
            let Some(stat) = system.stat(&source, false)? else { continue };
            self.copy_one(system, &source, &target, &stat)?;
        }
        Ok(())
    }

    fn copy_one(&self, system: &mut dyn System, source: &Path, target: &Path, stat: &Stat) -> Result<()> {
        let owner = Attributes { mode: Some(stat.mode), ..self.owner };
        match stat.kind {
            FileKind::Directory => {
                system.make_directory(target, owner)?;
                self.copy(system, source, target)?;
            }
            FileKind::File => {
                let content = system.read(source)?.unwrap_or_default();
                system.write(target, &content, owner)?;
            }
            FileKind::Link => {
                let link = system.read_link(source)?.unwrap_or_default();
                // A link into the skeleton becomes one into the home.
                let link = link.strip_prefix(&self.skeleton).map_or(link.clone(), |inside| self.path.join(inside));
                system.make_link(target, &link)?;
                return system.set_attributes(target, Attributes { mode: None, ..self.owner });
            }
            FileKind::Other => return Ok(()),
        }
        system.set_times(target, stat.mtime, stat.mtime)
    }
}

fn make_parents(system: &mut dyn System, directory: &Path) -> Result<()> {
    if system.stat(directory, true)?.is_some() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_parents(system, parent)?;
    }
    system.make_directory(directory, Attributes { mode: Some(0o755), uid: Some(0), gid: Some(0) })
}

/// By renaming; onto another file system by `mv`.
fn move_home(system: &mut dyn System, from: &Path, to: &Path) -> std::result::Result<(), Failure> {
    let device = |path: &Path| system.stat(path, true).ok().flatten().map(|stat| stat.dev);
    if device(from) == device(to.parent().unwrap_or(Path::new("/"))) {
        return Ok(system.rename(from, to)?);
    }
    let command = Command::new(["mv".as_ref(), "-T".as_ref(), "--".as_ref(), from.as_os_str(), to.as_os_str()]);
    super::must_succeed("move the home directory", system.run(&command))
}

impl Reown {
    fn run(&self, system: &mut dyn System) -> Result<Vec<String>> {
        let mut left = Vec::new();
        if let Some(home) = system.stat(&self.home, false)? {
            self.walk(system, &self.home, &home, home.dev, &mut left)?;
        }
        if let Some(spool) = system.stat(&self.spool, false)?.filter(|stat| stat.uid == self.from.0) {
            self.give(system, &self.spool, &spool)?;
        }
        let mut warnings = Vec::new();
        if self.from.0 != self.to.0 {
            warnings.push(format!(
                "files outside {} that uid {} owned keep that number; `find / -xdev -uid {}` lists them",
                self.home.display(),
                self.from.0,
                self.from.0
            ));
        }
        if !left.is_empty() {
            warnings.push(format!("on other file systems, not re-owned: {}", left.join(", ")));
        }
        Ok(warnings)
    }

    /// Without following links or leaving the file system.
    fn walk(
        &self,
        system: &mut dyn System,
        path: &Path,
        stat: &Stat,
        device: u64,
        left: &mut Vec<String>,
    ) -> Result<()> {
        if stat.dev != device {
            left.push(path.display().to_string());
            return Ok(());
        }
        self.give(system, path, stat)?;
        if stat.kind != FileKind::Directory {
            return Ok(());
        }
        for name in system.list(path)? {
            let inner = path.join(name);
            if let Some(stat) = system.stat(&inner, false)? {
                self.walk(system, &inner, &stat, device, left)?;
            }
        }
        Ok(())
    }

    /// Each of the two numbers that was the user's becomes the new one.
    fn give(&self, system: &mut dyn System, path: &Path, stat: &Stat) -> Result<()> {
        let uid = (stat.uid == self.from.0 && self.from.0 != self.to.0).then_some(self.to.0);
        let gid = (stat.gid == self.from.1 && self.from.1 != self.to.1).then_some(self.to.1);
        match (uid, gid) {
            (None, None) => Ok(()),
            _ => system.set_attributes(path, Attributes { mode: None, uid, gid }),
        }
    }
}
