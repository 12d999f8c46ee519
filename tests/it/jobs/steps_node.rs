//! Steps on a node as its daemon has them, without a master: real supervisors and tasks, and a reader of what these write.

use super::runs::{Node, PATIENCE, end, ended, exit, order, start, until, wait_for};
use compute::directory::Part;
use compute::protocol::{OrderedTask, RunReport, StepLaunch, StepNode};
use compute::runs::Runs;
use compute::stream::{ALL, Decoder, Frame, FrameKind, INPUT_WINDOW, KEPT, NodeStarted, TaskEnded};
use scheduling::event::{Reported, RunStage, ScriptEnd};
use scheduling::id::{Attempt, JobId};
use scheduling::job::SignalTarget;
use scheduling::request::{RankedProgram, StepInput, StepOutput, StepProgram, TerminalSize};
use scheduling::step::StepShare;
use scheduling::units::Units;
use slurm::records::{ExitCode, StepId};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const STEP: StepId = StepId::Number(0);

/// A step of these many tasks, which run a shell line.
pub fn step(node: &Node, tasks: u32, line: &str) -> StepLaunch {
    let argv = ["sh", "-c", line].map(|it| it.into()).to_vec();
    let program = StepProgram {
        programs: vec![RankedProgram { ranks: None, argv }],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("GREETING".into(), "hello".into())],
        directory: node.home().to_str().unwrap().into(),
        umask: 0o027,
        ..StepProgram::default()
    };
    let ranks: Vec<u32> = (0..tasks).collect();
    StepLaunch {
        step: STEP,
        name: "sh".into(),
        nodes: vec![StepNode { node: "n1".into(), ranks: ranks.clone() }],
        share: StepShare { node: "n1".into(), ranks, cpus: Units::first(1), memory: 0, gres: Vec::new() },
        cpus_per_task: None,
        kill_on_bad_exit: false,
        end: None,
        program,
    }
}

fn with(mut step: StepLaunch, change: impl FnOnce(&mut StepProgram)) -> StepLaunch {
    change(&mut step.program);
    step
}

/// An allocation for steps: a run without a script.
pub fn allocate(node: &Node, runs: &Runs, job: u32) {
    start(runs, job, compute::protocol::Launch { batch: None, ..node.launch("") });
}

/// Orders a step.
pub fn launch(runs: &Runs, job: u32, step: StepLaunch) {
    runs.obey(order(job, OrderedTask::LaunchStep(Box::new(step))));
}

