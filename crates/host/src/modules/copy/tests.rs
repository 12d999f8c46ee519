use super::*;
use crate::change::FieldDiff;
use crate::engine::testing::{args, changed_then_ok, changes, fails, is_ok, run};
use crate::system::ProgramOutput;
use crate::system::fake::{Effect, Fake};
use words::value::Value;

#[test]
fn content_with_owner_and_mode() {
    let mut fake = Fake::with_accounts();
    let given = args(&[("dest", "/etc/motd"), ("content", "hi\n"), ("mode", "0640"), ("group", "users")]);
    let outcome = changed_then_ok(&Copy, &given, &mut fake);
    assert_eq!(outcome.values["checksum"], Value::from("55ca6286e3e4f4fba5d0448333fa99fc5a404a73"));
    assert_eq!((&outcome.values["mode"], &outcome.values["group"]), (&"0640".into(), &"users".into()));
    assert_eq!(fake.text("/etc/motd"), "hi\n");
}

#[test]
fn a_difference_is_shown_as_text() {
    let mut fake = Fake::with_accounts().file("/etc/motd", "old\n");
    let result = changes(&Copy, &args(&[("dest", "/etc/motd"), ("content", "new\n"), ("mode", "0600")]), &mut fake);
    let [FieldDiff::Text { before, after, .. }, FieldDiff::Value { name, .. }] = &result.changes[0].fields[..] else {
        panic!("{result:?}")
    };
    assert_eq!((before.as_deref(), after.as_deref(), name.as_str()), (Some("old\n"), Some("new\n"), "mode"));
}

#[test]
fn only_the_mode_changes_without_a_write() {
    let mut fake = Fake::with_accounts().file("/etc/motd", "x");
    changed_then_ok(&Copy, &args(&[("dest", "/etc/motd"), ("content", "x"), ("mode", "0600")]), &mut fake);
    assert!(matches!(fake.effects(), [Effect::SetAttributes(..)]));
}

#[test]
fn directories_as_destination() {
    let mut fake = Fake::with_accounts();
    let given = args(&[("dest", "/srv/a/b/"), ("_content_b64", "/w=="), ("_original_basename", "f")]);
    let outcome = changed_then_ok(&Copy, &given, &mut fake);
    assert_eq!(outcome.values["dest"], Value::from("/srv/a/b/f"));
    let failure = fails(&Copy, &args(&[("dest", "/etc"), ("content", "x")]), &mut fake);
    assert_eq!(failure.msg, "can not use content with a dir as dest");
    let failure = fails(&Copy, &args(&[("dest", "/none/x"), ("content", "x")]), &mut fake);
    assert_eq!(failure.msg, "Destination directory /none does not exist");
}

#[test]
fn files_of_the_host() {
    let mut fake = Fake::with_accounts().file("/etc/a", "a");
    let pairs = [("src", "/etc/a"), ("dest", "/tmp/"), ("remote_src", "yes"), ("mode", "preserve")];
    changed_then_ok(&Copy, &args(&pairs), &mut fake);
    assert_eq!(fake.text("/tmp/a"), "a");
    let missing = args(&[("src", "/etc/b"), ("dest", "/tmp/b"), ("remote_src", "yes")]);
    assert_eq!(fails(&Copy, &missing, &mut fake).msg, "Source /etc/b not found");
}

#[test]
fn the_mode_of_a_file_of_the_controller_is_preserved() {
    let mut fake = Fake::with_accounts();
    let mut given = args(&[("dest", "/etc/a"), ("content", "b"), ("mode", "preserve")]);
    given.insert("_src_mode".into(), 0o750u32.into());
    assert_eq!(changed_then_ok(&Copy, &given, &mut fake).values["mode"], "0750".into());
}

#[test]
fn an_existing_file_stays_without_force() {
    let mut fake = Fake::with_accounts().file("/etc/a", "a");
    is_ok(&Copy, &args(&[("dest", "/etc/a"), ("content", "b"), ("force", "no")]), &mut fake);
}

#[test]
fn a_link_is_replaced_or_followed() {
    let host = || Fake::with_accounts().file("/etc/a", "a").link("/etc/l", "a");
    let mut fake = host();
    changed_then_ok(&Copy, &args(&[("dest", "/etc/l"), ("content", "a")]), &mut fake);
    assert_eq!(fake.read_link(Path::new("/etc/l")).unwrap(), None);
    let mut fake = host();
    changed_then_ok(&Copy, &args(&[("dest", "/etc/l"), ("content", "b"), ("follow", "yes")]), &mut fake);
    assert_eq!(fake.text("/etc/a"), "b");
}

#[test]
fn backup_and_validation() {
    let refused = ProgramOutput { code: 1, stderr: b"bad".to_vec(), ..ProgramOutput::default() };
    let given = [("dest", "/etc/a"), ("content", "b"), ("validate", "check -f %s"), ("backup", "yes")];
    let mut fake = Fake::with_accounts().file("/etc/a", "a").program(["check"], refused);
    let failure = run(&Copy, &args(&given), &mut fake).outcome.unwrap_err();
    assert_eq!((failure.msg.as_str(), &failure.values["stderr"]), ("failed to validate", &"bad".into()));
    assert_eq!((fake.text("/etc/a").as_str(), fake.list(Path::new("/etc")).unwrap().len()), ("a", 5));
    let mut fake = Fake::with_accounts().file("/etc/a", "a").program(["check"], ProgramOutput::default());
    let outcome = run(&Copy, &args(&given), &mut fake).outcome.unwrap();
    assert_eq!(fake.text(outcome.values["backup_file"].as_str().unwrap()), "a");
    assert_eq!(fake.text("/etc/a"), "b");
}

