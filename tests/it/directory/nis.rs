//! The roster against a real NIS domain: a master whose maps are made from sources of their own, and two clients.

use crate::docs::page::Page;
use crate::support::{Lab, Ran, lab};
use expect_test::expect;
use std::path::{Path, PathBuf};

const INVENTORY: &str = "inventories/reference/hosts.ini";

/// What a password becomes in shadow(5).
const HASH: &str =
    "$6$saltsaltsalt$aGG2fEUe3rpHavE2WyvcJbwCx4IsWPyqj7WbbuzGp8bP40d3GekpoqY3KRusnF2yFZXr3nz7dqHvCdi2xtTq21";

/// The master, with somebody of the site's own in its sources, whose number is not enlist's.
const MASTER: &str = "set -e
domainname lab.nis
mkdir -p /var/yp/src /var/yp/lab.nis
printf 'keeper:x:1500:1500:Keeper:/home/keeper:/bin/sh\\n' >/var/yp/src/passwd
printf 'keeper:x:1500:\\nstaff2:x:1501:gildong\\n' >/var/yp/src/group
printf 'keeper:!:19000:0:99999:7:::\\n' >/var/yp/src/shadow
chmod 600 /var/yp/src/shadow
sed -i -E 's|^YPPWDDIR *=.*|YPPWDDIR = /var/yp/src|' /var/yp/Makefile
sed -i -E 's|^ALL *=.*|ALL = passwd group|; s|^(ALL \\+=.*netgrp.*)|#\\1|' /var/yp/Makefile
mkdir -p /run/rpcbind; rpcbind -w; ypserv
hostname >/var/yp/ypservers; make -s -C /var/yp";

const CLIENT: &str = "set -e
domainname lab.nis
echo 'ypserver 10.0.0.10' >/etc/yp.conf
mkdir -p /run/rpcbind; rpcbind -w; ypbind
sed -i -E 's/^(passwd|group): files/\\1: files nis/' /etc/nsswitch.conf
for try in $(seq 100); do getent passwd keeper && exit 0; sleep 0.1; done; exit 1";

fn set_up(lab: &Lab) {
    lab.sh("master", MASTER).ok();
    for node in ["login1", "login2"] {
        lab.sh(node, CLIENT).ok();
    }
}

fn roster(lab: &Lab, rest: &str) -> PathBuf {
    let page = Page::read("docs/directories.md");
    let nis = page.take("master: master_node");
    lab.write_temp(
        "roster.yml",
        &format!("hosts: login3\n{nis}\ngroups:\n  ai_team: {{gid: 3001}}\n  gpu: {{gid: 3002}}\n{rest}"),
    )
}

fn enlist(lab: &Lab, command: &[&str], roster: &Path) -> Ran {
    lab.enlist(&[command, &["-i", INVENTORY, "--roster", roster.to_str().unwrap()]].concat())
}

