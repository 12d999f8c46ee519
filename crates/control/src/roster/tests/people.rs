//! What a person's entry says and inherits.

use super::*;

const HASH: &str = "$6$saltsaltsalt$abcdefghijklmnopqrstuvwxyz";

#[test]
fn defaults_hold_for_who_says_nothing_else() {
    let text = "scheduler: m\naccounts: {p: {}, q: {}}\n\
                defaults: {shell: /bin/bash, home: '/home/{group}/{user}', accounts: [p], group: ai, groups: [gpu]}\n\
                groups:\n  ai: {gid: 3001}\n  gpu: {gid: 3002}\n  bio: {gid: 3003, defaults: {shell: /bin/zsh}}\n\
                users:\n  a: {uid: 2001}\n  b: {uid: 2002, group: bio, accounts: {q: {limits: {MaxJobs: 2}}}}\n  \
                c: {uid: 2003, shell: /bin/sh, home: /data/c, groups: []}\n";
    let roster = read(text).unwrap();
    let said = |name: &str| {
        let user = roster.user(name).unwrap();
        let text = |field: &Option<Written<String>>| field.as_ref().unwrap().value.clone();
        (text(&user.shell), text(&user.home), user.groups.len())
    };
    assert_eq!(said("a"), ("/bin/bash".into(), "/home/ai/a".into(), 1));
    assert_eq!(said("b"), ("/bin/zsh".into(), "/home/bio/b".into(), 1));
    assert_eq!(said("c"), ("/bin/sh".into(), "/data/c".into(), 0));
    let members = |account: &str| -> Vec<&str> {
        roster.account(account).unwrap().users.iter().map(|member| member.user.as_str()).collect()
    };
    assert_eq!((members("p"), members("q")), (vec!["a", "c"], vec!["b"]));
    let limits = &roster.account("q").unwrap().users[0].limits;
    assert_eq!((limits[0].name, limits[0].value.as_str()), ("MaxJobs", "2"));
}

#[test]
fn several_accounts_with_a_default() {
    let fields = |more: &str| {
        users(&format!("  a: {{uid: 2001, group: ai, accounts: [p, q], default_account: {more}}}\n"))
            + "scheduler: m\naccounts: {p: {}, q: {}}\n"
    };
    assert_eq!(read(&fields("q")).unwrap().account("p").unwrap().users.len(), 1);
    assert!(read(&fields("r")).unwrap_err().contains("there is no account `r`"));
    let twice = fields("q").replace("p: {}", "p: {users: [a]}");
    assert!(read(&twice).unwrap_err().contains("the user `a` is listed twice"));
    // The account's own word counts more than what everybody inherits.
    let inherited = users("  a: {uid: 2001, group: ai}\n")
        + "scheduler: m\ndefaults: {accounts: [p]}\naccounts: {p: {users: {a: {limits: {MaxJobs: 1}}}}}\n";
    assert_eq!(read(&inherited).unwrap().account("p").unwrap().users[0].limits.len(), 1);
}

#[test]
fn passwords_are_hashes_and_never_shown() {
    let with = |password: &str| read(&users(&format!("  a: {{uid: 2001, group: ai, password: {password}}}\n")));
    let roster = with(&format!("'{HASH}'")).unwrap();
    assert_eq!(roster.users[0].password, Some(FirstPassword::Hash(HASH.into())));
    assert!(!format!("{:?}", roster.users[0]).contains("abcdefghijkl"), "not even for debugging");
    assert_eq!(with("none").unwrap().users[0].password, Some(FirstPassword::None));
    for secret in ["hunter2hunter2", "'$1$salt$qwertyuiop'", "12345678", "'$6$x$a:b:ccccccccccccccc'", "'!'"] {
        let said = with(secret).unwrap_err();
        assert!(said.contains("`password` must be a hash of crypt(5), or none"), "{said}");
        assert!(!said.contains(secret.trim_matches('\'')), "{said}");
    }
}

#[test]
fn rules_of_sudo_are_one_line() {
    let with = |rule: &str| read(&users(&format!("  a: {{uid: 2001, group: ai, sudo: {rule}}}\n")));
    let rule = with("'ALL=(ALL) NOPASSWD: /usr/bin/systemctl'").unwrap().users[0].sudo.clone();
    assert_eq!(rule, Some(SudoRight::Rule("ALL=(ALL) NOPASSWD: /usr/bin/systemctl".into())));
    assert_eq!(with("none").unwrap().users[0].sudo, Some(SudoRight::None));
    for bad in ["\"ALL=(ALL) ALL\\nkim ALL=(ALL) ALL\"", "'ALL=(ALL) ALL\\'", "''", "yes-please"] {
        assert!(with(bad).unwrap_err().contains("this is no rule of sudo"), "{bad}");
    }
}

#[test]
fn private_fields_are_not_shown() {
    let text = users("  a: {uid: 2001, group: ai, private: {phone: 010-1234-5678, list: [1]}}\n");
    let said = read(&text).unwrap_err();
    assert!(said.contains("the private field `list` must be text or a number"), "{said}");
    assert!(!said.contains("010-1234-5678"), "{said}");
    read(&text.replace(", list: [1]", "")).unwrap();
}

#[test]
fn places_may_be_written_together() {
    let text = "targets: {hosts: login, scheduler: m}\ngroups: {ai: {gid: 3001}}\n";
    let roster = read(text).unwrap();
    assert_eq!((roster.hosts.as_str(), roster.scheduler.unwrap().value.as_str()), ("login", "m"));
    let twice = read(&format!("hosts: all\n{text}")).unwrap_err();
    assert!(twice.contains("`hosts` is written at the top and under `targets`"), "{twice}");
}
