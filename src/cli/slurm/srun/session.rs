//! [`Session`]: `srun` while its step runs: frames come and go, signals are passed on, and in the end there is an exit code.

use super::input::Input;
use super::link::Link;
use super::printer::Printer;
use super::record;
use crate::cli::slurm::news::{self, News};
use crate::cli::slurm::{granted, terminal};
use commands::srun::tasks::{End, Tasks};
use compute::stream::{Frame, FrameKind, NodeStarted, TaskEnded};
use nix::sys::signal::Signal;
use service::daemon::api::StreamStep;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// A second Ctrl-C within this ends the step.
const TWICE: Duration = Duration::from_secs(1);

/// Tasks that end together are told together: so long is waited for others.
const TOGETHER: Duration = Duration::from_millis(100);

/// After this, beyond `KillWait`, nobody waits any more for a step that is being ended.
const LATEST: Duration = Duration::from_secs(30);

/// The code of a program that a closed pipe ended.
const CLOSED_PIPE: u8 = 141;

/// How `srun` behaves.
#[derive(Default)]
pub struct Manners {
    /// `--pty`
    pub pty: bool,
    /// `--wait`
    pub wait: Option<Duration>,
    /// `--disable-status`
    pub disable_status: bool,
    /// `--quit-on-interrupt`
    pub quit_on_interrupt: bool,
    /// `--kill-on-bad-exit`
    pub kill_on_bad_exit: bool,
    /// `--quiet`
    pub quiet: bool,
    /// Whether it says how tasks ended.
    pub tells_ends: bool,
    /// Whether the step is this process's: it acknowledges, and the step ends with it.
    pub owner: bool,
}

/// A step that runs.
pub struct Session<'a> {
    /// How it behaves.
    pub manners: Manners,
    /// The tasks.
    pub tasks: Tasks,
    /// The step.
    pub step: StreamStep,
    /// What they read.
    pub input: Input,
    /// Who prints.
    pub printer: Printer,
    /// What comes.
    pub news: &'a Receiver<News>,
    /// For threads that tell.
    pub tell: Sender<News>,
    /// The connection, if it is there already.
    pub link: Option<Link>,
    /// What came over it before.
    pub backlog: Vec<Frame>,
    /// Places up to which output was had, by kind and task.
    pub had: BTreeMap<(u8, u32), u64>,
    /// Up to which it was written.
    pub written: BTreeMap<(u8, u32), u64>,
    /// What is to be done when.
    pub times: Times,
}

/// What is to be done when.
#[derive(Default)]
pub struct Times {
    interrupted: Option<Instant>,
    /// When ends of tasks are told that others did not join.
    tell_ends: Option<Instant>,
    /// `--wait`
    first_ended: Option<Instant>,
    /// Since when the step is being ended.
    aborted: Option<Instant>,
    kill_wait: Duration,
    links: u32,
}

/// What ends a session before all tasks are over.
enum Ends {
    /// With this code.
    With(u8),
    /// All tasks are over.
    Over,
}

