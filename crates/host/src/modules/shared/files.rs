//! What the file modules share: paths and owners as tasks give them, results about a path, and [`FileEdit`], one file's new
//! content with owner and mode.

use super::attributes::{GivenMode, OwnerAndMode, WantedAttributes, octal};
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::Verdict;
use crate::identity::{Gid, Uid};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::resolve::FollowedLinks;
use crate::system::{Attributes, Content, FileKind, Stat, System, SystemError, lookup};
use std::path::{Path, PathBuf};
use words::text::hex::hex;
use words::text::lossless;

/// Longest text that is shown as a diff, in bytes (Ansible's limit).
pub const LONGEST_DIFF: usize = 104_448;

impl HostPath {
    /// The path with `~`, `~user` and `$VAR` expanded, as seen from the host.
    pub fn on(&self, system: &dyn System) -> Result<PathBuf, Failure> {
        expand(self.as_str(), system)
    }
}

/// Expands `~`, `~user`, `$VAR` and `${VAR}`; what is not set stays as it is.
pub fn expand(text: &str, system: &dyn System) -> Result<PathBuf, Failure> {
    let expanded = expand_variables(text, &|name| system.variable(name));
    let Some(rest) = expanded.strip_prefix('~') else { return Ok(expanded.into()) };
    let (user, below) = rest.split_once('/').unwrap_or((rest, ""));
    let home = match user {
        "" => system.variable("HOME"),
        user => lookup::user(system, user)?.map(|found| found.into_entry().home),
    };
    Ok(home.map_or_else(|| expanded.clone().into(), |home| Path::new(&home).join(below)))
}

/// Expands `$VAR` and `${VAR}`; what is not set stays as it is.
pub fn expand_variables(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, length) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match variable(name).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..=at + length]),
        }
        rest = &after[length..];
    }
    out + rest
}

impl OwnerAndMode {
    /// What is wanted, with names looked up.
    pub fn wanted(&self, system: &dyn System) -> Result<WantedAttributes, Failure> {
        if self.attributes.is_some() {
            return Err(Failure::new("the parameter attributes (chattr) is not supported")
                .hint("remove it, or set the flags with `command: chattr …`"));
        }
        Ok(WantedAttributes {
            uid: self.owner.as_deref().map(|owner| uid_of(owner, system)).transpose()?,
            gid: self.group.as_deref().map(|group| gid_of(group, system)).transpose()?,
            mode: self.mode.as_ref().filter(|mode| !mode.is_empty()).map(GivenMode::mode).transpose()?,
        })
    }

    /// The verdict, with a warning about a decimal mode.
    pub fn warn_about_mode(&self, verdict: Verdict) -> Verdict {
        let Some(warning) = self.mode.as_ref().and_then(GivenMode::warning) else { return verdict };
        verdict.map(|mut outcome| {
            outcome.warnings.push(warning);
            outcome
        })
    }
}

/// A user by number or name; numbers need not exist.
pub fn uid_of(owner: &str, system: &dyn System) -> Result<Uid, Failure> {
    if let Ok(uid) = owner.parse() {
        return Ok(uid);
    }
    let found = lookup::user(system, owner)?;
    found.map(|user| user.into_entry().uid).ok_or_else(|| {
        Failure::new(format!("chown failed: failed to look up user {owner}"))
            .hint("create the user in an earlier task, or correct the name")
    })
}

/// A group by number or name; numbers need not exist.
pub fn gid_of(group: &str, system: &dyn System) -> Result<Gid, Failure> {
    if let Ok(gid) = group.parse() {
        return Ok(gid);
    }
    let found = lookup::group(system, group)?;
    found.map(|group| group.into_entry().gid).ok_or_else(|| {
        Failure::new(format!("chgrp failed: failed to look up group {group}"))
            .hint("create the group in an earlier task, or correct the name")
    })
}

/// The name of a user, or the number as text.
pub fn user_name(uid: Uid, system: &dyn System) -> String {
    match lookup::user(system, &uid.to_string()) {
        Ok(Some(found)) => found.into_entry().name,
        _ => uid.to_string(),
    }
}

/// The name of a group, or the number as text.
pub fn group_name(gid: Gid, system: &dyn System) -> String {
    match lookup::group(system, &gid.to_string()) {
        Ok(Some(found)) => found.into_entry().name,
        _ => gid.to_string(),
    }
}

