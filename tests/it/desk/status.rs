//! `enlist status`: everybody with the first broken link, and nobody well who was not looked at.

use super::{INVENTORY, json, path, roster_file, serve};
use crate::support::lab;

const ROSTER: &str = "site: 'lab <b>'\nscheduler: slurm_master\ngroups: {ai: {gid: 3001}, gpu: {gid: 3002}}\nusers:\n\
    \x20 well: {uid: 2001, group: ai, comment: 홍길동}\n  nohome: {uid: 2002, group: ai}\n  shell: {uid: 2003, group: ai, shell: /bin/bash}\n\
    \x20 noacct: {uid: 2004, group: gpu, groups: [ai]}\n  kept: {uid: 2005, group: ai, locked: yes}\n  over: {uid: 2006, group: ai, expires: 2020-01-01}\n\
    \x20 gone: {uid: 2007, group: ai, state: absent}\n  stays: {uid: 2008, group: ai, manager: Kim Minsu}\n  limit: {uid: 2009, group: ai}\n\
    projects:\n  vision: {members: [over, noacct], manager: 이 교수}\n\
    accounts:\n  lab: {users: [well, nohome, limit]}\n";

#[test]
fn everybody_with_the_first_broken_link() {
    let lab = lab();
    serve(&lab);
    let file = roster_file(&lab, ROSTER);
    let site = ["-i", INVENTORY, "--roster", path(&file)];
    let status = |words: &[&str]| lab.enlist(&[&["status"], words, &site[..]].concat());
    let before = json(&status(&["--json"]).code(2));
    let kept = before.as_array().unwrap().iter().find(|one| one["login"] == "kept").unwrap();
    assert_eq!((&kept["state"], &kept["first"]["link"]), (&"broken".into(), &"account".into()), "{kept}");
    lab.enlist(&[&["apply", "-y"], &site[..]].concat()).ok();
    let states = |ran| -> Vec<String> {
        let all: serde_json::Value = json(&ran);
        let word =
            |one: &serde_json::Value| format!("{} {}", one["login"].as_str().unwrap(), one["state"].as_str().unwrap());
        all.as_array().unwrap().iter().map(word).collect()
    };
    let all_is_so = [
        "well well",
        "nohome well",
        "shell well",
        "noacct well",
        "kept suspended",
        "over ended",
        "gone absent",
        "stays well",
        "limit well",
    ];
    assert_eq!(states(status(&["--json"]).ok()), all_is_so);

    lab.sh("login2", "rm -r /home/nohome && usermod -s /bin/sh shell && usermod -U -e '' kept").ok();
    lab.sh("login3", "useradd -u 2007 -g ai gone && userdel stays").ok();
    lab.sh("master", "sacctmgr -i delete user well account=lab && sacctmgr -i modify account lab set MaxJobs=0").ok();
    let told = json(&status(&["--json"]).code(2));
    let of = |login: &str| told.as_array().unwrap().iter().find(|one| one["login"] == login).unwrap().clone();
    for (login, state, place, link) in [
        ("well", "broken", "master_node", "scheduler"),
        ("nohome", "broken", "login2", "home"),
        ("shell", "broken", "login2", "as the roster"),
        ("kept", "broken", "login2", "suspended"),
        ("gone", "broken", "login3", "gone"),
        ("stays", "broken", "login3", "account"),
        ("limit", "broken", "master_node", "association"),
        ("over", "ended", "", ""),
        ("noacct", "well", "", ""),
    ] {
        let one = of(login);
        let first = |key: &str| one["first"][key].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (one["state"].as_str().unwrap(), first("place"), first("link")),
            (state, place.into(), link.into()),
            "{one}"
        );
    }
    let table = status(&[]).code(2).stdout;
    assert!(table.contains("login2: home: /home/nohome is not there") && table.contains("\nnoacct  well\n"), "{table}");
    assert!(table.ends_with("9 people: 7 broken, 1 ended, 1 well.\n"), "{table}");
    assert_eq!(states(status(&["--json", "--state", "well", "--state", "ended"]).ok()), ["noacct well", "over ended"]);
    assert_eq!(states(status(&["--json", "--group", "gpu"]).ok()), ["noacct well"]);
    assert_eq!(states(status(&["--json", "--account", "lab"]).code(2)).len(), 3);
    assert_eq!(states(status(&["--json", "--project", "vision"]).ok()), ["noacct well", "over ended"]);
    assert_eq!(states(status(&["--json", "--manager", "Kim Minsu"]).code(2)), ["stays broken"]);
    let of_lee = json(&status(&["--json", "--manager", "이 교수", "--state", "well"]).ok());
    assert_eq!((&of_lee[0]["login"], &of_lee[0]["projects"]), (&"noacct".into(), &serde_json::json!(["vision"])));
    assert_eq!((of_lee.as_array().unwrap().len(), &of_lee[0]["manager"]), (1, &"이 교수".into()));
    for (option, says) in [("--project", "no project or course `visio`"), ("--manager", "no manager `visio`")] {
        let unknown = status(&[option, "visio"]).code(1);
        assert!(unknown.stderr.contains(says) && unknown.stdout.is_empty(), "nobody is no answer: {unknown:?}");
    }
    let page = status(&["--html", "--project", "vision"]).ok().stdout;
    assert!(page.contains("<bdi>이 교수</bdi><td>vision<td") && !page.contains("nohome"), "{page}");
    let page = status(&["--html"]).code(2).stdout;
    assert!(
        page.contains("lab &lt;b&gt;")
            && page.contains("<bdi>홍길동</bdi>")
            && page.contains("/home/nohome is not there"),
        "{page}"
    );
}

#[test]
fn whoever_was_not_looked_at_is_unknown() {
    let lab = lab();
    serve(&lab);
    let file = roster_file(&lab, ROSTER);
    let site = ["-T", "2", "-i", INVENTORY, "--roster", path(&file)];
    lab.enlist(&[&["apply", "-y"], &site[..]].concat()).ok();
    lab.sh("login2", "rm -r /home/nohome").ok();
    lab.lab(&["cut", "login4"]).ok();
    let told = lab.enlist(&[&["status", "--json"], &site[..]].concat());
    lab.lab(&["heal", "login4"]).ok();
    let told = json(&told.code(3));
    let states: Vec<_> = told.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert!(!states.contains(&"well") && !states.contains(&"absent") && !states.contains(&"suspended"), "{told}");
    assert_eq!(
        states.iter().filter(|state| **state == "broken").count(),
        1,
        "what is broken elsewhere is known: {told}"
    );
    lab.sh("master", "pkill -x enlist").ok();
    let told = json(&lab.enlist(&[&["status", "--json"], &site[..]].concat()).code(3));
    let states: Vec<_> = told.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states[..2], ["unknown", "broken"], "an account in a scheduler that does not answer: {told}");
}
