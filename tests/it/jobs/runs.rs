//! Runs on a node as its daemon has them, without a master: real supervisors, launchers and control groups, and a real user.

use compute::cgroup::Layer;
use compute::directory::Spool;
use compute::hardware::{Inventory, boot};
use compute::protocol::{Launch, NodeTasks, Order, OrderedTask, RunAs, RunReport, RunUsage};
use compute::runs::{Runs, Site};
use scheduling::event::{Reported, RunStage, ScriptEnd};
use scheduling::id::{Attempt, Gid, JobId, NodeName, Uid};
use scheduling::job::{NodeShare, SignalTarget};
use scheduling::request::BatchJob;
use scheduling::units::Units;
use slurm::records::ExitCode;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A user that every Debian has.
const NOBODY: u32 = 65534;
const NOGROUP: u32 = 65534;

/// So long something may take that surely comes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What of a node is here: a spool, and a directory in which its user may write.
pub struct Node {
    pub files: TempDir,
    groups: bool,
    spool: OnceLock<Spool>,
}

impl Node {
    /// With the control groups of this host, or as if it had none.
    pub fn new(groups: bool) -> Self {
        let files = TempDir::new().unwrap();
        fs::set_permissions(files.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let home = files.path().join("home");
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOGROUP)).unwrap();
        Self { files, groups, spool: OnceLock::new() }
    }

    /// Where its user may write.
    pub fn home(&self) -> PathBuf {
        self.files.path().join("home")
    }

    /// Its spool, which all daemons of this process share.
    pub fn spool(&self) -> Spool {
        self.spool.get_or_init(|| Spool::open(&self.files.path().join("spool")).unwrap()).clone()
    }

    fn layer(&self) -> Layer {
        let name = format!("enlist-{}", self.spool().token().unwrap());
        if self.groups { Layer::find(&name) } else { Layer::default() }
    }

    /// Its daemon, from its start on.
    pub fn daemon(&self) -> Runs {
        let site = Site {
            node: "n1".into(),
            boot: boot().unwrap(),
            inventory: Inventory::find("n1", Path::new("/nonexistent")).unwrap(),
            spool: self.spool(),
            layer: self.layer(),
            private: None,
            program: env!("CARGO_BIN_EXE_enlist").into(),
            notify: Box::new(|| {}),
        };
        Runs::open(site).unwrap()
    }

    /// Its cluster's name, which no other node has: tests run side by side, with the same numbers of jobs.
    pub fn cluster(&self) -> String {
        self.files.path().file_name().unwrap().to_string_lossy().into_owned()
    }

    /// A launch of this script by `nobody`.
    pub fn launch(&self, script: &str) -> Launch {
        let home = self.home().to_str().unwrap().to_owned();
        let batch = BatchJob {
            script: script.into(),
            environment: vec![("GREETING".into(), "hello".into())],
            directory: home.clone().into(),
            umask: 0o027,
            submit_directory: home.into(),
            submit_host: "login1".into(),
            ..BatchJob::default()
        };
        let node = NodeName::from("n1");
        Launch {
            cluster: self.cluster(),
            user: RunAs { name: "nobody".into(), uid: Uid(NOBODY), gid: Gid(NOGROUP) },
            name: "test".into(),
            account: String::new(),
            qos: String::new(),
            partition: "main".into(),
            nodes: vec![NodeTasks { node: node.clone(), cpus: 1, tasks: 1 }],
            cpus_per_task: 1,
            share: NodeShare { node, tasks: 1, cpus: Units::first(1), memory: 200, gres: Vec::new() },
            start: 100,
            end: None,
            array: None,
            batch: Some(batch),
        }
    }

    /// What it wrote.
    pub fn output(&self, job: u32) -> String {
        fs::read_to_string(self.home().join(format!("slurm-{job}.out"))).unwrap()
    }
}

impl Drop for Node {
    /// Its control groups are the machine's, and would stay, as supervisors would of jobs that go on.
    fn drop(&mut self) {
        for entry in fs::read_dir(self.files.path().join("spool/runs")).into_iter().flatten().flatten() {
            supervisor_of(&entry.path()).iter().for_each(|pid| kill(pid));
        }
        if let Ok(token) = fs::read_to_string(self.files.path().join("spool/token")) {
            let groups = Layer::find(&format!("enlist-{token}")).run("x");
            groups.directories().filter_map(Path::parent).for_each(remove_groups);
        }
    }
}

