//! `scontrol suspend` and `resume` on a real compute node: processes stand still, and their CPUs are others'.

use super::cluster::wait;
use super::site::Site;

const CONFIG: &str = "ClusterName=site\nListenAddress=10.0.0.10\nAccountingStorageHost=10.0.0.10\nKillWait=2\n\
                      SlurmdTimeout=300\nNodeName=node[1-2] CPUs=2 RealMemory=1000\n\
                      PartitionName=main Nodes=ALL Default=YES MaxTime=60\n";

/// A script that counts in a file.
const COUNTS: &str =
    "#!/bin/sh\ni=0; while :; do i=$((i+1)); echo $i >/tmp/FILE.new; mv /tmp/FILE.new /tmp/FILE; sleep 0.05; done\n";

/// The same for the job's script, and for a step of it.
fn put_counters(site: &Site) {
    for file in ["batch", "step"] {
        let script = site.lab.write_temp("count.sh", &COUNTS.replace("FILE", file));
        site.lab.lab(&["put", "master", script.to_str().unwrap(), &format!("/tmp/{file}.sh")]).ok();
    }
}

fn counted(site: &Site, file: &str) -> u64 {
    site.lab.sh("node1", &format!("cat {file}")).stdout.trim().parse().unwrap_or(0)
}

/// Whether both counters go on from here.
fn counts(site: &Site) -> bool {
    let now = || ["/tmp/batch", "/tmp/step"].map(|file| counted(site, file));
    let before = now();
    wait("both count", || now().iter().zip(before).all(|(now, before)| *now > before).then_some(()));
    true
}

/// Neither counts any more: twenty turns long it is the same.
fn stands_still(site: &Site) {
    let line = "a=$(cat /tmp/batch /tmp/step); sleep 1; b=$(cat /tmp/batch /tmp/step); test \"$a\" = \"$b\"";
    wait("it stands still", || (site.lab.sh("node1", line).code == 0).then_some(()));
}

#[test]
fn a_suspended_job_stands_still_and_goes_on_where_it_was() {
    let site = Site::start("suspended", CONFIG);
    for host in ["master", "node1", "node2"] {
        site.lab.sh(host, "useradd -m -u 2001 gildong").ok();
    }
    let up = || site.lab.sh("master", "enlist slurm sinfo -h -t idle -o %D").stdout == "2\n";
    wait("two nodes are up", || up().then_some(()));
    put_counters(&site);
    let job = site.submit("gildong", "-w node1 -n2 /tmp/batch.sh");
    wait("it runs", || (site.states(&job).trim() == "RUNNING").then_some(()));
    let step = format!("enlist slurm srun --jobid={job} --overlap -n1 sh -c \"$(cat /tmp/step.sh)\"");
    let line = format!("cd /tmp; setsid runuser -u gildong -- {step} >/tmp/srun.out 2>&1 </dev/null &");
    site.lab.sh("master", &line).ok();
    wait("it began", || (counted(&site, "/tmp/step") > 0 && counted(&site, "/tmp/batch") > 0).then_some(()));
    assert!(counts(&site));

    let refused = site.by("gildong", &format!("scontrol suspend {job}"));
    assert_eq!((refused.code, refused.stderr), (1, format!("Access/permission denied for job {job}\n")));
    site.lab.sh("master", &format!("enlist slurm scontrol suspend {job}")).ok();
    stands_still(&site);
    let shown = site.by("gildong", &format!("squeue -h -j {job} -o '%t|%T'"));
    assert_eq!(shown.stdout, "S|SUSPENDED\n");

    // Others have its CPUs, a daemon that starts again changes nothing, and it does not go on where they are taken.
    let other = site.submit("gildong", "-w node1 -n2 --wrap 'sleep 600'");
    wait("another has its CPUs", || (site.states(&other).trim() == "RUNNING").then_some(()));
    let busy = site.lab.sh("master", &format!("enlist slurm scontrol resume {job}"));
    assert_eq!((busy.code, busy.stderr), (1, format!("Requested nodes are busy for job {job}\n")));
    site.kill("node1");
    site.daemon("node1");
    stands_still(&site);
    site.by("gildong", &format!("scancel {other}")).ok();
    wait("it is gone", || site.states(&other).starts_with("CANCELLED").then_some(()));
    let resumed = || site.lab.sh("master", &format!("enlist slurm scontrol resume {job}")).code == 0;
    wait("its CPUs are free", || resumed().then_some(()));
    assert!(counts(&site));
    assert_eq!(site.states(&job), "RUNNING\n");

    // One that stands still ends as any other, and what it stood still is not what it used. So does a step of it, alone.
    site.lab.sh("master", &format!("enlist slurm scontrol suspend {job}")).ok();
    stands_still(&site);
    site.by("gildong", &format!("scancel {job}.0")).ok();
    wait("the step has ended", || (site.lab.sh("node1", "! pgrep -u gildong -f /tmp/step").code == 0).then_some(()));
    assert_eq!(site.states(&job), "SUSPENDED\n");
    stands_still(&site);
    site.by("gildong", &format!("scancel {job}")).ok();
    let left = || site.lab.sh("node1", "pgrep -u gildong").stdout;
    wait("nothing of it is left", || left().is_empty().then_some(()));
    let record = site.lab.sh("master", &format!("sacct -nXP -j {job} -o State,ElapsedRaw,Suspended")).stdout;
    let fields: Vec<&str> = record.trim().split('|').collect();
    assert!(fields[0].starts_with("CANCELLED") && fields[2] != "00:00:00", "{record}");
    let all = site.lab.sh("master", &format!("sacct -nXP -j {job} -o Start,End")).stdout;
    assert!(!all.contains("Unknown"), "{all}");
}