impl Session<'_> {
    /// Runs until all is over; the exit code.
    pub fn run(mut self) -> u8 {
        if self.link.is_none() {
            self.open();
        }
        let backlog = std::mem::take(&mut self.backlog);
        let is_over = backlog.into_iter().filter_map(|frame| self.frame(frame)).count() > 0;
        let code = loop {
            if is_over {
                break self.tasks.code();
            }
            let until = self.times.next(self.manners.wait).into_iter().chain(self.input.due()).min();
            let ends = match news::next(self.news, until) {
                None => self.in_time(),
                Some(news) => self.take(news),
            };
            match ends {
                None => {}
                Some(Ends::With(code)) => break code,
                Some(Ends::Over) => break self.tasks.code(),
            }
        };
        self.tell_news(true);
        self.leave();
        code
    }

    fn open(&mut self) {
        self.times.links += 1;
        Link::begin(self.times.links, self.step.clone(), self.tell.clone());
    }

    /// Waits until all is printed, and acknowledges that.
    fn leave(self) {
        let Self { printer, link, news, manners, tasks, .. } = self;
        printer.finish();
        let Some(link) = link else { return };
        for news in news.try_iter() {
            if let News::Written(kind, task, place) = news
                && manners.owner
            {
                link.send(Frame::acknowledged(kind, task, place));
            }
        }
        // A step that is not over ends with its owner, which does not say goodbye.
        if tasks.are_over() || !manners.owner {
            link.send(Frame::of(FrameKind::Bye));
        }
        link.close();
    }

    fn take(&mut self, news: News) -> Option<Ends> {
        match news {
            News::Frame(number, frame) if self.is_of_now(number) => return self.frame(frame),
            News::Broken(number) if self.is_of_now(number) => {
                self.link = None;
                self.open();
            }
            News::Linked(Ok(link)) => self.linked(link),
            News::Linked(Err(why)) => return Some(self.refused(&why)),
            News::Read(Ok(bytes)) => {
                let frame = self.input.take(bytes);
                self.send(frame);
            }
            News::Read(Err(error)) => {
                self.printer.say(&format!("error: cannot read standard input: {error}"));
                let end = self.input.take(Vec::new());
                self.send(end);
            }
            News::Written(kind, task, place) => {
                self.written.insert((kind as u8, task), place);
                if self.manners.owner {
                    self.send(Frame::acknowledged(kind, task, place));
                }
            }
            News::Unwritable(error) => {
                if error.kind() == std::io::ErrorKind::BrokenPipe {
                    return Some(Ends::With(CLOSED_PIPE));
                }
                return Some(Ends::With(1));
            }
            News::Signal(signal) => return self.signal(signal),
            _ => {}
        }
        None
    }

    fn is_of_now(&self, number: u32) -> bool {
        self.link.as_ref().is_some_and(|link| link.number == number)
    }

    fn send(&self, frame: Frame) {
        if let Some(link) = &self.link {
            link.send(frame);
        }
    }

    /// All that may have been lost is asked for and said again.
    fn linked(&mut self, link: Link) {
        let is_first = link.number == 1;
        self.link = Some(link);
        if !is_first || !self.manners.owner {
            self.send(Frame::of(FrameKind::Again));
            self.input.again().into_iter().for_each(|frame| self.send(frame));
        }
        if self.manners.pty {
            self.resize();
        }
    }

    /// The step is over, or was never there. How it ended may be in its record, when nobody else can say it any more.
    fn refused(&mut self, why: &str) -> Ends {
        if let Some(code) = record::exit(self.step.job, self.step.step) {
            return Ends::With(self.tasks.code().max(code));
        }
        let step = self.tasks.step().to_owned();
        self.printer.say(&format!("error: {step} cannot be reached any more: {why}"));
        Ends::With(self.tasks.code().max(1))
    }

    fn frame(&mut self, frame: Frame) -> Option<Ends> {
        let Frame { kind, task, place, content } = frame;
        let text = || String::from_utf8_lossy(&content).into_owned();
        match kind {
            FrameKind::Output | FrameKind::Errors => self.output(kind, task, place, content),
            FrameKind::Started => {
                if let Ok(started) = serde_json::from_slice::<NodeStarted>(&content) {
                    started.tasks.iter().for_each(|(rank, _)| self.tasks.started(*rank));
                }
            }
            FrameKind::Ended => {
                if let Ok(ended) = serde_json::from_slice::<TaskEnded>(&content) {
                    self.ended(task, ended);
                }
            }
            FrameKind::Failed => {
                let (gone, line) = self.tasks.failed(task, &text());
                self.gone(&gone, line);
            }
            FrameKind::Left => {
                let gone = self.tasks.left(task);
                self.gone(&gone, None);
            }
            FrameKind::Lost => {
                let (gone, line) = self.tasks.lost(&text());
                self.gone(&gone, line);
            }
            FrameKind::Notice => self.notice(&text()),
            FrameKind::Acknowledged => self.input.taken(task, place),
            _ => {}
        }
        self.tell_ends();
        self.tasks.are_over().then_some(Ends::Over)
    }

    /// Tasks of a node are gone, with a line to say of it.
    fn gone(&mut self, ranks: &[u32], line: Option<String>) {
        ranks.iter().for_each(|rank| self.input.gone(*rank));
        if let Some(line) = line {
            self.printer.say(&line);
        }
    }

    fn notice(&self, text: &str) {
        for line in text.lines() {
            if line.starts_with("slurmstepd") {
                self.printer.line(line.to_owned());
            } else {
                self.printer.say(line);
            }
        }
    }

    /// What a task wrote is printed once, however often it is said.
    fn output(&mut self, kind: FrameKind, task: u32, place: u64, mut content: Vec<u8>) {
        let had = self.had.entry((kind as u8, task)).or_insert(if self.manners.owner { 0 } else { place });
        if content.is_empty() {
            if place <= *had {
                self.printer.end(kind, task, place);
            }
            return;
        }
        let end = place.saturating_add(content.len() as u64);
        if end <= *had {
            // The node has not heard that it was had.
            if let Some(place) = self.written.get(&(kind as u8, task)).copied()
                && self.manners.owner
            {
                self.send(Frame::acknowledged(kind, task, place));
            }
            return;
        }
        if place > *had {
            let lost = place - *had;
            self.printer.say(&format!("error: {lost} bytes that task {task} wrote are lost"));
        } else {
            content.drain(..(*had - place) as usize);
        }
        *had = end;
        self.printer.write(kind, task, content, end);
    }

    fn ended(&mut self, task: u32, ended: TaskEnded) {
        let TaskEnded { exit, core, out_of_memory } = ended;
        let is_bad = self.tasks.ended(task, End { exit, core, out_of_memory });
        if self.times.first_ended.is_none() && self.tasks.are_some_left() {
            self.times.first_ended = Some(Instant::now());
        }
        if is_bad && self.manners.kill_on_bad_exit && self.tasks.are_some_left() && self.times.aborted.is_none() {
            self.tell_news(true);
            self.terminating();
            self.times.aborted = Some(Instant::now());
            self.times.kill_wait = Duration::from_secs(kill_wait());
        }
    }

    fn terminating(&self) {
        let step = self.tasks.step();
        self.info(&format!("launch/slurm: _step_signal: Terminating {step}"));
    }

    fn info(&self, text: &str) {
        if !self.manners.quiet {
            self.printer.say(text);
        }
    }

    /// Says how tasks ended, those of a node together.
    fn tell_ends(&mut self) {
        self.tell_news(false);
        if !self.tasks.have_news() {
            self.times.tell_ends = None;
        } else if self.times.tell_ends.is_none() {
            self.times.tell_ends = Some(Instant::now() + TOGETHER);
        }
    }

    fn tell_news(&mut self, now: bool) {
        let lines = self.tasks.news(now);
        if self.manners.tells_ends {
            lines.iter().for_each(|line| self.printer.say(line));
        }
    }

    /// A time has come.
    fn in_time(&mut self) -> Option<Ends> {
        let now = Instant::now();
        self.input.overdue().into_iter().for_each(|frame| self.send(frame));
        if self.times.tell_ends.is_some_and(|at| at <= now) {
            self.times.tell_ends = None;
            self.tell_news(true);
        }
        if let (Some(first), Some(wait), None) = (self.times.first_ended, self.manners.wait, self.times.aborted)
            && first + wait <= now
        {
            self.info(&format!("First task exited {}s ago", wait.as_secs()));
            self.status();
            self.terminating();
            self.end_step();
        }
        if self.times.aborted.is_some_and(|since| since + self.times.kill_wait + LATEST <= now) {
            self.printer.say("error: Timed out waiting for job step to complete");
            return Some(Ends::With(self.tasks.code().max(1)));
        }
        None
    }

    fn status(&self) {
        for line in self.tasks.status() {
            self.info(&line);
        }
    }

    fn signal(&mut self, signal: Signal) -> Option<Ends> {
        match signal {
            Signal::SIGWINCH => self.resize(),
            Signal::SIGINT if !self.manners.owner => return Some(Ends::With(130)),
            Signal::SIGINT => return self.interrupt(),
            Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT => {
                if signal == Signal::SIGQUIT {
                    self.info("Quit");
                }
                if !self.manners.owner {
                    return Some(Ends::With(128 + signal as u8));
                }
                self.info("forcing job termination");
                self.pass_on(Signal::SIGKILL);
                self.end_step();
            }
            other => self.pass_on(other),
        }
        None
    }

    fn interrupt(&mut self) -> Option<Ends> {
        let now = Instant::now();
        let is_again = self.times.interrupted.replace(now).is_some_and(|before| now - before <= TWICE);
        if self.manners.disable_status && !self.manners.quit_on_interrupt {
            self.sends_interrupt();
        } else if self.times.aborted.is_some() {
            if is_again {
                return Some(Ends::With(130));
            }
            self.info("interrupt (abort already in progress)");
            self.status();
        } else if is_again || self.manners.quit_on_interrupt {
            self.sends_interrupt();
            self.info("forcing job termination");
            self.end_step();
        } else {
            self.info("interrupt (one more within 1 sec to abort)");
            self.status();
        }
        None
    }

    fn sends_interrupt(&self) {
        self.info(&format!("sending Ctrl-C to {}", self.tasks.step()));
        self.pass_on(Signal::SIGINT);
    }

    fn pass_on(&self, signal: Signal) {
        self.send(Frame { content: vec![signal as u8], ..Frame::of(FrameKind::Signal) });
    }

    fn resize(&self) {
        self.send(Frame::resize(terminal::size()));
    }

    /// Has the step ended by the master, in a thread: it may be away.
    fn end_step(&mut self) {
        if self.times.aborted.is_some() {
            return;
        }
        let seconds = kill_wait();
        self.times.kill_wait = Duration::from_secs(seconds);
        self.times.aborted = Some(Instant::now());
        self.info(&format!("Job step aborted: Waiting up to {} seconds for job step to finish.", seconds + 2));
        let step = self.tasks.step().trim_start_matches("StepId=").to_owned();
        std::thread::spawn(move || granted::cancel(&step));
    }
}

impl Times {
    /// Of a session that begins with this connection.
    pub fn after_links(links: u32) -> Self {
        Self { links, ..Self::default() }
    }

    fn next(&self, wait: Option<Duration>) -> Option<Instant> {
        let abort = self.aborted.map(|since| since + self.kill_wait + LATEST);
        let first = self.first_ended.zip(wait).map(|(first, wait)| first + wait);
        let first = first.filter(|_| self.aborted.is_none());
        [self.tell_ends, first, abort].into_iter().flatten().min()
    }
}

/// `KillWait` of the cluster; what it usually is when nobody says.
fn kill_wait() -> u64 {
    const USUAL: u64 = 30;
    granted::config("KillWait").and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or(USUAL)
}
