//! [`Change`]: the one value that says what would be, is being, or was changed.
//!
//! A module reports it, `--diff` prints it, a plan file stores it, a guard judges it, the audit log records it.

pub mod outcome;

use serde::{Deserialize, Serialize};
use words::value::Value;

/// What is done to a resource as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It was not there.
    Create,
    /// It is there, and some fields differ.
    Update,
    /// It will be gone. Listed last, counted and capped by guards.
    Delete,
}

/// Which resource, without saying on which host: `user gildong`, `file /etc/motd`, `association ai_project/gildong`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The kind in the field's word: user, group, file, authorized_key, account, association, qos.
    pub kind: String,
    /// Its name within the kind.
    pub name: String,
}

/// One resource's change, field by field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Which resource.
    pub address: Address,
    /// What is done to it.
    pub action: Action,
    /// What differs, in the order people read it. Never holds a secret.
    pub fields: Vec<FieldDiff>,
}

/// One field before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum FieldDiff {
    /// A value; `Null` means the field (or the resource) was or will be absent.
    Value {
        /// The field's name.
        name: String,
        /// Before; null when absent.
        before: Value,
        /// After; null when absent.
        after: Value,
    },
    /// Text content, shown as a unified diff. `None` means the file is absent.
    Text {
        /// What the two sides are called in the diff's header, usually the path.
        name: String,
        /// The whole text before.
        before: Option<String>,
        /// The whole text after.
        after: Option<String>,
    },
    /// Something that differs and may not be shown: a password hash, binary content.
    Opaque {
        /// The field's name.
        name: String,
        /// What may be said about it, such as "set", "changed", "binary, 12 kB".
        says: String,
    },
}

impl FieldDiff {
    /// The field's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Value { name, .. } | Self::Text { name, .. } | Self::Opaque { name, .. } => name,
        }
    }
}

impl Address {
    /// `kind name`.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl Change {
    /// A change without fields yet.
    pub fn new(action: Action, kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { address: Address::new(kind, name), action, fields: Vec::new() }
    }

    /// Adds a field if the two sides differ.
    pub fn field(mut self, name: &str, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        let (before, after) = (before.into(), after.into());
        if before != after {
            self.fields.push(FieldDiff::Value { name: name.into(), before, after });
        }
        self
    }

    /// Adds text content if the two sides differ.
    pub fn text(mut self, name: &str, before: Option<String>, after: Option<String>) -> Self {
        if before != after {
            self.fields.push(FieldDiff::Text { name: name.into(), before, after });
        }
        self
    }

    /// Adds a field whose values may not be shown.
    pub fn opaque(mut self, name: &str, says: impl Into<String>) -> Self {
        self.fields.push(FieldDiff::Opaque { name: name.into(), says: says.into() });
        self
    }
}
