//! One test a check of [`CHECKS`], and what else a roster is refused for.

use super::*;

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
