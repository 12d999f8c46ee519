use super::*;
use crate::change::FieldDiff;
use crate::change::outcome::ItemResult;
use crate::engine::AnyModule;
use crate::identity::{Gid, Uid};
use crate::system::fake::{Effect, Fake};
use crate::system::{Attributes, FileKind, ProgramOutput};
use std::path::Path;
use words::value::{Map, Value};

const LOGIN_DEFS: &str = "PASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\nUMASK 022\nUSERGROUPS_ENAB yes\n";

fn host() -> Fake {
    Fake::with_accounts()
        .file("/etc/login.defs", LOGIN_DEFS)
        .file("/etc/default/useradd", "SHELL=/bin/sh\n")
        .file("/etc/subuid", "")
        .file("/etc/subgid", "")
        .file("/etc/skel/.profile", "umask 022\n")
        .link("/etc/skel/inside", "/etc/skel/.profile")
}

fn args(item: &[(&str, Value)]) -> Map {
    item.iter().map(|(key, value)| (key.to_string(), value.clone())).collect()
}

fn run(system: &mut Fake, item: &[(&str, Value)]) -> ItemResult {
    User.run(&[args(item)], system).remove(0)
}

fn line(system: &Fake, file: &str, name: &str) -> String {
    let text = system.text(file);
    text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_default().to_owned()
}

fn fields(result: &ItemResult) -> Vec<String> {
    let shown = |field: &FieldDiff| match field {
        FieldDiff::Value { name, before, after } => format!("{name}: {} -> {}", before.repr(), after.repr()),
        FieldDiff::Opaque { name, says } => format!("{name}: {says}"),
        FieldDiff::Text { name, .. } => name.clone(),
    };
    result.changes.iter().flat_map(|change| &change.fields).map(shown).collect()
}

fn failure(result: &ItemResult) -> &Failure {
    result.outcome.as_ref().unwrap_err()
}

#[test]
fn the_reference_user_is_made_once() {
    let mut system = host();
    let wanted = [("name", "gildong".into()), ("uid", Value::Int(2001)), ("group", "users".into())];
    let first = run(&mut system, &wanted);
    assert_eq!(line(&system, "/etc/passwd", "gildong"), "gildong:x:2001:100::/home/gildong:/bin/sh");
    assert_eq!(line(&system, "/etc/subuid", "gildong"), "gildong:100000:65536");
    let home = system.stat(Path::new("/home/gildong"), false).unwrap().unwrap();
    assert_eq!((home.mode, home.uid, home.gid), (0o755, Uid(2001), Gid(100)));
    assert_eq!(system.text("/home/gildong/.profile"), "umask 022\n");
    let link = system.read_link(Path::new("/home/gildong/inside")).unwrap().unwrap();
    assert_eq!(link, Path::new("/home/gildong/.profile"));
    assert_eq!(
        fields(&first),
        [
            "uid: None -> 2001",
            "group: None -> 'users (100)'",
            "home: None -> '/home/gildong'",
            "shell: None -> '/bin/sh'",
            "password: no login by password",
            "password_expire_min: None -> 0",
            "password_expire_max: None -> 99999",
            "password_expire_warn: None -> 7",
            "home directory: None -> '/home/gildong created'",
        ]
    );
    let values = first.outcome.unwrap().values;
    assert_eq!((&values["uid"], &values["group"]), (&Value::Int(2001), &Value::Int(100)));
    let effects = system.effects().len();
    let second = run(&mut system, &wanted);
    assert!(!second.changed && second.outcome.is_ok());
    assert_eq!(system.effects().len(), effects);
}

