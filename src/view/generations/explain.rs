//! The chain of `enlist explain`: judged from given facts, and asked of hosts in memory.

use super::{Attributes, System};
use super::{Cluster, FIRST, read};
use crate::view;
use crate::view::styled::joined;
use control::sync::explain::{Entrance, Facts, Link, Part, Scheduler, links, look_at};
use control::sync::{Observed, ObservedUser, Site};
use expect_test::expect;
use host::system::ProgramOutput;
use std::path::Path;

const ROSTER: &str = "\
groups: {ai: {gid: 3001}}
users:
  gildong: {uid: 2001, group: ai}
  dooly: {uid: 2002, group: ai, state: absent}
";

fn entry(name: &str, uid: u32) -> ObservedUser {
    ObservedUser {
        name: name.into(),
        uid,
        gid: 3001,
        comment: String::new(),
        home: format!("/home/{name}"),
        shell: "/bin/bash".into(),
        file: "/etc/passwd".into(),
        line: 31,
        locked: None,
    }
}

fn host(name: &str, users: &[ObservedUser]) -> Facts {
    let uid = users.first().map(|user| user.uid);
    let local = Observed {
        host: name.into(),
        users: users.to_vec(),
        groups: Vec::new(),
        digest: String::new(),
        warnings: Vec::new(),
    };
    Facts { host: name.into(), local: Some(local), resolved: uid, home_owner: uid, ..Facts::default() }
}

fn master(said: Scheduler) -> Facts {
    Facts { host: "master".into(), scheduler: Some(Ok(said)), ..Facts::default() }
}

fn in_project(limit: &str, value: &str) -> Facts {
    let associations = vec![("ai_project".to_owned(), vec![(limit.to_owned(), value.to_owned())])];
    master(Scheduler { default_account: Some("ai_project".into()), associations, ..Scheduler::default() })
}

#[track_caller]
fn breaks(name: &str, facts: &[Facts], at: &str, says: &str, todo: &str) {
    let links = links(&read(ROSTER), name, facts);
    let first = links.iter().find(|link| !link.well).expect("something is broken");
    assert_eq!(first.place, at, "{first:?}");
    assert!(first.seen.contains(says), "{first:?}");
    assert!(first.todo.as_ref().unwrap().contains(todo), "{first:?}");
}

