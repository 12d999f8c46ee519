//! States, days, rules of sudo, guards that are passed and the audit log, on real hosts.

use crate::support::{Lab, lab};
use std::path::Path;

const INVENTORY: &str = "inventories/reference/hosts.ini";
const HASH: &str =
    "$6$saltsaltsalt$aGG2fEUe3rpHavE2WyvcJbwCx4IsWPyqj7WbbuzGp8bP40d3GekpoqY3KRusnF2yFZXr3nz7dqHvCdi2xtTq21";

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn write(roster: &Path, users: &str) {
    std::fs::write(
        roster,
        format!("hosts: login1\ngroups:\n  ai: {{gid: 3001}}\n  gpu: {{gid: 3002}}\nusers:\n{users}"),
    )
    .unwrap();
}

/// A day so many days from now, as the roster writes it.
fn day(lab: &Lab, days: i32) -> String {
    lab.sh("login1", &format!("date -u -d '{days} days' +%F")).ok().stdout.trim().to_owned()
}

fn shadow(lab: &Lab, name: &str) -> String {
    lab.sh("login1", &format!("getent shadow {name}")).ok().stdout
}

#[test]
fn people_come_and_go_by_the_day_and_by_their_state() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", "");
    let [today, tomorrow, later] = [0, 1, 30].map(|days| day(&lab, days));
    let apply = |more: &[&str]| {
        lab.enlist(&[&["apply", "-i", INVENTORY, "--roster", path(&roster), "-l", "login1"], more].concat())
    };
    let people = format!(
        "  kim: {{uid: 2001, group: ai, groups: [gpu], password: {HASH}, sudo: 'ALL=(ALL) NOPASSWD: /bin/ls'}}\n  \
         lee: {{uid: 2002, group: ai, ends: {later}}}\n  new: {{uid: 2003, group: ai, starts: {tomorrow}}}\n"
    );
    write(&roster, &people);
    let planned =
        lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&roster), "-l", "login1", "--json"]).code(2).stdout;
    assert!(!planned.contains("saltsalt") && planned.contains("(not shown)"), "{planned}");
    apply(&["-y"]).ok();
    assert!(shadow(&lab, "kim").contains(HASH), "a new account has the hash");
    lab.sh("login1", "visudo -c && test \"$(stat -c %a:%U /etc/sudoers.d/enlist-kim)\" = 440:root").ok();
    assert_eq!(lab.file("login1", "/etc/sudoers.d/enlist-kim").lines().last(), Some("kim ALL=(ALL) NOPASSWD: /bin/ls"));
    let expiry = lab.sh("login1", &format!("echo $(( $(date -u -d {later} +%s) / 86400 ))")).ok().stdout;
    assert_eq!(
        shadow(&lab, "lee").trim_end().split(':').nth(7),
        Some(expiry.trim()),
        "the host keeps him out by itself"
    );
    lab.sh("login1", "getent passwd new").code(2);
    apply(&["-y"]).ok();
    lab.sh("login1", "usermod -p '$6$own$own' kim").ok();
    write(&roster, &people.replace(HASH, "none"));
    apply(&["-y"]).ok();
    assert!(shadow(&lab, "kim").contains("$6$own$own"), "whoever has a password keeps it");
    write(&roster, &people);

    // What a day brings is seen before, and brought by that day's run.
    let at = |day: &str| lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&roster), "-l", "login1", "--at", day]);
    let tomorrow_s = at(&tomorrow).code(2).stdout;
    assert!(tomorrow_s.contains("user new") && !tomorrow_s.contains("user lee"), "{tomorrow_s}");
    assert!(at(&later).code(2).stdout.contains("user lee"));
    let plan = roster.with_file_name("later.json");
    let saved = ["plan", "-i", INVENTORY, "--roster", path(&roster), "-l", "login1", "--at", &later, "--json"];
    std::fs::write(&plan, lab.enlist(&saved).code(2).stdout).unwrap();
    let refused = lab.enlist(&["apply", path(&plan)]).code(1).stderr;
    assert!(refused.contains(&format!("the plan is of another day: {later}")), "{refused}");

    // The day comes; an edit that stands beside it waits for people.
    write(&roster, &people.replace(&tomorrow, &today).replace("lee: {", "lee: {shell: /bin/bash, "));
    let due = apply(&["--due", "1"]).code(3);
    assert!(due.stderr.contains("further steps are not due"), "{due:?}");
    lab.sh("login1", "getent passwd new").ok();
    assert!(!lab.sh("login1", "getent passwd lee").ok().stdout.trim_end().ends_with(":/bin/bash"));

    // A rule that visudo refuses is not put there, and what was there stays.
    write(&roster, &people.replace("NOPASSWD: /bin/ls", "NOPASSWD /bin/ls"));
    apply(&["-y"]).code(1);
    lab.sh("login1", "visudo -c && grep -q 'NOPASSWD: /bin/ls' /etc/sudoers.d/enlist-kim").ok();

    write(&roster, &people.replace("kim: {", "kim: {state: archived, "));
    let archived = apply(&["-y"]).ok().stdout;
    assert!(archived.contains("- kim  shut: password, keys, sessions"), "{archived}");
    lab.sh("login1", "test ! -e /etc/sudoers.d/enlist-kim && test -d /home/kim").ok();
    assert_eq!(lab.sh("login1", "id -nG kim").ok().stdout, "ai\n");
    assert!(shadow(&lab, "kim").starts_with("kim:!"));
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&roster), "-l", "login1"]).ok();
}

