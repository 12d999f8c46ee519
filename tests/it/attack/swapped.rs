//! A user who exchanges directories for links, again and again, while root writes there or gives the tree away.

use super::{figure, rounds};
use crate::support::{Lab, lab};

/// Exchanges two names atomically, renameat2(2), until it is killed. The file says that it has begun. Now and then the
/// directory stays for some milliseconds, or a task of many looks would hardly ever come to its end.
const SWAPPER: &str = r#"
import ctypes, os, pathlib, time
os.chdir("/home/mallory")
os.mkdir(".ssh", 0o700)
os.symlink("/srv/victim", "link")
swap = ctypes.CDLL(None, use_errno=True).renameat2
swap.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
for n in range(10**10):
    if swap(-100, b".ssh", -100, b"link", 2): raise OSError(ctypes.get_errno())
    if n == 1000: pathlib.Path("begun").touch()
    if n % 5000 == 4999: time.sleep(0.005)
"#;

const PLAYBOOK: &str = "
- hosts: all
  become: yes
  tasks:
    - authorized_key:
        user: mallory
        key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{{ 1000 + item }}
        exclusive: yes
      loop: \"{{ range(100) | list }}\"
      ignore_errors: yes
    - user:
        name: mallory
        generate_ssh_key: yes
        force: yes
        ssh_key_type: ed25519
      loop: \"{{ range(10) | list }}\"
      ignore_errors: yes
";

/// Starts a script as mallory; its process group, once it says that it has begun.
fn start(lab: &Lab, host: &str, script: &str) -> String {
    lab.lab(&["put", host, lab.write_temp("swap.py", script).to_str().expect("UTF-8"), "/srv/swap.py"]).ok();
    lab.sh(host, "chmod 644 /srv/swap.py").ok();
    let start = "setsid runuser -u mallory -- python3 /srv/swap.py </dev/null >/srv/log 2>&1 & echo $!";
    let swapper = lab.sh(host, start).ok().stdout.trim().to_owned();
    let begun = "for i in $(seq 1200); do [ -e /home/mallory/begun ] && exit 0; sleep 0.05; done; cat /srv/log; exit 1";
    lab.sh(host, begun).ok();
    swapper
}

fn stop(lab: &Lab, host: &str, swapper: &str) {
    lab.sh(host, &format!("kill -9 -{swapper}; while [ -e /proc/{swapper} ]; do sleep 0.05; done")).ok();
}

#[test]
fn root_writes_nowhere_else_when_a_user_swaps_directories() {
    let lab = lab();
    let host = "login1";
    lab.sh(host, "useradd -m -u 2005 mallory && mkdir -m 755 /srv/victim && echo root >/srv/victim/kept").ok();
    let swapper = start(&lab, host, SWAPPER);
    let playbook = lab.write_temp("swap.yml", PLAYBOOK);
    let playbook = playbook.to_str().expect("UTF-8");
    let play = || lab.enlist(&["play", "-i", "inventories/reference/hosts.ini", "--limit", host, playbook]).ok();
    let ran = play();
    stop(&lab, host, &swapper);
    assert!(ran.stdout.contains("not followed"), "the link was never met: {}", ran.stdout);
    let victim = || lab.sh(host, "stat -c '%u %g %a' /srv/victim && ls -A /srv/victim").ok().stdout;
    assert_eq!(victim(), "0 0 755\nkept\n", "root's hand was led elsewhere");
    figure("keys given while their directory is exchanged for a link", written(&ran.stdout));
    // How many got through is a matter of luck. Once the user is at rest, all do.
    lab.sh(host, "cd /home/mallory && if [ -L .ssh ]; then rm .ssh && mv link .ssh; else rm link; fi").ok();
    let ran = play();
    // The first key may be the one that got through last.
    assert_eq!(written(&ran.stdout) + ran.stdout.matches("ok: [login1] => (item").count(), 110, "{}", ran.stdout);
    let keys = lab.sh(host, "cd /home/mallory/.ssh && stat -c '%U %a %n' authorized_keys id_ed25519").ok().stdout;
    assert_eq!(keys, "mallory 600 authorized_keys\nmallory 600 id_ed25519\n");
    assert_eq!(victim(), "0 0 755\nkept\n");
}

fn written(output: &str) -> usize {
    output.matches("changed: [login1] => (item").count()
}

/// Exchanges 40 directories for links to one of root's that has files of the same names. Without the same names on both
/// sides a walk by path only fails.
const SWAPPER_OF_TREES: &str = r#"
import ctypes, os, pathlib
os.chdir("/home/mallory")
names = os.listdir("/srv/victim")
swap = ctypes.CDLL(None, use_errno=True).renameat2
swap.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
os.mkdir("links")
for i in range(40):
    os.makedirs("tree/d%02d" % i)
    for name in names: open("tree/d%02d/%s" % (i, name), "w").close()
    os.symlink("/srv/victim", "links/%02d" % i)
for n in range(10**10):
    for i in range(40):
        if swap(-100, b"tree/d%02d" % i, -100, b"links/%02d" % i, 2): raise OSError(ctypes.get_errno())
    if n == 100: pathlib.Path("begun").touch()
"#;

/// The owner of the tree changes to and fro, so that every walk has all to do.
const RECURSE: &str = "
- hosts: all
  become: yes
  gather_facts: no
  tasks:
    - file: {path: /home/mallory/tree, state: directory, recurse: yes, owner: '{{ item % 2 * 2005 }}', mode: 'u=rwX,go='}
      loop: \"{{ range(ROUNDS) | list }}\"
      ignore_errors: yes
";

#[test]
fn a_tree_is_given_away_and_nothing_else_while_its_user_swaps_directories() {
    let lab = lab();
    let host = "login1";
    lab.sh(host, "useradd -m -u 2005 mallory && mkdir -m 755 /srv/victim && cd /srv/victim && touch a b c d e f").ok();
    let swapper = start(&lab, host, SWAPPER_OF_TREES);
    let rounds = rounds(12, 400);
    let playbook = lab.write_temp("recurse.yml", &RECURSE.replace("ROUNDS", &rounds.to_string()));
    let playbook = playbook.to_str().expect("UTF-8");
    let ran = lab.enlist(&["play", "-i", "inventories/reference/hosts.ini", "--limit", host, playbook]);
    stop(&lab, host, &swapper);
    let changed = ran.stdout.matches("changed: [login1]").count();
    assert!(changed > rounds / 2, "{}", ran.stdout);
    let victim = lab.sh(host, "cd /srv/victim && stat -c '%u %g %a %n' . *").ok().stdout;
    assert_eq!(victim, "0 0 755 .\n0 0 644 a\n0 0 644 b\n0 0 644 c\n0 0 644 d\n0 0 644 e\n0 0 644 f\n");
    figure("trees given away while their directories are exchanged for links", format_args!("{changed} walks"));
}
