//! Hosts whose nsswitch.conf names sources beside the local files: what they say counts, what they cannot say is no absence,
//! and thousands of people cost them few questions.

use crate::support::{Lab, lab};

const INVENTORY: &str = "inventories/reference/hosts.ini";

/// Puts a `getent` on login1 that notes what it is asked, and then does this.
fn plant(lab: &Lab, then: &str) {
    let script = format!("#!/bin/sh\necho \"$@\" >>/tmp/asked\n{then}\n");
    let here = lab.write_temp("getent", &script);
    lab.lab(&["put", "login1", here.to_str().expect("UTF-8"), "/usr/local/bin/getent"]).ok();
    let nsswitch = "printf 'passwd: files sss\\ngroup: files sss\\n' >/etc/nsswitch.conf";
    lab.sh("login1", &format!("chmod 755 /usr/local/bin/getent; rm -f /tmp/asked; {nsswitch}")).ok();
}

fn two_hundred_users(lab: &Lab) -> String {
    let tasks = "- hosts: login1\n  gather_facts: no\n  tasks:\n    - user: {name: 'u{{ item }}', uid: '{{ 7000 + item }}'}\n      \
                 loop: '{{ range(200) | list }}'\n";
    lab.write_temp("people.yml", tasks).to_str().expect("UTF-8").to_owned()
}

#[test]
fn two_hundred_people_cost_a_few_questions() {
    let lab = lab();
    plant(&lab, "exec /usr/bin/getent \"$@\"");
    let playbook = two_hundred_users(&lab);
    let asked = || {
        let lines = lab.sh("login1", "cat /tmp/asked; rm -f /tmp/asked").ok().stdout;
        let (passwd, group): (Vec<_>, Vec<_>) = lines.lines().partition(|line| line.starts_with("passwd "));
        assert!(passwd.len() + group.len() <= 12, "{lines}");
        (passwd.iter().any(|line| line.contains(" u150 ")), group.iter().any(|line| line.contains(" u150 ")))
    };
    lab.enlist(&["play", "-i", INVENTORY, "--check", &playbook]).ok();
    assert_eq!(asked(), (true, true), "all are looked up");
    let ran = lab.enlist(&["play", "-i", INVENTORY, &playbook]).ok();
    assert!(ran.stdout.contains("changed=1"), "{}", ran.stdout);
    assert_eq!(asked(), (true, true));
    let again = lab.enlist(&["play", "-i", INVENTORY, &playbook]).ok();
    assert!(again.stdout.contains("changed=0"), "{}", again.stdout);
}

#[test]
fn a_directory_that_cannot_be_asked_is_no_absence() {
    let lab = lab();
    plant(&lab, "echo 'the cache is locked' >&2; exit 1");
    let before = lab.sh("login1", "cat /etc/passwd /etc/group").ok().stdout;
    for check in [&["--check"][..], &[]] {
        let playbook = two_hundred_users(&lab);
        let ran = lab.enlist(&[&["play", "-i", INVENTORY], check, &[&playbook]].concat()).code(2);
        let told = "users cannot be looked up now: `getent passwd u0` ended with 1: the cache is locked";
        assert!(ran.stdout.contains(told), "{}", ran.stdout);
    }
    assert_eq!(lab.sh("login1", "cat /etc/passwd /etc/group").ok().stdout, before, "nobody was made");
}
