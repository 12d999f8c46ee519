//! `sstat` from a login node of the lab: what steps use while they run, and that `sacct` has the same afterwards.

use super::steps::{number_behind, site};

/// Takes 60 MB and more than a second of CPU time, and waits for a file.
const BUSY: &str = "import os, time\nx = bytearray(os.urandom(1 << 20)) * 60\nwhile time.process_time() < 1.2: pass\n\
                    open('/scratch/busy-%s-%s' % (os.environ['SLURM_JOB_ID'], os.environ['SLURM_PROCID']), 'w')\n\
                    while not os.path.exists('/scratch/enough-' + os.environ['SLURM_JOB_ID']): time.sleep(0.1)\n";

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

#[test]
fn what_a_step_uses_is_told_while_it_runs_and_sacct_has_the_same_afterwards() {
    let site = site();
    let job = number_behind(&site.types("salloc -N2 --no-shell").ok().stderr, "Granted job allocation ");
    let typed = format!(
        "cat >busy.py <<'END'\n{BUSY}END\nsetsid srun --jobid={job} -N2 python3 -c \"$(cat busy.py)\" >busy 2>&1 &"
    );
    site.types(&typed).ok();
    for rank in 0..2 {
        site.0.wait_for("node1", &format!("test -e /scratch/busy-{job}-{rank}"));
    }
    // A node that hangs is named, and the other is shown.
    site.0.signal("node2", "STOP");
    let fields = "jobid,ntasks,maxrss,maxrssnode,avecpu,nodelist,pids,averss,maxdiskread";
    let ask = format!("sstat --noconvert -nP -j {job} -o {fields}");
    let said = site.types(&ask);
    let silent = format!("sstat: error: node2 did not say what {job}.0 uses there\n");
    assert_eq!((said.code, said.stderr.as_str()), (1, silent.as_str()));
    assert!(said.stdout.starts_with(&format!("{job}.0|2|")) && said.stdout.contains("|node1|"), "{said:?}");
    site.0.signal("node2", "CONT");
    let said =
        super::cluster::wait("both nodes say it", || Some(site.types(&ask)).filter(|said| said.code == 0)).stdout;
    let cells: Vec<&str> = said.trim().split('|').collect();
    assert_eq!((cells[0], cells[1], cells[5]), (format!("{job}.0").as_str(), "2", "node[1-2]"), "{said}");
    let most = number(cells[2]);
    assert!((60 << 20..200 << 20).contains(&most) && number(cells[7]) <= most, "{said}");
    assert_eq!(cells[4], "00:00:01", "{said}");
    assert!(cells[6].split(',').count() >= 2 && number(cells[8]) > 10_000, "{said}");
    // What it said a while ago does not stand for what it uses now.
    site.0.signal("node2", "STOP");
    super::cluster::wait("the node is silent", || {
        Some(site.types(&ask)).filter(|said| said.code == 1 && said.stderr == silent)
    });
    site.0.signal("node2", "CONT");
    super::cluster::wait("the node is there again", || Some(site.types(&ask)).filter(|said| said.code == 0));
    let whole = site.types(&format!("sstat -j {job}.0 -o jobid,ntasks")).ok().stdout;
    assert_eq!(
        whole,
        format!("JobID          NTasks \n------------ -------- \n{:<12}        2 \n", format!("{job}.0"))
    );
    let others = site.0.lab.sh("login1", &format!("runuser -u nobody -- sstat -nP -j {job} -o jobid"));
    assert_eq!(others.stdout, "");
    assert!(others.stderr.ends_with(&format!("StepId={job}.0: Invalid user id\n")), "{others:?}");
    assert_eq!(site.0.lab.sh("master", &format!("sstat -nP -j {job} -o jobid")).ok().stdout, format!("{job}.0\n"));
    site.0.lab.sh("node1", &format!("touch /scratch/enough-{job}")).ok();
    let ended = format!("sacct --noconvert -nP -j {job}.0 -o State,MaxRSS,AveCPU,MaxDiskRead");
    let kept = super::cluster::wait("the step has ended", || {
        Some(site.types(&ended).stdout).filter(|said| said.starts_with("COMPLETED"))
    });
    let kept: Vec<&str> = kept.trim().split('|').collect();
    assert!((most..most + most / 5).contains(&number(kept[1])), "{kept:?} after {said}");
    assert!(["00:00:01", "00:00:02"].contains(&kept[2]), "{kept:?}");
    let gone = site.types(&format!("sstat -n -j {job}.0"));
    assert_eq!((gone.code, gone.stderr), (0, format!("sstat: error: StepId={job}.0 not found running.\n")));
    site.types(&format!("scancel {job}")).ok();
    site.is_empty();
}

#[test]
fn a_script_is_told_beside_its_steps() {
    let site = site();
    let typed =
        "sbatch --parsable -n1 --mem=100 -o /dev/null --wrap 'touch /scratch/runs-$SLURM_JOB_ID; while :; do :; done'";
    let job = site.types(typed).ok().stdout.trim().to_owned();
    site.0.wait_for("node1", &format!("test -e /scratch/runs-{job}"));
    site.types(&format!("setsid srun --jobid={job} --overlap sleep 1000 >/dev/null 2>&1 &")).ok();
    let listed = || site.types(&format!("sstat -nPa -j {job} -o jobid,ntasks")).stdout;
    let both = format!("{job}.batch|1\n{job}.0|1\n");
    super::cluster::wait("the step is there", || (listed() == both).then_some(()));
    let first = site.types(&format!("sstat -nP -j {job} -o jobid")).ok();
    assert_eq!(first.stdout, format!("{job}.0\n"));
    // More from moment to moment.
    let cpu = || site.types(&format!("sstat -nP -j {job}.batch -o avecpu")).ok().stdout;
    super::cluster::wait("it has used two seconds", || (cpu().as_str() >= "00:00:02").then_some(()));
    site.types(&format!("scancel {job}")).ok();
    site.is_empty();
}
