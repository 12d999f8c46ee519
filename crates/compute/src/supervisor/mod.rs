//! The supervisor: one process a run and node, and one a step and node. It starts the script or the tasks, waits until nothing of
//! them is left, and ends.
//!
//! It outlives the daemon that started it. What it knows is in the run's [`directory`](crate::directory) before it says
//! that there is news; whoever wants to know reads there. All processes of the run are its descendants, also those whose
//! parents are gone, since it takes in orphans (prctl(2), `PR_SET_CHILD_SUBREAPER`).
//!
//! The one of a run ends the run's steps first: each has a supervisor of its own, which is told by its socket. The one of a step
//! stays until all that its tasks wrote was read.

mod events;
mod notebook;
mod standstill;
mod start;
mod streams;
mod tasks;
mod usage;

use crate::cgroup::RunGroup;
use crate::directory::{ControlCommand, Ended, RunDirectory, Work};
use crate::ending;
use crate::private::{Aside, HeldNamespace};
use crate::process::{descendants, kill_all, signal_each};
use crate::stream::TaskEnded;
use events::{Event, TaskExit};
use jiff::Zoned;
use nix::sys::signal::Signal;
use notebook::Notebook;
use scheduling::event::ScriptEnd;
use scheduling::job::SignalTarget;
use slurm::records::ExitCode;
use standstill::Standstill;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use streams::{Said, Streams};
use usage::Peak;

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_secs(1);

/// How often what has to die is killed again.
const AGAIN: Duration = Duration::from_millis(100);

/// So long after its script a run's end is told, even if processes are left that cannot die.
const UNTOLD: Duration = Duration::from_secs(5);

/// `KillWait` where the master has not said one (slurm.conf(5)): of steps that are there when their script ends, and of tasks
/// when one of them fails.
const KILL_WAIT: u32 = 30;

/// So long output waits to be read when all is over, while nobody is connected; and where the master wants the end.
const UNREAD: Duration = Duration::from_secs(60);
const UNREAD_AT_END: Duration = Duration::from_secs(10);

/// A run or step, as its supervisor sees it.
struct Supervisor {
    notes: Notebook,
    work: Work,
    events: Sender<Event>,
    streams: Option<Streams>,
    /// The mount namespace in which its processes are, where they have one of their own.
    namespace: Option<Arc<OwnedFd>>,
    /// Processes of script or tasks, and how many there are to be.
    pids: Vec<i32>,
    serials: BTreeSet<u32>,
    /// Which tasks run, as far as that is known.
    running: BTreeSet<usize>,
    /// Whether all run or why not, once that is known.
    started: Option<Result<(), String>>,
    exits: BTreeMap<usize, TaskExit>,
    /// How script or tasks ended.
    exit: Option<ExitCode>,
    /// From when on everything is killed.
    kill_at: Option<Instant>,
    /// Whether the master, or a failed task, wants its end.
    is_terminated: bool,
    /// How long steps were last given to end; `None` while they need not.
    steps_wait: Option<u32>,
    /// Whether no step is left.
    has_no_steps: bool,
    /// When its end is told at the latest.
    tell_at: Option<Instant>,
    is_told: bool,
    is_empty: bool,
    standstill: Standstill,
    /// Whether the streams are told to end, and have ended.
    is_finishing: bool,
    is_drained: bool,
    peak: Peak,
}

/// Sees a run or step through. The error says why it cannot; then nothing was started.
pub fn run(path: &Path) -> io::Result<()> {
    let directory = RunDirectory::at(path);
    // Fails only where this process leads a group, and then it has a session or does not need one.
    let _ = nix::unistd::setsid();
    nix::unistd::chdir("/")?;
    nix::sys::prctl::set_child_subreaper(true)?;
    let Some(_place) = directory.lock()? else { return Ok(()) };
    let standing = directory.standing()?;
    if standing.left || directory.tasks()?.is_some() {
        return Ok(());
    }
    let work = directory.work()?;
    let (sender, events) = channel();
    events::listen(&directory.control(), sender.clone())?;
    events::listen_for_usage(&directory.usage(), sender.clone())?;
    let mut supervisor = Supervisor::new(directory, work, sender);
    supervisor.begin();
    supervisor.see_through(&events);
    supervisor.finish();
    Ok(())
}