#[test]
fn all_is_well() {
    let facts = [host("login1", &[entry("gildong", 2001)]), in_project("MaxJobs", "10")];
    let links: Vec<Link> = links(&read(ROSTER), "gildong", &facts);
    expect![[r#"
        ok      listed         roster.yml:3:3                        roster
        ok      account        uid 2001, gid 3001                    login1
        ok      resolves       getent knows the name                 login1
        ok      home           /home/gildong is there and his own    login1
        ok      as the roster  0 keys of the roster, and all fields  login1
        ok      scheduler      default account ai_project            master
        ok      association    ai_project: MaxJobs=10                master
        All is well with gildong."#]]
    .assert_eq(&joined(&view::explain::links("gildong", &links)));
}

#[test]
fn the_first_broken_link_is_named() {
    let good = || host("login1", &[entry("gildong", 2001)]);
    breaks("alice", &[good()], "roster", "not in the roster", "enlist user add alice");
    breaks("dooly", &[good()], "roster", "absent: roster.yml:4:3", "--state present");
    let two = |facts: Facts| [good(), facts];
    breaks("gildong", &two(host("login2", &[])), "login2", "no such user", "enlist plan");
    breaks(
        "gildong",
        &two(host("login2", &[entry("gildong", 1500)])),
        "login2",
        "1500, not 2001: /etc/passwd:31",
        "audit",
    );
    breaks("gildong", &two(host("login2", &[entry("mallory", 2001)])), "login2", "uid 2001 is mallory", "whose");
    let mut moved = entry("gildong", 2001);
    moved.gid = 100;
    breaks("gildong", &two(host("login2", &[moved])), "login2", "gid differs: 100, not 3001", "audit");
    let mut locked = entry("gildong", 2001);
    locked.shell = "/usr/sbin/nologin".into();
    breaks("gildong", &two(host("login2", &[locked])), "login2", "lets nobody in", "--shell");
    breaks("gildong", &two(Facts { resolved: None, ..good() }), "login1", "getent does not know", "nsswitch");
    breaks("gildong", &two(Facts { home_owner: None, ..good() }), "login1", "/home/gildong is not there", "plan");
    breaks("gildong", &two(Facts { home_owner: Some(0), ..good() }), "login1", "belongs to uid 0", "chown");
    let silent = Facts { host: "login2".into(), silent: Some("no route".into()), ..Facts::default() };
    breaks("gildong", &two(silent), "login2", "no route", "--limit");
}

#[test]
fn the_scheduler_is_the_last_link() {
    let with = |facts| [host("login1", &[entry("gildong", 2001)]), facts];
    breaks("gildong", &with(master(Scheduler::default())), "master", "no association", "user modify gildong --account");
    let planned = Scheduler { differs: vec!["association ai_project/gildong".into()], ..Scheduler::default() };
    breaks("gildong", &with(master(planned)), "master", "no association", "enlist plan");
    breaks("gildong", &with(in_project("MaxJobs", "0")), "master", "MaxJobs=0", "allows no job");
    let down = Facts { scheduler: Some(Err("sacctmgr failed".into())), ..master(Scheduler::default()) };
    breaks("gildong", &with(down), "master", "sacctmgr failed", "accounting service");
}

#[test]
fn hosts_are_asked() {
    let cluster = Cluster::new();
    for machine in cluster.0.lock().unwrap().values_mut() {
        machine.real = std::mem::take(&mut machine.real).file("/bin/bash", "");
        let program = Attributes { mode: Some(0o755), ..Attributes::default() };
        machine.real.set_attributes(Path::new("/bin/bash"), program).unwrap();
        machine.real = std::mem::take(&mut machine.real).answer_with(|command| {
            let words: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy()).collect();
            let stdout = match (words[0].as_ref(), words.iter().any(|word| word == "association")) {
                ("getent", _) => "gildong:x:2001:3001:홍길동:/home/gildong:/bin/bash\n".to_owned(),
                (_, true) => format!("ai_project|gildong||{}\n", "|".repeat(16)),
                _ => "gildong|ai_project\n".to_owned(),
            };
            Some(ProgramOutput { stdout: stdout.into(), ..ProgramOutput::default() })
        });
    }
    let plan = cluster.plan(FIRST).unwrap();
    cluster.apply(&plan).unwrap();
    let explain = || {
        let connector = cluster.connector();
        let facts = look_at(&Site::new(cluster.hosts(), &connector, 4), &read(FIRST), "gildong");
        links(&read(FIRST), "gildong", &facts)
    };
    let before = cluster.effects();
    let links = explain();
    assert!(links.iter().filter(|link| link.place != "master").all(|link| link.well), "{links:#?}");
    assert!(links.iter().any(|link| link.seen == "default account ai_project"), "{links:#?}");
    let only_asked = cluster.0.lock().unwrap()["login1"].real.effects().len();
    assert!(only_asked > 0 && cluster.effects() - before <= 2, "sacctmgr is asked twice, and nothing is written");
    cluster.edit("login2", "/etc/passwd", |text| text.replace(":2001:", ":2003:"));
    let first = explain().into_iter().find(|link| !link.well).unwrap();
    assert_eq!((first.place.as_str(), first.link), ("login2", "numbers"));
    assert!(first.seen.starts_with("uid differs: 2003, not 2001: /etc/passwd:"), "{first:?}");
}

fn shadow(expires: Option<i64>) -> Option<control::sync::explain::Shadow> {
    Some(control::sync::explain::Shadow { expires, max: Some(99999), last_change: Some(20000), ..Default::default() })
}

/// A person who comes in: everything as sshd and PAM want it.
fn open_door() -> Entrance {
    let part = |path: &str, uid, mode| Part { path: path.into(), uid, mode, directory: true };
    let settings =
        [("strictmodes", "yes"), ("pubkeyauthentication", "yes"), ("authorizedkeysfile", ".ssh/authorized_keys")];
    Entrance {
        uid: Some(2001),
        home: "/home/gildong".into(),
        shell: "fine".into(),
        nologin: false,
        shadow: shadow(None),
        groups: vec!["ai".into()],
        key_file: "/home/gildong/.ssh/authorized_keys".into(),
        way: vec![part("/home/gildong", 2001, 0o700), part("/home/gildong/.ssh", 2001, 0o700)],
        keys: Some(Vec::new()),
        sshd: Some(settings.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).into()),
    }
}

