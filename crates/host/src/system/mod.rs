//! [`System`]: the only way in which a module touches a host.
//!
//! Real forms: [`local`] (this machine, in the agent), [`predicted`] (another system below what earlier tasks *would*
//! have written), and [`fake`] (a host in memory, for tests and dry labs).

pub mod accounts;
pub mod claim;
mod content;
pub mod coprocess;
pub mod fake;
pub mod held;
mod kept;
pub mod local;
pub mod lookup;
pub mod nss;
pub mod predicted;
pub mod processes;
pub mod remembered;
pub mod resolve;
pub mod skeleton;
pub mod tree;

use crate::identity::entries::{Group, Passwd};
use crate::identity::{Database, Databases, Defaults, Gid, Uid};
pub use content::Content;
use held::Held;
use lookup::LookedUp;
use lookup::Sources;
use resolve::FollowedLinks;
use skeleton::SkeletonEntry;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What kind of file a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link (only when not followed).
    Link,
    /// A device, socket or pipe.
    Other,
}

/// What `stat(2)` says, as far as modules need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What kind of file.
    pub kind: FileKind,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: Uid,
    /// Group.
    pub gid: Gid,
    /// Size in bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Inode number; with `dev` it tells whether two paths are one file.
    pub ino: u64,
    /// Device number.
    pub dev: u64,
    /// Number of hard links.
    pub nlink: u64,
}

/// What `stat(2)` says besides, for who shows it; times in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StatDetails {
    /// When it was last read.
    pub accessed: f64,
    /// When its content last changed.
    pub modified: f64,
    /// When anything about it last changed.
    pub changed: f64,
    /// How much is allocated, in blocks of 512 bytes.
    pub blocks: u64,
    /// In what pieces it is best read, in bytes.
    pub block_size: u64,
    /// The number of the device that it is, 0 for what is none.
    pub device: u64,
}

impl StatDetails {
    /// Of a file that was only just made, or that is only predicted.
    pub fn of_new(stat: &Stat) -> Self {
        let time = stat.mtime as f64;
        let blocks = stat.size.div_ceil(4096) * 8;
        Self { accessed: time, modified: time, changed: time, blocks, block_size: 4096, device: 0 }
    }
}

/// Who owns a file and what its permission bits are; `None` leaves what is there (or the process's default).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, 0 to 0o7777.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<Uid>,
    /// Group.
    pub gid: Option<Gid>,
}

/// A program with its arguments; never a shell string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; the program is looked up in PATH.
    pub argv: Vec<OsString>,
    /// What it reads from standard input; nothing means `/dev/null`.
    pub stdin: Option<Vec<u8>>,
    /// Working directory.
    pub chdir: Option<PathBuf>,
    /// Added to the environment.
    pub environment: Vec<(String, String)>,
}

impl Command {
    /// `program argument …`.
    pub fn new<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramOutput {
    /// Exit code; a program killed by a signal has minus its number, as in Python.
    pub code: i32,
    /// Everything it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Everything it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Why the system did not do something.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The operating system refused; `doing` is a phrase such as "write /etc/passwd".
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A dry run cannot know this; the text says why.
    #[error("unknown until it really runs: {0}")]
    Unknown(String),
    /// Refused for safety, such as a symbolic link where a directory should be.
    #[error("{0}")]
    Refused(String),
    /// A program ran and printed more than can be kept.
    #[error("{0}")]
    TooMuch(String),
}

impl SystemError {
    /// Wraps an I/O error with what was being done.
    pub fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }
}

impl From<SystemError> for crate::change::outcome::Failure {
    fn from(error: SystemError) -> Self {
        Self::new(error.to_string())
    }
}

/// What a change of owner and mode makes of `stat`: as with chown(2), a file loses its set-user-id bits unless a mode is
/// asked for; a link has no mode of its own.
pub fn change_attributes(stat: &mut Stat, wanted: Attributes) {
    let owned = wanted.uid.is_some() || wanted.gid.is_some();
    stat.uid = wanted.uid.unwrap_or(stat.uid);
    stat.gid = wanted.gid.unwrap_or(stat.gid);
    let kept = match stat.kind {
        FileKind::File if owned && stat.mode & 0o010 != 0 => stat.mode & !0o6000,
        FileKind::File if owned => stat.mode & !0o4000,
        _ => stat.mode,
    };
    if stat.kind != FileKind::Link {
        stat.mode = wanted.mode.unwrap_or(kept);
    }
}

