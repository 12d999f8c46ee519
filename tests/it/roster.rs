//! The roster on real hosts: plan, apply, drift, conflicts, removals, through the command line.

use crate::support::{Lab, lab};
use std::path::Path;

const INVENTORY: &str = "inventories/reference/hosts.ini";
const HOSTS: [&str; 5] = ["login1", "login2", "login3", "login4", "master"];
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

fn roster(users: &str) -> String {
    format!("site: lab\ngroups:\n  ai_team: {{gid: 3001}}\nusers:\n{users}")
}

fn gildong() -> String {
    roster(&format!(
        "  gildong: {{uid: 2001, group: ai_team, shell: /bin/bash, comment: 홍길동, keys: [{KEY} gildong@laptop]}}\n"
    ))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What lies in /etc and /home of all hosts. The agent, which the first run uploads, is in /root.
fn trees(lab: &Lab) -> Vec<String> {
    let kept = |line: &&str| line.contains(" /etc") || line.contains(" /home");
    HOSTS.iter().flat_map(|host| lab.tree(host).lines().filter(kept).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn plan_apply_and_the_second_plan_is_empty() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", &gildong());
    let plan = roster.with_file_name("plan.json");
    let (roster, plan) = (path(&roster), path(&plan));
    let before = trees(&lab);
    let planned = lab.enlist(&["plan", "-i", INVENTORY, "--roster", roster, "-o", plan]).code(2).stdout;
    assert!(planned.contains("  + group ai_team  "), "{planned}");
    assert!(planned.contains("홍길동\n"), "{planned}");
    assert!(planned.contains("+ authorized_key /home/gildong/.ssh/authorized_keys  on all 5 hosts\n"), "{planned}");
    assert!(planned.ends_with("20 to create, 0 to change, 0 to remove, on 5 of 5 hosts.\n"), "{planned}");
    assert!(trees(&lab) == before, "a plan changes nothing");

    let applied = lab.enlist(&["apply", plan]).ok().stdout;
    assert!(applied.contains("created on all 5 hosts\n"), "{applied}");
    for host in HOSTS {
        assert_eq!(
            lab.sh(host, "id gildong").ok().stdout,
            "uid=2001(gildong) gid=3001(ai_team) groups=3001(ai_team)\n"
        );
        assert_eq!(lab.file(host, "/home/gildong/.ssh/authorized_keys"), format!("{KEY} gildong@laptop\n"));
    }
    let again = lab.enlist(&["plan", "-i", INVENTORY, "--roster", roster]).ok().stdout;
    assert_eq!(again, "Nothing to do: 5 hosts looked at, all as the roster says.\n");
    let audit = lab.enlist(&["audit", "-i", INVENTORY, "--roster", roster]).code(2).stdout;
    let strangers = audit.lines().filter(|line| line.contains("is not in the roster")).count();
    assert_eq!((strangers, audit.lines().count()), (2, 3), "the lab's own users and the sum: {audit}");

    let after = trees(&lab);
    let refused = lab.enlist(&["apply", plan]).code(1).stderr;
    assert!(refused.contains("the world has moved since the plan was made"), "{refused}");
    assert!(refused.contains("all 5 hosts: group ai_team needs no change any more"), "{refused}");
    assert!(trees(&lab) == after, "a refused plan changes nothing");
}

#[test]
fn conflicts_on_any_host_touch_nothing() {
    let lab = lab();
    lab.sh("login3", "groupadd -g 3001 docker && useradd -u 2001 -g users mallory").ok();
    lab.sh("login4", "useradd -u 1500 -g users gildong").ok();
    let roster = lab.write_temp("roster.yml", &gildong());
    let before = trees(&lab);
    let refused = lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&roster)]).code(1).stderr;
    for said in [
        "gid 3001 shall be `ai_team`, and is `docker`",
        "uid 2001 shall be `gildong`, and is `mallory`",
        "`gildong` shall have uid 2001, and has 1500",
        "login3: /etc/group:",
        "login3: /etc/passwd:",
        "login4: /etc/passwd:",
    ] {
        assert!(refused.contains(said), "{said} is not in:\n{refused}");
    }
    assert!(trees(&lab) == before, "a conflict changes nothing");
    let audit = lab.enlist(&["audit", "-i", INVENTORY, "--json"]).code(0).stdout;
    assert!(!audit.contains("gildong"), "one uid on one host is no contradiction: {audit}");
    let audit = lab.enlist(&["audit", "-i", INVENTORY, "--roster", path(&roster)]).code(2).stdout;
    assert!(audit.contains("user gildong   has several numbers "), "{audit}");
}