#[test]
fn a_loop_is_one_commit_and_homes_come_after_it() {
    let mut system = host();
    let items: Vec<_> = ["a", "b", "c"].iter().map(|name| args(&[("name", (*name).into())])).collect();
    let results = User.run(&items, &mut system);
    assert!(results.iter().all(|result| result.changed && result.outcome.is_ok()));
    let commit = system.effects().iter().position(|effect| *effect == Effect::CommitAccounts).unwrap();
    let home = system.effects().iter().position(|effect| matches!(effect, Effect::MakeDirectory(_))).unwrap();
    assert!(commit < home);
    assert_eq!(system.effects().iter().filter(|effect| **effect == Effect::CommitAccounts).count(), 1);
    assert_eq!(line(&system, "/etc/passwd", "c"), "c:x:1003:1003::/home/c:/bin/sh");
}

/// The host in memory refuses to name what is not on the disk.
#[test]
fn the_homes_of_all_share_one_sync_and_get_their_names_after_it() {
    let mut system = host();
    let items: Vec<_> = ["a", "b", "c"].iter().map(|name| args(&[("name", (*name).into())])).collect();
    let results = User.run(&items, &mut system);
    assert!(results.iter().all(|result| result.changed && result.outcome.is_ok()), "{results:?}");
    let is = |wanted: fn(&Effect) -> bool| move |effect: &&Effect| wanted(effect);
    let synced = is(|effect| *effect == Effect::MakeDurable);
    let named = is(|effect| matches!(effect, Effect::Rename(..)));
    let order: Vec<_> = system.effects().iter().filter(|effect| synced(effect) || named(effect)).collect();
    assert!(matches!(order[..], [Effect::MakeDurable, _, _, _, Effect::MakeDurable]), "{order:?}");
    assert_eq!(system.list(Path::new("/home")).unwrap(), ["a", "alice", "b", "c"]);
}

#[test]
fn a_creation_that_fails_at_any_step_is_completed_by_the_next_run() {
    let items = || ["a", "b"].map(|name| args(&[("name", name.into())]));
    let mut whole = host();
    User.run(&items(), &mut whole);
    let names = |system: &Fake| system.tree().into_iter().map(|(path, ..)| path).collect::<Vec<_>>();
    let steps = whole.effects().len();
    assert!(steps >= 20, "{steps}");
    for step in 0..steps {
        let mut system = host();
        system.fail_effect(step, std::io::ErrorKind::StorageFull);
        let first = User.run(&items(), &mut system);
        assert!(first.iter().any(|result| result.outcome.is_err()), "{step}: {first:?}");
        let again = User.run(&items(), &mut system);
        assert!(again.iter().all(|result| result.outcome.is_ok()), "{step}: {again:?}");
        assert_eq!(names(&system), names(&whole), "{step}");
    }
}

#[test]
fn items_that_share_a_home_leave_it_to_the_first() {
    let mut system = host();
    let item = |name: &str, create: bool| {
        args(&[("name", name.into()), ("home", "/srv/common".into()), ("create_home", create.into())])
    };
    let results = User.run(&[item("a", true), item("b", true), item("c", false)], &mut system);
    assert!(results.iter().all(|result| result.outcome.is_ok()), "{results:?}");
    assert_eq!(system.stat(Path::new("/srv/common"), false).unwrap().unwrap().uid, Uid(1001));
    assert_eq!(system.list(Path::new("/srv")).unwrap(), ["common"]);
}

#[test]
fn a_missing_home_is_made_for_an_existing_user_without_touching_the_databases() {
    let mut system = host();
    system.remove_tree(Path::new("/home/alice")).unwrap();
    let result = run(&mut system, &[("name", "alice".into())]);
    assert!(result.changed);
    assert_eq!(fields(&result), ["home directory: None -> '/home/alice created'"]);
    assert!(!system.effects().contains(&Effect::BeginAccounts));
}

#[test]
fn a_half_made_home_of_a_killed_run_is_replaced_by_a_whole_one() {
    let mut system = host().directory("/home/.bob.enlist", 0o700, 0, 0).file("/home/.bob.enlist/home/junk", "x");
    assert!(run(&mut system, &[("name", "bob".into())]).changed);
    let names = system.list(Path::new("/home")).unwrap();
    assert_eq!(names, ["alice", "bob"]);
    assert_eq!(system.list(Path::new("/home/bob")).unwrap(), [".profile", "inside"]);
}

