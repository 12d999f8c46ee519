//! `authorized_key`: the SSH keys that let somebody in.

use super::shared::attributes::{Mode, WantedAttributes};
use super::shared::files::{FileEdit, attribute_fields, followed};
use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::{Module, Verdict};
use crate::identity::authorized_keys::{PublicKey, keys, with_keys, without_keys};
use crate::identity::entries::Passwd;
use crate::parameters;
use crate::parameters::{Choice, HostPath, Presence};
use crate::system::held::{self, Held};
use crate::system::lookup::LookedUp;
use crate::system::resolve::FollowedLinks;
use crate::system::{Attributes, FileKind, Stat, System, SystemError, lookup};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use words::text::secrets::conceal;

/// The module.
pub struct AuthorizedKey;

parameters! {
    /// Adds or removes SSH keys of a user.
    pub struct AuthorizedKeyParameters for "authorized_key" {
        /// Whose account the keys open.
        user: String,
        /// The keys, one a line, or file:// and a path on the host.
        key: String,
        /// The file, instead of ~/.ssh/authorized_keys.
        path: Option<HostPath>,
        /// Makes the directory and gives it to the user with mode 0700.
        manage_dir: bool = "yes",
        /// Whether the keys shall be there.
        state: Presence = "present",
        /// Options for all keys, as in sshd(8).
        key_options: Option<String>,
        /// Removes everything else from the file.
        exclusive: bool = "no",
        /// A comment for all keys instead of their own.
        comment: Option<String>,
        /// Follows a symbolic link at the path.
        follow: bool = "no",
        /// Taken and not needed: keys are not fetched.
        validate_certs: bool = "yes",
    }
}

/// Longest key file that is read, in bytes: its owner must not make root read without end.
const LONGEST: u64 = 1 << 20;

impl Module for AuthorizedKey {
    type Parameters = AuthorizedKeyParameters;

    fn works_alone(&self) -> bool {
        true
    }

    fn looks_up(&self, given: &AuthorizedKeyParameters) -> Vec<LookedUp> {
        vec![LookedUp::user(&given.user)]
    }

    fn check(&self, given: &AuthorizedKeyParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let name = given.user.as_str();
        let user = lookup::user(system, name)?.ok_or_else(|| {
            Failure::new(format!("Failed to lookup user {name}: 'getpwnam(): name not found: {name}'"))
                .hint("create the user in an earlier task, or correct the name")
        })?;
        let user = user.into_entry();
        let keys = given_keys(given, system)?;
        let file = key_file(given, &user, system)?;
        let old = file.read(given.follow, system)?.unwrap_or_default();
        let new = match given.state {
            Presence::Absent => without_keys(&old, &keys),
            Presence::Present => with_keys(&old, &keys, given.exclusive),
        };
        let outcome = outcome(given, &file.path);
        if old == new {
            return Ok(Verdict::Satisfied(outcome));
        }
        rewrite(given, file, new, &user, outcome, system)
    }
}

/// The file, and from where on its path is the user's to change.
struct KeyFile {
    path: PathBuf,
    /// The user's home, if the file lies below it and links there are not to be followed.
    home: Option<PathBuf>,
}

impl KeyFile {
    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// The directory, held where the user could exchange it.
    fn hold(&self, system: &dyn System) -> Result<Option<Held>, SystemError> {
        match &self.home {
            Some(home) => system.hold(home, self.directory()),
            None => Ok(Some(Held::by_name(self.directory()))),
        }
    }

    fn read(&self, follow: bool, system: &dyn System) -> Result<Option<Vec<u8>>, Failure> {
        if follow {
            return Ok(system.read(&self.path)?);
        }
        let Some(held) = self.hold(system)? else { return Ok(None) };
        let file = held.file(self.name());
        // Reading through a link of the user's would copy any file of root into his.
        match held.named(system.read_link(&file))? {
            Some(_) => Err(is_link(&self.path)),
            None => Ok(held.named(system.read_guarded(&file, LONGEST))?),
        }
    }
}