/// An outcome with what Ansible returns about a path: uid, gid, owner, group, mode, state, size.
pub fn describe(outcome: Outcome, path: &Path, system: &dyn System) -> Result<Outcome, Failure> {
    let Some(stat) = system.stat(path, false)? else { return Ok(outcome.with("state", "absent")) };
    let state = match stat.kind {
        FileKind::Directory => "directory",
        FileKind::Link => "link",
        _ if stat.nlink > 1 => "hard",
        _ => "file",
    };
    let size = if stat.kind == FileKind::Directory { 4096 } else { stat.size };
    Ok(outcome
        .with("uid", stat.uid)
        .with("gid", stat.gid)
        .with("owner", user_name(stat.uid, system))
        .with("group", group_name(stat.gid, system))
        .with("mode", octal(stat.mode))
        .with("state", state)
        .with("size", size as i64))
}

/// Adds the fields mode, owner and group to a change; `before` is `None` for a new file, whose unset fields are left
/// out.
pub fn attribute_fields(mut change: Change, before: Option<&Stat>, set: &Attributes, system: &dyn System) -> Change {
    if let Some(mode) = set.mode {
        change = change.field("mode", before.map(|stat| octal(stat.mode)), octal(mode));
    }
    if let Some(uid) = set.uid {
        change = change.field("owner", before.map(|stat| user_name(stat.uid, system)), user_name(uid, system));
    }
    if let Some(gid) = set.gid {
        change = change.field("group", before.map(|stat| group_name(stat.gid, system)), group_name(gid, system));
    }
    change
}

/// Which links a task follows: all when it says `follow: yes`; else those that lead nobody's hand elsewhere, where
/// following is what the module does by `default`.
pub fn follow(given: Option<bool>, default: bool) -> Option<FollowedLinks> {
    match given {
        Some(true) => Some(FollowedLinks::Trusted),
        Some(false) => None,
        None => default.then_some(FollowedLinks::Judged),
    }
}

/// The path behind a symbolic link at its end, if links are followed at all. It need not exist.
pub fn followed(path: PathBuf, links: Option<FollowedLinks>, system: &dyn System) -> Result<PathBuf, Failure> {
    let Some(links) = links else { return Ok(path) };
    let path = if links == FollowedLinks::Trusted { trusted_way(path, system) } else { path };
    match system.read_link(&path)? {
        Some(_) => Ok(system.real_path(&path, links)?),
        None => Ok(path),
    }
}

/// The path with the links above its last component resolved, where root would not follow them by itself.
pub fn trusted_way(path: PathBuf, system: &dyn System) -> PathBuf {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return path };
    if system.real_path(above, FollowedLinks::Judged).is_ok() {
        return path;
    }
    match system.real_path(above, FollowedLinks::Trusted) {
        Ok(above) => above.join(name),
        // What is not there is the business of who uses the path.
        Err(_) => path,
    }
}

/// One file that shall have this content, owner and mode.
pub struct FileEdit {
    /// The file.
    pub path: PathBuf,
    /// The content it shall have; `None` leaves it.
    pub content: Option<Content>,
    /// Owner and mode it shall have.
    pub wanted: WantedAttributes,
    /// Whether the old file is kept beside it.
    pub backup: bool,
    /// A command with `%s` that must accept the new content.
    pub validate: Option<String>,
    /// The address kind of the change: `file`, `authorized_key`.
    pub kind: &'static str,
    /// Not to be shown, such as a private key.
    pub opaque: bool,
}

parameters! {
    /// How a file's new content is put into place.
    pub struct EditParameters {
        /// Keeps the old file beside it.
        backup: bool = "no",
        /// A command with %s that must accept the new file.
        validate: Option<String>,
        ..attributes: OwnerAndMode,
    }
}

impl EditParameters {
    /// An edit of `path` as the task asks for it.
    pub fn edit(&self, path: PathBuf, content: Option<Content>, wanted: WantedAttributes) -> FileEdit {
        FileEdit { backup: self.backup, validate: self.validate.clone(), ..FileEdit::new(path, content, wanted) }
    }
}

impl FileEdit {
    /// An edit of `path` that keeps no old file and asks no command.
    pub fn new(path: PathBuf, content: Option<Content>, wanted: WantedAttributes) -> Self {
        Self { path, content, wanted, backup: false, validate: None, kind: "file", opaque: false }
    }

