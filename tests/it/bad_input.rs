//! What goes wrong for users: a clear word with place and remedy, the right exit code, other hosts go on, and nothing
//! is half-applied.

use super::support::{Lab, Ran, lab};

const INVENTORY: &str = "inventories/reference/hosts.ini";

/// Runs a playbook text against the reference inventory.
fn play(lab: &Lab, text: &str, options: &[&str]) -> Ran {
    let path = lab.write_temp("play.yml", text);
    let path = path.to_str().expect("the lab's directory is UTF-8");
    lab.enlist(&[&["play", "-i", INVENTORY, path], options].concat())
}

/// A play of these tasks on `hosts`, as root, without facts.
fn tasks(hosts: &str, tasks: &str) -> String {
    format!("- hosts: {hosts}\n  become: yes\n  gather_facts: no\n  tasks:\n{tasks}")
}

#[track_caller]
fn says(ran: &Ran, parts: &[&str]) {
    let all = format!("{}{}", ran.stdout, ran.stderr);
    for part in parts {
        assert!(all.contains(part), "{part:?} is not in:\n{all}");
    }
}

fn recap<'a>(ran: &'a Ran, host: &str) -> &'a str {
    let line = ran.stdout.lines().rev().find(|line| line.starts_with(host));
    line.unwrap_or_else(|| panic!("no recap of {host} in:\n{}{}", ran.stdout, ran.stderr))
}

#[test]
fn files_that_cannot_be_meant_end_the_run_before_any_host() {
    let lab = lab();
    let cases = [
        ("- hosts: all\n  tasks:\n   - ping:\n  - ping:\n", 4, &["play.yml:4:"] as &[&str]),
        (
            "- hosts: all\n  tasks:\n    - user: name={{ x }}\n      state: {{ y }}\n",
            4,
            &["play.yml:4:14", "needs quotes"],
        ),
        (
            "- hosts: all\n  tasks:\n    - uzer: name=x\n",
            4,
            &["couldn't resolve module/action 'uzer'", "play.yml:3:7", "did you mean `user`?"],
        ),
        (
            "- hosts: all\n  tasks:\n    - user:\n        name: x\n        shel: /bin/sh\n",
            4,
            &["Unsupported parameters for (user) module: shel", "play.yml:5:9", "did you mean `shell`?"],
        ),
        (
            "- hosts: all\n  tasks:\n    - group: {name: x, state: there}\n",
            4,
            &["value of state must be one of: absent, present, got: there"],
        ),
        (
            "- hosts: all\n  tasks:\n    - user: {name: x, uid: abc}\n",
            4,
            &["argument 'uid'", "unable to convert to int"],
        ),
        (
            "- hosts: all\n  tasks:\n    - group:\n        gid: 5\n",
            4,
            &["missing required arguments: name", "play.yml:3:7"],
        ),
        (
            "- hosts: all\n  tasks:\n    - ping:\n      notify: restrat\n  handlers:\n    - name: restart\n      ping:\n",
            4,
            &["The requested handler 'restrat' was not found", "did you mean `restart`?"],
        ),
    ];
    for (text, code, parts) in cases {
        let ran = play(&lab, text, &[]).code(code);
        says(&ran, parts);
        assert!(!ran.stdout.contains("PLAY"), "nothing may have run:\n{}", ran.stdout);
    }
    says(&lab.enlist(&["play", "-i", INVENTORY, "no/such.yml"]).code(1), &["no/such.yml could not be found"]);
    says(&lab.enlist(&["play", "-i", "no/hosts.ini", "playbooks/create_user.yml"]).code(1), &["no/hosts.ini"]);
    says(&lab.enlist(&["play", "--no-such-option"]).code(2), &["--no-such-option"]);
}

#[test]
fn an_undefined_variable_names_itself_its_place_and_a_neighbour() {
    let lab = lab();
    let text = "- hosts: all\n  become: yes\n  gather_facts: no\n  vars: {group_id: a, here: yes}\n  tasks:\n    - group:\n        \
                name: \"{{ group_di }}\"\n      when: inventory_hostname == 'login2'\n";
    let ran = play(&lab, text, &[]).code(2);
    says(&ran, &["'group_di' is undefined", "play.yml:7:15", "did you mean 'group_id'?", "fatal: [login2]: FAILED!"]);
    assert!(recap(&ran, "login1").contains("failed=0    skipped=1"));
    assert!(recap(&ran, "login2").contains("failed=1"));
}

