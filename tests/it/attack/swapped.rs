//! A user who exchanges `~/.ssh` for a link, again and again, while root writes there.

use crate::support::lab;

/// Exchanges two names atomically, renameat2(2), until it is killed. The file says that it has begun.
const SWAPPER: &str = r#"
import ctypes, os, pathlib
os.chdir("/home/mallory")
os.mkdir(".ssh", 0o700)
os.symlink("/srv/victim", "link")
swap = ctypes.CDLL(None, use_errno=True).renameat2
swap.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
for n in range(10**10):
    if swap(-100, b".ssh", -100, b"link", 2): raise OSError(ctypes.get_errno())
    if n == 1000: pathlib.Path("begun").touch()
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

#[test]
fn root_writes_nowhere_else_when_a_user_swaps_directories() {
    let lab = lab();
    let host = "login1";
    lab.sh(host, "useradd -m -u 2005 mallory && mkdir -m 755 /srv/victim && echo root >/srv/victim/kept").ok();
    lab.lab(&["put", host, lab.write_temp("swap.py", SWAPPER).to_str().expect("UTF-8"), "/srv/swap.py"]).ok();
    lab.sh(host, "chmod 644 /srv/swap.py").ok();
    let start = "setsid runuser -u mallory -- python3 /srv/swap.py </dev/null >/srv/log 2>&1 & echo $!";
    let swapper = lab.sh(host, start).ok().stdout;
    let begun = "for i in $(seq 1200); do [ -e /home/mallory/begun ] && exit 0; sleep 0.05; done; cat /srv/log; exit 1";
    lab.sh(host, begun).ok();
    let playbook = lab.write_temp("swap.yml", PLAYBOOK);
    let playbook = playbook.to_str().expect("UTF-8");
    let ran = lab.enlist(&["play", "-i", "inventories/reference/hosts.ini", "--limit", host, playbook]).ok();
    let stop = format!("kill -9 -{0}; while [ -e /proc/{0} ]; do sleep 0.05; done", swapper.trim());
    lab.sh(host, &stop).ok();
    assert!(ran.stdout.contains("not followed"), "the link was never met: {}", ran.stdout);
    let victim = lab.sh(host, "stat -c '%u %g %a' /srv/victim && ls -A /srv/victim").ok().stdout;
    assert_eq!(victim, "0 0 755\nkept\n", "root's hand was led elsewhere");
    let real = "cd /home/mallory && if [ -L .ssh ]; then cd link; else cd .ssh; fi && stat -c '%U %a %n' *";
    let real = lab.sh(host, &format!("{real} authorized_keys")).ok().stdout;
    assert!(real.contains("mallory 600 authorized_keys") && real.contains("mallory 600 id_ed25519"), "{real}");
}
