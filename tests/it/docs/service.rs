//! docs/service.md, store.md, records.md, reports.md, modules/slurm.md: the service as its pages say.

use super::page::{Page, type_all};
use super::readme::{JOBS, desk, on_host, serve};
use crate::support::{Lab, lab};
use std::path::Path;

const CONF: &str = "ClusterName=ref\nAccountingStorageTRES=gres/gpu\n\
                    AccountingStorageEnforce=associations,limits,qos\n";

/// A file of a test, on the master.
fn put(lab: &Lab, name: &str, text: &str, to: &str) {
    let file = lab.write_temp(name, text);
    lab.sh("master", &format!("mkdir -p {}", Path::new(to).parent().unwrap().display())).ok();
    lab.lab(&["put", "master", file.to_str().expect("UTF-8"), to]).ok();
}

/// The service with gildong in lab, below top, and what he runs.
fn with_jobs(lab: &Lab) {
    put(lab, "enlist.conf", CONF, "/etc/enlist/enlist.conf");
    serve(lab);
    lab.sh("master", "useradd -u 2001 gildong").ok();
    for line in [
        "add account top GrpTRES=gres/gpu=4",
        "add account lab parent=top",
        "add account ai_project",
        "add user gildong account=lab,ai_project",
        "modify user gildong where account=lab set MaxSubmitJobs=10",
    ] {
        lab.sh("master", &format!("sacctmgr -i {line}")).ok();
    }
    put(lab, "jobs.txt", &JOBS.replace("ai_project", "lab"), "/root/jobs.txt");
    on_host(lab, "master", "cd /root && enlist import jobs jobs.txt").ok();
}

#[test]
fn the_service() {
    let page = Page::read("docs/service.md");
    let lab = lab();
    with_jobs(&lab);
    let units = page.take("make install"); // tests/it/systemd.rs runs the units
    let check = units.lines().find(|line| line.starts_with("enlist serve --check-config")).expect("it is there");
    lab.sh("master", check).ok();

    let log = page.take("2026-11-23T");
    let fields = log.split_whitespace().skip(1).map(|word| word.split('=').next().expect("one at least").to_owned());
    let fields: Vec<String> = fields.filter(|word| word.chars().all(char::is_alphabetic)).collect();
    lab.sh("master", "sacctmgr -i add account a").ok();
    let logged = lab.file("master", "/var/log/typed.log");
    let line = logged.lines().rfind(|line| line.contains("change uid=0")).unwrap_or_else(|| panic!("{logged}"));
    assert!(fields.iter().all(|field| line.contains(field.as_str())), "{fields:?}: {line}");

    let typed = |_: Option<&str>, line: &str| lab.sh("master", &format!("cd /root && {line}"));
    type_all(page.take("# curl --unix-socket /run/enlist/enlist.sock http://enlist/v1/health"), &[], typed);
    type_all(page.take("# curl --unix-socket /run/enlist/enlist.sock 'http://enlist/v1/associations"), &[], typed);
    put(&lab, "changes.json", &changes(page.take("{\"changes\"")), "/root/changes.json");
    lab.sh("master", "sacctmgr -i add qos high && sacctmgr -i delete user gildong account=ai_project").ok();
    lab.sh("master", "sacctmgr -i delete account ai_project").ok();
    let post = "curl -sf --unix-socket /run/enlist/enlist.sock -H 'Content-Type: application/json' \
                --data-binary @/root/changes.json http://enlist/v1/changes";
    lab.sh("master", post).ok();
    let limits = "sacctmgr -nP show assoc user=gildong account=ai_project format=GrpTRES,MaxJobs,QOS";
    assert_eq!(lab.sh("master", limits).ok().stdout, "gres/gpu=2|10|high,normal\n");
    type_all(page.take("$ enlist explain"), &[("enlist explain", 2)], typed);
    page.is_done();
}

fn changes(block: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(block).unwrap();
    json.to_string()
}

#[test]
fn the_store() {
    let page = Page::read("docs/store.md");
    let lab = lab();
    with_jobs(&lab);
    lab.sh("master", "mkdir /backup").ok();
    let no_systemd = |line: &str| match line {
        "systemctl stop enlist-serve" => "pkill -x enlist -u 0 && sleep 1".to_owned(),
        _ => line.to_owned(),
    };
    let typed = |_: Option<&str>, line: &str| lab.sh("master", &no_systemd(line));
    type_all(page.take("# enlist store backup"), &[], typed);
    type_all(page.take("# systemctl stop"), &[], typed);
    type_all(page.take("# enlist store check"), &[], typed);
    serve(&lab);
    let archive = page.take("# sacctmgr -i archive dump");
    // The page's jobs are older than half a year; those of a test are not.
    let archive = archive.replace("6months", "1hour");
    let name = "$(basename $(ls /var/lib/enlist/archive/ref_jobs_archive_*))";
    type_all(&archive.replace("file=ref_jobs_archive_…", &format!("file={name}")), &[], typed);
    page.is_done();
}

#[test]
fn jobs_and_events() {
    let page = Page::read("docs/records.md");
    let lab = lab();
    with_jobs(&lab);
    let typed = |_: Option<&str>, line: &str| lab.sh("master", &format!("cd /root && {line}"));
    // What our own sacct and sacctmgr list is what another site's do.
    type_all(page.take("SLURM_TIME_FORMAT=%s sacct "), &[], typed);
    type_all(page.take("enlist import jobs"), &[], typed);
    type_all(page.take("SLURM_TIME_FORMAT=%s sacctmgr"), &[], typed);
    type_all(page.take("sacctmgr modify job"), &[], |_, line| {
        lab.sh("master", &line.replace("sacctmgr", "sacctmgr -i"))
    });
    lab.sh("master", "cd /root && sed -i 's/^lab|/gone|/; s/|40\\([0-9]\\)|/|50\\1|/g' jobs.txt").ok();
    type_all(page.take("$ enlist import jobs"), &[], typed);
    type_all(page.take("$ enlist import events"), &[], typed);
    page.is_done();
}

#[test]
fn reports() {
    let page = Page::read("docs/reports.md");
    let lab = lab();
    with_jobs(&lab);
    type_all(page.take("sreport cluster utilization"), &[], |_, line| lab.sh("master", line));
    page.is_done();
}

#[test]
fn the_modules_of_the_scheduler() {
    let page = Page::read("docs/modules/slurm.md");
    let lab = lab();
    let desk = desk(&lab);
    put(&lab, "enlist.conf", CONF, "/etc/enlist/enlist.conf");
    serve(&lab);
    lab.sh("master", "sacctmgr -i add account ai_project && sacctmgr -i add qos long").ok();
    lab.sh("master", "sacctmgr -i add user gildong,dooly account=ai_project").ok();
    let tasks = page.take("- slurm_association").lines().map(|line| format!("    {line}\n")).collect::<String>();
    std::fs::write(desk.join("book.yml"), format!("- hosts: slurm_master\n  become: yes\n  tasks:\n{tasks}")).unwrap();
    let play = "enlist play -i inventories/reference/hosts.ini book.yml";
    super::readme::at_desk(&lab, &desk, play).ok();
    let second = super::readme::at_desk(&lab, &desk, play).ok().stdout;
    assert!(second.contains("changed=0 "), "{second}");
    page.is_done();
}
