//! What other kinds of servers do otherwise than OpenLDAP: large groups in parts, partitions elsewhere, numbers that nobody may
//! have, and silence.

use crate::faults::{args, failures};
use crate::server::{Asked, Fault, Server};
use directory::Directory;
use directory::entry::Entry;
use directory::ldap::LdapDirectory;
use directory::settings::{Bind, Password, Server as Url, Settings};
use words::value::{Map, Value};

const PEOPLE: &str = "OU=people,DC=x";
const GROUPS: &str = "OU=groups,DC=x";
const CAPABILITY: &str = "1.2.840.113556.1.4.800";

fn settings(server: &Server) -> Settings {
    Settings {
        name: "corp".into(),
        server: Url::Socket(server.path.display().to_string()),
        base: "DC=x".into(),
        people: PEOPLE.into(),
        groups: GROUPS.into(),
        bind: Bind::External,
        schema: None,
        key_attribute: None,
        ca: None,
        sentinel: None,
        ids: 2000..=3999,
    }
}

fn container(dn: &str) -> Entry {
    Entry::new(dn).with("objectClass", "organizationalUnit")
}

fn described(names: &[&str]) -> Entry {
    let text = |name: &&str| format!("( 1.2.3 NAME '{name}' )");
    names.iter().map(text).fold(Entry::new("cn=Subschema"), |entry, text| entry.with("attributeTypes", text))
}

fn name(number: usize) -> String {
    format!("p{number}")
}

fn member(number: usize) -> String {
    format!("CN={},{PEOPLE}", name(number))
}

/// A domain of seven people, all in one group, of whose members it sends three at a time.
fn domain() -> Server {
    let person = |number: usize| {
        let entry = Entry::new(member(number)).with("objectClass", "user").with("sAMAccountName", name(number));
        let entry = entry.with("uidNumber", (2000 + number).to_string()).with("gidNumber", "3001");
        entry.with("unixHomeDirectory", "/h").with("userAccountControl", "512").with("pwdLastSet", "1")
    };
    let group = Entry::new(format!("CN=team,{GROUPS}")).with("objectClass", "group").with("sAMAccountName", "team");
    let group = (1..=7).map(member).fold(group.with("gidNumber", "3001"), |group, dn| group.with("member", dn));
    let server = Server::start(
        [container("DC=x"), container(PEOPLE), container(GROUPS), group].into_iter().chain((1..=7).map(person)),
    );
    let mut world = server.world.lock().unwrap();
    (world.asserts, world.members) = (false, 3);
    world.root = Entry::new("").with("supportedCapabilities", CAPABILITY).with("defaultNamingContext", "DC=x");
    world.root = world.root.clone().with("configurationNamingContext", "CN=Configuration,DC=x");
    world.schema =
        described(&["uidNumber", "gidNumber", "unixHomeDirectory", "loginShell"]).with("objectClass", "subschema");
    drop(world);
    server
}

fn user(name: &str, groups: &[&str]) -> Map {
    let groups: Vec<Value> = groups.iter().map(|group| (*group).into()).collect();
    args(&[("name", name.into()), ("groups", groups.into())])
}

#[test]
fn a_group_that_comes_in_parts_is_read_whole() {
    let server = domain();
    let directory = LdapDirectory::new(settings(&server));
    // Each of them is seen as a member, whichever part names him, and each can leave.
    let stay: Vec<Map> = (1..=7).map(|number| user(&name(number), &["team"])).collect();
    let results = directory.call("user", &stay, false).unwrap();
    assert_eq!(failures(&results), Vec::<String>::new());
    assert!(results.iter().all(|result| !result.changed), "they are members");
    let results = directory.call("user", &[user("p7", &[]), user("p4", &[]), user("p1", &[])], false).unwrap();
    assert_eq!(failures(&results), Vec::<String>::new());
    let team = server.entry(&format!("CN=team,{GROUPS}")).unwrap();
    let left: Vec<_> = team.texts("member").map(str::to_owned).collect();
    assert_eq!(left, [2, 3, 5, 6].map(member));
}

