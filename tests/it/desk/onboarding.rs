//! `enlist user … --apply`: one line for one person, on real hosts with the accounting service.

use super::{INVENTORY, json, on_a_terminal, path, roster_file, serve, text};
use crate::support::lab;

const ROSTER: &str = "site: ref\nscheduler: slurm_master\ngroups:\n  ai_team: {gid: 3001}\n  other: {gid: 3009}\n\
    users:\n  lee: {uid: 2090, group: other}\n\
    accounts:\n  research: {}\n  ai_project: {parent: research}\n";

#[test]
fn one_line_takes_a_person_in_and_plans_nobody_else() {
    let lab = lab();
    serve(&lab);
    let roster = roster_file(&lab, ROSTER);
    let key = lab.dir().join("id_ed25519.pub");
    let key = format!("@{}", path(&key));
    let add =
        ["user", "add", "gildong", "--uid", "2001", "--group", "ai_team", "--account", "ai_project", "--gpu", "2"];
    let more = ["--key", &key, "--name", "홍길동", "--apply", "--roster", path(&roster), "-i", INVENTORY];
    let add = [&add[..], &more].concat();

    let refused = lab.enlist(&add).code(1).stderr;
    assert!(refused.contains("there is no terminal to ask on") && refused.contains("--yes"), "{refused}");
    let refused = lab.enlist(&[&add[..], &["--json"]].concat()).code(1).stderr;
    assert!(refused.contains("--json asks nothing"), "{refused}");
    assert_eq!(text(&roster), ROSTER, "nobody could be asked, and nothing is written");

    let said_no = on_a_terminal(&lab, &add, "n\n").code(1).stdout;
    assert!(said_no.contains("+ user gildong") && said_no.contains("nothing was written"), "{said_no}");
    assert!(said_no.contains("Write the roster and apply this plan? [y/N]"), "{said_no}");
    assert_eq!(text(&roster), ROSTER);
    lab.sh("login1", "id gildong").code(1);

    let said_yes = on_a_terminal(&lab, &add, "y\n").ok().stdout;
    assert!(said_yes.contains("+ user gildong") && !said_yes.contains("user lee"), "{said_yes}");
    assert_eq!(lab.lab(&["exec", "ssh", "-o", "BatchMode=yes", "gildong@10.0.0.2", "id -gn"]).ok().stdout, "ai_team\n");
    let show = "sacctmgr -n -P show association wopi user=gildong format=Account,GrpTRES";
    assert_eq!(lab.sh("master", show).ok().stdout, "ai_project|gres/gpu=2\n");
    lab.sh("login1", "id lee").code(1);
    assert!(lab.sh("login1", "getent group other").code == 2, "the group of somebody else is not made");

    let again = lab.enlist(&[&add[..], &["--yes"]].concat()).ok().stdout;
    assert!(again.contains("says so already") && again.contains("Nothing to do: 5 hosts looked at"), "{again}");
    let again = json(&lab.enlist(&[&add[..], &["--yes", "--json"]].concat()).ok());
    assert_eq!((&again["user"], &again["changed"]), (&"gildong".into(), &false.into()), "{again}");
    assert_eq!(
        (&again["applied"]["ok"], &again["applied"]["applied"]),
        (&true.into(), &serde_json::json!([])),
        "{again}"
    );
}

#[test]
fn suspended_let_in_again_and_removed_with_one_line_each() {
    let lab = lab();
    serve(&lab);
    let key = text(&lab.dir().join("id_ed25519.pub"));
    let person = format!("  gildong: {{uid: 2001, group: ai_team, keys: ['{}']}}\n", key.trim());
    let roster = roster_file(&lab, &ROSTER.replace("  lee:", &format!("{person}  lee:")));
    let order = |word: &str| {
        lab.enlist(&["user", word, "gildong", "--apply", "-y", "--json", "--roster", path(&roster), "-i", INVENTORY])
    };
    let enter = || lab.lab(&["exec", "ssh", "-o", "BatchMode=yes", "gildong@10.0.0.2", "whoami"]);
    let made = json(
        &lab.enlist(&[
            "user",
            "modify",
            "gildong",
            "--account",
            "ai_project",
            "--apply",
            "-y",
            "--json",
            "--roster",
            path(&roster),
            "-i",
            INVENTORY,
        ])
        .ok(),
    );
    assert!(made["changed"] == true && made["applied"]["ok"] == true, "{made}");
    enter().ok();
    let suspended = json(&order("suspend").ok());
    assert!(suspended["applied"]["ways_in"].as_array().is_some_and(|ways| !ways.is_empty()), "{suspended}");
    enter().code(255);
    assert!(json(&order("suspend").ok())["changed"] == false, "a second time nothing is to do");
    order("resume").ok();
    enter().ok();
    let gone = json(&order("remove").ok());
    assert_eq!(gone["applied"]["ok"], true, "{gone}");
    enter().code(255);
    lab.sh("login1", "id gildong").code(1);
    let show = "sacctmgr -n -P show user format=User";
    assert_eq!(lab.sh("master", show).ok().stdout, "root\n");
    lab.sh("login1", "id lee").code(1);
    order("remove").ok();
}