#[test]
fn an_existing_home_and_a_link_in_its_place_are_left_alone() {
    let mut system = host().file("/home/bob/data", "precious").link("/home/eve", "/etc");
    assert!(run(&mut system, &[("name", "bob".into())]).changed);
    assert_eq!(system.list(Path::new("/home/bob")).unwrap(), ["data"]);
    assert!(run(&mut system, &[("name", "eve".into())]).changed);
    assert_eq!(system.stat(Path::new("/home/eve"), false).unwrap().unwrap().kind, FileKind::Link);
    assert_eq!(system.stat(Path::new("/etc"), false).unwrap().unwrap().uid, Uid(0));
}

#[test]
fn ids_and_names_that_cannot_be_are_refused_and_nothing_is_written() {
    let mut system = host();
    let before = system.tree();
    let refused = run(&mut system, &[("name", "bob".into()), ("uid", Value::Int(1000))]);
    assert_eq!(failure(&refused).msg, "UID 1000 is not unique: user 'alice' has it");
    let refused = run(&mut system, &[("name", "bob".into()), ("group", "nope".into())]);
    assert_eq!(failure(&refused).msg, "Group nope does not exist");
    let long = "a".repeat(300);
    for name in ["a;b", "-x", &long, "", "a:b"] {
        let refused = run(&mut system, &[("name", name.into())]);
        assert!(failure(&refused).msg.starts_with("invalid user name '"), "{}", failure(&refused).msg);
        assert!(failure(&refused).hint.is_some());
    }
    let refused = run(&mut system, &[("name", "bob".into()), ("comment", "x\nroot2::0:0:::".into())]);
    assert!(failure(&refused).msg.starts_with("invalid comment"));
    assert_eq!(system.tree(), before);
}

#[test]
fn a_password_is_never_shown_and_compared_without_its_lock() {
    let mut system = host();
    let hash = format!("$6$salt${}", "a".repeat(86));
    let wanted = [("name", "alice".into()), ("password", hash.as_str().into())];
    let first = run(&mut system, &wanted);
    assert_eq!(fields(&first), ["password: changed", "locked: True -> False"]);
    assert!(!format!("{first:?}").contains(&hash));
    assert_eq!(first.outcome.unwrap().values["password"], Value::from("NOT_LOGGING_PASSWORD"));
    assert!(!run(&mut system, &wanted).changed);
    let locked = run(&mut system, &[("name", "alice".into()), ("password_lock", true.into())]);
    assert_eq!(fields(&locked), ["locked: False -> True"]);
    assert!(line(&system, "/etc/shadow", "alice").starts_with("alice:!$6$"));
    assert!(!run(&mut system, &wanted).changed, "the lock is not the password");
    let clear = run(&mut system, &[("name", "alice".into()), ("password", "secret".into())]);
    assert!(clear.outcome.unwrap().warnings[0].starts_with("The input password appears not to have been hashed."));
}

#[test]
fn groups_are_set_or_added_to() {
    let mut system = host();
    let groups = |system: &Fake| {
        [line(system, "/etc/group", "users"), line(system, "/etc/group", "root"), line(system, "/etc/gshadow", "root")]
    };
    let list = |names: &[&str]| Value::List(names.iter().map(|name| (*name).into()).collect());
    let append = [("name", "alice".into()), ("groups", list(&["root"])), ("append", true.into())];
    assert_eq!(fields(&run(&mut system, &append)), ["groups: ['users'] -> ['root', 'users']"]);
    assert_eq!(groups(&system), ["users:x:100:alice", "root:x:0:alice", "root:*::alice"]);
    assert!(!run(&mut system, &append).changed);
    assert!(run(&mut system, &[("name", "alice".into()), ("groups", list(&["root"]))]).changed);
    assert_eq!(groups(&system), ["users:x:100:", "root:x:0:alice", "root:*::alice"]);
    assert!(run(&mut system, &[("name", "alice".into()), ("groups", "".into())]).changed);
    assert_eq!(groups(&system), ["users:x:100:", "root:x:0:", "root:*::"]);
}