    /// Compares with what is there. `finish` makes the outcome once all is in place; it gets the backup's path.
    pub fn verdict(
        self,
        system: &dyn System,
        finish: impl FnOnce(&dyn System, Outcome) -> Result<Outcome, Failure> + 'static,
    ) -> Result<Verdict, Failure> {
        // A link is replaced, so that nothing of what it leads to counts.
        let stat = system.stat(&self.path, false)?.filter(|stat| stat.kind != FileKind::Link);
        let old = self.old(stat.as_ref(), system)?;
        let is_new_content = self.content.is_some() && old != Old::Same;
        let difference = match &stat {
            Some(stat) => self.wanted.difference(stat),
            None => Some(self.wanted.for_new(FileKind::File)),
        };
        if !is_new_content && difference.is_none() {
            return Ok(Verdict::Satisfied(finish(system, Outcome::new())?));
        }
        let changes = vec![self.change(stat.as_ref(), old, is_new_content, difference.as_ref(), system)];
        let attributes = difference.unwrap_or_default();
        Ok(Verdict::would(changes, move |system| {
            let mut outcome = Outcome::new();
            if is_new_content {
                self.write(attributes, system, &mut outcome)?;
            } else {
                system.set_attributes(&self.path, attributes)?;
            }
            finish(system, outcome)
        }))
    }

    /// What is there, as far as it matters: a file of another size differs without being read, and is too long to be shown.
    fn old(&self, stat: Option<&Stat>, system: &dyn System) -> Result<Old, Failure> {
        let Some(content) = &self.content else { return Ok(Old::Same) };
        let Some(stat) = stat else { return Ok(Old::Nothing) };
        match content {
            Content::Bytes(bytes) if stat.size <= LONGEST_DIFF as u64 => Ok(match system.read(&self.path)? {
                Some(old) if old == *bytes => Old::Same,
                Some(old) => Old::Shown(old),
                None => Old::Nothing,
            }),
            content if stat.size == content.size() && self.holds(content, system)? => Ok(Old::Same),
            _ => Ok(Old::TooLong),
        }
    }

    /// Whether the file holds just this: compared piece by piece, since it may be longer than what is read whole.
    fn holds(&self, content: &Content, system: &dyn System) -> Result<bool, Failure> {
        let bytes = match content {
            Content::Bytes(bytes) => bytes,
            Content::Copy { sha1, .. } => return Ok(checksum_of(&self.path, system)?.as_ref() == Some(sha1)),
        };
        let mut rest = Some(bytes.as_slice());
        let mut compare = |piece: &[u8]| rest = rest.and_then(|rest| rest.strip_prefix(piece));
        let is_there = system.read_pieces(&self.path, &mut compare)?;
        Ok(is_there && rest.is_some_and(<[u8]>::is_empty))
    }

    fn change(
        &self,
        stat: Option<&Stat>,
        old: Old,
        is_new_content: bool,
        difference: Option<&Attributes>,
        system: &dyn System,
    ) -> Change {
        let action = if stat.is_some() { Action::Update } else { Action::Create };
        let name = self.path.display().to_string();
        let mut change = Change::new(action, self.kind, name.clone());
        if is_new_content {
            let (before, is_shown) = match old {
                Old::Shown(old) => (Some(old), true),
                Old::Nothing | Old::Same => (None, true),
                Old::TooLong => (None, false),
            };
            change = content_field(change, &name, before, self.content.as_ref(), self.opaque || !is_shown);
        }
        match difference {
            Some(difference) => attribute_fields(change, stat, difference, system),
            None => change,
        }
    }

    fn write(&self, attributes: Attributes, system: &mut dyn System, outcome: &mut Outcome) -> Result<(), Failure> {
        let Some(content) = &self.content else { return Ok(()) };
        if let Some(validate) = &self.validate {
            check_content(validate, &self.path, content, system, outcome)?;
        }
        if self.backup
            && let Some(backup) = back_up(&self.path, system)?
        {
            outcome.values.insert("backup_file".into(), backup.into());
        }
        Ok(system.fill(&self.path, content, attributes)?)
    }
}

/// What is at the place of an edit.
#[derive(PartialEq)]
enum Old {
    /// Nothing.
    Nothing,
    /// A file with the content that it shall have.
    Same,
    /// A file with this content.
    Shown(Vec<u8>),
    /// A file with another content that is too long for a diff.
    TooLong,
}

