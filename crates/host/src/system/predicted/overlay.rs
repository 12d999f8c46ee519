//! A tree of files in memory over a system that is only read.
//!
//! Names decide what is where: an entry in the overlay wins, else the nearest directory above that has one says what
//! is below (nothing, or a directory of the system below), else the system below is asked at the same path.

use crate::identity::Uid;
use crate::system::resolve::{self, At, FollowedLinks, Ground, Met, refuse_further_name};
use crate::system::{FileKind, Result, Stat, System, SystemError};
use foldhash::{HashMap, HashSet};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The device number of files that are only predicted; no real file system has it.
const DEVICE: u64 = u64::MAX;

/// Contents up to this length in bytes are looked up among those that are there; a skeleton's files are short.
const SHARED: usize = 64 << 10;

/// How much is remembered of the system below.
const SEEN: usize = 256;

/// One file as it would be.
#[derive(Clone)]
pub struct Node {
    /// What `stat` says.
    pub stat: Stat,
    /// What it holds.
    pub body: Body,
}

/// What a file holds.
#[derive(Clone)]
pub enum Body {
    /// Content.
    File(Source),
    /// Names; those of this directory of the system below shine through.
    Directory(Option<PathBuf>),
    /// A symbolic link's target.
    Link(PathBuf),
    /// Nothing that can be read as a file.
    Other,
}

/// Where a file's content is.
#[derive(Clone)]
pub enum Source {
    /// Here.
    Bytes(Arc<[u8]>),
    /// In this file of the system below.
    Inner(PathBuf),
}

/// The number of a node that has been decided.
type Number = usize;

/// What is at a real path.
enum Found {
    /// A node of the overlay.
    Here(Number),
    /// A file of the system below, untouched, with its path there.
    Below(PathBuf, Stat),
}

/// See the module.
pub struct Overlay<S> {
    /// The system below.
    pub inner: S,
    /// Decided names, by real path; `None` means that nothing is there.
    names: HashMap<Arc<OsStr>, Option<Number>>,
    /// The same names in the order of bytes: those below a directory stand together.
    order: BTreeSet<Arc<OsStr>>,
    nodes: Vec<Node>,
    /// Contents that nodes have: thousands of homes have the same files.
    contents: HashSet<Arc<[u8]>>,
    /// What was last seen of the system below, which no dry run changes; `None` means that nothing is there.
    seen: RefCell<HashMap<OsString, Option<Stat>>>,
    /// Files of the system below that became nodes, by device and inode, since they may have several names.
    adopted: HashMap<(u64, u64), Number>,
}

/// An error of the kind that the operating system would give.
pub fn fail<T>(verb: &str, path: &Path, kind: io::ErrorKind) -> Result<T> {
    Err(SystemError::io(format!("{verb} {}", path.display()), kind.into()))
}

fn not_regular(path: &Path) -> SystemError {
    SystemError::Refused(format!("{} is not a regular file", path.display()))
}

/// Whether a path is absolute and made of names alone: no `.`, `..` or empty ones.
fn is_plain(path: &[u8]) -> bool {
    let Some(names) = path.strip_prefix(b"/") else { return false };
    names.split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."))
}

impl<S: System> Ground for Overlay<S> {
    type Directory = PathBuf;

    fn is_root(&self) -> bool {
        self.inner.is_root()
    }

    fn top(&self) -> Result<(PathBuf, Uid)> {
        let top = Path::new("/");
        Ok((top.into(), self.at(top)?.map_or(Uid::ROOT, |found| self.stat_of(&found).uid)))
    }

    fn look(&self, _: &PathBuf, _: &OsStr, path: &Path) -> Result<Met<PathBuf>> {
        let Some(found) = self.at(path)? else { return Ok(Met { at: At::Nothing, uid: Uid::ROOT }) };
        let stat = self.stat_of(&found);
        let at = match stat.kind {
            FileKind::Link => At::Link(self.link_target(&found)?.unwrap_or_default()),
            FileKind::Directory => At::Directory(path.to_owned()),
            FileKind::File | FileKind::Other => At::Other,
        };
        Ok(Met { at, uid: stat.uid })
    }
}

