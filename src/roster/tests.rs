//! Rosters as people write them, right and wrong.

use super::claims::{Claim, Kind, Origin, conflicts, of_roster};
use super::*;
use crate::diag::Source;
use expect_test::{Expect, expect};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g gildong@home";

const GOOD: &str = "\
site: reference
scheduler: slurm_master
groups:
  ai_team: {gid: 3001}
users:
  gildong:
    uid: 2001
    group: ai_team
    comment: 홍길동
accounts:
  ai_project:
    limits: {MaxJobs: 10, maxwall: 2-0, GrpTRES: {cpu: 64, gres/gpu: 2}}
    users:
      gildong: {limits: {GrpTRES: gres/gpu=2}}
";

fn read(text: &str) -> Result<Roster, String> {
    let source = Source::new("roster.yml", text);
    load(&source).map_err(|problems| problems.iter().map(|p| p.to_string()).collect::<Vec<_>>().join("\n\n") + "\n")
}

#[track_caller]
fn refuses(text: &str, expected: Expect) {
    expected.assert_eq(&read(text).expect_err("the roster was taken"));
}

/// A roster with one good group and the given users.
fn users(lines: &str) -> String {
    format!("groups:\n  ai: {{gid: 3001}}\nusers:\n{lines}")
}

/// A roster with good users `a` and `b` and the given accounts.
fn accounts(lines: &str) -> String {
    users("  a: {uid: 2001, group: ai}\n  b: {uid: 2002, group: ai, state: absent}\n")
        + &format!("scheduler: master\naccounts:\n{lines}")
}

#[test]
fn a_roster_says_what_it_says() {
    let roster = read(GOOD).unwrap();
    let gildong = roster.user("gildong").unwrap();
    assert_eq!((*gildong.uid, gildong.group.as_str()), (2001, "ai_team"));
    assert_eq!(gildong.comment.as_ref().unwrap().as_str(), "홍길동");
    assert_eq!(gildong.shell, None);
    let limits: Vec<_> = roster.accounts[0].limits.iter().map(|limit| (limit.name, limit.value.as_str())).collect();
    let wall = ("MaxWallDurationPerJob", "2-0");
    assert_eq!(limits, [("MaxJobs", "10"), wall, ("GrpTRES", "cpu=64,gres/gpu=2")]);
    assert_eq!(roster.hosts.as_str(), "all");
}

#[test]
fn members_may_be_a_list() {
    let roster = read(&accounts("  p: {users: [a]}\n")).unwrap();
    assert_eq!(roster.accounts[0].users[0].user.as_str(), "a");
}

#[test]
fn shape_and_types() {
    refuses(
        "users:\n  gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}\n  no: {}\ngroups: []\nhost: all\n",
        expect![[r#"
            `gildong` has no `group`
             --> roster.yml:2:3
              |
            1 | users:
            2 |   gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}
              |   ^
              = note: without a primary group each host would choose a gid of its own

            `uid` must be a whole number from 0 to 4294967295, not '2001'
             --> roster.yml:2:18
              |
            1 | users:
            2 |   gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}
              |                  ^

            a user has no field `gruop`
             --> roster.yml:2:26
              |
            1 | users:
            2 |   gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}
              |                          ^
              = help: did you mean `group`?
              = help: the fields of a user are: uid, group, groups, only_groups, shell, home, comment, keys, default_account, locked, expires, state

            `shell` must be text, not a number
             --> roster.yml:2:44
              |
            1 | users:
            2 |   gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}
              |                                            ^
              = help: put it in quotes to make it text

            `state` must be present or absent, not 'gone'
             --> roster.yml:2:54
              |
            1 | users:
            2 |   gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}
              |                                                      ^

            a name must be text, not a boolean
             --> roster.yml:3:3
              |
            2 |   gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}
            3 |   no: {}
              |   ^
              = help: put it in quotes if it is one: "no", "123"

            `groups` must be a mapping, not a list
             --> roster.yml:4:9
              |
            3 |   no: {}
            4 | groups: []
              |         ^

            the roster has no field `host`
             --> roster.yml:5:1
              |
            4 | groups: []
            5 | host: all
              | ^
              = help: did you mean `hosts`?
              = help: the fields of the roster are: site, hosts, scheduler, groups, users, qos, accounts, guards
        "#]],
    );
}