#[test]
fn a_host_that_cannot_be_reached_is_named_and_the_others_are_planned() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", &gildong());
    let lost = lab.write_temp("lost.ini", "login9 ansible_host=\"{{ nowhere }}\"\n");
    let site = ["-i", INVENTORY, "-i", path(&lost), "--roster", path(&roster)];
    let planned = lab.enlist(&[&["plan"], &site[..]].concat()).code(3).stdout;
    assert!(planned.contains("login9") && planned.contains("cannot tell the variable `ansible_host`"), "{planned}");
    assert!(planned.contains("on 5 of 5 hosts; 1 left out."), "{planned}");
    let found = lab.enlist(&[&["audit", "--json"], &site[..]].concat()).code(3).stdout;
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let not_seen = found.as_array().unwrap().iter().find(|finding| finding["kind"] == "not_seen");
    let not_seen = not_seen.unwrap_or_else(|| panic!("the host is not in {found}"));
    assert_eq!(not_seen["subject"], "host login9");
    assert!(not_seen["seen"][0].as_str().unwrap().contains("'nowhere' is undefined"), "{not_seen}");
}

#[test]
fn drift_is_repaired_and_removals_are_written_down() {
    let lab = lab();
    let first = lab.write_temp("roster.yml", &gildong());
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&first)]).ok();
    lab.sh("login2", "usermod -s /bin/sh gildong && rm /home/gildong/.ssh/authorized_keys").ok();
    let drift = lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&first)]).code(2).stdout;
    assert!(drift.contains("  shell  /bin/sh → /bin/bash\n"), "{drift}");
    assert!(drift.ends_with("on 1 of 5 hosts.\n"), "{drift}");

    let nobody = lab.write_temp("roster.yml", "groups:\n  ai_team: {gid: 3001}\n");
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&nobody)]).ok();
    let stays = "  dooly: {uid: 2002, group: ai_team}\n  gildong: {uid: 2001, group: ai_team, state: absent}\n";
    let gone = lab.write_temp("roster.yml", &roster(stays));
    let told = lab.enlist(&["apply", "-y", "--json", "-i", INVENTORY, "--roster", path(&gone)]).ok().stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let steps = told["applied"].as_array().unwrap();
    assert!(told["ok"] == true && steps.iter().all(|step| step["result"] == "done"), "{told}");
    assert_eq!(steps.iter().filter(|step| step["phase"] == "account_removals").count(), 5, "{told}");
    for host in HOSTS {
        lab.sh(host, "id gildong").code(1);
        lab.sh(host, "id dooly && test -d /home/gildong").ok();
    }
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&gone)]).ok();
}

fn serve(lab: &Lab) {
    lab.sh("master", "setsid enlist serve </dev/null >/var/log/enlist.log 2>&1 &").ok();
    let ready = "for i in $(seq 600); do sacctmgr -n show cluster >/dev/null 2>&1 && exit 0; sleep 0.1; done; \
                 cat /var/log/enlist.log >&2; exit 1";
    lab.sh("master", ready).ok();
}

