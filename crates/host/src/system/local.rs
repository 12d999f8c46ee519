//! [`Local`]: the machine that this process runs on.

pub mod atomic;
mod copy;
mod drafts;
mod end;
mod mount;
mod own_commands;
mod place;
mod process;
mod tree;
mod walk;

use super::accounts::{Accounts, is_database};
use super::claim::{HostClaim, WORKSHOP};
use super::held::{self, Held};
use super::lookup::{LookedUp, Sources, ask_together};
use super::remembered::Remembered;
use super::resolve::{FollowedLinks, refuse_further_name};
use super::skeleton::SkeletonEntry;
use super::tree::{Judge, TreeScope, Walked};
use super::{
    Attributes, Command, Content, FileKind, ProgramOutput, Result, Stat, StatDetails, System, SystemError, kept,
    lookup, naming,
};
use crate::identity::entries::{Group, Passwd};
use crate::identity::{Database, Databases, Defaults, Gid, Uid};
use atomic::Sync;
use drafts::Drafts;
use nix::sys::stat::{Mode, umask};
use own_commands::OwnCommands;
use place::{Opened, Place};
use rustix::fs::{AtFlags, OFlags, Timespec, Timestamps};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The real host.
pub struct Local {
    /// The permission bits that new files do not get by themselves.
    umask: u32,
    /// Added to the environment of every program.
    environment: Vec<(String, String)>,
    /// Where the account databases are, which all others call `/etc`.
    etc: PathBuf,
    /// The open transaction over the account databases.
    accounts: Option<Accounts>,
    /// In which order the databases that were edited in it are written.
    order: &'static [&'static str],
    /// Account files as they were read, or edited in the open transaction.
    remembered: Remembered,
    /// The right to work on accounts and homes.
    claim: Option<HostClaim>,
    /// What is still to be synced.
    drafts: Drafts,
    /// Programs of enlist's own that the tasks of this request start.
    own_commands: OwnCommands,
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Local {
    /// This machine, as the user that this process runs as. Not for use while other threads make files: it looks at
    /// the process's umask by setting it and putting it back.
    pub fn new() -> Self {
        let mask = umask(Mode::from_bits_truncate(0o077));
        umask(mask);
        Self {
            umask: mask.bits(),
            environment: Vec::new(),
            etc: "/etc".into(),
            accounts: None,
            order: &[],
            remembered: Remembered::default(),
            claim: None,
            drafts: Drafts::default(),
            own_commands: OwnCommands::default(),
        }
    }

    /// The same machine, with the account databases of another directory, such as the sources of a NIS master.
    pub fn with_accounts_in(self, etc: &Path) -> Self {
        Self { etc: etc.into(), ..self }
    }

    /// Removes what killed processes left of account transactions, unless somebody is at work. Only root can.
    pub fn tidy(&self) -> Result<()> {
        if !nix::unistd::Uid::effective().is_root() {
            return Ok(());
        }
        if let Some(_claim) = HostClaim::try_take()? {
            clear_workshop()?;
            Accounts::tidy_in(&self.etc)?;
        }
        Ok(())
    }

    /// What programs get in their environment from now on, beside what this process has (a task's `environment`).
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// Ends what waits for further tasks of a request.
    pub fn end_request(&mut self) {
        self.own_commands = OwnCommands::default();
    }
}

fn clear_workshop() -> Result<()> {
    let workshop = Path::new(WORKSHOP);
    let place = place("remove", workshop)?;
    match doing("look at", workshop, place.open())? {
        Some(_) => tree::remove(&place, workshop),
        None => Ok(()),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// `Ok(None)` for "nothing is there".
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if is_missing(&error) => Ok(None),
        other => other.map(Some),
    }
}

/// Adds what was being done to an error.
fn doing<T, E: Into<io::Error>>(verb: &str, path: &Path, result: std::result::Result<T, E>) -> Result<T> {
    result.map_err(|error| SystemError::io(format!("{verb} {}", path.display()), error.into()))
}

fn to_stat(meta: &fs::Metadata) -> Stat {
    let kind = match meta.file_type() {
        t if t.is_file() => FileKind::File,
        t if t.is_dir() => FileKind::Directory,
        t if t.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    };
    Stat {
        kind,
        mode: meta.mode() & 0o7777,
        uid: Uid(meta.uid()),
        gid: Gid(meta.gid()),
        size: meta.size(),
        mtime: meta.mtime(),
        ino: meta.ino(),
        dev: meta.dev(),
        nlink: meta.nlink(),
    }
}