#[test]
fn what_is_refused_on_a_host_is_told_and_the_roster_is_as_it_was() {
    let lab = lab();
    lab.sh("login3", "useradd -u 2001 -g users mallory").ok();
    let roster = roster_file(&lab, ROSTER);
    let add = ["user", "add", "gildong", "--uid", "2001", "--group", "ai_team", "--apply", "-y"];
    let refused = lab.enlist(&[&add[..], &["--roster", path(&roster), "-i", INVENTORY]].concat()).code(1).stderr;
    assert!(refused.contains("uid 2001 shall be `gildong`, and is `mallory`"), "{refused}");
    assert_eq!(text(&roster), ROSTER);
}

#[test]
fn a_host_that_is_away_is_named_and_the_others_have_the_person() {
    let lab = lab();
    let roster = roster_file(&lab, ROSTER.split("scheduler").next().unwrap());
    std::fs::write(&roster, "groups: {ai_team: {gid: 3001}}\n").unwrap();
    lab.lab(&["cut", "login4"]).ok();
    let add = ["user", "add", "gildong", "--uid", "2001", "--group", "ai_team", "--apply", "-y", "-T", "2"];
    let told = lab.enlist(&[&add[..], &["--roster", path(&roster), "-i", INVENTORY]].concat()).code(3).stdout;
    lab.lab(&["heal", "login4"]).ok();
    assert!(told.contains("! the host on login4"), "{told}");
    lab.sh("login1", "id gildong").ok();
}

#[test]
fn words_of_welcome_have_the_persons_own_lines() {
    let lab = lab();
    let roster = roster_file(&lab, ROSTER);
    let welcome = roster.with_file_name("welcome.txt");
    let add =
        ["user", "add", "gildong", "--uid", "2001", "--group", "ai_team", "--account", "ai_project", "--gpu", "2"];
    let more = ["--name", "홍길동 {{ 7 * 7 }}", "--welcome", path(&welcome), "--roster", path(&roster)];
    let refused = lab.enlist(&[&add[..], &more].concat()).code(1).stderr;
    assert!(refused.contains("name an inventory with -i"), "{refused}");
    assert_eq!(text(&roster), ROSTER, "refused before anything is written");
    lab.enlist(&[&add[..], &more, &["-i", INVENTORY]].concat()).ok();
    let said = text(&welcome);
    assert!(said.starts_with("홍길동 {{ 7 * 7 }}님, ref에 오신 것을"), "a name is no template: {said}");
    for line in
        ["접속: ssh gildong@10.0.0.1\n", "접속: ssh gildong@10.0.0.4\n", "sbatch -A ai_project --gres=gpu:2 job.sh\n"]
    {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    assert!(!said.contains("10.0.0.5") && !said.contains("master"), "nobody logs in on the master: {said}");
    let printed = lab.enlist(&["user", "welcome", "gildong", "--roster", path(&roster), "-i", INVENTORY]).ok().stdout;
    assert_eq!(printed, said);
    let own = roster.with_file_name("own.j2");
    std::fs::write(&own, "Hi {{ user_id }}: {{ nothing }}\n").unwrap();
    let show = ["user", "welcome", "gildong", "--template", path(&own), "--roster", path(&roster), "-i", INVENTORY];
    let refused = lab.enlist(&show).code(1).stderr;
    assert!(refused.contains("'nothing' is undefined") && refused.contains("own.j2"), "{refused}");
}