#[test]
fn the_reference_roster_registers_people_with_the_scheduler() {
    let lab = lab();
    serve(&lab);
    let roster = "inventories/reference/roster.yml";
    let plan = lab.write_temp("plan.json", "");
    let plan = path(&plan);
    let planned = lab.enlist(&["plan", "-i", INVENTORY, "--roster", roster, "-o", plan]).code(2).stdout;
    assert!(planned.contains("+ association ai_project/gildong"), "{planned}");
    assert_eq!(lab.sh("master", "sacctmgr -n -P show account format=Account").ok().stdout, "root\n");
    lab.enlist(&["apply", plan]).ok();
    let show = "sacctmgr -n -P show association wopi user=gildong format=Account,User,GrpTRES";
    assert_eq!(lab.sh("master", show).ok().stdout, "ai_project|gildong|gres/gpu=2\n");
    let show = "sacctmgr -n -P show association wopi account=ai_project user= format=Account,MaxJobs,GrpTRESRunMins";
    assert!(lab.sh("master", show).ok().stdout.contains("ai_project|10|cpu=10000\n"));
    let again = lab.enlist(&["plan", "-i", INVENTORY, "--roster", roster]).ok().stdout;
    assert!(again.starts_with("Nothing to do"), "{again}");

    let text = std::fs::read_to_string(roster).unwrap();
    let text = text.replace("MaxJobs: 10", "MaxJobs: -1").replace("gres/gpu=2", "gres/gpu=4");
    let (users, accounts) = text.split_once("accounts:").unwrap();
    let (kept, _) = accounts.split_once("      dooly:").unwrap();
    let users = users.replace("    comment: 둘리\n    default_account: ai_project\n", "    state: absent\n");
    let edited = lab.write_temp("roster.yml", &format!("{users}accounts:{kept}"));
    let planned = lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&edited), "-o", plan]).code(2).stdout;
    for said in ["MaxJobs  10 → -1", "GrpTRES  gres/gpu=2 → gres/gpu=4", "- slurm_user dooly", "- user dooly"] {
        assert!(planned.contains(said), "{said} is not in:\n{planned}");
    }
    lab.enlist(&["apply", plan]).ok();
    assert_eq!(lab.sh("master", "sacctmgr -n -P show user format=User").ok().stdout, "gildong\nroot\n");
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&edited)]).ok();
}

#[test]
fn who_is_locked_stays_out_with_a_key_too() {
    let lab = lab();
    let key = std::fs::read_to_string(lab.dir().join("id_ed25519.pub")).unwrap();
    let file = lab.write_temp(
        "roster.yml",
        &roster(&format!("  gildong:\n    uid: 2001\n    group: ai_team\n    keys: ['{}']\n", key.trim())),
    );
    let apply = || lab.enlist(&["apply", "-y", "-l", "login2", "-i", INVENTORY, "--roster", path(&file)]).ok();
    let user = |option: &str| lab.enlist(&["user", "modify", "gildong", option, "--roster", path(&file)]).ok();
    let enter = || lab.lab(&["exec", "ssh", "-o", "BatchMode=yes", "gildong@10.0.0.2", "whoami"]);
    apply();
    assert_eq!(enter().ok().stdout, "gildong\n");
    user("--lock");
    apply();
    let refused = enter().code(255);
    assert!(!refused.stdout.contains("gildong"), "{}", refused.stdout);
    user("--unlock");
    apply();
    assert_eq!(enter().ok().stdout, "gildong\n");
}

