//! Edits of rosters as people write them, awkward ones too.

use super::*;
use crate::roster::load;
use expect_test::{Expect, expect};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn read(text: &str) -> Roster {
    load(&Source::new("roster.yml", text)).unwrap_or_else(|problems| panic!("{}", all(&problems)))
}

fn all(problems: &[Diagnostic]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn person(uid: u32) -> Wanted {
    Wanted { uid: Some(uid), group: Some("ai".into()), ..Wanted::default() }
}

fn shell(shell: &str) -> Wanted {
    Wanted { shell: Some(shell.into()), ..Wanted::default() }
}

fn keyed(key: &str) -> Wanted {
    Wanted { keys: vec![key.into()], ..Wanted::default() }
}

fn in_account(limits: &[(&str, &str)]) -> Wanted {
    let limits = limits.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Wanted { accounts: vec!["astro".into()], limits, ..Wanted::default() }
}

/// The new text; every old line is in it, in order, except for those that `gone` names.
#[track_caller]
fn keeps(before: &str, after: Result<String, Vec<Diagnostic>>, gone: &[&str]) -> String {
    let after = after.unwrap_or_else(|problems| panic!("{}", all(&problems)));
    let mut new = after.split('\n');
    for line in before.split('\n').filter(|line| !gone.contains(line) && !line.is_empty()) {
        assert!(new.any(|other| other == line), "{line:?} is not in its place in:\n{after}");
    }
    after
}

const COMMENTED: &str = "\
# 사람들
site: test   # 시험

groups:
    ai: {gid: 3001}   # 인공지능

users:
    # the first
    gildong:          # 홍길동
        uid: 2001     # never change
        # about the group
        group: ai
        keys:
        - \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g a@b\"  # laptop
        # no more keys

    # the last
    dooly: {uid: 2002, group: ai}  # flow

scheduler: master
accounts:
    astro:
        users: [gildong]   # 천문
# end
";

#[test]
fn comments_order_and_indentation_stay() {
    let roster = read(COMMENTED);
    let changed = Wanted { comment: Some("둘리 #1".into()), ..keyed(OTHER) };
    let after = keeps(COMMENTED, modify(&roster, "gildong", &changed), &[]);
    let added = format!("# laptop\n        - {OTHER}\n        comment: \"둘리 #1\"\n");
    assert_eq!(after, COMMENTED.replace("# laptop\n", &added));
    let flow = "    dooly: {uid: 2002, group: ai}  # flow";
    let after = keeps(COMMENTED, modify(&roster, "dooly", &shell("/bin/zsh")), &[flow]);
    assert!(after.contains("    dooly: {uid: 2002, group: ai, shell: /bin/zsh}  # flow\n"), "{after}");
    let after = keeps(COMMENTED, remove(&roster, "dooly"), &[flow]);
    assert!(after.contains("    dooly: {uid: 2002, group: ai, state: absent}  # flow\n"), "{after}");
    assert_eq!(remove(&read(&after), "dooly").unwrap(), after, "a second time there is nothing to do");
}

#[test]
fn people_are_added_as_the_last_one_is_written() {
    let after = keeps(COMMENTED, add(&read(COMMENTED), "alice", &person(2003)), &[]);
    assert!(after.contains("# flow\n    alice: {uid: 2003, group: ai}\n\nscheduler"), "{after}");
    let text = "groups:\n  ai: {gid: 1}\n".replace('1', "3001") + "users:\n  a:\n    uid: 2001\n    group: ai";
    let wanted = Wanted { groups: Some(vec!["ai".into()]), keys: vec![KEY.into()], ..person(2002) };
    let after = keeps(&text, add(&read(&text), "b", &wanted), &[]);
    let entry = format!("\n  b:\n    uid: 2002\n    group: ai\n    groups: [ai]\n    keys:\n      - {KEY}");
    assert_eq!(after, text.clone() + &entry);
    assert_eq!(add(&read(&after), "b", &person(2002)).unwrap(), after, "already as wanted");
    assert!(all(&add(&read(&after), "b", &person(2003)).unwrap_err()).contains("enlist user modify b"));
}

#[test]
fn the_first_user_of_a_roster() {
    for (users, expected) in [
        ("", "\nusers:\n  a:\n    uid: 2001\n    group: ai\n"),
        ("users:   # nobody yet\n", "users:   # nobody yet\n  a:\n    uid: 2001\n    group: ai\n"),
        ("users: {}\n# end\n", "users:\n  a:\n    uid: 2001\n    group: ai\n# end\n"),
    ] {
        let text = format!("groups:\n  ai: {{gid: 3001}}\n{users}");
        let after = add(&read(&text), "a", &person(2001)).unwrap();
        assert_eq!(after, format!("groups:\n  ai: {{gid: 3001}}\n{expected}"));
    }
    let text = "{groups: {ai: {gid: 3001}}, users: {}}\n";
    assert_eq!(
        add(&read(text), "a", &person(2001)).unwrap(),
        "{groups: {ai: {gid: 3001}}, users: {a: {uid: 2001, group: ai}}}\n"
    );
}

#[test]
fn windows_line_ends_stay() {
    let text = "groups:\r\n  ai: {gid: 3001}\r\nusers:\r\n  a:\r\n    uid: 2001\r\n    group: ai\r\n";
    let after = keeps(text, add(&read(text), "b", &person(2002)), &[]);
    assert_eq!(after, format!("{text}  b:\r\n    uid: 2002\r\n    group: ai\r\n"));
}

#[test]
fn accounts_and_limits() {
    let roster = read(COMMENTED);
    let list = "        users: [gildong]   # 천문";
    let after = keeps(COMMENTED, modify(&roster, "dooly", &in_account(&[])), &[list]);
    assert!(after.contains("        users: [gildong, dooly]   # 천문\n"), "{after}");
    let after = keeps(COMMENTED, modify(&roster, "dooly", &in_account(&[("grptres", "gres/gpu=2")])), &[list]);
    assert!(after.contains("users: {gildong: {}, dooly: {limits: {GrpTRES: gres/gpu=2}}}   # 천문\n"), "{after}");
    let more = Wanted { accounts: Vec::new(), ..in_account(&[("GrpTRES", "gres/gpu=4"), ("MaxJobs", "3")]) };
    let after = modify(&read(&after), "dooly", &more).unwrap();
    assert!(after.contains("dooly: {limits: {GrpTRES: gres/gpu=4, MaxJobs: 3}}}"), "{after}");
    assert_eq!(modify(&read(&after), "dooly", &more).unwrap(), after);

    let block = COMMENTED.replace("users: [gildong]   # 천문", "users:\n        - gildong   # 천문\n");
    let after = modify(&read(&block), "dooly", &in_account(&[("maxjobs", "3")])).unwrap();
    assert!(
        after.contains(
            "          gildong: {}   # 천문\n          dooly:\n              limits:\n                  MaxJobs: 3\n"
        ),
        "{after}"
    );
    let refused = modify(&roster, "dooly", &Wanted { accounts: vec!["astor".into()], ..Wanted::default() });
    assert!(all(&refused.unwrap_err()).contains("did you mean `astro`?"));
    assert!(
        all(&modify(&roster, "dooly", &in_account(&[("MaxJobs", "many")])).unwrap_err()).contains("MaxJobs must be")
    );
}

#[test]
fn who_is_removed_is_in_no_account() {
    let roster = read(COMMENTED);
    let after = remove(&roster, "gildong").unwrap();
    assert!(after.contains("users: {gildong: {state: absent}}   # 천문\n"), "{after}");
    assert_eq!(remove(&read(&after), "gildong").unwrap(), after);
}

const COORDINATED: &str = "groups: {ai: {gid: 3001}}
users:
  kim: {uid: 2001, group: ai}
  lee: {uid: 2002, group: ai}
scheduler: m
accounts:
  lab:
    users: [kim, lee]
    coordinators: [lee]   # who manages it
";

#[test]
fn who_is_removed_manages_nothing_and_comes_back_whole() {
    let gone = remove(&read(COORDINATED), "lee").unwrap();
    assert!(gone.contains("users: {kim: {}, lee: {state: absent}}"), "{gone}");
    assert!(gone.contains("coordinators: {lee: {state: absent}}   # who manages it"), "{gone}");
    let back = Wanted { state: Some(PersonState::Present), ..Wanted::default() };
    let back = modify(&read(&gone), "lee", &back).unwrap();
    assert!(!back.contains("absent"), "{back}");
    assert_eq!(back.matches("lee: {state: present}").count(), 2, "{back}");
    assert_eq!(add(&read(&gone), "lee", &person(2002)).unwrap(), back, "adding who is absent brings him back");
    let other = all(&add(&read(&gone), "lee", &person(2005)).unwrap_err());
    assert!(other.contains("`lee` was here before, with uid 2002") && other.contains("--state present"), "{other}");
}

#[test]
fn options_make_another_line() {
    let text = format!("groups: {{ai: {{gid: 3001}}}}\nusers:\n  kim: {{uid: 2001, group: ai, keys: ['{KEY} a@b']}}\n");
    let asked = |key: &str| modify(&read(&text), "kim", &keyed(key));
    assert_eq!(asked(&format!("{KEY} other comment")).unwrap(), text);
    let refused = all(&asked(&format!("from=\"10.0.0.0/8\" {KEY}")).unwrap_err());
    assert!(refused.contains("with other options") && refused.contains("from=\"10.0.0.0/8\""), "{refused}");
}

#[test]
fn limits_are_found_as_the_file_spells_them() {
    let text = "groups: {ai: {gid: 3001}}\nusers: {a: {uid: 2001, group: ai}}\nscheduler: m\naccounts:\n  astro:\n    users:\n      a:\n        limits:\n          maxjobs: 3  # few\n";
    let after = modify(&read(text), "a", &in_account(&[("MaxJobs", "5")])).unwrap();
    assert_eq!(after, text.replace("maxjobs: 3", "maxjobs: 5"));
    assert_eq!(modify(&read(text), "a", &in_account(&[("MaxJobs", "3")])).unwrap(), text);
}

#[test]
fn what_would_not_be_valid_is_refused() {
    let refuses = |name: &str, wanted: Wanted, expected: Expect| {
        expected.assert_eq(&all(&add(&read(COMMENTED), name, &wanted).unwrap_err()));
    };
    let uid = |uid| Wanted { uid: Some(uid), group: Some("ai".into()), ..Wanted::default() };
    refuses(
        "alice",
        Wanted { uid: None, ..uid(1) },
        expect![[r#"
            a new user needs --uid
              = note: it is the same on every host, and never guessed; the highest in the roster is 2002
              = help: `enlist audit -i INVENTORY` shows who has which number on the hosts
        "#]],
    );
    refuses(
        "alice",
        uid(2002),
        expect![[r#"
            uid 2002 belongs to `dooly` already
              --> roster.yml (as it would be):19:18
               |
            18 |     dooly: {uid: 2002, group: ai}  # flow
            19 |     alice: {uid: 2002, group: ai}
               |                  ^
              = note: given to `dooly` at roster.yml (as it would be):18:18
              = note: files outlive people: a number is never given to somebody else, also when its entry is absent
        "#]],
    );
    let unknown = all(&modify(&read(COMMENTED), "gildon", &shell("/bin/sh")).unwrap_err());
    assert!(unknown.contains("did you mean `gildong`?"), "{unknown}");
    for bad in [keyed("ssh-ed25519 AAAA"), shell("bash:x"), Wanted { group: Some("no".into()), ..Wanted::default() }] {
        modify(&read(COMMENTED), "gildong", &bad).unwrap_err();
    }
}

#[test]
fn what_cannot_be_edited_in_place_is_refused() {
    let text = "groups: {ai: {gid: 3001}}\nusers:\n  a: &a {uid: 2001, group: ai, groups: &g [ai]}\n  b: {<<: *a, uid: 2002, groups: *g}\n";
    let roster = read(text);
    // What other entries repeat changes with it, which is not what was asked for.
    let refused = all(&modify(&roster, "a", &shell("/bin/zsh")).unwrap_err());
    assert!(refused.contains("cannot be edited in place"), "{refused}");
    let after = modify(&roster, "b", &shell("/bin/zsh")).unwrap();
    assert_eq!(after, text.replace("groups: *g}", "groups: *g, shell: /bin/zsh}"));
}

/// Whatever an entry says of state and lock, it can be changed to each other thing, and says that then.
#[test]
fn every_state_and_lock_can_be_changed() {
    let entries = ["", ", locked: no", ", locked: yes", ", state: active", ", state: may_login", ", state: suspended"];
    let more = [", state: archived", ", state: absent", ", state: absent, locked: no", ", state: active, locked: no"];
    for entry in entries.iter().chain(&more) {
        let text = format!("groups: {{ai: {{gid: 3001}}}}\nusers:\n  kim: {{uid: 2001, group: ai{entry}}}\n");
        let roster = read(&text);
        let after = |wanted: Wanted| {
            let text = modify(&roster, "kim", &wanted).unwrap_or_else(|all| panic!("{entry} {wanted:?}: {}", all[0]));
            read(&text).users[0].standing
        };
        for (_, state) in crate::roster::standing::STATES.iter().filter(|(_, state)| *state != PersonState::Present) {
            assert_eq!(after(Wanted { state: Some(*state), ..Wanted::default() }), *state, "{entry}");
        }
        if roster.users[0].standing.is_for_good() {
            continue;
        }
        let locked = after(Wanted { locked: Some(true), ..Wanted::default() });
        assert!(locked.is_kept_out(), "{entry}: {locked:?}");
        let open = after(Wanted { locked: Some(false), ..Wanted::default() });
        assert!(!open.is_kept_out(), "{entry}: {open:?}");
    }
}
