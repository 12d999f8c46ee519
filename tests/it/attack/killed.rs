//! Killed at any instant, no file is half-written and the next run completes the work.

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