/// The command of `words` in which `%s` is the path of a copy.
fn naming(copy: &Path, words: &[String]) -> Command {
    Command::new(words.iter().map(|word| word.replace("%s", &copy.to_string_lossy())))
}

/// The result of touching a host.
pub type Result<T> = std::result::Result<T, SystemError>;

/// One host's files and programs. The first group reads, the second changes.
///
/// Every write is atomic (temporary file in the same directory, fsync, rename, fsync of the directory), keeps what the
/// file it replaces has (owner, mode, access list, label) unless told otherwise, and follows no symbolic link in the last
/// component. Links on the way to what is read or changed are judged, [`FollowedLinks::Judged`]; `stat`, `list` and `read_link`,
/// which only look, follow them all.
pub trait System {
    /// Whether this acts as root: then links of users are judged.
    fn is_root(&self) -> bool;

    /// The path without links, the last component resolved too; it need not exist, what is above must.
    fn real_path(&self, path: &Path, links: FollowedLinks) -> Result<PathBuf>;

    /// The mount that a file or directory lies on, as a number that means nothing else; links are followed. `None` when
    /// nothing is there. Two paths are on one mount when the numbers are equal: device numbers tell neither bind mounts
    /// nor the files of an overlay.
    fn mount_of(&self, path: &Path) -> Result<Option<u64>>;

    /// The content of a file; `None` when nothing is there. The real host refuses one longer than
    /// [`local::LONGEST`].
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>>;

    /// The content of a file of any length, piece by piece to `each`; false when nothing is there.
    fn read_pieces(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let content = self.read(path)?;
        content.iter().for_each(|content| each(content));
        Ok(content.is_some())
    }

    /// The content of a regular file that somebody else may control: never through a link in the last component, and
    /// refused when it is no regular file or longer than `limit` bytes.
    fn read_guarded(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.stat(path, false)? {
            None => Ok(None),
            Some(stat) if stat.kind != FileKind::File => {
                Err(SystemError::Refused(format!("{} is not a regular file", path.display())))
            }
            Some(stat) if stat.size > limit => {
                Err(SystemError::Refused(format!("{} is longer than {limit} bytes", path.display())))
            }
            Some(_) => self.read(path),
        }
    }

    /// Holds `directory`, which is `top` or lies below it: links may lead to `top`, but not from there on, where they are
    /// refused. `None` when something on the way is not there.
    fn hold(&self, top: &Path, directory: &Path) -> Result<Option<Held>> {
        let mut at = top.to_owned();
        for name in held::names_below(top, directory)? {
            at.push(name);
            let Some(stat) = self.stat(&at, false)? else { return Ok(None) };
            held::must_be_directory(&at, stat.kind)?;
        }
        Ok(self.stat(&at, true)?.map(|_| Held::by_name(directory)))
    }

    /// What is at `path`; `None` when nothing is there. `follow` resolves a final symbolic link.
    fn stat(&self, path: &Path, follow: bool) -> Result<Option<Stat>>;

    /// The rest of what is known about `path`, as for [`System::stat`].
    fn stat_details(&self, path: &Path, follow: bool) -> Result<Option<StatDetails>> {
        Ok(self.stat(path, follow)?.as_ref().map(StatDetails::of_new))
    }

    /// Walks over `top` and all below it without following links, and says what differs from what `judge` wants.
    fn survey_tree(&self, top: &Path, scope: tree::TreeScope, judge: &tree::Judge) -> Result<tree::Walked> {
        tree::by_name(self, top, scope, judge).map(|(walked, _)| walked)
    }

    /// The names in a directory, sorted; an error when it is none.
    fn list(&self, directory: &Path) -> Result<Vec<OsString>>;

    /// The target text of a symbolic link; `None` when `path` is no link.
    fn read_link(&self, path: &Path) -> Result<Option<PathBuf>>;

    /// Runs a program that promises to change nothing (`getent`, `id`, `visudo -c`); really runs in a dry run.
    /// An exit code is data; an error means that it could not be started.
    fn query(&self, command: &Command) -> Result<ProgramOutput>;

