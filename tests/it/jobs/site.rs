//! A cluster of the lab for tests of what becomes of jobs: the master and two compute nodes, started by hand.

use super::cluster::wait;
use crate::docs::compute::certify;
use crate::support::{Lab, Ran};
use std::time::{Duration, Instant};

/// The master and two compute nodes.
pub struct Site {
    pub lab: Lab,
}

impl Site {
    /// With this configuration on all of them, in a lab of this name.
    pub fn start(name: &str, config: &str) -> Self {
        Self::start_with(name, &[("enlist.conf", config)])
    }

    /// With these files in `/etc/enlist` on all of them.
    pub fn start_with(name: &str, files: &[(&str, &str)]) -> Self {
        let site = Self { lab: Lab::with_nodes(name, 1, 2) };
        for host in ["master", "node1", "node2"] {
            for (name, text) in files {
                let file = site.lab.write_temp(name, text);
                site.lab.lab(&["put", host, file.to_str().unwrap(), &format!("/etc/enlist/{name}")]).ok();
            }
            site.lab.sh(host, "ln -sf /opt/lab/enlist /usr/local/bin/enlist").ok();
        }
        site.lab.sh("master", "enlist cert init --name 10.0.0.10").ok();
        site.serve();
        for node in ["node1", "node2"] {
            certify(&site.lab, node);
            site.daemon(node);
        }
        site
    }

    /// Starts the service, and waits until it answers.
    pub fn serve(&self) {
        self.background("master", "serve");
        let answers = || self.lab.sh("master", "sacctmgr -n show cluster").code == 0;
        wait("the service answers", || answers().then_some(()));
    }

    /// Starts a node's daemon.
    pub fn daemon(&self, node: &str) {
        self.background(node, "node --compute");
    }

    fn background(&self, host: &str, command: &str) {
        let line = format!("setsid enlist {command} >>/var/log/enlist 2>&1 </dev/null & echo $! >/run/enlist.pid");
        self.lab.sh(host, &line).ok();
    }

    /// `kill -9` of the service or of a node's daemon.
    pub fn kill(&self, host: &str) {
        self.signal(host, "KILL");
    }

    /// Sends the service or a node's daemon a signal.
    pub fn signal(&self, host: &str, signal: &str) {
        self.lab.sh(host, &format!("kill -{signal} $(cat /run/enlist.pid)")).ok();
    }

    /// Ends all jobs, and waits until nothing is left of them.
    pub fn empty(&self) {
        let line = "squeue -h -o %A | xargs -r scancel; squeue -h";
        wait("all jobs are over", || self.lab.sh("master", line).stdout.is_empty().then_some(()));
    }

    /// A Slurm command of a user on the master.
    pub fn by(&self, user: &str, line: &str) -> Ran {
        self.lab.sh("master", &format!("cd /tmp && runuser -u {user} -- enlist slurm {line}"))
    }

    /// Submits as a user, without output unless the line says where to, and gives the job's number.
    #[track_caller]
    pub fn submit(&self, user: &str, line: &str) -> String {
        let ran = self.by(user, &format!("sbatch --parsable --mem=50 -o /dev/null {line}"));
        ran.ok().stdout.trim().to_owned()
    }

    /// The states of all runs of a job.
    pub fn states(&self, job: &str) -> String {
        self.lab.sh("master", &format!("sacct -nXP --duplicates -j {job} -o State")).stdout
    }

    /// Waits until the latest run of a job is in a state.
    #[track_caller]
    pub fn until(&self, job: &str, state: &str) {
        let begun = Instant::now();
        loop {
            let said = self.lab.sh("master", &format!("sacct -nXPj {job} -o State")).stdout;
            if said.starts_with(state) {
                return;
            }
            let logs =
                || ["master", "node1", "node2"].map(|host| self.lab.sh(host, "tail -n 20 /var/log/enlist").stdout);
            assert!(begun.elapsed().as_secs() < 90, "job {job} is not {state}: {said}{}", logs().join("\n---\n"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a line of a host's shell succeeds.
    #[track_caller]
    pub fn wait_for(&self, host: &str, line: &str) {
        wait(line, || (self.lab.sh(host, line).code == 0).then_some(()));
    }
}