/// What a plan would change, all of it.
fn changes(plan: &str) -> String {
    let lines = plan.lines().skip_while(|line| !line.starts_with("Accounts on hosts")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("Plan:"));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn people_come_change_and_go_in_the_maps_of_a_domain() {
    let lab = lab();
    set_up(&lab);
    let before = lab.file("master", "/etc/passwd");
    let first = "users:\n  gildong: {uid: 2001, group: ai_team, groups: [gpu], comment: Hong Gildong, shell: /bin/bash, password: HASH}\n  \
                 dooly: {uid: 2002, group: ai_team}\n"
        .replace("HASH", HASH);
    let zero = roster(&lab, &first);
    expect![[r#"
          + group ai_team  on old, login3
              gid  3001
          + group gpu      on old, login3
              gid  3002
          + user gildong   on old
              uid                   2001
              group                 ai_team (3001)
              groups                staff2,gpu
              comment               Hong Gildong
              home                  /home/gildong
              shell                 /bin/bash
              password              (no login by password)
              password_expire_min   0
              password_expire_max   99999
              password_expire_warn  7
          + user dooly     on old
              uid                   2002
              group                 ai_team (3001)
              home                  /home/dooly
              shell                 /bin/sh
              password              (no login by password)
              password_expire_min   0
              password_expire_max   99999
              password_expire_warn  7
          + user gildong   on login3
              uid                   2001
              group                 ai_team (3001)
              groups                gpu
              comment               Hong Gildong
              home                  /home/gildong
              shell                 /bin/bash
              password              (set)
              locked                False
              password_expire_min   0
              password_expire_max   99999
              password_expire_warn  7
              home directory        /home/gildong created
          + user dooly     on login3
              uid                   2002
              group                 ai_team (3001)
              home                  /home/dooly
              shell                 /bin/sh
              password              (no login by password)
              password_expire_min   0
              password_expire_max   99999
              password_expire_warn  7
              home directory        /home/dooly created

        Directories
          old  nis://master_node, people in /var/yp/src/passwd, groups in /var/yp/src/group

    "#]]
    .assert_eq(&changes(&enlist(&lab, &["plan"], &zero).code(2).stdout));
    let applied = enlist(&lab, &["apply", "-y"], &zero).ok().stdout;
    let line = applied.lines().find(|line| line.starts_with("  gildong  uid=2001(gildong) gid=3001(ai_team) "));
    let line = line.unwrap_or_else(|| panic!("{applied}"));
    assert!(line.contains("3002(gpu)") && line.ends_with("  on login1, login2"), "{line}");
    let map = lab.sh("login1", "ypmatch gildong passwd.byname").ok().stdout;
    assert!(map.starts_with("gildong:") && map.ends_with(":2001:3001:Hong Gildong:/home/gildong:/bin/bash\n"), "{map}");
    assert_eq!(lab.file("master", "/etc/passwd"), before, "the master's own accounts are others");
    assert!(!lab.file("master", "/var/yp/src/shadow").contains(HASH), "every client can read a map");
    assert!(lab.file("login3", "/etc/shadow").contains(HASH));
    enlist(&lab, &["plan"], &zero).ok();

    let second = first
        .replace("/bin/bash", "/bin/sh")
        .replace("{uid: 2002", "{uid: 2002, state: absent")
        .replace("users:\n", "users:\n  keeper: {uid: 1500, group: ai_team, state: absent}\n");
    let one = roster(&lab, &second);
    let planned = enlist(&lab, &["plan"], &one).code(3).stdout;
    assert!(planned.contains("keeper has a number in /var/yp/src that is not among `ids` of old"), "{planned}");
    let low = second.replace("  keeper: {uid: 1500, group: ai_team, state: absent}\n", "");
    lab.sh("master", "sed -i 's/^MINUID=.*/MINUID=2003/' /var/yp/Makefile").ok();
    let planned = enlist(&lab, &["plan"], &roster(&lab, &low)).code(3).stdout;
    let told = "uid 2001 of gildong is below MINUID (2003) of /var/yp/Makefile on master_node, and would be in no map";
    assert!(planned.contains(told), "{planned}");
    lab.sh("master", "sed -i 's/^MINUID=.*/MINUID=1000/' /var/yp/Makefile").ok();
    let one = roster(&lab, &low);
    expect![[r#"
          ~ user gildong  on old, login3
              shell  /bin/bash → /bin/sh

        Removals from hosts
          - user dooly  on old, login3
              uid                   2002
              group                 ai_team (3001)
              home                  /home/dooly
              shell                 /bin/sh
              password_expire_min   0
              password_expire_max   99999
              password_expire_warn  7

        Directories
          old  nis://master_node, people in /var/yp/src/passwd, groups in /var/yp/src/group

    "#]]
    .assert_eq(&changes(&enlist(&lab, &["plan"], &one).code(2).stdout));
    enlist(&lab, &["apply", "-y"], &one).ok();
    assert_eq!(lab.sh("login1", "ypmatch gildong passwd.byname | cut -d: -f7").ok().stdout, "/bin/sh\n");
    assert_ne!(lab.sh("login2", "getent passwd dooly").code, 0);
    lab.sh("login2", "getent passwd keeper").ok();
    enlist(&lab, &["plan"], &one).ok();
    // Groups that are not enlist's keep their members.
    let groups = |groups: &str| {
        second.replace("groups: [gpu]", groups).replace("  keeper: {uid: 1500, group: ai_team, state: absent}\n", "")
    };
    enlist(&lab, &["apply", "-y"], &roster(&lab, &groups("groups: [], only_groups: yes"))).ok();
    assert_eq!(lab.sh("login1", "ypmatch staff2 group.byname").ok().stdout, "staff2:x:1501:gildong\n");
    assert_eq!(lab.sh("login1", "ypmatch gpu group.byname").ok().stdout.trim_end(), "gpu:x:3002:");
}

#[test]
fn maps_that_cannot_be_made_are_told_of() {
    let lab = lab();
    set_up(&lab);
    lab.sh("master", "mv /var/yp/Makefile /var/yp/away").ok();
    let zero = roster(&lab, "users:\n  gildong: {uid: 2001, group: ai_team}\n");
    let applied = enlist(&lab, &["apply", "-y"], &zero).code(1);
    let told = format!("{}{}", applied.stdout, applied.stderr);
    assert!(told.contains("it is in the sources, and the maps could not be made"), "{told}");
    assert_ne!(lab.sh("login1", "ypmatch gildong passwd.byname").code, 0);
    // What is in no map is still to be done, and the next run does it.
    lab.sh("master", "mv /var/yp/away /var/yp/Makefile").ok();
    let planned = enlist(&lab, &["plan"], &zero).code(2).stdout;
    assert!(planned.contains("map group.byname"), "{planned}");
    enlist(&lab, &["apply", "-y"], &zero).ok();
    lab.sh("login1", "ypmatch gildong passwd.byname").ok();
    enlist(&lab, &["plan"], &zero).ok();
    // Sources from which no map is made are found out.
    lab.sh("master", "cp -a /var/yp/src /var/yp/other").ok();
    let other = std::fs::read_to_string(&zero).unwrap().replace("/var/yp/src", "/var/yp/other");
    let other = lab.write_temp("roster.yml", &other.replace("uid: 2001", "shell: /bin/dash, uid: 2001"));
    let applied = enlist(&lab, &["apply", "-y"], &other).code(1);
    let told = format!("{}{}", applied.stdout, applied.stderr);
    assert!(told.contains("is `source` its YPPWDDIR"), "{told}");
}
