//! A user whose jobs attack the node that they run on and the jobs of others there; and kills at any moment of a start.

use super::{figure, rounds};
use crate::jobs::runs::{Node, PATIENCE, end, ended, exit, start, until, why};
use compute::protocol::RunReport;
use compute::runs::Runs;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scheduling::event::{Reported, RunStage};
use scheduling::id::JobId;
use scheduling::request::{BatchJob, ProcessLimit};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::{Duration, Instant};
use words::raw::RawText;

/// Starts a job whose batch is changed, and waits for its end.
fn run_changed(node: &Node, runs: &Runs, job: u32, change: impl FnOnce(&mut BatchJob)) -> RunReport {
    let mut launch = node.launch("#!/bin/sh\necho ran\n");
    change(launch.batch.as_mut().unwrap());
    start(runs, job, launch);
    until(runs, job, |what| matches!(what, Reported::LaunchFailed | Reported::Stage(RunStage::Left)))
}

#[test]
fn output_goes_nowhere_that_its_user_may_not_write() {
    let node = Node::new(true);
    let runs = node.daemon();
    let secret = node.files.path().join("roots");
    fs::write(&secret, "root's\n").unwrap();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    symlink(&secret, node.home().join("link")).unwrap();
    symlink(node.files.path(), node.home().join("up")).unwrap();
    let places = ["link", "up/made-by-a-job", "../made-by-a-job", "/dev/stderr", "/proc/self/fd/2", "/proc/1/environ"];
    for (place, job) in places.iter().zip(1..) {
        run_changed(&node, &runs, job, |batch| batch.output = Some((*place).into()));
        assert!(why(&runs, job).starts_with("cannot open "), "{place}: {}", why(&runs, job));
    }
    for (place, job) in places[..2].iter().zip(11..) {
        run_changed(&node, &runs, job, |batch| batch.input = Some((*place).into()));
        assert!(why(&runs, job).starts_with("cannot open "), "{place}: {}", why(&runs, job));
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "root's\n");
    assert!(!node.files.path().join("made-by-a-job").exists());
}

#[test]
fn a_job_sees_nothing_of_others_and_cannot_touch_what_watches_it() {
    let node = Node::new(true);
    let runs = node.daemon();
    let mut secret = node.launch("#!/bin/sh\n# secret\necho 1 >ready\nsleep 1000\n");
    secret.user.name = "daemon".into();
    (secret.user.uid, secret.user.gid) = (scheduling::id::Uid(1), scheduling::id::Gid(1));
    secret.batch.as_mut().unwrap().output = Some("/dev/null".into());
    let others = node.files.path().join("other");
    fs::create_dir(&others).unwrap();
    chown(&others, Some(1), Some(1)).unwrap();
    secret.batch.as_mut().unwrap().directory = others.to_str().unwrap().into();
    start(&runs, 1, secret);
    crate::jobs::runs::wait_for(&others.join("ready"));
    let spool = node.files.path().join("spool");
    let supervisors = "pgrep -f 'supervise-run.*SPOOL'";
    let script = "#!/bin/sh\ncat SPOOL/scripts/1.0/slurm_script\nls SPOOL/runs SPOOL/new\nls SPOOL/scripts\n\
                  cat SPOOL/runs/2.0/work.json\ntouch SPOOL/scripts/x SPOOL/x\n\
                  for pid in $(SUPERVISORS); do kill -9 $pid; cat /proc/$pid/environ; echo tried; done\n"
        .replace("SUPERVISORS", supervisors)
        .replace("SPOOL", spool.to_str().unwrap());
    start(&runs, 2, node.launch(&script));
    ended(&runs, 2);
    let said = node.output(2);
    assert!(!said.contains("secret") && !said.contains("nobody"), "{said}");
    assert_eq!(said.lines().filter(|line| *line == "tried").count(), 2, "{said}");
    assert_eq!(said.matches("Permission denied").count() + said.matches("not permitted").count(), 11, "{said}");
    assert!(!spool.join("x").exists() && !spool.join("scripts/x").exists());
    end(&runs, 1, 0);
    assert_ne!(ended(&runs, 1).0.exit.signal, 0, "it ran until it was ended");
}

/// Makes a request hostile.
type Change = Box<dyn Fn(&mut BatchJob)>;