/// Waits for what a step reports.
#[track_caller]
pub fn told(runs: &Runs, job: u32, is_meant: impl Fn(&Reported) -> bool) -> RunReport {
    let begun = Instant::now();
    loop {
        let said = runs.unconfirmed();
        let of_step = |it: &&RunReport| it.report.job == JobId(job) && it.step == Some(STEP);
        if let Some(found) = said.iter().filter(of_step).find(|it| is_meant(&it.report.what)) {
            return found.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "the step of {job} has said only {said:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How a step ended, when nothing of it is left.
#[track_caller]
fn over(runs: &Runs, job: u32) -> ScriptEnd {
    told(runs, job, |what| *what == Reported::Stage(RunStage::Left));
    let report = told(runs, job, |what| matches!(what, Reported::Stage(RunStage::Ended(_))));
    assert!(report.usage.is_some(), "{report:?}");
    let Reported::Stage(RunStage::Ended(end)) = report.report.what else { unreachable!("it is asked for above") };
    end
}

/// The first step of a job's first run.
pub fn part(job: u32) -> Part {
    Part { run: (JobId(job), Attempt(0)), step: Some(STEP) }
}

/// Who reads what the tasks of a step write.
pub struct Reader {
    pub socket: UnixStream,
    decoder: Decoder,
    /// What each task wrote, by rank and kind.
    wrote: BTreeMap<(u32, u8), Vec<u8>>,
    ends: u32,
    pub started: Vec<u32>,
    exits: BTreeMap<u32, TaskEnded>,
    failed: Option<String>,
    /// Up to where it has taken input in.
    pub taken: u64,
    /// Whether it says what it has had.
    acknowledges: bool,
}

impl Reader {
    #[track_caller]
    pub fn of(node: &Node, job: u32) -> Self {
        let (path, begun) = (node.spool().directory_of(part(job)).stream(), Instant::now());
        let socket = loop {
            match UnixStream::connect(&path) {
                Ok(socket) => break socket,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{}: {error}", path.display()),
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            decoder: Decoder::default(),
            wrote: BTreeMap::new(),
            ends: 0,
            started: Vec::new(),
            exits: BTreeMap::new(),
            failed: None,
            taken: 0,
            acknowledges: true,
        }
    }

    /// Over a new connection.
    pub fn again(self, node: &Node, job: u32) -> Self {
        let Reader { socket, decoder, .. } = Reader::of(node, job);
        Self { socket, decoder, ends: 0, started: Vec::new(), ..self }
    }

    pub fn send(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).unwrap();
        self.socket.write_all(&bytes).unwrap();
    }

    /// Takes frames until `is_enough`, or the end, which is asked for where it comes.
    #[track_caller]
    pub fn read_until(&mut self, is_enough: impl Fn(&Self) -> bool) -> bool {
        let mut piece = vec![0; 64 << 10];
        loop {
            while let Some(frame) = self.decoder.take().unwrap() {
                if frame.kind == FrameKind::Left {
                    assert_eq!(frame.task, 0, "the first task's rank stands for the node");
                    return true;
                }
                self.take(frame);
            }
            if is_enough(self) {
                return false;
            }
            let count = self.socket.read(&mut piece).unwrap();
            assert!(count > 0, "the connection ends without the last word");
            self.decoder.feed(&piece[..count]);
        }
    }

    /// Takes frames until `is_enough`; the step must not end before.
    #[track_caller]
    pub fn read_on(&mut self, is_enough: impl Fn(&Self) -> bool) {
        let has_ended = self.read_until(is_enough);
        assert!(!has_ended, "it ended: {:?}", self.exits);
    }

    /// To the last word.
    #[track_caller]
    pub fn finish(mut self) -> Self {
        assert!(self.read_until(|_| false));
        self
    }

    fn take(&mut self, frame: Frame) {
        match frame.kind {
            FrameKind::Output | FrameKind::Errors => self.take_output(frame),
            FrameKind::Started => {
                let NodeStarted { node, tasks } = frame.value().unwrap();
                assert_eq!(node, "n1");
                self.started = tasks.iter().map(|(rank, _)| *rank).collect();
            }
            FrameKind::Ended => drop(self.exits.insert(frame.task, frame.value().unwrap())),
            FrameKind::Failed => self.failed = Some(String::from_utf8(frame.content).unwrap()),
            FrameKind::Acknowledged => {
                assert_eq!((frame.about(), frame.task), (Ok(FrameKind::Input), 0));
                self.taken = frame.place;
            }
            other => panic!("{other:?} from a node"),
        }
    }

    /// Passes over what it has had.
    fn take_output(&mut self, frame: Frame) {
        let had = self.wrote.entry((frame.task, frame.kind as u8)).or_default();
        let over = (had.len() as u64).checked_sub(frame.place).expect("nothing is left out");
        self.ends += u32::from(frame.content.is_empty());
        had.extend(frame.content.iter().skip(over as usize));
        if self.acknowledges {
            let had = had.len() as u64;
            self.send(&Frame::acknowledged(frame.kind, frame.task, had));
        }
    }

    fn text(&self, rank: u32, kind: FrameKind) -> String {
        let wrote = self.wrote.get(&(rank, kind as u8)).cloned().unwrap_or_default();
        String::from_utf8(wrote).unwrap()
    }

    pub fn output(&self, rank: u32) -> String {
        self.text(rank, FrameKind::Output)
    }

    fn code(&self, rank: u32) -> ExitCode {
        self.exits[&rank].exit
    }
}

fn code(code: u8, signal: u8) -> ExitCode {
    ExitCode { code, signal }
}

#[test]
fn tasks_run_as_their_user_by_rank_and_all_they_write_is_read() {
    for groups in [true, false] {
        let node = Node::new(groups);
        let runs = node.daemon();
        allocate(&node, &runs, 1);
        let line = "echo $SLURM_PROCID $SLURM_LOCALID $SLURM_STEP_ID $SLURM_NTASKS $SLURM_GTIDS; \
                    echo $(id -u) $(umask) $PWD $GREETING >&2; exit $((SLURM_PROCID * 3))";
        launch(&runs, 1, step(&node, 2, line));
        let read = Reader::of(&node, 1).finish();
        for rank in [0, 1] {
            assert_eq!(read.output(rank), format!("{rank} {rank} 0 2 0,1\n"));
            let errors = format!("65534 0027 {} hello\n", node.home().display());
            assert_eq!((read.text(rank, FrameKind::Errors), read.code(rank)), (errors, code(3 * rank as u8, 0)));
        }
        assert_eq!((read.started, read.ends), (vec![0, 1], 4));
        assert_eq!(over(&runs, 1), exit(3, 0));
        let of_step = || runs.unconfirmed().into_iter().filter(|it| it.step.is_some()).collect::<Vec<_>>();
        assert_eq!(of_step().len(), 3, "launched, ended, left");
        assert_eq!(runs.here().len(), 1, "the job goes on");
        runs.confirm(&of_step());
        let (directory, begun) = (node.spool().directory_of(part(1)), Instant::now());
        while !directory.is_gone() {
            assert!(begun.elapsed() < PATIENCE, "the step's directory stays");
        }
        end(&runs, 1, 1);
        until(&runs, 1, |what| *what == Reported::Stage(RunStage::Left));
    }
}

#[test]
fn a_program_that_cannot_be_run_is_told_among_the_errors() {
    let node = Node::new(true);
    let runs = node.daemon();
    fs::write(node.home().join("text"), "echo\n").unwrap();
    for (job, name, expected) in [
        (1, "no-such-program", ("no-such-program: No such file or directory", 2)),
        (2, "/etc/passwd", ("/etc/passwd: Permission denied", 13)),
    ] {
        allocate(&node, &runs, job);
        let argv = vec![name.into()];
        let programs = vec![RankedProgram { ranks: None, argv }];
        launch(&runs, job, with(step(&node, 1, ""), |program| program.programs = programs));
        let read = Reader::of(&node, job).finish();
        assert_eq!(read.text(0, FrameKind::Errors), format!("slurmstepd: error: execve(): {}\n", expected.0));
        assert_eq!((read.code(0), over(&runs, job)), (code(expected.1, 0), exit(expected.1, 0)));
    }
}

#[test]
fn input_goes_to_all_tasks_and_no_faster_than_the_slowest_reads() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    launch(&runs, 1, step(&node, 3, "[ $SLURM_PROCID = 2 ] || cat"));
    let mut reader = Reader::of(&node, 1);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|at| b'a' + (at % 23) as u8).collect();
    for (piece, place) in sent.chunks(60_000).zip((0..).step_by(60_000)) {
        reader.read_on(|reader| reader.taken + INPUT_WINDOW >= place + 60_000);
        reader.send(&Frame { place, content: piece.to_vec(), ..Frame::of(FrameKind::Input) });
    }
    reader.send(&Frame { place: sent.len() as u64, ..Frame::of(FrameKind::Input) });
    let read = reader.finish();
    assert!(read.output(0).as_bytes() == sent && read.output(1).as_bytes() == sent && read.output(2).is_empty());
    assert_eq!(read.taken, sent.len() as u64);
    assert_eq!(over(&runs, 1), exit(0, 0));
}

#[test]
fn one_task_may_read_or_write_alone() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    let one = with(step(&node, 2, "cat; echo $SLURM_PROCID"), |program| {
        (program.input, program.output) = (StepInput::StreamedTo(1), StepOutput::StreamedOf(1));
        program.error = StepOutput::Nothing;
    });
    launch(&runs, 1, one);
    let mut reader = Reader::of(&node, 1);
    reader.send(&Frame { task: ALL, content: b"hi\n".to_vec(), ..Frame::of(FrameKind::Input) });
    reader.send(&Frame { place: 3, ..Frame::of(FrameKind::Input) });
    let read = reader.finish();
    assert_eq!((read.output(1), read.wrote.len(), read.exits.len()), ("hi\n1\n".into(), 1, 2));
}