impl<S: System> Overlay<S> {
    /// Nothing decided yet.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            names: HashMap::default(),
            order: BTreeSet::new(),
            nodes: Vec::new(),
            contents: HashSet::default(),
            seen: RefCell::default(),
            adopted: HashMap::default(),
        }
    }

    /// Forgets what was seen of the system below.
    pub fn look_again(&mut self) {
        self.seen.get_mut().clear();
        self.inner.look_again();
    }

    /// The content as a source; a short one is shared by all files that have the same.
    pub fn content(&mut self, bytes: &[u8]) -> Source {
        if bytes.len() > SHARED {
            return Source::Bytes(bytes.into());
        }
        if let Some(known) = self.contents.get(bytes) {
            return Source::Bytes(known.clone());
        }
        let content: Arc<[u8]> = bytes.into();
        self.contents.insert(content.clone());
        Source::Bytes(content)
    }

    /// Whether a name, or something below it, is no longer what the system below says.
    pub fn is_changed(&self, path: &Path) -> bool {
        self.real_path(path, true, FollowedLinks::Trusted).is_ok_and(|real| self.names_below(&real).next().is_some())
    }

    /// The content of a file, links followed.
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.find(path, true, FollowedLinks::Judged)? {
            None => Ok(None),
            Some((_, Found::Below(at, _))) => self.inner.read(&at),
            Some((_, Found::Here(number))) => match &self.nodes[number].body {
                Body::File(Source::Bytes(content)) => Ok(Some(content.to_vec())),
                Body::File(Source::Inner(at)) => self.inner.read(at),
                _ => fail("read", path, io::ErrorKind::IsADirectory),
            },
        }
    }

    /// Where the content of a file is, and its length; `None` when nothing is there.
    pub fn source(&self, path: &Path) -> Result<Option<(Source, u64)>> {
        match self.find(path, true, FollowedLinks::Judged)? {
            None => Ok(None),
            Some((_, Found::Below(at, stat))) if stat.kind == FileKind::File => {
                Ok(Some((Source::Inner(at), stat.size)))
            }
            Some((_, Found::Here(number))) => match &self.nodes[number] {
                Node { body: Body::File(source), stat } => Ok(Some((source.clone(), stat.size))),
                _ => Err(not_regular(path)),
            },
            Some(_) => Err(not_regular(path)),
        }
    }

    /// The content piece by piece; false when nothing is there.
    pub fn read_pieces(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<bool> {
        match self.source(path)? {
            None => Ok(false),
            Some((Source::Inner(at), _)) => self.inner.read_pieces(&at, each),
            Some((Source::Bytes(content), _)) => {
                each(&content);
                Ok(true)
            }
        }
    }

    /// What is at `path`.
    pub fn stat(&self, path: &Path, follow: bool) -> Result<Option<Stat>> {
        Ok(self.find(path, follow, FollowedLinks::Trusted)?.map(|(_, found)| self.stat_of(&found)))
    }

    /// The names in a directory: those that shine through, corrected by those decided.
    pub fn list(&self, directory: &Path) -> Result<Vec<OsString>> {
        let Some((real, found)) = self.find(directory, true, FollowedLinks::Trusted)? else {
            return fail("list", directory, io::ErrorKind::NotFound);
        };
        let origin = match &found {
            Found::Below(at, _) => Some(at.clone()),
            Found::Here(number) => match &self.nodes[*number].body {
                Body::Directory(origin) => origin.clone(),
                _ => return fail("list", directory, io::ErrorKind::NotADirectory),
            },
        };
        let mut names: BTreeSet<OsString> = match origin {
            Some(at) => self.inner.list(&at)?.into_iter().collect(),
            None => BTreeSet::new(),
        };
        for (path, decided) in self.names_below(&real).filter(|(path, _)| path.parent() == Some(&real)) {
            let name = path.file_name().unwrap_or_default().to_owned();
            if decided.is_some() {
                names.insert(name);
            } else {
                names.remove(&name);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The target of a link.
    pub fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        match self.find(path, false, FollowedLinks::Trusted)? {
            None => Ok(None),
            Some((_, found)) => self.link_target(&found),
        }
    }

    /// Puts a node at `path`, in the place of what is not a directory.
    pub fn put(&mut self, path: &Path, mut node: Node) -> Result<()> {
        let real = self.place_for(path)?;
        self.drop_name(&real)?;
        node.stat.dev = DEVICE;
        node.stat.ino = self.nodes.len() as u64;
        self.nodes.push(node);
        self.decide(&real, Some(self.nodes.len() - 1));
        Ok(())
    }

    /// The node at `path`, taken over from the system below if need be, to be changed.
    pub fn adopt(&mut self, path: &Path) -> Result<&mut Node> {
        let Some((real, found)) = self.find(path, false, FollowedLinks::Judged)? else {
            return fail("change", path, io::ErrorKind::NotFound);
        };
        let number = self.adopt_found(&real, found)?;
        Ok(&mut self.nodes[number])
    }

    /// Refuses to change owner or mode of a file whose other names may be anywhere.
    pub fn refuse_further_name(&self, path: &Path) -> Result<()> {
        let Some((real, found)) = self.find(path, false, FollowedLinks::Judged)? else { return Ok(()) };
        let above = self.stat(real.parent().unwrap_or(Path::new("/")), true)?;
        refuse_further_name(path, &self.stat_of(&found), above.map_or(Uid::ROOT, |above| above.uid))
    }

    /// Gives a file another name.
    pub fn hard_link(&mut self, path: &Path, existing: &Path) -> Result<()> {
        let Some((old_real, old)) = self.find(existing, false, FollowedLinks::Judged)? else {
            return fail("link", existing, io::ErrorKind::NotFound);
        };
        if self.stat_of(&old).kind == FileKind::Directory {
            return fail("link", existing, io::ErrorKind::PermissionDenied);
        }
        let number = self.adopt_found(&old_real, old)?;
        let real = self.place_for(path)?;
        if self.names.get(real.as_os_str()) != Some(&Some(number)) {
            self.drop_name(&real)?;
            self.nodes[number].stat.nlink += 1;
            self.decide(&real, Some(number));
        }
        Ok(())
    }

    /// Removes a name and all below it.
    pub fn remove(&mut self, path: &Path) -> Result<()> {
        match self.find(path, false, FollowedLinks::Judged)? {
            None => fail("remove", path, io::ErrorKind::NotFound),
            Some((real, _)) => self.drop_tree(&real),
        }
    }

    /// Renames, with all below.
    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let Some((from, found)) = self.find(from, false, FollowedLinks::Judged)? else {
            return fail("rename", from, io::ErrorKind::NotFound);
        };
        let number = self.adopt_found(&from, found)?;
        let to_real = self.check_rename(&from, number, to)?;
        if to_real == from {
            return Ok(());
        }
        if self.find(&to_real, false, FollowedLinks::Judged)?.is_some() {
            self.drop_tree(&to_real)?;
        }
        let moved: Vec<_> = self.names_below(&from).map(|(path, decided)| (path.to_owned(), decided)).collect();
        for (path, decided) in moved {
            self.forget(&path);
            let rest = path.strip_prefix(&from).expect("it is below");
            let to = if rest.as_os_str().is_empty() { to_real.clone() } else { to_real.join(rest) };
            self.decide(&to, decided);
        }
        self.decide(&from, None);
        Ok(())
    }

    /// Where a rename ends; the source itself when both are names of one file.
    fn check_rename(&self, from: &Path, number: Number, to: &Path) -> Result<PathBuf> {
        let is_directory = self.nodes[number].stat.kind == FileKind::Directory;
        let to_path = self.real_path(to, false, FollowedLinks::Judged)?;
        if is_directory && to_path.starts_with(from) && to_path != from {
            return fail("rename", from, io::ErrorKind::InvalidInput);
        }
        let Some((real, found)) = self.find(to, false, FollowedLinks::Judged)? else { return self.place_for(to) };
        if matches!(found, Found::Here(other) if other == number) {
            return Ok(from.into());
        }
        match (is_directory, self.stat_of(&found).kind == FileKind::Directory) {
            (true, false) => fail("rename", from, io::ErrorKind::NotADirectory),
            (false, true) => fail("rename", from, io::ErrorKind::IsADirectory),
            (true, true) if !self.list(&real)?.is_empty() => fail("rename", from, io::ErrorKind::DirectoryNotEmpty),
            _ => Ok(real),
        }
    }

    /// The real path: every link above the last component resolved, the last one too if `follow`. An error of kind
    /// NotFound or NotADirectory when what is above does not exist.
    pub fn real_path(&self, path: &Path, follow: bool, links: FollowedLinks) -> Result<PathBuf> {
        if self.is_real(path, follow)? {
            return Ok(path.to_owned());
        }
        Ok(resolve::reach(self, path, follow, links)?.path)
    }

    /// Whether a path leads through directories alone, as most do: then it is its own real path, and there is no link to
    /// judge. False where only a walk can tell.
    fn is_real(&self, path: &Path, follow: bool) -> Result<bool> {
        let bytes = path.as_os_str().as_bytes();
        if !is_plain(bytes) {
            return Ok(false);
        }
        for (end, _) in bytes.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/') {
            if self.kind_at(OsStr::from_bytes(&bytes[..end]))? != Some(FileKind::Directory) {
                return Ok(false);
            }
        }
        Ok(!follow || self.kind_at(path.as_os_str())? != Some(FileKind::Link))
    }

    /// What is at a real path; `None` when nothing is.
    fn kind_at(&self, real: &OsStr) -> Result<Option<FileKind>> {
        if let Some(decided) = self.names.get(real) {
            return Ok(decided.map(|number| self.nodes[number].stat.kind));
        }
        Ok(self.at(Path::new(real))?.map(|found| match found {
            Found::Here(number) => self.nodes[number].stat.kind,
            Found::Below(_, stat) => stat.kind,
        }))
    }

    /// A mount of the system below: that of the file itself or, where it is only predicted, of what it lies in.
    pub fn mount_of(&self, path: &Path) -> Result<Option<u64>> {
        let Some((real, _)) = self.find(path, true, FollowedLinks::Trusted)? else { return Ok(None) };
        for above in real.ancestors() {
            let origin = match self.at(above)? {
                Some(Found::Below(at, _)) => Some(at),
                Some(Found::Here(number)) => match &self.nodes[number].body {
                    Body::Directory(origin) => origin.clone(),
                    Body::File(Source::Inner(at)) => Some(at.clone()),
                    _ => None,
                },
                None => None,
            };
            if let Some(at) = origin {
                return self.inner.mount_of(&at);
            }
        }
        Ok(None)
    }

    fn find(&self, path: &Path, follow: bool, links: FollowedLinks) -> Result<Option<(PathBuf, Found)>> {
        match self.real_path(path, follow, links) {
            Ok(real) => Ok(self.at(&real)?.map(|found| (real, found))),
            Err(SystemError::Io { source, .. })
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What is at a real path.
    fn at(&self, real: &Path) -> Result<Option<Found>> {
        if let Some(decided) = self.names.get(real.as_os_str()) {
            return Ok(decided.map(Found::Here));
        }
        let Some(below) = self.path_below(real) else { return Ok(None) };
        let stat = self.stat_below(&below)?;
        Ok(stat.map(|stat| match self.adopted.get(&(stat.dev, stat.ino)) {
            Some(number) => Found::Here(*number),
            None => Found::Below(below, stat),
        }))
    }

    /// What the system below says of a path. A person's files lie close together, so a few answers are enough to remember.
    fn stat_below(&self, path: &Path) -> Result<Option<Stat>> {
        if let Some(seen) = self.seen.borrow().get(path.as_os_str()) {
            return Ok(seen.clone());
        }
        let stat = self.inner.stat(path, false)?;
        let mut seen = self.seen.borrow_mut();
        if seen.len() >= SEEN {
            seen.clear();
        }
        seen.insert(path.as_os_str().to_owned(), stat.clone());
        Ok(stat)
    }

    /// Where the system below has what is at a real path without a decision of its own.
    fn path_below(&self, real: &Path) -> Option<PathBuf> {
        let decided = real.ancestors().find_map(|above| Some((above, self.names.get(above.as_os_str())?)));
        let Some((above, number)) = decided else { return Some(real.into()) };
        match &self.nodes[(*number)?].body {
            Body::Directory(Some(origin)) => Some(origin.join(real.strip_prefix(above).ok()?)),
            _ => None,
        }
    }

    fn stat_of(&self, found: &Found) -> Stat {
        match found {
            Found::Here(number) => self.nodes[*number].stat.clone(),
            Found::Below(_, stat) => stat.clone(),
        }
    }

    fn link_target(&self, found: &Found) -> Result<Option<PathBuf>> {
        match found {
            Found::Below(at, _) => self.inner.read_link(at),
            Found::Here(number) => Ok(match &self.nodes[*number].body {
                Body::Link(target) => Some(target.clone()),
                _ => None,
            }),
        }
    }

    /// The real path for a new name: the directory above must be there, no directory may be in the way.
    fn place_for(&self, path: &Path) -> Result<PathBuf> {
        let real = self.real_path(path, false, FollowedLinks::Judged)?;
        match self.at(real.parent().unwrap_or(Path::new("/")))?.map(|found| self.stat_of(&found).kind) {
            Some(FileKind::Directory) => {}
            Some(_) => return fail("make", path, io::ErrorKind::NotADirectory),
            None => return fail("make", path, io::ErrorKind::NotFound),
        }
        match self.at(&real)?.map(|found| self.stat_of(&found).kind) {
            Some(FileKind::Directory) => fail("replace", path, io::ErrorKind::IsADirectory),
            _ => Ok(real),
        }
    }

    fn adopt_found(&mut self, real: &Path, found: Found) -> Result<Number> {
        let (at, stat) = match found {
            Found::Below(at, stat) => (at, stat),
            Found::Here(number) => {
                self.decide(real, Some(number));
                return Ok(number);
            }
        };
        let body = match stat.kind {
            FileKind::File => Body::File(Source::Inner(at)),
            FileKind::Directory => Body::Directory(Some(at)),
            FileKind::Link => Body::Link(self.inner.read_link(&at)?.unwrap_or_default()),
            FileKind::Other => Body::Other,
        };
        let number = self.nodes.len();
        self.adopted.insert((stat.dev, stat.ino), number);
        self.nodes.push(Node { stat, body });
        self.decide(real, Some(number));
        Ok(number)
    }

    fn decide(&mut self, real: &Path, number: Option<Number>) {
        if let Some(decided) = self.names.get_mut(real.as_os_str()) {
            *decided = number;
            return;
        }
        let name: Arc<OsStr> = real.as_os_str().into();
        self.order.insert(name.clone());
        self.names.insert(name, number);
    }

    /// Takes a decision back.
    fn forget(&mut self, real: &Path) {
        self.names.remove(real.as_os_str());
        self.order.remove(real.as_os_str());
    }

    /// Forgets one name of a file; its other names see one link less.
    fn drop_name(&mut self, real: &Path) -> Result<()> {
        if let Some(found) = self.at(real)? {
            if self.stat_of(&found).nlink > 1 && self.stat_of(&found).kind != FileKind::Directory {
                let number = self.adopt_found(real, found)?;
                self.nodes[number].stat.nlink -= 1;
            }
            self.decide(real, None);
        }
        Ok(())
    }

    fn drop_tree(&mut self, real: &Path) -> Result<()> {
        if self.at(real)?.is_some_and(|found| self.stat_of(&found).kind == FileKind::Directory) {
            for name in self.list(real)? {
                self.drop_tree(&real.join(name))?;
            }
        }
        self.drop_name(real)?;
        // Below a name that is gone nothing needs a decision of its own.
        let all = self.names_below(real).map(|(path, _)| path.to_owned());
        let below: Vec<_> = all.filter(|path| path != real).collect();
        below.iter().for_each(|path| self.forget(path));
        Ok(())
    }

    /// Decided names at and below a real path. In the order of bytes those below stand together, but not behind the path
    /// itself: `/a`, `/a-b`, `/a/c`.
    fn names_below(&self, real: &Path) -> impl Iterator<Item = (&Path, Option<Number>)> {
        let itself = self.names.get_key_value(real.as_os_str()).map(|(name, _)| name);
        let prefix = real.join("").into_os_string();
        let below = self.order.range::<OsStr, _>((Bound::Excluded(prefix.as_os_str()), Bound::Unbounded));
        let is_below = move |name: &&Arc<OsStr>| name.as_bytes().starts_with(prefix.as_bytes());
        let all = itself.into_iter().chain(below.take_while(is_below));
        all.map(|name| (Path::new(name), self.names[name]))
    }
}
