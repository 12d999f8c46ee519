//! docs/roster.md and docs/plan-format.md: the whole roster is planned, applied and planned again; the commands are typed.

use super::page::{Page, type_all};
use super::readme::{KEY, at_desk, desk, serve, with_keys};
use crate::support::{Lab, lab};
use serde_json::Value;
use std::path::Path;

const PLAN: &str = "enlist plan -i inventories/reference/hosts.ini -o plan.json";

#[test]
fn the_roster_with_everything_in_it() {
    let page = Page::read("docs/roster.md");
    let lab = lab();
    let desk = desk(&lab);
    serve(&lab);
    for host in ["login1", "login2", "login3", "login4", "master"] {
        lab.sh(host, "groupadd -g 3003 interns").ok();
    }
    lab.sh("master", "sacctmgr -i add qos old").ok();
    std::fs::write(desk.join("roster.yml"), with_keys(page.take("site: reference"))).unwrap();
    at_desk(&lab, &desk, "enlist roster check").ok();
    at_desk(&lab, &desk, PLAN).code(2);
    let plan: Value = serde_json::from_slice(&std::fs::read(desk.join("plan.json")).unwrap()).unwrap();
    at_desk(&lab, &desk, "enlist apply plan.json").ok();
    let again = at_desk(&lab, &desk, PLAN).ok().stdout;
    assert!(again.starts_with("Nothing to do: 5 hosts looked at"), "{again}");
    type_all(page.take("enlist explain"), &[], |_, line| at_desk(&lab, &desk, line));
    type_all(page.take("enlist status"), &[], |_, line| at_desk(&lab, &desk, line));
    assert_eq!(lab.sh("login2", "id -Gn gildong").ok().stdout, "ai_team gpu_users\n");
    plan_has_the_documented_shape(&plan);
    let due = type_with_codes(page.take("enlist plan --at"), &desk, &lab);
    assert_eq!(due, [2, 0, 0], "days bring something, are listed, and none is due");
    assert_eq!(type_with_codes(page.take("enlist log"), &desk, &lab), [0]);
    let timer = page.take("OnCalendar");
    assert!(timer.contains("ExecStart=/usr/local/bin/enlist apply --due 7"), "{timer}");
    for (begins, people) in [("defaults:", 2), ("courses:", 2), ("ids:", 1)] {
        std::fs::write(desk.join("roster.yml"), page.take(begins)).unwrap();
        let checked = at_desk(&lab, &desk, "enlist roster number --new; enlist roster check").ok().stdout;
        assert!(checked.contains(&format!(": {people} users (")), "{begins} {checked}");
    }

    let empty = "groups: {ai_team: {gid: 3001}}\nscheduler: slurm_master\naccounts: {ai_project: {}}\nusers:\n";
    std::fs::write(desk.join("roster.yml"), empty).unwrap();
    std::fs::write(desk.join("gildong.pub"), format!("{KEY} gildong@laptop\n")).unwrap();
    type_all(page.take("enlist user add"), &[], |_, line| at_desk(&lab, &desk, line));
    let edited = std::fs::read_to_string(desk.join("roster.yml")).unwrap();
    assert!(edited.contains("shell: /bin/zsh") && edited.contains("state: absent"), "{edited}");
    page.is_done();
}

/// The exit code of each command of a block.
fn type_with_codes(block: &str, desk: &Path, lab: &Lab) -> Vec<i32> {
    block.lines().map(|line| at_desk(lab, desk, line).code).collect()
}

/// Each key of the example stands in a real plan at the same place, and each of a plan at its head in the example.
fn plan_has_the_documented_shape(plan: &Value) {
    let page = Page::read("docs/plan-format.md");
    let example: Value = serde_json::from_str(page.take("{")).unwrap();
    page.is_done();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&example), keys(plan));
    let step = |plan: &Value| {
        let hosts = plan["hosts"].as_array().unwrap();
        let steps = hosts.iter().flat_map(|host| host["steps"].as_array().unwrap());
        let created = |step: &&Value| step["changes"][0]["action"] == "create" && step["module"] == "group";
        steps.into_iter().find(created).expect("a group is made").clone()
    };
    let (shown, made) = (step(&example), step(plan));
    assert_eq!(keys(&example["hosts"][0]), keys(&plan["hosts"][0]));
    assert_eq!(keys(&shown), keys(&made));
    assert_eq!(shown["args"], made["args"]);
    assert_eq!(shown["changes"][0]["address"], made["changes"][0]["address"]);
    assert_eq!(keys(&shown["changes"][0]["fields"][0]), keys(&made["changes"][0]["fields"][0]));
}
