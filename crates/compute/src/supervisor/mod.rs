//! The supervisor: one process a run and node. It starts the script, waits until nothing of it is left, and ends.
//!
//! It outlives the daemon that started it. What it knows is in the run's [`directory`](crate::directory) before it says
//! that there is news; whoever wants to know reads there. All processes of the run are its descendants, also those whose
//! parents are gone, since it takes in orphans (prctl(2), `PR_SET_CHILD_SUBREAPER`).

mod events;
mod start;
mod usage;

use crate::cgroup::RunGroup;
use crate::directory::{ControlCommand, Ended, RunDirectory, Work};
use crate::process::{descendants, kill_all, signal_each};
use events::Event;
use jiff::Zoned;
use nix::sys::signal::Signal;
use scheduling::event::ScriptEnd;
use slurm::records::ExitCode;
use std::collections::{BTreeSet, VecDeque};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use usage::Peak;

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_secs(1);

/// How often what has to die is killed again.
const AGAIN: Duration = Duration::from_millis(100);

/// So long after its script a run's end is told, even if processes are left that cannot die.
const UNTOLD: Duration = Duration::from_secs(5);

/// Writes something down in the run's directory.
type Write = Box<dyn Fn(&RunDirectory) -> io::Result<()>>;

/// A run, as its supervisor sees it.
struct Supervisor {
    directory: RunDirectory,
    work: Work,
    watchers: Vec<UnixStream>,
    serials: BTreeSet<u32>,
    /// Whether the script runs or why not, once that is known.
    started: Option<Result<(), String>>,
    exit: Option<ExitCode>,
    /// From when on everything is killed.
    kill_at: Option<Instant>,
    /// When its end is told at the latest.
    tell_at: Option<Instant>,
    is_told: bool,
    is_empty: bool,
    peak: Peak,
    /// What is not on disk yet, in the order in which it happened, each with words for what it is.
    unwritten: VecDeque<(&'static str, Write)>,
    /// Whether it was said that something cannot be written.
    is_said: bool,
}

/// Sees a run through. The error says why it cannot; then nothing was started.
pub fn run(path: &Path) -> io::Result<()> {
    let directory = RunDirectory::at(path);
    // Fails only where this process leads a group, and then it has a session or does not need one.
    let _ = nix::unistd::setsid();
    nix::unistd::chdir("/")?;
    nix::sys::prctl::set_child_subreaper(true)?;
    let Some(_place) = directory.lock()? else { return Ok(()) };
    let standing = directory.standing()?;
    if standing.left || directory.task()?.is_some() {
        return Ok(());
    }
    let work = directory.work()?;
    let (sender, events) = channel();
    events::listen(&directory.control(), sender.clone())?;
    let mut supervisor = Supervisor::new(directory, work);
    supervisor.begin(sender);
    supervisor.see_through(&events);
    supervisor.finish();
    Ok(())
}

impl Supervisor {
    fn new(directory: RunDirectory, work: Work) -> Self {
        Self {
            directory,
            work,
            watchers: Vec::new(),
            serials: BTreeSet::new(),
            started: None,
            exit: None,
            kill_at: None,
            tell_at: None,
            is_told: false,
            is_empty: false,
            peak: Peak::default(),
            unwritten: VecDeque::new(),
            is_said: false,
        }
    }

    fn begin(&mut self, sender: Sender<Event>) {
        if self.work.script.is_none() {
            return self.note_start(Ok(()));
        }
        if let Err(why) = start::script(&self.directory, &self.work, sender) {
            self.note_start(Err(why));
            self.is_empty = self.group().processes().is_empty();
        }
    }

    fn see_through(&mut self, events: &Receiver<Event>) {
        // Whether it was started is heard by a way of its own, which may be the slower one.
        while !self.is_empty || self.started.is_none() {
            match events.recv_timeout(self.pause()) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                // Not while threads that send live; then time is all that goes on.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(AGAIN),
            }
            self.look_at_the_time();
        }
    }

