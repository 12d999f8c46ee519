//! The home directory: made whole or not at all, moved, re-owned; and the mail spool beside it.

use super::parameters::UserParameters;
use super::reown::{Numbers, Reown, spool_path};
use super::workplace::{Workplace, remove_home};
use crate::change::Change;
use crate::change::outcome::Failure;
use crate::identity::bytes::shown;
use crate::identity::defaults::IdKind;
use crate::identity::entries::Passwd;
use crate::identity::{Defaults, Gid, LocalAccount, Uid};
use crate::system::held::{self, Held};
use crate::system::skeleton::{SkeletonBody, SkeletonEntry};
use crate::system::{Attributes, Command, FileKind, Result, System, SystemError};
use std::path::{Path, PathBuf};
use words::value::Value;

/// What happens to a user's directories after the databases are written, in this order.
#[derive(Default)]
pub(super) struct Homes {
    /// What is wrong with the home and is not for this run to change.
    note: Option<String>,
    left: Option<Workplace>,
    reown: Option<Reown>,
    moved: Option<Move>,
    spool: Option<Spool>,
    /// Last: a home that is not there tells the next run that all of this is still to be done.
    made: Option<NewHome>,
}

/// A home that gets another place.
#[derive(Clone)]
struct Move {
    from: PathBuf,
    to: PathBuf,
}

/// A home to be made.
pub(super) struct NewHome {
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
    given: &UserParameters,
    system: &dyn System,
    defaults: &Defaults,
    old: Option<&LocalAccount>,
    new: &LocalAccount,
) -> std::result::Result<Homes, Failure> {
    let mut homes = Homes { reown: Reown::plan(given, system, defaults, old, new)?, ..Homes::default() };
    let path = new.passwd.home_path();
    if new.passwd.home.is_empty() {
        return Ok(homes);
    }
    homes.left = Workplace::left(&path, system)?;
    homes.moved = match old.filter(|old| old.passwd.home != new.passwd.home) {
        Some(old) if given.move_home => plan_move(system, &old.passwd.home_path(), &path)?,
        Some(_) => None,
        None => homes.left.as_ref().map_or(Ok(None), |place| cut_off_move(system, place, &path))?,
    };
    if let (None, Some(left), Some(moved)) = (&homes.reown, &homes.left, &homes.moved) {
        homes.reown = Reown::of_move(left, [&moved.from, &moved.to], defaults, new, system)?;
    }
    if homes.moved.is_none() && homes.reown.is_none() {
        homes.note = foreign_home(system, defaults, &new.passwd)?;
    }
    let (uid, gid) = (Some(new.passwd.uid), Some(new.passwd.gid));
    if given.create_home && homes.moved.is_none() && system.stat(&path, false)?.is_none() {
        let skeleton = given.skeleton.as_deref().unwrap_or(defaults.skeleton()).into();
        homes.made = Some(NewHome { path, skeleton, owner: Attributes { mode: Some(defaults.home_mode()), uid, gid } });
    }
    if (old.is_none() || homes.made.is_some()) && defaults.mail_spool() {
        homes.spool = plan_spool(system, defaults, new)?;
    }
    Ok(homes)
}

/// What to say when an ordinary user's home is there and is not the user's: nobody but its owner can use it.
fn foreign_home(system: &dyn System, defaults: &Defaults, user: &Passwd) -> Result<Option<String>> {
    let is_ordinary = defaults.id_range(IdKind::User, false).is_ok_and(|range| range.contains(&user.uid.0));
    let Some(stat) = system.stat(&user.home_path(), true)?.filter(|_| is_ordinary) else { return Ok(None) };
    let (name, home) = (&user.name, shown(&user.home));
    if stat.kind != FileKind::Directory {
        return Ok(Some(format!("the home of {name}, {home}, is not a directory; left as it is")));
    }
    if stat.uid == user.uid {
        return Ok(None);
    }
    let owner = system.passwd()?.with_number(stat.uid.into()).next().map(|owner| shown(&owner.name));
    let owner = owner.unwrap_or_else(|| format!("uid {}, which nobody has", stat.uid));
    Ok(Some(format!(
        "the home of {name}, {home}, belongs to {owner}; left as it is: give it to {name}, or choose another `home`"
    )))
}

/// The move to `path` that a run which was cut off has begun; the account says `path` already.
fn cut_off_move(system: &dyn System, place: &Workplace, path: &Path) -> Result<Option<Move>> {
    Ok(system.read_link(&place.origin())?.map(|from| Move { from, to: path.to_owned() }))
}

/// usermod changes passwd before it finds out that it cannot move; here that is known first.
fn plan_move(system: &dyn System, from: &Path, to: &Path) -> std::result::Result<Option<Move>, Failure> {
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
        Some(stat) if stat.kind == FileKind::Directory && !to.starts_with(from) => {
            Ok(Some(Move { from: from.into(), to: to.into() }))
        }
        Some(_) => refuse(format!("{} is not a place for it", parent.display()), "choose another `home`"),
        None => refuse(format!("{} does not exist", parent.display()), "make it first, with the module `file`"),
    }
}