/// A program that waits for JSON gets it also when nothing was planned, applied or found; people get the same in words.
#[test]
fn refusals_are_json_where_json_is_asked_for() {
    let lab = lab();
    lab.sh("login3", "useradd -u 2001 -g users mallory").ok();
    let taken = lab.write_temp("roster.yml", &gildong());
    let site = ["-i", INVENTORY, "--roster", path(&taken)];
    for words in [&["plan", "--json"][..], &["apply", "-y", "--json"]] {
        let refused = lab.enlist(&[words, &site].concat()).code(1);
        let json: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
        let error = &json["errors"][0];
        assert_eq!((&json["ok"], &error["kind"]), (&false.into(), &"refused".into()), "{json}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("uid 2001 shall be `gildong`, and is `mallory`"), "{message}");
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
    }
    let wrong = lab.write_temp("roster.yml", &roster("  gildong: {uid: 0, group: ai_team}\n"));
    for command in ["plan", "audit"] {
        let refused = lab.enlist(&[command, "--json", "-i", INVENTORY, "--roster", path(&wrong)]).code(1);
        let json: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
        let place = &json["errors"][0]["place"];
        assert_eq!(place["file"].as_str(), Some(path(&wrong)), "{json}");
        assert!(place["line"].is_u64() && json["errors"][0]["kind"] == "input", "{json}");
    }
}

/// Thirty people who are alike: twenty are shown, the others told in a line; `--all` and `--json` have each.
#[test]
fn many_people_who_are_alike_are_folded() {
    let lab = lab();
    let person =
        |number: usize| format!("  kim{number:02}: {{uid: {}, group: ai_team, shell: /bin/sh}}\n", 2100 + number);
    let people: String = (0..30).map(person).collect();
    let file =
        lab.write_temp("roster.yml", &roster(&(people + "  lee: {uid: 2200, group: ai_team, shell: /bin/bash}\n")));
    let site = ["-l", "login1,login2", "-i", INVENTORY, "--roster", path(&file)];
    let run = |words: &[&str]| lab.enlist(&[words, &site].concat());
    let more = "+ 10 more users like these: kim20…kim29 (--all shows them)";
    let planned = run(&["plan"]).code(2).stdout;
    assert!(planned.contains(&format!("  {more}  on all 2 hosts\n")), "{planned}");
    assert!(planned.contains("+ user lee ") && !planned.contains("user kim20"), "{planned}");
    assert!(run(&["plan", "--all"]).code(2).stdout.contains("+ user kim29 "));
    let json: serde_json::Value = serde_json::from_str(&run(&["plan", "--json"]).code(2).stdout).unwrap();
    assert_eq!(json["hosts"][0]["steps"].as_array().unwrap().len(), 32, "a group and 31 people");
    let applied = run(&["apply", "-y"]).ok().stdout;
    let done = "  + 11 more users like these: kim20…lee (--all shows them)  created on all 2 hosts\n";
    assert!(applied.contains(done), "{applied}");
    lab.sh("login2", "id kim29").ok();
    run(&["plan"]).ok();
}

#[test]
fn a_wrong_roster_never_reaches_a_host() {
    let lab = lab();
    let wrong = roster("  gildong: {uid: 0, group: ai_taem, shel: /bin/bash}\n  a;b: {uid: 2002, group: ai_team}\n");
    let file = lab.write_temp("roster.yml", &wrong);
    let refused = lab.enlist(&["plan", "-i", "nowhere,", "--roster", path(&file)]).code(1).stderr;
    assert!(refused.contains("did you mean `shell`?"), "{refused}");
    let file = lab.write_temp("roster.yml", &wrong.replace("shel:", "shell:"));
    let refused = lab.enlist(&["roster", "check", path(&file)]).code(1).stderr;
    for said in ["uid 0 is reserved", "did you mean `ai_team`?", "`a;b` cannot be the name of a user"] {
        assert!(refused.contains(said), "{said} is not in:\n{refused}");
    }
    let checked = lab.enlist(&["roster", "check", "inventories/reference/roster.yml"]).ok().stdout;
    assert!(checked.ends_with("all 20 checks pass.\n"), "{checked}");
}

#[test]
fn a_host_that_is_cut_off_is_left_out() {
    let lab = lab();
    let roster = lab.write_temp("roster.yml", &gildong());
    let site = ["-T", "2", "-i", INVENTORY, "--roster", path(&roster)];
    let run = |words: &[&str]| lab.enlist(&[words, &site].concat());
    lab.lab(&["cut", "login4"]).ok();
    let planned = run(&["plan"]).code(3).stdout;
    let json = run(&["plan", "--json"]).code(3).stdout;
    let audit = run(&["audit"]).code(3);
    let applied = run(&["apply", "-y"]).code(3).stdout;
    lab.lab(&["heal", "login4"]).ok();
    assert!(planned.contains("Left out\n  ! the host on login4\n"), "{planned}");
    assert!(planned.ends_with("on 4 of 4 hosts; 1 left out.\n"), "{planned}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["left_out"][0]["host"], &json["left_out"][0]["what"]), (&"login4".into(), &"the host".into()));
    assert!(audit.stdout.contains("on 4 hosts") && audit.stderr.contains("login4: "), "{audit:?}");
    assert!(applied.ends_with("; 1 not in the plan.\n"), "{applied}");
    lab.sh("login1", "id gildong").ok();
    lab.sh("login4", "id gildong").code(1);
    run(&["apply", "-y"]).ok();
    lab.sh("login4", "id gildong").ok();
}

#[test]
fn one_person_does_not_stop_the_others() {
    let lab = lab();
    serve(&lab);
    let people = format!("  kim: {{uid: 2001, group: ai_team, keys: [{KEY}]}}\n  lee: {{uid: 2002, group: ai_team}}\n");
    let accounts = "scheduler: slurm_master\naccounts:\n  lab: {users: [kim, lee]}\n";
    let first = lab.write_temp("roster.yml", &(roster(&people) + accounts));
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&first)]).ok();
    lab.sh("login1", "cd /home/kim && rm .ssh/authorized_keys && ln -s /home/kim/keys .ssh/authorized_keys").ok();
    lab.sh("login2", "setsid runuser -u lee -- sleep 600 </dev/null >/dev/null 2>&1 &").ok();
    lab.sh("login2", "for i in $(seq 100); do pgrep -u lee && exit 0; sleep 0.1; done; exit 1").ok();
    let park = "  park: {uid: 2003, group: ai_team}\n";
    let people = people.replace("lee: {uid: 2002, group: ai_team}", "lee: {uid: 2002, group: ai_team, state: absent}");
    let second = roster(&(people + park)) + &accounts.replace("[kim, lee]", "[kim]");
    let second = lab.write_temp("roster.yml", &second);
    let told = lab.enlist(&["apply", "-y", "--json", "-i", INVENTORY, "--roster", path(&second)]).code(3).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let out: Vec<_> = told["left_out"].as_array().unwrap().iter().map(|one| (&one["host"], &one["what"])).collect();
    assert_eq!(out, [(&"login1".into(), &"a key of kim".into())]);
    for host in HOSTS {
        lab.sh(host, "id park").ok();
        lab.sh(host, "id lee").code(1);
    }
    lab.sh("login2", "pgrep -u 2002").code(1);
    assert_eq!(lab.sh("master", "sacctmgr -n -P show user format=User").ok().stdout, "kim\nroot\n");
    lab.sh("login1", "rm /home/kim/.ssh/authorized_keys").ok();
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&second)]).ok();
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&second)]).ok();
}

