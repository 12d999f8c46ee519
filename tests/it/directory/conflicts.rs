//! The twenty conflicts of docs/directories.md, one test each: what enlist says is what the table there says. Where places are joined
//! in memory, that is driven; what only a host can say is asked of hosts, with a real OpenLDAP.

use super::slapd::{BASE, Schema, Slapd};
use crate::support::{Lab, Ran, lab};
use control::roster::claims::{Claim, conflicts, of_roster};
use control::roster::{Roster, load};
use control::sync::joined::{self, NodeView};
use control::sync::{Observed, ObservedGroup, ObservedUser};
use directory::accounts::{Mirror, Rules, decide, listing};
use directory::dialects::{ActiveDirectory, Dialect, FreeIpa, Posix};
use directory::entry::Entry;
use directory::schema::Shape;
use directory::settings::{Bind, SchemaKind, Server, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use words::diag::Source;
use words::value::{Map, Value};

/// What the table says of one conflict: the phrases in quotes.
fn phrases(number: usize) -> Vec<String> {
    let docs = include_str!("../../../docs/directories.md");
    let row = docs.lines().find(|line| line.starts_with(&format!("| {number} |"))).expect("a row of the table");
    let phrases: Vec<_> = row.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!phrases.is_empty(), "{row}");
    phrases
}

/// Makes sure that the phrases of a conflict stand in what was said.
fn said(number: usize, texts: &[String]) {
    for phrase in phrases(number) {
        assert!(texts.iter().any(|text| text.contains(&phrase)), "{number}: {phrase:?} is not in {texts:#?}");
    }
}

#[test]
fn the_table_has_twenty_rows() {
    (1..=20).for_each(|number| _ = phrases(number));
}

const HEAD: &str = "hosts: login3\ndirectories:\n  corp: {server: 'ldapi:///run/l', base: 'dc=x', ids: 2000-3999, hosts: login1}\n\
                    groups:\n  ai_team: {gid: 3001}\n";