/// Nothing that a user sends stops the node's own work, and each is answered.
#[test]
fn hostile_requests_are_answered_and_others_run() {
    let node = Node::new(true);
    let runs = node.daemon();
    let limit = |name: &str, soft| ProcessLimit { name: name.into(), soft };
    let changes: Vec<Change> = vec![
        Box::new(|batch| batch.environment.push(("HUGE".into(), "x".repeat(4 << 20).into()))),
        Box::new(|batch| batch.environment.push(("NUL".into(), RawText(b"a\0b".to_vec())))),
        Box::new(|batch| batch.environment.push(("A=B".into(), "c".into()))),
        Box::new(|batch| batch.environment.push(("".into(), "c".into()))),
        Box::new(|batch| batch.environment.push(("LD_PRELOAD".into(), "/no/such.so".into()))),
        Box::new(|batch| batch.arguments = vec!["x".repeat(1000).into(); 20_000]),
        Box::new(|batch| batch.arguments = vec![RawText(b"a\0b".to_vec())]),
        Box::new(|batch| batch.directory = RawText(b"/tmp\0/x".to_vec())),
        Box::new(|batch| batch.directory = "x".repeat(10_000).into()),
        Box::new(|batch| batch.output = Some("%9999999999999999999j".into())),
        Box::new(|batch| batch.output = Some("%10j".repeat(2_000).into())),
        Box::new(move |batch| {
            batch.limits = vec![limit("NOFILE", None), limit("NOFILE", Some(u64::MAX)), limit("?", None)]
        }),
        Box::new(move |batch| batch.limits = vec![limit("NOFILE", Some(0))]),
        Box::new(move |batch| batch.limits = vec![limit("AS", Some(0)), limit("STACK", Some(0))]),
        Box::new(|batch| batch.umask = u32::MAX),
        Box::new(|batch| batch.script = RawText(b"#!\0\xff\n".to_vec())),
        Box::new(|batch| batch.script = format!("#!/{}\n", "x".repeat(100_000)).into()),
        Box::new(|batch| batch.script = RawText(vec![b'#'; 4 << 20])),
    ];
    let count = changes.len() as u32;
    for (change, job) in changes.iter().zip(1..) {
        run_changed(&node, &runs, job, |batch| change(batch));
    }
    start(&runs, 100, node.launch("#!/bin/sh\nexit 7\n"));
    assert_eq!(ended(&runs, 100).0, exit(7, 0));
    let last = runs.unconfirmed().into_iter();
    let failed =
        last.filter(|it| it.report.what == Reported::LaunchFailed).map(|it| it.why.unwrap()).collect::<Vec<_>>();
    assert!(failed.iter().all(|why| !why.is_empty() && why.len() <= 1000), "{failed:?}");
    figure("hostile requests of jobs", format!("{count} tried, {} did not start", failed.len()));
}

/// The supervisor and the script are killed at any moment of a start; what the node says is one story, and nothing stays.
#[test]
fn kills_at_any_moment_of_a_start_leave_nothing() {
    for groups in [true, false] {
        let node = Node::new(groups);
        let (mut failures, mut ends) = (0, 0);
        let runs = node.daemon();
        for job in 1..=rounds(12, 100) as u32 {
            start(&runs, job, node.launch("#!/bin/sh\nsetsid sleep 1000 &\nsleep 1000\n"));
            std::thread::sleep(Duration::from_micros(u64::from(job * 7919 % 60) * 1000));
            kill_supervisor(&node, job);
            // One that was killed before it did anything is followed by another, which starts the script.
            end(&runs, job, 0);
            let last =
                until(&runs, job, |what| matches!(what, Reported::LaunchFailed | Reported::Stage(RunStage::Left)));
            match last.report.what {
                Reported::LaunchFailed => failures += 1,
                _ => ends += 1,
            }
            runs.confirm(&runs.unconfirmed());
        }
        nothing_stays(&node, "SLURM_SUBMIT_DIR");
        figure(
            "supervisors killed while they start a script",
            format!("{failures} not started, {ends} ended, none left"),
        );
    }
}

/// As soon as there is one.
fn kill_supervisor(node: &Node, job: u32) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(pid) = crate::jobs::runs::find_supervisor(node, job) {
            let _ = kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL);
            return;
        }
    }
    panic!("job {} has no supervisor", JobId(job));
}

/// Waits until no run is kept, and no process is left that has this variable with the node's home.
#[track_caller]
pub fn nothing_stays(node: &Node, variable: &str) {
    let begun = Instant::now();
    while !node.spool().runs().unwrap().is_empty() || processes(node, variable) > 0 {
        assert!(begun.elapsed() < PATIENCE, "{} processes stay", processes(node, variable));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Processes that have this variable with the node's home.
fn processes(node: &Node, variable: &str) -> usize {
    let said = format!("{variable}={}", node.home().display());
    let is_one = |entry: std::io::Result<fs::DirEntry>| {
        let text = fs::read(entry.unwrap().path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(&said)
    };
    fs::read_dir("/proc").unwrap().filter_map(|entry| is_one(entry).then_some(())).count()
}