#[test]
fn a_new_uid_re_owns_the_home_and_says_what_it_left() {
    let mut system = host().file("/home/alice/of-root", "");
    let result = run(&mut system, &[("name", "alice".into()), ("uid", Value::Int(3000))]);
    let owner = |path: &str| system.stat(Path::new(path), false).unwrap().unwrap().uid;
    assert_eq!((owner("/home/alice"), owner("/home/alice/of-root")), (Uid(3000), Uid(0)));
    let warnings = result.outcome.unwrap().warnings;
    assert!(warnings[0].contains("uid 1000 owned keep that number"), "{warnings:?}");
}

#[test]
fn a_run_that_was_killed_before_re_owning_is_completed() {
    let mut system = host();
    run(&mut system, &[("name", "bob".into()), ("uid", Value::Int(3000))]);
    let before = Attributes { uid: Some(Uid(4444)), gid: Some(Gid(4444)), mode: None };
    system.set_attributes(Path::new("/home/bob"), before).unwrap();
    let again = run(&mut system, &[("name", "bob".into()), ("uid", Value::Int(3000))]);
    assert_eq!(fields(&again), ["home directory: '/home/bob owned by 4444:4444' -> '/home/bob owned by 3000:3000'"]);
    assert_eq!(system.stat(Path::new("/home/bob"), false).unwrap().unwrap().uid, Uid(3000));
    assert!(!run(&mut system, &[("name", "bob".into()), ("uid", Value::Int(3000))]).changed);
}

#[test]
fn a_busy_user_keeps_uid_and_home_and_is_not_removed() {
    let mut system = host()
        .file("/proc/4630/status", "Name:\tsleep\nUid:\t1000\t1000\t1000\t1000\n")
        .link("/proc/4630/root", "/tmp");
    let refused = run(&mut system, &[("name", "alice".into()), ("uid", Value::Int(3000))]);
    assert_eq!(failure(&refused).msg, "user alice is currently used by process 4630");
    let refused = run(&mut system, &[("name", "alice".into()), ("state", "absent".into())]);
    assert_eq!(failure(&refused).msg, "user alice is currently used by process 4630");
    assert!(run(&mut system, &[("name", "alice".into()), ("shell", "/bin/zsh".into())]).changed);
    assert!(run(&mut system, &[("name", "alice".into()), ("state", "absent".into()), ("force", true.into())]).changed);
}

#[test]
fn move_home_is_refused_before_anything_changes_when_it_cannot_be_done() {
    let mut system = host();
    let to = |home: &str| [("name", "alice".into()), ("home", home.into()), ("move_home", true.into())];
    let refused = run(&mut system, &to("/data/alice"));
    assert_eq!(
        failure(&refused).msg,
        "cannot move the home directory /home/alice to /data/alice: /data does not exist"
    );
    assert!(line(&system, "/etc/passwd", "alice").contains(":/home/alice:"));
    let moved = run(&mut system, &to("/home/alice2"));
    assert_eq!(fields(&moved)[1], "home directory: '/home/alice' -> '/home/alice2'");
    assert!(system.stat(Path::new("/home/alice"), false).unwrap().is_none());
    assert!(!run(&mut system, &to("/home/alice2")).changed);
}

#[test]
fn absent_removes_the_home_only_when_asked_and_only_the_users_own() {
    let gone = |remove: bool| [("name", "alice".into()), ("state", "absent".into()), ("remove", remove.into())];
    let mut system = host();
    assert!(run(&mut system, &gone(false)).changed);
    assert!(system.stat(Path::new("/home/alice"), false).unwrap().is_some());
    assert_eq!(system.text("/etc/group"), "root:x:0:\nusers:x:100:\n");
    assert!(!run(&mut system, &gone(false)).changed);
    let mut system = host().file("/home/alice/f", "");
    assert!(run(&mut system, &gone(true)).changed);
    assert!(system.stat(Path::new("/home/alice"), false).unwrap().is_none());
    let mut system = host();
    run(&mut system, &[("name", "bob".into()), ("home", "/home/alice/inner".into())]);
    let kept = run(&mut system, &gone(true));
    assert!(kept.outcome.unwrap().warnings[0].contains("is also the home of bob"));
    assert!(system.stat(Path::new("/home/alice"), false).unwrap().is_some());
}

