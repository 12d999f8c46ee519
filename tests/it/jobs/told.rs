//! What the daemon of a compute node says to its master, and says again.

use super::runs::{Node, exit, order, wait_for};
use super::scripted::{Daemon, Master, Move};
use compute::protocol::{OrderedTask, RunReport};
use scheduling::event::{Reported, RunStage};
use scheduling::id::JobId;

fn launch(node: &Node, job: u32, script: &str) -> compute::protocol::Order {
    order(job, OrderedTask::Launch(Box::new(node.launch(script))))
}

fn has(reports: &[RunReport], job: u32, what: &Reported) -> bool {
    reports.iter().any(|it| it.report.job == JobId(job) && it.report.what == *what)
}

#[track_caller]
fn until_left(master: &Master, job: u32) {
    let left = Reported::Stage(RunStage::Left);
    master.until("the end of a run", |_, reports| has(reports, job, &left).then_some(()));
}

#[test]
fn reports_are_said_until_the_master_has_them() {
    let node = Node::new(true);
    let master = Master::at(&node.files.path().join("socket"));
    let _daemon = Daemon::start(node.files.path());
    master.meet_reports([Move::Refuse(503), Move::HangUp, Move::Refuse(500), Move::Answer]);
    master.order(launch(&node, 1, "#!/bin/sh\nexit 3\n"));
    until_left(&master, 1);
    let ended = Reported::Stage(RunStage::Ended(exit(3, 0)));
    let places = master.until("all reports", |_, reports| {
        let place = |what: &Reported| reports.iter().position(|it| it.report.what == *what);
        let launched = place(&Reported::Stage(RunStage::Launched))?;
        Some((launched, place(&ended)?, place(&Reported::Stage(RunStage::Left))?))
    });
    assert!(places.0 < places.1 && places.1 < places.2, "{places:?}");
    // The master orders it again and again: it runs once.
    assert_eq!(node.output(1), "");
}

#[test]
fn a_session_that_is_over_is_followed_by_another_with_all_runs() {
    let node = Node::new(true);
    let master = Master::at(&node.files.path().join("socket"));
    let _daemon = Daemon::start(node.files.path());
    master.order(launch(&node, 1, "#!/bin/sh\necho run >>runs\nwhile ! test -e go; do sleep 0.05; done\n"));
    wait_for(&node.home().join("runs"));
    master.end_session();
    let runs =
        master.until("another session", |registered, _| registered.get(1).map(|it| it.registration.runs.clone()));
    assert_eq!(runs, [(JobId(1), scheduling::id::Attempt(0), RunStage::Launched)]);
    std::fs::write(node.home().join("go"), "").unwrap();
    until_left(&master, 1);
    assert_eq!(std::fs::read_to_string(node.home().join("runs")).unwrap(), "run\n");
}

#[test]
fn a_daemon_that_is_killed_has_lost_nothing() {
    let node = Node::new(true);
    let master = Master::at(&node.files.path().join("socket"));
    let first = Daemon::start(node.files.path());
    master.meet_reports((0..1000).map(|_| Move::Refuse(503)));
    master.order(launch(&node, 1, "#!/bin/sh\necho run >>runs\nwhile ! test -e go; do sleep 0.05; done\nexit 9\n"));
    wait_for(&node.home().join("runs"));
    first.kill();
    std::fs::write(node.home().join("go"), "").unwrap();
    wait_for_end(&node);
    let _second = Daemon::start(node.files.path());
    let ended = Reported::Stage(RunStage::Ended(exit(9, 0)));
    master.forgive();
    master.until("the end", |_, reports| has(reports, 1, &ended).then_some(()));
    until_left(&master, 1);
    assert_eq!(std::fs::read_to_string(node.home().join("runs")).unwrap(), "run\n");
}

/// The supervisor has written down all of it.
fn wait_for_end(node: &Node) {
    let begun = std::time::Instant::now();
    while !node.files.path().join("spool/runs/1.0/left").exists() {
        assert!(begun.elapsed().as_secs() < 30, "the run does not end");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
