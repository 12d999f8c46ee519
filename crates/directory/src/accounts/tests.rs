//! Calls on entries in memory: what they change, and that the second time nothing is left to do.

use super::{Decision, Mirror, Rules, decide, listing};
use crate::dialects::{Dialect, Posix};
use crate::dn::child;
use crate::entry::{Entry, Write};
use crate::schema::{Shape, tests::subschema};
use crate::settings::{Bind, Password, SchemaKind, Server, Settings};
use expect_test::expect;
use words::value::{Map, Value};

const PEOPLE: &str = "ou=people,dc=example,dc=org";
const GROUPS: &str = "ou=groups,dc=example,dc=org";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

fn rules(kind: SchemaKind) -> Rules {
    let settings = Settings {
        name: "corp".into(),
        server: Server::Socket("/run/ldapi".into()),
        base: "dc=example,dc=org".into(),
        people: PEOPLE.into(),
        groups: GROUPS.into(),
        bind: Bind::External,
        schema: Some(kind),
        key_attribute: None,
        ca: None,
        sentinel: None,
        ids: 2000..=3999,
    };
    let posix_group = if kind.by_entry() { "AUXILIARY" } else { "STRUCTURAL" };
    let shape = Shape { policy_lock: true, ..Shape::of(&subschema(posix_group, &[]), Some(kind)).unwrap() };
    Rules { settings, shape, dialect: &Posix }
}

