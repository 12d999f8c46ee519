//! `enlist plan --show-commands`: what is shown does what the plan would do. Typed on the hosts, nothing is left to plan.

use super::{INVENTORY, KEY, path, roster_file, serve};
use crate::support::{Lab, lab};

/// Types all commands of a plan where they belong, in the order in which they are shown.
fn type_all(lab: &Lab, roster: &str) -> usize {
    let plan = ["plan", "-i", INVENTORY, "--roster", roster, "--format", "json", "--show-commands", "--all"];
    let review: serde_json::Value = serde_json::from_str(&lab.enlist(&plan).code(2).stdout).unwrap();
    let list = |value: &serde_json::Value, key: &str| value[key].as_array().unwrap().clone();
    let mut typed = 0;
    for section in list(&review, "sections") {
        for change in list(&section, "people").iter().flat_map(|person| list(person, "changes")) {
            let commands: Vec<String> =
                list(&change, "commands").iter().map(|line| line.as_str().unwrap().to_owned()).collect();
            assert!(!commands.is_empty(), "{change} has no command");
            for host in list(&change, "hosts") {
                lab.sh(host.as_str().unwrap(), &commands.join(" && ")).ok();
                typed += commands.len();
            }
        }
    }
    typed
}

#[test]
fn typed_by_hand_they_leave_nothing_to_plan() {
    let lab = lab();
    serve(&lab);
    let first = format!(
        "scheduler: slurm_master\ngroups: {{ai: {{gid: 3001}}, gpu: {{gid: 3002}}}}\nusers:\n\
         \x20 gildong: {{uid: 2001, group: ai, groups: [gpu], comment: '홍 길동', shell: /bin/bash, keys: ['{KEY} a@b'], default_account: lab}}\n\
         \x20 dooly: {{uid: 2002, group: ai, expires: 2030-01-01}}\n\
         accounts:\n  lab: {{description: a lab, limits: {{MaxJobs: 5}}, users: {{gildong: {{limits: {{GrpTRES: 'cpu=4,gres/gpu=2'}}}}, dooly: {{}}}}, coordinators: [gildong]}}\n"
    );
    let file = roster_file(&lab, &first);
    assert!(type_all(&lab, path(&file)) > 20);
    let left = lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&file)]).ok().stdout;
    assert!(left.starts_with("Nothing to do"), "{left}");

    let second = first.replace("shell: /bin/bash", "shell: /bin/sh, locked: no").replace("MaxJobs: 5", "MaxJobs: -1");
    let second = second.replace("cpu=4,gres/gpu=2", "gres/gpu=4").replace("expires: 2030-01-01", "state: absent");
    let second = second
        .replace(", dooly: {}}, coordinators", "}, coordinators")
        .replace("groups: [gpu], ", "groups: [], only_groups: yes, ");
    std::fs::write(&file, second).unwrap();
    type_all(&lab, path(&file));
    let left = lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&file)]).ok().stdout;
    assert!(left.starts_with("Nothing to do"), "{left}");
}

#[test]
fn a_saved_plan_is_shown_in_every_form_and_masked_the_same_each_time() {
    let lab = lab();
    let text = format!(
        "groups: {{ai: {{gid: 3001}}}}\nusers:\n  gildong: {{uid: 2001, group: ai, comment: 홍길동, keys: ['{KEY} a@b']}}\n"
    );
    let file = roster_file(&lab, &text);
    let plan = file.with_file_name("plan.json");
    let site = ["-i", INVENTORY, "--roster", path(&file)];
    let roster = ["--roster", path(&file)];
    lab.enlist(&[&["plan", "-o", path(&plan), "--format", "html"], &site[..]].concat()).code(2);
    let shown =
        |words: &[&str]| lab.enlist(&[&["plan", "--from", path(&plan)], &roster[..], words].concat()).code(2).stdout;
    for form in ["text", "markdown", "json", "html"] {
        let (masked, again) = (shown(&["--format", form, "--redact"]), shown(&["--format", form, "--redact"]));
        assert_eq!(masked, again);
        assert!(!masked.contains("gildong") && !masked.contains("홍길동") && !masked.contains("AAAAC3"), "{masked}");
        assert!(shown(&["--format", form]).contains("홍길동"));
    }
    let fresh = lab.enlist(&[&["plan", "--redact"], &site[..]].concat()).code(2).stdout;
    assert_eq!(fresh, shown(&["--redact"]), "another plan has the same masks");
    let other = lab
        .enlist_command(&["plan", "--from", path(&plan), "--redact", roster[0], roster[1]])
        .env("ENLIST_REDACT_SECRET", "x")
        .output()
        .unwrap();
    assert_ne!(String::from_utf8(other.stdout).unwrap(), fresh);
    let json = shown(&["--format", "json", "--redact"]);
    std::fs::write(&plan, json).unwrap();
    let refused = lab.enlist(&["apply", path(&plan), "--roster", path(&file)]).code(1).stderr;
    assert!(refused.contains("is no plan"), "{refused}");
    lab.enlist(&["plan", "--json", "--redact", "-i", INVENTORY]).code(1);
    // What is refused names nobody either: neither a line of the roster nor who is on a host.
    let wrong =
        roster_file(&lab, "groups: {ai: {gid: 3001}}\nusers:\n  gildong: {uid: 2001, group: none, comment: 홍길동}\n");
    lab.sh("login1", "useradd -u 2999 mallory").ok();
    let taken = lab.write_temp("taken.yml", "groups: {ai: {gid: 3001}}\nusers:\n  gildong: {uid: 2999, group: ai}\n");
    for (file, name) in [(wrong, "gildong"), (taken, "mallory")] {
        let site = ["plan", "-i", INVENTORY, "--roster", path(&file)];
        assert!(lab.enlist(&site).code(1).stderr.contains(name));
        let masked = lab.enlist(&[&site[..], &["--redact"]].concat()).code(1);
        assert!(masked.stderr.contains("there is no plan, for 1 problem") && masked.stdout.is_empty(), "{masked:?}");
        assert!(["gildong", "mallory", "홍길동"].iter().all(|name| !masked.stderr.contains(name)), "{masked:?}");
    }
}
