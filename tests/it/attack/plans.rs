//! Somebody who can edit a plan between its making and `enlist apply`: no further than a plan that was made.

use super::figure;
use crate::support::{Lab, lab};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const INVENTORY: &str = "inventories/reference/hosts.ini";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g evil@x";
const ROSTER: &str =
    "hosts: login1\ngroups:\n  team: {gid: 3001}\nusers:\n  alice: {uid: 2001, group: team, comment: Alice}\n";

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What must stay as it is: root's keys, the account files, who is in sudo, and what stands below /etc and /home.
fn state(lab: &Lab) -> String {
    let files = "cat /etc/passwd /etc/shadow /etc/group; find /root/.ssh /etc /home -printf '%p %u %g %m %s\\n' | sort";
    lab.sh("login1", files).ok().stdout
}

/// A step of the accounts' phase, with the change that a dry run of it would report.
fn step(module: &str, args: Value, changes: Value) -> Value {
    json!({"phase": "accounts", "module": module, "args": args, "changes": changes})
}

fn user(extra: (&str, Value), field: (&str, Value, Value)) -> Value {
    let mut args = json!({"name": "alice", "uid": 2001, "group": "team", "state": "present"});
    args[extra.0] = extra.1;
    let field = json!({"type": "value", "name": field.0, "before": field.1, "after": field.2});
    step("user", args, json!([{"address": {"kind": "user", "name": "alice"}, "action": "update", "fields": [field]}]))
}

fn key(user: &str, more: Value, file: &str, before: &str) -> Value {
    let mut args = json!({"user": user, "key": KEY, "state": "present"});
    args.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    let text = json!({"type": "text", "name": file, "before": before, "after": format!("{before}{KEY}\n")});
    let owner = json!({"type": "value", "name": "owner", "before": "root", "after": "alice"});
    let address = json!({"kind": "authorized_key", "name": file});
    step("authorized_key", args, json!([{"address": address, "action": "update", "fields": [text, owner]}]))
}

/// Steps that no roster asks for, each with what an attacker hopes for.
fn edits(root_keys: &str) -> Vec<Value> {
    let root = "/root/.ssh/authorized_keys";
    let groups = |name: &str| ("groups", json!([]), json!([name]));
    vec![
        key("alice", json!({"path": root, "manage_dir": false}), root, root_keys),
        key("root", json!({}), root, root_keys),
        key("toor", json!({}), root, root_keys),
        key("alice", json!({"key": format!("file://{root}")}), root, root_keys),
        user(("groups", json!("27")), groups("sudo")),
        user(("groups", json!(["27"])), groups("sudo")),
        user(("groups", json!(["helpers"])), groups("helpers")),
        user(("group", json!("0")), ("group", json!("team (3001)"), json!("root (0)"))),
        user(("uid", json!(0)), ("uid", json!(2001), json!(0))),
        user(("non_unique", json!(true)), ("uid", json!(2001), json!(0))),
        user(("skeleton", json!("/root")), ("home directory", json!(null), json!("created"))),
        user(("home", json!("/etc")), ("home", json!("/home/alice"), json!("/etc"))),
        user(("ssh_key_file", json!("/etc/cron.d/x")), ("SSH key", json!(null), json!("/etc/cron.d/x"))),
        user(("password", json!("$6$x$y")), ("password", json!(null), json!("changed"))),
        user(("force", json!(true)), ("comment", json!("Alice"), json!("x"))),
        step("command", json!({"argv": ["touch", "/etc/owned"], "state": "present"}), json!([])),
        step("file", json!({"path": "/etc/shadow", "mode": "0644", "state": "present"}), json!([])),
    ]
}

#[test]
fn an_edited_plan_gets_no_further_than_a_made_one() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", ROSTER);
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&roster)]).ok();
    // A second name of root's and of sudo's, as sites have them.
    lab.sh("login1", "useradd -o -u 0 -g 0 -d /root -M toor && groupadd -o -g 27 helpers && mkdir -p /root/.ssh").ok();
    lab.sh("login1", "touch /root/.ssh/authorized_keys").ok();
    let plan = roster.with_file_name("plan.json");
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&roster), "-o", path(&plan)]).ok();
    let made: Value = serde_json::from_str(&std::fs::read_to_string(&plan).unwrap()).unwrap();
    let before = state(&lab);
    let edits = edits(&lab.file("login1", "/root/.ssh/authorized_keys"));
    for edit in &edits {
        let mut edited = made.clone();
        edited["hosts"][0]["steps"] = json!([edit]);
        edited["guards"] = json!({"max_removals": 999_999, "protected": []});
        std::fs::write(&plan, edited.to_string()).unwrap();
        let refused = lab.enlist(&["apply", path(&plan)]).code(1).stderr;
        assert!(refused.contains("the guard `"), "{edit}: {refused}");
        let by_roster = lab.enlist(&["apply", path(&plan), "--roster", path(&roster)]).code(1).stderr;
        assert!(by_roster.contains("error: "), "{edit}: {by_roster}");
    }
    assert!(state(&lab) == before, "something was touched");
    figure("steps put into a plan", format_args!("{} kinds, all refused, nothing touched", edits.len()));
}