#[test]
fn nothing_is_lost_with_a_connection_or_with_the_daemon() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    // More than is kept: who writes it waits until somebody reads.
    let line = "seq 1 400000; echo done >finished; read line; echo got $line";
    launch(&runs, 1, step(&node, 1, line));
    let mut reader = Reader::of(&node, 1);
    reader.acknowledges = false;
    reader.read_on(|reader| reader.output(0).len() > 100_000);
    drop(runs);
    let runs = node.daemon();
    let mut reader = reader.again(&node, 1);
    reader.read_on(|reader| reader.output(0).len() >= KEPT);
    assert!(!node.home().join("finished").exists(), "its output is longer than what is kept");
    reader.acknowledges = true;
    let mut reader = reader.again(&node, 1);
    reader.read_on(|reader| reader.output(0).ends_with("\n400000\n"));
    reader.send(&Frame { content: b"word\n".to_vec(), ..Frame::of(FrameKind::Input) });
    let read = reader.finish();
    let expected: String = (1..=400_000).map(|number| format!("{number}\n")).collect();
    assert!(read.output(0) == expected + "got word\n");
    assert_eq!(over(&runs, 1), exit(0, 0));
}

#[test]
fn a_terminal_is_the_tasks_own_and_has_the_size_that_it_is_given() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    let line = "trap 'stty size' WINCH; stty size; stat -c %U $(tty); echo own >/dev/tty; echo ready; \
                while [ ! -e go ]; do sleep 0.05; done; read word; echo read $word; cat; exit 5";
    let terminal = Some(TerminalSize { rows: 24, columns: 80 });
    launch(&runs, 1, with(step(&node, 2, line), |program| program.terminal = terminal));
    let mut reader = Reader::of(&node, 1);
    reader.read_on(|reader| reader.output(0).contains("ready\r\n"));
    reader.send(&Frame::resize(TerminalSize { rows: 50, columns: 132 }));
    reader.read_on(|reader| reader.output(0).contains("50 132\r\n"));
    fs::write(node.home().join("go"), "").unwrap();
    reader.send(&Frame { content: b"word\n".to_vec(), ..Frame::of(FrameKind::Input) });
    reader.send(&Frame { place: 5, ..Frame::of(FrameKind::Input) });
    let read = reader.finish();
    let output = read.output(0);
    assert!(
        output.starts_with("24 80\r\nnobody\r\nown\r\nready\r\n") && output.contains("read word\r\n"),
        "{output:?}"
    );
    assert_eq!((read.wrote.len(), read.code(0)), (1, code(5, 0)), "only task 0 has output");
}