/// What is done to the file's directory.
enum Directory {
    Make(Attributes),
    Correct(Attributes),
    Leave,
}

/// The new content, in a directory and a file that are the user's.
fn rewrite(
    given: &AuthorizedKeyParameters,
    file: KeyFile,
    content: Vec<u8>,
    user: &Passwd,
    outcome: Outcome,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let owned = |mode| WantedAttributes { uid: Some(user.uid), gid: Some(user.gid), mode: Some(Mode::Exact(mode)) };
    let there = check_directory(given, &file, system)?;
    let edit = FileEdit::new(file.path.clone(), Some(content.clone().into()), owned(0o600));
    let edit = FileEdit { kind: "authorized_key", ..edit };
    let step = match &there {
        None => Directory::Make(owned(0o700).for_new(FileKind::Directory)),
        Some(stat) => match owned(0o700).difference(stat).filter(|_| given.manage_dir) {
            Some(attributes) => Directory::Correct(attributes),
            None => Directory::Leave,
        },
    };
    let mut changes = Vec::new();
    let address = file.directory().display().to_string();
    match &step {
        Directory::Make(attributes) => {
            let change = Change::new(Action::Create, "file", address).field("state", "absent", "directory");
            changes.push(attribute_fields(change, there.as_ref(), attributes, system));
        }
        Directory::Correct(attributes) => {
            let change = Change::new(Action::Update, "file", address);
            changes.push(attribute_fields(change, there.as_ref(), attributes, system));
        }
        Directory::Leave => {}
    }
    let Verdict::Would(would) = edit.verdict(system, |_, outcome| Ok(outcome))? else {
        return Ok(Verdict::Satisfied(outcome));
    };
    changes.extend(would.changes);
    let mine = Attributes { mode: Some(0o600), uid: Some(user.uid), gid: Some(user.gid) };
    Ok(Verdict::would(changes, move |system| {
        let held = prepare(&file, step, system)?;
        // A new file that a power failure takes is made again by the next run.
        held.named(system.draft(&held.file(file.name()), &content, mine))?;
        Ok(outcome)
    }))
}

/// Makes or corrects the directory; what is held then is what the file is written into.
fn prepare(file: &KeyFile, step: Directory, system: &mut dyn System) -> Result<Held, Failure> {
    let directory = file.directory();
    let top = file.home.as_deref().or(directory.parent()).unwrap_or(Path::new("/"));
    if let Directory::Make(attributes) = step {
        return Ok(held::make_directory(system, top, directory, attributes)?);
    }
    let gone = || Failure::new(format!("the directory {} was taken away meanwhile", directory.display()));
    let held = file.hold(system)?.ok_or_else(gone)?;
    if let Directory::Correct(attributes) = step {
        held.named(system.set_attributes(&held.itself(), attributes))?;
    }
    Ok(held)
}

/// What is at the directory of the key file; refuses what could lead root's hand elsewhere.
fn check_directory(
    given: &AuthorizedKeyParameters,
    file: &KeyFile,
    system: &dyn System,
) -> Result<Option<Stat>, Failure> {
    let directory = file.directory();
    if let Some(held) = file.hold(system)?
        && let Some(stat) = held.named(system.stat(&held.itself(), true))?
    {
        return match stat.kind {
            FileKind::Directory => Ok(Some(stat)),
            _ => Err(Failure::new(format!("{} is not a directory", directory.display()))),
        };
    }
    if !given.manage_dir {
        return Err(Failure::new(format!("the directory {} does not exist", directory.display())));
    }
    match system.stat(directory.parent().unwrap_or(Path::new("/")), true)? {
        Some(_) => Ok(None),
        None => {
            let message = format!("cannot make {}: the directory above it does not exist", directory.display());
            Err(Failure::new(message).hint("let the task of the module `user` make the home directory (create_home)"))
        }
    }
}

fn is_link(path: &Path) -> Failure {
    Failure::new(format!("{} is a symbolic link, which its owner could point anywhere; not followed", path.display()))
        .hint("set follow: true if that is meant")
}

