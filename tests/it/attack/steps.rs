//! Steps whose supervisors are killed while they start, and streams on which nonsense comes.

use super::jobs::nothing_stays;
use super::{figure, rounds};
use crate::jobs::runs::{Node, PATIENCE, end, kill, supervisor_of};
use crate::jobs::steps_node::{Reader, allocate, launch, part, step, told};
use compute::protocol::OrderedTask;
use compute::stream::{Frame, FrameKind, INPUT_WINDOW, LONGEST};
use scheduling::event::{Reported, RunStage};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// Supervisors are killed at any moment of a start; what the node says of each step is one story, nothing stays, and the job goes on.
#[test]
fn kills_at_any_moment_of_a_steps_start_leave_nothing() {
    for groups in [true, false] {
        let node = Node::new(groups);
        let (mut failures, mut ends) = (0, 0);
        let runs = node.daemon();
        for job in 1..=rounds(10, 100) as u32 {
            allocate(&node, &runs, job);
            let mut sleepers = step(&node, 3, "setsid sleep 1000 & sleep 1000");
            sleepers.program.environment.push(("OF_NODE".into(), node.home().to_str().unwrap().into()));
            launch(&runs, job, sleepers);
            let (directory, begun) = (node.spool().directory_of(part(job)), Instant::now());
            let pid = loop {
                if let Some(pid) = supervisor_of(directory.path()) {
                    break pid;
                }
                assert!(begun.elapsed() < PATIENCE, "the step of {job} has no supervisor");
            };
            std::thread::sleep(Duration::from_millis(u64::from(job * 7919 % 90)));
            kill(&pid);
            // One that was killed before it did anything is followed by another, which starts the tasks.
            let order = OrderedTask::TerminateStep { step: part(job).step.unwrap(), kill_wait: 0 };
            runs.obey(crate::jobs::runs::order(job, order));
            let last =
                told(&runs, job, |what| matches!(what, Reported::LaunchFailed | Reported::Stage(RunStage::Left)));
            match last.report.what {
                Reported::LaunchFailed => failures += 1,
                _ => ends += 1,
            }
            assert_eq!(runs.here().len(), 1, "the job goes on");
            end(&runs, job, 0);
            crate::jobs::runs::until(&runs, job, |what| *what == Reported::Stage(RunStage::Left));
            runs.confirm(&runs.unconfirmed());
        }
        nothing_stays(&node, "OF_NODE");
        figure(
            "supervisors killed while they start a step",
            format!("{failures} not started, {ends} ended, none left"),
        );
    }
}

/// Whatever comes, that connection ends, and the next reader has all that was written.
#[test]
fn nonsense_on_a_stream_ends_its_connection_and_nothing_else() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    launch(&runs, 1, step(&node, 2, "seq 20000; until [ -e go ]; do sleep 0.05; done; read line; echo $line"));
    let input = |place, length| Frame { place, content: vec![b'x'; length], ..Frame::of(FrameKind::Input) };
    let bytes = |frames: &[Frame]| {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes).unwrap());
        bytes
    };
    let flood = (0..).step_by(LONGEST).take(2 + INPUT_WINDOW as usize / LONGEST * 2);
    let flood: Vec<Frame> = flood.map(|place| input(place as u64, LONGEST)).collect();
    let nonsense = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 100],
        bytes(&[Frame { content: vec![1, 2, 3], ..Frame::of(FrameKind::Resize) }]),
        bytes(&[Frame::of(FrameKind::Signal)]),
        bytes(&[Frame { content: vec![200], ..Frame::of(FrameKind::Acknowledged) }]),
        bytes(&[Frame::of(FrameKind::Left)]),
        bytes(&[input(1 << 40, 5)]),
        bytes(&[input(u64::MAX, 5)]),
    ];
    for sent in nonsense {
        let mut reader = Reader::of(&node, 1);
        let (mut socket, mut rest) = (reader.socket.try_clone().unwrap(), Vec::new());
        socket.write_all(&sent).unwrap();
        // The node ends it, or has ended it before it had all; one that is left open is waited for in vain.
        let ended = reader.socket.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(matches!(ended, Ok(_) | Err(ErrorKind::ConnectionReset)), "{ended:?} upon {sent:?}");
    }
    // Acknowledged is what was never written, of tasks that are not there; signals and sizes are what no kernel knows.
    let mut reader = Reader::of(&node, 1);
    reader.send(&Frame::acknowledged(FrameKind::Output, 77, 1));
    reader.send(&Frame { content: vec![255], ..Frame::of(FrameKind::Signal) });
    reader.send(&Frame { content: vec![255; 4], ..Frame::of(FrameKind::Resize) });
    let read_all = |reader: &Reader| [0, 1].iter().all(|rank| reader.output(*rank).ends_with("\n20000\n"));
    reader.read_on(read_all);
    let mut flooding = Reader::of(&node, 1);
    let mut socket = flooding.socket.try_clone().unwrap();
    let writing = std::thread::spawn(move || socket.write_all(&bytes(&flood)));
    let _ = flooding.socket.read_to_end(&mut Vec::new());
    let _ = writing.join().unwrap();
    fs::write(node.home().join("go"), "").unwrap();
    // What was acknowledged is not said again.
    let (mut reader, piece) = (reader.again(&node, 1), LONGEST as u64 / 2);
    reader.read_on(|reader| reader.started.len() == 2);
    let mut place = reader.taken;
    while place < 2 * INPUT_WINDOW {
        reader.read_on(|reader| reader.taken + INPUT_WINDOW >= place + piece);
        reader.send(&input(place, piece as usize));
        place += piece;
    }
    reader.send(&Frame { content: b"\n".to_vec(), ..input(place, 0) });
    let read = reader.finish();
    assert!([0, 1].iter().all(|rank| read.output(*rank).ends_with("x\n")), "the tasks read on");
}
