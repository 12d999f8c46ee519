//! `file`: what is at a path, and whose it is: files, directories, links, and nothing.

use super::shared::attributes::{OwnerAndMode, WantedAttributes};
use super::shared::files::{attribute_fields, describe, follow, followed, trusted_way};
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::choices;
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::tree::{TreeScope, Walked};
use crate::system::{Attributes, FileKind, Stat, System};
use std::path::{Path, PathBuf};
use words::value::Value;

/// The module.
pub struct File;

parameters! {
    /// Makes or removes files, directories and links, and sets owner and mode.
    pub struct FileParameters for "file" {
        /// What it is about.
        path | "dest" | "name": HostPath,
        /// What shall be there; by default what is there already.
        state: Option<FileState>,
        /// Where a link leads: the text of a symbolic one, the other name of a hard one.
        src: Option<HostPath>,
        /// Sets owner and mode of all in a directory too.
        recurse: bool = "no",
        /// Lets a link take the place of a file or empty directory, or lead nowhere.
        force: bool = "no",
        /// Works on what a symbolic link at the path leads to, whoever made it; no: on the link.
        /// When not given, a link is followed unless it leads from what a user owns to what another
        /// owns.
        follow: Option<bool>,
        /// For touch: now, preserve, or a time.
        modification_time: Option<String>,
        /// Form of modification_time.
        modification_time_format: String = "%Y%m%d%H%M.%S",
        /// For touch: now, preserve, or a time.
        access_time: Option<String>,
        /// Form of access_time.
        access_time_format: String = "%Y%m%d%H%M.%S",
        ..attributes: OwnerAndMode,
    }
}

choices! {
    /// What shall be at a path.
    pub enum FileState {
        /// Nothing.
        Absent = "absent",
        /// A directory; made with those above it.
        Directory = "directory",
        /// What is there, which is no directory; never made.
        File = "file",
        /// Another name of a file.
        Hard = "hard",
        /// A symbolic link.
        Link = "link",
        /// A file, made if it is missing, with new times.
        Touch = "touch",
    }
}

impl Module for File {
    type Parameters = FileParameters;

    fn check(&self, given: &FileParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let mut path = given.path.on(system)?;
        if given.follow == Some(true) {
            path = trusted_way(path, system);
        }
        let wanted = given.attributes.wanted(system)?;
        let there = system.stat(&path, false)?;
        let state = state(given, there.as_ref())?;
        let verdict = match state {
            FileState::Absent => absent(path, there),
            FileState::Directory => directory(given, path, wanted, system),
            FileState::Link => link(given, path, wanted, there, system),
            FileState::Hard => hard(given, path, wanted, there, system),
            FileState::Touch => touch(given, path, wanted, system),
            FileState::File => file(given, path, wanted, system),
        };
        Ok(given.attributes.warn_about_mode(verdict?))
    }
}

/// The wanted state, or what is there.
fn state(given: &FileParameters, there: Option<&Stat>) -> Result<FileState, Failure> {
    if given.recurse && given.state.is_some_and(|state| state != FileState::Directory) {
        return Err(Failure::new("recurse option requires state to be 'directory'"));
    }
    if given.src.is_some() && !matches!(given.state, Some(FileState::Link | FileState::Hard)) {
        return Err(Failure::new("src option requires state to be 'link' or 'hard'"));
    }
    Ok(given.state.unwrap_or(match there.map(|stat| stat.kind) {
        Some(FileKind::Directory) => FileState::Directory,
        Some(FileKind::Link) if follow(given.follow, true).is_none() => FileState::Link,
        None if given.recurse => FileState::Directory,
        _ => FileState::File,
    }))
}

fn kind_name(stat: &Stat) -> &'static str {
    match stat.kind {
        FileKind::File if stat.nlink > 1 => "hard",
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Link => "link",
        FileKind::Other => "special file",
    }
}

