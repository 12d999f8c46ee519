//! What came of one item of one task: [`ItemResult`], with its [`Outcome`] or [`Failure`].

use crate::change::Change;
use serde::{Deserialize, Serialize};
use words::value::{Map, Value, wire};

/// What happened to one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    /// What was (or would be) changed; empty also for a change without a preview, such as a command.
    pub changes: Vec<Change>,
    /// Whether something was (or would be) changed.
    pub changed: bool,
    /// The return values, or why it failed.
    pub outcome: Result<Outcome, Failure>,
}

impl ItemResult {
    /// Nothing was changed: it was all right already, or it failed.
    pub fn unchanged(outcome: Result<Outcome, Failure>) -> Self {
        Self { changes: Vec::new(), changed: false, outcome }
    }

    /// As a real run takes it, which leaves nothing unknown: an answer that says so all the same is a failure.
    pub fn certain(mut self) -> Self {
        let values = match &self.outcome {
            Ok(outcome) => &outcome.values,
            Err(failure) => &failure.values,
        };
        if wire::has_unknown(values) {
            self.outcome = Err(Failure::new("the host answered that something is unknown, and this is a real run")
                .hint("only a dry run leaves something unknown; is the agent on this host enlist's own?"));
        }
        self
    }
}

/// What a module reports about one item, short of whether it changed something: Ansible's return values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Return values by name (`uid`, `stdout`, …); `changed`, `failed`, `diff` are not among them.
    #[serde(with = "wire")]
    pub values: Map,
    /// Shown as `[WARNING]: …`.
    pub warnings: Vec<String>,
    /// Set by a dry run when the module cannot say what would happen: why. Shown as skipped.
    pub skipped: Option<String>,
}

impl Outcome {
    /// No return values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a return value.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }
}

/// Why a module could not do its work. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// One sentence in Ansible's words where playbooks grep for them.
    pub msg: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Further return values (`rc`, `stderr`, …).
    #[serde(with = "wire")]
    pub values: Map,
    /// Whether something was done before it failed, such as a program that ran and ended badly.
    pub acted: bool,
}

impl Failure {
    /// A failure with this message.
    pub fn new(msg: impl Into<String>) -> Self {
        Self { msg: msg.into(), hint: None, values: Map::new(), acted: false }
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a return value.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }
}