/// As useradd: group `mail` may write it, where there is one.
fn plan_spool(system: &dyn System, defaults: &Defaults, new: &LocalAccount) -> Result<Option<Spool>> {
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
        self.left.is_none()
            && self.reown.is_none()
            && self.moved.is_none()
            && self.made.is_none()
            && self.spool.is_none()
    }

    /// What people should know about the home as it is and stays.
    pub(super) fn note(&self) -> Option<String> {
        self.note.clone()
    }

    /// Whether a home is made.
    pub(super) fn makes_home(&self) -> bool {
        self.made.is_some()
    }

    /// Says what happens, for people.
    pub(super) fn add_fields(&self, mut change: Change) -> Change {
        let shown = |path: &Path| path.display().to_string();
        if let Some(reown) = &self.reown {
            let owner = |(uid, gid): &Numbers| format!("{} owned by {uid}:{gid}", reown.home.display());
            change = change.field("home directory", reown.from.last().map(owner), owner(&reown.to));
        }
        if let Some(moved) = &self.moved {
            change = change.field("home directory", shown(&moved.from), shown(&moved.to));
        } else if let Some(left) = &self.left {
            change = change.field("left by a run that was cut off", shown(left.path()), Value::Null);
        }
        if let Some(made) = &self.made {
            change = change.field("home directory", Value::Null, format!("{} created", made.path.display()));
        }
        if let Some(spool) = &self.spool {
            change = change.field("mail spool", Value::Null, shown(&spool.path));
        }
        change
    }

    /// Notes on the disk what is to be done, to be called before the account says the new place and numbers: whoever comes
    /// after a run that was cut off finds the old home, and the files that are left, by it.
    pub(super) fn mark(&self) -> impl FnOnce(&mut dyn System) -> Result<()> + 'static {
        let (moved, reown) = (self.moved.clone(), self.reown.clone());
        move |system| {
            let place = moved.as_ref().map(|moved| Workplace::beside(&moved.to, system));
            moved.map_or(Ok(()), |moved| moved.mark(system))?;
            reown.map_or(Ok(()), |reown| reown.mark(place.as_ref(), system))
        }
    }

    /// Carries it out, but for the name of a new home; gives what people should know about files that were left, and the
    /// home that is to be named once it is on the disk.
    pub(super) fn prepare(
        self,
        system: &mut dyn System,
    ) -> std::result::Result<(Vec<String>, Option<NewHome>), Failure> {
        let mut warnings = Vec::new();
        if let Some(reown) = self.reown {
            warnings.extend(reown.run(system)?);
        }
        if let Some(moved) = &self.moved {
            moved.run(system)?;
        } else if let Some(left) = &self.left {
            left.close(system)?;
        }
        if let Some(spool) = self.spool
            && system.stat(&spool.path, false)?.is_none()
        {
            system.draft(&spool.path, b"", spool.owner)?;
        }
        if let Some(made) = &self.made {
            made.prepare(system)?;
        }
        Ok((warnings, self.made))
    }
}

impl NewHome {
    /// Fills a directory where root alone can enter. It gets its owner when it is complete.
    fn prepare(&self, system: &mut dyn System) -> Result<()> {
        let place = Workplace::beside(&self.path, system);
        let unfinished = place.unfinished();
        // What a run that was cut off left is gone by now: who owns the unfinished one got it from an earlier item.
        let is_prepared = system.stat(&unfinished, false)?.is_some_and(|stat| stat.uid != Uid::ROOT);
        if is_prepared || system.stat(&self.path, false)?.is_some() {
            return Ok(());
        }
        make_parents(system, self.path.parent().unwrap_or(Path::new("/")))?;
        place.open(system)?;
        let skeleton = system.skeleton(&self.skeleton)?;
        let private = Attributes { mode: Some(0o700), uid: Some(Uid::ROOT), gid: Some(Gid::ROOT) };
        let home = held::make_directory(system, place.path(), &unfinished, private)?;
        self.fill(system, &skeleton, &home, &unfinished)?;
        home.named(system.set_attributes(&home.itself(), self.owner))
    }

    /// Gives it its name; it must be on the disk by then, or a power failure could leave a home with empty files.
    pub(super) fn name(&self, system: &mut dyn System) -> Result<()> {
        let place = Workplace::beside(&self.path, system);
        if system.stat(&self.path, false)?.is_none() {
            if system.stat(&place.unfinished(), false)?.is_none() {
                // Another item for the same home cleared it away.
                self.prepare(system)?;
                system.make_durable()?;
            }
            // Whoever made it meanwhile, a login or another host, was first, and that one is whole, too.
            system.name_draft(&place.unfinished(), &self.path)?;
        }
        place.close(system)
    }