fn change(action: Action, path: &Path, before: Option<&Stat>, after: &str) -> Change {
    let before = before.map_or("absent", kind_name);
    Change::new(action, "file", path.display().to_string()).field("state", before, after)
}

fn described(path: &Path, key: &str, system: &dyn System) -> Result<Outcome, Failure> {
    describe(Outcome::new().with(key, path.display().to_string()), path, system)
}

fn absent(path: PathBuf, there: Option<Stat>) -> Result<Verdict, Failure> {
    let outcome = Outcome::new().with("path", path.display().to_string()).with("state", "absent");
    let Some(stat) = there else { return Ok(Verdict::Satisfied(outcome)) };
    let changes = vec![change(Action::Delete, &path, Some(&stat), "absent")];
    Ok(Verdict::would(changes, move |system| {
        match stat.kind {
            FileKind::Directory => system.remove_tree(&path)?,
            _ => system.remove(&path)?,
        }
        Ok(outcome)
    }))
}

fn file(
    given: &FileParameters,
    path: PathBuf,
    wanted: WantedAttributes,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let path = followed(path, follow(given.follow, true), system)?;
    let found = system.stat(&path, false)?;
    let state = found.as_ref().map_or("absent", kind_name);
    if !matches!(state, "file" | "hard" | "special file") {
        let shown = path.display();
        return Err(Failure::new(format!("file ({shown}) is {state}, cannot continue"))
            .hint("state: file never makes a file; use state: touch, or the modules copy or template")
            .with("path", shown.to_string())
            .with("state", state));
    }
    only_attributes(path, found, &wanted, "path", system)
}

/// Nothing but owner and mode of what is there.
fn only_attributes(
    path: PathBuf,
    found: Option<Stat>,
    wanted: &WantedAttributes,
    key: &'static str,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    match found.and_then(|stat| Some((wanted.difference(&stat)?, stat))) {
        None => Ok(Verdict::Satisfied(described(&path, key, system)?)),
        Some((difference, stat)) => {
            let change = Change::new(Action::Update, "file", path.display().to_string());
            let changes = vec![attribute_fields(change, Some(&stat), &difference, system)];
            Ok(Verdict::would(changes, move |system| {
                system.set_attributes(&path, difference)?;
                described(&path, key, system)
            }))
        }
    }
}

fn directory(
    given: &FileParameters,
    path: PathBuf,
    wanted: WantedAttributes,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let path = followed(path, follow(given.follow, true), system)?;
    let Some(stat) = system.stat(&path, false)? else { return new_directories(path, &wanted, system) };
    if stat.kind != FileKind::Directory {
        return Err(Failure::new(format!("{} already exists as a {}", path.display(), kind_name(&stat)))
            .with("path", path.display().to_string()));
    }
    let mut changes = Vec::new();
    let difference = wanted.difference(&stat);
    if let Some(difference) = &difference {
        let change = Change::new(Action::Update, "file", path.display().to_string());
        changes.push(attribute_fields(change, Some(&stat), difference, system));
    }
    let recurses = given.recurse;
    if recurses {
        changes.extend(survey(&path, &wanted, system)?);
    }
    if changes.is_empty() {
        return Ok(Verdict::Satisfied(described(&path, "path", system)?));
    }
    Ok(Verdict::would(changes, move |system| {
        // What is in it first: the tree gets its new owner when all in it is right.
        let walked = if recurses { correct(&path, &wanted, system)? } else { Walked::default() };
        if let Some(difference) = difference {
            system.set_attributes(&path, difference)?;
        }
        refuse_left(&path, &walked, difference.is_some())?;
        described(&path, "path", system)
    }))
}

/// What differs below a directory. Links get the owner themselves and are not followed.
fn survey(path: &Path, wanted: &WantedAttributes, system: &dyn System) -> Result<Option<Change>, Failure> {
    let judge = |at: &Path, stat: &Stat| wanted.difference(stat).filter(|_| at != path);
    let found = system.survey_tree(path, TreeScope::AllMounts, &judge)?.differing;
    let change = Change::new(Action::Update, "file", path.join("**").display().to_string());
    Ok((found > 0).then(|| change.opaque("tree", format!("owner, group or mode of {found} entries"))))
}

