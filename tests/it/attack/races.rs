//! Two at once: agents and whole runs that make the same people at the same time.

use super::{figure, rounds};
use crate::support::{Lab, agent, lab};
use serde_json::Value;
use std::fmt::Write;
use std::process::Stdio;

/// Runs `agents.py` with these words on a host, and gives its counts.
#[track_caller]
pub fn on_host(lab: &Lab, what: &str, rounds: usize) -> Value {
    let host = "login1";
    lab.lab(&["put", host, &agent(), "/srv/agent"]).ok();
    lab.lab(&["put", host, "tests/it/attack/agents.py", "/srv/agents.py"]).ok();
    let said = lab.sh(host, &format!("chmod 755 /srv/agent && python3 /srv/agents.py {what} {rounds}")).ok().stdout;
    let counts = said.lines().last().unwrap_or_default();
    let examples = said.lines().filter(|line| *line != counts).collect::<Vec<_>>().join("\n");
    println!("{examples}");
    serde_json::from_str(counts).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn two_agents_that_make_the_same_people_make_whole_homes() {
    let lab = lab();
    let counts = on_host(&lab, "homes", rounds(3, 60));
    for kind in ["failed", "broken", "keyless", "left"] {
        assert_eq!(counts[kind], 0, "{kind}: {counts}");
    }
    figure("two agents make the same 50 people", counts);
}

#[test]
fn two_agents_that_make_the_same_keys_make_pairs() {
    let lab = lab();
    let counts = on_host(&lab, "keys", rounds(2, 60));
    for kind in ["failed", "unpaired", "left"] {
        assert_eq!(counts[kind], 0, "{kind}: {counts}");
    }
    figure("two agents make keys for the same 50 people", counts);
}

const RESET: &str = "cp -p /srv/etc/* /etc/; rm -rf /home/s[0-9]* /home/.s[0-9]* /var/mail/s[0-9]*";

fn roster(people: usize) -> String {
    let mut text = String::from("hosts: login_servers\ngroups: {class: {gid: 3500}, lab: {gid: 3501}}\nusers:\n");
    for n in 0..people {
        let key = format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPs2zvQGrO0Q3QpR0cFl4v3l9r9tq5Y5b3G6m0lq8a9B s{n}@x");
        let rest = format!("group: class, groups: [lab], shell: /bin/bash, comment: Student {n}, keys: [\"{key}\"]");
        writeln!(text, "  s{n:03}: {{uid: {}, {rest}}}", 3000 + n).expect("memory");
    }
    text
}

#[test]
fn two_applies_at_once_both_end_well_or_one_says_why_not() {
    let lab = lab();
    let hosts = ["login1", "login2"];
    let save =
        "mkdir -p /srv/etc && cp -p /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid /etc/subgid /srv/etc/";
    hosts.iter().for_each(|host| drop(lab.sh(host, save).ok()));
    let roster = lab.write_temp("roster.yml", &roster(50));
    let inventory = ["-i", "inventories/reference/hosts.ini"];
    let plan_file = roster.with_file_name("plan.json");
    let (roster, plan_file) = (roster.to_str().expect("UTF-8"), plan_file.to_str().expect("UTF-8"));
    let plan = [&["plan", "--limit", "login1,login2", "--roster", roster][..], &inventory].concat();
    let tries = rounds(2, 60);
    let mut both = 0;
    for _ in 0..tries {
        hosts.iter().for_each(|host| drop(lab.sh(host, RESET).ok()));
        lab.enlist(&[&plan[..], &["-o", plan_file]].concat()).code(2);
        let apply = [&["apply"][..], &inventory, &[plan_file]].concat();
        let start =
            || lab.enlist_command(&apply).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let ran = [start(), start()].map(|child| crate::support::Ran::from(child.wait_with_output().expect("it ends")));
        let well = ran.iter().filter(|ran| ran.code == 0).count();
        assert!(well >= 1, "neither ended well: {ran:?}");
        both += usize::from(well == 2);
        for refused in ran.iter().filter(|ran| ran.code != 0) {
            let said = format!("{}{}", refused.stdout, refused.stderr);
            let why = said.lines().filter(|line| !line.contains("so already") && !line.contains("what was planned"));
            let why = why.collect::<Vec<_>>().join("\n");
            assert!(said.contains("the world has moved") || said.contains("at work"), "{why}");
        }
        lab.enlist(&plan).ok();
        for host in hosts {
            let left = "ls -A /etc /home /root | grep -v '^.pwd.lock$' | grep -e '[.]lock$' -e '[.]enlist'";
            assert_eq!(lab.sh(host, left).code(1).stdout, "");
            let whole = "for n in $(seq 3000 3049); do h=/home/s$(printf %03d $((n - 3000))); \
                         [ \"$(stat -c %u $h $h/.bashrc $h/.ssh/authorized_keys | sort -u)\" = $n ] || echo $h; done";
            assert_eq!(lab.sh(host, whole).ok().stdout, "");
        }
        std::fs::remove_file(plan_file).expect("the plan is there");
    }
    figure("two `enlist apply` at once", format_args!("{tries} rounds, both ended well in {both}"));
}
