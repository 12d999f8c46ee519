//! Jobs on a cluster of the lab: a user submits on the master, scripts run on compute nodes, `sacct` has what they did.

use crate::docs::compute::certify;
use crate::support::Lab;
use scheduling::demand::{Demand, GresDemand, MemoryDemand};
use scheduling::id::NodeName;
use scheduling::request::{BatchJob, JobRequest};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// So long something may take that surely comes.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "ClusterName=site\nListenAddress=10.0.0.10\nAccountingStorageHost=10.0.0.10\nKillWait=2\n\
                      SlurmdTimeout=300\nGresTypes=gpu\nNodeName=node[1-2] CPUs=2 RealMemory=1000 Gres=gpu:2\n\
                      PartitionName=main Nodes=ALL Default=YES MaxTime=60\n";

/// The master, two compute nodes, and gildong, who is known on all of them. kim is known on the master and on node2.
struct Site {
    lab: Lab,
    /// A job whose time was over a minute after the site was there.
    overdue: u32,
}

fn site() -> MutexGuard<'static, Site> {
    static SITE: OnceLock<Mutex<Site>> = OnceLock::new();
    SITE.get_or_init(|| Mutex::new(Site::start())).lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    fn start() -> Self {
        let mut site = Self { lab: Lab::with_nodes("jobs", 1, 2), overdue: 0 };
        for host in ["master", "node1", "node2"] {
            let config = site.lab.write_temp("enlist.conf", CONFIG);
            site.lab.lab(&["put", host, config.to_str().unwrap(), "/etc/enlist/enlist.conf"]).ok();
            site.lab.sh(host, "ln -sf /opt/lab/enlist /usr/local/bin/enlist && useradd -m -u 2001 gildong").ok();
        }
        for host in ["master", "node2"] {
            site.lab.sh(host, "useradd -m -u 2002 kim").ok();
        }
        site.lab.sh("master", "enlist cert init --name 10.0.0.10").ok();
        site.serve();
        for node in ["node1", "node2"] {
            certify(&site.lab, node);
            site.daemon(node);
        }
        let script = "#!/bin/sh\ntrap 'echo asked' TERM\necho begun\nwhile :; do sleep 0.2; done\n";
        site.overdue = site.submit("gildong", JobRequest { minutes: Some(1), ..job("node2", script) });
        site
    }

    /// Starts the service, and waits until it answers.
    fn serve(&self) {
        self.background("master", "serve");
        let answers = || self.lab.sh("master", "sacctmgr -n show cluster").code == 0;
        wait("the service answers", || answers().then_some(()));
    }

    /// Starts a node's daemon.
    fn daemon(&self, node: &str) {
        self.background(node, "node --compute");
    }

    fn background(&self, host: &str, command: &str) {
        let line = format!("setsid enlist {command} >>/var/log/enlist 2>&1 </dev/null & echo $! >/run/enlist.pid");
        self.lab.sh(host, &line).ok();
    }

    /// `kill -9` of the service or of a node's daemon.
    fn kill(&self, host: &str) {
        self.lab.sh(host, "kill -9 $(cat /run/enlist.pid)").ok();
    }

    fn submit(&self, user: &str, request: JobRequest) -> u32 {
        let said = self.post(user, "/v1/jobs/submit", &json!({ "request": request }));
        said["job"].as_u64().unwrap_or_else(|| panic!("{said}")) as u32
    }

    fn post(&self, user: &str, path: &str, body: &Value) -> Value {
        let body = self.lab.write_temp("request.json", &body.to_string());
        self.lab.lab(&["put", "master", body.to_str().unwrap(), "/tmp/request.json"]).ok();
        let line = format!(
            "chmod 644 /tmp/request.json; runuser -u {user} -- curl -s --unix-socket /run/enlist/enlist.sock \
             -H 'content-type: application/json' -d @/tmp/request.json http://enlist{path}"
        );
        serde_json::from_str(&self.lab.sh("master", &line).ok().stdout).unwrap()
    }

    /// What sacct says of a job and its script.
    fn sacct(&self, job: u32, fields: &str) -> String {
        self.lab.sh("master", &format!("sacct -nPj {job} -o {fields}")).stdout
    }

    /// Waits until the latest run of a job is in a state, with its script's end if that has one, and gives its lines.
    #[track_caller]
    fn until(&self, job: u32, state: &str) -> String {
        let (begun, has_script) = (Instant::now(), state != "PENDING");
        loop {
            let said = self.sacct(job, "JobID,State,ExitCode,NodeList");
            let is_so = said.starts_with(&format!("{job}|{state}|"));
            // The script's end comes a moment after the job's.
            let is_left = || self.lab.sh("master", &format!("squeue -hj {job} -t CG -o %i")).stdout.is_empty();
            let is_told = said.contains(".batch|") && (state == "RUNNING" || is_left());
            if is_so && (!has_script || is_told) {
                return self.sacct(job, "JobID,State,ExitCode,NodeList");
            }
            let logs =
                || ["master", "node1", "node2"].map(|host| self.lab.sh(host, "tail -n 30 /var/log/enlist").stdout);
            assert!(begun.elapsed() < PATIENCE * 2, "job {job} is not {state}: {said}\n{}", logs().join("\n---\n"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A file of a user's on a node; waits for a whole line in it.
    #[track_caller]
    fn line(&self, node: &str, path: &str) -> String {
        let read = || Some(self.lab.sh(node, &format!("cat {path}")).stdout).filter(|text| text.ends_with('\n'));
        wait(path, read)
    }

    fn is_running(&self, node: &str, pid: &str) -> bool {
        self.lab.sh(node, &format!("kill -0 {}", pid.trim())).code == 0
    }
}

#[track_caller]
pub fn wait<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "this does not come: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A job of one CPU and 100 MB on a node, in gildong's home.
fn job(node: &str, script: &str) -> JobRequest {
    let demand =
        Demand { required: vec![NodeName::from(node)], memory: MemoryDemand::PerNode(100), ..Demand::default() };
    let batch = BatchJob {
        script: script.into(),
        environment: vec![("GREETING".into(), "hello".into())],
        directory: "/home/gildong".into(),
        submit_directory: "/home/gildong".into(),
        submit_host: "master".into(),
        umask: 0o022,
        ..BatchJob::default()
    };
    JobRequest { name: "test".into(), demand, batch, ..JobRequest::default() }
}

#[test]
fn a_script_runs_on_its_node_and_sacct_has_what_it_did() {
    let site = site();
    let script = "#!/bin/bash\necho $GREETING from $SLURMD_NODENAME, $USER in $PWD: $SLURM_JOB_PARTITION\n\
                  for i in {1..200000}; do :; done\nexit 0\n";
    let good = site.submit("gildong", job("node1", script));
    let bad = site.submit("gildong", job("node2", "#!/bin/sh\nexit 3\n"));
    let said = site.until(good, "COMPLETED");
    assert_eq!(said, format!("{good}|COMPLETED|0:0|node1\n{good}.batch|COMPLETED|0:0|node1\n"));
    let path = format!("/home/gildong/slurm-{good}.out");
    assert_eq!(site.lab.file("node1", &path), "hello from node1, gildong in /home/gildong: main\n");
    assert_eq!(site.lab.sh("node1", &format!("stat -c %U:%G:%a {path}")).stdout, "gildong:gildong:644\n");
    let used = site.sacct(good, "JobID,UserCPU,MaxRSS");
    let batch = used.lines().find(|line| line.contains(".batch|")).unwrap_or_else(|| panic!("{used}"));
    assert!(!batch.contains("|00:00.000|") && !batch.ends_with('|'), "{used}");
    let said = site.until(bad, "FAILED");
    assert_eq!(said, format!("{bad}|FAILED|3:0|node2\n{bad}.batch|FAILED|3:0|node2\n"));
}

#[test]
fn a_job_whose_time_is_over_is_asked_and_then_killed() {
    let site = site();
    let said = site.until(site.overdue, "TIMEOUT");
    assert!(said.contains(&format!("{}.batch|CANCELLED|0:9|node2", site.overdue)), "{said}");
    let output = site.lab.file("node2", &format!("/home/gildong/slurm-{}.out", site.overdue));
    assert!(output.starts_with("begun\n") && output.contains("asked\n"), "{output}");
    let line = output.lines().find(|line| line.contains("***")).unwrap_or_else(|| panic!("{output}"));
    let begins = format!("slurmstepd: error: *** JOB {} ON node2 CANCELLED AT ", site.overdue);
    assert!(line.starts_with(&begins) && line.ends_with(" DUE TO TIME LIMIT ***"), "{line}");
}

#[test]
fn a_job_that_is_cancelled_is_asked_and_then_killed() {
    let site = site();
    let job = site.submit(
        "gildong",
        job("node1", "#!/bin/sh\ntrap 'echo asked' TERM\necho begun\nwhile :; do sleep 0.2; done\n"),
    );
    site.line("node1", &format!("/home/gildong/slurm-{job}.out"));
    let said = site.post("gildong", "/v1/slurm/scancel", &json!({ "argv": [job.to_string()] }));
    assert_eq!((said["code"].as_i64().unwrap_or(0), said["stderr"].as_str().unwrap_or_default()), (0, ""), "{said}");
    let said = site.until(job, "CANCELLED by 2001");
    assert!(said.contains(&format!("{job}.batch|CANCELLED by 2001|0:9|node1")), "{said}");
    let output = site.lab.file("node1", &format!("/home/gildong/slurm-{job}.out"));
    assert!(
        output.contains("asked\n") && output.contains(&format!("*** JOB {job} ON node1 CANCELLED AT ")),
        "{output}"
    );
}

/// The lab's devices have no driver: whoever may open one reads so, and who may not, is told that.
#[test]
fn a_job_opens_the_gpus_that_it_has_and_no_other() {
    let site = site();
    let script = "#!/bin/bash\necho $SLURM_JOB_GPUS:$CUDA_VISIBLE_DEVICES:$SLURM_GPUS_ON_NODE\n\
                  for gpu in 0 1; do : </dev/nvidia$gpu; done 2>&1 | sed 's/.*nvidia//'\n: </dev/null && echo null\n";
    let ask = |count: u32| {
        let mut request = job("node1", script);
        request.demand.gres =
            (count > 0).then(|| GresDemand { name: "gpu".into(), kind: None, count }).into_iter().collect();
        let job = site.submit("gildong", request);
        site.until(job, "COMPLETED");
        site.lab.file("node1", &format!("/home/gildong/slurm-{job}.out"))
    };
    let (may, may_not) = ("No such device or address", "Operation not permitted");
    assert_eq!(ask(1), format!("0:0:1\n0: {may}\n1: {may_not}\nnull\n"));
    assert_eq!(ask(2), format!("0,1:0,1:2\n0: {may}\n1: {may}\nnull\n"));
    assert_eq!(ask(0), format!("::\n0: {may_not}\n1: {may_not}\nnull\n"));
}

#[test]
fn what_cannot_start_waits_held_with_the_reason_and_others_run() {
    let site = site();
    let unwritable = JobRequest {
        batch: BatchJob { output: Some("/etc/of-%j".into()), ..job("node1", "#!/bin/sh\n").batch },
        ..job("node1", "")
    };
    let unwritable = site.submit("gildong", unwritable);
    let stranger =
        JobRequest { batch: BatchJob { directory: "/tmp".into(), ..job("", "#!/bin/sh\n").batch }, ..job("node1", "") };
    let stranger = site.submit("kim", stranger);
    let good = site.submit("gildong", job("node1", "#!/bin/sh\n"));
    site.until(good, "COMPLETED");
    for (job, why) in [
        (unwritable, format!("cannot open /etc/of-{unwritable}: Permission denied (os error 13)")),
        (stranger, "user kim is not known on this node".to_owned()),
    ] {
        site.until(job, "PENDING");
        let log = || Some(site.lab.file("master", "/var/log/enlist")).filter(|log| log.contains(&why));
        wait(&why, log);
    }
}

#[test]
fn daemons_and_the_master_may_be_killed_while_a_job_runs() {
    let site = site();
    let script =
        "#!/bin/sh\necho run >>runs-$SLURM_JOB_ID\nwhile ! test -e go-$SLURM_JOB_ID; do sleep 0.1; done\nexit 4\n";
    let submit = || {
        let job = site.submit("gildong", job("node1", script));
        site.line("node1", &format!("/home/gildong/runs-{job}"));
        job
    };
    let go = |job: u32| site.lab.sh("node1", &format!("touch /home/gildong/go-{job}")).ok();
    let ends_well = |job: u32| {
        let said = site.until(job, "FAILED");
        assert_eq!(said, format!("{job}|FAILED|4:0|node1\n{job}.batch|FAILED|4:0|node1\n"));
        assert_eq!(site.lab.file("node1", &format!("/home/gildong/runs-{job}")), "run\n");
    };
    let job = submit();
    site.kill("node1");
    go(job);
    wait("the end is written down", || {
        let path = format!("/run/enlist-compute/runs/{job}.0/left");
        (site.lab.sh("node1", &format!("test -e {path}")).code == 0).then_some(())
    });
    site.daemon("node1");
    ends_well(job);
    let job = submit();
    site.kill("master");
    go(job);
    std::thread::sleep(Duration::from_millis(300));
    site.serve();
    ends_well(job);
    let job = submit();
    site.kill("master");
    site.kill("node1");
    site.serve();
    site.daemon("node1");
    go(job);
    ends_well(job);
}

#[test]
fn a_supervisor_that_is_killed_takes_its_run_along_and_nothing_else() {
    let site = site();
    let script = "#!/bin/sh\nsetsid sleep 1000 & echo $! >other-$SLURM_JOB_ID\nsleep 1000\n";
    let dead = site.submit("gildong", job("node1", script));
    let other = site.line("node1", &format!("/home/gildong/other-{dead}"));
    let bystander = site.submit("gildong", job("node1", "#!/bin/sh\nsleep 2\n"));
    site.lab.sh("node1", &format!("pkill -9 -f '^enlist supervise-run .*/{dead}[.]0$'")).ok();
    let said = site.until(dead, "FAILED");
    assert!(said.starts_with(&format!("{dead}|FAILED|0:9|node1\n")), "{said}");
    assert!(!site.is_running("node1", &other));
    site.until(bystander, "COMPLETED");
}

#[test]
fn memory_and_processes_of_a_job_have_their_bounds() {
    let site = site();
    let greedy = site.submit("gildong", job("node1", "#!/usr/bin/python3\nx = b'x' * (300 << 20)\n"));
    let bomb = JobRequest {
        minutes: Some(1),
        ..job("node2", "#!/bin/bash\nf() { sleep 0.01; f & f & }\nf\nsleep 0.5\nexit 5\n")
    };
    let bomb = site.submit("gildong", bomb);
    let lines = site.submit("gildong", job("node1", "#!/bin/sh\nseq 10000\n"));
    site.until(greedy, "OUT_OF_MEMORY");
    site.until(lines, "COMPLETED");
    assert_eq!(site.lab.sh("node1", &format!("wc -l </home/gildong/slurm-{lines}.out")).stdout, "10000\n");
    // What became of the script itself is up to the bomb.
    wait("the bomb is over", || {
        let state = site.sacct(bomb, "State");
        let first = state.lines().next()?;
        ["FAILED", "OUT_OF_MEMORY"].contains(&first).then_some(())
    });
    let left = || site.lab.sh("node2", "pgrep -u gildong -fc slurm_script").stdout;
    wait("nothing is left of the bomb", || left().trim().parse().ok().filter(|count: &u32| *count <= 1));
    site.lab.sh("node2", "test -z \"$(ls /run/enlist-compute/runs | grep -v '^1[.]')\"").ok();
    let later = site.submit("gildong", job("node2", "#!/bin/sh\n"));
    site.until(later, "COMPLETED");
}

#[test]
fn jobs_leave_nothing_on_their_node() {
    let site = site();
    let jobs: Vec<u32> =
        (0..20).map(|_| site.submit("gildong", job("node1", "#!/bin/sh\necho $SLURM_JOB_ID\n"))).collect();
    for job in jobs {
        site.until(job, "COMPLETED");
        assert_eq!(site.lab.file("node1", &format!("/home/gildong/slurm-{job}.out")), format!("{job}\n"));
    }
    let left =
        "ls /run/enlist-compute/runs /run/enlist-compute/scripts; ls -d /sys/fs/cgroup/*/enlist-*/job_* 2>/dev/null";
    let nothing = "/run/enlist-compute/runs:\n\n/run/enlist-compute/scripts:\n";
    wait("nothing is left", || (site.lab.sh("node1", left).stdout == nothing).then_some(()));
}

const TOLD: &str = "#!/bin/bash
#SBATCH -w node1 --mem=100 -t 1 --signal=B:USR1@50
trap 'echo told; exit 7' USR1
bash -c 'trap \"echo child told\" USR1; while :; do sleep 0.1; done' &
echo begun
wait
";

#[test]
fn a_script_is_told_before_its_time_is_over() {
    let site = site();
    let script = site.lab.write_temp("told.sh", TOLD);
    site.lab.lab(&["put", "master", script.to_str().unwrap(), "/home/gildong/told.sh"]).ok();
    let line = "cd /home/gildong && runuser -u gildong -- enlist slurm sbatch --parsable told.sh";
    let job: u32 = site.lab.sh("master", line).ok().stdout.trim().parse().unwrap();
    let said = site.until(job, "FAILED");
    assert!(said.starts_with(&format!("{job}|FAILED|7:0|node1\n")), "{said}");
    assert_eq!(site.lab.file("node1", &format!("/home/gildong/slurm-{job}.out")), "begun\ntold\n");
    let told = site.lab.sh("master", "sdiag").ok().stdout;
    assert!(told.contains("REQUEST_JOB_INFO") && !told.contains("Jobs submitted: 0\n"), "{told}");
    assert!(!told.contains("Jobs failed:    0\n"), "{told}");
    let data: Value = serde_json::from_str(&site.lab.sh("master", "sdiag --json").ok().stdout).unwrap();
    assert!(data["statistics"]["jobs_started"].as_u64().is_some_and(|count| count > 0), "{data}");
    assert_eq!(site.lab.sh("master", "runuser -u gildong -- sdiag -r").code, 255);
}

#[test]
fn users_submit_watch_and_cancel_by_slurms_commands() {
    let site = site();
    let by = |user: &str, line: &str| {
        site.lab.sh("master", &format!("cd /home/{user} && runuser -u {user} -- enlist slurm {line}"))
    };
    let script = r"#!/bin/sh\n#SBATCH -J greet -w node1\n#SBATCH --mem=100\necho $1 from $SLURM_JOB_NAME\n";
    site.lab.sh("master", &format!("printf '{script}' >/home/gildong/greet.sh")).ok();
    let said = by("gildong", "sbatch greet.sh hello").ok().stdout;
    let number = said.strip_prefix("Submitted batch job ").unwrap_or_else(|| panic!("{said}"));
    let greet: u32 = number.trim().parse().unwrap();
    site.until(greet, "COMPLETED");
    assert_eq!(site.lab.file("node1", &format!("/home/gildong/slurm-{greet}.out")), "hello from greet\n");

    let waited = by("gildong", "sbatch --parsable --wait --mem=100 -o /dev/null --wrap 'exit 3'");
    assert_eq!(waited.code, 3, "{}", waited.stderr);

    let held = by("gildong", "sbatch --parsable -H --mem=100 --wrap 'sleep 60'").ok().stdout;
    let held = held.trim();
    let look = |how: &str| by("gildong", &format!("squeue -h -j {held} {how}")).ok().stdout;
    assert_eq!(look("-o '%t %r %u %P'"), "PD JobHeldUser gildong main\n");
    let long = site.lab.sh("master", &format!("SQUEUE_FORMAT=%i enlist slurm squeue -l -j {held}"));
    assert!(long.stdout.contains("TIME_LIMI"), "-l is stronger than the environment: {long:?}");
    let moved = by("gildong", "sbatch --parsable -H --mem=100 -w node1 -o moved --wrap pwd").ok().stdout;
    let moved = moved.trim();
    by("gildong", &format!("scontrol update JobId={moved} WorkDir=/tmp")).ok();
    by("gildong", &format!("scontrol release {moved}")).ok();
    site.until(moved.parse().unwrap(), "COMPLETED");
    assert_eq!(site.lab.file("node1", "/tmp/moved"), "/tmp\n", "it runs where it is said to run");
    let others = by("kim", &format!("scancel {held}"));
    let denied = format!("scancel: error: Kill job error on job id {held}: Access/permission denied\n");
    assert_eq!((others.code, others.stderr), (210, denied));
    let foreign = by("kim", &format!("scontrol write batch_script {held} -"));
    assert_eq!(foreign.stdout, "", "a script is its owner's: {}", foreign.stderr);
    by("gildong", &format!("scancel {held}")).ok();
    assert_eq!(look("-t all -o %t"), "CA\n");

    let refused = by("gildong", "sbatch -p nosuch --wrap true");
    let why = "sbatch: error: invalid partition specified: nosuch\n\
               sbatch: error: Batch job submission failed: Invalid partition name specified\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (1, why));
    assert_eq!(by("kim", "sinfo -h -n node1 -o '%P %D'").ok().stdout, "main* 1\n");
    assert_eq!(by("kim", "scontrol show hostnames n[1-2]").ok().stdout, "n1\nn2\n");
}
