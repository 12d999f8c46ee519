//! `authorized_key`: the SSH keys that let somebody in.

use super::attributes::{Mode, Wanted};
use super::files::{Edit, attribute_fields, path};
use super::{Args, Failure, Kind, Module, Outcome, Param, Spec, Verdict};
use crate::change::{Action, Change};
use crate::identity::authorized_keys::{Key, keys, with_keys, without_keys};
use crate::identity::entries::Passwd;
use crate::system::held::{self, Held};
use crate::system::resolve::Links;
use crate::system::{Attributes, FileKind, Stat, System, SystemError, lookup};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use words::text::secrets::conceal;
use words::value::Value;

/// The module.
pub struct AuthorizedKey;

static SPEC: Spec = Spec {
    name: "authorized_key",
    summary: "Adds or removes SSH keys of a user.",
    params: &[
        Param::new("user", Kind::Str, "Whose account the keys open.").required(),
        Param::new("key", Kind::Str, "The keys, one a line, or file:// and a path on the host.").required(),
        Param::new("path", Kind::Path, "The file, instead of ~/.ssh/authorized_keys."),
        Param::new("manage_dir", Kind::Bool, "Makes the directory and gives it to the user with mode 0700.")
            .default("yes"),
        Param::new("state", Kind::Str, "Whether the keys shall be there.")
            .choices(&["absent", "present"])
            .default("present"),
        Param::new("key_options", Kind::Str, "Options for all keys, as in sshd(8)."),
        Param::new("exclusive", Kind::Bool, "Removes everything else from the file.").default("no"),
        Param::new("comment", Kind::Str, "A comment for all keys instead of their own."),
        Param::new("follow", Kind::Bool, "Follows a symbolic link at the path.").default("no"),
        Param::new("validate_certs", Kind::Bool, "Taken and not needed: keys are not fetched.").default("yes"),
    ],
    ..Spec::EMPTY
};

/// Longest key file that is read, in bytes: its owner must not make root read without end.
const LONGEST: u64 = 1 << 20;

impl Module for AuthorizedKey {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let name = args.text("user");
        let user = lookup::user(system, name)?.ok_or_else(|| {
            Failure::new(format!("Failed to lookup user {name}: 'getpwnam(): name not found: {name}'"))
                .hint("create the user in an earlier task, or correct the name")
        })?;
        let user = user.into_entry();
        let given = given_keys(args, system)?;
        let file = key_file(args, &user, system)?;
        let old = file.read(args.flag("follow"), system)?.unwrap_or_default();
        let new = match args.text("state") {
            "absent" => without_keys(&old, &given),
            _ => with_keys(&old, &given, args.flag("exclusive")),
        };
        let outcome = outcome(args, &file.path);
        if old == new {
            return Ok(Verdict::Satisfied(outcome));
        }
        rewrite(args, file, new, &user, outcome, system)
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
    args: &Args,
    file: KeyFile,
    content: Vec<u8>,
    user: &Passwd,
    outcome: Outcome,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let owned = |mode| Wanted { uid: Some(user.uid), gid: Some(user.gid), mode: Some(Mode::Exact(mode)) };
    let there = check_directory(args, &file, system)?;
    let mut edit = Edit::new(args, file.path.clone(), Some(content.clone().into()), owned(0o600));
    edit.kind = "authorized_key";
    let is_managed = args.flag("manage_dir");
    let step = match &there {
        None => Directory::Make(owned(0o700).for_new(FileKind::Directory)),
        Some(stat) => match owned(0o700).difference(stat).filter(|_| is_managed) {
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
fn check_directory(args: &Args, file: &KeyFile, system: &dyn System) -> Result<Option<Stat>, Failure> {
    let directory = file.directory();
    if let Some(held) = file.hold(system)?
        && let Some(stat) = held.named(system.stat(&held.itself(), true))?
    {
        return match stat.kind {
            FileKind::Directory => Ok(Some(stat)),
            _ => Err(Failure::new(format!("{} is not a directory", directory.display()))),
        };
    }
    if !args.flag("manage_dir") {
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
fn given_keys(args: &Args, system: &dyn System) -> Result<Vec<Key>, Failure> {
    let text = args.text("key");
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
        if let Some(options) = args.str("key_options") {
            key.options = options.into();
        }
        if let Some(comment) = args.str("comment") {
            key.comment = comment.into();
        }
    }
    Ok(found)
}

fn key_file(args: &Args, user: &Passwd, system: &dyn System) -> Result<KeyFile, Failure> {
    let path = match args.get("path") {
        Some(_) => path(args, "path", system)?,
        None => user.home_path().join(".ssh/authorized_keys"),
    };
    if args.flag("follow") {
        return Ok(KeyFile { path: super::files::followed(path, Some(Links::Trusted), system)?, home: None });
    }
    let home = user.home_path();
    let home = path.parent().is_some_and(|directory| directory.starts_with(&home)).then_some(home);
    Ok(KeyFile { path, home })
}

/// Ansible echoes the parameters.
fn outcome(args: &Args, file: &Path) -> Outcome {
    let mut outcome = Outcome::new();
    for name in SPEC.params.iter().map(|param| param.name) {
        outcome = outcome.with(name, args.get(name).cloned().unwrap_or(Value::Null));
    }
    outcome.with("keyfile", file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::FieldDiff;
    use crate::modules::testing::{args, changed_then_ok, changes, fails, is_ok, run};
    use crate::system::fake::Fake;
    use crate::system::predicted::Predicted;

    const KEY: &str = "ssh-ed25519 AAAAa= gildong@home";
    const FILE: &str = "/home/alice/.ssh/authorized_keys";

    fn stat(fake: &Fake, path: &str) -> (u32, u32, u32) {
        let stat = fake.stat(Path::new(path), false).unwrap().unwrap();
        (stat.mode, stat.uid, stat.gid)
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