impl Supervisor {
    fn new(directory: RunDirectory, work: Work, events: Sender<Event>) -> Self {
        Self {
            has_no_steps: work.step.is_some(),
            is_drained: work.step.is_none(),
            notes: Notebook::new(directory),
            work,
            events,
            streams: None,
            namespace: None,
            pids: Vec::new(),
            serials: BTreeSet::new(),
            running: BTreeSet::new(),
            started: None,
            exits: BTreeMap::new(),
            exit: None,
            kill_at: None,
            is_terminated: false,
            steps_wait: None,
            tell_at: None,
            is_told: false,
            is_empty: false,
            standstill: Standstill::default(),
            is_finishing: false,
            peak: Peak::default(),
        }
    }

    fn begin(&mut self) {
        match self.start() {
            Ok(()) if self.work.has_tasks() => {}
            Ok(()) => self.note_start(Ok(())),
            Err(why) => {
                self.note_start(Err(why));
                self.is_empty = self.group().processes().is_empty();
            }
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let (opened, engine) = tasks::open(&self.work)?;
        if let Some(engine) = engine {
            let streams = engine.start(&self.notes.directory.stream(), self.events.clone());
            self.streams = Some(streams.map_err(|error| format!("streams of tasks: {error}"))?);
        }
        start::groups(&self.work)?;
        self.namespace = self.private_namespace()?;
        if self.work.has_tasks() {
            self.pids = start::all(&self.notes.directory, &self.work, opened, self.namespace.clone(), &self.events)?;
        }
        Ok(())
    }

    /// A run makes one, if it is to have directories of its own, and its steps are in the same.
    fn private_namespace(&self) -> Result<Option<Arc<OwnedFd>>, String> {
        let Some(private) = &self.work.private else { return Ok(None) };
        let directory = &self.notes.directory;
        let cannot = |error: io::Error| format!("the job's own directories: {error}");
        if self.work.step.is_some() {
            let run = directory.beside_run(self.work.part());
            let held = run.namespace().map_err(cannot)?.ok_or("the job's own directories are not there")?;
            return Ok(Some(Arc::new(held.open().map_err(cannot)?)));
        }
        let namespace = private.make()?;
        let held = HeldNamespace::of(&namespace).ok_or("the job's own directories: this process is not in /proc")?;
        directory.note_namespace(&held).map_err(cannot)?;
        Ok(Some(Arc::new(namespace)))
    }

    fn see_through(&mut self, events: &Receiver<Event>) {
        loop {
            self.look_at_the_time();
            // Whether it was started is heard by a way of its own, which may be the slower one.
            if self.is_empty && self.started.is_some() {
                self.tell_end();
                self.finish_streams();
                if self.has_no_steps && self.is_drained {
                    return;
                }
            }
            match events.recv_timeout(self.pause()) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                // Not while threads that send live; then time is all that goes on.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(AGAIN),
            }
        }
    }

