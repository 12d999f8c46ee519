//! [`Fake`]: a host in memory, for tests of what is above: it has files, owners, links and times, answers programs
//! from a script, and records every effect in order.

use super::resolve::{At, FollowedLinks, Ground, Met, reach, refuse_further_name};
use super::{
    Attributes, Command, FileKind, ProgramOutput, Result, Stat, System, SystemError, accounts, lookup, nss, processes,
};
use crate::identity::entries::{Group, Passwd};
use crate::identity::{Database, Databases, Defaults, Gid, Readings, Uid};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seconds since 1970 at which a fake host starts; every effect takes one second.
pub const EPOCH: i64 = 1_700_000_000;
/// The device number of all files.
const DEVICE: u64 = 1;
/// A host in memory. Relative paths start at `/`; the user is root with umask 022.
#[derive(Clone)]
pub struct Fake {
    names: BTreeMap<PathBuf, u64>,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    clock: i64,
    programs: Vec<Program>,
    handler: Option<Arc<Handler>>,
    effects: Vec<Effect>,
    fail_at: Option<(usize, io::ErrorKind)>,
    transaction: Option<BTreeMap<PathBuf, (Vec<u8>, Attributes)>>,
    mounts: Vec<PathBuf>,
    /// Drafts that a power failure would take.
    drafts: BTreeSet<PathBuf>,
}

/// Answers commands that no scripted program answers; `None` is for "no such program".
type Handler = dyn Fn(&Command) -> Option<ProgramOutput> + Send + Sync;

/// One file, whatever its names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Inode {
    body: Body,
    mode: u32,
    uid: Uid,
    gid: Gid,
    mtime: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    File(Vec<u8>),
    Directory,
    Link(PathBuf),
}

/// A scripted answer to commands that begin with `argv`.
#[derive(Clone)]
struct Program {
    argv: Vec<OsString>,
    output: ProgramOutput,
}

/// One change of the host, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A file was written.
    Write(PathBuf),
    /// A directory was made.
    MakeDirectory(PathBuf),
    /// A symbolic link (and its target) was made.
    MakeLink(PathBuf, PathBuf),
    /// A further name was given to the second path.
    MakeHardLink(PathBuf, PathBuf),
    /// Owner or mode was set.
    SetAttributes(PathBuf, Attributes),
    /// Times were set.
    SetTimes(PathBuf),
    /// All that was drafted came to the disk.
    MakeDurable,
    /// The first path became the second.
    Rename(PathBuf, PathBuf),
    /// A file, link or empty directory was removed.
    Remove(PathBuf),
    /// A whole directory was removed.
    RemoveTree(PathBuf),
    /// A program ran.
    Run(Vec<OsString>),
    /// The account locks were taken.
    BeginAccounts,
    /// The account databases were written.
    CommitAccounts,
    /// The account locks were released, nothing written.
    AbortAccounts,
}

