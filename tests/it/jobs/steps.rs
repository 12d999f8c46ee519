//! `srun`, `salloc` and their like from a login node of the lab: what people type, and what they read.

use super::cluster::wait;
use super::site::Site;
use crate::support::Ran;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

const CONFIG: &str = "ClusterName=site\nListenAddress=10.0.0.10\nAccountingStorageHost=10.0.0.10\nKillWait=2\n\
                      SlurmdTimeout=300\nLaunchParameters=use_interactive_step\nJobContainerType=job_container/tmpfs\nNodeName=node[1-2] CPUs=2 RealMemory=1000\n\
                      PartitionName=main Nodes=ALL Default=YES MaxTime=60\n";

/// Jobs have `/tmp` and `/dev/shm` for themselves.
const CONTAINER: &str = "AutoBasePath=true BasePath=/var/jobs\n";

/// A login node, the master, two compute nodes, and gildong, who is known on all of them.
pub struct Login(pub Site);

/// The one for all tests of this kind, lent to one at a time.
pub fn site() -> MutexGuard<'static, Login> {
    static SITE: OnceLock<Mutex<Login>> = OnceLock::new();
    SITE.get_or_init(|| Mutex::new(Login::start())).lock().unwrap_or_else(PoisonError::into_inner)
}

impl Login {
    fn start() -> Self {
        let files = [("enlist.conf", CONFIG), ("job_container.conf", CONTAINER)];
        let site = Self(Site::start_with("steps", &files));
        let lab = &site.0.lab;
        let config = lab.write_temp("enlist.conf", CONFIG);
        lab.lab(&["put", "login1", config.to_str().unwrap(), "/etc/enlist/enlist.conf"]).ok();
        let links = "for name in enlist sacct salloc sattach sbatch sbcast scancel scontrol squeue srun sstat; do \
                     ln -sf /opt/lab/enlist /usr/local/bin/$name; done; useradd -m -u 2001 -s /bin/bash gildong";
        for host in ["master", "login1", "node1", "node2"] {
            lab.sh(host, links).ok();
        }
        lab.sh("login1", "enlist cert request login1 >/root/request").ok();
        site.carry("login1", "master", "/root/request");
        lab.sh("master", "enlist cert issue login1 </root/request >/root/answer").ok();
        site.carry("master", "login1", "/root/answer");
        lab.sh("login1", "enlist cert install </root/answer").ok();
        site.forward();
        let idle = || lab.sh("login1", "scontrol show nodes").stdout.matches("State=IDLE").count();
        wait("both nodes are there", || (idle() == 2).then_some(()));
        site
    }

    /// Starts what forwards requests of the login node.
    pub fn forward(&self) {
        let line = "setsid enlist node >>/var/log/enlist 2>&1 </dev/null & echo $! >/run/enlist.pid";
        self.0.lab.sh("login1", line).ok();
    }

    fn carry(&self, from: &str, to: &str, path: &str) {
        let copy = self.0.lab.write_temp("carried", &self.0.lab.file(from, path));
        self.0.lab.lab(&["put", to, copy.to_str().unwrap(), path]).ok();
    }

    /// A shell line of gildong's on the login node.
    pub fn types(&self, line: &str) -> Ran {
        let script = self.0.lab.write_temp("line.sh", &format!("cd /home/gildong\n{line}\n"));
        self.0.lab.lab(&["put", "login1", script.to_str().unwrap(), "/tmp/line.sh"]).ok();
        self.0
            .lab
            .sh("login1", "chmod 644 /tmp/line.sh; exec runuser -u gildong -- timeout 150 bash /tmp/line.sh </dev/null")
    }

    /// Waits until no job is left, so that tests do not wait for each other's nodes.
    pub fn is_empty(&self) {
        let jobs = || self.0.lab.sh("login1", "squeue -h").stdout;
        wait("no job is left", || jobs().is_empty().then_some(()));
    }
}