#[test]
fn a_step_ends_by_itself_by_a_failed_task_or_by_order_and_its_run_goes_on() {
    for groups in [true, false] {
        let node = Node::new(groups);
        let runs = node.daemon();
        allocate(&node, &runs, 1);
        let line = "setsid sleep 1000 & [ $SLURM_PROCID = 0 ] && exit 7; wait";
        launch(&runs, 1, StepLaunch { kill_on_bad_exit: true, ..step(&node, 2, line) });
        let read = Reader::of(&node, 1).finish();
        assert_eq!((read.code(0), read.code(1)), (code(7, 0), code(0, 15)));
        let errors = read.text(0, FrameKind::Errors);
        assert!(errors.starts_with("slurmstepd: error: *** STEP 1.0 ON n1 CANCELLED AT "), "{errors}");
        assert_eq!(over(&runs, 1), exit(7, 0));

        allocate(&node, &runs, 2);
        launch(&runs, 2, step(&node, 1, "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done"));
        let mut reader = Reader::of(&node, 2);
        reader.read_on(|reader| reader.output(0) == "up\n");
        runs.obey(order(2, OrderedTask::TerminateStep { step: STEP, kill_wait: 1 }));
        let read = reader.finish();
        assert_eq!((read.output(0), read.code(0)), ("up\nasked\n".into(), code(0, 9)));
        assert_eq!((over(&runs, 2), runs.here().len()), (exit(0, 9), 2));
    }
}