/// The first broken link for a roster's entry with these fields and what was seen.
fn first_broken(fields: &str, change: impl Fn(&mut Entrance)) -> Option<Link> {
    let mut entrance = open_door();
    change(&mut entrance);
    let facts = Facts { entrance: Some(entrance), today: 20_700, ..host("login1", &[entry("gildong", 2001)]) };
    let roster = read(&ROSTER.replace("{uid: 2001, group: ai}", &format!("{{uid: 2001, group: ai{fields}}}")));
    links(&roster, "gildong", &[facts]).into_iter().find(|link| !link.well)
}

#[test]
fn what_sshd_and_pam_look_at_is_looked_at() {
    assert_eq!(first_broken("", |_| ()), None);
    let set = |name: &'static str, words: &'static [&'static str]| {
        move |seen: &mut Entrance| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            seen.sshd.as_mut().unwrap().insert(name.into(), words);
        }
    };
    type Case = (&'static str, Box<dyn Fn(&mut Entrance)>, &'static str, &'static str);
    let key = ", keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g a@b']";
    let cases: Vec<Case> = vec![
        (", locked: yes", Box::new(|_| ()), "locked", "the roster keeps the person out"),
        (", expires: 2026-01-01", Box::new(|_| ()), "expires", "ended on 2026-01-01"),
        (", expires: 1900-01-01", Box::new(|_| ()), "expires", "ended on 1900-01-01"),
        ("", Box::new(|seen| seen.shadow = shadow(Some(1))), "account open", "expired on 1970-01-02"),
        ("", Box::new(|seen| seen.shadow.as_mut().unwrap().last_change = Some(0)), "account open", "new password"),
        ("", Box::new(|seen| seen.shell = "missing".into()), "shell", "not on the host"),
        ("", Box::new(|seen| seen.nologin = true), "nologin", "everybody but root"),
        ("", Box::new(|seen| seen.way[0].mode = 0o777), "strict modes", "others may write /home/gildong (mode 0777)"),
        ("", Box::new(|seen| seen.way[1].uid = 2005), "strict modes", "/home/gildong/.ssh belongs to uid 2005"),
        (key, Box::new(|_| ()), "keys", "1 of 1 of the roster are not in"),
        (key, Box::new(|seen| seen.keys = None), "keys", "is not there, or is a link"),
        ("", Box::new(set("authorizedkeysfile", &["/etc/keys/%u"])), "keys", "sshd reads keys from"),
        ("", Box::new(set("pubkeyauthentication", &["no"])), "sshd", "pubkeyauthentication no"),
        ("", Box::new(set("allowusers", &["root", "op*"])), "sshd", "allowusers root op*"),
        ("", Box::new(set("denygroups", &["ai"])), "sshd", "denygroups ai"),
    ];
    for (fields, change, link, says) in cases {
        let broken = first_broken(fields, change).unwrap_or_else(|| panic!("{link}: {says}: all is well"));
        assert!(broken.link == link && broken.seen.contains(says), "{says}: {broken:?}");
    }
    assert_eq!(first_broken("", set("strictmodes", &["no"])), None);
    let of_roots = |mode| move |seen: &mut Entrance| (seen.way[0].uid, seen.way[0].mode) = (0, mode);
    assert_eq!(first_broken("", of_roots(0o755)), None, "root's is safe");
    assert!(first_broken("", of_roots(0o700)).unwrap().seen.contains("may not read it"));
}

#[test]
fn what_was_not_looked_at_is_not_called_well() {
    let seen = Entrance { sshd: None, shadow: None, ..open_door() };
    let facts = [Facts { entrance: Some(seen), ..host("login1", &[entry("gildong", 2001)]) }];
    let shown = view::explain::links("gildong", &links(&read(ROSTER), "gildong", &facts));
    assert_eq!(
        shown.last().unwrap().to_string(),
        "Nothing is broken with gildong in what was looked at; 2 could not be."
    );
}