/// A group and those below it, when the last of what was killed is gone from them.
fn remove_groups(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten().filter(|it| it.path().is_dir()) {
        remove_groups(&entry.path());
    }
    let begun = Instant::now();
    while fs::remove_dir(parent).is_err() && parent.exists() && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An order about a job's first run.
pub fn order(job: u32, task: OrderedTask) -> Order {
    Order { job: JobId(job), attempt: Attempt(0), task }
}

/// Starts a job.
pub fn start(runs: &Runs, job: u32, launch: Launch) {
    runs.obey(order(job, OrderedTask::Launch(Box::new(launch))));
}

/// Ends one.
pub fn end(runs: &Runs, job: u32, kill_wait: u32) {
    runs.obey(order(job, OrderedTask::Terminate { kill_wait }));
}

/// Waits until a run's reports have one that is meant, and gives it.
#[track_caller]
pub fn until(runs: &Runs, job: u32, is_meant: impl Fn(&Reported) -> bool) -> RunReport {
    let begun = Instant::now();
    loop {
        let said = runs.unconfirmed();
        let of_run = |it: &&RunReport| it.report.job == JobId(job) && it.step.is_none();
        let found = said.iter().filter(of_run).find(|it| is_meant(&it.report.what));
        if let Some(found) = found {
            return found.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "job {job} has said only {said:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn launched(runs: &Runs, job: u32) {
    until(runs, job, |what| *what == Reported::Stage(RunStage::Launched));
}

/// How a run ended, when nothing of it is left.
#[track_caller]
pub fn ended(runs: &Runs, job: u32) -> (ScriptEnd, RunUsage) {
    until(runs, job, |what| *what == Reported::Stage(RunStage::Left));
    let report = until(runs, job, |what| matches!(what, Reported::Stage(RunStage::Ended(_))));
    let Reported::Stage(RunStage::Ended(end)) = report.report.what else { unreachable!("it is asked for above") };
    (end, report.usage.expect("usage comes with the end"))
}

/// A script's end.
pub fn exit(code: u8, signal: u8) -> ScriptEnd {
    ScriptEnd { exit: ExitCode { code, signal }, out_of_memory: false }
}

/// Why a job could not be started.
#[track_caller]
pub fn why(runs: &Runs, job: u32) -> String {
    until(runs, job, |what| *what == Reported::LaunchFailed).why.expect("a failure has a reason")
}

/// Waits for a line in a file that a script writes.
#[track_caller]
pub fn wait_for(path: &Path) -> String {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.ends_with('\n') {
            return text.trim().to_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is there that has not ended.
pub fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Each test twice: with the groups of this host, and as on a host that has none.
fn both(test: impl Fn(&Node)) {
    for groups in [true, false] {
        test(&Node::new(groups));
    }
}

#[test]
fn a_script_runs_as_its_user_in_its_place() {
    both(|node| {
        let runs = node.daemon();
        let script = "#!/bin/sh\nid -u; id -g; pwd; umask; echo $GREETING $SLURM_JOB_ID $HOME; cat; echo $0; exit 3\n";
        start(&runs, 1, node.launch(script));
        let (end, usage) = ended(&runs, 1);
        assert_eq!(end, exit(3, 0));
        let home = node.home();
        let spool = node.files.path().join("spool/scripts/1.0/slurm_script");
        let expected =
            format!("{NOBODY}\n{NOGROUP}\n{}\n0027\nhello 1 /nonexistent\n{}\n", home.display(), spool.display());
        assert_eq!(node.output(1), expected);
        let file = fs::metadata(home.join("slurm-1.out")).unwrap();
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (NOBODY, NOGROUP, 0o640));
        assert!(usage.user_cpu.is_some() && usage.peak_memory.is_some_and(|bytes| bytes > 0), "{usage:?}");
        assert!(usage.written.is_some_and(|bytes| bytes >= expected.len() as u64), "{usage:?}");
        runs.confirm(&runs.unconfirmed());
        assert_eq!((runs.unconfirmed(), runs.here()), (Vec::new(), Vec::new()));
        let begun = Instant::now();
        while !node.spool().runs().unwrap().is_empty() || spool.exists() {
            assert!(begun.elapsed() < PATIENCE, "the run's directory stays");
        }
    });
}

#[test]
fn what_a_script_leaves_behind_ends_with_it() {
    both(|node| {
        let runs = node.daemon();
        let script = "#!/bin/sh\nsetsid sleep 1000 & echo $! >pid\n(setsid setsid sleep 1000 & echo $! >pid2)\ntrue\n";
        start(&runs, 1, node.launch(script));
        assert_eq!(ended(&runs, 1).0, exit(0, 0));
        for file in ["pid", "pid2"] {
            assert!(!is_running(&wait_for(&node.home().join(file))), "{file}");
        }
    });
}

#[test]
fn one_that_ignores_sigterm_is_killed_after_kill_wait() {
    both(|node| {
        let runs = node.daemon();
        start(&runs, 1, node.launch("#!/bin/sh\ntrap 'echo got' TERM\necho $$ >pid\nwhile :; do sleep 0.1; done\n"));
        start(&runs, 2, node.launch("#!/bin/sh\ntrap 'exit 4' TERM\necho $$ >pid2\nwhile :; do sleep 0.1; done\n"));
        wait_for(&node.home().join("pid"));
        wait_for(&node.home().join("pid2"));
        end(&runs, 1, 1);
        end(&runs, 2, 1000);
        assert_eq!(ended(&runs, 1).0, exit(0, 9));
        assert!(node.output(1).contains("got"), "SIGTERM came first");
        assert!(node.output(1).contains("slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT "), "{}", node.output(1));
        assert_eq!(ended(&runs, 2).0, exit(4, 0));
    });
}

#[test]
fn a_signal_is_delivered_once() {
    both(|node| {
        let runs = node.daemon();
        let script =
            "#!/bin/sh\ntrap 'echo usr1' USR1\ntrap 'exit 0' TERM\necho 1 >ready\nwhile :; do sleep 0.1; done\n";
        start(&runs, 1, node.launch(script));
        wait_for(&node.home().join("ready"));
        let signal = || runs.obey(order(1, OrderedTask::Signal { serial: 5, number: 10, to: SignalTarget::All }));
        signal();
        until(&runs, 1, |what| *what == Reported::Delivered(5));
        let begun = Instant::now();
        while !node.output(1).contains("usr1") {
            assert!(begun.elapsed() < PATIENCE);
        }
        signal();
        end(&runs, 1, 1000);
        ended(&runs, 1);
        assert_eq!(node.output(1).lines().filter(|line| *line == "usr1").count(), 1);
    });
}

#[test]
fn why_a_script_cannot_run_is_said_with_the_path() {
    let node = Node::new(true);
    let runs = node.daemon();
    let changed = |change: &dyn Fn(&mut BatchJob)| {
        let mut launch = node.launch("#!/bin/sh\n");
        change(launch.batch.as_mut().unwrap());
        launch
    };
    start(&runs, 1, changed(&|batch| batch.output = Some("/no/such/place/out".into())));
    start(&runs, 2, changed(&|batch| batch.output = Some("/etc/out-of-%j".into())));
    start(&runs, 3, changed(&|batch| batch.script = "#!/no/such/program\n".into()));
    start(&runs, 4, changed(&|batch| batch.script = "echo\n".into()));
    let mut launch = node.launch("#!/bin/sh\n");
    launch.user.name = "no-such-user".into();
    start(&runs, 5, launch);
    let mut launch = node.launch("#!/bin/sh\n");
    launch.user.uid = Uid(1);
    start(&runs, 6, launch);
    assert_eq!(why(&runs, 1), "cannot open /no/such/place/out: No such file or directory (os error 2)");
    assert_eq!(why(&runs, 2), "cannot open /etc/out-of-2: Permission denied (os error 13)");
    let named =
        "cannot run /no/such/program, which the script's first line names: No such file or directory (os error 2)";
    assert_eq!(why(&runs, 3), named);
    assert_eq!(why(&runs, 4), "the script's first line is not `#!` and a program");
    assert_eq!(why(&runs, 5), "user no-such-user is not known on this node");
    assert_eq!(why(&runs, 6), "user nobody has number 65534 on this node, and 1 on the master");
    assert!(!Path::new("/etc/out-of-2").exists());
    assert!(runs.here().is_empty());
}

#[test]
fn a_directory_that_is_not_there_is_told_in_the_output() {
    let node = Node::new(true);
    let runs = node.daemon();
    let mut launch = node.launch("#!/bin/sh\npwd\n");
    let batch = launch.batch.as_mut().unwrap();
    (batch.directory, batch.output) = ("/no/such/place".into(), Some(format!("{}/out", node.home().display()).into()));
    start(&runs, 1, launch);
    assert_eq!(ended(&runs, 1).0, exit(0, 0));
    let said = fs::read_to_string(node.home().join("out")).unwrap();
    let words =
        "slurmstepd: error: couldn't chdir to `/no/such/place': No such file or directory: going to /tmp instead\n";
    assert_eq!(said, format!("{words}/tmp\n"));
}

#[test]
fn scripts_may_be_large_and_of_any_bytes() {
    let node = Node::new(true);
    let runs = node.daemon();
    let mut launch = node.launch("");
    let mut script = b"#!/bin/sh\necho begin\nexit 7\n".to_vec();
    script.extend((0..4 << 20).map(|at: u32| (at % 251) as u8));
    launch.batch.as_mut().unwrap().script.0 = script;
    start(&runs, 1, launch);
    let mut launch = node.launch("#!/bin/sh\r\n");
    launch.batch.as_mut().unwrap().arguments = vec!["a b".into(), words::raw::RawText(vec![0xff, b'x'])];
    launch.batch.as_mut().unwrap().script = "#!/usr/bin/printf %s|\n".into();
    start(&runs, 2, launch);
    assert_eq!(ended(&runs, 1).0, exit(7, 0));
    assert_eq!(node.output(1), "begin\n");
    assert_eq!(ended(&runs, 2).0, exit(0, 0));
    let said = fs::read(node.home().join("slurm-2.out")).unwrap();
    assert!(said.ends_with(b"slurm_script|a b|\xffx|"), "{said:?}");
}

#[test]
fn the_daemon_may_die_and_finds_what_runs_and_what_ended() {
    both(|node| {
        let first = node.daemon();
        start(&first, 1, node.launch("#!/bin/sh\necho 1 >ready\nwhile ! test -e go; do sleep 0.05; done\nexit 5\n"));
        start(&first, 2, node.launch("#!/bin/sh\nexit 6\n"));
        wait_for(&node.home().join("ready"));
        ended(&first, 2);
        std::mem::forget(first);
        let second = node.daemon();
        let mut here: Vec<u32> = second.here().iter().map(|(job, ..)| job.0).collect();
        here.sort_unstable();
        assert_eq!(here, [1, 2]);
        launched(&second, 1);
        assert_eq!(ended(&second, 2).0, exit(6, 0));
        start(&second, 1, node.launch("#!/bin/sh\nexit 99\n"));
        fs::write(node.home().join("go"), "").unwrap();
        assert_eq!(ended(&second, 1).0, exit(5, 0));
    });
}

/// The supervisor of a run.
fn supervisor(node: &Node, job: u32) -> String {
    find_supervisor(node, job).expect("it has a supervisor")
}

/// The number of a run's supervisor, if it has one.
pub fn find_supervisor(node: &Node, job: u32) -> Option<String> {
    supervisor_of(&node.files.path().join(format!("spool/runs/{job}.0")))
}

/// The number of the supervisor that has this directory, if it has one.
pub fn supervisor_of(path: &Path) -> Option<String> {
    let is_it = |pid: &String| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&&b"supervise-run"[..]) && words.get(2) == Some(&path.as_os_str().as_encoded_bytes())
    };
    let mut numbers = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    numbers.find(is_it)
}

/// `kill -9`
pub fn kill(pid: &str) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.parse().unwrap()), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
}

