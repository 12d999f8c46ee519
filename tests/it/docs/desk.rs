//! docs/onboarding.md and docs/review.md: all that is typed there, and the recipes up to the comment's text.

use super::page::{Page, type_all};
use super::readme::{KEY, at_desk, desk, serve};
use crate::support::{Lab, lab};
use std::path::{Path, PathBuf};
use words::diag::Source;
use words::value::Value;

const ROSTER: &str = "site: reference\nscheduler: slurm_master\ngroups: {ai_team: {gid: 3001}}\nusers: {}\n\
    accounts: {ai_project: {}}\n";

fn desk_with_roster(lab: &Lab) -> PathBuf {
    let desk = desk(lab);
    serve(lab);
    std::fs::write(desk.join("roster.yml"), ROSTER).unwrap();
    std::fs::write(desk.join("gildong.pub"), format!("{KEY} gildong@laptop\n")).unwrap();
    desk
}

#[test]
fn taking_people_in() {
    let page = Page::read("docs/onboarding.md");
    let lab = lab();
    let desk = desk_with_roster(&lab);
    let somebody_stays = ROSTER.replace("users: {}", "users: {kim: {uid: 2090, group: ai_team}}");
    std::fs::write(desk.join("roster.yml"), somebody_stays).unwrap();
    let add = page.take("enlist user add gildong");
    at_desk(&lab, &desk, add).code(1); // nobody could be asked
    at_desk(&lab, &desk, &format!("{add} --yes")).ok();
    assert_eq!(lab.sh("login3", "id -u gildong").ok().stdout, "2001\n");
    type_all(page.take("enlist user modify"), &[], |_, line| at_desk(&lab, &desk, line));
    lab.sh("login3", "id gildong").code(1);
    std::fs::write(desk.join("class.csv"), "login,name,uid,group\ndooly,둘리,2002,ai_team\n").unwrap();
    type_all(page.take("enlist user import"), &[], |_, line| at_desk(&lab, &desk, line));
    type_all(page.take("enlist user add --name"), &[], |_, line| at_desk(&lab, &desk, line));
    let roster = std::fs::read_to_string(desk.join("roster.yml")).unwrap();
    assert!(roster.contains("dooly") && roster.contains("ghong"), "{roster}");
    page.is_done();
}

/// A roster with somebody who comes and somebody who goes, and the second one on the hosts.
fn with_changes(lab: &Lab, desk: &Path) {
    let write = |users: &str| {
        let text =
            ROSTER.replace("users: {}", &format!("users:\n  dooly: {{uid: 2002, group: ai_team, comment: 둘리{users}"));
        std::fs::write(desk.join("roster.yml"), text).unwrap();
    };
    write("}");
    at_desk(lab, desk, "enlist apply --yes -i inventories/reference/hosts.ini").ok();
    let comes = format!("  gildong: {{uid: 2001, group: ai_team, comment: 홍길동, keys: ['{KEY} gildong@laptop']}}");
    write(&format!(", state: absent}}\n{comes}"));
}

#[test]
fn reviewing_a_plan_and_commenting_a_pull_request() {
    let page = Page::read("docs/review.md");
    let lab = lab();
    let desk = desk_with_roster(&lab);
    with_changes(&lab, &desk);
    type_all(page.take("enlist plan"), &[("enlist plan", 2)], |_, line| at_desk(&lab, &desk, line));
    let html = std::fs::read_to_string(desk.join("plan.html")).unwrap();
    assert!(html.contains("<bdi>홍길동</bdi>") && html.ends_with("</html>\n"), "{html}");
    for begins in ["# .github/workflows/roster.yml", "# .gitlab-ci.yml"] {
        let _ = std::fs::remove_file(desk.join("comment.md"));
        let script = script(page.take(begins));
        assert!(
            script.contains("enlist plan") && script.contains("2> problems.txt") && !script.contains("curl"),
            "{script}"
        );
        at_desk(&lab, &desk, &format!("set -e\n{script}")).ok();
        let comment = std::fs::read_to_string(desk.join("comment.md")).unwrap();
        for said in ["## enlist plan for `reference`", "### ⚠️ Goes or is cut off: ", "#### `person-", "- user person-"]
        {
            assert!(comment.contains(said), "{begins}: {said} is not in {comment}");
        }
        for word in ["gildong", "dooly", "홍길동", "둘리", "AAAAC3"] {
            assert!(!comment.contains(word), "{begins}: {word} is in {comment}");
        }
    }
    page.is_done();
}