/// With the login of the inventory kept out, nobody could undo it.
#[test]
fn enlist_does_not_lock_itself_out() {
    let lab = lab();
    let login = lab.sh("login1", "getent passwd 1000 | cut -d: -f1").ok().stdout;
    let login = login.trim();
    let gid = lab.sh("login1", &format!("id -g {login}")).ok().stdout;
    let group = lab.sh("login1", &format!("id -gn {login}")).ok().stdout;
    let (gid, group) = (gid.trim(), group.trim());
    for fields in
        ["locked: yes", "expires: 2026-01-01", "expires: 1900-01-01", "shell: /usr/sbin/nologin", "state: absent"]
    {
        let text = format!(
            "hosts: login1\ngroups:\n  {group}: {{gid: {gid}}}\nusers:\n  {login}: {{uid: 1000, group: {group}, {fields}}}\n  kim: {{uid: 2001, group: {group}}}\n"
        );
        let file = lab.write_temp("roster.yml", &text);
        let refused = lab.enlist(&["plan", "-u", login, "-i", INVENTORY, "--roster", path(&file)]).code(1);
        assert!(refused.stderr.contains("as whom enlist logs in on login1"), "{fields}: {refused:?}");
    }
}

#[test]
fn a_roster_with_qos_partitions_and_coordinators_is_planned_and_applied() {
    let lab = lab();
    serve(&lab);
    let people = "  kim: {uid: 2001, group: ai_team}\n  lee: {uid: 2002, group: ai_team}\n";
    let rest = "scheduler: slurm_master\nqos:\n  long: {limits: {MaxWall: 7-0}}\naccounts:\n  lab:\n    users:\n      \
                kim: {partitions: {gpu: {limits: {MaxJobs: 2}}}}\n      lee: {}\n    coordinators: [lee]\n";
    let file = lab.write_temp("roster.yml", &(roster(people) + rest));
    let plan = file.with_file_name("plan.json");
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&file), "-o", path(&plan)]).code(2);
    lab.enlist(&["apply", path(&plan), "--roster", path(&file)]).ok();
    let show = |words: &str| lab.sh("master", &format!("sacctmgr -n -P show {words}")).ok().stdout;
    assert_eq!(show("qos long format=Name,MaxWall"), "long|7-00:00:00\n");
    assert_eq!(show("account lab withcoord format=Account,Coordinators"), "lab|lee\n");
    assert!(show("assoc user=kim format=Account,User,Partition,MaxJobs").contains("lab|kim|gpu|2\n"));
    lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&file)]).ok();
}