fn correct(path: &Path, wanted: &WantedAttributes, system: &mut dyn System) -> Result<Walked, Failure> {
    let judge = |at: &Path, stat: &Stat| wanted.difference(stat).filter(|_| at != path);
    Ok(system.correct_tree(path, TreeScope::AllMounts, &judge)?)
}

/// Fails when entries had to be left as they are, after all others were corrected.
fn refuse_left(path: &Path, walked: &Walked, acted: bool) -> Result<(), Failure> {
    let Some(first) = walked.refused.first() else { return Ok(()) };
    let count = walked.refused.len();
    let acted = acted || walked.differing > count;
    let msg = format!("{count} of the entries below {} were left as they are; the first: {first}", path.display());
    Err(Failure { acted, ..Failure::new(msg) }
        .hint("remove the names that do not belong there, or name such files in a task of their own")
        .with("left", walked.refused.iter().map(|refused| refused.as_str().into()).collect::<Vec<Value>>()))
}

fn new_directories(path: PathBuf, wanted: &WantedAttributes, system: &dyn System) -> Result<Verdict, Failure> {
    let (mut missing, mut changes) = (Vec::new(), Vec::new());
    make_all(&path, wanted, system, &mut missing, &mut changes)?;
    Ok(Verdict::would(changes, move |system| {
        for (directory, attributes) in missing {
            system.make_directory(&directory, attributes)?;
        }
        described(&path, "path", system)
    }))
}

/// The directory and those above it that are missing, all with the wanted owner and mode.
fn make_all(
    path: &Path,
    wanted: &WantedAttributes,
    system: &dyn System,
    missing: &mut Vec<(PathBuf, Attributes)>,
    changes: &mut Vec<Change>,
) -> Result<(), Failure> {
    let above: Vec<&Path> = path.ancestors().filter(|above| !above.as_os_str().is_empty()).collect();
    for directory in above.into_iter().rev() {
        match system.stat(directory, true)? {
            Some(stat) if stat.kind == FileKind::Directory => {}
            Some(stat) => {
                let (shown, kind) = (directory.display(), kind_name(&stat));
                return Err(Failure::new(format!("There was an issue creating {shown}: it is a {kind}")));
            }
            None => {
                let attributes = wanted.for_new(FileKind::Directory);
                let made = change(Action::Create, directory, None, "directory");
                changes.push(attribute_fields(made, None, &attributes, system));
                missing.push((directory.into(), attributes));
            }
        }
    }
    Ok(())
}

fn link(
    given: &FileParameters,
    path: PathBuf,
    wanted: WantedAttributes,
    there: Option<Stat>,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let old_target = system.read_link(&path)?;
    let target = match (&given.src, &old_target) {
        (Some(src), _) => src.on(system)?,
        (None, Some(target)) if follow(given.follow, true).is_some() || given.state.is_none() => target.clone(),
        _ => return Err(Failure::new("src is required for creating new symlinks")),
    };
    let leads_to = path.parent().unwrap_or(Path::new("/")).join(&target);
    if system.stat(&leads_to, true)?.is_none() && !given.force {
        let msg = format!(
            "src file does not exist, use \"force=yes\" if you really want to create the link: {}",
            leads_to.display()
        );
        return Err(Failure::new(msg)
            .with("path", path.display().to_string())
            .with("src", target.display().to_string()));
    }
    // Without an owner or mode to set nothing is followed: the link alone is the task's.
    let links = follow(given.follow, true).filter(|_| wanted != WantedAttributes::default());
    if old_target.as_ref() == Some(&target) {
        let place = followed(path, links, system)?;
        let found = system.stat(&place, false)?;
        return only_attributes(place, found, &wanted, "dest", system);
    }
    let in_the_way = in_the_way(given, &path, there.as_ref(), "symlink", system)?;
    let made = change(if there.is_some() { Action::Update } else { Action::Create }, &path, there.as_ref(), "link");
    let made = made.field("src", old_target.map(|old| old.display().to_string()), target.display().to_string());
    let owner = Attributes { mode: None, uid: wanted.uid, gid: wanted.gid };
    Ok(Verdict::would(vec![made], move |system| {
        if in_the_way {
            system.remove(&path)?;
        }
        system.make_link(&path, &target)?;
        let place = followed(path.clone(), links, system)?;
        let difference = system.stat(&place, false)?.and_then(|stat| wanted.difference(&stat));
        match difference {
            Some(difference) if links.is_some() => system.set_attributes(&place, difference)?,
            Some(_) => system.set_attributes(&path, owner)?,
            None => {}
        }
        Ok(described(&path, "dest", system)?.with("src", target.display().to_string()))
    }))
}

