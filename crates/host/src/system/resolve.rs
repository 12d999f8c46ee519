//! Path resolution as in path_resolution(7), once for names in memory and for descriptors of the real host; and the rule
//! about links that users hold.
//!
//! The rule ([`FollowedLinks::Judged`]): root follows a symbolic link that a user made, or that lies in a user's directory, only
//! to what the same user owns. A user's `~/.ssh` that is a link to a directory of root's would otherwise be given to the
//! user by the next task that sets its owner. It is systemd's CHASE_SAFE, for links alone: a user cannot bring a file or
//! directory of somebody else into its own directory in another way, except by a further name ([`refuse_further_name`]).

use super::{FileKind, Result, Stat, SystemError};
use crate::identity::Uid;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

/// So many links may lead to a path.
const MAX_LINKS: usize = 40;

/// Which links are followed on the way to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowedLinks {
    /// Links of root's in root's directories everywhere, those of a user only to what the user owns; other steps are
    /// refused. Who is not root follows all: the kernel judges what it may do.
    Judged,
    /// All: the task says so, or nothing is read or changed.
    Trusted,
}

/// What is at a name.
pub enum At<D> {
    /// Nothing.
    Nothing,
    /// A link with this target.
    Link(PathBuf),
    /// A directory.
    Directory(D),
    /// Anything else.
    Other,
}

/// What is at a name, and who owns it (nobody in particular owns nothing).
pub struct Met<D> {
    /// What is there.
    pub at: At<D>,
    /// Whose it is.
    pub uid: Uid,
}

/// What paths lead over: directories by name, or by descriptor.
pub trait Ground {
    /// A directory.
    type Directory;

    /// Whether links are judged at all: whether this acts as root.
    fn is_root(&self) -> bool;

    /// The directory `/` and its owner.
    fn top(&self) -> Result<(Self::Directory, Uid)>;

    /// What is at `name` in a directory; `path` is for messages and for those who know directories by name.
    fn look(&self, directory: &Self::Directory, name: &OsStr, path: &Path) -> Result<Met<Self::Directory>>;
}

/// The end of a path: the directory that holds the file, and the file's name there.
pub struct Reached<D> {
    /// The directory.
    pub directory: D,
    /// The owner of the directory.
    pub directory_uid: Uid,
    /// The name in it; `.` is the directory itself.
    pub name: OsString,
    /// The same as a path without links, from where the walk began.
    pub path: PathBuf,
}

/// A directory where a walk begins, and how it is called.
pub struct Start<D> {
    /// The directory.
    pub directory: D,
    /// Its owner.
    pub uid: Uid,
    /// Its name.
    pub path: PathBuf,
}

/// Goes along `path`, over links in the last component too if `follow`. The last component need not exist; an error of
/// kind NotFound or NotADirectory says that what is above does not, ELOOP that links lead around.
pub fn reach<G: Ground>(ground: &G, path: &Path, follow: bool, links: FollowedLinks) -> Result<Reached<G::Directory>> {
    let (directory, uid) = ground.top()?;
    // The walk begins at the top already.
    let below = path.strip_prefix("/").unwrap_or(path);
    reach_from(ground, Start { directory, uid, path: "/".into() }, below, follow, links)
}

/// The same from another directory than `/`, for a path relative to it.
pub fn reach_from<G: Ground>(
    ground: &G,
    start: Start<G::Directory>,
    path: &Path,
    follow: bool,
    links: FollowedLinks,
) -> Result<Reached<G::Directory>> {
    let is_judged = links == FollowedLinks::Judged && ground.is_root();
    let at = start.path.clone();
    let mut walk = Walk { ground, start, way: Vec::new(), at, todo: Vec::new(), is_judged, links: 0 };
    walk.plan(path);
    while let Some(step) = walk.todo.pop() {
        match step {
            Step::Top => walk.go_to_top()?,
            Step::Up => walk.go_up()?,
            Step::Judge(link) => link.judge(walk.here().1, &walk.at)?,
            Step::Name(name) => {
                if let Some((name, path)) = walk.enter(name, follow)? {
                    return Ok(Reached { name, path, ..walk.itself() });
                }
            }
        }
    }
    Ok(walk.itself())
}

/// One thing still to be done on the way.
enum Step {
    Top,
    Up,
    Name(OsString),
    /// A link's target has been reached.
    Judge(Link),
}

/// A link on the way.
struct Link {
    path: PathBuf,
    /// Users who may have made it or put it there.
    hands: Vec<Uid>,
}

impl Link {
    /// Refuses when it leads from what a user holds to what another owns.
    fn judge(&self, owner: Uid, target: &Path) -> Result<()> {
        let Some(hand) = self.hands.iter().find(|hand| **hand != owner) else { return Ok(()) };
        Err(SystemError::Refused(format!(
            "{} is a symbolic link, which the user with uid {hand} could point anywhere; it leads to {}, which \
             belongs to uid {owner}; not followed: name the real path, or say follow: true where that is meant",
            self.path.display(),
            target.display()
        )))
    }
}

