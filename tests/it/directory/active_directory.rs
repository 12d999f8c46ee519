//! The roster against a real domain controller: plan, apply, lock, expiry, removal, and what it demands of names.

use super::clients::{NODES, key, login, set_up};
use super::samba::{BASE, PASSWORD, Samba};
use crate::support::{Lab, Ran, lab};
use expect_test::expect;
use std::path::{Path, PathBuf};

const INVENTORY: &str = "inventories/reference/hosts.ini";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

fn roster(lab: &Lab, samba: &Samba, more: &str, rest: &str) -> PathBuf {
    let directory = samba.entry(more);
    lab.write_temp("roster.yml", &format!("hosts: master_node\ndirectories:\n  corp:\n{directory}{rest}"))
}

fn enlist(lab: &Lab, command: &[&str], roster: &Path) -> Ran {
    let ran = lab.enlist(&[command, &["-i", INVENTORY, "--roster", roster.to_str().unwrap()]].concat());
    assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD), "{ran:?}");
    ran
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

fn first() -> String {
    format!(
        "groups:\n  ai_team: {{gid: 3001}}\n  gpu: {{gid: 3002}}\nusers:\n  gildong:\n    uid: 2001\n    group: ai_team\n    \
         groups: [gpu]\n    comment: 홍 길동\n    shell: /bin/bash\n    keys: [{KEY} laptop]\n  \
         dooly: {{uid: 2002, group: ai_team, comment: Dooly Ko, expires: 2027-03-01}}\n"
    )
}

fn second() -> String {
    first().replace("groups: [gpu]", "groups: []\n    only_groups: yes").replace("/bin/bash", "/bin/zsh").replace(
        "dooly: {uid: 2002, group: ai_team, comment: Dooly Ko, expires: 2027-03-01}",
        "dooly: {uid: 2002, group: ai_team, comment: Dooly Ko, locked: yes}\n  \
         mina: {uid: 2003, group: gpu, groups: [gpu], home: /scratch/mina}",
    )
}

fn third() -> String {
    second().replace("locked: yes", "state: absent")
}

