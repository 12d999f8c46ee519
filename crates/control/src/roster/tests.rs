//! Rosters as people write them, right and wrong.

mod checks;
mod directories;
mod examples;
mod files;
mod people;
mod time;

use super::claims::{Claim, Kind, Origin, conflicts, of_roster};
use super::*;
use expect_test::{Expect, expect};
use words::diag::Source;

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
              = help: the fields of a user are: uid, was_uid, group, groups, only_groups, shell, home, comment, keys, password, sudo, accounts, default_account, manager, private, starts, ends, after_end, locked, expires, jobs, state

            `shell` must be text, not a number
             --> roster.yml:2:44
              |
            1 | users:
            2 |   gildong: {uid: '2001', gruop: ai, shell: 5, state: gone}
              |                                            ^
              = help: put it in quotes to make it text

            `state` must be present, active, may_login, suspended, archived or absent, not 'gone'
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
              = help: the fields of the roster are: site, hosts, scheduler, directories, nis, targets, ids, defaults, groups, users, projects, courses, qos, accounts, leavers, guards
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
        format!("    password: \"{folded}\"\n"),
        format!("    sudo: \"{folded}\"\n"),
    ] {
        let refused = read(&users(&format!("  kim:\n    uid: 2001\n    group: ai\n{keys}"))).unwrap_err();
        assert!(!refused.contains("b3BlbnNz") && !refused.contains("c2VjcmV0"), "{refused}");
        if keys.contains("  - ") {
            assert_eq!(refused.matches(" --> ").count(), 1, "{refused}");
            assert!(refused.contains("this is a private key, under the keys of `kim`"), "{refused}");
        }
    }
    let hash = read(&users("  kim: {uid: 2001, group: ai, shel: $6$salt$secretsecret}\n")).unwrap_err();
    assert!(hash.contains("$6$(not shown)") && !hash.contains("secretsecret"), "{hash}");
}