fn read(rest: &str) -> Result<Roster, Vec<String>> {
    let read = load(&Source::new("roster.yml", format!("{HEAD}{rest}")));
    read.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn roster(rest: &str) -> Roster {
    read(rest).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn kim() -> Roster {
    roster("users:\n  kim: {uid: 2001, group: ai_team}\n")
}

/// A place with these people (name, uid, gid) and groups.
fn place(name: &str, users: &[(&str, u32, u32)], groups: &[(&str, u32)]) -> Observed {
    let user = |(at, (name, uid, gid)): (usize, &(&str, u32, u32))| ObservedUser {
        name: (*name).into(),
        uid: *uid,
        gid: *gid,
        comment: String::new(),
        home: format!("/home/{name}"),
        shell: "/bin/sh".into(),
        file: "/etc/passwd".into(),
        line: at as u32 + 1,
        locked: None,
    };
    let group = |(at, (name, gid)): (usize, &(&str, u32))| ObservedGroup {
        name: (*name).into(),
        gid: *gid,
        file: "/etc/group".into(),
        line: at as u32 + 1,
    };
    Observed {
        host: name.into(),
        users: users.iter().enumerate().map(user).collect(),
        groups: groups.iter().enumerate().map(group).collect(),
        digest: String::new(),
        warnings: Vec::new(),
    }
}

fn texts(problems: &[words::diag::Diagnostic]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// What is said of names and numbers over these places.
fn joined_with(roster: &Roster, places: &[Observed]) -> Vec<String> {
    let claims: Vec<Claim> = places.iter().flat_map(Observed::claims).collect();
    texts(&conflicts(&of_roster(roster), &claims))
}

#[test]
fn c01_one_name_with_two_uids() {
    let told = joined_with(&kim(), &[place("corp", &[("kim", 2005, 100)], &[])]);
    said(1, &told);
    assert!(told[0].contains("corp: /etc/passwd:1: kim has uid 2005"), "{told:?}");
}

#[test]
fn c02_one_uid_with_two_names() {
    said(2, &joined_with(&kim(), &[place("login3", &[("lee", 2001, 100)], &[])]));
}

#[test]
fn c03_the_same_of_groups() {
    said(3, &joined_with(&kim(), &[place("login3", &[], &[("gpu", 3001)])]));
}

#[test]
fn c04_an_account_of_the_hosts_own_before_the_directorys() {
    let of_corp = [("login1".to_owned(), "corp".to_owned())];
    let told = |people: &[(&str, u32, u32)]| {
        texts(&joined::shadowed(&of_roster(&kim()), &[place("login1", people, &[])], &of_corp))
    };
    let shadowed = told(&[("root", 0, 0), ("kim", 2001, 3001)]);
    said(4, &shadowed);
    assert!(shadowed[0].contains("login1: /etc/passwd:2: kim has uid 2001"), "place: {shadowed:?}");
    assert!(shadowed[0].contains("userdel") && shadowed[0].contains("`hosts` of corp"), "remedy: {shadowed:?}");
    assert_eq!(told(&[("root", 0, 0), ("mina", 2009, 100)]), Vec::<String>::new());
}

fn node(host: &str, nsswitch: &str) -> NodeView {
    let (host, resolves) = (host.into(), Some("corp".into()));
    NodeView { host, resolves, nsswitch: Some(nsswitch.into()), ..NodeView::default() }
}

#[test]
fn c05_where_hosts_look_for_people() {
    let good = node("login1", "passwd: files sss\ngroup: files sss\n");
    assert_eq!(joined::remarks(&kim(), &[], std::slice::from_ref(&good)), Vec::<String>::new());
    let missing = node("login2", "passwd: files\ngroup: files [NOTFOUND=return] sss\n");
    let told = joined::remarks(&kim(), &[], &[good, missing]);
    said(5, &told);
    let of_login1 = told.iter().filter(|text| text.starts_with("login1"));
    assert_eq!((of_login1.count(), told.len()), (0, 3), "{told:?}");
    let odd = [("sss files", "before files"), ("compat", "is compat"), ("files [SUCCESS=merge] sss", "SUCCESS=merge")];
    for (words, says) in odd {
        let told = joined::remarks(&kim(), &[], &[node("login1", &format!("passwd: files sss\ngroup: {words}\n"))]);
        assert!(told.len() == 1 && told[0].contains(says), "{told:?}");
    }
}

#[test]
fn c06_a_number_of_the_systems_or_of_containers() {
    let mut told = read("users:\n  kim: {uid: 65534, group: ai_team}\n").unwrap_err();
    let node = NodeView { host: "login3".into(), subids: "lee:1900:300\nx:y:z\n".into(), ..NodeView::default() };
    let subordinate = texts(&joined::subordinate(&of_roster(&kim()), std::slice::from_ref(&node)));
    assert!(subordinate.len() == 1 && subordinate[0].contains("1900 to 2199"), "{subordinate:?}");
    told.extend(subordinate);
    said(6, &told);
    let elsewhere = NodeView { subids: "lee:100000:65536\n".into(), ..node };
    assert!(joined::subordinate(&of_roster(&kim()), &[elsewhere]).is_empty());
}

/// A host whose name service says so of `kim`, and the directory that has him as 2001 with 3001.
fn shows(uid: u32, gid: u32) -> (Vec<Observed>, NodeView) {
    let seen = vec![place("corp", &[("kim", 2001, 3001)], &[("ai_team", 3001)])];
    let node = node("login1", "passwd: files sss\ngroup: files sss\n");
    (seen, NodeView { asked: vec!["kim".into()], resolved: BTreeMap::from([("kim".into(), (uid, gid))]), ..node })
}

#[test]
fn c07_another_primary_group_and_a_group_that_is_none() {
    let (seen, node) = shows(2001, 100);
    let mut told = joined::remarks(&kim(), &seen, std::slice::from_ref(&node));
    assert!(told.len() == 1 && joined::foreign_numbers(&seen, &[node]).is_empty(), "{told:?}");
    told.extend(read("users:\n  kim: {uid: 2001, group: nobodys}\n").unwrap_err());
    said(7, &told);
}

#[test]
fn c08_another_uid_than_there_is() {
    let there = [place("login3", &[("kim", 1201, 3001)], &[])];
    said(8, &joined_with(&kim(), &there));
}

#[test]
fn c09_the_number_of_somebody_who_left() {
    let users = "users:\n  dooly: {uid: 2001, group: ai_team, state: absent}\n  kim: {uid: 2001, group: ai_team}\n";
    said(9, &read(users).unwrap_err());
}

const PEOPLE: &str = "ou=people,dc=x";

fn rules(dialect: &'static dyn Dialect, kind: SchemaKind) -> Rules {
    let settings = Settings {
        name: "corp".into(),
        server: Server::Socket("/run/l".into()),
        base: "dc=x".into(),
        people: PEOPLE.into(),
        groups: "ou=groups,dc=x".into(),
        bind: Bind::External,
        schema: None,
        key_attribute: None,
        ca: None,
        sentinel: None,
        ids: 2000..=3999,
    };
    let shape = Shape {
        kind,
        group_class: None,
        needs_member: false,
        keys: None,
        unicode_gecos: false,
        policy_lock: false,
        password_span: false,
        realm: None,
        ranges: None,
        account_lock: false,
        hides_silently: false,
        elsewhere_is_fine: Vec::new(),
    };
    Rules { settings, shape, dialect }
}

fn person(dn: &str, name: &str, uid: u32) -> Entry {
    let entry = Entry::new(dn).with("objectClass", "posixAccount").with("uid", name).with("cn", name);
    entry.with("uidNumber", uid.to_string()).with("gidNumber", "3001").with("homeDirectory", "/h")
}

fn call(pairs: &[(&str, Value)]) -> Map {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// What a directory with these entries says to a change of `kim`.
fn refused(dialect: &'static dyn Dialect, entries: &[Entry], args: &[(&str, Value)]) -> String {
    let rules = rules(dialect, SchemaKind::Rfc2307);
    let mirror = Mirror::new(dialect.terms(), entries.iter().cloned());
    decide("user", &call(args), &mirror, &rules).unwrap_err().msg
}

fn shell_of_kim() -> [(&'static str, Value); 2] {
    [("name", "kim".into()), ("shell", "/bin/zsh".into())]
}

#[test]
fn c10_a_name_that_is_not_taken_everywhere() {
    let mut told = read("users:\n  Kim.1: {uid: 2001, group: ai_team}\n").unwrap_err();
    let long = [("name", Value::from("a23456789012345678901")), ("uid", 2001.into())];
    told.push(refused(&ActiveDirectory, &[], &long));
    told.push(refused(&Posix, &[person(&format!("uid=Kim,{PEOPLE}"), "Kim", 2001)], &shell_of_kim()));
    said(10, &told);
}

#[test]
fn c11_a_name_or_number_that_is_another_programs() {
    let entries = [person("uid=backup,ou=services,dc=x", "backup", 2001)];
    let rules = rules(&Posix, SchemaKind::Rfc2307);
    let listed = listing(&Mirror::new(Posix.terms(), entries), &rules).values;
    let user = &listed["users"].as_list().unwrap()[0];
    assert_eq!(user.get("file").and_then(Value::as_str), Some("uid=backup,ou=services,dc=x"), "all below `base` count");
    let mut told = joined_with(&kim(), &[place("corp", &[("backup", 2001, 100)], &[])]);
    told.extend(read("users:\n  slurm: {uid: 2001, group: ai_team}\n").unwrap_err());
    let slurms = [place("login1", &[("slurm", 64030, 100)], &[]), place("login3", &[("slurm", 401, 100)], &[])];
    told.extend(joined::remarks(&kim(), &slurms, &[]));
    said(11, &told);
    assert_eq!(joined::remarks(&kim(), &slurms[..1], &[]), Vec::<String>::new());
}

#[test]
fn c12_two_entries_of_one_name_and_one_of_two() {
    let (one, other) = (person(&format!("uid=kim,{PEOPLE}"), "kim", 2001), person("uid=kim,dc=x", "kim", 2002));
    let both = person(&format!("uid=kim,{PEOPLE}"), "kim", 2001).with("uid", "gildong");
    said(12, &[refused(&Posix, &[one, other], &shell_of_kim()), refused(&Posix, &[both], &shell_of_kim())]);
}

#[test]
fn c13_an_entry_that_is_not_enlists() {
    let elsewhere = person("uid=kim,ou=services,dc=x", "kim", 2001);
    let aside = person("uid=kim,cn=deleted users,cn=accounts,cn=provisioning,dc=x", "kim", 2001);
    said(13, &[refused(&Posix, &[elsewhere], &shell_of_kim()), refused(&FreeIpa, &[aside], &shell_of_kim())]);
}

#[test]
fn c15_a_shell_that_a_host_does_not_have() {
    let people = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let shells =
        [("/bin/sh", &["a"][..]), ("/bin/zsh", &["kim"]), ("/opt/fish", &["lee", "mina", "jun"]), ("/etc", &["x"])];
    let wanted = shells.iter().map(|(shell, names)| ((*shell).to_owned(), people(names))).collect();
    let stats = "755 regular file /bin/sh\n755 regular file /opt/fish\n755 directory /etc\n";
    let told = joined::missing_shells("login1", &wanted, stats, Some("/bin/sh\n/bin/zsh\n"));
    said(15, &told);
    assert!(told[0].starts_with("login1: /bin/zsh, the shell of kim, is no program there"), "{told:?}");
    assert!(told[1].starts_with("login1: /etc, "), "{told:?}");
    assert!(told[2].starts_with("login1: /opt/fish, the shell of lee, mina and 1 more, is not in"), "{told:?}");
    assert_eq!(told.len(), 3);
}

#[test]
fn c16_a_private_groups_name_and_groups_in_groups() {
    let mut told = joined_with(&kim(), &[place("login3", &[], &[("ai_team", 2001)])]);
    let group = |name: &str, gid: u32, member: &str| {
        let entry = Entry::new(format!("cn={name},dc=x")).with("objectClass", "posixGroup").with("cn", name);
        entry.with("gidNumber", gid.to_string()).with("member", format!("cn={member},dc=x"))
    };
    let groups = [group("all", 3001, "gpu"), group("gpu", 3002, "ai"), group("ai", 3003, "gpu")];
    told.extend(listing(&Mirror::new(Posix.terms(), groups), &rules(&Posix, SchemaKind::Rfc2307bis)).warnings);
    said(16, &told);
}

#[test]
fn c17_hosts_with_other_numbers_than_the_directory() {
    let (seen, node) = shows(1_523_400_113, 1_523_400_513);
    let told = texts(&joined::foreign_numbers(&seen, &[node]));
    said(17, &told);
    assert!(told[0].contains("kim: corp has uid 2001, login1 shows 1523400113"), "{told:?}");
    assert!(told[0].contains("ldap_id_mapping = false"), "{told:?}");
    let (seen, node) = shows(2001, 3001);
    assert!(joined::foreign_numbers(&seen, &[node]).is_empty());
}

#[test]
fn c19_locked_in_one_place_and_not_in_another() {
    let people = |extra: &str| {
        roster(&format!(
            "scheduler: m\naccounts: {{ai: {{users: [kim]}}}}\nusers:\n  kim: {{uid: 2001, group: ai_team{extra}}}\n"
        ))
    };
    let mut corp = place("corp", &[("kim", 2001, 3001)], &[]);
    corp.users[0].locked = Some(true);
    let login3 = place("login3", &[("kim", 2001, 3001)], &[]);
    let expired = |names: &[&str]| NodeView {
        host: "login3".into(),
        kept_out: Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()),
        ..NodeView::default()
    };
    let seen = [corp, login3];
    let told = [expired(&[]), expired(&["kim"])].map(|node| joined::remarks(&people(""), &seen, &[node]));
    said(19, &told.concat());
    assert_eq!(told.map(|one| one.len()), [1, 1]);
    // Who is spoken of in the roster is planned, and needs no remark; of whom nobody knows it, nothing is said.
    for extra in [", locked: yes", ", locked: no", ", state: absent"] {
        let people = roster(&format!("users:\n  kim: {{uid: 2001, group: ai_team{extra}}}\n"));
        assert_eq!(joined::remarks(&people, &seen, &[expired(&[])]), Vec::<String>::new(), "{extra}");
    }
    assert_eq!(joined::remarks(&kim(), &seen[..1], &[]), Vec::<String>::new());
}

const INVENTORY: &str = "inventories/reference/hosts.ini";

fn written(lab: &Lab, slapd: &Slapd, users: &str) -> PathBuf {
    let server = slapd.url();
    lab.write_temp(
        "roster.yml",
        &format!(
            "hosts: login3\ndirectories:\n  corp: {{server: '{server}', base: '{BASE}', ids: 2000-3999, hosts: 'login1,login2'}}\n\
             groups:\n  ai_team: {{gid: 3001}}\nusers:\n{users}"
        ),
    )
}

fn enlist(lab: &Lab, command: &[&str], roster: &Path) -> Ran {
    lab.enlist(&[command, &["-i", INVENTORY, "--roster", roster.to_str().unwrap()]].concat())
}

/// All that a plan says.
fn plan(lab: &Lab, roster: &Path, code: i32) -> Vec<String> {
    let ran = enlist(lab, &["plan"], roster).code(code);
    vec![ran.stdout + &ran.stderr]
}

/// A name service that knows `kim` by this line of passwd(5) and nobody else of the directory.
fn client(lab: &Lab, node: &str, line: &str) {
    let script =
        format!("#!/bin/sh\ncase \"$*\" in 'passwd kim'*) echo '{line}'; exit 0;; esac\nexec /usr/bin/getent \"$@\"\n");
    let here = lab.write_temp("getent", &script);
    lab.lab(&["put", node, here.to_str().unwrap(), "/usr/local/bin/getent"]).ok();
    let nsswitch = "sed -i -E 's/^(passwd|group): .*/\\1: files sss/' /etc/nsswitch.conf";
    lab.sh(node, &format!("chmod 755 /usr/local/bin/getent; {nsswitch}")).ok();
}

/// What only hosts can say: conflicts 4, 5, 9 to 20 as far as they are asked for.
#[test]
fn what_hosts_say_is_joined_before_anything_is_written() {
    let lab = lab();
    let slapd = Slapd::start(&lab, Schema::Rfc2307);
    let kim = "  kim: {uid: 2001, group: ai_team}\n";
    let first = written(&lab, &slapd, kim);
    enlist(&lab, &["apply", "-y", "--limit", "login3"], &first).ok();
    let group = "objectClass: posixGroup\ncn: ai_team\ngidNumber: 3001\n";
    let person = "objectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: kim\ncn: kim\nsn: kim\nuidNumber: 2001\n\
                  gidNumber: 3001\nhomeDirectory: /home/kim\n";
    slapd.add(&format!("dn: cn=ai_team,ou=groups,{BASE}\n{group}\ndn: uid=kim,ou=people,{BASE}\n{person}\n")).ok();
    let writes = slapd.writes();
    // No host has been made a client.
    let told = plan(&lab, &first, 0);
    assert!(told[0].contains("login1: /etc/nsswitch.conf: `passwd` names none of"), "{told:?}");
    assert!(told[0].contains("login2: it knows nobody of corp (1 asked for, kim and on)"), "{told:?}");
    client(&lab, "login1", "kim:*:1523400113:1523400513::/home/kim:/bin/sh");
    let told = plan(&lab, &first, 1);
    said(17, &told);
    client(&lab, "login1", "kim:*:2001:3001::/home/kim:/bin/sh");
    let told = plan(&lab, &first, 0);
    assert!(told[0].contains("in different orders ("), "{told:?}");
    assert!(told[0].contains("login1: passwd: files sss, group: files sss"), "{told:?}");
    assert!(!told[0].contains("login1: /etc") && !told[0].contains("login1: it knows"), "{told:?}");
    // An account of the host's own.
    lab.sh("login2", "echo kim:x:2001:100::/home/kim:/bin/sh >>/etc/passwd").ok();
    said(4, &plan(&lab, &first, 1));
    lab.sh("login2", "sed -i /^kim:/d /etc/passwd").ok();
    // A home of somebody else's, a home of two, and a shell that is not there.
    lab.sh("login3", "mkdir /home/lee").ok();
    let lee = "  lee: {uid: 2002, group: ai_team, shell: /bin/nosuch}\n";
    let more = written(&lab, &slapd, &format!("{kim}{lee}"));
    let mut told = plan(&lab, &more, 2);
    assert!(told[0].contains("login3: /bin/nosuch, the shell of lee, is no program there"), "{told:?}");
    let two = written(&lab, &slapd, &format!("{kim}  lee: {{uid: 2002, group: ai_team, home: /home/kim}}\n"));
    told.extend(plan(&lab, &two, 1));
    said(14, &told);
    // Locked by hand in the directory, and not on the host that keeps its own.
    let entry = format!("dn: uid=kim,ou=people,{BASE}\nchangetype: modify\nadd: ");
    slapd.modify(&format!("{entry}pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n")).ok();
    let told = plan(&lab, &first, 0);
    assert!(told[0].contains("kim is locked on corp, and not on login3"), "{told:?}");
    assert_eq!(slapd.writes(), writes + 1, "the one by hand");
    // Changed between plan and apply.
    let file = more.with_file_name("plan.json");
    enlist(
        &lab,
        &["plan", "-o", file.to_str().unwrap()],
        &written(&lab, &slapd, "  kim: {uid: 2001, group: ai_team, shell: /bin/bash}\n"),
    )
    .code(2);
    slapd.modify(&format!("{entry}loginShell\nloginShell: /bin/dash\n")).ok();
    let roster = written(&lab, &slapd, "  kim: {uid: 2001, group: ai_team, shell: /bin/bash}\n");
    let refused = lab.enlist(&["apply", file.to_str().unwrap(), "--roster", roster.to_str().unwrap()]).code(1);
    said(20, &[refused.stderr]);
    // A directory that does not answer is left out, and its hosts are planned.
    let silent = written(&lab, &slapd, kim);
    drop(slapd);
    let told = plan(&lab, &silent, 3);
    assert!(told[0].contains("! the directory on corp"), "{told:?}");
}

#[test]
fn c18_a_host_or_client_that_does_not_answer() {
    let (seen, node) = shows(2001, 3001);
    let asleep = NodeView { resolved: BTreeMap::new(), ..node };
    let mut told = joined::remarks(&kim(), &seen, &[asleep]);
    assert!(told.len() == 1 && told[0].contains("unknown"), "{told:?}");
    let lab = lab();
    let roster = lab.write_temp("roster.yml", "hosts: all\ngroups:\n  ai_team: {gid: 3001}\n");
    let hosts =
        lab.write_temp("hosts.ini", "login1 ansible_host=10.0.0.1\nlogin3 ansible_host=10.0.0.3 ansible_port=9\n");
    let ran = lab.enlist(&["plan", "-i", hosts.to_str().unwrap(), "--roster", roster.to_str().unwrap()]).code(3);
    assert!(ran.stdout.contains("+ group ai_team  on login1"), "{}", ran.stdout);
    assert!(ran.stdout.contains("! the host on login3"), "{}", ran.stdout);
    told.push(ran.stdout);
    said(18, &told);
}