#[test]
fn a_group_that_changes_while_its_parts_are_read_is_read_again() {
    let server = domain();
    let team = server.entry(&format!("CN=team,{GROUPS}")).unwrap();
    // Somebody joins after the first part was sent: by the order of this server the parts still fit each other.
    let grown = team.with("member", member(8));
    let mut looks = 0;
    server.script(move |asked| {
        looks += usize::from(asked == Asked::Look);
        // Root, schema, two containers, and then the parts.
        (asked == Asked::Look && looks == 5).then(|| Fault::Rival(grown.clone()))
    });
    let directory = LdapDirectory::new(settings(&server));
    let results = directory.call("user", &[user("p7", &[])], false).unwrap();
    assert_eq!(failures(&results), Vec::<String>::new());
    let team = server.entry(&format!("CN=team,{GROUPS}")).unwrap();
    assert!(team.texts("member").any(|dn| dn == member(8)) && !team.texts("member").any(|dn| dn == member(7)));

    let server = domain();
    let team = server.entry(&format!("CN=team,{GROUPS}")).unwrap();
    let mut looks = 0;
    server.script(move |asked| {
        looks += usize::from(asked == Asked::Look);
        (asked == Asked::Look && looks > 4).then(|| Fault::Rival(team.clone()))
    });
    let problem = LdapDirectory::new(settings(&server)).call("user", &[user("p7", &[])], false).unwrap_err();
    assert!(problem.message.contains("changes all the time while it is read"), "{problem}");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[test]
fn partitions_without_people_are_passed_over_and_other_domains_are_named() {
    let ask = |url: &'static str| {
        let server = domain();
        server.script(move |asked| (asked == Asked::Sweep).then_some(Fault::Reference(url)));
        LdapDirectory::new(settings(&server)).call("accounts", &[Map::new()], true)
    };
    for fine in
        ["ldap://x/CN=Configuration,DC=x", "ldap://x/DC=DomainDnsZones,DC=x", "ldap://x/cn=configuration,%20dc=x"]
    {
        assert!(ask(fine).is_ok(), "{fine}");
    }
    let problem = ask("ldap://child.x/DC=child,DC=x").unwrap_err();
    assert!(problem.message.contains("another server: ldap://child.x/DC=child,DC=x"), "{problem}");
}

#[test]
fn somebody_new_gets_a_password_last_and_a_run_that_ends_before_it_is_finished_by_the_next() {
    let server = domain();
    let new = args(&[("name", "gildong".into()), ("uid", 2100.into()), ("group", "team".into())]);
    let mut modified = 0;
    server.script(move |asked| {
        modified += usize::from(asked == Asked::Modify);
        (asked == Asked::Modify && modified == 1).then_some(Fault::Code(ldap3_proto::proto::LdapResultCode::Busy))
    });
    let directory = LdapDirectory::new(settings(&server));
    let results = directory.call("user", std::slice::from_ref(&new), false).unwrap();
    assert!(failures(&results)[0].contains("it is busy"), "{results:?}");
    let dn = format!("CN=gildong,{PEOPLE}");
    assert_eq!(server.entry(&dn).unwrap().text("userAccountControl"), Some("546"), "locked until it has one");
    let directory = LdapDirectory::new(settings(&server));
    let results = directory.call("user", std::slice::from_ref(&new), false).unwrap();
    assert_eq!(failures(&results), Vec::<String>::new());
    let made = server.entry(&dn).unwrap();
    assert_eq!(
        (made.text("userAccountControl"), made.text("unicodePwd"), made.text("info")),
        (Some("512"), None, None)
    );
    let results = directory.call("user", &[new], true).unwrap();
    assert!(!results[0].changed);
}

