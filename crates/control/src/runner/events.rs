//! What a run reports, as it happens. Views turn it into text or JSON lines; nothing here prints.

use host::change::Change;
use serde::Serialize;
use std::sync::{Arc, LazyLock};
use words::diag::{Diagnostic, Place};
use words::value::{Map, Value};

/// Who watches a run.
pub trait Observer {
    /// Called for every event, in order, from one thread.
    fn on(&mut self, event: &Event<'_>);

    /// Asked before each task with `--step`, by the task's name as written; `None` when nobody answers.
    fn ask(&mut self, _task: &str) -> Option<Consent> {
        None
    }
}

/// What somebody says who is asked whether a task is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It is left out.
    No,
    /// It is done.
    Yes,
    /// It is done, and all others without a question.
    YesToAll,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A playbook begins.
    Playbook {
        /// Its path as given.
        path: String,
    },
    /// A play begins.
    Play {
        /// Its name or host pattern.
        name: String,
    },
    /// The play's pattern matched no host.
    NoHostsMatched,
    /// A task or handler begins.
    Task {
        /// Its name, rendered.
        name: String,
        /// Whether it is a handler.
        handler: bool,
        /// Where it is written.
        place: Option<Place>,
    },
    /// One host is done with the task.
    Host(&'a HostResult),
    /// The tasks of a file follow, for these hosts.
    Included {
        /// Its absolute path.
        path: String,
        /// The hosts that include it together.
        hosts: Vec<String>,
        /// The item of the include's loop, as output shows it.
        item: Option<String>,
    },
    /// Nobody is left to go on with.
    NoMoreHosts,
    /// Something to know that is no failure.
    Warning(String),
    /// The end, with the counts of every host that took part, by name.
    Recap(Vec<(String, Stats)>),
}

/// How a task ended on a host, or an item of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All was as it should be.
    Ok,
    /// Something was changed (or would be).
    Changed,
    /// Left out.
    Skipped,
    /// Failed.
    Failed,
    /// The host did not answer.
    Unreachable,
}

/// One host's result of one task.
#[derive(Debug)]
pub struct HostResult {
    /// The inventory name.
    pub host: String,
    /// The module, without its collection.
    pub module: &'static str,
    /// The host that did it instead, with its address where that differs from the name.
    pub delegate: Option<String>,
    /// How it ended.
    pub status: Status,
    /// Whether a failure is passed over.
    pub ignored: bool,
    /// The result, the very mapping that a registered variable holds; hidden already where the task says `no_log`.
    pub result: Arc<Value>,
    /// What changed or would change.
    pub changes: Vec<Change>,
    /// Tries that were left after each that was repeated.
    pub retries: Vec<u32>,
    /// A loop's items; `None` without a loop.
    pub items: Option<Vec<ItemReport>>,
    /// Why it failed, with its place.
    pub error: Option<Diagnostic>,
    /// What the module warned of.
    pub warnings: Vec<String>,
    /// Whether the result is shown without `-v`, as `debug`'s is.
    pub always_shown: bool,
    /// Whether diffs are to be shown.
    pub diff: bool,
}

impl HostResult {
    /// The result by names.
    pub fn values(&self) -> &Map {
        static NOTHING: LazyLock<Map> = LazyLock::new(Map::new);
        self.result.as_map().unwrap_or(&NOTHING)
    }
}

/// One item of a loop.
#[derive(Debug)]
pub struct ItemReport {
    /// What output shows for it.
    pub label: String,
    /// The host that did it instead.
    pub delegate: Option<String>,
    /// How it ended.
    pub status: Status,
    /// Its result.
    pub result: Map,
    /// What changed or would change.
    pub changes: Vec<Change>,
    /// Why it failed.
    pub error: Option<Diagnostic>,
    /// Tries that were left after each that was repeated.
    pub retries: Vec<u32>,
    /// Whether the result is shown without `-v`.
    pub always_shown: bool,
}

/// The counts of the recap. Per task, not per item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Tasks that ended well, changed ones and ignored failures included.
    pub ok: u32,
    /// Tasks that changed something.
    pub changed: u32,
    /// Tasks that found the host unreachable.
    pub unreachable: u32,
    /// Tasks that failed, neither rescued nor ignored.
    pub failed: u32,
    /// Tasks that were left out.
    pub skipped: u32,
    /// Failures that a rescue section took care of.
    pub rescued: u32,
    /// Failures that were passed over.
    pub ignored: u32,
}