pub fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// The first number behind a word.
pub fn number_behind(text: &str, word: &str) -> String {
    let (_, rest) = text.split_once(word).unwrap_or_else(|| panic!("no `{word}` in {text}"));
    rest.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn a_command_runs_on_nodes_and_ends_as_its_tasks_do() {
    let site = site();
    let ran = site.types("srun sh -c 'echo $SLURMD_NODENAME $PWD $SLURM_JOB_NAME; echo oh >&2'").ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("node1 /home/gildong sh\n", "oh\n"));
    let ran = site.types("srun -N2 -l sh -c 'echo $SLURM_PROCID of $SLURM_NTASKS on $SLURMD_NODENAME'").ok();
    assert_eq!(sorted(&ran.stdout), ["0: 0 of 2 on node1", "1: 1 of 2 on node2"]);
    let ran = site.types("srun -n2 -N1 sh -c 'exit 3'");
    assert_eq!((ran.code, ran.stderr.as_str()), (3, "srun: error: node1: tasks 0-1: Exited with exit code 3\n"));
    let ran = site.types("srun -N2 sh -c 'test $SLURM_PROCID = 1 && exit 4; kill -TERM $$'");
    let lines = ["srun: error: node1: task 0: Terminated", "srun: error: node2: task 1: Exited with exit code 4"];
    assert_eq!((ran.code, sorted(&ran.stderr)[..2].to_vec()), (143, lines.to_vec()), "{}", ran.stderr);
    let ran = site.types("srun nosuchprogram");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("nosuchprogram: No such file or directory"), "{}", ran.stderr);
    let ran = site.types("srun -n2 -K sh -c 'test $SLURM_PROCID = 0 && exit 4; sleep 100'");
    assert!(ran.code == 143 && ran.stderr.contains("task 0: Exited with exit code 4"), "{ran:?}");
    site.is_empty();
}

#[test]
fn what_is_read_and_written_goes_through_whole() {
    let site = site();
    let ran = site.types("printf 'a\\nb' | srun -N2 -l cat").ok();
    assert_eq!(sorted(&ran.stdout), ["0: a", "0: b", "1: a", "1: b"]);
    let ran =
        site.types("printf 'a\\n' | srun -N2 -l -i 1 cat; echo x | srun -i none cat; echo y >in; srun -i in cat").ok();
    assert_eq!(ran.stdout, "1: a\ny\n");
    let large = "head -c 5000000 /dev/urandom >sent; srun -N2 -n2 -o got-%t.$$ cat <sent; srun cat <sent | cmp - sent";
    site.types(large).ok();
    let here = site.types("srun -o here-%j -e errors sh -c 'echo out; echo bad >&2'; cat here-* errors; srun -o both ls /nosuch; wc -l <both");
    assert!(here.stdout.starts_with("out\nbad\n") && here.stdout.ends_with("\n1\n"), "{here:?}");
    // A reader that has seen enough ends the step.
    let ran = site.types("srun yes | head -n 1").ok();
    assert_eq!(ran.stdout, "y\n");
    site.is_empty();
}

#[test]
fn an_allocation_is_there_while_its_command_runs() {
    let site = site();
    let ran = site.types("salloc -N2 sh -c 'echo $SLURM_JOB_NODELIST $SLURM_NNODES; srun -l hostname; exit 5'");
    let job = number_behind(&ran.stderr, "Granted job allocation ");
    let said = format!("salloc: Granted job allocation {job}\nsalloc: Relinquishing job allocation {job}\n");
    assert_eq!((ran.code, ran.stderr.replace("srun: ", "")), (5, said));
    assert!(ran.stdout.starts_with("node[1-2] 2\n") && ran.stdout.contains("1: node2\n"), "{}", ran.stdout);
    site.is_empty();
    let line = "rm -f err; salloc sleep 100 2>err & pid=$!; while ! grep -qs Granted err; do sleep 0.1; done; ACT; wait $pid; echo $?; cat err";
    for act in ["scancel $(squeue -h -o %i)", "kill $pid"] {
        let said = site.types(&line.replace("ACT", act)).ok().stdout;
        assert!(said.starts_with("0\nsalloc: Granted") && said.ends_with(" has been revoked.\n"), "{act}: {said}");
        site.is_empty();
    }
    // One that waits says so, and leaves nothing when it is interrupted.
    let line = "srun -N2 --exclusive sleep 100 & first=$!; while ! squeue -h -s | grep -q sleep; do sleep 0.1; done\n\
                rm -f err; salloc -N1 true 2>err & pid=$!; while ! grep -qs queued err; do sleep 0.1; done; kill -INT $pid; wait $pid; echo $?\n\
                cat err; squeue -h -t PD; kill $first; wait";
    let said = site.types(line).stdout;
    let job = number_behind(&said, "Pending job allocation ");
    let text = format!(
        "1\nsalloc: Pending job allocation {job}\nsalloc: job {job} queued and waiting for resources\n\
         salloc: Job allocation {job} has been revoked.\nsalloc: Job aborted due to signal\n"
    );
    assert_eq!(said, text);
    site.is_empty();
}