#[test]
fn adopting_who_is_there() {
    let page = Page::read("docs/adopting.md");
    let lab = lab();
    let desk = desk(&lab);
    serve(&lab);
    for host in ["login1", "login2", "login3", "login4", "master"] {
        lab.sh(host, "groupadd -g 3001 ai_team && useradd -m -u 2001 -g ai_team -s /bin/bash gildong").ok();
    }
    lab.sh("master", "sacctmgr -i add account ai_project && sacctmgr -i add user gildong account=ai_project").ok();
    let block = page.take("enlist roster import");
    let (import, plan) = block.split_once('\n').unwrap();
    let imported = at_desk(&lab, &desk, import);
    assert!([0, 3].contains(&imported.code) && !imported.stderr.contains("gildong"), "{imported:?}");
    at_desk(&lab, &desk, plan).ok();
    page.is_done();
}

#[test]
fn from_a_cluster_that_grew_to_a_first_login() {
    let page = Page::read("docs/walkthrough.md");
    let lab = lab();
    let desk = desk(&lab);
    serve(&lab);
    for host in ["login1", "login2", "login3", "login4", "master"] {
        lab.sh(host, "groupadd -g 3001 ai_team && useradd -m -u 2001 -g ai_team -s /bin/bash gildong").ok();
    }
    lab.sh("master", "sacctmgr -i add account ai_project && sacctmgr -i add user gildong account=ai_project").ok();
    std::fs::copy(lab.dir().join("id_ed25519.pub"), desk.join("dooly.pub")).unwrap();
    let who = "export GIT_AUTHOR_NAME=me GIT_AUTHOR_EMAIL=me@x GIT_COMMITTER_NAME=me GIT_COMMITTER_EMAIL=me@x; ";
    let line = |line: &str| at_desk(&lab, &desk, &format!("{who}{line}"));
    // People of the lab's own may be named; gildong is not.
    let (import, rest) = page.take("enlist roster import").split_once('\n').unwrap();
    let imported = line(import);
    assert!([0, 3].contains(&imported.code) && !imported.stderr.contains("gildong"), "{imported:?}");
    type_all(rest, &[], |_, it| line(it));
    for begins in ["git init", "git switch --quiet --create"] {
        type_all(page.take(begins), &[], |_, it| line(it));
    }
    type_all(page.take("enlist plan"), &[("enlist plan", 2)], |_, it| line(it));
    let comment = std::fs::read_to_string(desk.join("comment.md")).unwrap();
    for said in
        ["#### `dooly` `둘리`", "sacctmgr -i add user name=dooly account=ai_project", "+ user dooly  on all 5 hosts"]
    {
        assert!(comment.contains(said), "{said} is not in {comment}");
    }
    assert!(!comment.contains("gildong"), "who was here already is no part of it: {comment}");
    type_all(page.take("git merge"), &[("enlist plan", 2)], |_, it| line(it));
    let block = page.take("enlist user welcome");
    let login = block.lines().nth(1).unwrap();
    type_all(block, &[], |_, it| line(it));
    assert_eq!(line(login).ok().stdout, "dooly\n");
    page.is_done();
}

/// The lines of a recipe up to the comment, as its forge would run them.
fn script(recipe: &str) -> String {
    let tree = control::yaml::parse_one(&Source::new("ci.yml", recipe)).unwrap().unwrap().to_value();
    let list = |value: Option<&Value>| value.and_then(Value::as_list).unwrap_or_default().to_vec();
    let lines = match tree.get("jobs") {
        Some(jobs) => {
            let steps = list(jobs.get("plan").and_then(|plan| plan.get("steps")));
            let is_plan = |step: &Value| step.get("name").is_some_and(|name| name.to_string() == "Plan");
            steps.into_iter().filter(is_plan).filter_map(|step| step.get("run").cloned()).collect()
        }
        None => list(tree.get("plan").and_then(|plan| plan.get("script"))),
    };
    let lines = lines.iter().map(Value::to_string).filter(|line| !line.starts_with("printf "));
    lines.collect::<Vec<_>>().join("\n")
}
