//! `authorized_key`: the SSH keys that let somebody in.

use super::attributes::{Mode, Wanted};
use super::files::{Edit, attribute_fields, path};
use super::{Args, Failure, Kind, Module, Outcome, Param, Spec, Verdict};
use crate::change::{Action, Change};
use crate::identity::authorized_keys::{Key, keys, with_keys, without_keys};
use crate::identity::entries::Passwd;
use crate::system::{FileKind, Stat, System, lookup};
use crate::value::Value;
use std::path::{Path, PathBuf};

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

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let name = args.text("user");
        let user = lookup::user(system, name)?.ok_or_else(|| {
            Failure::new(format!("Failed to lookup user {name}: 'getpwnam(): name not found: {name}'"))
                .hint("create the user in an earlier task, or correct the name")
        })?;
        let user = user.into_entry();
        let given = given_keys(args, system)?;
        let file = key_file(args, &user, system)?;
        let old = match args.flag("follow") {
            true => system.read(&file)?,
            false => system.read_guarded(&file, LONGEST)?,
        };
        let old = old.unwrap_or_default();
        let old = String::from_utf8_lossy(&old);
        let new = match args.text("state") {
            "absent" => without_keys(&old, &given),
            _ => with_keys(&old, &given, args.flag("exclusive")),
        };
        let outcome = outcome(args, &file);
        if *old == new {
            return Ok(Verdict::Satisfied(outcome));
        }
        rewrite(args, file, new, &user, outcome, system)
    }
}

/// The new content, in a directory and a file that are the user's.
fn rewrite(
    args: &Args,
    file: PathBuf,
    content: String,
    user: &Passwd,
    outcome: Outcome,
    system: &dyn System,
) -> Result<Verdict, Failure> {
    let directory = file.parent().unwrap_or(Path::new("/")).to_owned();
    let owned = |mode| Wanted { uid: Some(user.uid), gid: Some(user.gid), mode: Some(Mode::Exact(mode)) };
    let there = check_directory(args, &directory, system)?;
    let mut edit = Edit::new(args, file, Some(content.into_bytes()), owned(0o600));
    edit.kind = "authorized_key";
    let is_managed = args.flag("manage_dir");
    let made = there.is_none();
    let attributes = match &there {
        None => Some(owned(0o700).for_new(FileKind::Directory)),
        Some(stat) => owned(0o700).difference(stat).filter(|_| is_managed),
    };
    let mut changes = Vec::new();
    if let Some(attributes) = &attributes {
        let action = if made { Action::Create } else { Action::Update };
        let mut change = Change::new(action, "file", directory.display().to_string());
        if made {
            change = change.field("state", "absent", "directory");
        }
        changes.push(attribute_fields(change, there.as_ref(), attributes, system));
    }
    let Verdict::Would(would) = edit.verdict(system, |_, outcome| Ok(outcome))? else {
        return Ok(Verdict::Satisfied(outcome));
    };
    changes.extend(would.changes);
    let super::Apply::Now(write) = would.apply else { return Err(Failure::new("an edit is one step")) };
    Ok(Verdict::would(changes, move |system| {
        match attributes {
            Some(attributes) if made => system.make_directory(&directory, attributes)?,
            Some(attributes) => system.set_attributes(&directory, attributes)?,
            None => {}
        }
        write(system)?;
        Ok(outcome)
    }))
}

/// What is at the directory of the key file; refuses what could lead root's hand elsewhere.
fn check_directory(args: &Args, directory: &Path, system: &dyn System) -> Result<Option<Stat>, Failure> {
    let shown = directory.display();
    let is_own = args.get("path").is_none();
    match system.stat(directory, !is_own || args.flag("follow"))? {
        Some(stat) if stat.kind == FileKind::Directory => Ok(Some(stat)),
        Some(stat) if stat.kind == FileKind::Link => Err(is_link(directory)),
        Some(_) => Err(Failure::new(format!("{shown} is not a directory"))),
        None if !args.flag("manage_dir") => Err(Failure::new(format!("the directory {shown} does not exist"))),
        None => match system.stat(directory.parent().unwrap_or(Path::new("/")), true)? {
            Some(_) => Ok(None),
            None => Err(Failure::new(format!("cannot make {shown}: the directory above it does not exist"))
                .hint("let the task of the module `user` make the home directory (create_home)")),
        },
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
            String::from_utf8_lossy(&content).into_owned()
        }
        None if text.starts_with("http://") || text.starts_with("https://") => {
            return Err(Failure::new("keys are not fetched from the network")
                .hint("fetch them on the controller, for example with lookup('url', …), and give the text"));
        }
        None => text.to_owned(),
    };
    let mut found = keys(&text).map_err(|line| Failure::new(format!("invalid key specified: {line}")))?;
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

fn key_file(args: &Args, user: &Passwd, system: &dyn System) -> Result<PathBuf, Failure> {
    let file = match args.get("path") {
        Some(_) => path(args, "path", system)?,
        None => Path::new(&user.home).join(".ssh/authorized_keys"),
    };
    if args.flag("follow") {
        return super::files::followed(file, true, system);
    }
    // Reading through a link of the user's would copy any file of root into his.
    match system.read_link(&file)? {
        Some(_) => Err(is_link(&file)),
        None => Ok(file),
    }
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
    use crate::modules::testing::{args, changed_then_ok, changes, fails, is_ok, run};
    use crate::system::Attributes;
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