#[test]
fn a_plan_does_not_set_its_own_limits_nor_choose_a_program() {
    let lab = lab();
    let people: String = (0..5).map(|n| format!("  p{n}: {{uid: {}, group: team}}\n", 2010 + n)).collect();
    let all = lab.write_temp("roster.yml", &format!("{ROSTER}{people}"));
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&all)]).ok();
    let leaving = format!("{ROSTER}{}guards: {{max_removals: 5}}\n", people.replace("}\n", ", state: absent}\n"));
    let leaving = lab.write_temp("roster.yml", &leaving);
    let plan = leaving.with_file_name("plan.json");
    let save = ["plan", "-i", INVENTORY, "--roster", path(&leaving), "-o", path(&plan)];
    lab.enlist(&save).code(2);
    assert_eq!(std::fs::metadata(&plan).unwrap().permissions().mode() & 0o7777, 0o600);
    let refused = lab.enlist(&["apply", path(&plan)]).code(1).stderr;
    assert!(refused.contains("the plan removes 5, and 3 is the limit"), "{refused}");
    lab.sh("login1", "id p4").ok();

    let program = lab.write_temp("inventory.sh", "#!/bin/sh\ntouch \"$0.ran\"\necho '{}'\n");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let mut edited: Value = serde_json::from_str(&std::fs::read_to_string(&plan).unwrap()).unwrap();
    edited["inventory"] = json!([path(&program)]);
    let other = lab.write_temp("edited.json", &edited.to_string());
    let refused = lab.enlist(&["apply", path(&other), "--max-removals", "5"]).code(1).stderr;
    assert!(refused.contains("an inventory that is a program"), "{refused}");
    assert!(!program.with_file_name("inventory.sh.ran").exists());

    // Who applies may raise the limit; so may the roster that he gives.
    lab.enlist(&["apply", path(&plan), "--roster", path(&leaving)]).ok();
    lab.sh("login1", "id p4").code(1);
}

#[test]
fn plan_files_are_private_and_never_written_through_links() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", ROSTER);
    let victim = lab.write_temp("victim", "keep me\n");
    let plan = roster.with_file_name("plan.json");
    let save = ["plan", "-i", INVENTORY, "--roster", path(&roster), "-o", path(&plan)];
    symlink(&victim, &plan).unwrap();
    assert!(lab.enlist(&save).code(1).stderr.contains("it is a symbolic link"));
    std::fs::remove_file(&plan).unwrap();
    std::fs::write(&plan, "precious: notes\n").unwrap();
    assert!(lab.enlist(&save).code(1).stderr.contains("there is something else under this name"));
    std::fs::remove_file(&plan).unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "keep me\n");

    lab.enlist(&save).code(2);
    std::fs::set_permissions(&plan, PermissionsExt::from_mode(0o666)).unwrap();
    let refused = lab.enlist(&["apply", path(&plan)]).code(1).stderr;
    assert!(refused.contains("others may write it (mode 0666)"), "{refused}");
    std::fs::set_permissions(&plan, PermissionsExt::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&plan, Some(65534), None).unwrap();
    assert!(lab.enlist(&["apply", path(&plan)]).code(1).stderr.contains("it belongs to user number 65534"));
    std::os::unix::fs::chown(&plan, Some(0), None).unwrap();
    let directory = plan.parent().unwrap();
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o777)).unwrap();
    assert!(lab.enlist(&["apply", path(&plan)]).code(1).stderr.contains("of the directory"));
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();

    // A plan that is refused leaves no old one to be applied.
    let wrong = lab.write_temp("roster.yml", "users: [\n");
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&wrong), "-o", path(&plan)]).code(1);
    assert!(!plan.exists());
}