#[test]
fn a_creation_that_was_cut_short_ends_where_it_would_have() {
    let mut whole = host();
    run(&mut whole, &[("name", "bob".into())]);
    let group = line(&whole, "/etc/group", "bob");
    let mut system = host()
        .file("/etc/shadow", "alice:!:19700:0:99999:7:::\nbob:!:1:::::\n")
        .file("/etc/group", &format!("root:x:0:\nusers:x:100:alice\nalice:x:1000:\n{group}\n"));
    run(&mut system, &[("name", "bob".into())]);
    for file in ["/etc/passwd", "/etc/group", "/etc/subuid"] {
        assert_eq!(system.text(file), whole.text(file));
    }
}

#[test]
fn a_directory_user_is_right_or_refused() {
    let bob = ProgramOutput { stdout: b"bob:x:5000:100::/home/bob:/bin/sh\n".to_vec(), ..ProgramOutput::default() };
    let mut system =
        host().file("/etc/nsswitch.conf", "passwd: files ldap\n").program(["getent", "passwd", "bob"], bob);
    assert!(!run(&mut system, &[("name", "bob".into()), ("uid", Value::Int(5000))]).changed);
    let refused = run(&mut system, &[("name", "bob".into()), ("uid", Value::Int(5001))]);
    assert_eq!(failure(&refused).msg, "user 'bob' does not exist in /etc/passwd");
    assert!(run(&mut system, &[("name", "bob".into()), ("local", true.into())]).changed);
}

#[test]
fn a_new_user_s_home_that_is_another_s_is_told_and_one_of_nobody_s_is_given_at_once() {
    let mut system = host()
        .directory("/home/a1", 0o700, 5555, 5555)
        .file("/home/a1/f", "")
        .directory("/home/a2", 0o700, 1000, 1000)
        .file("/home/a4", "");
    let wanted = |name: &str, uid| [("name", name.into()), ("uid", Value::Int(uid)), ("group", "users".into())];
    let first = run(&mut system, &wanted("a1", 2011));
    assert!(
        fields(&first)
            .contains(&"home directory: '/home/a1 owned by 5555:5555' -> '/home/a1 owned by 2011:100'".into())
    );
    assert!(!run(&mut system, &wanted("a1", 2011)).changed, "one run is enough");
    for (name, uid, says) in [("a2", 2012, "belongs to alice"), ("a4", 2014, "is not a directory")] {
        for _ in 0..2 {
            let result = run(&mut system, &wanted(name, uid));
            let warnings = result.outcome.unwrap().warnings;
            assert!(warnings.iter().any(|warning| warning.contains(says)), "{warnings:?}");
        }
    }
}

#[test]
fn who_expires_on_the_first_day_of_all_is_expired() {
    let mut system = host();
    run(&mut system, &[("name", "alice".into()), ("expires", Value::Int(0))]);
    assert_eq!(line(&system, "/etc/shadow", "alice"), "alice:!:19700:0:99999:7::1:");
    assert!(!run(&mut system, &[("name", "alice".into()), ("expires", Value::Int(0))]).changed);
}

#[test]
fn the_defaults_of_useradd_expire_and_disable_new_accounts() {
    let mut system = host().file("/etc/default/useradd", "EXPIRE=2031-01-01\nINACTIVE=30\n");
    run(&mut system, &[("name", "ud".into())]);
    assert!(line(&system, "/etc/shadow", "ud").ends_with(":0:99999:7:30:22280:"));
    let mut system = host().file("/etc/default/useradd", "EXPIRE=next year\n");
    assert!(failure(&run(&mut system, &[("name", "ud".into())])).msg.contains("EXPIRE=next year"));
}

