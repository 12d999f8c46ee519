//! The audit log: what was done to people, by whom, from which roster, why. One JSON line an event, only ever added, each with
//! the digest of the line before it, so that a line that was changed or taken out is seen.

mod reading;
mod writing;

pub use reading::{Chain, Fault, Logged, read};
pub use writing::AuditLog;

use crate::plan::digest;
use serde::{Deserialize, Serialize};

/// The name of the log where no other is given, beside the roster.
pub const FILE: &str = "enlist-log.jsonl";

/// What the first line has in place of the digest of a line before it.
pub(crate) const BEGINNING: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// From 1, one more with each line.
    pub number: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What happened.
    #[serde(flatten)]
    pub event: LogEvent,
    /// The digest of the line before, as it stands in the file.
    pub previous: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LogEvent {
    /// Somebody began to carry a plan out.
    Begin(Begin),
    /// A plan was refused: nothing was touched.
    Refused {
        /// Why.
        why: String,
    },
    /// One change on one host, with what became of it.
    Change(Changed),
    /// The run was over.
    End {
        /// Whether all went well.
        ok: bool,
        /// How many changes there were.
        changes: u64,
    },
}

/// Who began what, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The login, and who stands behind it where sudo says so.
    pub who: String,
    /// The machine that enlist runs on.
    pub machine: String,
    /// The roster's path; none where only a plan was given.
    pub roster: Option<String>,
    /// The roster's digest.
    pub roster_digest: Option<String>,
    /// How many people it names, absent ones too.
    pub people: Option<usize>,
    /// The commit of git that the roster is of, with `+` when it has been changed since; none where git knows nothing of it.
    pub commit: Option<String>,
    /// The plan's digest.
    pub plan: String,
    /// Guards that were passed.
    pub allow: Vec<String>,
    /// Why, as the person said.
    pub reason: Option<String>,
}

/// A change, without values: what people are called, and nothing of theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The host's or directory's name.
    pub host: String,
    /// `user kim`, `authorized_key /home/kim/.ssh/authorized_keys`.
    pub what: String,
    /// `create`, `update` or `delete`.
    pub action: String,
    /// The fields that differed.
    pub fields: Vec<String>,
    /// `done`, `otherwise`, `failed` or `not_tried`.
    pub result: String,
    /// Why it failed, or was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The digest by which a line is named in the one after it.
pub(crate) fn digest_of(line: &str) -> String {
    digest(line.as_bytes())
}

#[cfg(test)]
mod tests;