#[test]
fn a_bit_that_a_domain_controller_keeps_is_told_of() {
    let server = domain();
    // It says "success", and nobody needs a password for the account that it lets in.
    server.world.lock().unwrap().keeps = 0x20;
    let new = args(&[("name", "gildong".into()), ("uid", 2100.into()), ("group", "team".into())]);
    let results = LdapDirectory::new(settings(&server)).call("user", &[new], false).unwrap();
    assert!(failures(&results)[0].contains("is written, and it is not"), "{results:?}");
}

#[test]
fn parts_of_which_nobody_can_say_that_they_belong_together_are_no_answer() {
    let server = domain();
    server.world.lock().unwrap().counts = false;
    let problem = LdapDirectory::new(settings(&server)).call("user", &[user("p7", &[])], false).unwrap_err();
    assert!(problem.message.contains("comes in parts, and does not show uSNChanged"), "{problem}");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[test]
fn a_group_without_a_number_is_not_gone_and_a_name_for_kerberos_is_one_persons() {
    let server = domain();
    let mut team = server.entry(&format!("CN=team,{GROUPS}")).unwrap();
    team.put("gidNumber", None);
    server.put(team);
    let machine = Entry::new("CN=mail,DC=x").with("objectClass", "user").with("sAMAccountName", "mail");
    server.put(machine.with("userPrincipalName", "Gildong@x"));
    let directory = LdapDirectory::new(settings(&server));
    let gone = args(&[("name", "team".into()), ("state", "absent".into())]);
    let told = failures(&directory.call("group", &[gone], false).unwrap());
    assert!(told[0].contains("is called team, and has no number that this login can read"), "{told:?}");
    let new = args(&[("name", "gildong".into()), ("uid", 2100.into())]);
    let told = failures(&directory.call("user", &[new], false).unwrap());
    assert!(told[0].contains("CN=mail,DC=x has the name for Kerberos that gildong would get"), "{told:?}");
    assert_eq!(server.writes(), Vec::<String>::new());
}

/// FreeIPA whose range has room for 500.
fn ipa(ranges: bool) -> Server {
    let range =
        Entry::new("cn=X_id_range,cn=ranges,cn=etc,DC=x").with("objectClass", "ipaIDRange").with("cn", "X_id_range");
    let range = range.with("ipaBaseID", "3000").with("ipaIDRangeSize", "500").with("ipaRangeType", "ipa-local");
    let realm = Entry::new("cn=X.ORG,cn=kerberos,DC=x").with("objectClass", "krbRealmContainer").with("cn", "X.ORG");
    let admin = Entry::new(format!("uid=admin,{PEOPLE}")).with("objectClass", "posixAccount").with("uid", "admin");
    let admin = admin.with("uidNumber", "3000").with("gidNumber", "3000");
    let tree = ["DC=x", PEOPLE, GROUPS, "cn=ranges,cn=etc,DC=x", "cn=kerberos,DC=x"].map(container);
    let server = Server::start(tree.into_iter().chain([realm, admin]).chain(ranges.then_some(range)));
    let mut world = server.world.lock().unwrap();
    world.asserts = false;
    world.root = Entry::new("")
        .with("vendorName", "389 Project")
        .with("ipaDomainLevel", "1")
        .with("defaultNamingContext", "DC=x");
    world.schema = Entry::new("cn=Subschema")
        .with("objectClass", "subschema")
        .with("objectClasses", "( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber )")
        .with("objectClasses", "( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY )")
        .with("objectClasses", "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' STRUCTURAL )")
        .with("objectClasses", "( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST ( cn ) MAY ( member $ o ) )");
    drop(world);
    server
}

#[test]
fn freeipa_has_its_ranges_read_first_and_gets_what_it_demands() {
    let server = ipa(true);
    let directory = LdapDirectory::new(settings(&server));
    let group = |name: &str, gid: u32| args(&[("name", name.into()), ("gid", gid.into())]);
    let results = directory.call("group", &[group("team", 3001), group("outside", 2999)], true).unwrap();
    let refused = results[1].outcome.as_ref().unwrap_err();
    assert!(refused.msg.contains("gid 2999 is in none of the server's id ranges (3000-3499)"), "{refused:?}");
    assert!(refused.hint.as_ref().unwrap().contains("ipa idrange-add"), "{refused:?}");
    assert!(results[0].outcome.is_ok());
    let person = args(&[("name", "gildong".into()), ("uid", 3002.into()), ("group", "team".into())]);
    directory.call("group", &[group("team", 3001)], false).unwrap();
    let results = directory.call("user", std::slice::from_ref(&person), false).unwrap();
    assert_eq!(failures(&results), Vec::<String>::new());
    let made = server.entry(&format!("uid=gildong,{PEOPLE}")).unwrap();
    assert!(made.is_a("ipaObject") && made.is_a("krbPrincipalAux"));
    assert_eq!(
        (made.text("krbPrincipalName"), made.text("ipaUniqueID")),
        (Some("gildong@X.ORG"), Some("autogenerate"))
    );
    let locked = args(&[("name", "gildong".into()), ("password_lock", true.into())]);
    let results = directory.call("user", &[locked], false).unwrap();
    assert_eq!(failures(&results), Vec::<String>::new());
    assert_eq!(server.entry(&made.dn).unwrap().text("nsAccountLock"), Some("TRUE"));

    let problem = LdapDirectory::new(settings(&ipa(false))).call("accounts", &[Map::new()], true).unwrap_err();
    assert!(problem.message.contains("it does not show its id ranges"), "{problem}");
}

#[test]
fn freeipa_says_who_has_no_sid_or_lies_outside_its_ranges_or_was_put_aside() {
    const SID: &str = "ipaNTSecurityIdentifier";
    let server = ipa(true);
    let admin = server.entry(&format!("uid=admin,{PEOPLE}")).unwrap();
    let person = |dn: String, name: &str, uid: u32| {
        let entry = Entry::new(dn).with("objectClass", "posixAccount").with("uid", name).with("homeDirectory", "/h");
        entry.with("uidNumber", uid.to_string()).with("gidNumber", "3000")
    };
    server.put(person(format!("uid=old,{PEOPLE}"), "old", 2500));
    server.put(person("uid=left,cn=deleted users,cn=accounts,cn=provisioning,DC=x".into(), "left", 3050));
    let directory = || LdapDirectory::new(settings(&server));
    let call = |name: &str, more: &[(&str, Value)]| {
        let all = args(&[&[("name", name.into())], more].concat());
        directory().call("user", &[all], false).unwrap().remove(0)
    };
    let warnings = |name: &str| call(name, &[]).outcome.unwrap().warnings;
    let outside = format!("uid=old,{PEOPLE} has uid 2500, which is in none of the server's id ranges: no login");
    assert_eq!(warnings("old"), [outside.as_str()], "nobody has a SID, so nobody lacks one");
    let new = |name: &str, uid: u32| call(name, &[("uid", uid.into())]);
    assert!(new("first", 3010).outcome.is_ok());
    // Once somebody has one, who has none is told of, old and new.
    server.put(admin.with(SID, "S-1-5-21-1-2-3-500"));
    assert!(warnings("old")[1].contains(&format!("has no {SID}")), "{:?}", warnings("old"));
    let failure = new("second", 3011).outcome.unwrap_err();
    assert!(failure.acted && failure.msg.contains(&format!("the server gave it no {SID}")), "{failure:?}");
    assert!(failure.hint.unwrap().contains("ipa config-mod --enable-sid --add-sids"));
    server.world.lock().unwrap().gives = Some(SID);
    assert!(new("third", 3012).outcome.is_ok());
    // Somebody whom FreeIPA has put aside is not there, and not gone either.
    let aside = call("left", &[("uid", 3050.into())]).outcome.unwrap_err();
    assert!(aside.msg.contains("FreeIPA has put aside") && aside.msg.contains("ipa user-undel"), "{aside:?}");
    let gone = call("left", &[("state", "absent".into())]);
    assert!(gone.outcome.is_ok() && !gone.changed);
}

#[test]
fn a_server_that_hides_silently_is_not_empty_but_unknown() {
    let server = ipa(true);
    server.world.lock().unwrap().root = Entry::new("").with("vendorName", "389 Project");
    let look = || LdapDirectory::new(settings(&server)).call("accounts", &[Map::new()], true);
    assert!(look().is_ok(), "one person is to be seen");
    // Its administrator has no entry; the variable is one that is set everywhere.
    let bind = Bind::Simple { dn: "cn=Directory Manager".into(), password: Password::Environment("PATH".into()) };
    let as_manager = LdapDirectory::new(Settings { bind, ..settings(&server) });
    assert!(as_manager.call("accounts", &[Map::new()], true).is_ok());
    server.world.lock().unwrap().entries.retain(|dn, _| !dn.starts_with("uid="));
    let problem = look().unwrap_err();
    assert!(problem.message.contains("it shows nobody below DC=x, and says the same to who may not look"), "{problem}");
}

#[test]
fn an_entry_whose_number_cannot_be_read_is_not_gone() {
    let server = domain();
    let mut hidden = server.entry(&member(1)).unwrap();
    hidden.put("uidNumber", None);
    server.put(hidden);
    let gone = args(&[("name", "p1".into()), ("state", "absent".into())]);
    let results = LdapDirectory::new(settings(&server)).call("user", &[gone], false).unwrap();
    assert!(failures(&results)[0].contains("has no number that this login can read"), "{results:?}");
    let sentinel = Settings { sentinel: Some(member(1)), ..settings(&server) };
    let problem = LdapDirectory::new(sentinel).call("accounts", &[Map::new()], true).unwrap_err();
    assert!(problem.message.contains("has no number that this login can read"), "{problem}");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[test]
fn keys_are_read_where_the_roster_says_that_they_are_and_389ds_locks_by_its_own_attribute() {
    let server = ipa(true);
    let mut world = server.world.lock().unwrap();
    world.root = Entry::new("").with("vendorName", "389 Project");
    let account = "( 2.16 NAME 'nsAccount' SUP top AUXILIARY MAY ( nsAccountLock $ nsSshPublicKey ) )";
    world.schema = world.schema.clone().with("objectClasses", account);
    for name in ["nsSshPublicKey", "nsAccountLock"] {
        world.schema = world.schema.clone().with("attributeTypes", format!("( 2.16 NAME '{name}' )"));
    }
    drop(world);
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
    let admin = server.entry(&format!("uid=admin,{PEOPLE}")).unwrap();
    server.put(admin.clone().with("nsSshPublicKey", KEY).with("objectClass", "nsAccount"));
    let directory = LdapDirectory::new(Settings { key_attribute: Some("nsSshPublicKey"), ..settings(&server) });
    let key = |state: &str| args(&[("user", "admin".into()), ("key", KEY.into()), ("state", state.into())]);
    assert!(!directory.call("authorized_key", &[key("present")], false).unwrap()[0].changed, "it is there");
    let results = directory.call("authorized_key", &[key("absent")], false).unwrap();
    assert!(failures(&results).is_empty() && results[0].changed, "{results:?}");
    assert_eq!(server.entry(&admin.dn).unwrap().text("nsSshPublicKey"), None);
    let locked = args(&[("name", "admin".into()), ("password_lock", true.into())]);
    assert_eq!(failures(&directory.call("user", &[locked], false).unwrap()), Vec::<String>::new());
    assert_eq!(server.entry(&admin.dn).unwrap().text("nsAccountLock"), Some("TRUE"));
}