fn to_details(meta: &fs::Metadata) -> StatDetails {
    let time = |seconds: i64, nanoseconds: i64| seconds as f64 + nanoseconds as f64 / 1e9;
    StatDetails {
        accessed: time(meta.atime(), meta.atime_nsec()),
        modified: time(meta.mtime(), meta.mtime_nsec()),
        changed: time(meta.ctime(), meta.ctime_nsec()),
        blocks: meta.blocks(),
        block_size: meta.blksize(),
        device: meta.rdev(),
    }
}

/// Longest file that is read whole, in bytes: no user may make root's agent read until memory ends.
pub const LONGEST: u64 = 64 << 20;

/// The file at the end of a path, links judged; `None` when nothing is there.
fn find_to_read(path: &Path, follow: bool) -> Result<Option<fs::File>> {
    let place = match Place::find(path, follow, FollowedLinks::Judged) {
        Err(SystemError::Io { source, .. }) if is_missing(&source) => return Ok(None),
        other => as_doing("read", path, other)?,
    };
    doing("read", path, if_there(place.read()))
}

/// A regular file, to be copied; `None` when nothing is there.
fn file_to_copy(path: &Path) -> Result<Option<fs::File>> {
    let Some(file) = find_to_read(path, true)? else { return Ok(None) };
    if doing("read", path, file.metadata())?.is_file() {
        Ok(Some(file))
    } else {
        Err(SystemError::Refused(format!("{} is not a regular file", path.display())))
    }
}

/// The content of what has been opened: a regular file, or a device that ends before `limit`.
fn read_whole(file: fs::File, limit: u64) -> io::Result<Vec<u8>> {
    let meta = file.metadata()?;
    refuse_streams(&meta)?;
    let mut content = Vec::new();
    // The size first: nothing of a file that is refused is read.
    let is_long = meta.len() > limit || file.take(limit + 1).read_to_end(&mut content)? as u64 > limit;
    if is_long { Err(io::Error::other(format!("it is longer than {}", size(limit)))) } else { Ok(content) }
}

/// Pipes and sockets have no end.
fn refuse_streams(meta: &fs::Metadata) -> io::Result<()> {
    let is_stream = meta.file_type().is_fifo() || meta.file_type().is_socket();
    if is_stream { Err(io::Error::other("it is a pipe or socket")) } else { Ok(()) }
}

/// A file of any length; of one that grows meanwhile, what it had at first.
fn read_pieces(file: fs::File, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let meta = file.metadata()?;
    refuse_streams(&meta)?;
    if !meta.is_file() || meta.len() == 0 {
        // What the kernel makes while it is read has no length, nor has a device.
        each(&read_whole(file, LONGEST)?);
        return Ok(());
    }
    let mut rest = file.take(meta.len());
    let mut piece = vec![0; 1 << 18];
    loop {
        match rest.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => each(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes => format!("{bytes} bytes"),
    }
}

/// Says what was being done when a place was looked for.
fn as_doing<T>(verb: &str, path: &Path, found: Result<T>) -> Result<T> {
    found.map_err(|error| match error {
        SystemError::Io { source, .. } => SystemError::io(format!("{verb} {}", path.display()), source),
        other => other,
    })
}

/// Where something is to be changed: links judged, the last one not followed.
fn place(verb: &str, path: &Path) -> Result<Place> {
    as_doing(verb, path, Place::find(path, false, FollowedLinks::Judged))
}

/// What is at a place, which must be there, to be changed in these.
fn open_to_set(verb: &str, path: &Path) -> Result<Opened> {
    let place = place(verb, path)?;
    let opened = doing(verb, path, Opened::at(&place.directory, &place.name))?;
    if nix::unistd::geteuid().is_root() {
        refuse_further_name(path, &opened.stat, place.directory_uid)?;
    }
    Ok(opened)
}

/// Makes a directory, closed to all others until it has its owner; removed again when it cannot get it. Without a wanted
/// mode the kernel applies umask and set-group-id.
fn make_directory(place: &Place, attributes: Attributes) -> io::Result<()> {
    let first = if attributes.mode.is_some() { 0o700 } else { 0o777 };
    rustix::fs::mkdirat(&place.directory, &place.name, rustix::fs::Mode::from_raw_mode(first))?;
    if attributes == Attributes::default() {
        return Ok(());
    }
    let set = || -> io::Result<()> {
        let made = Opened::at(&place.directory, &place.name)?;
        // The directory's owner may have put another in its place.
        if made.stat.kind != FileKind::Directory || !walk::names(&made.fd)?.is_empty() {
            return Err(io::Error::other("it was replaced meanwhile"));
        }
        made.set(attributes)
    };
    set().inspect_err(|_| {
        let _ = rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::REMOVEDIR);
    })
}

