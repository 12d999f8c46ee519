//! [`Session`]: what one command works with: the state, who asks, and the text it says.

use super::options::Options;
use super::statistics::Statistics;
use super::word::unquote;
use crate::Output;
use crate::Then;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use slurm::State;
use slurm::archive::Task;
use slurm::authority::Caller;
use slurm::model::{Action, Transaction};
use slurm::privacy::View;
use slurm::records::{Job, Scan};
use slurm::settings::Settings;
use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;
use words::people::{People, Sought, Uid};
use words::text::slurm_time;

/// A part of `show configuration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What slurm.conf has.
    Slurm,
    /// What slurmdbd.conf has, and what is our own.
    Service,
}

/// What a command must know of the world outside the state.
pub trait World {
    /// Who is who.
    fn people(&self) -> &dyn People;

    /// Seconds since 1970.
    fn now(&self) -> i64;

    /// A time as local listings show it: `2026-11-22T20:53:55`.
    fn local_time(&self, seconds: i64) -> String;

    /// This moment on the clock and in the zone of the service.
    fn clock(&self) -> Zoned {
        Timestamp::from_second(self.now()).unwrap_or_default().to_zoned(TimeZone::system())
    }

    /// The cluster that commands mean when they name none; `None` when the world does not say.
    fn cluster(&self) -> Option<&str> {
        None
    }

    /// A file of the caller's: its text, or why it cannot be read; `None` when it was not read yet.
    fn file(&self, _path: &str) -> Option<Result<&str, &str>> {
        None
    }

    /// What the configuration says about accounting; Slurm's defaults unless the world says otherwise.
    fn settings(&self) -> &Settings {
        static DEFAULT: LazyLock<Settings> = LazyLock::new(Settings::default);
        &DEFAULT
    }

    /// The settings that `show configuration` lists beside its own: part, name, value.
    fn configuration(&self) -> Vec<(Part, &'static str, String)> {
        Vec::new()
    }

    /// What the service did (`show stats`).
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    /// When the service started, in seconds since 1970.
    fn started(&self) -> i64 {
        self.now()
    }

    /// Counts anew (`clear stats`).
    fn clear_statistics(&self) {}

    /// Whether a scheduler knows that this job waits or runs.
    fn knows_job(&self, job: &Job) -> bool {
        let _ = job;
        false
    }

    /// Shows the kept jobs of a scan, in no order to count on, until `see` breaks; the error is a text for people. A
    /// world without a store has none.
    fn jobs(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), String> {
        let _ = (scan, see);
        Ok(())
    }

    /// Gives every line of the transaction record that was written in `time` (seconds since 1970, end excluded), oldest
    /// first; the error is a text for people. A world without a store has none.
    fn transactions(&self, time: Range<i64>, take: &mut dyn FnMut(Transaction)) -> Result<(), String> {
        let _ = (time, take);
        Ok(())
    }
}

/// Why a command stops before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has to ask first; the text is the question without its `(You have 30 seconds to decide)`.
    Question(String),
    /// It has to read a file of the caller's first.
    File(String),
    /// It was refused; what to say is said already.
    Failed,
}

/// The result of every command.
pub type Done<T = ()> = Result<T, Stop>;

/// One run of one command.
pub struct Session<'a> {
    /// The state, changed in place; the caller of [`super::run`] commits or takes back.
    pub state: &'a mut State,
    /// Who asks.
    pub caller: &'a Caller,
    /// The world outside.
    pub world: &'a dyn World,
    /// The options of the command line.
    pub options: Options,
    /// Answers to the questions met so far.
    pub answers: VecDeque<bool>,
    /// What it says.
    pub stdout: Output<'a>,
    /// What it complains about.
    pub stderr: String,
    /// Whether the exit code is 1.
    pub failed: bool,
    /// Files to write for the caller.
    pub writes: Vec<(String, String)>,
    /// What the service has to do to old records afterwards.
    pub task: Option<Task>,
    /// What the service shall do after the answer.
    pub then: Option<Then>,
}

impl Session<'_> {
    /// A user as listings show them: by name, or by number where none is known.
    pub fn user_shown(&self, uid: Uid) -> String {
        let name = self.world.people().user_numbered(uid).map(|user| user.name);
        name.or_kept(&uid.to_string(), uid)
    }

    /// What the caller sees of others' affairs (`PrivateData`).
    pub fn view(&self) -> View<'_> {
        View::new(self.state, self.caller, self.world.settings())
    }

    /// Says one line (or several).
    pub fn say(&mut self, text: impl AsRef<str>) {
        self.stdout.push_str(text.as_ref());
        self.stdout.push_str("\n");
    }

    /// Warns; the exit code stays as it is.
    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.stderr.push_str(text.as_ref());
        self.stderr.push('\n');
    }

    /// Complains; the exit code becomes 1.
    pub fn complain(&mut self, text: impl AsRef<str>) {
        self.stderr.push_str(text.as_ref());
        self.stderr.push('\n');
        self.failed = true;
    }

    /// Complains and stops.
    pub fn refuse<T>(&mut self, text: impl AsRef<str>) -> Done<T> {
        self.complain(text);
        Err(Stop::Failed)
    }

    /// Who or what was asked for, if there. When nobody knows, the command is refused: it must not take people for unknown
    /// whom a directory has that is down.
    pub fn known<T>(&mut self, sought: Sought<T>) -> Done<Option<T>> {
        let known = sought.known();
        known.or_else(|why| self.refuse(format!("sacctmgr: error: {why}; nothing was changed")))
    }

    /// Stops if something was complained about.
    pub fn check(&self) -> Done {
        if self.failed { Err(Stop::Failed) } else { Ok(()) }
    }

    /// Reads a time, in seconds since 1970; complains about one that cannot be read.
    pub fn time(&mut self, text: &str) -> Option<i64> {
        let read = slurm_time::parse(&unquote(text), &self.world.clock());
        read.map_err(|bad| self.complain(bad.to_string())).ok()
    }

    /// The cluster that is meant when none is named.
    pub fn local_cluster(&self) -> String {
        let first = || self.state.cluster_names().into_iter().next().unwrap_or_default();
        self.world.cluster().map_or_else(first, str::to_owned)
    }

    /// Asks a yes-or-no question; `-i` means yes.
    pub fn ask(&mut self, question: &str) -> Done<bool> {
        if self.options.immediate {
            return Ok(true);
        }
        self.answers.pop_front().ok_or_else(|| Stop::Question(question.to_owned()))
    }

    /// The last question of every change; No takes it back.
    pub fn commit(&mut self) -> Done {
        if !self.ask("Would you like to commit changes?")? {
            self.say(" Changes Discarded");
            self.state.rollback();
        }
        Ok(())
    }

    /// Writes a line of the transaction record.
    pub fn record(&mut self, action: Action, target: impl Into<String>, info: impl Into<String>, cluster: &str) {
        let actor = match self.caller.name.as_str() {
            "" => self.caller.uid.to_string(),
            name => name.to_owned(),
        };
        let (time, target, info) = (self.world.now(), target.into(), info.into());
        self.state.record(Transaction { id: 0, time, action, actor, target, info, cluster: cluster.into() });
    }
}