#[test]
fn a_wrong_checksum_is_refused() {
    let given = args(&[("dest", "/etc/a"), ("content", "b"), ("checksum", "00")]);
    assert!(fails(&Copy, &given, &mut Fake::with_accounts()).msg.contains("expected checksum"));
}

/// `/src` with a file, an empty directory, a program in a directory, and links.
fn with_tree() -> Fake {
    let host = Fake::with_accounts().file("/src/a", "a").directory("/src/empty", 0o750, 0, 0);
    let mut host =
        host.file("/src/sub/run", "#!").link("/src/sub/l", "../a").link("/src/up", ".").link("/src/gone", "no");
    host.set_attributes(Path::new("/src/sub/run"), Attributes { mode: Some(0o755), ..Attributes::default() }).unwrap();
    host
}

fn mode_and_owner(fake: &Fake, path: &str) -> (u32, u32) {
    let stat = fake.stat(Path::new(path), false).unwrap().unwrap();
    (stat.mode, stat.uid.0)
}

fn target(fake: &Fake, path: &str) -> Option<String> {
    fake.read_link(Path::new(path)).unwrap().map(|target| target.display().to_string())
}

#[test]
fn a_directory_of_the_host() {
    let mut fake = with_tree();
    let pairs =
        [("src", "/src/"), ("dest", "/srv/new"), ("remote_src", "yes"), ("owner", "alice"), ("mode", "u=rwX,go=")];
    changed_then_ok(&Copy, &args(&pairs), &mut fake);
    assert_eq!(mode_and_owner(&fake, "/srv/new"), (0o700, 1000));
    assert_eq!(mode_and_owner(&fake, "/srv/new/sub/run"), (0o755, 1000));
    assert_eq!(mode_and_owner(&fake, "/srv/new/empty"), (0o750, 1000));
    assert_eq!(target(&fake, "/srv/new/sub/l").as_deref(), Some("../a"));
    // Without the slash the directory itself goes there.
    changed_then_ok(&Copy, &args(&[("src", "/src"), ("dest", "/srv/new"), ("remote_src", "yes")]), &mut fake);
    assert_eq!(fake.text("/srv/new/src/a"), "a");
}

#[test]
fn a_directory_of_the_host_with_what_links_lead_to() {
    let mut fake = with_tree();
    let pairs = [("src", "/src/"), ("dest", "/srv/new"), ("remote_src", "yes"), ("local_follow", "yes")];
    changed_then_ok(&Copy, &args(&pairs), &mut fake);
    assert_eq!((target(&fake, "/srv/new/sub/l"), fake.text("/srv/new/sub/l").as_str()), (None, "a"));
    // One that leads to a directory that it is in, and one that leads nowhere, stay links.
    assert_eq!(target(&fake, "/srv/new/up").as_deref(), Some("."));
    assert_eq!(target(&fake, "/srv/new/gone").as_deref(), Some("no"));
}

#[test]
fn a_directory_of_the_controller() {
    let sent = tree::CopiedTree::read(Path::new("/src"), false, &with_tree()).unwrap().to_value().unwrap();
    let mut fake = Fake::with_accounts();
    let mut given = args(&[("dest", "/srv/t/"), ("mode", "0600"), ("directory_mode", "0711"), ("owner", "alice")]);
    given.insert("_tree".into(), sent);
    given.insert("_original_basename".into(), "src".into());
    let outcome = changed_then_ok(&Copy, &given, &mut fake);
    assert_eq!(outcome.values["dest"], "/srv/t/".into());
    assert_eq!(mode_and_owner(&fake, "/srv/t/src/sub/run"), (0o600, 1000));
    assert_eq!(mode_and_owner(&fake, "/srv/t/src/empty"), (0o711, 1000));
    assert_eq!(target(&fake, "/srv/t/src/sub/l").as_deref(), Some("../a"));
    given.insert("mode".into(), "preserve".into());
    changed_then_ok(&Copy, &given, &mut fake);
    assert_eq!(mode_and_owner(&fake, "/srv/t/src/sub/run"), (0o755, 1000));
}

#[test]
fn what_is_in_the_way_of_a_directory_stays() {
    let mut fake = with_tree().file("/srv/t/sub", "mine").directory("/srv/u/sub/l", 0o755, 0, 0);
    let given = |dest| args(&[("src", "/src/"), ("dest", dest), ("remote_src", "yes")]);
    assert_eq!(fails(&Copy, &given("/srv/t"), &mut fake).msg, "/srv/t/sub is not a directory");
    assert!(fails(&Copy, &given("/srv/u"), &mut fake).msg.contains("in the place of the directory"));
    assert!(fake.stat(Path::new("/srv/t/a"), false).unwrap().is_none());
}

#[test]
fn content_is_its_owners_alone_when_its_mode_is_to_be_kept() {
    let mut fake = Fake::with_accounts().file("/etc/a", "a");
    changed_then_ok(&Copy, &args(&[("dest", "/etc/a"), ("content", "a"), ("mode", "preserve")]), &mut fake);
    assert_eq!(mode_and_owner(&fake, "/etc/a"), (0o600, 0));
}