    /// Looks these up in one go, as far as the local files lack them, so that asking for each costs no program. A hint: what
    /// is not known afterwards is asked for when it is needed.
    fn look_up_together(&self, _wanted: &[LookedUp]) {}

    /// `/etc/passwd`, indexed. This and the next five are read once and remembered, where it pays, until
    /// [`System::look_again`] or something that may change them.
    fn passwd(&self) -> Result<Database<Passwd>>;

    /// `/etc/group`, indexed.
    fn groups(&self) -> Result<Database<Group>>;

    /// All six account files, indexed; only root can read them. Refuses a host without `passwd` or `group`.
    fn databases(&self) -> Result<Databases>;

    /// `/etc/login.defs` and `/etc/default/useradd`.
    fn defaults(&self) -> Result<Defaults>;

    /// What is in a directory that new homes are filled from.
    fn skeleton(&self, directory: &Path) -> Result<Arc<Vec<SkeletonEntry>>> {
        skeleton::read(self, directory).map(Arc::new)
    }

    /// Where the name service looks beyond the account files.
    fn sources(&self) -> Sources {
        lookup::read_sources(self)
    }

    /// What the host calls itself; empty when nothing tells it.
    fn host_name(&self) -> String {
        lookup::read_host_name(self)
    }

    /// Forgets what was remembered: a new request looks anew.
    fn look_again(&mut self) {}

    /// A variable of the environment that programs would get.
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Whether effects are only predicted. For wording; decisions must not depend on it.
    fn is_predicted(&self) -> bool {
        false
    }

    /// In a dry run: the commands that [`System::run`] was given and could not tell the effects of, in order.
    fn not_run(&self) -> &[Command] {
        &[]
    }

    /// Replaces or creates a regular file.
    fn write(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()>;

    /// As [`System::write`], but a new file need not be on the disk before [`System::make_durable`]: many of them then
    /// share one sync. If the power fails before, it may be empty or missing, so it must be one that the next run makes
    /// again. One that replaces another is on the disk at once: the old content must not be lost.
    fn draft(&mut self, path: &Path, content: &[u8], attributes: Attributes) -> Result<()> {
        self.write(path, content, attributes)
    }

    /// Makes a new file with this modification time, in seconds since 1970, where nobody else looks: unlike a draft it may
    /// be seen half-written, also after a run that was cut off. Not on the disk before [`System::make_durable`].
    fn make_file(&mut self, path: &Path, content: &[u8], attributes: Attributes, mtime: i64) -> Result<()> {
        self.draft(path, content, attributes)?;
        self.set_times(path, mtime, mtime)
    }

    /// Makes everything durable that was drafted. What could be taken for finished gets its name only afterwards.
    fn make_durable(&mut self) -> Result<()> {
        Ok(())
    }

    /// Replaces or creates a regular file with what `from` holds, a regular file of any length; a link at the end of `from`
    /// is followed. With `sha1`, in hex, a content with another digest is refused, and what is at `to` stays.
    fn copy(&mut self, from: &Path, to: &Path, attributes: Attributes, sha1: Option<&str>) -> Result<()> {
        let _ = sha1; // nobody else changes what is in memory
        match self.read(from)? {
            Some(content) => self.write(to, &content, attributes),
            None => Err(SystemError::io(format!("read {}", from.display()), io::ErrorKind::NotFound.into())),
        }
    }

    /// As [`System::write`], of a content that may be a copy.
    fn fill(&mut self, path: &Path, content: &Content, attributes: Attributes) -> Result<()> {
        match content {
            Content::Bytes(bytes) => self.write(path, bytes, attributes),
            Content::Copy { from, sha1, .. } => self.copy(from, path, attributes, Some(sha1)),
        }
    }

    /// [`System::query`] of a program in whose words `%s` stands for a private copy of `content` beside `path`: hidden, and
    /// with a dot in its name, so that directories such as sudoers.d ignore it. The copy is gone afterwards; one that a
    /// killed process left goes with the next.
    fn query_copy(&mut self, path: &Path, content: &Content, words: &[String]) -> Result<ProgramOutput> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let copy = path.with_file_name(format!(".{name}.enlist-validate"));
        self.fill(&copy, content, Attributes { mode: Some(0o600), ..Attributes::default() })?;
        let said = self.query(&naming(&copy, words));
        self.remove(&copy)?;
        said
    }

