//! Directories with what is in them, as `copy` takes them: read from the controller or the host, put in place entry by
//! entry.

use super::CopyParameters;
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::{Apply, Step, Verdict, Would};
use crate::identity::{Gid, Uid};
use crate::modules::shared::attributes::{Mode, WantedAttributes};
use crate::modules::shared::files::attribute_fields;
use crate::system::{Attributes, FileKind, Stat, System};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use words::value::{Map, Value};

/// The most that is copied by one task, in bytes: a tree is kept in memory, and goes to a host in one frame.
const LONGEST: usize = 32 << 20;

/// A directory with what is in it, directories before what is in them.
pub struct CopiedTree {
    entries: Vec<Entry>,
}

struct Entry {
    /// Below the directory; empty for itself.
    path: PathBuf,
    body: Body,
    mode: u32,
}

enum Body {
    Directory,
    File(Vec<u8>),
    Link(PathBuf),
}

impl CopiedTree {
    /// Reads a directory. With `follow`, what links lead to stands in their place, but for links that lead nowhere or to
    /// a directory that they are in. Refuses what is neither file, directory nor link, and what is too large.
    pub fn read(top: &Path, follow: bool, system: &dyn System) -> Result<Self, Failure> {
        let mut reader = Reader { system, follow, size: 0, within: Vec::new(), entries: Vec::new() };
        let mode = system.stat(top, true)?.map_or(0o755, |stat| stat.mode);
        reader.directory(top, PathBuf::new(), mode)?;
        Ok(Self { entries: reader.entries })
    }

    /// As an argument of the module, for the way to the host. Refuses names that are not UTF-8.
    pub fn to_value(&self) -> Result<Value, Failure> {
        self.entries.iter().map(Entry::to_value).collect::<Result<Vec<_>, _>>().map(Value::from)
    }

    /// What [`CopiedTree::to_value`] made.
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        Some(Self { entries: value.as_list()?.iter().map(Entry::from_value).collect::<Option<_>>()? })
    }
}

impl Entry {
    fn to_value(&self) -> Result<Value, Failure> {
        let text = |path: &Path| match path.to_str() {
            Some(text) => Ok(Value::from(text)),
            None => Err(Failure::new(format!("the name {} is not UTF-8", path.display()))),
        };
        let (name, body) = match &self.body {
            Body::Directory => ("directory", true.into()),
            Body::File(content) => ("content", STANDARD.encode(content).into()),
            Body::Link(target) => ("link", text(target)?),
        };
        let fields = [("path", text(&self.path)?), ("mode", self.mode.into()), (name, body)];
        Ok(Value::from(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<Map>()))
    }

    fn from_value(value: &Value) -> Option<Self> {
        let text = |name| value.get(name).and_then(Value::as_str);
        let body = match (text("content"), text("link")) {
            (Some(content), _) => Body::File(STANDARD.decode(content).ok()?),
            (_, Some(target)) => Body::Link(target.into()),
            _ => Body::Directory,
        };
        let mode = u32::try_from(value.get("mode")?.as_int()?).ok()?;
        Some(Self { path: text("path")?.into(), body, mode })
    }
}