/// Adds a content difference: a text diff where that can be shown.
fn content_field(change: Change, name: &str, before: Option<Vec<u8>>, after: Option<&Content>, opaque: bool) -> Change {
    let text = |content: &[u8]| -> Option<String> {
        // As in Ansible: what holds a zero is no text. Other bytes that are no UTF-8 are written out.
        let is_shown = content.len() <= LONGEST_DIFF && !content.contains(&0);
        is_shown.then(|| lossless::shown(content).into_owned())
    };
    let before = before.map_or(Some(None), |before| text(&before).map(Some));
    let after_text = match after {
        Some(Content::Bytes(bytes)) if !opaque => text(bytes),
        _ => None,
    };
    let length = after.map_or(0, Content::size);
    match (before, after_text) {
        (Some(before), Some(after)) => change.text(name, before, Some(after)),
        _ => change.opaque("content", format!("changed, {length} bytes, not shown")),
    }
}

/// Copies a file to `PATH.PID.DATE@TIME~` with its owner and mode, as Ansible names it.
pub fn back_up(path: &Path, system: &mut dyn System) -> Result<Option<String>, Failure> {
    let Some(stat) = system.stat(path, true)? else { return Ok(None) };
    let now = jiff::Zoned::now().strftime("%Y-%m-%d@%H:%M:%S").to_string();
    let backup = format!("{}.{}.{now}~", path.display(), std::process::id());
    let attributes = Attributes { mode: Some(stat.mode), uid: Some(stat.uid), gid: Some(stat.gid) };
    system.copy(path, Path::new(&backup), attributes, None)?;
    Ok(Some(backup))
}

/// Runs `validate` on a private copy beside the file. A dry run cannot, and says so.
fn check_content(
    validate: &str,
    path: &Path,
    content: &Content,
    system: &mut dyn System,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    if !validate.contains("%s") {
        return Err(Failure::new(format!("validate must contain %s: {validate}")));
    }
    let words = shell_words::split(validate).map_err(|error| Failure::new(format!("validate: {error}")))?;
    match system.query_copy(path, content, &words) {
        Ok(output) if output.code == 0 => Ok(()),
        Ok(output) => Err(Failure::new("failed to validate")
            .with("rc", output.code)
            .with("stdout", String::from_utf8_lossy(&output.stdout).into_owned())
            .with("stderr", String::from_utf8_lossy(&output.stderr).into_owned())),
        Err(SystemError::Unknown(_)) => {
            outcome.warnings.push(format!("{}: validate runs only in the real run", path.display()));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// The lower-case hexadecimal digest that Ansible calls `checksum`, SHA-1, of a file of any length; `None` when nothing is
/// there.
fn checksum_of(path: &Path, system: &dyn System) -> Result<Option<String>, Failure> {
    use sha1::Digest;
    let mut state = sha1::Sha1::default();
    let is_there = system.read_pieces(path, &mut |piece| state.update(piece))?;
    Ok(is_there.then(|| hex(&state.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn variables_and_homes_are_expanded() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        assert_eq!(expand_variables("$A/${A}x/$B/${B}/$", &known), "1/1x/$B/${B}/$");
        let fake = Fake::with_accounts();
        assert_eq!(expand("~alice/.ssh", &fake).unwrap(), Path::new("/home/alice/.ssh"));
        assert_eq!(expand("~nobody/x", &fake).unwrap(), Path::new("~nobody/x"));
    }

    #[test]
    fn unknown_owners_are_named() {
        let fake = Fake::with_accounts();
        assert_eq!(uid_of("alice", &fake).unwrap(), Uid(1000));
        assert_eq!(uid_of("4711", &fake).unwrap(), Uid(4711));
        assert_eq!(uid_of("bob", &fake).unwrap_err().msg, "chown failed: failed to look up user bob");
        assert_eq!(gid_of("ai", &fake).unwrap_err().msg, "chgrp failed: failed to look up group ai");
    }

    #[test]
    fn long_and_binary_content_is_not_shown() {
        let change = |content: &[u8]| {
            let content = Content::Bytes(content.into());
            content_field(Change::new(Action::Create, "file", "x"), "x", None, Some(&content), false)
        };
        assert!(matches!(change(b"a\n").fields[0], crate::change::FieldDiff::Text { .. }));
        assert!(matches!(change(b"a\xff").fields[0], crate::change::FieldDiff::Text { .. }));
        assert!(matches!(change(b"a\0").fields[0], crate::change::FieldDiff::Opaque { .. }));
        assert!(matches!(change(&vec![b'a'; LONGEST_DIFF + 1]).fields[0], crate::change::FieldDiff::Opaque { .. }));
    }
}