    /// Makes the entries of a skeleton in a directory, with modes and times, owned by the user.
    fn fill(&self, system: &mut dyn System, entries: &[SkeletonEntry], to: &Held, path: &Path) -> Result<()> {
        for entry in entries {
            let target = to.file(&entry.name);
            let owner = Attributes { mode: Some(entry.mode), ..self.owner };
            match &entry.body {
                SkeletonBody::Directory(inside) => {
                    let inner = path.join(&entry.name);
                    let made = held::make_directory(system, path, &inner, owner)?;
                    self.fill(system, inside, &made, &inner)?;
                    made.named(system.set_times(&target, entry.mtime, entry.mtime))?;
                }
                SkeletonBody::File(content) => to.named(system.make_file(&target, content, owner, entry.mtime))?,
                SkeletonBody::LongFile(source) => {
                    let content = system.read(source)?.unwrap_or_default();
                    to.named(system.make_file(&target, &content, owner, entry.mtime))?;
                }
                SkeletonBody::Link(link) => {
                    // A link into the skeleton becomes one into the home.
                    let link = link.strip_prefix(&self.skeleton).map_or(link.clone(), |inside| self.path.join(inside));
                    to.named(system.make_link(&target, &link))?;
                    to.named(system.set_attributes(&target, Attributes { mode: None, ..self.owner }))?;
                }
            }
        }
        Ok(())
    }
}

fn make_parents(system: &mut dyn System, directory: &Path) -> Result<()> {
    if system.stat(directory, true)?.is_some() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_parents(system, parent)?;
    }
    system.make_directory(directory, Attributes { mode: Some(0o755), uid: Some(Uid::ROOT), gid: Some(Gid::ROOT) })
}

impl Move {
    fn mark(&self, system: &mut dyn System) -> Result<()> {
        let place = Workplace::beside(&self.to, system);
        place.open(system)?;
        system.make_link(&place.origin(), &self.from)
    }

    /// By renaming; onto another file system by copying. Goes on where a run was cut off.
    fn run(&self, system: &mut dyn System) -> std::result::Result<(), Failure> {
        let place = Workplace::beside(&self.to, system);
        let is_there = |path: &Path| -> Result<bool> { Ok(system.stat(path, false)?.is_some()) };
        let copied = is_there(&place.copied())?;
        match (copied, is_there(&self.from)?, is_there(&self.to)?) {
            // Its copy has its name already.
            (true, _, _) if !is_there(&place.copy())? => {}
            (true, _, _) => self.name_copy(system, &place)?,
            (false, false, _) => return Ok(place.close(system)?),
            (false, true, true) => return Err(self.both_are_there()),
            (false, true, false) if self.rename(system)? => return Ok(place.close(system)?),
            (false, true, false) => {
                self.copy(system, &place)?;
                self.name_copy(system, &place)?;
            }
        }
        remove_home(system, &self.from)?;
        Ok(place.close(system)?)
    }

    /// Whether both places are on one file system. Only trying tells: the same one may be mounted at two places.
    fn rename(&self, system: &mut dyn System) -> Result<bool> {
        match system.rename_new(&self.from, &self.to) {
            Err(SystemError::Io { source, .. }) if source.kind() == std::io::ErrorKind::CrossesDevices => Ok(false),
            renamed => renamed.map(|_| true),
        }
    }

    /// With everything that belongs to the files, and safely on the disk before the first of them is removed.
    fn copy(&self, system: &mut dyn System, place: &Workplace) -> std::result::Result<(), Failure> {
        let copy = place.copy();
        if system.stat(&copy, false)?.is_some() {
            system.remove_tree(&copy)?;
        }
        let (from, to) = (self.from.as_os_str(), copy.as_os_str());
        let copying = Command::new(["cp".as_ref(), "-axT".as_ref(), "--".as_ref(), from, to]);
        super::must_succeed("copy the home directory", system.run(&copying))?;
        let syncing = Command::new(["sync".as_ref(), "-f".as_ref(), to]);
        super::must_succeed("write the home directory to the disk", system.run(&syncing))?;
        let private = Attributes { mode: Some(0o600), uid: Some(Uid::ROOT), gid: Some(Gid::ROOT) };
        Ok(system.write(&place.copied(), b"", private)?)
    }

    fn name_copy(&self, system: &mut dyn System, place: &Workplace) -> std::result::Result<(), Failure> {
        if system.rename_new(&place.copy(), &self.to)? { Ok(()) } else { Err(self.both_are_there()) }
    }

    fn both_are_there(&self) -> Failure {
        let (from, to) = (self.from.display(), self.to.display());
        Failure::new(format!("cannot move the home directory {from} to {to}: {to} was made meanwhile"))
            .hint(format!("if {to} is not needed, remove it and run again; {from} was not touched"))
    }
}