struct Reader<'s> {
    system: &'s dyn System,
    follow: bool,
    size: usize,
    /// The directories that are being read, by device and inode.
    within: Vec<(u64, u64)>,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn directory(&mut self, real: &Path, path: PathBuf, mode: u32) -> Result<(), Failure> {
        self.entries.push(Entry { path: path.clone(), body: Body::Directory, mode });
        let identity = self.system.stat(real, true)?.map(|stat| (stat.dev, stat.ino));
        self.within.extend(identity);
        for name in self.system.list(real)? {
            self.entry(&real.join(&name), path.join(&name))?;
        }
        self.within.truncate(self.within.len() - usize::from(identity.is_some()));
        Ok(())
    }

    fn entry(&mut self, real: &Path, path: PathBuf) -> Result<(), Failure> {
        let Some(mut stat) = self.system.stat(real, false)? else { return Ok(()) };
        if stat.kind == FileKind::Link
            && let Some(behind) = self.behind(real)?
        {
            stat = behind;
        }
        let body = match stat.kind {
            FileKind::Directory => return self.directory(real, path, stat.mode),
            FileKind::Link => Body::Link(self.system.read_link(real)?.unwrap_or_default()),
            FileKind::File => Body::File(self.content(real)?),
            FileKind::Other => {
                return Err(Failure::new(format!("{} is neither file, directory nor link", real.display())));
            }
        };
        self.entries.push(Entry { path, body, mode: stat.mode });
        Ok(())
    }

    /// What a link leads to, where that is to be copied.
    fn behind(&self, link: &Path) -> Result<Option<Stat>, Failure> {
        if !self.follow {
            return Ok(None);
        }
        let behind = self.system.stat(link, true)?;
        Ok(behind.filter(|stat| !self.within.contains(&(stat.dev, stat.ino))))
    }

    fn content(&mut self, real: &Path) -> Result<Vec<u8>, Failure> {
        let content = self.system.read(real)?.unwrap_or_default();
        self.size += content.len();
        if self.size > LONGEST {
            let msg = format!("more than {} MiB are to be copied; {} is too much", LONGEST >> 20, real.display());
            return Err(Failure::new(msg).hint("copy it in parts, or with rsync"));
        }
        Ok(content)
    }
}

/// Which modes entries get.
pub(super) enum Modes {
    /// Those that the task says, for new directories and all files.
    OfTask {
        /// For files.
        files: Option<Mode>,
        /// For directories.
        directories: Option<Mode>,
    },
    /// The source's, for what is new or differs; the task's mode is that of the directory itself. So Ansible does it for
    /// trees of the host.
    OfSource {
        /// For the directory itself.
        top: Option<Mode>,
    },
}

/// Where a tree goes.
pub(super) struct Landing<'a> {
    /// The task's, for `backup`, `validate` and `force`.
    pub(super) given: &'a CopyParameters,
    /// What the directory itself becomes.
    pub(super) root: PathBuf,
    /// Of everything in it.
    pub(super) uid: Option<Uid>,
    /// Of everything in it.
    pub(super) gid: Option<Gid>,
    /// Of everything in it.
    pub(super) modes: Modes,
}

/// What is to be done, in order.
#[derive(Default)]
struct Steps {
    changes: Vec<Change>,
    steps: Vec<Step>,
}