const TWO_SLEEPERS: &str = "#!/bin/sh\nsetsid sleep 1000 & echo $! >other\necho $$ >pid\nsleep 1000\n";

#[test]
fn when_its_supervisor_is_killed_all_of_a_run_is() {
    both(|node| {
        let runs = node.daemon();
        start(&runs, 1, node.launch(TWO_SLEEPERS));
        let pids = ["pid", "other"].map(|file| wait_for(&node.home().join(file)));
        launched(&runs, 1);
        kill(&supervisor(node, 1));
        assert_eq!(ended(&runs, 1).0, exit(0, 9));
        assert!(!pids.iter().any(|pid| is_running(pid)), "{pids:?}");
    });
}

/// Without control groups what is left is found by numbers, which a host of two clusters has twice.
#[test]
fn a_supervisor_that_dies_takes_nothing_of_another_clusters_job_of_its_number() {
    let [one, other] = [Node::new(false), Node::new(false)];
    let (runs, others) = (one.daemon(), other.daemon());
    for (node, runs) in [(&one, &runs), (&other, &others)] {
        start(runs, 1, node.launch(TWO_SLEEPERS));
    }
    let pids = ["pid", "other"].map(|file| wait_for(&other.home().join(file)));
    launched(&runs, 1);
    launched(&others, 1);
    kill(&supervisor(&one, 1));
    assert_eq!(ended(&runs, 1).0, exit(0, 9));
    assert!(pids.iter().all(|pid| is_running(pid)), "{pids:?}");
    end(&others, 1, 0);
    until(&others, 1, |what| *what == Reported::Stage(RunStage::Left));
}