#[test]
fn not_yaml() {
    refuses(
        "users: [",
        expect![[r#"
        the `[` that opens here is never closed
         --> roster.yml:1:8
          |
        1 | users: [
          |        ^
          = help: check that every `[` and `{` is closed; a text that holds them needs quotes
    "#]],
    );
}

#[test]
fn check_not_empty() {
    refuses(
        "",
        expect![[r#"
        the roster names no group, user or account
         --> roster.yml:1:1
          = note: an empty roster is more often a broken file than a wish
          = help: see docs/roster.md for what it may say; removals are written as `state: absent`
    "#]],
    );
}

#[test]
fn check_unique_names() {
    refuses(
        &users("  a: {uid: 2001, group: ai}\n  a: {uid: 2002, group: ai}\n"),
        expect![[r#"
        the key `a` is written twice; the last one counts
         --> roster.yml:5:3
          |
        4 |   a: {uid: 2001, group: ai}
        5 |   a: {uid: 2002, group: ai}
          |   ^
          = note: it is first written at roster.yml:4:3
          = help: remove one of the two
    "#]],
    );
    refuses(
        &users(&format!("  a: {{uid: 2001, group: ai, keys: [{KEY}, {KEY}2]}}\n")),
        expect![[r#"
        the key `AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g` is listed twice
         --> roster.yml:4:131
          |
        3 | users:
        4 |   a: {uid: 2001, group: ai, keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g gildong@home, ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g gildong@home2]}
          |                                                                                                                                   ^
          = note: first at roster.yml:4:36
    "#]],
    );
    refuses(
        &accounts("  p: {users: [a, a]}\n"),
        expect![[r#"
        the user `a` is listed twice
         --> roster.yml:8:18
          |
        7 | accounts:
        8 |   p: {users: [a, a]}
          |                  ^
          = note: first at roster.yml:8:15
    "#]],
    );
}

#[test]
fn check_unique_ids() {
    refuses(
        &users("  a: {uid: 2001, group: ai, state: absent}\n  b: {uid: 2001, group: ai}\n"),
        expect![[r#"
        uid 2001 belongs to `a` already
         --> roster.yml:5:12
          |
        4 |   a: {uid: 2001, group: ai, state: absent}
        5 |   b: {uid: 2001, group: ai}
          |            ^
          = note: given to `a` at roster.yml:4:12
          = note: files outlive people: a number is never given to somebody else, also when its entry is absent
    "#]],
    );
}

#[test]
fn check_names() {
    refuses(
        &users("  -x: {uid: 2001, group: ai}\n  길동: {uid: 2002, group: ai}\n"),
        expect![[r#"
        `-x` cannot be the name of a user
         --> roster.yml:4:3
          |
        3 | users:
        4 |   -x: {uid: 2001, group: ai}
          |   ^
          = note: a name starts with a lower case letter or `_`

        `길동` cannot be the name of a user
         --> roster.yml:5:3
          |
        4 |   -x: {uid: 2001, group: ai}
        5 |   길동: {uid: 2002, group: ai}
          |   ^
          = note: a name starts with a lower case letter or `_`
    "#]],
    );
    refuses(
        &accounts("  AI: {}\n"),
        expect![[r#"
        `AI` cannot be the name of an account
         --> roster.yml:8:3
          |
        7 | accounts:
        8 |   AI: {}
          |   ^
          = note: an account's name has only lower case letters, digits, `_`, `.` and `-`
    "#]],
    );
}

#[test]
fn locks_and_ends_are_read_strictly() {
    refuses(
        &users("  a: {uid: 2001, group: ai, locked: maybe, only_groups: 1, expires: tomorrow}\n"),
        expect![[r#"
            `locked` must be yes or no, not 'maybe'
             --> roster.yml:4:37
              |
            3 | users:
            4 |   a: {uid: 2001, group: ai, locked: maybe, only_groups: 1, expires: tomorrow}
              |                                     ^

            `only_groups` must be yes or no, not 1
             --> roster.yml:4:57
              |
            3 | users:
            4 |   a: {uid: 2001, group: ai, locked: maybe, only_groups: 1, expires: tomorrow}
              |                                                         ^

            `expires` must be a day or `never`, not 'tomorrow'
             --> roster.yml:4:69
              |
            3 | users:
            4 |   a: {uid: 2001, group: ai, locked: maybe, only_groups: 1, expires: tomorrow}
              |                                                                     ^
              = help: write a day as 2027-02-28: the first one without login
        "#]],
    );
}

#[test]
fn check_protected_names() {
    refuses(
        &users("  munge: {uid: 2001, group: ai}\n"),
        expect![[r#"
        the user `munge` belongs to the system
         --> roster.yml:4:3
          |
        3 | users:
        4 |   munge: {uid: 2001, group: ai}
          |   ^
          = help: manage it with a playbook if you must; a roster is for people
    "#]],
    );
    refuses(
        &accounts("  root: {}\n"),
        expect![[r#"
        the account `root` belongs to the scheduler
         --> roster.yml:8:3
          |
        7 | accounts:
        8 |   root: {}
          |   ^
          = note: it is the top of the account tree, made with the cluster
    "#]],
    );
}

#[test]
fn check_reserved_ids() {
    refuses(
        &users("  a: {uid: 0, group: ai}\n  b: {uid: 65534, group: ai}\n"),
        expect![[r#"
            uid 0 is reserved on every host
             --> roster.yml:4:12
              |
            3 | users:
            4 |   a: {uid: 0, group: ai}
              |            ^
              = note: it belongs to system accounts
              = help: take one from 1000 to 60000

            uid 65534 is reserved on every host
             --> roster.yml:5:12
              |
            4 |   a: {uid: 0, group: ai}
            5 |   b: {uid: 65534, group: ai}
              |            ^
              = note: it belongs to nobody, and 16 bit "no id"
              = help: take one from 1000 to 60000
        "#]],
    );
}

#[test]
fn check_known_groups() {
    refuses(
        &users("  a: {uid: 2001, group: ia, groups: [gone]}\n")
            .replace("users", "  gone: {gid: 3002, state: absent}\nusers"),
        expect![[r#"
            there is no group `ia` in the roster
             --> roster.yml:5:25
              |
            4 | users:
            5 |   a: {uid: 2001, group: ia, groups: [gone]}
              |                         ^
              = help: add it under `groups:`

            the group `gone` shall be absent, and is needed here
             --> roster.yml:5:38
              |
            4 | users:
            5 |   a: {uid: 2001, group: ia, groups: [gone]}
              |                                      ^
        "#]],
    );
}

#[test]
fn check_known_accounts() {
    refuses(
        &accounts("  p: {parent: q}\n  r: {parent: root}\n"),
        expect![[r#"
        there is no account `q` in the roster
         --> roster.yml:8:15
          |
        7 | accounts:
        8 |   p: {parent: q}
          |               ^
          = help: did you mean `p`?
          = help: add it under `accounts:`
    "#]],
    );
    refuses(
        &accounts("  p: {}\n").replace("a: {", "a: {default_account: p, "),
        expect![[r#"
        `a` is not a user of the default account `p`
         --> roster.yml:4:24
          |
        3 | users:
        4 |   a: {default_account: p, uid: 2001, group: ai}
          |                        ^
          = help: add `a` to the `users` of `p`
    "#]],
    );
}

#[test]
fn check_known_members() {
    refuses(
        &accounts("  p: {users: [c, b]}\n  q: {state: absent, users: [a]}\n"),
        expect![[r#"
        there is no user `c` in the roster
         --> roster.yml:8:15
          |
        7 | accounts:
        8 |   p: {users: [c, b]}
          |               ^
          = help: did you mean `a`?
          = help: add it under `users:`

        the user `b` shall be absent, and is needed here
         --> roster.yml:8:18
          |
        7 | accounts:
        8 |   p: {users: [c, b]}
          |                  ^
          = help: take this line out: an absent user is in no account

        the account `q` shall be absent, and has users
         --> roster.yml:9:30
          |
        8 |   p: {users: [c, b]}
        9 |   q: {state: absent, users: [a]}
          |                              ^
          = help: take its `users` out
    "#]],
    );
}

#[test]
fn check_no_cycles() {
    refuses(
        &accounts("  p: {parent: q}\n  q: {parent: p}\n  r: {parent: p}\n"),
        expect![[r#"
        the account `p` is below itself
         --> roster.yml:8:3
          |
        7 | accounts:
        8 |   p: {parent: q}
          |   ^
          = note: p is below q is below p

        the account `q` is below itself
         --> roster.yml:9:3
          |
        8 |   p: {parent: q}
        9 |   q: {parent: p}
          |   ^
          = note: q is below p is below q
    "#]],
    );
}

#[test]
fn check_keys() {
    assert!(read(&users(&format!("  a: {{uid: 2001, group: ai, keys: [{KEY}]}}\n"))).is_ok());
    refuses(
        &users("  a: {uid: 2001, group: ai, keys: [{key: ssh-ed25519 AAAA, state: absent}]}\n"),
        expect![[r#"
        this is no SSH public key of `a`
         --> roster.yml:4:42
          |
        3 | users:
        4 |   a: {uid: 2001, group: ai, keys: [{key: ssh-ed25519 AAAA, state: absent}]}
          |                                          ^
          = note: the key's data is damaged or cut off
          = help: paste the one line of the person's id_ed25519.pub
    "#]],
    );
}

#[test]
fn check_passwd_fields() {
    refuses(
        &users("  a: {uid: 2001, group: ai, shell: bash, home: /home/../etc, comment: 'a:b'}\n"),
        expect![[r#"
            `shell` cannot be 'bash'
             --> roster.yml:4:36
              |
            3 | users:
            4 |   a: {uid: 2001, group: ai, shell: bash, home: /home/../etc, comment: 'a:b'}
              |                                    ^
              = note: it must be an absolute path without `..`

            `home` cannot be '/home/../etc'
             --> roster.yml:4:48
              |
            3 | users:
            4 |   a: {uid: 2001, group: ai, shell: bash, home: /home/../etc, comment: 'a:b'}
              |                                                ^
              = note: it must be an absolute path without `..`

            `comment` must have no colon and no control character
             --> roster.yml:4:71
              |
            3 | users:
            4 |   a: {uid: 2001, group: ai, shell: bash, home: /home/../etc, comment: 'a:b'}
              |                                                                       ^
              = note: they end a field or line of /etc/passwd
        "#]],
    );
}

#[test]
fn check_own_homes() {
    refuses(
        &users("  a: {uid: 2001, group: ai, home: /h}\n  b: {uid: 2002, group: ai, home: /h}\n"),
        expect![[r#"
            /h, the home of `b`, is the home of `a`
             --> roster.yml:5:35
              |
            4 |   a: {uid: 2001, group: ai, home: /h}
            5 |   b: {uid: 2002, group: ai, home: /h}
              |                                   ^
              = note: whose a home is, nobody else can log in to
        "#]],
    );
}

#[test]
fn check_scheduler() {
    refuses(
        &accounts("  p: {}\n").replace("scheduler: master\n", ""),
        expect![[r#"
        there are accounts or QOS, and no `scheduler` to keep them
         --> roster.yml:7:3
          |
        6 | accounts:
        7 |   p: {}
          |   ^
          = help: name the master's inventory group at the top, as in `scheduler: slurm_master`
    "#]],
    );
}

#[test]
fn limits_are_never_guessed() {
    refuses(
        &accounts("  p: {limits: {MaxJob: 1, MaxJobs: many, GrpTRES: cpu, MaxWall: 1:2:3:4, GrpJobs: }}\n"),
        expect![[r#"
            there is no limit `MaxJob`
             --> roster.yml:8:16
              |
            7 | accounts:
            8 |   p: {limits: {MaxJob: 1, MaxJobs: many, GrpTRES: cpu, MaxWall: 1:2:3:4, GrpJobs: }}
              |                ^
              = help: did you mean `MaxJobs`?
              = help: the limits are: Fairshare, Priority, GrpTRES, GrpTRESMins, GrpTRESRunMins, GrpCPUs, GrpCPUMins, GrpCPURunMins, GrpNodes, GrpJobs, GrpJobsAccrue, GrpSubmitJobs, GrpWall, MaxJobs, MaxJobsAccrue, MaxSubmitJobs, MaxTRESPerJob, MaxTRESPerNode, MaxTRESMinsPerJob, MaxWallDurationPerJob, QOS, DefaultQOS

            `MaxJobs` must be a whole number, or -1, not 'many'
             --> roster.yml:8:36
              |
            7 | accounts:
            8 |   p: {limits: {MaxJob: 1, MaxJobs: many, GrpTRES: cpu, MaxWall: 1:2:3:4, GrpJobs: }}
              |                                    ^
              = help: leave the line out to leave the limit alone; -1 clears it; 0 allows nothing

            `GrpTRES` must be TRES with amounts (`cpu=64,gres/gpu=2`), not 'cpu'
             --> roster.yml:8:51
              |
            7 | accounts:
            8 |   p: {limits: {MaxJob: 1, MaxJobs: many, GrpTRES: cpu, MaxWall: 1:2:3:4, GrpJobs: }}
              |                                                   ^
              = help: leave the line out to leave the limit alone; -1 clears it; 0 allows nothing

            `MaxWallDurationPerJob` must be a time (minutes, `hours:minutes:seconds` or `days-hours`), or -1, not 1:2:3:4
             --> roster.yml:8:65
              |
            7 | accounts:
            8 |   p: {limits: {MaxJob: 1, MaxJobs: many, GrpTRES: cpu, MaxWall: 1:2:3:4, GrpJobs: }}
              |                                                                 ^
              = help: leave the line out to leave the limit alone; -1 clears it; 0 allows nothing

            `GrpJobs` must be a whole number, or -1, not nothing
             --> roster.yml:8:81
              |
            7 | accounts:
            8 |   p: {limits: {MaxJob: 1, MaxJobs: many, GrpTRES: cpu, MaxWall: 1:2:3:4, GrpJobs: }}
              |                                                                                 ^
              = help: for no limit write -1; to leave a limit as it is, leave the line out
        "#]],
    );
}

#[test]
fn every_check_has_its_own_name() {
    let names: std::collections::HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len());
}

fn on(host: &str, kind: Kind, name: &str, id: u32, line: u32) -> Claim {
    let file = if kind == Kind::User { "/etc/passwd" } else { "/etc/group" };
    Claim { kind, name: name.into(), id, origin: Origin::Host { host: host.into(), file: file.into(), line } }
}

fn shown(claims: &[Claim]) -> String {
    let found = conflicts(&of_roster(&read(GOOD).unwrap()), claims);
    found.iter().map(|problem| format!("{problem}\n\n")).collect()
}

#[test]
fn agreement_is_no_conflict() {
    let claims = [on("login1", Kind::User, "gildong", 2001, 30), on("login1", Kind::Group, "ai_team", 3001, 60)];
    assert_eq!(shown(&claims), "");
    assert_eq!(shown(&[on("login1", Kind::Group, "other", 2001, 9), on("login1", Kind::User, "root", 0, 1)]), "");
}

#[test]
fn a_name_with_another_uid_and_a_uid_with_another_name() {
    let claims = [
        on("login1", Kind::User, "gildong", 2001, 30),
        on("login2", Kind::User, "gildong", 1005, 31),
        on("login3", Kind::User, "alice", 2001, 32),
        on("login4", Kind::User, "alice", 2001, 32),
        on("login4", Kind::Group, "docker", 3001, 40),
    ];
    expect![[r#"
        `gildong` shall have uid 2001, and has 1005
         --> roster.yml:7:10
          |
        6 |   gildong:
        7 |     uid: 2001
          |          ^
          = note: login1: /etc/passwd:30: gildong has uid 2001
          = note: login2: /etc/passwd:31: gildong has uid 1005
          = help: give the roster's entry another uid, or change the host's by hand: files keep the number

        uid 2001 shall be `gildong`, and is `alice`
         --> roster.yml:7:10
          |
        6 |   gildong:
        7 |     uid: 2001
          |          ^
          = note: login1: /etc/passwd:30: gildong has uid 2001
          = note: login3, login4: /etc/passwd:32: alice has uid 2001
          = help: give the roster's entry another uid, or change the host's by hand: files keep the number

        gid 3001 shall be `ai_team`, and is `docker`
         --> roster.yml:4:18
          |
        3 | groups:
        4 |   ai_team: {gid: 3001}
          |                  ^
          = note: login4: /etc/group:40: docker has gid 3001
          = help: give the roster's entry another gid, or change the host's by hand: files keep the number

    "#]]
    .assert_eq(&shown(&claims));
}

#[test]
fn the_guide_lists_every_check() {
    let guide = include_str!("../../docs/roster.md");
    for check in CHECKS {
        assert!(guide.contains(&format!("| {} | {} |", check.name, check.demands)), "{}", check.name);
    }
}

#[test]
fn the_guides_example_is_taken() {
    let guide = include_str!("../../docs/roster.md");
    let (_, rest) = guide.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let key = |name: &str| KEY.replace("gildong@home", name);
    let example = example
        .replace("ssh-ed25519 AAAAC3Nza... gildong@laptop", &key("a"))
        .replace("ssh-ed25519 AAAAC3Nza... gildong@old-laptop", &key("b").replace("AwQF", "AwQG"));
    let roster = read(&example).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((roster.users.len(), roster.guards.max_removals), (2, 5));
}

#[test]
fn the_reference_roster_is_taken() {
    read(include_str!("../../inventories/reference/roster.yml")).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn the_readmes_examples_are_taken() {
    for readme in [include_str!("../../README.md"), include_str!("../../README.ko.md")] {
        let (_, rest) = readme.split_once("    # roster.yml\n").unwrap();
        let (example, _) = rest.split_once("\n\n").unwrap();
        let lines = example.lines().map(|line| line.strip_prefix("    ").unwrap());
        let example = lines.collect::<Vec<_>>().join("\n").replace("ssh-ed25519 AAAA… gildong@laptop", KEY);
        let roster = read(&example).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(*roster.user("gildong").unwrap().uid, 2001);
    }
}

/// The limits of an account with this line.
fn limit(line: &str) -> Result<(&'static str, String), String> {
    let roster = read(&accounts(&format!("  p:\n    limits:\n      {line}\n")))?;
    let limit = &roster.accounts[0].limits[0];
    Ok((limit.name, limit.value.value.clone()))
}

#[test]
fn limits_are_what_is_written() {
    for (line, value) in [
        ("MaxWall: 24:00:00", "24:00:00"),
        ("MaxWall: 10:30:00", "10:30:00"),
        ("MaxWall: 30:00", "30:00"),
        ("MaxWall: 08:00:00", "08:00:00"),
        ("MaxWall: 1-0", "1-0"),
        ("GrpWall: 90", "90"),
        ("MaxJobs: 10   # ten", "10"),
        ("MaxJobs: -1", "-1"),
        ("MaxJobs: '010'", "010"),
        ("GrpTRES: {cpu: 64, gres/gpu: 2}", "cpu=64,gres/gpu=2"),
        ("GrpTRES: [cpu=64, mem=2G]", "cpu=64,mem=2G"),
    ] {
        assert_eq!(limit(line).unwrap().1, value, "{line}");
    }
    for (line, says) in [
        ("MaxJobs: 010", "not 010\n"),
        ("MaxJobs: 010", "YAML reads it as 8\n  = help: write 10\n"),
        ("MaxJobs: 1_000", "write 1000"),
        ("MaxJobs: 10:30", "base 60"),
        ("MaxJobs: 0x10", "plain decimal"),
        ("MaxJobs: 1.5", "plain decimal"),
        ("MaxJobs: 1e3", "must be a whole number, or -1, not '1e3'"),
        ("MaxJobs: unlimited", "for no limit write -1"),
        ("MaxJobs: no", "for no limit write -1"),
        ("MaxJobs: .inf", "for no limit write -1"),
        ("MaxWall: 1.5", "must be a time"),
        ("GrpTRES: {cpu: 010}", "must be TRES"),
        ("GrpTRES: {cpu: 1_0}", "must be TRES"),
        ("GrpTRES: {cpu: 1:30}", "must be TRES"),
        ("MaxJobs: 4294967296", "the most is 4294967293"),
        ("MaxJobs: -2", "must be a whole number, or -1, not -2"),
        ("MaxSubmitJobs: 99999999999999999999", "the most is 4294967293"),
        ("Fairshare: 4294967295", "the most is 4294967293"),
        ("GrpWall: 4294967296", "the most is 4294967293"),
        ("GrpTRES: cpu=18446744073709551616", "the most is 9223372036854775807"),
        ("GrpTRES: {cpu: -5}", "must be TRES"),
        ("GrpTRES: {cpu: 4, gpu: 2}", "there is no TRES `gpu`: billing, cpu"),
        ("GrpTRES: cpus=4", "there is no TRES `cpus`"),
    ] {
        let refused = limit(line).unwrap_err();
        assert!(refused.contains(says), "{line}: {refused}");
    }
}

#[test]
fn ids_are_what_is_written() {
    for (uid, says) in [
        ("02001", "not 02001\n"),
        ("02001", "YAML reads it as 1025\n  = help: write 2001\n"),
        ("02008", "must be a whole number"),
        ("33:21", "YAML reads it as 2001\n  = help: numbers with colons are base 60"),
        ("2_001", "write 2001"),
        ("0x7d1", "plain decimal digits"),
        ("2001.0", "plain decimal digits"),
        ("+2001", "plain decimal digits"),
        ("'2001'", "not '2001'"),
        ("yes", "not True"),
    ] {
        let refused = read(&users(&format!("  kim: {{uid: {uid}, group: ai}}\n"))).unwrap_err();
        assert!(refused.contains(says), "{uid}: {refused}");
        let gid = read(&format!("groups:\n  kim:\n    gid: {uid}\n")).unwrap_err();
        assert!(gid.contains("`gid` must be a whole number"), "{gid}");
    }
    let guarded =
        |number: &str| read(&(users("  a: {uid: 2001, group: ai}\n") + "guards: {max_removals: " + number + "}\n"));
    assert!(guarded("010").unwrap_err().contains("write 10"));
    assert_eq!(guarded("10").unwrap().guards.max_removals, 10);
    let anchored = users("  a: {uid: &n 2001, group: ai}\n");
    assert_eq!(*read(&anchored).map_or_else(|refused| panic!("{refused}"), |r| r.users[0].uid.clone()), 2001);
    let expires = |day: &str| read(&users(&format!("  a: {{uid: 2001, group: ai, expires: {day}}}\n")));
    assert!(expires("2027-02-28T00:00:00+09:00").unwrap_err().contains("`expires` must be a day or `never`"));
    assert!(expires("1900-01-01").is_ok());
}

/// A private key, as it is pasted in several ways.
const PRIVATE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\nc2VjcmV0c2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n";

#[test]
fn a_private_key_is_refused_once_and_not_shown() {
    let block: String = PRIVATE.lines().map(|line| format!("          {line}\n")).collect();
    let list: String = PRIVATE.lines().map(|line| format!("      - {line}\n")).collect();
    let folded = PRIVATE.replace('\n', "\\n");
    for keys in [
        format!("    keys:\n      - |\n{block}"),
        format!("    keys:\n{list}"),
        format!("    keys:\n      - \"{folded}\"\n"),
        format!("    keys:\n{PRIVATE}"),
        format!("    keys: {PRIVATE}"),
        format!("    comment: \"{folded}\"\n"),
        format!("    uid: \"{folded}\"\n"),
    ] {
        let refused = read(&users(&format!("  kim:\n    uid: 2001\n    group: ai\n{keys}"))).unwrap_err();
        assert!(!refused.contains("b3BlbnNz") && !refused.contains("c2VjcmV0"), "{refused}");
        if keys.contains("  - ") {
            assert_eq!(refused.matches(" --> ").count(), 1, "{refused}");
            assert!(refused.contains("this is a private key, under the keys of `kim`"), "{refused}");
        }
    }
    let hash = read(&users("  kim: {uid: 2001, group: ai, password: $6$salt$secretsecret}\n")).unwrap_err();
    assert!(hash.contains("$6$(not shown)") && !hash.contains("secretsecret"), "{hash}");
}

#[test]
fn homes_are_peoples_own() {
    let refused = |lines: &str| read(&users(lines)).unwrap_err();
    let pair = |first: &str, second: &str| {
        refused(&format!("  h1: {{uid: 2001, group: ai{first}}}\n  h2: {{uid: 2002, group: ai{second}}}\n"))
    };
    let shared = pair(", home: /home/h2", "");
    assert!(shared.contains("/home/h2, the home of `h2`, is the home of `h1`\n --> roster.yml:4:"), "{shared}");
    assert!(shared.contains("a home that is not written is /home and the name"), "{shared}");
    assert!(pair(", home: /data/x", ", home: /data/x/").contains("is the home of `h1`"));
    assert!(pair(", home: /data//./x", ", home: /data/x").contains("is the home of `h1`"));
    assert!(
        pair(", home: /data", ", home: /data/lee").contains("/data/lee, the home of `h2`, is within the home of `h1`")
    );
    for home in ["/etc", "/", "/home", "/root", "/usr/bin/x", "/etc/", "//home//"] {
        let refused = refused(&format!("  kim: {{uid: 2001, group: ai, home: {home}}}\n"));
        assert!(refused.contains("cannot be the home of `kim`"), "{home}: {refused}");
    }
    let blank = refused("  kim: {uid: 2001, group: ai, shell: '/bin/bash '}\n");
    assert!(blank.contains("it has blanks at its end"), "{blank}");
    let gone = "  h1: {uid: 2001, group: ai, home: /home/h2, state: absent}\n  h2: {uid: 2002, group: ai}\n";
    assert!(read(&users(gone)).is_ok(), "who is gone needs no home");
}
