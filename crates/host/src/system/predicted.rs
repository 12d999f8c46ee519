//! [`Predicted`]: a host as it would be after effects that are only predicted.
//!
//! Reads fall through to the real system unless an earlier effect decided otherwise; effects are kept in [`overlay`]
//! and never reach the real system.

mod overlay;

use super::lookup::{LookedUp, Sources};
use super::skeleton::SkeletonEntry;
use super::{
    Attributes, Command, FileKind, ProgramOutput, Result, Stat, StatDetails, System, SystemError, accounts,
    accounts::is_database, lookup, nss, processes, remembered::Remembered, resolve::FollowedLinks,
};
use crate::identity::entries::{Group, Passwd};
use crate::identity::{Database, Databases, Defaults, Gid, Uid};
use overlay::{Body, Node, Overlay, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The variable through which a dry run tells our own commands what was rehearsed before them: a JSON list of argument
/// lists. See `docs/decisions.md`, 7.
pub const REHEARSE: &str = "ENLIST_REHEARSE";
/// The program that can rehearse its own effects, when a command's name leads to it.
const REHEARSABLE: &str = "enlist";

/// A system below what earlier effects would have made of it.
pub struct Predicted<S> {
    overlay: Overlay<S>,
    /// Databases written in the open account transaction.
    transaction: Option<BTreeMap<PathBuf, Vec<u8>>>,
    /// Names of the databases that were edited in it as a whole.
    edited: &'static [&'static str],
    /// Account files as they were read, or edited in the open transaction.
    remembered: Remembered,
    /// Successful commands of our own that were rehearsed so far.
    rehearsed: Vec<Vec<String>>,
    /// Commands that could not be rehearsed.
    not_run: Vec<Command>,
    /// Processes that would have been ended.
    ended: BTreeSet<OsString>,
}

impl<S: System> Predicted<S> {
    /// `inner` with nothing predicted yet. Only its reading half is ever used.
    pub fn new(inner: S) -> Self {
        Self {
            overlay: Overlay::new(inner),
            transaction: None,
            edited: &[],
            remembered: Remembered::default(),
            rehearsed: Vec::new(),
            not_run: Vec::new(),
            ended: BTreeSet::new(),
        }
    }

    /// The real system below.
    pub fn inner(&self) -> &S {
        &self.overlay.inner
    }

    /// The real system below, to set it up.
    pub fn inner_mut(&mut self) -> &mut S {
        self.overlay.look_again();
        &mut self.overlay.inner
    }

    /// A file made or replaced; its time is `mtime`, or now.
    fn replace(
        &mut self,
        path: &Path,
        content: Source,
        size: u64,
        wanted: Attributes,
        mtime: Option<i64>,
    ) -> Result<()> {
        let old = self.overlay.stat(path, false)?;
        let (mode, uid, gid) = match &old {
            Some(old) if old.kind == FileKind::File => (old.mode, old.uid, old.gid),
            Some(old) if old.kind != FileKind::Link => {
                return Err(SystemError::Refused(format!("{} is not a regular file", path.display())));
            }
            _ => self.new_owner(path, wanted, 0o644)?,
        };
        let stat = Stat {
            kind: FileKind::File,
            mode: wanted.mode.unwrap_or(mode),
            uid: wanted.uid.unwrap_or(uid),
            gid: wanted.gid.unwrap_or(gid),
            size,
            ..new_stat()
        };
        let stat = Stat { mtime: mtime.unwrap_or(stat.mtime), ..stat };
        self.overlay.put(path, Node { stat, body: Body::File(content) })
    }

    /// Mode and owner of what this process makes: those wanted, its own, or the group of a set-group-id directory.
    fn new_owner(&self, path: &Path, wanted: Attributes, mode: u32) -> Result<(u32, Uid, Gid)> {
        if let Attributes { uid: Some(uid), gid: Some(gid), .. } = wanted {
            return Ok((mode, uid, gid));
        }
        let me = self.overlay.inner.stat(Path::new("/proc/self"), true)?;
        let (uid, gid) = me.map_or((Uid::ROOT, Gid::ROOT), |me| (me.uid, me.gid));
        let parent = self.overlay.stat(path.parent().unwrap_or(Path::new("/")), true)?;
        let gid = parent.filter(|parent| parent.mode & 0o2000 != 0).map_or(gid, |parent| parent.gid);
        Ok((mode, uid, gid))
    }