#[test]
fn when_daemon_and_supervisor_are_killed_the_next_daemon_cleans_up() {
    both(|node| {
        let first = node.daemon();
        start(&first, 1, node.launch(TWO_SLEEPERS));
        let pids = ["pid", "other"].map(|file| wait_for(&node.home().join(file)));
        launched(&first, 1);
        let dead = supervisor(node, 1);
        // It is stopped first, so that the daemon of before has no part in what follows.
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(dead.parse().unwrap()), nix::sys::signal::Signal::SIGSTOP)
            .unwrap();
        let second = node.daemon();
        kill(&dead);
        assert_eq!(ended(&second, 1).0, exit(0, 9));
        assert!(!pids.iter().any(|pid| is_running(pid)), "{pids:?}");
        std::mem::forget(first);
    });
}

/// Somebody empties the spool by hand: what watches the run goes all the same.
#[test]
fn a_run_whose_directory_was_taken_away_ends() {
    let node = Node::new(true);
    let runs = node.daemon();
    start(&runs, 1, node.launch(TWO_SLEEPERS));
    let pids = ["pid", "other"].map(|file| wait_for(&node.home().join(file)));
    launched(&runs, 1);
    let watcher = supervisor(&node, 1);
    fs::remove_dir_all(node.files.path().join("spool/runs/1.0")).unwrap();
    end(&runs, 1, 0);
    let begun = Instant::now();
    while [&pids[0], &pids[1], &watcher].iter().any(|pid| is_running(pid)) {
        assert!(begun.elapsed() < PATIENCE, "{pids:?} or {watcher} stay");
        std::thread::sleep(Duration::from_millis(10));
    }
    until(&runs, 1, |what| *what == Reported::Stage(RunStage::Left));
}