#[test]
fn an_unreachable_host_is_dropped_and_the_others_go_on() {
    let lab = lab();
    lab.lab(&["cut", "login2"]).ok();
    let ran = play(&lab, &tasks("all", "    - group: {name: staff2, gid: 3002}\n"), &["--timeout", "2"]).code(4);
    lab.lab(&["heal", "login2"]).ok();
    says(&ran, &["fatal: [login2]: UNREACHABLE!", "10.0.0.2"]);
    assert!(recap(&ran, "login2").contains("unreachable=1"));
    for host in ["login1", "login3", "login4", "master"] {
        lab.sh(host, "getent group staff2").ok();
    }
    lab.sh("login2", "getent group staff2").code(2);
}

#[test]
fn a_changed_host_key_is_refused_with_the_old_keys_line() {
    let lab = lab();
    lab.lab(&["rekey", "login3"]).ok();
    let ran = play(&lab, &tasks("login3,login4", "    - ping:\n"), &[]).code(4);
    says(&ran, &["fatal: [login3]: UNREACHABLE!", "known_hosts:", "ssh-keygen", "SHA256:"]);
    assert!(recap(&ran, "login4").contains("ok=1"));
}

#[test]
fn sudo_that_wants_a_password() {
    let lab = lab();
    let group = tasks("login1", "    - group: {name: g1, gid: 3010}\n");
    says(&play(&lab, &group, &["-u", "opspw"]).code(2), &["Missing sudo password"]);
    let wrong = lab.write_temp("password", "not it\n");
    let wrong = wrong.to_str().expect("UTF-8");
    let ran = play(&lab, &group, &["-u", "opspw", "--become-password-file", wrong]).code(2);
    says(&ran, &["Incorrect sudo password"]);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("not it"), "the password was shown");
    lab.sh("login1", "getent group g1").code(2);
    let right = lab.dir().join("opspw_password");
    let right = right.to_str().expect("UTF-8");
    play(&lab, &group, &["-u", "opspw", "--become-password-file", right]).ok();
    lab.sh("login1", "getent group g1").ok();
}

#[test]
fn a_full_disk_changes_nothing_on_that_host() {
    let lab = lab();
    let accounts = "cat /etc/passwd /etc/group /etc/shadow /etc/gshadow; ls -A /etc /home";
    let users = tasks("login1,login2", "    - user: {name: full, uid: 2050}\n");
    play(&lab, &tasks("login1,login2", "    - ping:\n"), &[]).ok();
    lab.lab(&["fill", "login1"]).ok();
    let before = lab.sh("login1", accounts).ok();
    let ran = play(&lab, &users, &[]).code(2);
    says(&ran, &["fatal: [login1]: FAILED!", "No space left on device"]);
    assert_eq!(lab.sh("login1", accounts).ok(), before);
    assert!(recap(&ran, "login2").contains("changed=1"));
    lab.lab(&["unfill", "login1"]).ok();
    let again = play(&lab, &users, &[]).ok();
    assert!(recap(&again, "login1").contains("changed=1"), "the next run completes:\n{}", again.stdout);
    assert!(recap(&again, "login2").contains("changed=0"));
}

#[test]
fn groups_that_are_missing_and_numbers_that_are_taken() {
    let lab = lab();
    let accounts = "cat /etc/passwd /etc/group /etc/shadow /etc/gshadow";
    let before = lab.sh("login1", accounts).ok();
    let cases = [
        ("user: {name: u1, group: nogroup9}", "Group nogroup9 does not exist"),
        ("user: {name: u1, groups: [sudo, nogroup9]}", "Group nogroup9 does not exist"),
        ("user: {name: u1, uid: 0}", "UID 0 is not unique"),
        ("group: {name: g1, gid: 0}", "GID '0' already exists"),
        ("user: {name: ops, uid: 0}", "UID 0 is not unique"),
    ];
    for (task, message) in cases {
        let ran = play(&lab, &tasks("login1", &format!("    - {task}\n")), &[]).code(2);
        says(&ran, &[message, "fatal: [login1]: FAILED!"]);
    }
    assert_eq!(lab.sh("login1", accounts).ok(), before);
}

#[test]
fn names_that_no_account_may_have() {
    let lab = lab();
    let before = lab.tree("login1");
    let long = "x".repeat(300);
    for name in ["a;b", "-x", "a:b", "a b", "a/b", "$(reboot)", "..", "a\\nb", long.as_str()] {
        for module in ["user", "group"] {
            let ran = play(&lab, &tasks("login1", &format!("    - {module}: {{name: \"{name}\"}}\n")), &[]).code(2);
            says(&ran, &["fatal: [login1]: FAILED!", "invalid", "name"]);
        }
    }
    assert_eq!(strip_agent(&lab.tree("login1")), strip_agent(&before));
}

/// A tree without the agent that the first run leaves in root's cache.
fn strip_agent(tree: &str) -> String {
    tree.lines().filter(|line| !line.contains("/root")).map(|line| format!("{line}\n")).collect()
}