#[test]
fn a_number_changes_where_the_roster_says_so() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", "");
    let run = |command: &str, more: &[&str]| {
        lab.enlist(&[&[command, "-i", INVENTORY, "--roster", path(&roster), "-l", "login1"], more].concat())
    };
    lab.sh(
        "login1",
        "groupadd -g 3001 ai && useradd -m -u 2001 -g ai kim && touch /home/kim/file && chown kim /home/kim/file",
    )
    .ok();
    write(&roster, "  kim: {uid: 20001, group: ai}\n");
    assert!(run("plan", &[]).code(1).stderr.contains("`kim` shall have uid 20001, and has 2001"));
    write(&roster, "  kim: {uid: 20001, was_uid: 2002, group: ai}\n");
    run("plan", &[]).code(1);
    write(&roster, "  kim: {uid: 20001, was_uid: 2001, group: ai}\n");
    let plan = roster.with_file_name("plan.json");
    run("plan", &["-o", path(&plan)]).code(2);
    let blind = lab.enlist(&["apply", path(&plan)]).code(1).stderr;
    assert!(
        blind.contains("changes the uid of user kim from 2001 to 20001"),
        "only the roster says that a number may change: {blind}"
    );
    run("apply", &["-y"]).ok();
    assert_eq!(lab.sh("login1", "id -u kim; stat -c %u /home/kim /home/kim/file").ok().stdout, "20001\n20001\n20001\n");
    run("plan", &[]).ok();
}

#[test]
fn what_was_done_is_recorded_and_a_changed_log_is_found() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", "");
    let log = roster.with_file_name("enlist-log.jsonl");
    let apply = |more: &[&str]| {
        lab.enlist(&[&["apply", "-y", "-i", INVENTORY, "--roster", path(&roster), "-l", "login1"], more].concat())
    };
    let everybody = |state: &str| -> String {
        (0..5).map(|n| format!("  p{n}: {{uid: {}, group: ai{state}}}\n", 2001 + n)).collect()
    };
    let kim = format!("  kim: {{uid: 2100, group: ai, password: {HASH}}}\n");
    write(&roster, &(everybody("") + &kim));
    apply(&[]).ok();
    write(&roster, &(everybody(", state: absent") + &kim));
    let refused = apply(&[]).code(1).stderr;
    assert!(refused.contains("--allow max-removals --reason TEXT"), "{refused}");
    assert!(apply(&["--allow", "max-removals"]).code(1).stderr.contains("needs a reason"));
    apply(&["--allow", "protected-names", "--reason", "because"]).code(1);
    apply(&["--allow", "max-removals", "--reason", "term is over"]).ok();

    let show = |more: &[&str]| lab.enlist(&[&["log", "--log", path(&log)], more].concat());
    let all = show(&[]).ok();
    assert!(all.stdout.contains(", passing max-removals: term is over\n"), "{}", all.stdout);
    assert!(
        all.stdout.contains("  login1: delete user p0 ") && all.stdout.contains("changes, all well"),
        "{}",
        all.stdout
    );
    assert!(all.stderr.contains("The chain is whole"), "{}", all.stderr);
    assert!(!all.stdout.contains("saltsalt") && !std::fs::read_to_string(&log).unwrap().contains("saltsalt"));
    let told = show(&["--person", "p0", "--json"]).ok().stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let events = told["events"].as_array().unwrap();
    let about = events.iter().filter_map(|event| event["what"].as_str());
    assert!(about.clone().count() >= 2 && about.clone().all(|what| what.contains("p0")), "{told}");
    assert_eq!(events.iter().filter(|event| event["event"] == "begin").count(), 2, "{told}");

    // Whoever else is at work with the roster is waited for, whatever log it has.
    let folder = std::fs::File::open(roster.parent().unwrap()).unwrap();
    folder.lock().unwrap();
    write(&roster, &(everybody(", state: absent") + &kim.replace("group: ai", "group: ai, shell: /bin/dash")));
    let own = roster.with_file_name("own-log.jsonl");
    let busy = apply(&["--log", path(&own)]).code(1).stderr;
    assert!(busy.contains("another `enlist apply` is at work") && !own.exists(), "{busy}");
    drop(folder);
    write(&roster, &(everybody(", state: absent") + &kim));

    // Entries stay for good: a file that lost its people is not carried out.
    let whole = std::fs::read_to_string(&roster).unwrap();
    write(&roster, &kim.replace("group: ai", "group: ai, shell: /bin/dash"));
    let cut = apply(&[]).code(1).stderr;
    assert!(cut.contains("the roster names 1 people, and it named 6 when it was last carried out"), "{cut}");
    std::fs::write(&roster, &whole).unwrap();

    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(
        &log,
        text.replacen("delete user p0", "delete user px", 1).replacen("\"user p0\"", "\"user px\"", 1),
    )
    .unwrap();
    assert!(show(&[]).code(1).stderr.contains("The chain is broken"));
    write(&roster, &(everybody(", state: absent") + &kim.replace("group: ai", "group: ai, shell: /bin/bash")));
    let refused = apply(&[]).code(1).stderr;
    assert!(refused.contains("the audit log") && refused.contains("is broken"), "{refused}");
    assert!(
        !lab.sh("login1", "getent passwd kim").ok().stdout.trim_end().ends_with(":/bin/bash"),
        "nothing was touched"
    );
}