/// The next run makes what it needs again.
#[test]
fn runs_start_in_a_spool_that_was_emptied() {
    let node = Node::new(true);
    let runs = node.daemon();
    for name in ["runs", "scripts", "new"] {
        fs::remove_dir_all(node.files.path().join("spool").join(name)).unwrap();
    }
    start(&runs, 1, node.launch("#!/bin/sh\nexit 3\n"));
    assert_eq!(ended(&runs, 1).0, exit(3, 0));
}

/// A script is kept where all runs are: its user cannot make it larger, and it goes before its end is told.
#[test]
fn a_script_is_not_its_users_to_change() {
    let node = Node::new(true);
    let runs = node.daemon();
    start(&runs, 1, node.launch("#!/bin/sh\nchmod u+w $0 || echo kept\necho x >>$0\ntest -r $0 && echo read\n"));
    assert_eq!(ended(&runs, 1).0, exit(0, 0));
    let said = node.output(1);
    let ends = said.lines().filter(|line| ["kept", "read"].contains(line)).collect::<Vec<_>>();
    assert_eq!(ends, ["kept", "read"], "{said}");
    assert!(!node.files.path().join("spool/scripts/1.0").exists());
}

/// As with a full disk: the run's directory takes nothing new. The run goes on, is ended all the same, and all of it is told
/// when there is room again.
#[test]
fn what_cannot_be_written_down_holds_nothing_up() {
    both(|node| {
        let runs = node.daemon();
        start(&runs, 1, node.launch(TWO_SLEEPERS));
        let pids = ["pid", "other"].map(|file| wait_for(&node.home().join(file)));
        launched(&runs, 1);
        let taken = ["delivered.new", "exit.new", "ended.new", "left.new"];
        let taken = taken.map(|name| node.files.path().join("spool/runs/1.0").join(name));
        taken.iter().for_each(|path| fs::create_dir(path).unwrap());
        runs.obey(order(1, OrderedTask::Signal { serial: 5, number: 18, to: SignalTarget::All }));
        end(&runs, 1, 1000);
        let begun = Instant::now();
        while pids.iter().any(|pid| is_running(pid)) {
            assert!(begun.elapsed() < PATIENCE, "{pids:?} stay");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!runs.unconfirmed().iter().any(|it| it.report.what == Reported::Stage(RunStage::Left)));
        taken.iter().for_each(|path| fs::remove_dir(path).unwrap());
        assert_eq!(ended(&runs, 1).0, exit(0, 15));
    });
}