/// What keeps people out besides the roster's fields, judged as a real sshd judges it.
#[test]
fn explain_and_audit_see_what_sshd_sees() {
    let lab = lab();
    let key = std::fs::read_to_string(lab.dir().join("id_ed25519.pub")).unwrap();
    let person = |name: &str, uid: u32, rest: &str| {
        format!("  {name}: {{uid: {uid}, group: ai_team, keys: ['{}']{rest}}}\n", key.trim())
    };
    let text = roster(
        &["", ", locked: yes", ", expires: 2026-01-01", ", shell: /bin/zzsh", "", ""]
            .iter()
            .enumerate()
            .map(|(n, rest)| person(&format!("p{n}"), 2001 + n as u32, rest))
            .collect::<String>(),
    );
    let file = lab.write_temp("roster.yml", &format!("hosts: login1\n{text}"));
    lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&file)]).ok();
    lab.sh("login1", "chmod 0777 /home/p4; chown root:root /home/p5/.ssh/authorized_keys").ok();
    let enter = |name: &str| {
        let whom = format!("{name}@10.0.0.1");
        lab.lab(&["exec", "ssh", "-o", "BatchMode=yes", &whom, "whoami"]).code == 0
    };
    for (name, says) in [
        ("p0", None),
        ("p1", Some("locked: the roster keeps the person out")),
        ("p2", Some("expires: the login ended on 2026-01-01")),
        ("p3", Some("shell: the login shell is not on the host")),
        ("p4", Some("strict modes: others may write /home/p4 (mode 0777)")),
        ("p5", Some("strict modes: /home/p5/.ssh/authorized_keys belongs to uid 0")),
    ] {
        let told = lab.enlist(&["explain", name, "-i", INVENTORY, "--roster", path(&file)]);
        assert_eq!((told.code, enter(name)), if says.is_some() { (2, false) } else { (0, true) }, "{}", told.stdout);
        assert!(told.stdout.contains(says.unwrap_or("All is well with p0.")), "{}", told.stdout);
    }
    lab.sh(
        "login1",
        "usermod -G users p0; chage -E 2026-01-01 p0; gpasswd -a p0 audio; : >/home/p0/.ssh/authorized_keys",
    )
    .ok();
    let told = lab.enlist(&["explain", "p0", "-i", INVENTORY, "--roster", path(&file)]).code(2).stdout;
    assert!(told.contains("account open: expired on 2026-01-01"), "{told}");
    let audit = lab.enlist(&["audit", "-i", INVENTORY, "--roster", path(&file)]).code(2).stdout;
    assert!(audit.contains("/home/p0/.ssh/authorized_keys has not the keys of the roster"), "{audit}");
}