    fn update(&mut self, path: &Path, change: impl FnOnce(&mut Stat)) -> Result<()> {
        let node = self.overlay.adopt(path)?;
        change(&mut node.stat);
        Ok(())
    }

    /// Whether a command's name leads, through PATH and links, to the program that can rehearse. Under its own name
    /// only its Slurm commands can.
    fn is_rehearsable(&self, command: &Command) -> bool {
        let Some(name) = command.argv.first().map(Path::new) else { return false };
        if name.file_name() == Some(REHEARSABLE.as_ref()) && command.argv.get(1).is_none_or(|verb| verb != "slurm") {
            return false;
        }
        let path = self.variable("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
        let tried: Vec<PathBuf> = match name.components().count() {
            1 => std::env::split_paths(&path).map(|directory| directory.join(name)).collect(),
            _ => vec![command.chdir.clone().unwrap_or_default().join(name)],
        };
        let is_file = |path: &PathBuf| matches!(self.overlay.inner.stat(path, true), Ok(Some(stat)) if stat.kind == FileKind::File);
        let real = tried
            .into_iter()
            .find(is_file)
            .and_then(|path| self.overlay.real_path(&path, true, FollowedLinks::Trusted).ok());
        real.is_some_and(|real| real.file_name() == Some(REHEARSABLE.as_ref()))
    }

    fn rehearsal(&self, command: &Command) -> Command {
        let mut command = command.clone();
        let before = serde_json::to_string(&self.rehearsed).expect("lists of texts are JSON");
        command.environment.push((REHEARSE.into(), before));
        command
    }

    /// What `getent` and `id` would say: the real answer with the entries of the real files exchanged for those of
    /// the predicted ones. What comes from a directory service stays.
    fn predict_accounts(&self, command: &Command) -> Result<Option<ProgramOutput>> {
        if !command.argv.first().is_some_and(|name| name == "getent" || name == "id") {
            return Ok(None);
        }
        let changed = |name: &&str| self.overlay.is_changed(&Path::new("/etc").join(name));
        if self.transaction.is_none() && !["passwd", "group", "shadow"].iter().any(changed) {
            return Ok(None);
        }
        let now = nss::NssDatabases::new(&|path| self.read(Path::new(path)).ok().flatten().unwrap_or_default());
        let before =
            nss::NssDatabases::new(&|path| self.overlay.inner.read(Path::new(path)).ok().flatten().unwrap_or_default());
        match (now.answer(command), before.answer(command)) {
            (Some(now), Some(before)) => Ok(Some(nss::exchange(&self.overlay.inner.query(command)?, &before, now))),
            _ => Ok(None),
        }
    }

    /// A program that is to look at a file which is only predicted cannot say anything.
    fn refuse_predicted_arguments(&self, command: &Command) -> Result<()> {
        let is_predicted = |argument: &&Path| argument.is_absolute() && self.overlay.is_changed(argument);
        let predicted = command.argv.iter().skip(1).map(Path::new).find(is_predicted);
        match predicted {
            Some(path) => Err(SystemError::Unknown(format!("{} is not written in a dry run", path.display()))),
            None => Ok(()),
        }
    }
}

/// The words of a command.
fn texts(command: &Command) -> Vec<String> {
    command.argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The Slurm command that a program of ours is called as: by its own name, or as `enlist slurm NAME`.
fn slurm_name(command: &Command) -> Option<&str> {
    let name = Path::new(command.argv.first()?).file_name()?.to_str()?;
    if name == REHEARSABLE { command.argv.get(2)?.to_str() } else { Some(name) }
}

/// Whether it heeds what was rehearsed before it, and does nothing itself then. All others (sbatch, scontrol …) would
/// really do what they are told.
fn rehearses(command: &Command) -> bool {
    slurm_name(command) == Some("sacctmgr")
}

/// Whether it ends all jobs of one user.
fn ends_jobs(command: &Command) -> bool {
    slurm_name(command) == Some("scancel") && matches!(texts(command).as_slice(), [.., option, _] if option == "-u")
}

fn new_stat() -> Stat {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    Stat {
        kind: FileKind::File,
        mode: 0,
        uid: Uid::ROOT,
        gid: Gid::ROOT,
        size: 0,
        mtime: now,
        ino: 0,
        dev: 0,
        nlink: 1,
    }
}

impl<S: System> System for Predicted<S> {
    fn is_root(&self) -> bool {
        self.overlay.inner.is_root()
    }

    fn real_path(&self, path: &Path, links: FollowedLinks) -> Result<PathBuf> {
        self.overlay.real_path(path, true, links)
    }

    fn mount_of(&self, path: &Path) -> Result<Option<u64>> {
        self.overlay.mount_of(path)
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        if !self.edited.is_empty() && is_database(path) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            return Ok(self.databases()?.text(name));
        }
        match self.transaction.as_ref().and_then(|written| written.get(path)) {
            Some(content) => Ok(Some(content.clone())),
            None => self.overlay.read(path),
        }
    }

    fn read_pieces(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.overlay.read_pieces(path, each)
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Option<Stat>> {
        self.overlay.stat(path, follow)
    }

    fn stat_details(&self, path: &Path, follow: bool) -> Result<Option<StatDetails>> {
        let stat = self.overlay.stat(path, follow)?;
        // What this dry run changed has other times than what is there.
        if stat == self.overlay.inner.stat(path, follow)? {
            self.overlay.inner.stat_details(path, follow)
        } else {
            Ok(stat.as_ref().map(StatDetails::of_new))
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>> {
        let mut names = self.overlay.list(directory)?;
        if directory == Path::new("/proc") {
            names.retain(|name| !self.ended.contains(name));
        }
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        self.overlay.read_link(path)
    }

    fn query(&self, command: &Command) -> Result<ProgramOutput> {
        if let Some(output) = self.predict_accounts(command)? {
            return Ok(output);
        }
        if !self.rehearsed.is_empty() && self.is_rehearsable(command) {
            return self.overlay.inner.query(&self.rehearsal(command));
        }
        self.refuse_predicted_arguments(command)?;
        self.overlay.inner.query(command)
    }

    fn look_up_together(&self, wanted: &[LookedUp]) {
        self.overlay.inner.look_up_together(wanted);
    }

    fn passwd(&self) -> Result<Database<Passwd>> {
        self.remembered.passwd(self)
    }

    fn groups(&self) -> Result<Database<Group>> {
        self.remembered.group(self)
    }

    fn databases(&self) -> Result<Databases> {
        self.remembered.databases(|known| {
            let changed = |name: &&str| self.overlay.is_changed(&Path::new("/etc").join(name));
            if self.transaction.as_ref().is_none_or(BTreeMap::is_empty) && !accounts::DATABASES.iter().any(changed) {
                self.overlay.inner.databases()
            } else {
                lookup::read_databases(known, |path| self.read(path))
            }
        })
    }

    fn defaults(&self) -> Result<Defaults> {
        self.remembered.defaults(self)
    }

    fn skeleton(&self, directory: &Path) -> Result<Arc<Vec<SkeletonEntry>>> {
        self.remembered.skeleton(self, directory)
    }

    fn sources(&self) -> Sources {
        self.remembered.sources(self)
    }

    fn host_name(&self) -> String {
        self.remembered.host_name(self)
    }

    fn look_again(&mut self) {
        if self.transaction.is_none() {
            self.remembered.forget();
            self.overlay.look_again();
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.overlay.inner.variable(name)
    }

    fn is_predicted(&self) -> bool {
        true
    }

    fn not_run(&self) -> &[Command] {
        &self.not_run
    }

    fn write(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        if is_database(path) {
            self.remembered.forget();
        }
        match &mut self.transaction {
            Some(written) if is_database(path) => {
                written.insert(path.into(), content.into());
                Ok(())
            }
            _ => {
                let source = self.overlay.content(content);
                self.replace(path, source, content.len() as u64, attributes, None)
            }
        }
    }

    fn copy(&mut self, from: &Path, to: &Path, attributes: Attributes, _sha1: Option<&str>) -> Result<()> {
        if is_database(to) {
            let content = self.read(from)?.unwrap_or_default();
            return self.write(to, &content, attributes);
        }
        match self.overlay.source(from)? {
            Some((content, size)) => self.replace(to, content, size, attributes, None),
            None => overlay::fail("read", from, io::ErrorKind::NotFound),
        }
    }

    fn make_file(&mut self, path: &Path, content: &[u8], attributes: Attributes, mtime: i64) -> Result<()> {
        let source = self.overlay.content(content);
        self.replace(path, source, content.len() as u64, attributes, Some(mtime))
    }

    fn make_directory(&mut self, path: &Path, attributes: Attributes) -> Result<()> {
        if self.overlay.stat(path, false)?.is_some() {
            return overlay::fail("make directory", path, io::ErrorKind::AlreadyExists);
        }
        let (mode, uid, gid) = self.new_owner(path, attributes, 0o755)?;
        let stat = Stat {
            kind: FileKind::Directory,
            mode: attributes.mode.unwrap_or(mode),
            uid: attributes.uid.unwrap_or(uid),
            gid: attributes.gid.unwrap_or(gid),
            size: 4096,
            ..new_stat()
        };
        self.overlay.put(path, Node { stat, body: Body::Directory(None) })
    }

    fn make_link(&mut self, path: &Path, target: &Path) -> Result<()> {
        let (mode, uid, gid) = self.new_owner(path, Attributes::default(), 0o777)?;
        let size = target.as_os_str().len() as u64;
        let stat = Stat { kind: FileKind::Link, mode, uid, gid, size, ..new_stat() };
        self.overlay.put(path, Node { stat, body: Body::Link(target.into()) })
    }

    fn make_hard_link(&mut self, path: &Path, existing: &Path) -> Result<()> {
        self.overlay.hard_link(path, existing)
    }

    fn set_attributes(&mut self, path: &Path, wanted: Attributes) -> Result<()> {
        self.overlay.refuse_further_name(path)?;
        self.update(path, |stat| {
            super::change_attributes(stat, wanted);
        })
    }

    fn set_times(&mut self, path: &Path, _atime: i64, mtime: i64) -> Result<()> {
        self.update(path, |stat| stat.mtime = mtime)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.overlay.rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        let stat = self.overlay.stat(path, false)?;
        if stat.is_some_and(|stat| stat.kind == FileKind::Directory) && !self.overlay.list(path)?.is_empty() {
            return overlay::fail("remove", path, io::ErrorKind::DirectoryNotEmpty);
        }
        self.overlay.remove(path)
    }

    fn remove_tree(&mut self, path: &Path) -> Result<()> {
        self.overlay.remove(path)
    }

    fn run(&mut self, command: &Command) -> Result<ProgramOutput> {
        let is_ours = self.is_rehearsable(command);
        if is_ours && ends_jobs(command) {
            // Later commands rehearse as if the jobs were over; which there are then, nobody can tell.
            self.rehearsed.push(texts(command));
        }
        if !is_ours || !rehearses(command) {
            self.not_run.push(command.clone());
            return Err(SystemError::Unknown("the command does not run in a dry run".into()));
        }
        let output = self.overlay.inner.query(&self.rehearsal(command))?;
        if output.code == 0 {
            self.rehearsed.push(texts(command));
        }
        Ok(output)
    }

    fn end_processes(&mut self, uid: Uid, with_jobs: bool) -> Result<()> {
        let own = processes::of_user(self, uid)?.into_iter().filter(|process| process.ends(with_jobs));
        let names: Vec<OsString> = own.map(|process| process.pid.to_string().into()).collect();
        self.ended.extend(names);
        Ok(())
    }

    fn begin_accounts(&mut self) -> Result<()> {
        if self.transaction.is_some() {
            return Err(SystemError::Refused("an account transaction is open already".into()));
        }
        self.transaction = Some(BTreeMap::new());
        self.edited = &[];
        Ok(())
    }

    fn set_databases(&mut self, after: Databases, order: &'static [&'static str]) -> Result<()> {
        if self.transaction.is_none() {
            return Err(SystemError::Refused("no account transaction is open".into()));
        }
        self.edited = order;
        self.remembered.set(after);
        Ok(())
    }

    fn commit_accounts(&mut self) -> Result<()> {
        let edited = if self.edited.is_empty() { None } else { Some(self.databases()?) };
        let names = std::mem::take(&mut self.edited);
        let written = self.transaction.take();
        let mut written = written.ok_or_else(|| SystemError::Refused("no account transaction is open".into()))?;
        for name in names {
            let path = Path::new("/etc").join(name);
            let text = edited.as_ref().and_then(|edited| edited.text(name));
            if let Some(text) = text.filter(|text| self.overlay.read(&path).ok().flatten().as_ref() != Some(text)) {
                written.insert(path, text);
            }
        }
        written.iter().try_for_each(|(path, content)| self.write(path, content, Attributes::default()))
    }

    fn abort_accounts(&mut self) {
        self.transaction = None;
        self.edited = &[];
        self.remembered.forget();
    }
}

#[cfg(test)]
mod tests;
