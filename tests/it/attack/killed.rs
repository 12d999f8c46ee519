//! Killed at any instant, no file is half-written and the next run completes the work.

use super::races::on_host;
use super::{figure, rounds};
use crate::support::lab;
use std::process::Stdio;
use std::time::Duration;

const CLASS: [&str; 6] =
    ["play", "-i", "inventories/reference/hosts.ini", "playbooks/class.yml", "-e", "class_size=120"];

/// Ends every agent on a host at once, as a power cut would, by the name of its program.
const KILL_AGENTS: &str = "for exe in /proc/[0-9]*/exe; do case $(readlink $exe) in */enlist/agent-*) \
                           pid=${exe#/proc/}; kill -9 ${pid%/exe};; esac; done; true";

/// The account files parse, belong together, and no lock or temporary file would stop the next run for good.
const SOUND: &str = "pwck -q -r && grpck -r && awk -F: 'NF != 7' /etc/passwd && awk -F: 'NF != 9' /etc/shadow \
                     && awk -F: 'NF != 4' /etc/group";

#[test]
fn an_agent_killed_at_any_instant_leaves_sound_files_and_the_next_run_completes() {
    let lab = lab();
    let hosts = ["login1", "login2"];
    let limited = [&CLASS[..], &["--limit", "login1,login2"]].concat();
    let delays = rounds(10, 100);
    for delay in (1..=delays).map(|n| (200 * n / delays) as u64) {
        hosts
            .iter()
            .for_each(|host| drop(lab.sh(host, "userdel student001; groupdel nosuch; rm -rf /home/student005")));
        let run = lab.enlist_command(&limited).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut run = run.expect("enlist starts");
        std::thread::sleep(Duration::from_millis(150 + delay));
        for host in hosts {
            lab.sh(host, KILL_AGENTS).ok();
        }
        run.wait().expect("enlist ends");
        for host in hosts {
            let found = lab.sh(host, SOUND);
            assert!(found.code == 0 || found.code == 2, "after {delay} ms on {host}: {found:?}");
            assert!(!found.stdout.contains("invalid"), "after {delay} ms on {host}: {found:?}");
        }
    }
    figure("agents killed while they make 120 users", format_args!("{} kills", delays * hosts.len()));
    lab.enlist(&limited).ok();
    let second = lab.enlist(&limited).ok();
    assert_eq!(second.stdout.matches("changed=0 ").count(), 2, "{}", second.stdout);
    for host in hosts {
        assert_eq!(lab.sh(host, "getent passwd | grep -c ^student").ok().stdout, "120\n");
        assert_eq!(lab.sh(host, "ls -d /home/student* | wc -l").ok().stdout, "120\n");
        assert_eq!(
            lab.sh(host, "ls -A /etc /home | grep -v '^.pwd.lock$' | grep -c -e '[.]lock$' -e '[.]enlist'")
                .code(1)
                .stdout,
            "0\n"
        );
    }
}

/// What an agent is asked for while it is killed, and how often in `make test` and in `make attack`.
fn killed_while(what: &str, short: usize, long: usize) {
    let lab = lab();
    let counts = on_host(&lab, what, rounds(short, long));
    for kind in ["unsound", "blocked", "failed", "incomplete", "left", "again"] {
        assert_eq!(counts[kind], 0, "{kind}: {counts}");
    }
    assert_eq!(counts["cut"], rounds(short, long), "so many were cut off in the middle: {counts}");
    figure(&format!("agents killed, then run again: {what}"), counts);
}

#[test]
fn people_whose_creation_was_cut_off_are_whole_after_the_next_run() {
    killed_while("kill-make", 6, 300);
}

#[test]
fn people_whose_change_of_group_was_cut_off_own_all_their_files_after_the_next_run() {
    killed_while("kill-regroup", 6, 300);
}

#[test]
fn people_whose_removal_was_cut_off_are_gone_with_their_homes_after_the_next_run() {
    killed_while("kill-remove", 6, 300);
}

/// A file system mounted a second time somewhere else: same device, and yet no rename from one place to the other.
const TWO_MOUNTS: &str = "mkdir -p /data/projects /projects && mount --bind /data/projects /projects && \
    useradd -m -u 2100 mover && mkdir /home/mover/papers && seq 200000 >/home/mover/papers/thesis && \
    python3 -c 'import os; os.setxattr(\"/home/mover/papers/thesis\", \"user.note\", b\"kept\")' && chown -R mover: /home/mover && \
    ls /home/mover/papers >/srv/before && cksum </home/mover/papers/thesis >>/srv/before";

const MOVE: &str = "
- hosts: login1
  become: yes
  gather_facts: no
  tasks:
    - user: {name: mover, home: /projects/mover, move_home: yes}
";

#[test]
fn a_home_that_is_moved_to_another_mount_is_never_lost_however_often_that_is_cut_off() {
    let lab = lab();
    lab.sh("login1", TWO_MOUNTS).ok();
    let playbook = lab.write_temp("move.yml", MOVE);
    let play = ["play", "-i", "inventories/reference/hosts.ini", playbook.to_str().expect("UTF-8")];
    let here = "ls $home/papers >/srv/now && cksum <$home/papers/thesis >>/srv/now && cmp /srv/before /srv/now";
    let whole = format!(
        "for home in /home/mover /projects/mover /projects/.mover.enlist-login1/moved; do \
                         [ -e $home/papers/thesis ] && {here} && exit 0; done; find /home /projects; exit 1"
    );
    let tries = rounds(6, 60);
    for delay in (1..=tries).map(|n| (400 * n / tries) as u64) {
        let run = lab.enlist_command(&play).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut run = run.expect("enlist starts");
        std::thread::sleep(Duration::from_millis(100 + delay));
        lab.sh("login1", KILL_AGENTS).ok();
        run.wait().expect("enlist ends");
        lab.sh("login1", &whole).ok();
    }
    lab.enlist(&play).ok();
    assert!(lab.enlist(&play).ok().stdout.contains("changed=0 "));
    let owner = "cd /projects/mover && stat -c '%U %G %a' . papers/thesis && \
                 python3 -c 'import os; print(os.getxattr(\"papers/thesis\", \"user.note\").decode())'";
    assert_eq!(lab.sh("login1", owner).ok().stdout, "mover mover 755\nmover mover 644\nkept\n");
    lab.sh("login1", &format!("home=/projects/mover; {here}")).ok();
    assert_eq!(lab.sh("login1", "ls -A /home /projects").ok().stdout, "/home:\nops\nopspw\n\n/projects:\nmover\n");
}