#[test]
fn an_allocation_without_a_command_is_a_shell_on_its_first_node() {
    let site = site();
    let ran = site.types("SHELL=/bin/hostname salloc -N2");
    assert!(ran.code == 0 && ran.stdout.trim_end() == "node1", "{ran:?}");
    site.is_empty();
}

#[test]
fn a_step_is_shown_listened_to_and_ended_alone() {
    let site = site();
    let job = number_behind(&site.types("salloc -N2 --no-shell").ok().stderr, "Granted job allocation ");
    let line = format!(
        "export SLURM_JOB_ID={job}\nsrun -N2 sh -c 'echo early; while :; do echo $SLURM_PROCID; sleep 0.2; done' >out 2>err & pid=$!\n\
         while ! grep -q 1 out; do sleep 0.1; done\nsqueue -h -s\nscontrol show step {job}.0\nsattach --layout {job}.0\n\
         sattach -l {job}.0 >heard & ear=$!; while ! grep -q '0: 0' heard || ! grep -q '1: 1' heard; do sleep 0.1; done\n\
         kill -INT $ear; wait $ear; sort -u heard\nscancel {job}.9; echo $?\nscancel {job}.0; wait $pid; echo $?\nsqueue -h -o %t"
    );
    let ran = site.types(&line);
    let said = &ran.stdout;
    assert!(said.contains(&format!("{job}.0       sh      main  gildong")) && said.contains("node[1-2]\n"), "{ran:?}");
    assert!(said.contains(&format!("StepId={job}.0 UserId=2001 StartTime=")), "{said}");
    let layout = "Job step layout:\n\t2 tasks, 2 nodes (node[1-2])\n\n\tNode 0 (node1), 1 task(s): 0 \n\tNode 1 (node2), 1 task(s): 1 \n";
    assert!(said.contains(layout) && said.contains("0: 0\n") && said.contains("1: 1\n"), "{said}");
    assert!(said.contains("\n225\n") && said.ends_with("\nR\n"), "{said}");
    assert!(ran.stderr.contains(&format!("Kill job error on job step id {job}: Invalid job id specified")), "{ran:?}");
    let sent = site.types(&format!(
        "export SLURM_JOB_ID={job}; echo data >sent; chmod 640 sent; sbcast sent /tmp/got; echo $?; sbcast sent /tmp/got; echo $?; \
         sbcast -fp sent /tmp/got; echo $?; srun -N2 -l sh -c 'cat /tmp/got; stat -c %U:%a /tmp/got'"
    ));
    assert!(sent.stdout.starts_with("0\n1\n0\n") && sent.stdout.contains("1: gildong:640\n"), "{sent:?}");
    assert!(sent.stdout.contains("1: data\n"), "lines of both nodes come in any order: {sent:?}");
    assert!(sent.stderr.contains("sbcast: error: REQUEST_FILE_BCAST(node2): File exists\n"), "{sent:?}");
    site.types(&format!("scancel {job}")).ok();
    site.is_empty();
}