#[test]
fn members_with_blanks_before_them_are_members() {
    let mut system = host().file("/etc/group", "root:x:0:\nusers:x:100:root, alice,,kim \nalice:x:1000:\n");
    let groups = |list: Vec<&str>| {
        [("name", "alice".into()), ("groups", Value::List(list.into_iter().map(Value::from).collect()))]
    };
    assert!(!run(&mut system, &groups(vec!["users"])).changed);
    assert!(run(&mut system, &groups(vec![])).changed);
    assert_eq!(line(&system, "/etc/group", "users"), "users:x:100:root,,kim ");
    let mut system = host().file("/etc/group", "root:x:0:\nusers:x:100:root, alice ,,kim\nalice:x:1000:\n");
    assert!(run(&mut system, &[("name", "alice".into()), ("state", "absent".into())]).changed);
    assert_eq!(line(&system, "/etc/group", "users"), "users:x:100:root,,kim");
}

#[test]
fn an_interrupted_step_of_a_removal_or_a_move_is_made_up_for_by_the_next_run() {
    let gone: &[_] = &[("name", "alice".into()), ("state", "absent".into()), ("remove", true.into())];
    let moved: &[_] = &[("name", "alice".into()), ("home", "/home/alice2".into()), ("move_home", true.into())];
    for wanted in [gone, moved] {
        let start = || host().file("/home/alice/f", "precious");
        let mut whole = start();
        run(&mut whole, wanted);
        let names = |system: &Fake| system.tree().into_iter().map(|(path, ..)| path).collect::<Vec<_>>();
        let steps = whole.effects().len();
        for step in 0..steps {
            let mut system = start();
            system.fail_effect(step, std::io::ErrorKind::StorageFull);
            run(&mut system, wanted);
            let again = run(&mut system, wanted);
            assert!(again.outcome.is_ok(), "{step}: {again:?}");
            assert_eq!(names(&system), names(&whole), "{step}");
            assert!(!run(&mut system, wanted).changed, "{step}");
        }
        assert!(steps >= 5, "{steps}");
    }
}

#[test]
fn a_change_of_group_that_was_cut_off_is_finished() {
    let mut system = host().file("/home/alice/f", "x");
    let theirs = Attributes { uid: Some(Uid(1000)), gid: Some(Gid(1000)), mode: None };
    system.set_attributes(Path::new("/home/alice/f"), theirs).unwrap();
    let gid = |system: &Fake, path: &str| system.stat(Path::new(path), false).unwrap().unwrap().gid;
    let old = gid(&system, "/home/alice");
    let wanted = |group: &str| [("name", "alice".into()), ("group", group.into())];
    // As a run leaves it that ended once the account had the new group.
    let mut cut_off = Fake::clone(&system);
    assert!(run(&mut system, &wanted("users")).changed);
    assert_eq!((gid(&system, "/home/alice"), gid(&system, "/home/alice/f")), (Gid(100), Gid(100)));
    cut_off.write(Path::new("/etc/passwd"), system.text("/etc/passwd").as_bytes(), Attributes::default()).unwrap();
    let place = Path::new("/home/.alice.enlist");
    cut_off.make_directory(place, Attributes { mode: Some(0o700), uid: Some(Uid(0)), gid: Some(Gid(0)) }).unwrap();
    cut_off.make_link(&place.join("owners"), Path::new(&format!("1000:{old}"))).unwrap();
    // The next one may want another group already.
    assert!(run(&mut cut_off, &wanted("root")).changed);
    assert_eq!((gid(&cut_off, "/home/alice"), gid(&cut_off, "/home/alice/f")), (Gid(0), Gid(0)));
    assert!(!run(&mut cut_off, &wanted("root")).changed);
    assert!(cut_off.stat(place, false).unwrap().is_none());
}
