//! `enlist roster import`: from hosts and a scheduler that grew by hand to a roster whose first plan changes nothing.

use super::{INVENTORY, KEY, json, path, roster_file, serve, text};
use crate::attack::{figure, rounds};
use crate::support::{Lab, lab};

const HOSTS: [&str; 5] = ["login1", "login2", "login3", "login4", "master"];

/// What somebody made by hand on every host.
fn everywhere(lab: &Lab, line: &str) {
    HOSTS.iter().for_each(|host| _ = lab.sh(host, line).ok());
}

fn a_site_that_grew(lab: &Lab) {
    everywhere(lab, "groupadd -g 3001 ai_team && groupadd -g 3002 gpu_users");
    let add = "useradd -m -u 2001 -g ai_team -G gpu_users -s /bin/bash -c 홍길동 gildong && useradd -m -u 2002 -g ai_team -s /bin/sh dooly";
    everywhere(lab, add);
    let key = format!(
        "install -d -m 700 -o gildong -g ai_team /home/gildong/.ssh && echo '{KEY} gildong@laptop' > /home/gildong/.ssh/authorized_keys && chown gildong: /home/gildong/.ssh/authorized_keys"
    );
    everywhere(lab, &key);
    serve(lab);
    for words in [
        "add account research Description=Research Organization=Dept",
        "modify account research set MaxJobs=20",
        "add account ai_project parent=research Description=AI_Team_Project Organization=Research_Dept",
        "modify account ai_project set GrpTRES=gres/gpu=8",
        "add user gildong account=ai_project",
        "modify user where name=gildong account=ai_project set GrpTRES=gres/gpu=2",
        "add user dooly account=ai_project",
        "add user gildong account=research",
        "modify user gildong set DefaultAccount=research",
        "add coordinator names=gildong account=ai_project",
    ] {
        lab.sh("master", &format!("sacctmgr -i {words}")).ok();
    }
}

#[test]
fn the_first_plan_of_what_is_there_is_empty() {
    let lab = lab();
    a_site_that_grew(&lab);
    let roster = roster_file(&lab, "").with_file_name("taken.yml");
    let own = lab.sh("login1", "getent passwd 1000 | cut -d: -f1").ok().stdout;
    let import = ["roster", "import", "-i", INVENTORY, "--scheduler", "slurm_master", "--without", own.trim()];
    let told = lab.enlist(&[&import[..], &["-o", path(&roster)]].concat());
    assert!(told.code == 0 || told.stderr.lines().all(|line| !line.contains("gildong")), "{told:?}");
    let taken = text(&roster);
    for written in [
        "comment: 홍길동",
        "groups: [gpu_users]",
        "gres/gpu=2",
        "parent: research",
        "default_account: research",
        "coordinators: [gildong]",
    ] {
        assert!(taken.contains(written), "{written} is not in {taken}");
    }
    // The account's limits are its own; nobody in it has them written down once more.
    assert_eq!((taken.matches("MaxJobs").count(), taken.matches("gres/gpu=8").count()), (1, 1), "{taken}");
    let planned = lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&roster)]).ok().stdout;
    assert_eq!(planned, "Nothing to do: 5 hosts looked at, all as the roster says.\n");
    let again = lab.enlist(&[&import[..], &["-o", path(&roster)]].concat()).code(1).stderr;
    assert!(again.contains("is there already"), "{again}");
    assert_eq!(text(&roster), taken);
}

