//! Jobs that have `/tmp` and `/dev/shm` for themselves, on nodes of the lab.

use super::cluster::wait;
use super::steps::{Login, site};

/// Writes its number, and waits for a file.
const SCRIPT: &str = "#!/bin/sh\n#SBATCH -w node1 -n1 --mem=100 -o /dev/null\necho $SLURM_JOB_ID | tee /tmp/x >/dev/shm/x\n\
                      touch /scratch/ready-$SLURM_JOB_ID\nwhile ! test -e /scratch/go-$SLURM_JOB_ID; do sleep 0.1; done\n";

impl Login {
    /// Submits the script, and waits until it has written.
    fn writer(&self) -> String {
        let typed = format!("cat >private.sh <<'END'\n{SCRIPT}END\nsbatch --parsable private.sh");
        let job = self.types(&typed).ok().stdout.trim().to_owned();
        self.0.wait_for("node1", &format!("test -e /scratch/ready-{job}"));
        job
    }

    /// What a step of a job reads there.
    fn reads(&self, job: &str) -> String {
        self.types(&format!("srun --jobid={job} --overlap cat /tmp/x /dev/shm/x")).ok().stdout
    }

    /// What is left on the node of jobs' own directories: files, and mounts that the node sees.
    fn left(&self) -> String {
        self.0
            .lab
            .sh("node1", "find /var/jobs/node1 -mindepth 1; grep /var/jobs /proc/mounts; ls -d /tmp/x /dev/shm/x")
            .stdout
    }

    fn has_nothing_left(&self) {
        wait("nothing is left on the node", || self.left().is_empty().then_some(()));
    }
}

#[test]
fn two_jobs_on_a_node_do_not_see_each_others_tmp_and_their_steps_do() {
    let site = site();
    let (one, two) = (site.writer(), site.writer());
    for job in [&one, &two] {
        assert_eq!(site.reads(job), format!("{job}\n{job}\n"));
    }
    let said = site.types(&format!("srun --jobid={one} --overlap stat -c '%a %U' /tmp /dev/shm")).ok().stdout;
    assert_eq!(said, "1777 root\n1777 root\n");
    assert_eq!(site.0.lab.sh("node1", "ls /tmp/x /dev/shm/x").stdout, "", "the node has its own");
    // A daemon that is killed takes nothing from them, and the next one finds them.
    site.0.kill("node1");
    site.0.daemon("node1");
    assert_eq!(site.reads(&two), format!("{two}\n{two}\n"));
    site.0.lab.sh("node1", &format!("touch /scratch/go-{one} /scratch/go-{two}")).ok();
    site.is_empty();
    site.has_nothing_left();
}

#[test]
fn nothing_is_left_of_a_jobs_tmp_when_what_watches_it_is_killed() {
    let site = site();
    let job = site.writer();
    assert!(site.left().contains(&format!("/var/jobs/node1/{job}.0/0/x")), "{}", site.left());
    site.0.kill("node1");
    site.0.lab.sh("node1", &format!("pkill -9 -f '^enlist supervise-run .*/{job}[.]0$'")).ok();
    site.0.daemon("node1");
    site.is_empty();
    site.has_nothing_left();
    // What an earlier kernel's jobs left goes with the next start.
    site.0.kill("node1");
    site.0.lab.sh("node1", "mkdir -p /var/jobs/node1/99.0/0/deep; touch /var/jobs/node1/99.0/0/deep/x").ok();
    site.0.daemon("node1");
    site.has_nothing_left();
}
