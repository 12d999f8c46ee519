//! docs/jobs.md: from `sbatch` to `sacct`, and what an admin types.

use super::page::{Page, type_all};
use crate::support::Lab;

/// The page's numbers come from here: kim's job is the one before the first.
const CONF: &str = r#"{"enlist_conf": ["FirstJobId=1040", "GresTypes=gpu", "AccountingStorageEnforce=associations,limits,qos"],
    "node_config": "CPUs=2 RealMemory=4000 Gres=gpu:2", "enlist_program": "/opt/lab/enlist",
    "partitions": ["PartitionName=gpu Nodes=ALL Default=YES State=UP"]}"#;

/// A login host, the master and two compute nodes, with gildong, whose quota is two GPUs, and kim.
fn site() -> Lab {
    let lab = Lab::with_nodes("docs-jobs", 1, 2);
    let inventory = lab.dir().join("compute.ini");
    let inventory = inventory.to_str().expect("UTF-8");
    lab.enlist(&["play", "-i", inventory, "playbooks/cluster.yml", "-e", CONF]).ok();
    for host in ["login1", "master", "node1", "node2"] {
        lab.sh(host, "useradd -m -u 2001 gildong && useradd -m -u 2002 kim").ok();
    }
    for line in [
        "add account ai_project",
        "add user gildong,kim account=ai_project",
        "modify user gildong set GrpTRES=gres/gpu=2",
    ] {
        lab.sh("master", &format!("sacctmgr -i {line}")).ok();
    }
    lab
}

#[test]
fn jobs_are_run_as_the_page_says() {
    let (page, lab) = (Page::read("docs/jobs.md"), site());
    let by = |user: &str, line: &str| lab.sh("login1", &format!("cd /home/{user} && runuser -u {user} -- {line}"));
    let gildong = |_: Option<&str>, line: &str| by("gildong", line);
    let until = |line: &str| {
        lab.sh("login1", &format!("for i in $(seq 600); do {line} && exit 0; sleep 0.1; done; exit 1")).ok();
    };

    let (script, typed) = page.take("#!/bin/bash").split_once("\n\n$ ").expect("a script, then what is typed");
    let script = lab.write_temp("train.sh", &format!("{script}\n"));
    lab.lab(&["put", "login1", script.to_str().expect("UTF-8"), "/home/gildong/train.sh"]).ok();
    by("kim", "sbatch --exclusive -N2 --wrap 'sleep 600'").ok();
    type_all(&format!("$ {typed}"), &[], gildong);

    by("kim", "scancel 1040").ok();
    by("gildong", "sbatch --time=60 --gres=gpu:2 --wrap 'sleep 600'").ok();
    until("[ \"$(squeue -h -t R -o %i)\" = 1042 ]");
    by("gildong", "sbatch train.sh").ok();
    type_all(page.take("$ enlist explain 1043"), &[("enlist explain", 2)], gildong);

    let root = |_: Option<&str>, line: &str| lab.sh("master", line);
    type_all(page.take("scontrol update JobId="), &[], root);
    type_all(page.take("sinfo "), &[], root);
    page.is_done();
}