    fn pause(&self) -> Duration {
        let now = Instant::now();
        let dues = [self.kill_at, self.tell_at.filter(|_| !self.is_told)];
        let next = dues.into_iter().flatten().map(|due| due.saturating_duration_since(now).max(AGAIN)).min();
        next.unwrap_or(SAMPLE).min(SAMPLE)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started(outcome) => self.note_start(outcome),
            Event::Exited(exit) => {
                self.exit = Some(exit);
                self.end_script();
            }
            Event::Emptied => self.is_empty = true,
            Event::Watcher(stream) => self.watchers.push(stream),
            Event::Command(command) => self.obey(command),
        }
    }

    fn note_start(&mut self, outcome: Result<(), String>) {
        match &outcome {
            Ok(()) => self.keep("that the script runs", RunDirectory::note_launched),
            Err(why) => {
                let why = why.clone();
                self.kill_at = Some(Instant::now());
                self.keep("why the script does not run", move |directory| directory.note_failed(&why));
            }
        }
        self.started = Some(outcome);
        self.say_news();
        self.end_script();
    }

    /// What a script leaves running ends with it. Whether it ran at all must be known first: both come in any order.
    fn end_script(&mut self) {
        let (Some(Ok(())), Some(exit)) = (&self.started, self.exit) else { return };
        self.kill_at = Some(Instant::now());
        self.tell_at = Some(Instant::now() + UNTOLD);
        self.keep("how the script ended", move |directory| directory.note_exit(exit));
    }

    fn obey(&mut self, command: ControlCommand) {
        match command {
            ControlCommand::Terminate { kill_wait } => self.terminate(kill_wait),
            ControlCommand::Signal { serial, number } => {
                if self.serials.insert(serial) {
                    self.signal(number);
                }
                // Only once: the master gives the order again until it hears that it was carried out.
                match self.directory.note_delivered(&self.serials) {
                    Ok(()) => self.say_news(),
                    Err(error) => self.log(&format!("cannot write down that a signal was delivered: {error}")),
                }
            }
        }
    }

    fn terminate(&mut self, kill_wait: u32) {
        if self.work.script.is_none() {
            self.is_empty = true;
        }
        if self.kill_at.is_some() {
            return;
        }
        // One that is stopped could not act upon the other.
        for signal in [Signal::SIGCONT, Signal::SIGTERM] {
            signal_each(&self.processes(), signal);
        }
        self.kill_at = Some(Instant::now() + Duration::from_secs(kill_wait.into()));
        if self.work.script.is_some()
            && let Err(why) = start::note(&self.work, self.farewell())
        {
            self.log(&format!("the user is not told of the end: {why}"));
        }
    }

    /// What users and their tools look for (Slurm's src/slurmd/slurmstepd/req.c).
    fn farewell(&self) -> String {
        let Work { job, node, launch, .. } = &self.work;
        let now = Zoned::now();
        let is_late = launch.end.is_some_and(|end| now.timestamp().as_second() >= end);
        let why = if is_late { " DUE TO TIME LIMIT" } else { "" };
        let at = now.strftime("%Y-%m-%dT%H:%M:%S");
        format!("slurmstepd: error: *** JOB {job} ON {node} CANCELLED AT {at}{why} ***\n")
    }

    fn signal(&self, number: u8) {
        match Signal::try_from(i32::from(number)) {
            Ok(signal) => signal_each(&self.processes(), signal),
            Err(_) => self.log(&format!("signal {number} cannot be sent: the ones from 1 to 31 can")),
        }
    }

    fn group(&self) -> &RunGroup {
        &self.work.group
    }

    fn processes(&self) -> BTreeSet<i32> {
        if self.group().is_none() {
            return descendants(std::process::id() as i32);
        }
        self.group().processes()
    }

    fn look_at_the_time(&mut self) {
        let now = Instant::now();
        self.peak.sample(&self.work.group);
        if !self.unwritten.is_empty() && self.write_down() {
            self.say_news();
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill();
            self.kill_at = Some(now + AGAIN);
        }
        if !self.is_empty && self.tell_at.is_some_and(|at| at <= now) {
            self.tell_end();
            // A process that somebody outside traces is waited for by that one, who may never do it.
            self.is_empty = !self.group().is_none() && self.group().processes().is_empty();
        }
    }

    fn kill(&self) {
        if self.group().is_none() {
            kill_all(|| self.processes(), 3);
        } else {
            self.group().kill();
        }
    }

    fn tell_end(&mut self) {
        let (Some(Ok(())), Some(exit), false) = (&self.started, self.exit, self.is_told) else { return };
        let group = self.group();
        let end = ScriptEnd { exit, out_of_memory: group.out_of_memory().is_some_and(|count| count > 0) };
        let ended = Ended { end, usage: usage::measure(group, self.peak) };
        self.keep("how the run ended", move |directory| directory.note_ended(&ended));
        self.is_told = true;
        self.say_news();
    }

    fn finish(&mut self) {
        // Room that it took in a full spool is there for its end.
        if let Err(error) = self.directory.remove_script() {
            self.log(&format!("its script stays: {error}"));
        }
        self.tell_end();
        if let Err(error) = self.group().remove() {
            self.log(&error.to_string());
        }
        self.keep("that nothing is left", RunDirectory::note_left);
        while !self.write_down() {
            std::thread::sleep(SAMPLE);
        }
        self.say_news();
    }

    /// Writes down something that must not be lost. What a full disk does not take is tried again as time goes on; nothing
    /// else waits for it.
    fn keep(&mut self, what: &'static str, write: impl Fn(&RunDirectory) -> io::Result<()> + 'static) {
        self.unwritten.push_back((what, Box::new(write)));
        self.write_down();
    }

    /// Tries what is not on disk yet, in its order; says whether all is. Where the directory itself was taken away, nobody
    /// would read it.
    fn write_down(&mut self) -> bool {
        while let Some((what, write)) = self.unwritten.front() {
            if let Err(error) = write(&self.directory)
                && error.kind() != io::ErrorKind::NotFound
            {
                let line = format!("cannot write down {what}, and try again: {error}");
                if !self.is_said {
                    self.log(&line);
                    self.is_said = true;
                }
                return false;
            }
            self.unwritten.pop_front();
        }
        true
    }

    fn say_news(&mut self) {
        self.watchers.retain_mut(|watcher| watcher.write_all(b"\n").is_ok());
    }

    /// Nothing depends on the log: where it cannot be written, nobody is told.
    fn log(&self, line: &str) {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(self.directory.log());
        let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    }
}