#[test]
fn a_person_is_added_explained_and_removed() {
    let lab = lab();
    serve(&lab);
    let before = std::fs::read_to_string("inventories/reference/roster.yml").unwrap();
    let file = lab.write_temp("roster.yml", &before);
    let user = |words: &[&str]| lab.enlist(&[&["user"], words, &["--roster", path(&file)]].concat());
    let explain = || lab.enlist(&["explain", "alice", "-i", INVENTORY, "--roster", path(&file)]);
    let text = || std::fs::read_to_string(&file).unwrap();
    let chain = explain().code(2).stdout;
    assert!(chain.contains("First broken link: roster: listed: not in the roster."), "{chain}");

    user(&["add", "alice", "--uid", "2002", "--group", "ai_team"]).code(1);
    assert_eq!(text(), before, "what is refused is not written");
    let key = lab.write_temp("alice.pub", &format!("{KEY} alice@laptop\n"));
    let key = format!("@{}", path(&key));
    let account = ["--account", "ai_project", "--limit", "GrpTRES=gres/gpu=1", "--default-account", "ai_project"];
    let add = ["add", "alice", "--uid", "2003", "--group", "ai_team", "--comment", "앨리스", "--key", &key];
    let diff = user(&[&add[..], &account].concat()).ok().stdout;
    assert!(diff.contains("+  alice:\n"), "{diff}");
    let mut lines = text().lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
    assert!(before.lines().all(|line| lines.any(|other| other == line)), "{}", text());
    let again = user(&[&add[..], &account, &["--json"]].concat()).ok().stdout;
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["changed"], false, "{again}");
    let shown = user(&["show", "alice"]).ok().stdout;
    assert!(shown.contains("accounts         ai_project GrpTRES=gres/gpu=1\n"), "{shown}");

    let chain = explain().code(2).stdout;
    assert!(chain.contains(": account: no such user. What to do: enlist plan"), "{chain}");
    let apply = || lab.enlist(&["apply", "-y", "-i", INVENTORY, "--roster", path(&file)]).ok();
    apply();
    let chain = explain().ok().stdout;
    assert!(chain.contains("GrpTRES=gres/gpu=1 MaxJobs=10"), "{chain}");
    assert!(chain.ends_with("All is well with alice.\n"), "{chain}");

    lab.sh("master", "sacctmgr -i delete user alice").ok();
    let chain = explain().code(2).stdout;
    assert!(
        chain.contains("First broken link: master_node: scheduler: the scheduler does not know the user"),
        "{chain}"
    );
    lab.sh("login3", "usermod -u 2500 alice").ok();
    let chain = explain().code(2).stdout;
    assert!(chain.contains("First broken link: login3: numbers: uid differs: 2500, not 2003: /etc/passwd:"), "{chain}");
    lab.sh("login3", "usermod -u 2003 alice").ok();
    lab.lab(&["cut", "login4"]).ok();
    let chain = lab.enlist(&["explain", "alice", "-T", "2", "-i", INVENTORY, "--roster", path(&file)]).code(2).stdout;
    lab.lab(&["heal", "login4"]).ok();
    assert!(chain.contains("First broken link: login4: answers: "), "{chain}");

    user(&["remove", "alice"]).ok();
    lab.sh("login1", "id alice").ok();
    apply();
    lab.sh("login1", "id alice").code(1);
}
