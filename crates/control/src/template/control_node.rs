//! [`ControlNode`]: all that templates reach outside of their variables.

#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;

use jiff::Zoned;
use std::io;
use std::path::{Path, PathBuf};
use words::text::login_name::LoginName;

/// The machine that enlist runs on, as templates see it: its files, environment, clock, randomness, users and
/// programs. Templates have no other way to any of these.
///
/// Relative paths are those below [`ControlNode::directory`].
pub trait ControlNode: Send + Sync {
    /// What a file holds; fails as the system does.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// What a file holds as text; fails also for what is not UTF-8.
    fn read_text(&self, path: &Path) -> io::Result<String> {
        let foreign = |_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
        String::from_utf8(self.read(path)?).map_err(foreign)
    }

    /// What lies under a path: where its last part is a link, what that leads to.
    fn entry(&self, path: &Path) -> io::Result<Entry>;

    /// As [`ControlNode::entry`], but a link is a link.
    fn entry_or_link(&self, path: &Path) -> io::Result<Entry>;

    /// The names in a directory, in no order.
    fn names_in(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// The path without links; fails unless all of it exists.
    fn resolved(&self, path: &Path) -> io::Result<PathBuf>;

    /// Where enlist was started.
    fn directory(&self) -> io::Result<PathBuf>;

    /// A variable of the environment; `None` also for one that is no text.
    fn variable(&self, name: &str) -> Option<String>;

    /// The home of a user; `None` for nobody of that name. Fails if the users cannot be asked.
    fn home_of(&self, user: &LoginName) -> io::Result<Option<String>>;

    /// What a command prints that `/bin/sh` runs in `directory`, or else in its own; fails, with what the command
    /// complains of, unless it ends with 0.
    fn shell(&self, command: &str, directory: Option<&Path>) -> Result<String, String>;

    /// The time, in the zone of the machine.
    fn now(&self) -> Zoned;

    /// Fills `bytes` with what nobody can guess.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;

    /// Settles what a file shall hold that only its owner reads: `decide` is told what is there (`None` for no file)
    /// and says what shall be there instead (`None` for nothing else). Of all that settle at once, one after the
    /// other decides (`decide` must not ask for files itself). A dry run remembers what would be written, and writes
    /// nothing.
    fn settle(&self, path: &Path, decide: Decide<'_>) -> Result<(), String>;
}

/// See [`ControlNode::settle`].
pub type Decide<'a> = &'a mut dyn FnMut(Option<&str>) -> Result<Option<String>, String>;

/// What lies under a path of the control node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// File, directory, link or else.
    pub kind: EntryKind,
    /// The file system, by its number.
    pub device: u64,
    /// Which of the file system's.
    pub inode: u64,
}

/// The kinds of [`Entry`] that templates tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A socket, a pipe, a device.
    Other,
}