#[test]
fn three_generations_in_a_domain() {
    let lab = lab();
    let samba = Samba::start(&lab);
    let zero = roster(&lab, &samba, "", &first());
    let planned = enlist(&lab, &["plan"], &zero).code(2).stdout;
    expect![[r#"
        + group ai_team                                                on corp
            gid    3001
            entry  CN=ai_team,ou=groups,DC=ad,DC=example,DC=org
        + group gpu                                                    on corp
            gid    3002
            entry  CN=gpu,ou=groups,DC=ad,DC=example,DC=org
        + user gildong                                                 on corp
            uid      2001
            group    ai_team (3001)
            groups   gpu
            comment  홍 길동
            home     /home/gildong
            shell    /bin/bash
            entry    CN=gildong,ou=people,DC=ad,DC=example,DC=org
        + user dooly                                                   on corp
            uid      2002
            group    ai_team (3001)
            comment  Dooly Ko
            home     /home/dooly
            expires  2027-03-01
            entry    CN=dooly,ou=people,DC=ad,DC=example,DC=org
        + authorized_key CN=gildong,ou=people,DC=ad,DC=example,DC=org  on corp
            altSecurityIdentities
            + ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g laptop
    "#]]
    .assert_eq(&of_directory(&planned));
    enlist(&lab, &["apply", "-y"], &zero).ok();
    enlist(&lab, &["plan"], &zero).ok();
    let gildong = samba.of("gildong");
    for line in ["userAccountControl: 512\n", "uidNumber: 2001\n", "unixHomeDirectory: /home/gildong\n", KEY] {
        assert!(gildong.contains(line), "{line} is not in:\n{gildong}");
    }
    assert!(gildong.contains("userPrincipalName: gildong@ad.example.org\n") && !gildong.contains("pwdLastSet: 0\n"));
    assert!(samba.of("dooly").contains("accountExpires: 134483328000000000\n"));

    let one = roster(&lab, &samba, "", &second());
    expect![[r#"
        ~ user gildong  on corp
            groups  gpu → (none)
            shell   /bin/bash → /bin/zsh
        ~ user dooly    on corp
            locked   (none) → True
            expires  2027-03-01 → 1970-01-02
        + user mina     on corp
            uid      2003
            group    gpu (3002)
            groups   gpu
            comment  mina
            home     /scratch/mina
            entry    CN=mina,ou=people,DC=ad,DC=example,DC=org
    "#]]
    .assert_eq(&of_directory(&enlist(&lab, &["plan"], &one).code(2).stdout));
    enlist(&lab, &["apply", "-y"], &one).ok();
    enlist(&lab, &["plan"], &one).ok();
    assert!(samba.of("dooly").contains("userAccountControl: 514\n"));
    let gpu = samba.of("gpu");
    assert!(gpu.contains("member: CN=mina,OU=people,") && !gpu.contains("gildong"), "{gpu}");

    let two = roster(&lab, &samba, "", &third());
    expect![[r#"
        - user dooly  on corp
            uid      2002
            group    ai_team (3001)
            comment  Dooly Ko
            home     /home/dooly
            locked   True
            expires  1970-01-02
            entry    CN=dooly,OU=people,DC=ad,DC=example,DC=org
    "#]]
    .assert_eq(&of_directory(&enlist(&lab, &["plan"], &two).code(2).stdout));
    enlist(&lab, &["apply", "-y"], &two).ok();
    assert_eq!(samba.of("dooly"), "");
    let before = samba.versions();
    enlist(&lab, &["apply", "-y"], &two).ok();
    assert_eq!(samba.versions(), before, "the second apply writes nothing");
    assert!(samba.of("mina").contains("uidNumber: 2003"));
}

#[test]
fn what_a_domain_does_not_take_is_said_before_anything_starts() {
    let lab = lab();
    let samba = Samba::start(&lab);
    let machine = format!("dn: CN=node7,CN=Computers,{BASE}\nobjectClass: computer\nsAMAccountName: node7\n\n");
    samba.add(&machine).ok();
    let before = samba.versions();
    let refused = |users: &str, says: &str| {
        let rest = format!("groups:\n  ai_team: {{gid: 3001}}\nusers:\n{users}");
        let text = std::fs::read_to_string(roster(&lab, &samba, "", &rest)).unwrap();
        let keyless: Vec<_> = text.lines().filter(|line| !line.contains("key_attribute: ")).collect();
        let roster = lab.write_temp("roster.yml", &keyless.join("\n"));
        let planned = enlist(&lab, &["plan"], &roster).code(3).stdout;
        assert!(planned.contains("on corp") && planned.contains(says), "{says}: {planned}");
    };
    refused("  a23456789012345678901: {uid: 2001, group: ai_team}\n", "at most 20 characters");
    refused("  ai_team: {uid: 2001, group: ai_team}\n", "nobody else there can be called ai_team");
    refused("  node7: {uid: 2001, group: ai_team}\n", "CN=node7,CN=Computers,DC=ad,DC=example,DC=org is there already");
    refused(&format!("  kim: {{uid: 2001, group: ai_team, keys: [{KEY}]}}\n"), "has no attribute for keys");
    let other = roster(&lab, &samba, "", "groups: {ai_team: {gid: 3001}}\nusers: {}\n");
    let text = std::fs::read_to_string(&other).unwrap().replace("schema: ad", "schema: rfc2307bis");
    let other = lab.write_temp("roster.yml", &text);
    let planned = enlist(&lab, &["plan"], &other).code(3).stdout;
    assert!(planned.contains("it is an Active Directory: write `schema: ad`"), "{planned}");
    assert_eq!(samba.versions(), before);
}

#[test]
fn who_has_no_password_yet_is_finished_by_the_next_run_and_who_was_disabled_stays_so() {
    let lab = lab();
    let samba = Samba::start(&lab);
    let mark = "info: enlist: this account is being made\n";
    // As a run leaves it that was killed after its first write, and as an administrator leaves somebody.
    let person = |name: &str, uid: u32, control: u32, more: &str| {
        format!(
            "dn: CN={name},OU=people,{BASE}\nobjectClass: user\ncn: {name}\nsAMAccountName: {name}\nuidNumber: {uid}\n\
             gidNumber: 3001\nunixHomeDirectory: /home/{name}\nuserAccountControl: {control}\n{more}\n"
        )
    };
    let group =
        format!("dn: CN=ai_team,OU=groups,{BASE}\nobjectClass: group\nsAMAccountName: ai_team\ngidNumber: 3001\n\n");
    samba
        .add(
            &[group, person("gildong", 2001, 546, mark), person("dooly", 2002, 514, ""), person("mina", 2003, 546, "")]
                .concat(),
        )
        .ok();
    let users = "  gildong: {uid: 2001, group: ai_team}\n  dooly: {uid: 2002, group: ai_team}\n  \
                 mina: {uid: 2003, group: ai_team}\n";
    let roster = roster(&lab, &samba, "", &format!("groups:\n  ai_team: {{gid: 3001}}\nusers:\n{users}"));
    expect![[r#"
        ~ user gildong   on corp
            locked  True → (none)
    "#]]
    .assert_eq(&of_directory(&enlist(&lab, &["plan"], &roster).code(2).stdout));
    enlist(&lab, &["apply", "-y"], &roster).ok();
    assert!(samba.of("gildong").contains("userAccountControl: 512\n"));
    assert!(!samba.of("gildong").contains("being made"));
    assert!(samba.of("dooly").contains("userAccountControl: 514\n"));
    assert!(samba.of("mina").contains("userAccountControl: 546\n"), "staged by an administrator");
}

#[test]
fn a_person_of_a_domain_logs_in_by_key_until_locked_expired_or_gone() {
    let lab = lab();
    let samba = Samba::start(&lab);
    let (file, public) = key(&lab);
    let person = |more: &str| {
        let hosts = "    hosts: login1,login2\n";
        let rest = format!(
            "groups:\n  ai_team: {{gid: 3001}}\n  gpu: {{gid: 3002}}\nusers:\n  gildong: {{uid: 2001, group: ai_team, \
             groups: [gpu], comment: 홍길동, shell: /bin/bash, keys: ['{public}']{more}}}\n  \
             dooly: {{uid: 2002, group: ai_team}}\n"
        );
        roster(&lab, &samba, hosts, &rest)
    };
    let first = person("");
    let bind = format!("CN=sssd,CN=Users,{BASE}");
    let client = ["directory", "client", "--roster", first.to_str().unwrap()];
    let refused = lab.enlist(&client).code(1).stderr;
    assert!(refused.contains("--bind DN"), "{refused}");
    let printed = lab.enlist(&[&client[..], &["--bind", &bind]].concat()).ok().stdout;
    let (without, with) = ("# ldap_default_authtok = the password of this entry", "ldap_default_authtok = ");
    assert!(printed.contains(without) && printed.contains("ldap_schema = ad\n"), "{printed}");
    let printed = printed.replace(without, &format!("{with}{PASSWORD}"));
    NODES.iter().for_each(|node| set_up(&lab, node, &printed, &samba.ca()));

    let applied = enlist(&lab, &["apply", "-y"], &first).ok().stdout;
    let seen = "  gildong  uid=2001(gildong) gid=3001(ai_team) groups=3001(ai_team),3002(gpu)  on login1, login2\n";
    assert!(applied.contains(seen), "{applied}");
    for node in NODES {
        let passwd = lab.sh(node, "getent passwd gildong").ok().stdout;
        assert_eq!(passwd, "gildong:*:2001:3001:홍길동:/home/gildong:/bin/bash\n");
        assert_eq!(login(&lab, node, &file, "id -un && stat -c '%U %a' ~").ok().stdout, "gildong\ngildong 700\n");
    }
    let shut = [", locked: yes", ", locked: no, expires: 2026-01-01", ", state: absent"];
    for more in shut {
        enlist(&lab, &["apply", "-y"], &person(more)).ok();
        NODES.iter().for_each(|node| assert_ne!(login(&lab, node, &file, "true").code, 0, "{more}, and still in"));
        if more != ", state: absent" {
            enlist(&lab, &["apply", "-y"], &person(", locked: no, expires: never")).ok();
            NODES.iter().for_each(|node| _ = login(&lab, node, &file, "true").ok());
        }
    }
    assert_eq!(samba.of("gildong"), "");
}
