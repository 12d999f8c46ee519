//! What breaks around jobs that run: links, daemons, disks, and the master with very many of them.

use super::site::Site;
use crate::attack::{figure, rounds};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

const CONFIG: &str = "ClusterName=site\nListenAddress=10.0.0.10\nAccountingStorageHost=10.0.0.10\nKillWait=1\n\
                      SlurmdTimeout=12\nNodeName=node[1-2] CPUs=2 RealMemory=1000\n\
                      PartitionName=main Nodes=ALL Default=YES MaxTime=60\n";

/// Two nodes that do not answer for twelve seconds are down; gildong is known everywhere, and nothing runs.
fn site() -> MutexGuard<'static, Site> {
    static SITE: OnceLock<Mutex<Site>> = OnceLock::new();
    let start = || {
        let site = Site::start("faults", CONFIG);
        for host in ["master", "node1", "node2"] {
            site.lab.sh(host, "useradd -m -u 2001 gildong").ok();
        }
        Mutex::new(site)
    };
    let site = SITE.get_or_init(start).lock().unwrap_or_else(PoisonError::into_inner);
    site.empty();
    site
}

/// A job that says that it has begun, and goes on until somebody makes a file.
fn waits(name: &str) -> String {
    format!(
        "--wrap 'echo run >>/home/gildong/{name}-runs; until [ -e /home/gildong/{name} ]; do sleep 0.1; done; exit 4'"
    )
}

#[test]
fn a_link_that_is_cut_for_a_while_loses_nothing() {
    let site = site();
    let job = site.submit("gildong", &format!("-w node1 {}", waits("cut")));
    site.wait_for("node1", "test -e /home/gildong/cut-runs");
    site.lab.lab(&["cut", "node1"]).ok();
    // It ends while nobody can say so, and others do not wait for that.
    site.lab.sh("node1", "touch /home/gildong/cut").ok();
    let other = site.submit("gildong", "-w node2 --wrap true");
    site.until(&other, "COMPLETED");
    site.wait_for("node1", &format!("test -e /run/enlist-compute/runs/{job}.0/left"));
    site.lab.lab(&["heal", "node1"]).ok();
    site.until(&job, "FAILED");
    assert_eq!(site.states(&job), "FAILED\n", "one run, with its own end");
    assert_eq!(site.lab.file("node1", "/home/gildong/cut-runs"), "run\n");
}

#[test]
fn a_node_that_is_gone_for_good_costs_its_runs_and_nothing_of_them_stays() {
    let site = site();
    let lost = site.submit("gildong", &format!("-w node2 --no-requeue {}", waits("lost")));
    let moved = site.submit("gildong", &format!("--requeue {}", waits("moved")));
    site.until(&lost, "RUNNING");
    site.until(&moved, "RUNNING");
    site.lab.lab(&["cut", "node2"]).ok();
    site.until(&lost, "NODE_FAIL");
    let there = site.submit("gildong", "-w node1 --wrap true");
    site.until(&there, "COMPLETED");
    site.lab.lab(&["heal", "node2"]).ok();
    // What still runs there is not its own any more: it ends before the node takes new work.
    site.wait_for("node2", "! pgrep -f 'until \\[ -e /home/gildong/lost' >/dev/null");
    let again = site.submit("gildong", "-w node2 --wrap true");
    site.until(&again, "COMPLETED");
    for node in ["node1", "node2"] {
        site.lab.sh(node, "touch /home/gildong/moved").ok();
    }
    site.until(&moved, "FAILED");
}

#[test]
fn a_node_that_hangs_delays_nobody_elses_job() {
    let site = site();
    site.signal("node2", "STOP");
    let stuck = site.submit("gildong", "-w node2 --wrap 'exit 4'");
    for _ in 0..5 {
        let other = site.submit("gildong", "-w node1 --wrap true");
        site.until(&other, "COMPLETED");
    }
    site.signal("node2", "CONT");
    site.until(&stuck, "FAILED");
}

#[test]
fn a_full_disk_of_the_master_is_told_and_what_runs_goes_on() {
    let site = site();
    let job = site.submit("gildong", &format!("-w node1 {}", waits("full")));
    site.wait_for("node1", "test -e /home/gildong/full-runs");
    site.lab.lab(&["fill", "master"]).ok();
    // What fits into pages that are there already is kept; at some point nothing does.
    let mut refused = None;
    for _ in 0..200 {
        let ran = site.by("gildong", &format!("sbatch -H -o /dev/null --comment {} --wrap true", "x".repeat(4000)));
        if ran.code != 0 {
            refused = Some(ran.stderr);
            break;
        }
    }
    let refused = refused.expect("a full disk takes no more jobs");
    assert!(refused.contains("full"), "{refused}");
    assert!(site.by("gildong", "squeue -h").ok().stdout.contains(&job), "who only asks is answered");
    site.lab.sh("node1", "touch /home/gildong/full").ok();
    site.wait_for("node1", &format!("test -e /run/enlist-compute/runs/{job}.0/left"));
    site.lab.lab(&["unfill", "master"]).ok();
    site.until(&job, "FAILED");
    assert_eq!(site.states(&job), "FAILED\n");
}

#[test]
fn very_many_tasks_write_their_output() {
    let site = site();
    let count = rounds(60, 10_000);
    let begun = Instant::now();
    site.lab.sh("node1", "install -d -o gildong /home/gildong/out").ok();
    let options = format!("-w node1 --array=1-{count} -o /home/gildong/out/%a");
    let job = site.submit("gildong", &format!("{options} --wrap 'echo task $SLURM_ARRAY_TASK_ID'"));
    site.wait_for(
        "master",
        &format!("for i in $(seq 500); do [ -z \"$(squeue -hj {job})\" ] && exit 0; sleep 0.1; done; exit 1"),
    );
    let line = "cd /home/gildong/out && for f in *; do [ \"$(cat $f)\" = \"task $f\" ] || echo $f; done; ls | wc -l";
    assert_eq!(site.lab.sh("node1", line).ok().stdout, format!("{count}\n"));
    figure("tasks that write output", format!("{count} in {:.0?}", begun.elapsed()));
}
