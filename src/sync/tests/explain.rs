//! The chain of `enlist explain`: judged from given facts, and asked of hosts in memory.

use super::{Cluster, FIRST, read};
use crate::sync::explain::{Facts, Link, Scheduler, links, look_at};
use crate::sync::{Observed, ObservedUser, Site};
use crate::system::Output;
use crate::view;
use crate::view::styled::joined;
use expect_test::expect;

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
    }
}

fn host(name: &str, users: &[ObservedUser]) -> Facts {
    let uid = users.first().map(|user| user.uid);
    let local =
        Observed { host: name.into(), users: users.to_vec(), groups: Vec::new(), digest: String::new(), login: None };
    Facts { host: name.into(), local: Some(local), resolved: uid, home_owner: uid, ..Facts::default() }
}

fn master(said: Scheduler) -> Facts {
    Facts { host: "master".into(), scheduler: Some(Ok(said)), ..Facts::default() }
}

fn in_project(limit: &str, value: &str) -> Facts {
    let associations = vec![("ai_project".to_owned(), vec![(limit.to_owned(), value.to_owned())])];
    master(Scheduler { default_account: Some("ai_project".into()), associations, differs: Vec::new() })
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
        machine.real = std::mem::take(&mut machine.real).answer_with(|command| {
            let words: Vec<_> = command.argv.iter().map(|word| word.to_string_lossy()).collect();
            let stdout = match (words[0].as_ref(), words.iter().any(|word| word == "association")) {
                ("getent", _) => "gildong:x:2001:3001:홍길동:/home/gildong:/bin/bash\n".to_owned(),
                (_, true) => format!("ai_project|gildong|{}\n", "|".repeat(16)),
                _ => "gildong|ai_project\n".to_owned(),
            };
            Some(Output { stdout: stdout.into(), ..Output::default() })
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