/// Refuses to replace a file or directory by a link without `force`; whether an empty directory must go first.
fn in_the_way(
    given: &FileParameters,
    path: &Path,
    there: Option<&Stat>,
    what: &str,
    system: &dyn System,
) -> Result<bool, Failure> {
    let Some(stat) = there.filter(|stat| stat.kind != FileKind::Link) else { return Ok(false) };
    let shown = path.display();
    if !given.force {
        let msg = format!("refusing to convert from {} to {what} for {shown}", kind_name(stat));
        return Err(Failure::new(msg).hint("remove it first, or set force: true").with("path", shown.to_string()));
    }
    if stat.kind == FileKind::Directory && !system.list(path)?.is_empty() {
        return Err(Failure::new(format!("the directory {shown} is not empty, refusing to convert it")));
    }
    Ok(stat.kind == FileKind::Directory)
}

fn hard(
    given: &FileParameters,
    path: PathBuf,
    wanted: WantedAttributes,
    there: Option<Stat>,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let Some(src) = &given.src else {
        return Err(Failure::new("src is required for creating new hardlinks"));
    };
    let existing = src.on(system)?;
    let Some(other) = system.stat(&existing, false)? else {
        return Err(Failure::new(format!("src does not exist: {}", existing.display())));
    };
    if there.as_ref().is_some_and(|stat| (stat.dev, stat.ino) == (other.dev, other.ino)) {
        return only_attributes(path, there, &wanted, "dest", system);
    }
    let in_the_way = in_the_way(given, &path, there.as_ref(), "hard link", system)?;
    let difference = wanted.difference(&other);
    let action = if there.is_some() { Action::Update } else { Action::Create };
    let mut made = Change::new(action, "file", path.display().to_string())
        .field("state", there.as_ref().map_or("absent", kind_name), "hard link")
        .field("src", Value::Null, existing.display().to_string());
    if let Some(difference) = &difference {
        made = attribute_fields(made, Some(&other), difference, system);
    }
    Ok(Verdict::would(vec![made], move |system| {
        if in_the_way {
            system.remove(&path)?;
        }
        system.make_hard_link(&path, &existing)?;
        if let Some(difference) = difference {
            system.set_attributes(&path, difference)?;
        }
        Ok(described(&path, "dest", system)?.with("src", existing.display().to_string()))
    }))
}