    fn pause(&self) -> Duration {
        let now = Instant::now();
        let dues = [self.kill_at.filter(|_| !self.is_empty), self.tell_at.filter(|_| !self.is_told)];
        let next = dues.into_iter().flatten().map(|due| due.saturating_duration_since(now).max(AGAIN)).min();
        next.unwrap_or(SAMPLE).min(SAMPLE)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started(place, outcome) => self.note_task(place, outcome),
            Event::Exited(place, exit) => {
                self.exits.insert(place, exit);
                if let Some(Ok(())) = &self.started {
                    self.tell_exit(place, exit);
                    self.look_at_exits();
                }
            }
            Event::Emptied => self.is_empty = true,
            Event::StepsLeft => self.has_no_steps = true,
            Event::Passed(number) => self.signal(number, SignalTarget::All),
            Event::Drained => self.is_drained = true,
            Event::Trouble(line) => self.notes.log(&line),
            Event::Watcher(stream) => self.notes.watch(stream),
            Event::Command(command) => self.obey(command),
            Event::Measure(asker) => {
                self.peak.sample(&self.work.group);
                let running = self.processes();
                usage::tell(asker, usage::measure(self.group(), self.peak, &running), &running);
            }
        }
    }

    /// A task runs, or does not. All of them do, or none.
    fn note_task(&mut self, place: usize, outcome: Result<(), String>) {
        match outcome {
            _ if self.started.is_some() => {}
            Err(why) => self.note_start(Err(why)),
            Ok(()) => {
                self.running.insert(place);
                if self.running.len() == self.pids.len() {
                    self.note_start(Ok(()));
                }
            }
        }
    }

    fn note_start(&mut self, outcome: Result<(), String>) {
        match &outcome {
            Ok(()) => {
                self.notes.keep("that it runs", RunDirectory::note_launched);
                let ranks = (0..self.pids.len()).filter_map(|place| Some((self.rank(place)?, self.pids[place])));
                self.say(Said::Started(ranks.collect()));
            }
            Err(why) => {
                let why = why.clone();
                self.kill_at = Some(Instant::now());
                self.say(Said::Failed(why.clone()));
                self.notes.keep("why it does not run", move |directory| directory.note_failed(&why));
            }
        }
        let runs = outcome.is_ok();
        self.started = Some(outcome);
        self.notes.say_news();
        if runs {
            // Whether they ran at all must be known first: both come in any order.
            self.exits.clone().into_iter().for_each(|(place, exit)| self.tell_exit(place, exit));
            self.look_at_exits();
        } else {
            self.end_steps(0);
        }
    }

    fn rank(&self, place: usize) -> Option<u32> {
        self.work.step.as_ref()?.share.ranks.get(place).copied()
    }

    /// What a script or tasks leave running ends with the last of them.
    fn look_at_exits(&mut self) {
        if self.exit.is_some() || self.pids.is_empty() || self.exits.len() < self.pids.len() {
            return;
        }
        let exit = greatest(self.exits.values().map(|it| it.exit));
        self.exit = Some(exit);
        self.kill_at = Some(Instant::now());
        self.tell_at = Some(Instant::now() + UNTOLD);
        self.notes.keep("how it ended", move |directory| directory.note_exit(exit));
        self.end_steps(KILL_WAIT);
    }

    /// Tells who reads the output of a step that a task of it ended; one that fails may end the others.
    fn tell_exit(&mut self, place: usize, TaskExit { exit, core }: TaskExit) {
        let Some(rank) = self.rank(place) else { return };
        let is_bad = exit != ExitCode::default();
        let out_of_memory = is_bad && self.is_out_of_memory();
        self.say(Said::Ended(rank, TaskEnded { exit, core, out_of_memory }));
        let kills_all = self.work.step.as_ref().is_some_and(|step| step.kill_on_bad_exit);
        if is_bad && kills_all && self.exits.len() < self.pids.len() {
            self.terminate(KILL_WAIT);
        }
    }

    fn say(&mut self, said: Said) {
        if let Some(streams) = &mut self.streams {
            streams.say(said);
        }
    }

    fn is_out_of_memory(&self) -> bool {
        self.group().out_of_memory().is_some_and(|count| count > 0)
    }

    fn obey(&mut self, command: ControlCommand) {
        match command {
            ControlCommand::Terminate { kill_wait } => self.terminate(kill_wait),
            ControlCommand::Signal { serial, number, to } => {
                if self.serials.insert(serial) {
                    self.signal_as_told(serial, number, to);
                }
                // Only once: the master gives the order again until it hears that it was carried out.
                match self.notes.directory.note_delivered(&self.serials) {
                    Ok(()) => self.notes.say_news(),
                    Err(error) => self.notes.log(&format!("cannot write down that a signal was delivered: {error}")),
                }
            }
            ControlCommand::Pass { number } => self.signal(number, SignalTarget::All),
            ControlCommand::Standstill { is_still } => self.stand_still(is_still),
        }
    }

    fn signal_as_told(&mut self, serial: u32, number: u8, to: SignalTarget) {
        if to == SignalTarget::Standstill {
            return self.stand_still_as_told(serial, number);
        }
        self.signal(number, to);
        if self.work.step.is_none()
            && to != SignalTarget::Script
            && let Err(error) = ending::signal_steps(&self.notes.directory, number)
        {
            self.notes.log(&format!("steps do not get signal {number}: {error}"));
        }
    }

    fn terminate(&mut self, kill_wait: u32) {
        self.end_steps(kill_wait);
        if !self.work.has_tasks() {
            self.is_empty = true;
        }
        let at = Instant::now() + Duration::from_secs(kill_wait.into());
        let is_first = !self.is_terminated && self.kill_at.is_none();
        if self.is_finishing && !self.is_terminated {
            self.say(Said::FinishSoon(UNREAD_AT_END));
        }
        self.is_terminated = true;
        self.kill_at = Some(self.kill_at.map_or(at, |earlier| earlier.min(at)));
        self.stand_still(false);
        if !is_first {
            return;
        }
        // One that is stopped could not act upon the other.
        for signal in [Signal::SIGCONT, Signal::SIGTERM] {
            signal_each(&self.processes(), signal);
        }
        if let Some(farewell) = self.farewell() {
            self.tell_user(farewell);
        }
    }

    /// The steps of a run are to end before it does; sooner than they were told already, if that is so.
    fn end_steps(&mut self, kill_wait: u32) {
        if self.work.step.is_some() || self.steps_wait.is_some_and(|earlier| earlier <= kill_wait) {
            return;
        }
        self.steps_wait = Some(kill_wait);
        let is_known = self.exit.is_some() || matches!(self.started, Some(Err(_)));
        if !is_known {
            self.notes.keep("that it ends", RunDirectory::note_ending);
        }
        // One that comes to be from here on ends by itself: its daemon looks once more whether its run goes on.
        if self.notes.directory.steps().is_ok_and(|steps| steps.is_empty()) {
            self.has_no_steps = true;
            return;
        }
        let (directory, events) = (self.notes.directory.clone(), self.events.clone());
        let work = move || {
            ending::end_steps(&directory, kill_wait);
            let _ = events.send(Event::StepsLeft);
        };
        if let Err(error) = events::spawn(work.clone()) {
            self.notes.log(&format!("its steps are ended without a thread: {error}"));
            work();
        }
    }

    /// Lines for the user, where their errors go.
    fn tell_user(&mut self, lines: String) {
        match &mut self.streams {
            Some(streams) if streams.takes_lines => streams.say(Said::Line(lines)),
            _ if !self.work.has_tasks() => {}
            _ => {
                if let Err(why) = start::note(&self.work, lines, self.namespace.clone()) {
                    self.notes.log(&format!("the user is not told of the end: {why}"));
                }
            }
        }
    }

    /// What users and their tools look for (Slurm's src/slurmd/slurmstepd/req.c). Of a step its first node says it.
    fn farewell(&self) -> Option<String> {
        let Work { job, node, launch, step, .. } = &self.work;
        let (what, end) = match step {
            Some(step) if step.nodes.first().is_some_and(|first| first.node != *node) => return None,
            Some(step) => (format!("STEP {job}.{}", step.step), step.end.or(launch.end)),
            None => (format!("JOB {job}"), launch.end),
        };
        let now = Zoned::now();
        let is_late =
            end.is_some_and(|end| now.timestamp().as_second() >= end.saturating_add(self.standstill.seconds()));
        let why = if is_late { " DUE TO TIME LIMIT" } else { "" };
        let at = now.strftime("%Y-%m-%dT%H:%M:%S");
        Some(format!("slurmstepd: error: *** {what} ON {node} CANCELLED AT {at}{why} ***\n"))
    }

    fn signal(&self, number: u8, to: SignalTarget) {
        let processes = match to {
            SignalTarget::All => self.processes(),
            SignalTarget::Script => self.script(),
            // They have supervisors of their own, or it is no signal.
            SignalTarget::Steps | SignalTarget::Standstill => BTreeSet::new(),
        };
        match Signal::try_from(i32::from(number)) {
            Ok(signal) => signal_each(&processes, signal),
            Err(_) => self.notes.log(&format!("signal {number} cannot be sent: the ones from 1 to 31 can")),
        }
    }

    fn group(&self) -> &RunGroup {
        &self.work.group
    }

    /// The script's own process, while it is there: once it was waited for, its number may be another's.
    fn script(&self) -> BTreeSet<i32> {
        if self.exit.is_some() {
            return BTreeSet::new();
        }
        self.pids.iter().copied().collect()
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
        self.notes.catch_up();
        self.keep_still();
        if !self.is_empty && self.kill_at.is_some_and(|at| at <= now) {
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
        let end = ScriptEnd { exit, out_of_memory: self.is_out_of_memory() };
        let ended = Ended { end, usage: usage::measure(self.group(), self.peak, &self.processes()) };
        self.notes.keep("how it ended, and what it used", move |directory| directory.note_ended(&ended));
        self.is_told = true;
        self.notes.say_news();
    }

    /// Nothing runs any more: what was written is still to be read.
    fn finish_streams(&mut self) {
        if self.is_finishing {
            return;
        }
        self.is_finishing = true;
        if let (Some(step), Some(count @ 1..)) = (&self.work.step, self.group().out_of_memory()) {
            // slurmstepd's words (src/slurmd/slurmstepd/mgr.c).
            let step = format!("StepId={}.{}", self.work.job, step.step);
            let what =
                format!("Detected {count} oom-kill event(s) in {step}. Some of the step tasks have been OOM Killed.");
            self.say(Said::Line(format!("slurmstepd: error: {what}\n")));
        }
        match &mut self.streams {
            Some(streams) if self.is_terminated => streams.say(Said::FinishSoon(UNREAD_AT_END)),
            Some(streams) => streams.say(Said::Finish(UNREAD)),
            None => self.is_drained = true,
        }
    }

    fn finish(&mut self) {
        // Room that it took in a full spool is there for its end.
        if let Err(error) = self.notes.directory.remove_script() {
            self.notes.log(&format!("its script stays: {error}"));
        }
        let group = self.work.whole.as_ref().map_or(self.group(), |whole| &whole.group);
        if let Err(error) = group.remove() {
            self.notes.log(&error.to_string());
        }
        self.namespace = None;
        let aside = self.work.put_private_aside();
        self.notes.keep("that nothing is left", RunDirectory::note_left);
        self.notes.write_all();
        self.notes.say_news();
        // However many they are: nobody waits for that.
        if let Err(error) = aside.and_then(|aside| aside.map_or(Ok(()), Aside::remove)) {
            self.notes.log(&format!("its own directories stay until the daemon's next start: {error}"));
        }
    }
}

fn greatest(exits: impl Iterator<Item = ExitCode>) -> ExitCode {
    exits.max_by_key(|exit| exit.height()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_a_node_is_the_worst_of_all_nodes() {
        let exit = |code, signal| ExitCode { code, signal };
        assert_eq!(greatest([exit(1, 0), exit(0, 9), exit(3, 0)].into_iter()), exit(3, 0));
        assert!(exit(1, 0).height() > exit(0, 9).height(), "what failed stands before what was ended for it");
        assert_eq!(greatest(std::iter::empty()), exit(0, 0));
    }
}
