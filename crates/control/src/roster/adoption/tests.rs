use super::*;
use crate::roster::load;
use expect_test::expect;
use words::diag::Source;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

fn person(name: &str, uid: u32, gid: u32) -> FoundPerson {
    let home = format!("/home/{name}");
    FoundPerson {
        name: name.into(),
        uid,
        gid,
        home,
        shell: "/bin/bash".into(),
        comment: String::new(),
        keys: Ok(Vec::new()),
    }
}

fn group(name: &str, gid: u32, members: &[&str]) -> FoundGroup {
    FoundGroup { name: name.into(), gid, members: members.iter().map(|name| (*name).to_owned()).collect() }
}

fn place(name: &str, people: Vec<FoundPerson>) -> FoundPlaceOfPeople {
    let groups =
        vec![group("users", 100, &[]), group("ai", 3001, &[]), group("gpu", 3002, &["kim"]), group("idle", 3003, &[])];
    FoundPlaceOfPeople { name: name.into(), people, groups }
}

fn choice() -> Choice {
    Choice { ids: 1000..=59999, without: ["admin".to_owned()].into() }
}

fn told(adopted: &Adopted) -> String {
    adopted.differences.iter().map(|one| format!("{}: {}\n", one.what, one.why)).collect()
}

#[test]
fn what_is_the_same_everywhere_is_written_and_nothing_else() {
    let kim = || FoundPerson {
        comment: "김: 일".replace(':', ""),
        keys: Ok(vec![format!("{KEY} kim@x")]),
        ..person("kim", 2001, 3001)
    };
    let people = || vec![person("root", 0, 0), person("admin", 1000, 3001), kim(), person("_apt", 1200, 3001)];
    let books = FoundBooks {
        accounts: vec![
            FoundAccount { name: "root".into(), ..FoundAccount::default() },
            FoundAccount {
                name: "lab".into(),
                parent: "root".into(),
                description: "a lab".into(),
                limits: vec![("MaxJobs".into(), "10".into()), ("Fairshare".into(), "1".into())],
                ..FoundAccount::default()
            },
        ],
        defaults: [("kim".to_owned(), "lab".to_owned())].into(),
        places: vec![
            FoundPlace {
                account: "lab".into(),
                user: "kim".into(),
                limits: vec![("GrpTRES".into(), "cpu=4,gres/gpu=2".into())],
                ..FoundPlace::default()
            },
            FoundPlace { account: "lab".into(), user: "kim".into(), partition: "gpu".into(), ..FoundPlace::default() },
            FoundPlace { account: "lab".into(), user: "gone".into(), ..FoundPlace::default() },
        ],
        coordinators: vec![("lab".into(), "kim".into())],
    };
    let head = Map::from_iter([("scheduler".to_owned(), Value::from("master"))]);
    let adopted = adopted(&head, &[place("login1", people()), place("login2", people())], Some(&books), &choice(), &[]);
    expect![[r#"
        # Taken over by `enlist roster import`. What is not written here is left alone.
        # Not as it is, or left out:
        #   association lab/gone: left alone: gone is not among the people taken over

        scheduler: master

        groups:
          ai:
            gid: 3001
          gpu:
            gid: 3002

        users:
          kim:
            uid: 2001
            group: ai
            groups: [gpu]
            shell: /bin/bash
            comment: 김 일
            keys:
              - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g kim@x
            default_account: lab
          _apt:
            uid: 1200
            group: ai
            shell: /bin/bash

        accounts:
          lab:
            description: a lab
            limits:
              MaxJobs: "10"
            users:
              kim:
                limits:
                  GrpTRES: "cpu=4,gres/gpu=2"
                partitions:
                  gpu: {}
            coordinators: [kim]
    "#]]
    .assert_eq(&adopted.text);
    load(&Source::new("r.yml", adopted.text)).unwrap();
}

#[test]
fn whoever_is_not_the_same_everywhere_is_named() {
    let with = |name: &str, uid, edit: fn(&mut FoundPerson)| {
        let mut one = person(name, uid, 3001);
        edit(&mut one);
        one
    };
    let first = vec![
        with("moved", 2001, |_| {}),
        with("twin", 2002, |_| {}),
        with("shells", 2003, |one| one.shell = "/bin/zsh".into()),
        with("alone", 2004, |_| {}),
        with("users", 2005, |_| {}),
        with("staff1", 2006, |one| one.gid = 100),
        with("dot.ted", 2007, |_| {}),
        with("kim", 2008, |one| one.keys = Ok(vec![format!("{KEY} kim@x")])),
        with("etc", 2009, |one| one.home = "/etc".into()),
        with("guest", 2010, |one| one.home = "/home/alone".into()),
        with("blind", 2011, |one| one.keys = Err("a link".into())),
    ];
    let second = vec![
        with("moved", 2099, |_| {}),
        with("twin2", 2002, |_| {}),
        with("shells", 2003, |_| {}),
        with("kim", 2008, |_| {}),
        with("blind", 2011, |_| {}),
    ];
    let mut there = place("login2", second);
    there.groups[2].members.clear();
    let adopted = adopted(&Map::new(), &[place("login1", first), there], None, &choice(), &[]);
    expect![[r#"
        user moved: left out: the uid differs: 2001 on login1; 2099 on login2
        user twin: left out: uid 2002 is that of twin and twin2
        user shells: shell is left alone, since it differs: /bin/zsh on login1; /bin/bash on login2
        user alone: is not on login2: the first plan makes the account
        user users: left out: no plan may touch this name
        user staff1: left out: the primary group, gid 100, is none that a roster can have
        user dot.ted: left out: a name has only lower case letters, digits, `_` and `-`
        user kim: is in gpu only on login1: that is left alone
        user kim: the key kim@x is only on login1: it is left alone
        user etc: left out: the home /etc: it is a directory of the system's
        user guest: left out: /home/alone is also the home of alone
        user blind: the keys on login1 are left alone: a link
        user twin2: left out: uid 2002 is that of twin and twin2
    "#]]
    .assert_eq(&told(&adopted));
    let roster = load(&Source::new("r.yml", adopted.text)).unwrap();
    let names: Vec<_> = roster.users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["shells", "alone", "kim", "blind"]);
}

#[test]
fn a_hostile_name_stays_within_its_line() {
    let evil = FoundPerson { comment: "x\"\nusers: {root: {uid: 0}}\n#".into(), ..person("kim", 2001, 3001) };
    let other = FoundPerson { name: "a\nusers:\n  b".into(), ..person("a", 2002, 3001) };
    let adopted = adopted(&Map::new(), &[place("h", vec![evil, other])], None, &choice(), &[]);
    let problems = load(&Source::new("r.yml", adopted.text.clone())).unwrap_err();
    assert!(problems.iter().all(|problem| problem.message.contains("comment")), "{problems:?}\n{}", adopted.text);
}