fn touch(
    given: &FileParameters,
    path: PathBuf,
    wanted: WantedAttributes,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let path = followed(path, follow(given.follow, true), system)?;
    let found = system.stat(&path, false)?;
    let Some(stat) = found else {
        let attributes = wanted.for_new(FileKind::File);
        let made = attribute_fields(change(Action::Create, &path, None, "file"), None, &attributes, system);
        let times = Times::of(given, None)?;
        return Ok(Verdict::would(vec![made], move |system| {
            system.write(&path, b"", attributes)?;
            times.set(&path, system)?;
            described(&path, "dest", system)
        }));
    };
    let times = Times::of(given, Some(stat.mtime))?;
    if times.keeps(&stat) {
        return only_attributes(path, Some(stat), &wanted, "dest", system);
    }
    let difference = wanted.difference(&stat);
    let touched = Change::new(Action::Update, "file", path.display().to_string()).opaque("times", "set");
    let touched = attribute_fields(touched, Some(&stat), &difference.unwrap_or_default(), system);
    Ok(Verdict::would(vec![touched], move |system| {
        if let Some(difference) = difference {
            system.set_attributes(&path, difference)?;
        }
        times.set(&path, system)?;
        described(&path, "dest", system)
    }))
}

/// The times that `touch` sets, in seconds since 1970. The access time cannot be read, so `preserve` for it alone
/// leaves it to the modification time.
struct Times {
    modified: Option<i64>,
    accessed: Option<i64>,
}

impl Times {
    fn of(given: &FileParameters, current: Option<i64>) -> Result<Self, Failure> {
        let modified = time(given.modification_time.as_deref(), &given.modification_time_format, current)?;
        let accessed = time(given.access_time.as_deref(), &given.access_time_format, current)?;
        Ok(Self { modified, accessed })
    }

    fn keeps(&self, stat: &Stat) -> bool {
        self.modified.is_none_or(|time| time == stat.mtime) && self.accessed.is_none_or(|time| time == stat.mtime)
    }

    fn set(&self, path: &Path, system: &mut dyn System) -> Result<(), Failure> {
        let Some(stat) = system.stat(path, false)? else { return Ok(()) };
        let modified = self.modified.unwrap_or(stat.mtime);
        Ok(system.set_times(path, self.accessed.unwrap_or(modified), modified)?)
    }
}

