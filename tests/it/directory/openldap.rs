//! The roster against a real OpenLDAP in three schemas: plan, apply, drift, removal, other writers, what cannot be read.

use super::slapd::{BASE, PASSWORD, Schema, Slapd, keeper};
use crate::support::{Lab, Ran, lab};
use expect_test::expect;
use std::path::{Path, PathBuf};

const INVENTORY: &str = "inventories/reference/hosts.ini";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

/// A roster with this directory, whose people also have accounts on the master.
fn roster(lab: &Lab, directory: &str, rest: &str) -> PathBuf {
    lab.write_temp("roster.yml", &format!("hosts: master_node\ndirectories:\n  corp:\n{directory}{rest}"))
}

fn by_socket(slapd: &Slapd, more: &str) -> String {
    format!("    {{server: '{}', base: '{BASE}', ids: 2000-3999{more}}}\n", slapd.url())
}

fn first() -> String {
    format!(
        "groups:\n  ai_team: {{gid: 3001}}\n  gpu: {{gid: 3002}}\nusers:\n  gildong:\n    uid: 2001\n    group: ai_team\n    \
         groups: [gpu]\n    comment: 홍 길동\n    shell: /bin/bash\n    keys: [{KEY} laptop]\n  \
         dooly: {{uid: 2002, group: ai_team}}\n"
    )
}

fn second() -> String {
    first().replace("groups: [gpu]", "groups: []\n    only_groups: yes").replace("/bin/bash", "/bin/zsh").replace(
        "dooly: {uid: 2002, group: ai_team}",
        "dooly: {uid: 2002, group: ai_team, locked: yes}\n  mina: {uid: 2003, group: gpu, home: /scratch/mina}",
    )
}