    /// Makes one directory; its parent must be there, it must not.
    fn make_directory(&mut self, path: &Path, attributes: Attributes) -> Result<()>;

    /// Makes or atomically replaces a symbolic link.
    fn make_link(&mut self, path: &Path, target: &Path) -> Result<()>;

    /// Gives `path` another name to the same file.
    fn make_hard_link(&mut self, path: &Path, existing: &Path) -> Result<()>;

    /// Changes owner and permission bits. A symbolic link itself gets the owner, never its target; its mode is left.
    /// Refuses what [`resolve::refuse_further_name`] does.
    fn set_attributes(&mut self, path: &Path, attributes: Attributes) -> Result<()>;

    /// The same walk as [`System::survey_tree`], setting what differs as it goes: what was looked at is what is changed,
    /// whoever exchanges names meanwhile. What is in a directory comes before the directory itself.
    fn correct_tree(&mut self, top: &Path, scope: tree::TreeScope, judge: &tree::Judge) -> Result<tree::Walked> {
        let (walked, differing) = tree::by_name(self, top, scope, judge)?;
        differing.iter().try_for_each(|(path, attributes)| self.set_attributes(path, *attributes))?;
        Ok(walked)
    }

    /// Sets access and modification time, in seconds since 1970.
    fn set_times(&mut self, path: &Path, atime: i64, mtime: i64) -> Result<()>;

    /// Renames within one file system, replacing a file at `to`.
    fn rename(&mut self, from: &Path, to: &Path) -> Result<()>;

    /// Renames within one file system unless something is at `to`; whether it was renamed. Two that make the same thing
    /// under names of their own, perhaps on two hosts that share the directory, find out by this who was first.
    fn rename_new(&mut self, from: &Path, to: &Path) -> Result<bool> {
        if self.stat(to, false)?.is_some() {
            return Ok(false);
        }
        self.rename(from, to).map(|()| true)
    }

    /// As [`System::rename_new`]; the new name need not be on the disk before [`System::make_durable`].
    fn name_draft(&mut self, from: &Path, to: &Path) -> Result<bool> {
        self.rename_new(from, to)
    }

    /// Removes a file, link or empty directory; refuses a directory with content.
    fn remove(&mut self, path: &Path) -> Result<()>;

    /// Removes a directory and all in it, without following links or crossing into another file system.
    fn remove_tree(&mut self, path: &Path) -> Result<()>;

    /// Ends all processes of a user, asked first and killed a second later, and waits until they are gone; an error when some
    /// do not end. Those of jobs only `with_jobs`.
    fn end_processes(&mut self, uid: Uid, with_jobs: bool) -> Result<()>;

    /// Runs a program that may change something. A dry run answers [`SystemError::Unknown`].
    fn run(&mut self, command: &Command) -> Result<ProgramOutput>;

    /// Makes this the only process of enlist that works on the accounts, homes and keys of the host, until
    /// [`System::end_work`]; see [`claim::Claim`]. Waits for another, for a bounded time, and then says which it is.
    /// Users other than root only ever work on what is theirs, and dry runs on nothing: they need no claim.
    fn begin_work(&mut self) -> Result<()> {
        Ok(())
    }

    /// Lets others work.
    fn end_work(&mut self) {}

    /// Starts a transaction over the account databases (`/etc/passwd`, `group`, `shadow`, `gshadow`, `subuid`,
    /// `subgid`): takes the locks of shadow-utils, and from now on `read` and `write` of these files work on a copy
    /// in memory. Nested calls are an error.
    fn begin_accounts(&mut self) -> Result<()>;

    /// Replaces the account databases within a transaction. The files are written in `order`, which the first edit
    /// decides: the one in which a crash does least harm.
    fn set_databases(&mut self, after: Databases, order: &'static [&'static str]) -> Result<()> {
        for name in order {
            if let Some(text) = after.text(name) {
                self.write(&Path::new("/etc").join(name), &text, Attributes::default())?;
            }
        }
        Ok(())
    }

    /// Writes what the transaction changed, one atomic fsynced write a file, in an order such that a crash in between
    /// leaves a state that the next run repairs; then tells caches (nscd, sssd) and unlocks. On error nothing of the
    /// remaining files is written, and the error names the file.
    fn commit_accounts(&mut self) -> Result<()>;

    /// Ends the transaction without writing anything.
    fn abort_accounts(&mut self);
}