/// Makes a file, closed to all others until it has its content and its owner.
fn make_file(place: &Place, content: &[u8], attributes: Attributes, mtime: i64) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let private = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let mut file = fs::File::from(rustix::fs::openat(&place.directory, &place.name, flags, private)?);
    file.write_all(content)?;
    kept::take_over(&file, None, attributes, 0o600)?;
    Ok(rustix::fs::futimens(&file, &times(mtime, mtime))?)
}

/// Times of access and modification, in seconds since 1970.
fn times(access: i64, modification: i64) -> Timestamps {
    let time = |seconds| Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time(access), last_modification: time(modification) }
}

/// Renames, and gives the new place, not synced yet; `None` when something is there.
fn rename_new(from: &Path, to: &Path) -> Result<Option<Place>> {
    use rustix::fs::{RenameFlags, renameat, renameat_with};
    use rustix::io::Errno;
    let (old, new) = (place("rename", from)?, place("rename", to)?);
    let renamed = match renameat_with(&old.directory, &old.name, &new.directory, &new.name, RenameFlags::NOREPLACE) {
        // Some network file systems do not know the flag.
        Err(Errno::INVAL | Errno::NOSYS) => match doing("look at", to, new.open())? {
            Some(_) => Err(Errno::EXIST),
            None => renameat(&old.directory, &old.name, &new.directory, &new.name),
        },
        renamed => renamed,
    };
    match renamed {
        Err(Errno::EXIST) => Ok(None),
        renamed => doing("rename", from, renamed).map(|()| Some(new)),
    }
}

impl System for Local {
    fn is_root(&self) -> bool {
        nix::unistd::geteuid().is_root()
    }

    fn real_path(&self, path: &Path, links: FollowedLinks) -> Result<PathBuf> {
        Ok(Place::find(path, true, links)?.path)
    }

    fn mount_of(&self, path: &Path) -> Result<Option<u64>> {
        let opened = fs::File::options().read(true).custom_flags(OFlags::PATH.bits() as i32).open(path);
        match doing("look at", path, if_there(opened))? {
            Some(opened) => doing("look at", path, mount::of(&opened)).map(Some),
            None => Ok(None),
        }
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        if let (Some(accounts), true) = (&self.accounts, is_database(path)) {
            if !self.order.is_empty() {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                return Ok(self.databases()?.text(name));
            }
            return accounts.read(path);
        }
        let elsewhere = path.file_name().filter(|_| is_database(path)).map(|name| self.etc.join(name));
        let path = elsewhere.as_deref().unwrap_or(path);
        let Some(file) = find_to_read(path, true)? else { return Ok(None) };
        doing("read", path, read_whole(file, LONGEST)).map(Some)
    }

    fn read_pieces(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let Some(file) = find_to_read(path, true)? else { return Ok(false) };
        doing("read", path, read_pieces(file, each)).map(|()| true)
    }

    fn read_guarded(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(file) = find_to_read(path, false)? else { return Ok(None) };
        // The file is judged after it was opened, so that it cannot be swapped in between.
        if doing("read", path, file.metadata())?.is_file() {
            doing("read", path, read_whole(file, limit)).map(Some)
        } else {
            Err(SystemError::Refused(format!("{} is not a regular file", path.display())))
        }
    }

    fn hold(&self, top: &Path, directory: &Path) -> Result<Option<Held>> {
        let names = held::names_below(top, directory)?;
        let found = match Place::find(top, true, FollowedLinks::Judged) {
            Err(SystemError::Io { source, .. }) if is_missing(&source) => return Ok(None),
            other => other?,
        };
        let mut at = top.to_owned();
        let Some(mut held) = doing("open", top, found.open())? else { return Ok(None) };
        held::must_be_directory(&at, held.stat.kind)?;
        for name in names {
            at.push(name);
            held = match doing("open", &at, if_there(Opened::at(&held.fd, name)))? {
                Some(next) => next,
                None => return Ok(None),
            };
            held::must_be_directory(&at, held.stat.kind)?;
        }
        Ok(Some(Held::opened(directory, held.fd)))
    }

    fn survey_tree(&self, top: &Path, scope: TreeScope, judge: &Judge) -> Result<Walked> {
        walk::walk(top, scope, judge, false)
    }