#[test]
fn signals_come_once_by_order_and_from_who_reads() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    let line = "trap 'echo usr1' USR1; trap 'echo usr2' USR2; trap 'echo hup' HUP; trap 'exit 0' TERM; echo up; \
                while :; do sleep 0.1; done";
    launch(&runs, 1, step(&node, 1, line));
    let mut reader = Reader::of(&node, 1);
    reader.read_on(|reader| reader.output(0) == "up\n");
    let signal = || runs.obey(order(1, OrderedTask::SignalStep { step: STEP, serial: 3, number: 10 }));
    signal();
    told(&runs, 1, |what| *what == Reported::Delivered(3));
    reader.read_on(|reader| reader.output(0).contains("usr1"));
    signal();
    reader.send(&Frame { content: vec![12], ..Frame::of(FrameKind::Signal) });
    reader.read_on(|reader| reader.output(0).contains("usr2"));
    runs.obey(order(1, OrderedTask::Signal { serial: 0, number: 1, to: SignalTarget::All }));
    reader.read_on(|reader| reader.output(0).contains("hup"));
    runs.obey(order(1, OrderedTask::TerminateStep { step: STEP, kill_wait: 100 }));
    assert_eq!(reader.finish().output(0), "up\nusr1\nusr2\nhup\n");
}

#[test]
fn steps_end_before_their_run_does() {
    for groups in [true, false] {
        let node = Node::new(groups);
        let runs = node.daemon();
        allocate(&node, &runs, 1);
        launch(&runs, 1, step(&node, 1, "echo $$ >pid1; trap '' TERM; while :; do sleep 0.1; done"));
        start(&runs, 2, node.launch("#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.05; done\nexit 3\n"));
        launch(&runs, 2, step(&node, 1, "echo $$ >pid2; exec sleep 1000"));
        let pids = ["pid1", "pid2"].map(|name| wait_for(&node.home().join(name)));
        let readers = [1, 2].map(|job| Reader::of(&node, job));
        end(&runs, 1, 1);
        fs::write(node.home().join("go"), "").unwrap();
        let codes = readers.map(|reader| reader.finish().code(0));
        assert_eq!(codes, [code(0, 9), code(0, 15)]);
        until(&runs, 1, |what| *what == Reported::Stage(RunStage::Left));
        assert_eq!(ended(&runs, 2).0, exit(3, 0));
        assert_eq!([over(&runs, 1), over(&runs, 2)], [exit(0, 9), exit(0, 15)]);
        assert!(pids.iter().all(|pid| !super::runs::is_running(pid)), "{pids:?}");
        launch(&runs, 1, StepLaunch { step: StepId::Number(1), ..step(&node, 1, "true") });
        let late = until_failed(&runs, 1, StepId::Number(1));
        assert!(late.contains("job"), "{late}");
    }
}