impl Landing<'_> {
    /// Compares all of the tree with what is there.
    pub(super) fn verdict(&self, tree: CopiedTree, outcome: Outcome, system: &dyn System) -> Result<Verdict, Failure> {
        let mut steps = Steps::default();
        for above in self.missing_above(system)? {
            let wanted = self.wanted(match &self.modes {
                Modes::OfTask { directories, .. } => directories.clone(),
                Modes::OfSource { .. } => None,
            });
            steps.make_directory(above, wanted.for_new(FileKind::Directory), system);
        }
        for entry in tree.entries {
            self.place(entry, &mut steps, system)?;
        }
        if steps.steps.is_empty() {
            return Ok(Verdict::Satisfied(outcome));
        }
        Ok(Verdict::would(steps.changes, move |system| {
            for step in steps.steps {
                step(system)?;
            }
            Ok(outcome)
        }))
    }

    /// The directories above the root that are not there, the outermost first.
    fn missing_above(&self, system: &dyn System) -> Result<Vec<PathBuf>, Failure> {
        let mut missing = Vec::new();
        for above in self.root.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
            match system.stat(above, true)? {
                None => missing.insert(0, above.to_owned()),
                Some(stat) if stat.kind == FileKind::Directory => break,
                Some(_) => return Err(no_directory(above)),
            }
        }
        Ok(missing)
    }

    fn wanted(&self, mode: Option<Mode>) -> WantedAttributes {
        WantedAttributes { uid: self.uid, gid: self.gid, mode }
    }

    fn place(&self, entry: Entry, steps: &mut Steps, system: &dyn System) -> Result<(), Failure> {
        let is_top = entry.path.as_os_str() == OsStr::new("");
        let path = if is_top { self.root.clone() } else { self.root.join(&entry.path) };
        match entry.body {
            Body::Directory => self.directory(path, entry.mode, is_top, steps, system),
            Body::File(content) => self.file(path, content, entry.mode, steps, system),
            Body::Link(target) => link(path, target, steps, system),
        }
    }

    fn directory(
        &self,
        path: PathBuf,
        mode: u32,
        is_top: bool,
        steps: &mut Steps,
        system: &dyn System,
    ) -> Result<(), Failure> {
        let there = system.stat(&path, true)?;
        let is_new = there.is_none();
        let wanted = self.wanted(match &self.modes {
            Modes::OfTask { directories, .. } => directories.clone(),
            Modes::OfSource { top: Some(top) } if is_top => Some(Mode::Exact(top.apply(mode, true))),
            Modes::OfSource { .. } => is_new.then_some(Mode::Exact(mode)),
        });
        let Some(stat) = there else {
            steps.make_directory(path, wanted.for_new(FileKind::Directory), system);
            return Ok(());
        };
        if stat.kind != FileKind::Directory {
            return Err(no_directory(&path));
        }
        let is_task_s = matches!(self.modes, Modes::OfTask { .. }) && is_top;
        if let Some(attributes) = wanted.difference(&stat).filter(|_| !is_task_s) {
            steps.set_attributes(path, &stat, attributes, system);
        }
        Ok(())
    }

    fn file(
        &self,
        path: PathBuf,
        content: Vec<u8>,
        mode: u32,
        steps: &mut Steps,
        system: &dyn System,
    ) -> Result<(), Failure> {
        let there = system.stat(&path, false)?;
        if there.is_some() && !self.given.force {
            return Ok(());
        }
        let wanted = self.wanted(match &self.modes {
            Modes::OfTask { files: Some(Mode::Preserve), .. } => Some(Mode::Exact(mode)),
            Modes::OfTask { files, .. } => files.clone(),
            Modes::OfSource { .. } => {
                // A file of another size is another one, however long it is.
                let size = content.len() as u64;
                let is_alike = there.is_some_and(|stat| stat.kind == FileKind::File && stat.size == size);
                let is_same = is_alike && system.read(&path)?.as_ref() == Some(&content);
                (!is_same).then_some(Mode::Exact(mode))
            }
        });
        let edit = self.given.edit.edit(path, Some(content.into()), wanted);
        if let Verdict::Would(Would { changes, apply: Apply::Now(step) }) = edit.verdict(system, |_, made| Ok(made))? {
            steps.changes.extend(changes);
            steps.steps.push(step);
        }
        Ok(())
    }
}

impl Steps {
    fn make_directory(&mut self, path: PathBuf, attributes: Attributes, system: &dyn System) {
        let change = Change::new(Action::Create, "file", path.display().to_string());
        let change = change.field("state", "absent", "directory");
        self.changes.push(attribute_fields(change, None, &attributes, system));
        self.steps.push(Box::new(move |system| {
            system.make_directory(&path, attributes)?;
            Ok(Outcome::new())
        }));
    }

    fn set_attributes(&mut self, path: PathBuf, before: &Stat, attributes: Attributes, system: &dyn System) {
        let change = Change::new(Action::Update, "file", path.display().to_string());
        self.changes.push(attribute_fields(change, Some(before), &attributes, system));
        self.steps.push(Box::new(move |system| {
            system.set_attributes(&path, attributes)?;
            Ok(Outcome::new())
        }));
    }
}

/// A link takes the place of a file or another link, never of a directory.
fn link(path: PathBuf, target: PathBuf, steps: &mut Steps, system: &dyn System) -> Result<(), Failure> {
    let there = system.stat(&path, false)?;
    let old = system.read_link(&path)?;
    if old.as_ref() == Some(&target) {
        return Ok(());
    }
    if there.as_ref().is_some_and(|stat| stat.kind == FileKind::Directory) {
        return Err(Failure::new(format!("refusing to put a link in the place of the directory {}", path.display())));
    }
    let action = if there.is_some() { Action::Update } else { Action::Create };
    let shown = |path: PathBuf| path.display().to_string();
    let change = Change::new(action, "file", path.display().to_string());
    steps.changes.push(change.field("src", old.map(shown), shown(target.clone())));
    steps.steps.push(Box::new(move |system| {
        if there.is_some() {
            system.remove(&path)?;
        }
        system.make_link(&path, &target)?;
        Ok(Outcome::new())
    }));
    Ok(())
}

fn no_directory(path: &Path) -> Failure {
    Failure::new(format!("{} is not a directory", path.display()))
}