    fn correct_tree(&mut self, top: &Path, scope: TreeScope, judge: &Judge) -> Result<Walked> {
        walk::walk(top, scope, judge, true)
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Option<Stat>> {
        let meta = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        doing("look at", path, if_there(meta)).map(|meta| meta.as_ref().map(to_stat))
    }

    fn stat_details(&self, path: &Path, follow: bool) -> Result<Option<StatDetails>> {
        let meta = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        doing("look at", path, if_there(meta)).map(|meta| meta.as_ref().map(to_details))
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>> {
        let names = || -> io::Result<Vec<OsString>> {
            let mut names: Vec<_> = fs::read_dir(directory)?.map(|e| Ok(e?.file_name())).collect::<io::Result<_>>()?;
            names.sort_unstable();
            Ok(names)
        };
        doing("list", directory, names())
    }

    fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        match fs::read_link(path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            other => doing("read the link", path, if_there(other)),
        }
    }

    fn query(&self, command: &Command) -> Result<ProgramOutput> {
        let ask = || process::run(command, &self.environment);
        if command.argv.first().is_some_and(|program| program == "getent") {
            self.remembered.answer(&command.argv, ask)
        } else {
            ask()
        }
    }

    fn look_up_together(&self, wanted: &[LookedUp]) {
        // Where the files cannot be read, whoever needs them says so.
        let (Ok(passwd), Ok(group)) = (self.passwd(), self.groups()) else { return };
        let wanted: Vec<_> = wanted.iter().filter(|wanted| !wanted.is_local(&passwd, &group)).cloned().collect();
        let ask = |command: &Command| process::run(command, &self.environment);
        ask_together(self.sources(), &wanted, ask, |command, answer| self.remembered.keep(command.argv, answer));
    }

    fn passwd(&self) -> Result<Database<Passwd>> {
        self.remembered.passwd(self)
    }

    fn groups(&self) -> Result<Database<Group>> {
        self.remembered.group(self)
    }

    fn databases(&self) -> Result<Databases> {
        self.remembered.databases(|known| lookup::read_databases(known, |path| self.read(path)))
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
        if self.accounts.is_none() {
            self.remembered.forget();
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        let added = self.environment.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        added.or_else(|| std::env::var(name).ok())
    }

    fn write(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        if is_database(path) {
            self.remembered.forget();
        }
        match &mut self.accounts {
            Some(accounts) if is_database(path) => accounts.write(path, content),
            _ => atomic::write(path, content, attributes, 0o666 & !self.umask),
        }
    }

    fn draft(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        if is_database(path) {
            return self.write(path, content, attributes);
        }
        let place = place("write", path)?;
        let fill = |file: &mut fs::File| file.write_all(content);
        atomic::replace(&place, attributes, 0o666 & !self.umask, Sync::Later, fill)?;
        doing("sync", path, self.drafts.note(&place))
    }

    fn make_file(&mut self, path: &Path, content: &[u8], attributes: Attributes, mtime: i64) -> Result<()> {
        let place = place("write", path)?;
        doing("write", path, make_file(&place, content, attributes, mtime))?;
        doing("sync", path, self.drafts.note(&place))
    }

    fn make_durable(&mut self) -> Result<()> {
        self.drafts.sync().map_err(|error| SystemError::io("write what was made to the disk", error))
    }

    fn copy(&mut self, from: &Path, to: &Path, attributes: Attributes, sha1: Option<&str>) -> Result<()> {
        let missing = || SystemError::io(format!("read {}", from.display()), io::ErrorKind::NotFound.into());
        if is_database(to) {
            let content = self.read(from)?.ok_or_else(missing)?;
            return self.write(to, &content, attributes);
        }
        let file = file_to_copy(from)?.ok_or_else(missing)?;
        let fill = |new: &mut fs::File| copy::copy(&file, new, sha1);
        atomic::replace(&place("write", to)?, attributes, 0o666 & !self.umask, Sync::Now, fill)
    }

    fn query_copy(&mut self, path: &Path, content: &Content, words: &[String]) -> Result<ProgramOutput> {
        let fill = |new: &mut fs::File| match content {
            Content::Bytes(bytes) => new.write_all(bytes),
            Content::Copy { from, sha1, .. } => match file_to_copy(from).map_err(io::Error::other)? {
                Some(file) => copy::copy(&file, new, Some(sha1)),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        };
        let place = place("write", path)?;
        let aside = doing("write a copy of", path, atomic::Aside::write(&place, fill))?;
        self.query(&naming(&aside.path(), words))
    }

    fn make_directory(&mut self, path: &Path, attributes: Attributes) -> Result<()> {
        let place = place("make directory", path)?;
        doing("make directory", path, make_directory(&place, attributes))
    }

    fn make_link(&mut self, path: &Path, target: &Path) -> Result<()> {
        let make = |directory: &_, name: &_| rustix::fs::symlinkat(target, directory, name);
        doing("link", path, atomic::replace_name(&place("link", path)?, make))
    }

    fn make_hard_link(&mut self, path: &Path, existing: &Path) -> Result<()> {
        let (new, old) = (place("link", path)?, place("link", existing)?);
        let is_there = doing("look at", path, new.open())?.map(|opened| opened.stat);
        let existing_stat = doing("look at", existing, old.open())?.map(|opened| opened.stat);
        // Renaming one name of a file over another name of it does nothing, and would leave the temporary one.
        if let (Some(one), Some(other)) = (is_there, existing_stat)
            && (one.dev, one.ino) == (other.dev, other.ino)
        {
            return Ok(());
        }
        let make =
            |directory: &_, name: &_| rustix::fs::linkat(&old.directory, &old.name, directory, name, AtFlags::empty());
        doing("link", path, atomic::replace_name(&new, make))
    }

    fn set_attributes(&mut self, path: &Path, attributes: Attributes) -> Result<()> {
        let verb = "set owner and mode of";
        doing(verb, path, open_to_set(verb, path)?.set(attributes))
    }

    fn set_times(&mut self, path: &Path, atime: i64, mtime: i64) -> Result<()> {
        let place = place("set times of", path)?;
        let times = times(atime, mtime);
        let set = rustix::fs::utimensat(&place.directory, &place.name, &times, AtFlags::SYMLINK_NOFOLLOW);
        doing("set times of", path, set)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (old, new) = (place("rename", from)?, place("rename", to)?);
        doing("rename", from, rustix::fs::renameat(&old.directory, &old.name, &new.directory, &new.name))?;
        doing("sync", to, new.sync())
    }

    fn rename_new(&mut self, from: &Path, to: &Path) -> Result<bool> {
        match rename_new(from, to)? {
            Some(place) => doing("sync", to, place.sync()).map(|()| true),
            None => Ok(false),
        }
    }

    fn name_draft(&mut self, from: &Path, to: &Path) -> Result<bool> {
        match rename_new(from, to)? {
            Some(place) => doing("sync", to, self.drafts.note(&place)).map(|()| true),
            None => Ok(false),
        }
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        let place = place("remove", path)?;
        let opened = doing("remove", path, Opened::at(&place.directory, &place.name))?;
        let flags = if opened.stat.kind == FileKind::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        doing("remove", path, rustix::fs::unlinkat(&place.directory, &place.name, flags))
    }

    fn remove_tree(&mut self, path: &Path) -> Result<()> {
        tree::remove(&place("remove", path)?, path)
    }

    fn run(&mut self, command: &Command) -> Result<ProgramOutput> {
        self.look_again();
        match self.own_commands.run(command, &self.environment) {
            Some(output) => Ok(output),
            None => process::run(command, &self.environment),
        }
    }

    fn begin_work(&mut self) -> Result<()> {
        if self.claim.is_none() && nix::unistd::Uid::effective().is_root() {
            self.claim = Some(HostClaim::take()?);
            clear_workshop()?;
        }
        Ok(())
    }

    fn end_work(&mut self) {
        self.claim = None;
    }

    fn end_processes(&mut self, uid: Uid, with_jobs: bool) -> Result<()> {
        end::end_processes(self, uid, with_jobs)
    }

    fn begin_accounts(&mut self) -> Result<()> {
        if self.accounts.is_some() {
            return Err(SystemError::Refused("an account transaction is open already".into()));
        }
        self.accounts = Some(Accounts::begin_in(&self.etc)?);
        self.order = &[];
        self.remembered.forget();
        Ok(())
    }

    fn set_databases(&mut self, after: Databases, order: &'static [&'static str]) -> Result<()> {
        if self.accounts.is_none() {
            return Err(SystemError::Refused("no account transaction is open".into()));
        }
        if self.order.is_empty() {
            self.order = order;
        }
        self.remembered.set(after);
        Ok(())
    }

    fn commit_accounts(&mut self) -> Result<()> {
        let edited = if self.order.is_empty() { None } else { Some(self.databases()?) };
        let order = std::mem::take(&mut self.order);
        self.remembered.forget();
        let Some(mut accounts) = self.accounts.take() else {
            return Err(SystemError::Refused("no account transaction is open".into()));
        };
        for name in order {
            if let Some(text) = edited.as_ref().and_then(|edited| edited.text(name)) {
                accounts.write(&Path::new("/etc").join(name), &text)?;
            }
        }
        accounts.commit()
    }

    fn abort_accounts(&mut self) {
        self.accounts = None;
        self.order = &[];
        self.remembered.forget();
    }
}

#[cfg(test)]
mod tests;