#[test]
fn a_run_that_was_ended_first_is_not_started() {
    let node = Node::new(true);
    let runs = node.daemon();
    end(&runs, 1, 30);
    start(&runs, 1, node.launch("#!/bin/sh\ntouch started\n"));
    until(&runs, 1, |what| *what == Reported::Stage(RunStage::Left));
    runs.confirm(&runs.unconfirmed());
    start(&runs, 1, node.launch("#!/bin/sh\ntouch started\n"));
    until(&runs, 1, |what| *what == Reported::Stage(RunStage::Left));
    assert!(!node.home().join("started").exists());
    assert!(node.spool().runs().unwrap().is_empty());
}

#[test]
fn a_fork_bomb_dies_with_its_run() {
    both(|node| {
        let runs = node.daemon();
        let bomb = "#!/bin/bash\necho 1 >ready\nf() { sleep 0.01; f & f & }\nulimit -u 400\nf\nsleep 1000\n";
        start(&runs, 1, node.launch(bomb));
        wait_for(&node.home().join("ready"));
        std::thread::sleep(Duration::from_millis(500));
        end(&runs, 1, 0);
        ended(&runs, 1);
        let mark = b"SLURM_JOB_NAME=test";
        let left = fs::read_dir("/proc").unwrap().filter(|entry| {
            let environment = entry.as_ref().unwrap().path().join("environ");
            let text = fs::read(environment).unwrap_or_default();
            let is_here = text.windows(mark.len()).any(|window| window == mark);
            is_here && String::from_utf8_lossy(&text).contains(node.home().to_str().unwrap())
        });
        assert_eq!(left.count(), 0);
    });
}

#[test]
fn memory_over_the_limit_is_told_with_its_peak() {
    let node = Node::new(true);
    assert!(node.layer().holds().contains(&"memory"), "the tests need a host that limits memory");
    let runs = node.daemon();
    let mut launch = node.launch("#!/usr/bin/python3\nx = b'x' * (200 << 20)\n");
    launch.share.memory = 64;
    start(&runs, 1, launch);
    let (end, usage) = ended(&runs, 1);
    assert_eq!((end.out_of_memory, end.exit.signal), (true, 9));
    let megabytes = usage.peak_memory.unwrap() >> 20;
    assert!((60..=64).contains(&megabytes), "{megabytes}");
}

#[test]
fn a_script_sees_only_its_cpus() {
    let node = Node::new(true);
    assert!(node.layer().holds().contains(&"cpuset"), "the tests need a host that gives CPUs");
    let runs = node.daemon();
    start(&runs, 1, node.launch("#!/bin/sh\nnproc\n"));
    ended(&runs, 1);
    assert_eq!(node.output(1), "1\n");
}

#[test]
fn ten_thousand_lines_come_whole() {
    let node = Node::new(false);
    let runs = node.daemon();
    start(&runs, 1, node.launch("#!/bin/sh\nseq 10000\n"));
    assert_eq!(ended(&runs, 1).0, exit(0, 0));
    let expected: String = (1..=10_000).map(|line| format!("{line}\n")).collect();
    assert_eq!(node.output(1), expected);
}

/// An output that nobody reads holds its own run up, and no other.
#[test]
fn a_run_that_hangs_delays_no_other() {
    let node = Node::new(true);
    let runs = node.daemon();
    let pipe = node.home().join("slurm-1.out");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
    std::os::unix::fs::chown(&pipe, Some(NOBODY), Some(NOGROUP)).unwrap();
    start(&runs, 1, node.launch("#!/bin/sh\n"));
    start(&runs, 2, node.launch("#!/bin/sh\n"));
    assert_eq!(ended(&runs, 2).0, exit(0, 0));
    end(&runs, 1, 0);
    assert_eq!(why(&runs, 1), "it was killed before the script could run");
}