/// The keys as given, with the options and comment of the task.
fn given_keys(given: &AuthorizedKeyParameters, system: &dyn System) -> Result<Vec<PublicKey>, Failure> {
    let text = given.key.as_str();
    let text = match text.strip_prefix("file://") {
        Some(path) => {
            let content = system.read(Path::new(path))?;
            let content = content.ok_or_else(|| Failure::new(format!("Error getting key from: {text}")))?;
            let why = |_| {
                Failure::new(format!("{text} holds a comment that is no UTF-8"))
                    .hint("take the keys without their comments, and give one with `comment`")
            };
            String::from_utf8(content).map_err(why)?
        }
        None if text.starts_with("http://") || text.starts_with("https://") => {
            return Err(Failure::new("keys are not fetched from the network")
                .hint("fetch them on the controller, for example with lookup('url', …), and give the text"));
        }
        None => text.to_owned(),
    };
    let mut found = keys(&text).map_err(|line| Failure::new(format!("invalid key specified: {}", conceal(&line))))?;
    for key in &mut found {
        if let Some(options) = &given.key_options {
            key.options = options.as_str().into();
        }
        if let Some(comment) = &given.comment {
            key.comment = comment.as_str().into();
        }
    }
    Ok(found)
}

fn key_file(given: &AuthorizedKeyParameters, user: &Passwd, system: &dyn System) -> Result<KeyFile, Failure> {
    let path = match &given.path {
        Some(path) => path.on(system)?,
        None => user.home_path().join(".ssh/authorized_keys"),
    };
    if given.follow {
        return Ok(KeyFile { path: followed(path, Some(FollowedLinks::Trusted), system)?, home: None });
    }
    let home = user.home_path();
    let home = path.parent().is_some_and(|directory| directory.starts_with(&home)).then_some(home);
    Ok(KeyFile { path, home })
}