#[test]
fn what_differs_between_hosts_is_named_and_changed_nowhere() {
    let lab = lab();
    a_site_that_grew(&lab);
    lab.sh("login2", "usermod -u 2055 dooly").ok();
    lab.sh("login3", "usermod -s /bin/sh gildong").ok();
    lab.sh("login4", "rm /home/gildong/.ssh/authorized_keys && ln -s /etc/shadow /home/gildong/.ssh/authorized_keys")
        .ok();
    lab.sh("login1", "useradd -u 2009 -g ai_team lonely").ok();
    let import = ["roster", "import", "--json", "-i", INVENTORY, "--scheduler", "slurm_master"];
    let told = json(&lab.enlist(&import).code(3));
    let differences: String = told["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{}: {}\n", one["what"], one["why"]))
        .collect();
    for said in [
        "\"user dooly\": \"left out: the uid differs: 2002 on login1, login3, login4, master_node; 2055 on login2\"",
        "\"user gildong\": \"shell is left alone, since it differs: /bin/bash on login1, login2, login4, master_node; /bin/sh on login3\"",
        "\"user gildong\": \"the keys on login4 are left alone: /home/gildong/.ssh/authorized_keys: it is no plain file\"",
        "\"user lonely\": \"is not on login2, login3, login4, master_node: the first plan makes the account\"",
        "\"association ai_project/dooly\": \"left alone: dooly is not among the people taken over\"",
    ] {
        assert!(differences.contains(said), "{said} is not in {differences}");
    }
    let roster = told["roster"].as_str().unwrap();
    assert!(!roster.contains("$y$") && !roster.contains("2055,"), "nothing of a link's file is taken over: {roster}");
    let file = roster_file(&lab, roster);
    let planned = lab.enlist(&["plan", "-i", INVENTORY, "--roster", path(&file)]);
    let changes: Vec<_> = planned
        .stdout
        .lines()
        .filter(|line| line.starts_with("  + ") || line.starts_with("  ~ ") || line.starts_with("  - "))
        .collect();
    assert!(changes.iter().all(|line| line.contains("lonely")), "only what was named: {planned:?}");
    lab.sh("master", "sacctmgr -i modify account research set Description='a|b'").ok();
    let unread = json(&lab.enlist(&import).code(3));
    let listed = lab.sh("master", "sacctmgr -nP show account format=Account,Description,Organization").ok().stdout;
    let is_split = listed.lines().any(|line| line.split('|').count() != 3);
    assert_eq!(unread["differences"].to_string().contains("cannot be read, perhaps for a |"), is_split, "{unread}");
}

/// `make attack` has 5,000 people, and says how long it took.
#[test]
fn a_crowd_is_taken_over_planned_and_looked_at() {
    let lab = lab();
    let people = rounds(100, 5000);
    let make = format!(
        "groupadd -g 3001 ai && for n in $(seq {people}); do u=kim$n; i=$((10000 + n)); echo \"$u:x:$i:3001:김 $n:/home/$u:/bin/bash\" >> /etc/passwd; \
         echo \"$u:!:20000:0:99999:7:::\" >> /etc/shadow; mkdir -p /home/$u/.ssh; echo '{KEY} kim' > /home/$u/.ssh/authorized_keys; \
         chmod 700 /home/$u/.ssh; chown -R $i:3001 /home/$u; done"
    );
    for host in ["login1", "login2"] {
        lab.sh(host, &make).ok();
    }
    let roster = roster_file(&lab, "").with_file_name("crowd.yml");
    let site = ["-i", INVENTORY];
    let timed = |what: &str, words: &[&str]| {
        let begun = std::time::Instant::now();
        let ran = lab.enlist(&[words, &site].concat());
        figure(
            "people who are there already",
            format!("{what} of {people} people on two hosts: {:.1} s", begun.elapsed().as_secs_f64()),
        );
        ran
    };
    let told =
        timed("import", &["roster", "import", "--hosts", "login1,login2", "--ids", "10000-59999", "-o", path(&roster)])
            .ok();
    assert!(told.stderr.contains(&format!("{people} people taken over; 0 named.")), "{}", told.stderr);
    assert_eq!(text(&roster).matches("ssh-ed25519").count(), people);
    timed("empty plan", &["plan", "--roster", path(&roster)]).ok();
    let status = timed("status", &["status", "--roster", path(&roster)]).ok().stdout;
    assert!(status.ends_with(&format!("{people} people: {people} well.\n")), "{status}");
    let part = lab.enlist(&["status", "--roster", path(&roster), "-i", INVENTORY, "-l", "login1"]).code(3).stdout;
    assert!(
        part.ends_with(&format!("{people} people: {people} unknown.\n")),
        "who was not looked at everywhere is not well: {part}"
    );
}