fn third() -> String {
    let gone = second().replace("locked: yes", "state: absent");
    gone.replace("ai_team: {gid: 3001}", "ai_team: {gid: 3001}\n  old: {gid: 3009, state: absent}")
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn enlist(lab: &Lab, command: &[&str], roster: &Path) -> Ran {
    lab.enlist(&[command, &["-i", INVENTORY, "--roster", path(roster)]].concat())
}

/// What a plan says of the directory: the lines of changes `on corp`, with their fields.
fn of_directory(plan: &str) -> String {
    let (mut kept, mut is_its) = (String::new(), false);
    for line in plan.lines() {
        if line.starts_with("  ") && !line.starts_with("      ") {
            is_its = line.ends_with(" on corp") && !line.starts_with("  !");
        }
        if is_its && line.starts_with("  ") {
            kept += &format!("{}\n", line[2..].trim_end());
        }
    }
    kept
}

#[test]
fn three_generations_in_three_schemas() {
    for (schema, more) in [(Schema::Rfc2307, ""), (Schema::Rfc2307bis, ""), (Schema::Rfc2307bis, ", schema: mixed")] {
        let lab = lab();
        let slapd = Slapd::start(&lab, schema);
        let directory = by_socket(&slapd, more);
        let zero = roster(&lab, &directory, &first());
        let planned = enlist(&lab, &["plan"], &zero).code(2).stdout;
        expect![[r#"
              + group ai_team                                           on corp
                  gid    3001
                  entry  cn=ai_team,ou=groups,dc=example,dc=org
              + group gpu                                               on corp
                  gid    3002
                  entry  cn=gpu,ou=groups,dc=example,dc=org
              + user gildong                                            on corp
                  uid      2001
                  group    ai_team (3001)
                  groups   gpu
                  comment  홍 길동
                  home     /home/gildong
                  shell    /bin/bash
                  entry    uid=gildong,ou=people,dc=example,dc=org
              + user dooly                                              on corp
                  uid      2002
                  group    ai_team (3001)
                  comment  dooly
                  home     /home/dooly
                  entry    uid=dooly,ou=people,dc=example,dc=org
              + authorized_key uid=gildong,ou=people,dc=example,dc=org  on corp
                  sshPublicKey
                  + ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g laptop
        "#]]
        .assert_eq(&of_directory(&planned));
        enlist(&lab, &["apply", "-y"], &zero).ok();
        enlist(&lab, &["plan"], &zero).ok();
        assert_members(&slapd, "gpu", schema, more, true);

        let one = roster(&lab, &directory, &second());
        expect![[r#"
              ~ user gildong  on corp
                  groups  gpu → (none)
                  shell   /bin/bash → /bin/zsh
              ~ user dooly    on corp
                  locked   (none) → True
                  expires  (none) → 1970-01-02
              + user mina     on corp
                  uid      2003
                  group    gpu (3002)
                  comment  mina
                  home     /scratch/mina
                  entry    uid=mina,ou=people,dc=example,dc=org
        "#]]
        .assert_eq(&of_directory(&enlist(&lab, &["plan"], &one).code(2).stdout));
        enlist(&lab, &["apply", "-y"], &one).ok();
        enlist(&lab, &["plan"], &one).ok();
        assert_members(&slapd, "gpu", schema, more, false);

        slapd.add(&old_group(schema)).ok();
        let two = roster(&lab, &directory, &third());
        expect![[r#"
              - user dooly  on corp
                  uid      2002
                  group    ai_team (3001)
                  comment  dooly
                  home     /home/dooly
                  locked   True
                  expires  1970-01-02
                  entry    uid=dooly,ou=people,dc=example,dc=org
              - group old   on corp
                  gid    3009
                  entry  cn=old,ou=groups,dc=example,dc=org
        "#]]
        .assert_eq(&of_directory(&enlist(&lab, &["plan"], &two).code(2).stdout));
        enlist(&lab, &["apply", "-y"], &two).ok();
        let writes = slapd.writes();
        enlist(&lab, &["apply", "-y"], &two).ok();
        assert_eq!(slapd.writes(), writes, "the second apply writes nothing");
        let left = slapd.contents();
        assert!(left.contains("uid: gildong") && left.contains("uid: mina"), "{left}");
        assert!(!left.contains("dooly") && !left.contains("cn: old"), "{left}");
    }
}

/// A group that was there before enlist came.
fn old_group(schema: Schema) -> String {
    let class = if schema == Schema::Rfc2307 { "" } else { "objectClass: groupOfMembers\n" };
    format!("dn: cn=old,ou=groups,{BASE}\n{class}objectClass: posixGroup\ncn: old\ngidNumber: 3009\n\n")
}

/// Whether gildong is in the group in each way that the schema has, and in no other.
fn assert_members(slapd: &Slapd, group: &str, schema: Schema, more: &str, is_in: bool) {
    let filter = format!("cn={group}");
    let entry = slapd.client(&["ldapsearch", "-LLL", "-b", BASE, &filter], "").ok().stdout;
    let (by_name, by_entry) = (entry.contains("memberUid: gildong"), entry.contains("member: uid=gildong,"));
    let (wants_name, wants_entry) = (schema == Schema::Rfc2307 || !more.is_empty(), schema == Schema::Rfc2307bis);
    assert_eq!((by_name, by_entry), (wants_name && is_in, wants_entry && is_in), "{entry}");
}

/// A login with a password, over TLS, as `who`.
fn with_password(lab: &Lab, slapd: &Slapd, server: &str, who: &str) -> String {
    let password = if who == "enlist" { PASSWORD } else { who };
    let password = lab.write_temp("password", &format!("{password}\n"));
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    format!(
        "    {{server: '{server}', base: '{BASE}', ids: 2000-3999, bind: 'cn={who},{BASE}', password: {{file: {}}}, ca: {}, \
         sentinel: 'uid=keeper,ou=people,{BASE}'}}\n",
        path(&password),
        path(&slapd.ca())
    )
}

#[test]
fn over_tls_with_a_password_that_nobody_sees() {
    let lab = lab();
    let slapd = Slapd::start(&lab, Schema::Rfc2307);
    slapd.add(&keeper(2500)).ok();
    for (server, users) in [("ldaps://10.0.255.254", first()), ("ldap://10.0.255.254", second())] {
        let roster = roster(&lab, &with_password(&lab, &slapd, server, "enlist"), &users);
        assert_hidden(&plan_to_file(&lab, &roster, 2));
        assert_hidden(&enlist(&lab, &["apply", "-y", "--json"], &roster).ok());
        let planned = enlist(&lab, &["plan"], &roster).ok();
        assert_hidden(&planned);
        assert_eq!(planned.stderr, "");
    }
    assert!(slapd.contents().contains("uid: mina"));
    // Who is new gets the password of the roster's hash, and who has one keeps it; nobody sees a hash.
    let hash =
        |word: &str| lab.controller_command(&["openssl", "passwd", "-6", "-salt", "saltsalt", word]).output().unwrap();
    let hash = |word: &str| String::from_utf8(hash(word).stdout).unwrap().trim().to_owned();
    let lets_in = |word: &str| {
        let words = ["ldapwhoami", "-x", "-H", &slapd.url(), "-D", &format!("uid=jun,ou=people,{BASE}"), "-w", word];
        lab.controller_command(&words).output().unwrap().status.success()
    };
    for word in ["first-word", "second-word"] {
        let person = format!(
            "  jun: {{uid: 2004, group: gpu, password: '{}', starts: 2026-09-01, ends: 2098-12-31}}\n",
            hash(word)
        );
        let roster =
            roster(&lab, &with_password(&lab, &slapd, "ldaps://10.0.255.254", "enlist"), &(second() + &person));
        let applied = enlist(&lab, &["apply", "-y", "--json"], &roster).ok();
        assert!(!applied.stdout.contains("saltsalt") && !applied.stderr.contains("saltsalt"), "{applied:?}");
        assert_eq!((lets_in("first-word"), lets_in("second-word")), (true, false), "{word}");
    }
    let days =
        slapd.client(&["ldapsearch", "-LLL", "-b", BASE, "uid=jun", "pwdStartTime", "pwdEndTime"], "").ok().stdout;
    assert!(days.contains("pwdStartTime: 20260901000000Z") && days.contains("pwdEndTime: 20981231000000Z"), "{days}");
    // Each way of not being who one should be.
    let good = with_password(&lab, &slapd, "ldaps://10.0.255.254", "enlist");
    let other_ca = lab.write_temp("other.crt", &other_authority());
    let bad = [
        (good.replace(path(&slapd.ca()), path(&other_ca)), "invalid peer certificate"),
        (good.replace("10.0.255.254", "10.0.255.254:389"), "cannot connect"),
        (good.replace("cn=enlist", "cn=nobody"), "it does not take bind entry and password (LDAP result 49"),
    ];
    let writes = slapd.writes();
    for (directory, says) in bad {
        let roster = roster(&lab, &directory, &third());
        let ran = plan_to_file(&lab, &roster, 3);
        assert_hidden(&ran);
        let planned = ran.stdout;
        assert!(planned.contains("! the directory on corp") && planned.contains(says), "{says}: {planned}");
        assert!(of_directory(&planned).is_empty(), "{planned}");
    }
    assert_eq!(slapd.writes(), writes);
}

/// Makes a plan, whose file has not the password.
fn plan_to_file(lab: &Lab, roster: &Path, code: i32) -> Ran {
    let file = roster.with_file_name("plan.json");
    let ran = enlist(lab, &["plan", "-o", path(&file)], roster).code(code);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("corp") && !text.contains(PASSWORD), "{text}");
    ran
}

/// Nothing that was printed has the password.
fn assert_hidden(ran: &Ran) {
    assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD), "{ran:?}");
}

fn other_authority() -> String {
    rcgen::generate_simple_self_signed(vec!["elsewhere".to_owned()]).unwrap().cert.pem()
}

#[test]
fn what_is_cut_off_or_not_to_be_read_is_never_a_reason_to_remove() {
    let lab = lab();
    let mut slapd = Slapd::start(&lab, Schema::Rfc2307);
    slapd.add(&keeper(2500)).ok();
    let by_all = with_password(&lab, &slapd, "ldaps://10.0.255.254", "enlist");
    enlist(&lab, &["apply", "-y"], &roster(&lab, &by_all, &second())).ok();
    let (before, writes) = (slapd.contents(), slapd.writes());
    let refused = |who: &str, says: &str, slapd: &Slapd| {
        let directory = with_password(&lab, slapd, "ldaps://10.0.255.254", who);
        let roster = roster(&lab, &directory, &third());
        let planned = enlist(&lab, &["plan"], &roster).code(3).stdout;
        assert!(planned.contains("! the directory on corp") && planned.contains(says), "{planned}");
        assert!(planned.contains("- user dooly"), "the hosts are planned all the same: {planned}");
    };
    refused("cut", "its size limit cut the answer off", &slapd);
    refused("blind", "this login may not read it", &slapd);
    assert_eq!((slapd.contents(), slapd.writes()), (before.clone(), writes));
    slapd.stop();
    refused("enlist", "cannot connect", &slapd);
    slapd.run();
    assert_eq!(slapd.contents(), before);
    enlist(&lab, &["apply", "-y"], &roster(&lab, &by_all, &third())).ok();
    assert!(!slapd.contents().contains("uid=dooly"), "and when it is back, the next run completes it");
}

#[test]
fn what_others_write_stays_and_a_plan_that_is_old_touches_nothing() {
    let lab = lab();
    let slapd = Slapd::start(&lab, Schema::Rfc2307);
    slapd.add(&keeper(2500)).ok();
    let directory = by_socket(&slapd, "");
    let roster_one = roster(&lab, &directory, &first());
    enlist(&lab, &["apply", "-y"], &roster_one).ok();
    let own = format!(
        "dn: uid=gildong,ou=people,{BASE}\nchangetype: modify\nadd: mail\nmail: own@example.org\n-\nadd: sshPublicKey\nsshPublicKey: ssh-rsa AAAAb own\n\n\
                       dn: cn=gpu,ou=groups,{BASE}\nchangetype: modify\nadd: memberUid\nmemberUid: keeper\n"
    );
    slapd.modify(&own).ok();
    enlist(&lab, &["plan"], &roster_one).ok();
    let roster_two = roster(&lab, &directory, &second());
    let plan = roster_two.with_file_name("plan.json");
    enlist(&lab, &["plan", "-o", path(&plan)], &roster_two).code(2);
    let shell =
        format!("dn: uid=gildong,ou=people,{BASE}\nchangetype: modify\nreplace: loginShell\nloginShell: /bin/fish\n");
    slapd.modify(&shell).ok();
    let before = slapd.contents();
    let refused = lab.enlist(&["apply", path(&plan), "--roster", path(&roster_two)]).code(1).stderr;
    assert!(refused.contains("the world has moved") && refused.contains("/bin/fish → /bin/zsh"), "{refused}");
    assert_eq!(slapd.contents(), before);
    let without = lab.enlist(&["apply", path(&plan)]).code(1).stderr;
    assert!(without.contains("--roster FILE"), "{without}");
    enlist(&lab, &["apply", "-y"], &roster_two).ok();
    let after = slapd.contents();
    for kept in ["mail: own@example.org", "sshPublicKey: ssh-rsa AAAAb own", "memberUid: keeper", "uid: keeper"] {
        assert!(after.contains(kept), "{kept} is not in:\n{after}");
    }
    taken_over(&lab, &directory);
}

/// A roster of who is there, in the directory and on a host: its first plan changes nothing but what was named.
fn taken_over(lab: &Lab, directory: &str) {
    let directories = lab.write_temp("directories.yml", &format!("directories:\n  corp:\n{directory}"));
    let import = |hosts: &str| {
        let import = ["roster", "import", "--json", "-i", INVENTORY, "--hosts", hosts, "--ids", "2000-3999"];
        let told = lab.enlist(&[&import[..], &["--directories", path(&directories)]].concat()).code(3).stdout;
        serde_json::from_str::<serde_json::Value>(&told).unwrap()
    };
    let same = import("master_node");
    let named: Vec<_> =
        same["differences"].as_array().unwrap().iter().map(|one| format!("{}: {}", one["what"], one["why"])).collect();
    let (quiet, loud) = ("on corp; /bin/sh on master_node", "left out: the primary group, gid 100, is none");
    for said in ["user dooly\": \"shell is left alone", "user gildong\": \"the key own is only on corp", quiet, loud] {
        assert!(named.iter().any(|one| one.contains(said)), "{said} is not in {named:?}");
    }
    assert_eq!((named.len(), &same["people"]), (6, &3.into()), "{named:?}");
    let taken = lab.write_temp("taken.yml", same["roster"].as_str().unwrap());
    let text = std::fs::read_to_string(&taken).unwrap();
    assert!(text.contains("comment: 홍 길동") && text.contains("ssh-ed25519") && !text.contains("AAAAb own"), "{text}");
    let planned = enlist(lab, &["plan"], &taken).ok().stdout;
    assert!(planned.starts_with("Nothing to do: "), "{planned}");

    // On a host that has none of them the first plan makes them, and each of them is named.
    let more = import("master_node,login1");
    let differences = more["differences"].to_string();
    let taken = lab.write_temp("taken.yml", more["roster"].as_str().unwrap());
    let planned = enlist(lab, &["plan"], &taken).code(2).stdout;
    assert!(of_directory(&planned).is_empty(), "the directory stays as it is: {planned}");
    for name in ["gildong", "dooly", "mina"] {
        assert!(planned.contains(&format!("+ user {name}")), "{planned}");
        assert!(differences.contains(&format!("user {name}")), "{differences}");
    }
    assert!(!planned.contains("keeper") && !planned.contains("  ~ "), "{planned}");
}

#[test]
fn names_and_numbers_are_compared_over_directory_and_hosts() {
    let lab = lab();
    let slapd = Slapd::start(&lab, Schema::Rfc2307);
    slapd.add(&keeper(2001)).ok();
    let roster_one = roster(&lab, &by_socket(&slapd, ""), &first());
    let refused = enlist(&lab, &["plan"], &roster_one).code(1).stderr;
    assert!(refused.contains("uid 2001 shall be `gildong`, and is `keeper`"), "{refused}");
    assert!(refused.contains(&format!("corp: uid=keeper,ou=people,{BASE}: keeper has uid 2001")), "{refused}");
    let outside = roster(&lab, &by_socket(&slapd, ""), "users: {}\ngroups: {old: {gid: 4009}}\n");
    let refused = enlist(&lab, &["plan"], &outside).code(1).stderr;
    assert!(refused.contains("gid 4009 is not among `ids` of the directory `corp`"), "{refused}");
    // Whoever has a number outside of `ids` is not enlist's to remove.
    slapd.add(&keeper(5000).replace("keeper", "dooly")).ok();
    let gone = "groups: {ai_team: {gid: 3001}}\nusers:\n  lee: {uid: 2009, group: ai_team}\n  dooly: {uid: 5000, group: ai_team, state: absent}\n";
    let planned = enlist(&lab, &["plan"], &roster(&lab, &by_socket(&slapd, ""), gone)).code(3).stdout;
    assert!(planned.contains("user dooly on corp") && planned.contains("is not enlist's to change"), "{planned}");
}

/// Two rosters give one uid to two people at the same time. Whatever the server's uniqueness lets through, at most one of them has it
/// afterwards, and whoever lost is told so.
#[test]
fn two_writers_for_one_uid_leave_one_at_most() {
    let lab = lab();
    for rule in ["", "serialize "] {
        let slapd = Slapd::with_unique_uids(&lab, rule);
        let people = |name: &str, uid: u32| {
            format!("groups: {{ai_team: {{gid: 3001}}}}\nusers:\n  {name}: {{uid: {uid}, group: ai_team}}\n")
        };
        // Each with a host of its own: on one they would exclude each other.
        let apply = |name: &str, host: &str, uid: u32| {
            let text = std::fs::read_to_string(roster(&lab, &by_socket(&slapd, ""), &people(name, uid))).unwrap();
            let path = lab.write_temp("roster.yml", &text.replace("hosts: master_node", &format!("hosts: {host}")));
            let words = ["apply", "-y", "-i", INVENTORY, "--roster", path.to_str().unwrap()];
            let mut command = lab.enlist_command(&words);
            command
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        };
        enlist(
            &lab,
            &["apply", "-y"],
            &roster(&lab, &by_socket(&slapd, ""), "groups: {ai_team: {gid: 3001}}\nusers: {}\n"),
        )
        .ok();
        for round in 0..3 {
            let racers = [("anna", "login3"), ("bora", "login4")];
            let racers = racers.map(|(name, host)| apply(&format!("{name}{round}"), host, 2100 + round));
            let ends = racers.map(|racer| Ran::from(racer.wait_with_output().unwrap()));
            let filter = format!("(uidNumber={})", 2100 + round);
            let found = slapd.client(&["ldapsearch", "-LLL", "-b", BASE, &filter, "dn"], "").ok().stdout;
            let count = found.matches("dn: uid=").count();
            let well = ends.iter().filter(|ran| ran.code == 0).count();
            assert!(count <= 1 && well <= count, "round {round}: {count} have it, {well} went well: {ends:?}");
            assert!(ends.iter().any(|ran| ran.code != 0), "round {round}: both were told that all is well: {ends:?}");
        }
    }
}
