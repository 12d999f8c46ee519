//! From the roster to a login: a real sssd on login nodes, set up as `enlist directory client` says, has people from a real
//! OpenLDAP; apply asks the nodes; the key lets in, until it must not.

use super::slapd::{BASE, Schema, Slapd};
use crate::support::{Lab, Ran, lab};
use std::path::{Path, PathBuf};

/// The clients.
pub const NODES: [&str; 2] = ["login1", "login2"];
const INVENTORY: &str = "inventories/reference/hosts.ini";

/// A key pair of a person's; the public half.
pub fn key(lab: &Lab) -> (PathBuf, String) {
    let path = lab.write_temp("id", "");
    std::fs::remove_file(&path).unwrap();
    lab.controller_command(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop", "-f", text(&path)])
        .output()
        .unwrap();
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    (path, public.trim().to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Makes a login node a client: the printed sssd.conf, and by hand what it says of the other two files.
pub fn set_up(lab: &Lab, node: &str, printed: &str, ca: &Path) {
    let file = lab.write_temp("sssd.conf", printed);
    let directory = ca.parent().unwrap();
    lab.sh(node, &format!("mkdir -p {} /etc/sssd", directory.display())).ok();
    lab.lab(&["put", node, text(ca), text(ca)]).ok();
    lab.lab(&["put", node, text(&file), "/etc/sssd/sssd.conf"]).ok();
    let commands: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("# Authorized")).collect();
    assert_eq!(commands.len(), 2, "{printed}");
    let sshd: String = commands.iter().map(|line| format!("Authorized{line}\n")).collect();
    lab.sh(
        node,
        &format!(
            "set -e; chmod 600 /etc/sssd/sssd.conf; chown root: /etc/sssd/sssd.conf
             sed -i -E 's/^(passwd|group): files/\\1: files sss/' /etc/nsswitch.conf
             printf '%s' '{sshd}' >>/etc/ssh/sshd_config
             printf 'auth required pam_unix.so\\naccount sufficient pam_localuser.so\\naccount required pam_sss.so\\n' >/etc/pam.d/sshd
             printf 'session required pam_mkhomedir.so umask=0077\\n' >>/etc/pam.d/sshd
             mkdir -p /var/lib/sss/db /var/lib/sss/mc /var/lib/sss/pipes/private /var/lib/sss/pubconf/krb5.include.d \
               /var/lib/sss/gpo_cache /var/lib/sss/deskprofile /var/lib/sss/secrets /var/lib/sss/keytabs /var/log/sssd
             pkill -HUP -o -x sshd
             setsid sssd -i --logger=files </dev/null >/var/log/sssd/out 2>&1 &"
        ),
    )
    .ok();
}

/// What a command says that is run over ssh by key.
pub fn login(lab: &Lab, node: &str, key: &Path, command: &str) -> Ran {
    let host = format!("gildong@{}", if node == "login1" { "10.0.0.1" } else { "10.0.0.2" });
    let words = ["ssh", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", text(key), &host, command];
    lab.controller_command(&words).output().unwrap().into()
}

fn roster(lab: &Lab, slapd: &Slapd, people: &str) -> PathBuf {
    lab.write_temp(
        "roster.yml",
        &format!(
            "hosts: login3\ndirectories:\n  corp:\n    server: '{}'\n    base: {BASE}\n    ids: 2000-3999\n    ca: {}\n    \
             hosts: login1,login2\ngroups:\n  ai_team: {{gid: 3001}}\n  gpu: {{gid: 3002}}\nusers:\n{people}",
            slapd.url(),
            slapd.ca().display()
        ),
    )
}

#[test]
fn a_person_of_the_directory_logs_in_by_key_until_locked_or_gone() {
    for schema in [Schema::Rfc2307, Schema::Rfc2307bis] {
        let lab = lab();
        let slapd = Slapd::start(&lab, schema);
        let (file, public) = key(&lab);
        let gildong = format!(
            "  gildong: {{uid: 2001, group: ai_team, groups: [gpu], comment: 홍길동, shell: /bin/bash, keys: ['{public}']}}\n\
             \x20 dooly: {{uid: 2002, group: ai_team}}\n"
        );
        let first = roster(&lab, &slapd, &gildong);
        let client = ["directory", "client", "--roster", text(&first), "--server", "ldap://10.0.255.254"];
        let printed = lab.enlist(&client).ok().stdout;
        NODES.iter().for_each(|node| set_up(&lab, node, &printed, &slapd.ca()));

        let applied = apply(&lab, &first).ok().stdout;
        let seen = "  gildong  uid=2001(gildong) gid=3001(ai_team) groups=3001(ai_team),3002(gpu)  on login1, login2\n";
        assert!(applied.contains(seen), "{applied}");
        for node in NODES {
            let passwd = lab.sh(node, "getent passwd gildong").ok().stdout;
            assert!(
                passwd.starts_with("gildong:*:2001:3001:") && passwd.ends_with(":/home/gildong:/bin/bash\n"),
                "{passwd}"
            );
            assert_eq!(lab.sh(node, "sss_ssh_authorizedkeys gildong").ok().stdout.trim(), public);
            let inside = login(&lab, node, &file, "id -un && stat -c '%U %a' ~").ok().stdout;
            assert_eq!(inside, "gildong\ngildong 700\n");
            assert!(!lab.file(node, "/etc/passwd").contains("gildong"), "no account of its own");
        }
        assert!(lab.file("login3", "/etc/passwd").contains("gildong"), "a host of `hosts` keeps its own");

        let locked =
            roster(&lab, &slapd, &gildong.replace("group: ai_team, groups", "locked: yes, group: ai_team, groups"));
        apply(&lab, &locked).ok();
        NODES.iter().for_each(|node| assert_ne!(login(&lab, node, &file, "true").code, 0, "locked, and still in"));
        let free =
            roster(&lab, &slapd, &gildong.replace("group: ai_team, groups", "locked: no, group: ai_team, groups"));
        apply(&lab, &free).ok();
        NODES.iter().for_each(|node| _ = login(&lab, node, &file, "true").ok());

        let gone = roster(&lab, &slapd, &gildong.replace("uid: 2001,", "uid: 2001, state: absent,"));
        let applied = apply(&lab, &gone).ok().stdout;
        let line = applied.lines().find(|line| line.starts_with("  gildong  id: "));
        let line = line.unwrap_or_else(|| panic!("{applied}"));
        assert!(line.ends_with("no such user  on login1, login2"), "{line}");
        NODES.iter().for_each(|node| assert_ne!(login(&lab, node, &file, "true").code, 0, "gone, and still in"));
    }
}

fn apply(lab: &Lab, roster: &Path) -> Ran {
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", text(roster)])
}

#[test]
fn a_node_that_does_not_see_them_is_told_of() {
    let lab = lab();
    let slapd = Slapd::start(&lab, Schema::Rfc2307);
    let first = roster(&lab, &slapd, "  gildong: {uid: 2001, group: ai_team}\n");
    // No host has been made a client.
    let told = apply(&lab, &first).code(1).stdout;
    let line = told.lines().find(|line| line.starts_with("  ! gildong  id: ")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.ends_with("no such user  on login1, login2"), "{line}");
    assert!(slapd.contents().contains("uid: gildong"), "the directory is as the roster says all the same");
}