fn args(pairs: &[(&str, Value)]) -> Map {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn group(name: &str, gid: u32) -> Map {
    args(&[("name", name.into()), ("gid", gid.into())])
}

fn gildong() -> Map {
    args(&[
        ("name", "gildong".into()),
        ("uid", 2001.into()),
        ("group", "ai_team".into()),
        ("groups", vec![Value::from("gpu")].into()),
        ("append", true.into()),
        ("comment", "홍 길동".into()),
        ("shell", "/bin/bash".into()),
    ])
}

fn absent(name: &str) -> Map {
    args(&[("name", name.into()), ("state", "absent".into())])
}

/// Decides, applies, and makes sure that the same call changes nothing then.
fn call(mirror: &mut Mirror, rules: &Rules, module: &str, args: &Map) -> Decision {
    let decision = decide(module, args, mirror, rules).unwrap_or_else(|failure| panic!("{module}: {}", failure.msg));
    decision.writes.iter().for_each(|write| mirror.apply(write));
    let again = decide(module, args, mirror, rules).unwrap_or_else(|failure| panic!("{module} again: {}", failure.msg));
    assert_eq!(again, Decision::default(), "the second time");
    decision
}

fn with_groups(rules: &Rules) -> Mirror {
    let mut mirror = Mirror::new(Posix.terms(), []);
    for (name, gid) in [("ai_team", 3001), ("gpu", 3002)] {
        call(&mut mirror, rules, "group", &group(name, gid));
    }
    mirror
}

/// All writes as LDIF has them, more or less.
fn text(decision: &Decision) -> String {
    let shown = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
    let mut lines = Vec::new();
    for write in &decision.writes {
        lines.push(format!("{} {}", if matches!(write, Write::Delete { .. }) { "delete" } else { "dn" }, write.dn()));
        match write {
            Write::Add(entry) => {
                let all = entry.attributes().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
                lines.extend(all.map(|(name, value)| format!("  {name}: {}", shown(value))));
            }
            Write::Modify { edits, .. } => {
                for edit in edits {
                    lines.extend(edit.remove.iter().map(|value| format!("  - {}: {}", edit.attribute, shown(value))));
                    lines.extend(edit.add.iter().map(|value| format!("  + {}: {}", edit.attribute, shown(value))));
                }
            }
            Write::Begin { .. } | Write::Delete { .. } => {}
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn a_person_comes_stays_and_goes_by_login_name() {
    let rules = rules(SchemaKind::Rfc2307);
    let mut mirror = with_groups(&rules);
    let made = call(&mut mirror, &rules, "user", &gildong());
    expect![[r#"
        dn uid=gildong,ou=people,dc=example,dc=org
          cn: 홍 길동
          displayname: 홍 길동
          gidnumber: 3001
          homedirectory: /home/gildong
          loginshell: /bin/bash
          objectclass: inetOrgPerson
          objectclass: posixAccount
          objectclass: shadowAccount
          sn: 길동
          uid: gildong
          uidnumber: 2001
        dn cn=gpu,ou=groups,dc=example,dc=org
          + memberUid: gildong
    "#]]
    .assert_eq(&text(&made));
    let other = args(&[("name", "gildong".into()), ("shell", "/bin/zsh".into()), ("comment", "Hong Gildong".into())]);
    let changed = call(&mut mirror, &rules, "user", &other);
    expect![[r#"
        dn uid=gildong,ou=people,dc=example,dc=org
          - displayName: 홍 길동
          + displayName: Hong Gildong
          + gecos: Hong Gildong
          - loginShell: /bin/bash
          + loginShell: /bin/zsh
    "#]]
    .assert_eq(&text(&changed));
    let gone = call(&mut mirror, &rules, "user", &absent("gildong"));
    expect![[r#"
        dn cn=gpu,ou=groups,dc=example,dc=org
          - memberUid: gildong
        delete uid=gildong,ou=people,dc=example,dc=org
    "#]]
    .assert_eq(&text(&gone));
}

#[test]
fn members_by_entry_and_by_both() {
    for kind in [SchemaKind::Rfc2307bis, SchemaKind::Mixed] {
        let rules = rules(kind);
        let mut mirror = with_groups(&rules);
        let gpu = mirror.entry(&child("cn", "gpu", GROUPS)).unwrap();
        assert!(gpu.is_a("groupOfNames") && gpu.text("member") == Some(GROUPS), "such a group is never empty");
        call(&mut mirror, &rules, "user", &gildong());
        let gpu = mirror.entry(&child("cn", "gpu", GROUPS)).unwrap();
        assert_eq!(gpu.values("member").len(), 2);
        assert_eq!(gpu.values("memberUid").len(), usize::from(kind == SchemaKind::Mixed));
        call(&mut mirror, &rules, "user", &absent("gildong"));
        let gpu = mirror.entry(&child("cn", "gpu", GROUPS)).unwrap();
        assert_eq!((gpu.texts("member").collect::<Vec<_>>(), gpu.values("memberUid").len()), (vec![GROUPS], 0));
    }
}

#[test]
fn the_last_member_leaves_a_placeholder() {
    let rules = rules(SchemaKind::Rfc2307bis);
    let mut mirror = with_groups(&rules);
    call(&mut mirror, &rules, "user", &gildong());
    let gpu = mirror.entry(&child("cn", "gpu", GROUPS)).unwrap();
    let foreign = Entry::new(gpu.dn.clone()).with("objectClass", "groupOfNames").with("objectClass", "posixGroup");
    let foreign = foreign.with("cn", "gpu").with("gidNumber", "3002").with("member", format!("UID=Gildong, {PEOPLE}"));
    mirror.set(&foreign.dn.clone(), Some(foreign));
    let none = args(&[("name", "gildong".into()), ("groups", Vec::<Value>::new().into())]);
    expect![[r#"
        dn cn=gpu,ou=groups,dc=example,dc=org
          - member: UID=Gildong, ou=people,dc=example,dc=org
          + member: ou=groups,dc=example,dc=org
    "#]]
    .assert_eq(&text(&call(&mut mirror, &rules, "user", &none)));
}

#[test]
fn keys_stay_or_come_one_by_one() {
    let rules = rules(SchemaKind::Rfc2307);
    let mut mirror = with_groups(&rules);
    call(&mut mirror, &rules, "user", &gildong());
    let dn = child("uid", "gildong", PEOPLE);
    let own = mirror.entry(&dn).unwrap().clone().with("sshPublicKey", "ssh-rsa AAAAb own\n");
    mirror.set(&dn, Some(own));
    let key = args(&[("user", "gildong".into()), ("key", format!("{KEY} laptop").into())]);
    let added = text(&call(&mut mirror, &rules, "authorized_key", &key));
    assert_eq!(added, format!("dn {dn}\n  + objectClass: ldapPublicKey\n  + sshPublicKey: {KEY} laptop\n"));
    let moved = args(&[("user", "gildong".into()), ("key", format!("{KEY} desk").into())]);
    let replaced = text(&call(&mut mirror, &rules, "authorized_key", &moved));
    assert_eq!(replaced, format!("dn {dn}\n  - sshPublicKey: {KEY} laptop\n  + sshPublicKey: {KEY} desk\n"));
    let gone = args(&[("user", "gildong".into()), ("key", KEY.into()), ("state", "absent".into())]);
    assert_eq!(
        text(&call(&mut mirror, &rules, "authorized_key", &gone)),
        format!("dn {dn}\n  - sshPublicKey: {KEY} desk\n")
    );
    assert_eq!(mirror.entry(&dn).unwrap().values("sshPublicKey"), [b"ssh-rsa AAAAb own\n"]);
}

#[test]
fn locks_and_days() {
    let rules = rules(SchemaKind::Rfc2307);
    let mut mirror = with_groups(&rules);
    call(&mut mirror, &rules, "user", &gildong());
    let locked = args(&[("name", "gildong".into()), ("password_lock", true.into()), ("expires", 86_400.0.into())]);
    let lock = call(&mut mirror, &rules, "user", &locked);
    expect![[r#"
        dn uid=gildong,ou=people,dc=example,dc=org
          + shadowExpire: 1
          + pwdAccountLockedTime: 000001010000Z
    "#]]
    .assert_eq(&text(&lock));
    let says: Vec<_> = lock.changes[0].fields.iter().map(|field| field.name().to_owned()).collect();
    assert_eq!(says, ["locked", "expires"]);
    let free = args(&[("name", "gildong".into()), ("password_lock", false.into()), ("expires", (-1.0).into())]);
    call(&mut mirror, &rules, "user", &free);
    assert_eq!(mirror.people().next().unwrap().text("shadowExpire"), None);
}

#[test]
fn who_is_not_enlists_is_left_alone_and_named() {
    let rules = rules(SchemaKind::Rfc2307);
    let account = |dn: &str, uid: &str, number: &str| {
        let entry = Entry::new(dn).with("objectClass", "account").with("objectClass", "posixAccount");
        entry
            .with("uid", uid)
            .with("cn", uid)
            .with("uidNumber", number)
            .with("gidNumber", "100")
            .with("homeDirectory", "/h")
    };
    let mirror = Mirror::new(
        Posix.terms(),
        [
            account("uid=backup,ou=people,dc=example,dc=org", "backup", "500"),
            account("uid=proxy,ou=services,dc=example,dc=org", "proxy", "2500"),
            account("uid=Kim,ou=people,dc=example,dc=org", "Kim", "2600"),
            account("uid=lee,ou=people,dc=example,dc=org", "lee", "2700").with("uid", "dooly"),
        ],
    );
    for (name, says) in [
        ("backup", "with uid 500 is not enlist's to change"),
        ("proxy", "uid=proxy,ou=services,dc=example,dc=org with uid 2500 is not enlist's"),
        ("kim", "is called Kim, and the roster's user kim"),
        ("lee", "is called lee and dooly"),
    ] {
        let refused = decide("user", &absent(name), &mirror, &rules).unwrap_err();
        assert!(refused.msg.contains(says), "{}", refused.msg);
    }
    let far = decide("group", &group("far", 4001), &mirror, &rules).unwrap_err();
    assert!(far.msg.contains("not within `ids`"), "{}", far.msg);
    let mut own = rules.clone();
    own.settings.bind = Bind::Simple {
        dn: "uid=self, ou=people,dc=example,dc=org".into(),
        password: Password::Environment("PW".into()),
    };
    let itself = Mirror::new(Posix.terms(), [account("uid=self,ou=people,dc=example,dc=org", "self", "2500")]);
    let refused = decide("user", &absent("self"), &itself, &own).unwrap_err();
    assert!(refused.msg.contains("enlist itself logs in with"), "{}", refused.msg);
    let users = listing(&mirror, &rules).values["users"].as_list().unwrap().len();
    assert_eq!(users, 5, "each name claims its number");
    let primary = account("uid=jin,ou=people,dc=example,dc=org", "jin", "2001").with("x", "y");
    let mut mirror = with_groups(&rules);
    mirror.set(&primary.dn.clone(), Some(primary.with("gidNumber", "3001")));
    assert!(decide("group", &absent("gpu"), &mirror, &rules).is_ok());
}

#[test]
fn a_value_of_several_keys_loses_none_that_nobody_named() {
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA";
    let rules = rules(SchemaKind::Rfc2307);
    let dn = child("uid", "gildong", PEOPLE);
    let values = |mirror: &Mirror| -> Vec<String> {
        mirror.entry(&dn).unwrap().texts("sshPublicKey").map(str::to_owned).collect()
    };
    let pasted = format!("ssh-rsa AAAAb own\n{OTHER} old\n");
    let start = || {
        let mut mirror = with_groups(&rules);
        call(&mut mirror, &rules, "user", &gildong());
        let own = mirror.entry(&dn).unwrap().clone().with("sshPublicKey", &pasted);
        mirror.set(&dn, Some(own));
        mirror
    };
    let key =
        |key: &str, state: &str| args(&[("user", "gildong".into()), ("key", key.into()), ("state", state.into())]);
    let mut mirror = start();
    call(&mut mirror, &rules, "authorized_key", &key(KEY, "present"));
    assert_eq!(values(&mirror), [pasted.clone(), KEY.to_owned()], "what stays is not written");
    call(&mut mirror, &rules, "authorized_key", &key(OTHER, "absent"));
    assert_eq!(values(&mirror), [KEY, "ssh-rsa AAAAb own"], "the other key of the value comes back alone");
    let mut mirror = start();
    call(&mut mirror, &rules, "authorized_key", &key(&format!("{OTHER} new"), "present"));
    assert_eq!(values(&mirror), ["ssh-rsa AAAAb own".to_owned(), format!("{OTHER} new")]);
}

#[test]
fn groups_that_are_not_enlists_are_not_written_when_somebody_goes() {
    for kind in [SchemaKind::Rfc2307, SchemaKind::Rfc2307bis] {
        let rules = rules(kind);
        let mut mirror = with_groups(&rules);
        call(&mut mirror, &rules, "user", &gildong());
        let dn = child("uid", "gildong", PEOPLE);
        let foreign = |dn: &str, gid: &str| {
            let entry = Entry::new(dn).with("objectClass", "posixGroup").with("objectClass", "groupOfNames");
            entry.with("cn", gid).with("gidNumber", gid).with("memberUid", "gildong")
        };
        let admins = foreign("cn=500,ou=groups,dc=example,dc=org", "500").with("member", &dn);
        let services = foreign("cn=2500,ou=services,dc=example,dc=org", "2500").with("member", &dn);
        for group in [&admins, &services] {
            mirror.set(&group.dn.clone(), Some(group.clone()));
        }
        let gone = call(&mut mirror, &rules, "user", &absent("gildong"));
        let written: Vec<_> = gone.writes.iter().map(Write::dn).collect();
        assert_eq!(written, ["cn=gpu,ou=groups,dc=example,dc=org", &dn]);
        assert!(gone.warnings.len() == 2 && gone.warnings[0].contains("still names gildong"), "{:?}", gone.warnings);
        assert_eq!(mirror.entry(&admins.dn), Some(&admins));
    }
}

const HASH: &str = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789";

/// The hash of a roster goes to who is new and to nobody else, and is shown nowhere.
#[test]
fn a_first_password_is_for_who_is_new() {
    let rules = rules(SchemaKind::Rfc2307);
    let mut mirror = with_groups(&rules);
    let with = |hash: &str| gildong().into_iter().chain([("password".to_owned(), hash.into())]).collect::<Map>();
    let made = decide("user", &with(HASH), &mirror, &rules).unwrap();
    assert!(text(&made).contains(&format!("  userpassword: {{CRYPT}}{HASH}\n")), "{}", text(&made));
    let shown = format!("{:?}", made.changes);
    assert!(shown.contains("password") && !shown.contains("saltsalt"), "{shown}");
    assert!(!text(&decide("user", &with("*"), &mirror, &rules).unwrap()).contains("userpassword"));
    // The entry as it is read has none, and the person keeps the one that he has.
    call(&mut mirror, &rules, "user", &gildong());
    assert_eq!(decide("user", &with(HASH), &mirror, &rules).unwrap(), Decision::default());
    for dialect in [&crate::dialects::ActiveDirectory as &dyn Dialect, &crate::dialects::FreeIpa] {
        let empty = Mirror::new(dialect.terms(), []);
        let alone = args(&[("name", "kim".into()), ("uid", 2009.into()), ("password", HASH.into())]);
        let made = decide("user", &alone, &empty, &Rules { dialect, ..rules.clone() }).unwrap();
        assert!(!text(&made).contains("userpassword"));
        assert!(made.warnings[0].starts_with("the password of kim is left out: "), "{:?}", made.warnings);
    }
}

#[test]
fn a_password_counts_from_and_until_the_days_of_the_roster() {
    let mut rules = rules(SchemaKind::Rfc2307);
    rules.shape.password_span = true;
    let mut mirror = with_groups(&rules);
    let day = |day: f64| Value::Float(day * 86_400.0);
    call(&mut mirror, &rules, "user", &gildong());
    let days = args(&[("name", "gildong".into()), ("starts", day(20_697.0)), ("expires", day(20_878.0))]);
    let written = call(&mut mirror, &rules, "user", &days);
    expect![[r#"
        dn uid=gildong,ou=people,dc=example,dc=org
          + shadowExpire: 20878
          + pwdStartTime: 20260901000000Z
          + pwdEndTime: 20270301000000Z
    "#]]
    .assert_eq(&text(&written));
    let never = args(&[("name", "gildong".into()), ("expires", Value::Float(-1.0))]);
    assert!(text(&call(&mut mirror, &rules, "user", &never)).contains("- pwdEndTime: 20270301000000Z"));
    // Without ppolicy there is no place for it.
    rules.shape.password_span = false;
    assert!(!text(&call(&mut mirror, &rules, "user", &days)).contains("pwd"));
}

#[test]
fn twins_and_groups_within_groups_are_named() {
    let rules = rules(SchemaKind::Rfc2307bis);
    let mut mirror = with_groups(&rules);
    call(&mut mirror, &rules, "user", &gildong());
    assert_eq!(listing(&mirror, &rules).warnings, Vec::<String>::new());
    let mut twin = mirror.entry(&child("uid", "gildong", PEOPLE)).unwrap().clone();
    twin.dn = "uid=gildong,dc=example,dc=org".into();
    mirror.set("uid=gildong,dc=example,dc=org", Some(twin));
    let (outer, inner) = (child("cn", "ai_team", GROUPS), child("cn", "gpu", GROUPS));
    let with = |mirror: &Mirror, group: &str, member: &str| mirror.entry(group).unwrap().clone().with("member", member);
    let nested = with(&mirror, &outer, &inner);
    mirror.set(&outer, Some(nested));
    let told = listing(&mirror, &rules).warnings;
    assert!(told[0].starts_with("2 entries are called gildong: uid=gildong,dc=example,dc=org and "), "{told:?}");
    assert!(told[1].starts_with(&format!("{inner} is a member of {outer}: ")) && told.len() == 2, "{told:?}");
    let circular = with(&mirror, &inner, &outer);
    mirror.set(&inner, Some(circular));
    let told = listing(&mirror, &rules).warnings;
    assert_eq!(told[1], format!("{outer} and {inner} are members of each other: take one of the two out by hand"));
    assert_eq!(told.len(), 2, "{told:?}");
}