/// Ansible echoes the parameters.
fn outcome(given: &AuthorizedKeyParameters, file: &Path) -> Outcome {
    Outcome::new()
        .with("user", given.user.as_str())
        .with("key", given.key.as_str())
        .with("path", given.path.as_ref().map(HostPath::as_str))
        .with("manage_dir", given.manage_dir)
        .with("state", given.state.word())
        .with("key_options", given.key_options.as_deref())
        .with("exclusive", given.exclusive)
        .with("comment", given.comment.as_deref())
        .with("follow", given.follow)
        .with("validate_certs", given.validate_certs)
        .with("keyfile", file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::FieldDiff;
    use crate::engine::testing::{args, changed_then_ok, changes, fails, is_ok, run};
    use crate::system::fake::Fake;
    use crate::system::predicted::Predicted;
    use words::value::Value;

    const KEY: &str = "ssh-ed25519 AAAAa= gildong@home";
    const FILE: &str = "/home/alice/.ssh/authorized_keys";

    fn stat(fake: &Fake, path: &str) -> (u32, u32, u32) {
        let stat = fake.stat(Path::new(path), false).unwrap().unwrap();
        (stat.mode, stat.uid.0, stat.gid.0)
    }

    #[test]
    fn a_first_key_makes_directory_and_file() {
        let mut fake = Fake::with_accounts();
        let outcome = changed_then_ok(&AuthorizedKey, &args(&[("user", "alice"), ("key", KEY)]), &mut fake);
        assert_eq!(outcome.values["keyfile"], Value::from(FILE));
        assert_eq!(fake.text(FILE), format!("{KEY}\n"));
        assert_eq!(stat(&fake, FILE), (0o600, 1000, 1000));
        assert_eq!(stat(&fake, "/home/alice/.ssh"), (0o700, 1000, 1000));
    }

    #[test]
    fn an_existing_file_is_edited_and_its_directory_corrected() {
        let mut fake = Fake::with_accounts().file(FILE, "# mine\nssh-rsa AAAAb\n");
        let given = args(&[("user", "alice"), ("key", KEY), ("key_options", "no-pty"), ("comment", "new")]);
        let result = changes(&AuthorizedKey, &given, &mut fake);
        let addresses: Vec<_> = result.changes.iter().map(|change| change.address.to_string()).collect();
        assert_eq!(addresses, ["file /home/alice/.ssh", &format!("authorized_key {FILE}")]);
        assert_eq!(fake.text(FILE), "# mine\nssh-rsa AAAAb\nno-pty ssh-ed25519 AAAAa= new\n");
        is_ok(&AuthorizedKey, &given, &mut fake);
        changed_then_ok(&AuthorizedKey, &args(&[("user", "alice"), ("key", KEY), ("exclusive", "yes")]), &mut fake);
        assert_eq!(fake.text(FILE), format!("{KEY}\n"));
        changed_then_ok(&AuthorizedKey, &args(&[("user", "alice"), ("key", KEY), ("state", "absent")]), &mut fake);
        assert_eq!(fake.text(FILE), "");
    }

    #[test]
    fn bytes_of_other_lines_stay_and_the_diff_shows_the_keys() {
        let others = b"ssh-rsa AAAAb \xb1\xe8 laptop\r\n# \xb8\xde\r\n";
        let mut fake = Fake::with_accounts().file_of_bytes(FILE, others);
        let result = changes(&AuthorizedKey, &args(&[("user", "alice"), ("key", KEY)]), &mut fake);
        let content = fake.read(Path::new(FILE)).unwrap().unwrap();
        assert_eq!(content, [others.as_slice(), KEY.as_bytes(), b"\n"].concat());
        let FieldDiff::Text { before, after, .. } = &result.changes[1].fields[0] else { panic!("{result:?}") };
        let shown = "ssh-rsa AAAAb \\xb1\\xe8 laptop\r\n# \\xb8\\xde\r\n";
        assert_eq!((before.as_deref(), after.as_deref()), (Some(shown), Some(&*format!("{shown}{KEY}\n"))));
    }

    #[test]
    fn links_of_the_user_are_not_followed() {
        let given = args(&[("user", "alice"), ("key", KEY)]);
        let mut fake = Fake::with_accounts().directory("/home/alice/.ssh", 0o700, 1000, 1000).link(FILE, "/etc/shadow");
        assert!(fails(&AuthorizedKey, &given, &mut fake).msg.contains("symbolic link"));
        let mut fake = Fake::with_accounts().link("/home/alice/.ssh", "/etc");
        assert!(fails(&AuthorizedKey, &given, &mut fake).msg.contains("symbolic link"));
    }

    #[test]
    fn a_user_that_is_only_predicted_gets_keys() {
        let mut system = Predicted::new(Fake::with_accounts());
        let passwd = system.inner().text("/etc/passwd") + "bob:x:2001:100::/home/bob:/bin/sh\n";
        system.write(Path::new("/etc/passwd"), passwd.as_bytes(), Attributes::default()).unwrap();
        system.make_directory(Path::new("/home/bob"), Attributes::default()).unwrap();
        let result = run(&AuthorizedKey, &args(&[("user", "bob"), ("key", KEY)]), &mut system);
        assert!(result.changed && result.outcome.is_ok(), "{result:?}");
    }

    #[test]
    fn refusals() {
        let mut fake = Fake::with_accounts();
        let failure = fails(&AuthorizedKey, &args(&[("user", "bob"), ("key", KEY)]), &mut fake);
        assert_eq!(failure.msg, "Failed to lookup user bob: 'getpwnam(): name not found: bob'");
        let failure = fails(&AuthorizedKey, &args(&[("user", "alice"), ("key", "nonsense")]), &mut fake);
        assert_eq!(failure.msg, "invalid key specified: nonsense");
        let failure = fails(&AuthorizedKey, &args(&[("user", "alice"), ("key", "https://x/y.keys")]), &mut fake);
        assert!(failure.hint.is_some());
        let nowhere = args(&[("user", "alice"), ("key", KEY), ("path", "/srv/keys/alice")]);
        assert!(fails(&AuthorizedKey, &nowhere, &mut fake).msg.contains("above it does not exist"));
    }
}
