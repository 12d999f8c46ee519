//! A second account that exchanges directories in a home for links, while root gives the home another number.

use super::{figure, rounds};
use crate::support::lab;

/// Exchanges real directories with links to /etc, whose file names they have, until it is killed.
const SWAPPER: &str = r#"
import ctypes, os, pathlib
os.chdir("/home/alice/t")
for n in range(3): os.symlink("/etc", f"l{n}")
swap = ctypes.CDLL(None, use_errno=True).renameat2
swap.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
names = [(b"d%d" % n, b"l%d" % n) for n in range(3)]
for n in range(10**10):
    for one, other in names: swap(-100, one, -100, other, 2)
    if n == 1000: pathlib.Path("begun").touch()
"#;

/// A home with directories that everybody may write into, each with the names of files in /etc.
const HOME: &str = "useradd -m -u 2100 alice && useradd -m -u 2005 mallory && cd /home/alice && mkdir -m 777 t && \\
    for n in 0 1 2; do mkdir t/d$n && for name in motd hosts fstab issue; do echo mine >t/d$n/$name; done; done && \\
    chown -R alice: t && stat -c '%n %u %g %a' /etc /etc/motd /etc/hosts /etc/fstab /etc/issue >/srv/before";

fn playbook(changes: usize) -> String {
    format!(
        "- hosts: login1\n  become: yes\n  gather_facts: no\n  tasks:\n  - user: {{name: alice, uid: \"{{{{ 2101 + item }}}}\"}}\n    \
         loop: \"{{{{ range({changes}) | list }}}}\"\n"
    )
}

#[test]
fn root_gives_away_nothing_of_its_own_when_directories_are_swapped_under_its_hand() {
    let lab = lab();
    let host = "login1";
    lab.sh(host, HOME).ok();
    lab.lab(&["put", host, lab.write_temp("swap.py", SWAPPER).to_str().expect("UTF-8"), "/srv/swap.py"]).ok();
    lab.sh(host, "chmod 644 /srv/swap.py").ok();
    let start = "setsid runuser -u mallory -- python3 /srv/swap.py </dev/null >/srv/log 2>&1 & echo $!";
    let swapper = lab.sh(host, start).ok().stdout;
    let begun = "for i in $(seq 1200); do [ -e /home/alice/t/begun ] && exit 0; sleep 0.05; done; cat /srv/log; exit 1";
    lab.sh(host, begun).ok();
    let changes = rounds(20, 400);
    let playbook = lab.write_temp("reown.yml", &playbook(changes));
    let play = ["play", "-i", "inventories/reference/hosts.ini", playbook.to_str().expect("UTF-8")];
    let ran = lab.enlist(&play);
    let stop = format!("kill -9 -{0}; while [ -e /proc/{0} ]; do sleep 0.05; done", swapper.trim());
    lab.sh(host, &stop).ok();
    let now = "stat -c '%n %u %g %a' /etc /etc/motd /etc/hosts /etc/fstab /etc/issue";
    assert_eq!(lab.sh(host, now).ok().stdout, lab.file(host, "/srv/before"), "{ran:?}");
    figure("changes of a uid while directories are swapped", changes);
}

#[test]
fn every_file_follows_a_new_number_also_on_an_overlay() {
    let lab = lab();
    let host = "login1";
    lab.sh(host, "useradd -m -u 2100 alice && ln -s /etc/motd /home/alice/link && echo x >/home/alice/.of-root").ok();
    lab.sh(host, "chown -h alice: /home/alice/link && chgrp alice /home/alice/.of-root").ok();
    let playbook = lab.write_temp("reown.yml", &playbook(1));
    let play = ["play", "-i", "inventories/reference/hosts.ini", playbook.to_str().expect("UTF-8")];
    let ran = lab.enlist(&play).ok();
    assert!(!ran.stderr.contains("not re-owned"), "{ran:?}");
    let owners = lab.sh(host, "find /home/alice -printf '%U %f\\n' | sort | grep -v ^2101").ok().stdout;
    assert_eq!(owners, "0 .of-root\n");
    assert!(lab.enlist(&play).ok().stdout.contains("changed=0 "));
    // The group's number alone.
    lab.sh(host, "groupadd -g 3001 ai").ok();
    let group = "- hosts: login1\n  become: yes\n  gather_facts: no\n  tasks:\n  - user: {name: alice, group: ai}\n";
    let playbook = lab.write_temp("group.yml", group);
    lab.enlist(&["play", "-i", "inventories/reference/hosts.ini", playbook.to_str().expect("UTF-8")]).ok();
    let groups = lab.sh(host, "find /home/alice -printf '%G %f\\n' | grep -v ^3001").code(1).stdout;
    assert_eq!(groups, "");
}
