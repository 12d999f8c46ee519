//! The main job on real hosts: the reference playbook, word for word, twice; and a dry run that tells the truth.

use super::support::{Lab, lab};
use serde_json::Value;

const INVENTORY: &str = "inventories/reference/hosts.ini";
const REFERENCE: &str = "playbooks/create_user.yml";
const HOSTS: [&str; 5] = ["login1", "login2", "login3", "login4", "master"];

/// Starts the accounting service on the master, with the account that the reference playbook expects.
fn serve(lab: &Lab) {
    lab.sh("master", "setsid enlist serve </dev/null >/var/log/enlist.log 2>&1 &").ok();
    let ready = "for i in $(seq 600); do sacctmgr -n show cluster >/dev/null 2>&1 && exit 0; sleep 0.1; done; \
                 cat /var/log/enlist.log; exit 1";
    lab.sh("master", ready).ok();
    lab.sh("master", "sacctmgr -i add account ai_project Description=AI_Team_Project Organization=Research_Dept").ok();
}

/// What a run reports of every task, item and host: its end and its changes. Times and outputs of programs are left out.
fn reported(lab: &Lab, playbook: &str, options: &[&str]) -> Vec<String> {
    let ran = lab.enlist(&[&["play", "-i", INVENTORY, playbook, "--diff", "--json"], options].concat()).ok();
    let lines = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.filter_map(|event| outline(&event)).collect()
}

fn outline(event: &Value) -> Option<String> {
    match event["event"].as_str()? {
        "task" => Some(format!("task {}", event["name"])),
        "host" => Some(format!(
            "{} {} {} {} {}",
            event["host"], event["delegate"], event["status"], event["changes"], event["items"]
        )),
        "recap" => Some(event["hosts"].to_string()),
        _ => None,
    }
}

/// The account files and homes of every host; the agent in root's cache is not among them.
fn trees(lab: &Lab) -> Vec<String> {
    HOSTS.iter().map(|host| lab.lab(&["tree", host, "/etc", "/home", "/var/lib"]).ok().stdout).collect()
}

#[test]
fn the_reference_playbook_twice() {
    let lab = lab();
    serve(&lab);
    let first = lab.enlist(&["play", "-i", INVENTORY, REFERENCE]).ok();
    assert!(first.stdout.contains("changed: [login1 -> master_node(10.0.0.10)]"), "{}", first.stdout);
    for host in HOSTS {
        assert_eq!(
            lab.sh(host, "id gildong").ok().stdout,
            "uid=2001(gildong) gid=3001(ai_team) groups=3001(ai_team)\n"
        );
        assert_eq!(lab.sh(host, "stat -c '%U %G %a' /home/gildong").ok().stdout, "gildong ai_team 755\n");
    }
    let shown = "sacctmgr -n -P show association user=gildong format=Account,User";
    assert_eq!(lab.sh("master", shown).ok().stdout, "ai_project|gildong\n");
    let before = trees(&lab);
    let second = lab.enlist(&["play", "-i", INVENTORY, REFERENCE]).ok();
    assert_eq!(second.stdout.matches("changed=0 ").count(), 5, "{}", second.stdout);
    assert_eq!(second.stdout.matches("failed=0 ").count(), 5, "{}", second.stdout);
    assert_eq!(trees(&lab), before, "the second run writes nothing");
}

#[test]
fn a_dry_run_predicts_exactly_what_then_happens() {
    for playbook in [REFERENCE, "playbooks/onboard.yml"] {
        let lab = lab();
        serve(&lab);
        let before = trees(&lab);
        let predicted = reported(&lab, playbook, &["--check"]);
        assert_eq!(trees(&lab), before, "a dry run writes nothing");
        let happened = reported(&lab, playbook, &[]);
        assert_eq!(predicted, happened);
        assert!(happened.iter().any(|line| line.contains("\"changed\"")), "it has changed something: {happened:?}");
        let again = reported(&lab, playbook, &[]);
        assert!(!again.iter().any(|line| line.contains("\"changed\" [")), "the second run is quiet: {again:?}");
    }
}

#[test]
fn the_accounting_of_an_unknown_account_is_refused_as_slurm_does() {
    let lab = lab();
    serve(&lab);
    let ran = lab.enlist(&["play", "-i", INVENTORY, REFERENCE, "-e", "slurm_account=nope"]).code(2);
    assert!(ran.stdout.contains("This account 'nope' doesn't exist."), "{}", ran.stdout);
    assert!(ran.stdout.contains("fatal: [login1 -> master_node(10.0.0.10)]: FAILED!"), "{}", ran.stdout);
}

#[test]
fn a_loop_of_users_is_one_transaction() {
    let lab = lab();
    let class = ["play", "-i", INVENTORY, "playbooks/class.yml", "-e", "class_size=40", "--limit", "login1,login2"];
    let first = lab.enlist(&class).ok();
    assert_eq!(first.stdout.matches("changed: [login1] => (item=student").count(), 40, "{}", first.stdout);
    // The backup is of the file before the transaction: one write for all forty, none of them in it.
    assert_eq!(lab.sh("login1", "grep -c ^student /etc/passwd").ok().stdout, "40\n");
    assert_eq!(lab.sh("login1", "grep -c ^student /etc/passwd-").code(1).stdout, "0\n");
    assert_eq!(lab.sh("login2", "id -u student040; ls -d /home/student0* | wc -l").ok().stdout, "5040\n40\n");
    let second = lab.enlist(&class).ok();
    assert_eq!(second.stdout.matches("changed=0 ").count(), 2, "{}", second.stdout);
}

#[test]
fn gathering_facts_tells_hosts_apart() {
    let lab = lab();
    let text = "- hosts: all\n  tasks:\n    - debug: msg=\"{{ ansible_hostname }} {{ ansible_distribution }} {{ ansible_default_ipv4.address | default('-') }}\"\n";
    let path = lab.write_temp("facts.yml", text);
    let ran = lab.enlist(&["play", "-i", INVENTORY, path.to_str().expect("UTF-8")]).ok();
    for host in HOSTS {
        assert!(ran.stdout.contains(&format!("\"msg\": \"{host} Debian")), "{}", ran.stdout);
    }
}
