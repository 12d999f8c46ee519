//! `directories:`, right and wrong.

use super::read;

#[test]
fn directories() {
    let text = "directories:\n  corp: {server: 'ldaps://ldap.x', base: 'dc=x', ids: 2000-2999, bind: 'cn=e,dc=x',\n    \
                password: {environment: PW}}\n  own: {server: 'ldapi:///run/ldapi', base: 'dc=y', ids: 1000-9999, \
                people: 'ou=p,dc=y', schema: mixed, key_attribute: nsSshPublicKey, hosts: login}\ngroups: {g: {gid: 2001}}\n";
    let roster = read(text).unwrap();
    let [corp, own] = roster.directories.as_slice() else { panic!("{:?}", roster.directories) };
    assert_eq!((corp.settings.people.as_str(), corp.settings.groups.as_str()), ("ou=people,dc=x", "ou=groups,dc=x"));
    assert_eq!(
        (own.settings.people.as_str(), own.settings.schema.map(|kind| kind.name())),
        ("ou=p,dc=y", Some("mixed"))
    );
    assert_eq!((corp.settings.key_attribute, own.settings.key_attribute), (None, Some("nsSshPublicKey")));
    assert_eq!(own.hosts.as_ref().map(|hosts| hosts.value.as_str()), Some("login"));
}

#[test]
fn directories_that_are_none() {
    let with = |fields: &str| format!("directories:\n  corp: {{{fields}}}\ngroups: {{g: {{gid: 2001}}}}\n");
    let socket = "server: 'ldapi:///run/ldapi', base: 'dc=x', ids: 2000-2999";
    for (fields, says) in [
        ("base: 'dc=x', ids: 2000-2999", "`corp` has no `server`"),
        ("server: 'http://x', base: 'dc=x', ids: 2000-2999", "`http://x` is no server of a directory"),
        ("server: 'ldaps://x', base: 'dc=x', ids: 2000-2999", "`corp` has no `bind`"),
        ("server: 'ldapi:///run/ldapi', ids: 2000-2999", "`corp` has no `base`"),
        ("server: 'ldapi:///run/ldapi', base: 'x', ids: 2000-2999", "`base` is `x`: it is no distinguished name"),
        ("server: 'ldapi:///run/ldapi', base: 'dc=x'", "`corp` has no `ids`"),
        (&socket.replace("2000-2999", "2000"), "`ids` must be the first and last number"),
        (&socket.replace("2000-2999", "3000-2000"), "`ids` must be the first and last number"),
        (&socket.replace("2000-2999", "1-2999"), "`ids` must be the first and last number"),
        (&socket.replace("2000-2999", "3000-3999"), "gid 2001 is not among `ids` of the directory `corp`"),
        (&format!("{socket}, schema: nis"), "`schema` must be rfc2307, rfc2307bis, mixed, ad, not `nis`"),
        (&format!("{socket}, key_attribute: mail"), "`key_attribute` must be sshPublicKey, sshPublicKeys,"),
        (&format!("{socket}, bind: 'cn=e,dc=x'"), "`corp` has no `password`"),
        (&format!("{socket}, bind: 'cn=e,dc=x', password: hunter2"), "a password does not stand in a roster"),
        (&format!("{socket}, bind: 'cn=e,dc=x', password: {{}}"), "`password` says where the password is"),
        (&format!("{socket}, password: {{file: f}}"), "`password` belongs to an entry"),
        (&format!("{socket}, insecure: yes"), "a directory has no field `insecure`"),
    ] {
        let problems = read(&with(fields)).unwrap_err();
        assert!(problems.contains(says), "{says}: {problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}

#[test]
fn a_password_that_stands_in_a_roster_is_not_shown() {
    let tls = "server: 'ldaps://x'; base: 'dc=x'; ids: 2000-2999";
    let bind = "bind: 'cn=e,dc=x'";
    for fields in [
        format!("{tls}; password: hunter2"),
        format!("{tls}; {bind}; password: hunter2"),
        format!("{tls}; {bind}; password: [hunter2]"),
        format!("{tls}; {bind}; password: {{value: hunter2}}"),
        format!("{tls}; {bind}; password: {{file: pw, value: hunter2}}"),
        format!("{tls}; {bind}; password: {{hunter2: }}"),
        format!("{tls}; {bind}; passwd: hunter2"),
        format!("base: 'dc=x'; {bind}; password: hunter2"),
        format!("server: 'http://x'; base: 'dc=x'; ids: 1; {bind}; password: hunter2"),
    ] {
        let flow = format!("directories:\n  corp: {{{}}}\n", fields.replace(';', ","));
        let block = format!("directories:\n  corp:\n    {}\n", fields.replace("; ", "\n    "));
        for text in [flow, block] {
            let problems = read(&text).unwrap_err();
            assert!(!problems.contains("hunter2"), "{text}: {problems}");
            assert!(problems.contains("roster.yml:"), "the place is still told: {problems}");
        }
    }
}

#[test]
fn nis_domains() {
    let with = |fields: &str| format!("nis:\n  old: {{{fields}}}\ngroups: {{g: {{gid: 2001}}}}\n");
    let roster = read(&with("master: m, source: /var/yp/src, ids: 2000-2999, hosts: login")).unwrap();
    let [old] = roster.nis.as_slice() else { panic!("{:?}", roster.nis) };
    assert_eq!((old.master.as_str(), old.source.to_str(), &old.ids), ("m", Some("/var/yp/src"), &(2000..=2999)));
    for (fields, says) in [
        ("ids: 2000-2999", "`old` has no `master`"),
        ("master: m", "`old` has no `ids`"),
        ("master: m, ids: 2000-2999", "`old` has no `source`"),
        ("master: m, ids: 2000-2999, source: yp", "`source` is `yp`, and no directory from the root on"),
        ("master: m, source: /s, ids: 3000-3999", "gid 2001 is not among `ids` of the directory `old`"),
        ("master: m, source: /s, ids: 2000-2999, make: x", "a NIS domain has no field `make`"),
    ] {
        let problems = read(&with(fields)).unwrap_err();
        assert!(problems.contains(says), "{says}: {problems}");
    }
}