/// One name in [`Fake::tree`]: its path, its metadata, and its content or link target.
pub type Entry = (PathBuf, Stat, Vec<u8>);

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// A host with nothing but `/`.
    pub fn new() -> Self {
        let root = Inode { body: Body::Directory, mode: 0o755, uid: Uid::ROOT, gid: Gid::ROOT, mtime: EPOCH };
        Self {
            names: BTreeMap::from([(PathBuf::from("/"), 1), (PathBuf::from("/proc"), 2)]),
            inodes: BTreeMap::from([(1, root.clone()), (2, root)]),
            next_inode: 3,
            clock: EPOCH,
            programs: Vec::new(),
            handler: None,
            effects: Vec::new(),
            fail_at: None,
            transaction: None,
            mounts: Vec::new(),
            drafts: BTreeSet::new(),
        }
    }

    /// A host with `/etc`, `/home`, `/root`, `/tmp` and account databases with root and an ordinary user `alice`.
    pub fn with_accounts() -> Self {
        Self::new()
            .directory("/tmp", 0o1777, 0, 0)
            .directory("/root", 0o700, 0, 0)
            .directory("/home/alice", 0o700, 1000, 1000)
            .file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice:/home/alice:/bin/bash\n")
            .file("/etc/group", "root:x:0:\nusers:x:100:alice\nalice:x:1000:\n")
            .private_file("/etc/shadow", "root:*:19700:0:99999:7:::\nalice:!:19700:0:99999:7:::\n")
            .private_file("/etc/gshadow", "root:*::\nusers:!::alice\nalice:!::\n")
    }

    /// Adds a file 0644 root:root, and directories above it; part of the beginning, so not recorded.
    pub fn file(self, path: &str, content: &str) -> Self {
        self.place(path, Body::File(content.into()), 0o644, 0, 0)
    }

    /// Adds a file 0644 root:root that is no text.
    pub fn file_of_bytes(self, path: &str, content: &[u8]) -> Self {
        self.place(path, Body::File(content.into()), 0o644, 0, 0)
    }

    /// Adds a file 0640 root:root.
    fn private_file(self, path: &str, content: &str) -> Self {
        self.place(path, Body::File(content.into()), 0o640, 0, 0)
    }

    /// Adds a directory, and those above it.
    pub fn directory(self, path: &str, mode: u32, uid: u32, gid: u32) -> Self {
        self.place(path, Body::Directory, mode, uid, gid)
    }

    /// Adds a symbolic link, and directories above it.
    pub fn link(self, path: &str, target: &str) -> Self {
        self.place(path, Body::Link(target.into()), 0o777, 0, 0)
    }

    /// Gives something of the beginning another owner.
    pub fn owned_by(mut self, path: &str, uid: u32) -> Self {
        let number = self.names[Path::new(path)];
        self.inodes.get_mut(&number).expect("every name has its inode").uid = Uid(uid);
        self
    }

    /// Makes a directory a mount of its own.
    pub fn mount(mut self, path: &str) -> Self {
        self.mounts.push(path.into());
        self
    }

    /// Answers commands that begin with `argv` with `output`; a longer `argv` wins, then the latest.
    pub fn program<S: Into<OsString>>(mut self, argv: impl IntoIterator<Item = S>, output: ProgramOutput) -> Self {
        self.programs.push(Program { argv: argv.into_iter().map(Into::into).collect(), output });
        self
    }

    /// Answers commands that no [`Fake::program`] answers.
    pub fn answer_with(mut self, handler: impl Fn(&Command) -> Option<ProgramOutput> + Send + Sync + 'static) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Lets the effect number `n` from now (0 is the next) fail in this way, without doing anything.
    pub fn fail_effect(&mut self, n: usize, kind: io::ErrorKind) {
        self.fail_at = Some((self.effects.len() + n, kind));
    }

    /// What was changed so far, in order.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// A file's content as text; panics when it is not there, as tests want it.
    pub fn text(&self, path: &str) -> String {
        let content = self.read(Path::new(path)).ok().flatten().unwrap_or_else(|| panic!("no file {path}"));
        String::from_utf8_lossy(&content).into_owned()
    }

    /// The whole tree, to compare hosts.
    pub fn tree(&self) -> Vec<Entry> {
        let entry = |path: &PathBuf, inode: u64| {
            let content = match &self.inodes[&inode].body {
                Body::File(content) => content.clone(),
                Body::Link(target) => target.as_os_str().as_encoded_bytes().to_vec(),
                Body::Directory => Vec::new(),
            };
            (path.clone(), self.stat_of(inode), content)
        };
        self.names.iter().map(|(path, inode)| entry(path, *inode)).collect()
    }

    fn place(mut self, path: &str, body: Body, mode: u32, uid: u32, gid: u32) -> Self {
        let path = PathBuf::from(path);
        for above in path.ancestors().skip(1).collect::<Vec<_>>().into_iter().rev() {
            if !self.names.contains_key(above) {
                self.add(
                    above.to_owned(),
                    Inode { body: Body::Directory, mode: 0o755, uid: Uid::ROOT, gid: Gid::ROOT, mtime: EPOCH },
                );
            }
        }
        self.add(path, Inode { body, mode, uid: Uid(uid), gid: Gid(gid), mtime: EPOCH });
        self
    }

    fn add(&mut self, path: PathBuf, inode: Inode) {
        self.names.insert(path, self.next_inode);
        self.inodes.insert(self.next_inode, inode);
        self.next_inode += 1;
    }

    /// Records an effect, unless it is the one that shall fail.
    fn effect(&mut self, effect: Effect) -> Result<()> {
        if let Some((at, kind)) = self.fail_at
            && at == self.effects.len()
        {
            self.fail_at = None;
            return Err(SystemError::io(format!("do {effect:?}"), kind.into()));
        }
        self.effects.push(effect);
        self.clock += 1;
        Ok(())
    }

    /// The real path: every link above the last component resolved, the last one too if `follow`.
    fn resolve(&self, path: &Path, follow: bool) -> io::Result<PathBuf> {
        match reach(self, path, follow, FollowedLinks::Trusted) {
            Ok(reached) => Ok(reached.path),
            Err(SystemError::Io { source, .. }) => Err(source),
            Err(other) => Err(io::Error::other(other)),
        }
    }

    /// Refuses a path that leads over a link of a user's to what another owns.
    fn judge(&self, path: &Path, follow: bool) -> Result<()> {
        match reach(self, path, follow, FollowedLinks::Judged) {
            Err(refused @ SystemError::Refused(_)) => Err(refused),
            _ => Ok(()),
        }
    }

    fn find(&self, path: &Path, follow: bool) -> io::Result<Option<(PathBuf, u64)>> {
        match self.resolve(path, follow) {
            Ok(real) => Ok(self.names.get(&real).map(|inode| (real.clone(), *inode))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn existing(&self, path: &Path) -> io::Result<(PathBuf, u64)> {
        self.find(path, false)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Where a new name may be put: the directory above must be there.
    fn free_place(&self, path: &Path) -> io::Result<PathBuf> {
        let real = self.resolve(path, false)?;
        let parent = real.parent().and_then(|parent| self.names.get(parent)).map(|inode| &self.inodes[inode].body);
        match parent {
            Some(Body::Directory) => Ok(real),
            Some(_) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn stat_of(&self, number: u64) -> Stat {
        let inode = &self.inodes[&number];
        let (kind, size) = match &inode.body {
            Body::File(content) => (FileKind::File, content.len()),
            Body::Directory => (FileKind::Directory, 4096),
            Body::Link(target) => (FileKind::Link, target.as_os_str().len()),
        };
        Stat {
            kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            size: size as u64,
            mtime: inode.mtime,
            ino: number,
            dev: DEVICE,
            nlink: self.names.values().filter(|other| **other == number).count() as u64,
        }
    }

    fn is_directory(&self, number: u64) -> bool {
        self.inodes[&number].body == Body::Directory
    }

    fn names_below(&self, directory: &Path) -> impl Iterator<Item = &PathBuf> {
        self.names.keys().filter(move |name| name.starts_with(directory) && *name != directory)
    }

    fn drop_name(&mut self, path: &Path) {
        self.names.remove(path);
        let used: std::collections::BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|number, _| used.contains(number));
    }

    /// Puts a name in the place of what is there; a directory is in the way.
    fn replace(&mut self, path: &Path, inode: Inode) -> io::Result<()> {
        let real = self.free_place(path)?;
        if self.names.get(&real).is_some_and(|number| self.is_directory(*number)) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.drop_name(&real);
        self.add(real, inode);
        Ok(())
    }

    fn replace_file(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        let old = self.find(path, false).map_err(|e| write_error(path, e))?.map(|(_, number)| &self.inodes[&number]);
        let (mode, uid, gid) = match old {
            Some(Inode { body: Body::Directory, .. }) => {
                return Err(SystemError::Refused(format!("{} is not a regular file", path.display())));
            }
            Some(inode @ Inode { body: Body::File(_), .. }) => (inode.mode, inode.uid, inode.gid),
            _ => (0o644, Uid::ROOT, Gid::ROOT),
        };
        let inode = Inode {
            body: Body::File(content.into()),
            mode: attributes.mode.unwrap_or(mode),
            uid: attributes.uid.unwrap_or(uid),
            gid: attributes.gid.unwrap_or(gid),
            mtime: self.clock,
        };
        self.replace(path, inode).map_err(|e| write_error(path, e))
    }

    fn rename_real(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, number) = self.existing(from)?;
        let to = self.free_place(to)?;
        if self.names.get(&to) == Some(&number) {
            return Ok(());
        }
        if to.starts_with(&from) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if let Some(other) = self.names.get(&to) {
            match (self.is_directory(number), self.is_directory(*other)) {
                (true, false) => return Err(io::ErrorKind::NotADirectory.into()),
                (false, true) => return Err(io::ErrorKind::IsADirectory.into()),
                (true, true) if self.names_below(&to).next().is_some() => {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
                _ => self.drop_name(&to),
            }
        }
        let moved: Vec<PathBuf> = self.names_below(&from).cloned().chain([from.clone()]).collect();
        for old in moved {
            let inode = self.names.remove(&old).expect("it was listed just now");
            let rest = old.strip_prefix(&from).expect("it is below");
            self.names.insert(if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) }, inode);
        }
        Ok(())
    }

    fn answer(&self, command: &Command) -> Result<ProgramOutput> {
        let scripted = self.programs.iter().filter(|program| command.argv.starts_with(&program.argv));
        if let Some(program) = scripted.max_by_key(|program| program.argv.len()) {
            return Ok(program.output.clone());
        }
        if let Some(output) = self.handler.as_ref().and_then(|handler| handler(command)) {
            return Ok(output);
        }
        let read = |path: &str| self.read(Path::new(path)).ok().flatten().unwrap_or_default();
        nss::NssDatabases::new(&read).answer(command).ok_or_else(|| {
            let name = command.argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            SystemError::io(format!("run {name}"), io::ErrorKind::NotFound.into())
        })
    }
}

fn write_error(path: &Path, error: io::Error) -> SystemError {
    SystemError::io(format!("write {}", path.display()), error)
}

fn doing<T>(verb: &str, path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|error| SystemError::io(format!("{verb} {}", path.display()), error))
}

impl Ground for Fake {
    type Directory = PathBuf;

    fn is_root(&self) -> bool {
        true
    }

    fn top(&self) -> Result<(PathBuf, Uid)> {
        Ok(("/".into(), self.inodes[&self.names[Path::new("/")]].uid))
    }

    fn look(&self, _: &PathBuf, _: &std::ffi::OsStr, path: &Path) -> Result<Met<PathBuf>> {
        let Some(number) = self.names.get(path) else { return Ok(Met { at: At::Nothing, uid: Uid::ROOT }) };
        let inode = &self.inodes[number];
        let at = match &inode.body {
            Body::Link(target) => At::Link(target.clone()),
            Body::Directory => At::Directory(path.to_owned()),
            Body::File(_) => At::Other,
        };
        Ok(Met { at, uid: inode.uid })
    }
}

impl System for Fake {
    fn is_root(&self) -> bool {
        true
    }

    fn real_path(&self, path: &Path, links: FollowedLinks) -> Result<PathBuf> {
        Ok(reach(self, path, true, links)?.path)
    }

    fn mount_of(&self, path: &Path) -> Result<Option<u64>> {
        let Some((real, _)) = doing("look at", path, self.find(path, true))? else { return Ok(None) };
        let below = self.mounts.iter().enumerate().filter(|(_, mount)| real.starts_with(mount));
        Ok(Some(below.max_by_key(|(_, mount)| mount.as_os_str().len()).map_or(0, |(number, _)| number as u64 + 1)))
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        if let Some((content, _)) = self.transaction.as_ref().and_then(|edited| edited.get(path)) {
            return Ok(Some(content.clone()));
        }
        self.judge(path, true)?;
        match doing("read", path, self.find(path, true))? {
            None => Ok(None),
            Some((_, number)) => match &self.inodes[&number].body {
                Body::File(content) => Ok(Some(content.clone())),
                _ => doing("read", path, Err(io::ErrorKind::IsADirectory.into())),
            },
        }
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Option<Stat>> {
        Ok(doing("look at", path, self.find(path, follow))?.map(|(_, number)| self.stat_of(number)))
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>> {
        let (real, number) = doing("list", directory, self.find(directory, true))?
            .ok_or_else(|| SystemError::io(format!("list {}", directory.display()), io::ErrorKind::NotFound.into()))?;
        if !self.is_directory(number) {
            return doing("list", directory, Err(io::ErrorKind::NotADirectory.into()));
        }
        let children = self.names_below(&real).filter(|name| name.parent() == Some(&real));
        Ok(children.filter_map(|name| name.file_name()).map(Into::into).collect())
    }

    fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        let found = doing("read the link", path, self.find(path, false))?;
        Ok(found.and_then(|(_, number)| match &self.inodes[&number].body {
            Body::Link(target) => Some(target.clone()),
            _ => None,
        }))
    }

    fn query(&self, command: &Command) -> Result<ProgramOutput> {
        self.answer(command)
    }

    fn passwd(&self) -> Result<Database<Passwd>> {
        lookup::file(self, &Readings::default())
    }

    fn groups(&self) -> Result<Database<Group>> {
        lookup::file(self, &Readings::default())
    }

    fn databases(&self) -> Result<Databases> {
        lookup::read_databases(&Readings::default(), |path| self.read(path))
    }

    fn defaults(&self) -> Result<Defaults> {
        lookup::read_defaults(self)
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".into())
    }

    fn write(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        if accounts::is_database(path)
            && let Some(edited) = &mut self.transaction
        {
            edited.insert(path.into(), (content.into(), attributes));
            return Ok(());
        }
        self.judge(path, false)?;
        self.effect(Effect::Write(path.into()))?;
        self.replace_file(path, content, attributes)
    }

    fn draft(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        let is_new = self.stat(path, false)?.is_none();
        self.write(path, content, attributes)?;
        if is_new {
            self.drafts.insert(path.into());
        }
        Ok(())
    }

    fn make_durable(&mut self) -> Result<()> {
        if self.drafts.is_empty() {
            return Ok(());
        }
        self.effect(Effect::MakeDurable)?;
        self.drafts.clear();
        Ok(())
    }

    fn name_draft(&mut self, from: &Path, to: &Path) -> Result<bool> {
        if let Some(draft) = self.drafts.iter().find(|draft| draft.starts_with(from)) {
            return Err(SystemError::Refused(format!("{} is not on the disk yet", draft.display())));
        }
        let is_named = self.rename_new(from, to)?;
        if is_named {
            self.drafts.insert(to.into());
        }
        Ok(is_named)
    }

    fn make_directory(&mut self, path: &Path, attributes: Attributes) -> Result<()> {
        self.judge(path, false)?;
        self.effect(Effect::MakeDirectory(path.into()))?;
        let real = doing("make directory", path, self.free_place(path))?;
        if self.names.contains_key(&real) {
            return doing("make directory", path, Err(io::ErrorKind::AlreadyExists.into()));
        }
        let Attributes { mode, uid, gid } = attributes;
        let (mode, uid, gid) = (mode.unwrap_or(0o755), uid.unwrap_or(Uid::ROOT), gid.unwrap_or(Gid::ROOT));
        self.add(real, Inode { body: Body::Directory, mode, uid, gid, mtime: self.clock });
        Ok(())
    }

    fn make_link(&mut self, path: &Path, target: &Path) -> Result<()> {
        self.judge(path, false)?;
        self.effect(Effect::MakeLink(path.into(), target.into()))?;
        let link =
            Inode { body: Body::Link(target.into()), mode: 0o777, uid: Uid::ROOT, gid: Gid::ROOT, mtime: self.clock };
        doing("link", path, self.replace(path, link))
    }

    fn make_hard_link(&mut self, path: &Path, existing: &Path) -> Result<()> {
        self.judge(path, false)?;
        self.judge(existing, false)?;
        self.effect(Effect::MakeHardLink(path.into(), existing.into()))?;
        let (_, number) = doing("link", existing, self.existing(existing))?;
        let real = doing("link", path, self.free_place(path))?;
        let in_the_way = self.names.get(&real).copied();
        if self.is_directory(number) || in_the_way.is_some_and(|other| self.is_directory(other)) {
            return doing("link", path, Err(io::ErrorKind::PermissionDenied.into()));
        }
        if in_the_way != Some(number) {
            self.drop_name(&real);
            self.names.insert(real, number);
        }
        Ok(())
    }

    fn set_attributes(&mut self, path: &Path, attributes: Attributes) -> Result<()> {
        self.judge(path, false)?;
        let stat = self.stat(path, false)?;
        let above = self.stat(path.parent().unwrap_or(Path::new("/")), true)?;
        if let (Some(stat), Some(above)) = (&stat, above) {
            refuse_further_name(path, stat, above.uid)?;
        }
        self.effect(Effect::SetAttributes(path.into(), attributes))?;
        let (_, number) = doing("set owner and mode of", path, self.existing(path))?;
        let inode = self.inodes.get_mut(&number).expect("every name has its inode");
        let mut stat = stat.expect("it exists, as the line above has found");
        super::change_attributes(&mut stat, attributes);
        (inode.uid, inode.gid, inode.mode) = (stat.uid, stat.gid, stat.mode);
        Ok(())
    }

    fn set_times(&mut self, path: &Path, _atime: i64, mtime: i64) -> Result<()> {
        self.judge(path, false)?;
        self.effect(Effect::SetTimes(path.into()))?;
        let (_, number) = doing("set times of", path, self.existing(path))?;
        self.inodes.get_mut(&number).expect("every name has its inode").mtime = mtime;
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.judge(from, false)?;
        self.judge(to, false)?;
        self.effect(Effect::Rename(from.into(), to.into()))?;
        doing("rename", from, self.rename_real(from, to))
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        self.judge(path, false)?;
        self.effect(Effect::Remove(path.into()))?;
        let (real, _) = doing("remove", path, self.existing(path))?;
        if self.names_below(&real).next().is_some() {
            return doing("remove", path, Err(io::ErrorKind::DirectoryNotEmpty.into()));
        }
        self.drop_name(&real);
        Ok(())
    }

    fn remove_tree(&mut self, path: &Path) -> Result<()> {
        self.judge(path, false)?;
        self.effect(Effect::RemoveTree(path.into()))?;
        let (real, _) = doing("remove", path, self.existing(path))?;
        let gone: Vec<_> = self.names_below(&real).cloned().chain([real.clone()]).collect();
        gone.iter().for_each(|name| self.drop_name(name));
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<ProgramOutput> {
        self.effect(Effect::Run(command.argv.clone()))?;
        self.answer(command)
    }

    fn end_processes(&mut self, uid: Uid, with_jobs: bool) -> Result<()> {
        let own = processes::of_user(self, uid)?.into_iter().filter(|process| process.ends(with_jobs));
        let paths: Vec<PathBuf> = own.map(|process| PathBuf::from(format!("/proc/{}", process.pid))).collect();
        paths.iter().try_for_each(|path| self.remove_tree(path))
    }

    fn begin_accounts(&mut self) -> Result<()> {
        if self.transaction.is_some() {
            return Err(SystemError::Refused("an account transaction is open already".into()));
        }
        self.effect(Effect::BeginAccounts)?;
        self.transaction = Some(BTreeMap::new());
        Ok(())
    }

    fn commit_accounts(&mut self) -> Result<()> {
        let edited = self.transaction.take().unwrap_or_default();
        self.effect(Effect::CommitAccounts)?;
        edited.iter().try_for_each(|(path, (content, attributes))| self.replace_file(path, content, *attributes))
    }

    fn abort_accounts(&mut self) {
        if self.transaction.take().is_some() {
            self.effects.push(Effect::AbortAccounts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_on_the_way_and_at_the_end() {
        let fake =
            Fake::new().file("/data/real/f", "x").link("/data/l", "real").link("/f", "data/l/f").link("/o", "/o");
        assert_eq!(fake.text("/data/l/f"), "x");
        assert_eq!(fake.text("/f"), "x");
        assert_eq!(fake.stat(Path::new("/f"), false).unwrap().unwrap().kind, FileKind::Link);
        assert!(fake.read(Path::new("/o")).is_err());
        assert_eq!(fake.read(Path::new("/data/real/f/x")).unwrap(), None);
    }

    #[test]
    fn effects_are_recorded_and_can_fail() {
        let mut fake = Fake::new();
        fake.fail_effect(1, io::ErrorKind::StorageFull);
        fake.write(Path::new("/a"), b"1", Attributes::default()).unwrap();
        assert!(fake.write(Path::new("/a"), b"2", Attributes::default()).is_err());
        assert_eq!((fake.text("/a").as_str(), fake.effects()), ("1", &[Effect::Write("/a".into())][..]));
    }

    #[test]
    fn hard_links_share_the_file_until_one_is_replaced() {
        let mut fake = Fake::new().file("/a", "1");
        fake.make_hard_link(Path::new("/b"), Path::new("/a")).unwrap();
        fake.set_attributes(Path::new("/b"), Attributes { mode: Some(0o600), ..Default::default() }).unwrap();
        assert_eq!(fake.stat(Path::new("/a"), false).unwrap().unwrap().mode, 0o600);
        fake.write(Path::new("/b"), b"2", Attributes::default()).unwrap();
        assert_eq!(fake.text("/a"), "1");
    }

    #[test]
    fn a_directory_takes_its_content_along() {
        let mut fake = Fake::new().file("/a/b/c", "1").file("/x/y", "2");
        assert!(fake.rename(Path::new("/a"), Path::new("/x")).is_err());
        fake.rename(Path::new("/a"), Path::new("/x/a")).unwrap();
        assert_eq!(fake.text("/x/a/b/c"), "1");
        assert_eq!(fake.list(Path::new("/x")).unwrap(), ["a", "y"]);
        assert!(fake.stat(Path::new("/a"), false).unwrap().is_none());
    }

    #[test]
    fn getent_answers_from_the_databases() {
        let fake = Fake::with_accounts();
        let output = fake.query(&Command::new(["getent", "passwd", "alice"])).unwrap();
        assert_eq!(output.stdout, b"alice:x:1000:1000:Alice:/home/alice:/bin/bash\n");
        assert_eq!(fake.query(&Command::new(["getent", "group", "nobody"])).unwrap().code, 2);
        assert!(fake.query(&Command::new(["visudo"])).is_err());
    }
}