/// `None` for preserve.
fn time(text: Option<&str>, format: &str, current: Option<i64>) -> Result<Option<i64>, Failure> {
    match text {
        Some("preserve") => Ok(current),
        None | Some("now") => Ok(Some(jiff::Timestamp::now().as_second())),
        Some(text) => {
            let bad =
                |error: jiff::Error| Failure::new(format!("Error while obtaining timestamp for time {text}: {error}"));
            let civil = jiff::civil::DateTime::strptime(format, text).map_err(bad)?;
            let zoned = civil.to_zoned(jiff::tz::TimeZone::system()).map_err(bad)?;
            Ok(Some(zoned.timestamp().as_second()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::FieldDiff;
    use crate::engine::testing::{args, changed_then_ok, changes, fails, is_ok};
    use crate::identity::Uid;
    use crate::system::fake::Fake;
    use words::value::Value;

    fn host() -> Fake {
        Fake::with_accounts().file("/etc/motd", "hello\n").link("/etc/l", "motd")
    }

    fn stat(fake: &Fake, path: &str) -> Stat {
        fake.stat(Path::new(path), false).unwrap().unwrap()
    }

    #[test]
    fn directories_are_made_with_their_parents() {
        let mut fake = host();
        let given = args(&[("path", "/data/a/b"), ("state", "directory"), ("mode", "2750"), ("owner", "alice")]);
        let outcome = changed_then_ok(&File, &given, &mut fake);
        assert_eq!(outcome.values["mode"], Value::from("2750"));
        assert_eq!(outcome.values["owner"], Value::from("alice"));
        assert_eq!((stat(&fake, "/data").mode, stat(&fake, "/data/a/b").uid), (0o2750, Uid(1000)));
    }

    #[test]
    fn changes_name_every_field() {
        let given = args(&[("path", "/etc/motd"), ("mode", "u=rw,go="), ("owner", "alice"), ("group", "users")]);
        let result = changes(&File, &given, &mut host());
        let field = |name: &str, before: &str, after: &str| FieldDiff::Value {
            name: name.into(),
            before: before.into(),
            after: after.into(),
        };
        assert_eq!(
            result.changes[0].fields,
            [field("mode", "0644", "0600"), field("owner", "root", "alice"), field("group", "root", "users")]
        );
    }

    #[test]
    fn recurse_corrects_the_tree_and_follows_no_link() {
        let mut fake = host().file("/home/alice/d/x", "").link("/home/alice/d/l", "/etc/motd");
        let given = args(&[
            ("path", "/home/alice"),
            ("state", "directory"),
            ("recurse", "yes"),
            ("owner", "alice"),
            ("mode", "u=rwX,go="),
        ]);
        changed_then_ok(&File, &given, &mut fake);
        assert_eq!((stat(&fake, "/home/alice/d/x").mode, stat(&fake, "/home/alice/d").mode), (0o600, 0o700));
        assert_eq!((stat(&fake, "/home/alice/d/l").uid, stat(&fake, "/etc/motd").uid), (Uid(1000), Uid(0)));
    }

    #[test]
    fn a_users_link_leads_root_nowhere_else_unless_the_task_says_so() {
        let mut fake = host().directory("/srv/victim", 0o755, 0, 0).link("/home/alice/.ssh", "/srv/victim");
        fake = fake.file("/srv/mine", "").owned_by("/srv/mine", 1000).link("/home/alice/mine", "/srv/mine");
        let given = |pairs: &[(&str, &str)]| args(&[&[("owner", "alice"), ("mode", "0700")], pairs].concat());
        let directory = [("path", "/home/alice/.ssh"), ("state", "directory")];
        let below = [("path", "/home/alice/.ssh/new"), ("state", "directory")];
        let touched = [("path", "/home/alice/.ssh"), ("state", "touch")];
        for pairs in [&directory, &touched] {
            let failure = fails(&File, &given(pairs), &mut fake);
            assert!(failure.msg.contains("the user with uid 1000 could point anywhere"), "{}", failure.msg);
        }
        assert!(fails(&File, &given(&below), &mut fake).msg.contains("not followed"));
        assert_eq!(stat(&fake, "/srv/victim").uid, Uid(0));
        changed_then_ok(&File, &given(&[("path", "/home/alice/mine")]), &mut fake);
        assert_eq!(stat(&fake, "/srv/mine").mode, 0o700);
        changed_then_ok(&File, &given(&[&below[..], &[("follow", "yes")]].concat()), &mut fake);
        changed_then_ok(&File, &given(&[&directory[..], &[("follow", "yes")]].concat()), &mut fake);
        assert_eq!((stat(&fake, "/srv/victim").uid, stat(&fake, "/srv/victim/new").uid), (Uid(1000), Uid(1000)));
    }

    #[test]
    fn recurse_leaves_names_that_a_user_may_have_linked_and_corrects_the_rest() {
        let mut fake = host().file("/home/alice/left", "");
        fake.make_hard_link(Path::new("/home/alice/named"), Path::new("/etc/motd")).unwrap();
        let given = args(&[("path", "/home/alice"), ("state", "directory"), ("recurse", "yes"), ("owner", "alice")]);
        let mut predicted = crate::system::predicted::Predicted::new(fake.clone());
        let first = crate::engine::testing::run(&File, &given, &mut fake);
        assert_eq!(crate::engine::testing::run(&File, &given, &mut predicted), first);
        let failure = first.outcome.unwrap_err();
        assert!(failure.msg.starts_with("1 of the entries below /home/alice were left"), "{}", failure.msg);
        assert!(failure.acted && failure.msg.contains("has 2 names"));
        assert_eq!((stat(&fake, "/home/alice/left").uid, stat(&fake, "/etc/motd").uid), (Uid(1000), Uid(0)));
    }

    #[test]
    fn files_are_never_made_by_state_file() {
        let failure = fails(&File, &args(&[("path", "/etc/none"), ("state", "file")]), &mut host());
        assert_eq!(failure.msg, "file (/etc/none) is absent, cannot continue");
        is_ok(&File, &args(&[("path", "/etc/l")]), &mut host());
        let failure = fails(&File, &args(&[("path", "/etc/motd"), ("state", "directory")]), &mut host());
        assert_eq!(failure.msg, "/etc/motd already exists as a file");
    }

    #[test]
    fn links() {
        let mut fake = host();
        let given = |path: &str, src: &str| args(&[("path", path), ("src", src), ("state", "link")]);
        changed_then_ok(&File, &given("/etc/new", "motd"), &mut fake);
        changed_then_ok(&File, &given("/etc/l", "/etc/passwd"), &mut fake);
        let failure = fails(&File, &given("/etc/x", "nowhere"), &mut fake);
        assert!(failure.msg.starts_with("src file does not exist, use \"force=yes\""), "{}", failure.msg);
        let failure = fails(&File, &given("/etc/motd", "passwd"), &mut fake);
        assert_eq!(failure.msg, "refusing to convert from file to symlink for /etc/motd");
        let mut forced = given("/etc/motd", "passwd");
        forced.insert("force".into(), true.into());
        changed_then_ok(&File, &forced, &mut fake);
        let mut full = given("/home", "/etc");
        full.insert("force".into(), true.into());
        assert!(fails(&File, &full, &mut fake).msg.contains("is not empty"));
    }

    #[test]
    fn hard_links() {
        let mut fake = host();
        let given = args(&[("path", "/etc/h"), ("src", "/etc/motd"), ("state", "hard"), ("mode", "0600")]);
        assert_eq!(changed_then_ok(&File, &given, &mut fake).values["state"], Value::from("hard"));
        assert_eq!(stat(&fake, "/etc/motd").mode, 0o600);
        let missing = args(&[("path", "/etc/h"), ("src", "/etc/none"), ("state", "hard")]);
        assert!(fails(&File, &missing, &mut fake).msg.starts_with("src does not exist"));
    }

    #[test]
    fn absent_removes_trees_and_links() {
        let mut fake = host();
        changed_then_ok(&File, &args(&[("path", "/home"), ("state", "absent")]), &mut fake);
        changed_then_ok(&File, &args(&[("path", "/etc/l"), ("state", "absent")]), &mut fake);
        assert_eq!(fake.text("/etc/motd"), "hello\n");
    }

    #[test]
    fn touch_makes_and_dates() {
        let mut fake = host();
        let dated = args(&[
            ("path", "/etc/t"),
            ("state", "touch"),
            ("modification_time", "202401020304.05"),
            ("access_time", "202401020304.05"),
        ]);
        changed_then_ok(&File, &dated, &mut fake);
        changes(&File, &args(&[("path", "/etc/t"), ("state", "touch")]), &mut fake);
        let preserving = args(&[
            ("path", "/etc/t"),
            ("state", "touch"),
            ("modification_time", "preserve"),
            ("access_time", "preserve"),
        ]);
        is_ok(&File, &preserving, &mut fake);
    }

    #[test]
    fn bad_arguments() {
        let recurse = args(&[("path", "/etc/motd"), ("state", "touch"), ("recurse", "yes")]);
        assert_eq!(fails(&File, &recurse, &mut host()).msg, "recurse option requires state to be 'directory'");
        let src = args(&[("path", "/etc/motd"), ("src", "/x")]);
        assert_eq!(fails(&File, &src, &mut host()).msg, "src option requires state to be 'link' or 'hard'");
        let owner = args(&[("path", "/etc/motd"), ("owner", "nobody")]);
        assert_eq!(fails(&File, &owner, &mut host()).msg, "chown failed: failed to look up user nobody");
        let mode = args(&[("path", "/etc/motd"), ("mode", "9")]);
        assert_eq!(fails(&File, &mode, &mut host()).msg, "mode must be in octal or symbolic form");
    }
}
