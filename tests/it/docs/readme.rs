//! README.md: a playbook, a roster, the accounts, as a newcomer types them; and README.ko.md says the same.

use super::page::{Page, type_all, typed};
use crate::support::{Lab, Ran, lab, run};
use std::path::{Path, PathBuf};

/// An ed25519 key that has a whole body; nobody has its other half.
pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

/// What `sacct -P` of another site lists: jobs of gildong, one of which still runs.
pub const JOBS: &str = "\
JobIDRaw|User|UID|Account|Partition|State|Submit|Eligible|Start|End|AllocTRES|NCPUS|QOS
400|gildong|2001|ai_project|gpu|COMPLETED|1790812800|1790812800|1790812800|1790816400|billing=8,cpu=8,gres/gpu=2,node=1|8|normal
401|gildong|2001|ai_project|gpu|FAILED|1790816400|1790816400|1790816400|1790820000|billing=8,cpu=8,gres/gpu=2,node=1|8|normal
402|gildong|2001|ai_project|gpu|RUNNING|1790820000|1790820000|1790820000|Unknown|billing=8,cpu=8,gres/gpu=2,node=1|8|normal
";

/// A directory for a reader's own files in which the project's inventories and playbooks are, too.
pub fn desk(lab: &Lab) -> PathBuf {
    let file = lab.write_temp("dooly.pub", &format!("{KEY} dooly@laptop\n"));
    let desk = file.parent().expect("it has one").to_owned();
    for name in ["inventories", "playbooks", "templates", "dist"] {
        std::os::unix::fs::symlink(Path::new(crate::support::PROJECT).join(name), desk.join(name)).unwrap();
    }
    desk
}

/// A line typed on the controller, in a directory.
pub fn at_desk(lab: &Lab, desk: &Path, line: &str) -> Ran {
    run(lab.controller_command(&["bash", "-c", line]).current_dir(desk), "")
}

/// A line typed on a host. What it puts into the background goes on; the service answers when this returns.
pub fn on_host(lab: &Lab, host: &str, line: &str) -> Ran {
    let Some((command, _)) = line.split_once('&').filter(|(_, rest)| rest.trim_start().starts_with('#')) else {
        return lab.sh(host, line);
    };
    lab.sh(host, &format!("setsid {command} </dev/null >/var/log/typed.log 2>&1 & true")).ok();
    let answers =
        "for i in $(seq 600); do sacctmgr -n show cluster && exit 0; sleep 0.05; done; cat /var/log/typed.log; exit 1";
    lab.sh(host, answers)
}

pub fn serve(lab: &Lab) {
    on_host(lab, "master", "enlist serve & # for a test").ok();
}

/// The roster of a block, with a whole key, each another one, where a page shows the beginning of one.
pub fn with_keys(roster: &str) -> String {
    let mut keys = 'B'..='Z';
    let mut text = String::new();
    for line in roster.lines() {
        if let Some((before, key)) = line.split_once("ssh-ed25519 ") {
            let (_, comment) = key.split_once(' ').expect("a key has a comment here");
            let letter = keys.next().expect("a page has few keys").to_string();
            text += &format!("{before}{} {comment}\n", KEY.replacen("IAEC", &format!("IA{letter}C"), 1));
        } else {
            text += &format!("{line}\n");
        }
    }
    text
}

#[test]
fn the_playbook_and_the_roster_of_the_readme() {
    let page = Page::read("README.md");
    page.take("make demo"); // `.ci/run` runs both
    let lab = lab();
    let desk = desk(&lab);
    serve(&lab);
    lab.sh("master", "sacctmgr -i add account ai_project").ok();
    type_all(page.take("enlist play"), &[], |_, line| at_desk(&lab, &desk, line));

    let block = page.take("enlist plan");
    let (roster, commands) = block.split_once("\n\n").expect("a roster, then commands");
    std::fs::write(desk.join("roster.yml"), with_keys(roster)).unwrap();
    type_all(commands, &[("enlist plan", 2)], |_, line| at_desk(&lab, &desk, line));
    let plan = typed(commands).into_iter().find(|typed| typed.command.starts_with("enlist plan")).unwrap();
    plan.is_as_shown(&at_desk(&lab, &desk, &plan.command), 0);
    assert_eq!(lab.sh("login3", "id -u dooly").ok().stdout, "2002\n");

    lab.reset();
    type_all(page.take("enlist serve"), &[], |_, line| on_host(&lab, "master", line));
    let jobs = lab.write_temp("jobs.txt", JOBS);
    lab.lab(&["put", "master", jobs.to_str().expect("UTF-8"), "/root/jobs.txt"]).ok();
    lab.sh("master", "mkdir /backup").ok();
    let block = page.take("enlist import slurm"); // the line on importing from Slurm: docs/migration.md
    let here: Vec<&str> = block.lines().filter(|line| !line.starts_with("enlist import slurm")).collect();
    type_all(&here.join("\n"), &[], |_, line| lab.sh("master", &format!("cd /root && {line}")));
    lab.sh("master", "test -s /backup/accounting.db && test -s /root/out/restore.sh").ok();
    page.take("make install"); // tests/it/systemd.rs
    page.is_done();
}

#[test]
fn the_korean_readme_types_the_same() {
    let (english, korean) = (Page::read("README.md"), Page::read("README.ko.md"));
    assert_eq!(english.len(), korean.len(), "blocks of README.md and README.ko.md");
    for begins in ["make demo", "enlist play", "enlist plan", "enlist serve", "enlist import slurm", "make install"] {
        let bare = |block: &str| -> Vec<String> {
            let lines = block.lines().map(|line| line.split(" # ").next().expect("one at least").trim_end());
            lines.map(str::to_owned).collect()
        };
        assert_eq!(bare(english.take(begins)), bare(korean.take(begins)));
    }
    korean.is_done();
}