struct Walk<'g, G: Ground> {
    ground: &'g G,
    start: Start<G::Directory>,
    /// Directories below the start that were entered, with owners.
    way: Vec<(G::Directory, Uid)>,
    /// The path of the last of them, or of the start.
    at: PathBuf,
    /// What is left, the next last.
    todo: Vec<Step>,
    is_judged: bool,
    links: usize,
}

impl<G: Ground> Walk<'_, G> {
    fn plan(&mut self, path: &Path) {
        let steps = path.components().filter_map(|component| match component {
            Component::RootDir => Some(Step::Top),
            Component::ParentDir => Some(Step::Up),
            Component::Normal(name) => Some(Step::Name(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        });
        let first = self.todo.len();
        self.todo.extend(steps);
        self.todo[first..].reverse();
    }

    fn go_to_top(&mut self) -> Result<()> {
        self.way.clear();
        let (directory, uid) = self.ground.top()?;
        self.start = Start { directory, uid, path: "/".into() };
        self.at.clone_from(&self.start.path);
        Ok(())
    }

    /// The directory where the walk is, and its owner.
    fn here(&self) -> (&G::Directory, Uid) {
        match self.way.last() {
            Some((directory, uid)) => (directory, *uid),
            None => (&self.start.directory, self.start.uid),
        }
    }

    /// To the directory above; the one above `/` is `/`.
    fn go_up(&mut self) -> Result<()> {
        if self.way.pop().is_some() {
            self.at.pop();
            return Ok(());
        }
        if self.start.path == Path::new("/") {
            return Ok(());
        }
        let path = self.start.path.join("..");
        let met = self.ground.look(&self.start.directory, OsStr::new(".."), &path)?;
        if let At::Directory(directory) = met.at {
            self.start = Start { directory, uid: met.uid, path };
            self.at.clone_from(&self.start.path);
        }
        Ok(())
    }

    /// Goes to a name; the name and its path, if that was the last.
    fn enter(&mut self, name: OsString, follow: bool) -> Result<Option<(OsString, PathBuf)>> {
        let path = self.at.join(&name);
        let (here, here_uid) = self.here();
        let met = self.ground.look(here, &name, &path)?;
        let is_last = self.todo.iter().all(|step| matches!(step, Step::Judge(_)));
        match met.at {
            At::Link(target) if follow || !is_last => self.follow(path, &target, [met.uid, here_uid])?,
            At::Directory(directory) if !is_last => {
                self.way.push((directory, met.uid));
                self.at = path;
            }
            At::Nothing if !is_last => return wrong(&path, io::ErrorKind::NotFound.into()),
            At::Other if !is_last => return wrong(&path, io::ErrorKind::NotADirectory.into()),
            found => {
                let owner = if matches!(found, At::Nothing) { here_uid } else { met.uid };
                self.judge_all(owner, &path)?;
                return Ok(Some((name, path)));
            }
        }
        Ok(None)
    }

    fn follow(&mut self, path: PathBuf, target: &Path, hands: [Uid; 2]) -> Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return wrong(&path, io::Error::from_raw_os_error(nix::libc::ELOOP));
        }
        let hands: Vec<Uid> = hands.into_iter().filter(|hand| *hand != Uid::ROOT && self.is_judged).collect();
        if !hands.is_empty() {
            self.todo.push(Step::Judge(Link { path, hands }));
        }
        self.plan(target);
        Ok(())
    }

    /// Judges the links that led to the end of the way.
    fn judge_all(&mut self, owner: Uid, path: &Path) -> Result<()> {
        for step in self.todo.drain(..) {
            if let Step::Judge(link) = step {
                link.judge(owner, path)?;
            }
        }
        Ok(())
    }

    /// Where the walk is.
    fn itself(mut self) -> Reached<G::Directory> {
        let (directory, directory_uid) = match self.way.pop() {
            Some((directory, uid)) => (directory, uid),
            None => (self.start.directory, self.start.uid),
        };
        Reached { directory, directory_uid, name: ".".into(), path: self.at }
    }
}

fn wrong<T>(path: &Path, error: io::Error) -> Result<T> {
    Err(SystemError::io(format!("find {}", path.display()), error))
}

/// Refuses to change whose a file is or who may use it when the file has further names, lies in a user's directory and
/// is not that user's: its other names may be anywhere, and it may be the user who gave it this one, as link(2) lets
/// anybody where fs.protected_hardlinks is off.
pub fn refuse_further_name(path: &Path, stat: &Stat, directory_uid: Uid) -> Result<()> {
    let is_safe = stat.kind != FileKind::File || stat.nlink < 2 || directory_uid == Uid::ROOT;
    if is_safe || stat.uid == directory_uid {
        return Ok(());
    }
    Err(SystemError::Refused(format!(
        "{} belongs to uid {} and has {} names, and lies in a directory of uid {directory_uid}, who may have linked it \
         there; owner and mode are left: look for the other names with `find / -xdev -inum {}`",
        path.display(),
        stat.uid,
        stat.nlink,
        stat.ino
    )))
}
