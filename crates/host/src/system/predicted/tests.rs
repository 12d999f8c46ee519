use super::*;
use crate::system::fake::{Effect, Fake};
use proptest::prelude::*;

/// One random effect.
#[derive(Clone, Debug)]
enum Step {
    Write(&'static str, u8, Attributes),
    MakeDirectory(&'static str, Attributes),
    MakeLink(&'static str, &'static str),
    MakeHardLink(&'static str, &'static str),
    SetAttributes(&'static str, Attributes),
    SetTimes(&'static str, i64),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    RemoveTree(&'static str),
}

const PATHS: &[&str] = &[
    "/a", "/a/f", "/a/g", "/a/d", "/a/d/x", "/b", "/b/f", "/b/d", "/b/d/x", "/l", "/l/f", "/l/d/x", "/a/up", "/h",
    "/new", "/new/f",
];
const TARGETS: &[&str] = &["a", "/b", "b/d", "nowhere", "..", "l"];

fn host() -> Fake {
    Fake::new().file("/a/f", "af").file("/a/d/x", "adx").file("/b/d/x", "bdx").link("/l", "a").link("/a/up", "../b")
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(PATHS)
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let mode = prop::option::of(prop::sample::select(&[0o600u32, 0o644, 0o755, 0o4755][..]));
    (mode, prop::option::of(0..3u32), prop::option::of(0..3u32)).prop_map(|(mode, uid, gid)| Attributes {
        mode,
        uid: uid.map(Uid),
        gid: gid.map(Gid),
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (path(), any::<u8>(), attributes()).prop_map(|(p, b, a)| Step::Write(p, b, a)),
        (path(), attributes()).prop_map(|(p, a)| Step::MakeDirectory(p, a)),
        (path(), prop::sample::select(TARGETS)).prop_map(|(p, t)| Step::MakeLink(p, t)),
        (path(), path()).prop_map(|(p, q)| Step::MakeHardLink(p, q)),
        (path(), attributes()).prop_map(|(p, a)| Step::SetAttributes(p, a)),
        (path(), 0..9i64).prop_map(|(p, t)| Step::SetTimes(p, t)),
        (path(), path()).prop_map(|(p, q)| Step::Rename(p, q)),
        path().prop_map(Step::Remove),
        path().prop_map(Step::RemoveTree),
    ]
}

fn apply(step: &Step, system: &mut dyn System) -> bool {
    let p = Path::new;
    match step {
        Step::Write(path, byte, attributes) => system.write(p(path), &[*byte], *attributes),
        Step::MakeDirectory(path, attributes) => system.make_directory(p(path), *attributes),
        Step::MakeLink(path, target) => system.make_link(p(path), p(target)),
        Step::MakeHardLink(path, existing) => system.make_hard_link(p(path), p(existing)),
        Step::SetAttributes(path, attributes) => system.set_attributes(p(path), *attributes),
        Step::SetTimes(path, time) => system.set_times(p(path), *time, *time),
        Step::Rename(from, to) => system.rename(p(from), p(to)),
        Step::Remove(path) => system.remove(p(path)),
        Step::RemoveTree(path) => system.remove_tree(p(path)),
    }
    .is_ok()
}

/// All that can be seen below `path`: without inode numbers, and times only where they were set.
fn seen(system: &dyn System, path: &Path, into: &mut Vec<String>) {
    let stat = system.stat(path, false).unwrap().unwrap();
    let time = (stat.mtime < 10).then_some(stat.mtime);
    let content = match stat.kind {
        FileKind::File => format!("{:?} {} links", system.read(path).unwrap(), stat.nlink),
        FileKind::Link => format!("{:?} -> {:?}", system.read_link(path).unwrap(), system.read(path).ok().flatten()),
        _ => String::new(),
    };
    into.push(format!("{path:?} {:o} {}:{} {time:?} {content}", stat.mode, stat.uid, stat.gid));
    if stat.kind == FileKind::Directory {
        for name in system.list(path).unwrap() {
            seen(system, &path.join(name), into);
        }
    }
}

fn all_seen(system: &dyn System) -> Vec<String> {
    let mut lines = Vec::new();
    seen(system, Path::new("/"), &mut lines);
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..Default::default() })]

    #[test]
    fn effects_are_predicted_and_not_done(steps in prop::collection::vec(step(), 1..12)) {
        let mut real = host();
        let before = real.tree();
        let mut predicted = Predicted::new(host());
        for step in &steps {
            prop_assert_eq!(apply(step, &mut real), apply(step, &mut predicted), "{:?}", step);
            prop_assert_eq!(all_seen(&real), all_seen(&predicted), "{:?}", step);
        }
        prop_assert_eq!(predicted.inner().tree(), before);
        prop_assert_eq!(predicted.inner().effects(), &[] as &[Effect]);
    }
}

fn said(system: &dyn System, argv: &[&str]) -> (i32, String) {
    let output = system.query(&Command::new(argv)).unwrap();
    (output.code, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_predicted_user_can_be_looked_up() {
    let ldap = "carol:*:5000:5000::/home/carol:/bin/bash\n";
    let carol = ProgramOutput { stdout: ldap.into(), ..ProgramOutput::default() };
    let mut system = Predicted::new(Fake::with_accounts().program(["getent", "passwd", "carol"], carol));
    let passwd = system.inner().text("/etc/passwd").replace("alice:x:1000:1000", "bob:x:2001:1000");
    system.begin_accounts().unwrap();
    system.write(Path::new("/etc/passwd"), passwd.as_bytes(), Attributes::default()).unwrap();
    assert_eq!(system.read(Path::new("/etc/passwd")).unwrap().unwrap(), passwd.as_bytes());
    system.commit_accounts().unwrap();
    assert_eq!(said(&system, &["getent", "passwd", "2001"]).1, "bob:x:2001:1000:Alice:/home/alice:/bin/bash\n");
    assert_eq!(said(&system, &["id", "-u", "bob"]).1, "2001\n");
    assert_eq!(said(&system, &["getent", "passwd", "alice"]).0, 2);
    assert_eq!(said(&system, &["getent", "passwd", "carol"]), (0, ldap.into()));
}

#[test]
fn an_aborted_transaction_predicts_nothing() {
    let mut system = Predicted::new(Fake::with_accounts());
    system.begin_accounts().unwrap();
    assert!(system.begin_accounts().is_err());
    system.write(Path::new("/etc/group"), b"", Attributes::default()).unwrap();
    system.abort_accounts();
    assert_ne!(system.read(Path::new("/etc/group")).unwrap().unwrap(), b"");
    assert!(system.commit_accounts().is_err());
}

#[test]
fn what_is_not_written_cannot_be_queried() {
    let mut system =
        Predicted::new(Fake::new().directory("/etc", 0o755, 0, 0).program(["visudo"], ProgramOutput::default()));
    let check = Command::new(["visudo", "-cf", "/etc/x"]);
    assert!(system.query(&check).is_ok());
    system.write(Path::new("/etc/x"), b"", Attributes::default()).unwrap();
    assert!(matches!(system.query(&check), Err(SystemError::Unknown(_))));
    assert!(matches!(system.run(&Command::new(["true"])), Err(SystemError::Unknown(_))));
}

/// A host whose programs answer with the rehearsal they were given, and fail when told to.
fn echo() -> Fake {
    let host = Fake::new().file("/opt/enlist", "").link("/usr/bin/sacctmgr", "/opt/enlist");
    let host = host.link("/usr/bin/sbatch", "/opt/enlist").link("/usr/bin/scancel", "/opt/enlist");
    host.link("/usr/bin/enlist", "/opt/enlist").answer_with(|command| {
        let rehearsal = command.environment.iter().find(|(name, _)| name == REHEARSE);
        let code = i32::from(command.argv.last().is_some_and(|last| last == "fail"));
        let stdout = rehearsal.map(|(_, value)| value.clone().into()).unwrap_or_default();
        Some(ProgramOutput { code, stdout, stderr: Vec::new() })
    })
}

#[test]
fn our_own_commands_are_rehearsed_in_order() {
    let mut system = Predicted::new(echo());
    let mut run = |argv: &[&str]| system.run(&Command::new(argv)).map(|o| String::from_utf8(o.stdout).unwrap());
    assert_eq!(run(&["/usr/bin/sacctmgr", "add", "1"]).unwrap(), "[]");
    assert_eq!(run(&["/usr/bin/sacctmgr", "fail"]).unwrap(), r#"[["/usr/bin/sacctmgr","add","1"]]"#);
    assert_eq!(run(&["/usr/bin/enlist", "slurm", "sacctmgr"]).unwrap(), r#"[["/usr/bin/sacctmgr","add","1"]]"#);
    assert!(matches!(run(&["/usr/bin/enlist", "apply"]), Err(SystemError::Unknown(_))));
    // What would really be done, and what only the jobs of one user could tell.
    let others: [&[&str]; 5] = [
        &["/usr/bin/sbatch", "job.sh"],
        &["/usr/bin/enlist", "slurm", "sbatch", "job.sh"],
        &["/usr/bin/enlist", "slurm"],
        &["/usr/bin/scancel", "7"],
        &["/usr/bin/scancel", "-u", "2001"],
    ];
    for words in others {
        assert!(matches!(run(words), Err(SystemError::Unknown(_))), "{words:?}");
    }
    assert_eq!(
        said(&system, &["/usr/bin/sacctmgr", "show"]).1,
        r#"[["/usr/bin/sacctmgr","add","1"],["/usr/bin/enlist","slurm","sacctmgr"],["/usr/bin/scancel","-u","2001"]]"#
    );
    assert_eq!(said(&system, &["/usr/bin/other"]).1, "");
}