#[track_caller]
fn until_failed(runs: &Runs, job: u32, step: StepId) -> String {
    let begun = Instant::now();
    loop {
        let said = runs.unconfirmed();
        let is_meant = |it: &&RunReport| {
            it.step == Some(step) && it.report.job == JobId(job) && it.report.what == Reported::LaunchFailed
        };
        if let Some(found) = said.iter().find(is_meant) {
            return found.why.clone().expect("a failure has a reason");
        }
        assert!(begun.elapsed() < PATIENCE, "{said:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_a_dead_supervisor_leaves_of_a_step_is_killed_and_told() {
    for groups in [true, false] {
        let node = Node::new(groups);
        let runs = node.daemon();
        allocate(&node, &runs, 1);
        launch(&runs, 1, step(&node, 1, "setsid sleep 1000 & echo $! >pid; exec sleep 1000"));
        let pid = wait_for(&node.home().join("pid"));
        told(&runs, 1, |what| *what == Reported::Stage(RunStage::Launched));
        let path = node.spool().directory_of(part(1));
        let supervisor = super::runs::supervisor_of(path.path()).unwrap();
        super::runs::kill(&supervisor);
        assert_eq!(over(&runs, 1), exit(0, 9));
        assert!(!super::runs::is_running(&pid));
        assert_eq!(runs.here().len(), 1, "the job goes on");
    }
}

#[test]
fn no_step_is_started_that_is_not_within_a_run_that_is_here() {
    let node = Node::new(true);
    let runs = node.daemon();
    launch(&runs, 9, step(&node, 1, "touch started"));
    assert_eq!(until_failed(&runs, 9, STEP), "job 9 does not run on n1");
    allocate(&node, &runs, 1);
    let wrong = |number: u32, change: &dyn Fn(&mut StepLaunch)| {
        let mut step = step(&node, 1, "touch started");
        step.step = StepId::Number(number);
        change(&mut step);
        launch(&runs, 1, step);
        until_failed(&runs, 1, StepId::Number(number))
    };
    let refused = "the step is refused on n1: ";
    let cpus = wrong(1, &|step| step.share.cpus = Units::first(2));
    assert_eq!(cpus, format!("{refused}it is given CPUs 0-1, where its job has 0"));
    let memory = wrong(2, &|step| step.share.memory = 201);
    assert_eq!(memory, format!("{refused}it is given 201 MB of memory, where its job has 200"));
    assert_eq!(wrong(3, &|step| step.share.node = "n2".into()), format!("{refused}it is for n2"));
    let unwritable = wrong(4, &|step| step.program.output = StepOutput::File("/etc/no-%t".into()));
    assert_eq!(unwritable, "cannot open /etc/no-0: Permission denied (os error 13)");
    assert!(!node.home().join("started").exists());
}

#[test]
fn files_are_the_users_and_named_by_task() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    let files = with(step(&node, 2, "cat; echo out; echo err >&2"), |program| {
        (program.input, program.output) = (StepInput::File("in-%t".into()), StepOutput::File("o-%J-%t-%n-%N".into()));
        program.error = StepOutput::WithOutput;
    });
    for rank in 0..2 {
        fs::write(node.home().join(format!("in-{rank}")), format!("in {rank}\n")).unwrap();
    }
    launch(&runs, 1, files);
    let read = Reader::of(&node, 1).finish();
    assert_eq!((read.wrote.len(), read.exits.len(), over(&runs, 1)), (0, 2, exit(0, 0)));
    for rank in 0..2 {
        let text = fs::read_to_string(node.home().join(format!("o-1.0-{rank}-0-n1"))).unwrap();
        assert_eq!(text, format!("in {rank}\nout\nerr\n"));
    }
}

#[test]
fn a_task_that_runs_out_of_memory_is_told_as_such() {
    let node = Node::new(true);
    let runs = node.daemon();
    allocate(&node, &runs, 1);
    let line = "[ $SLURM_PROCID = 1 ] || exec python3 -c 'x = b\"x\" * (200 << 20)'; sleep 1000";
    let mut hungry = step(&node, 2, line);
    hungry.share.memory = 64;
    hungry.kill_on_bad_exit = true;
    launch(&runs, 1, hungry);
    let read = Reader::of(&node, 1).finish();
    assert!(read.exits[&0].out_of_memory, "{:?}", read.exits);
    let errors = read.text(0, FrameKind::Errors);
    assert!(errors.contains("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=1.0. "), "{errors}");
    assert!(over(&runs, 1).out_of_memory);
}
