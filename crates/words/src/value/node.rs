//! [`Node`]: a value together with the place it was written at, for every message that must point there.

use crate::diag::{Diagnostic, Place};
use crate::value::{Map, Value};

/// One YAML node: what it says, where, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it says.
    pub kind: Kind,
    /// Where it starts.
    pub place: Place,
    /// `unsafe` if it was written with that tag. Tags of YAML itself (`!!str`) are applied, not kept.
    pub tag: Option<String>,
}

/// What a [`Node`] says.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// null, boolean, number or text.
    Scalar(Value),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in written order; keys are nodes, since messages point at them. Duplicate keys are gone (last wins).
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The plain value, places dropped. Below `!unsafe`, texts that look like templates are wrapped in `raw`, so that
    /// they come out of templating as they were written.
    pub fn to_value(&self) -> Value {
        self.value(false)
    }

    fn value(&self, is_unsafe: bool) -> Value {
        let is_unsafe = is_unsafe || self.tag.as_deref() == Some("unsafe");
        match &self.kind {
            Kind::Scalar(Value::String(text)) if is_unsafe && ["{{", "{%", "{#"].iter().any(|it| text.contains(it)) => {
                format!("{{% raw %}}{text}{{% endraw %}}").into()
            }
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::List(items.iter().map(|item| item.value(is_unsafe)).collect()),
            Kind::Map(entries) => {
                Value::Map(entries.iter().map(|(key, value)| (key.key_text(), value.value(is_unsafe))).collect::<Map>())
            }
        }
    }

    /// This node as the text of a mapping key.
    pub fn key_text(&self) -> String {
        self.to_value().to_string()
    }

    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Key and value under `key`, if this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.entries()?.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(k, v)| (k, v))
    }

    /// The entries, if this is a mapping.
    pub fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if this is a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if this is a text scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// Whether it is null (or nothing was written).
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar(Value::Null))
    }

    /// "a mapping", "a list", "text" …, for messages.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar(Value::Null) => "nothing",
            Kind::Scalar(Value::Bool(_)) => "a boolean",
            Kind::Scalar(Value::String(_)) => "text",
            Kind::Scalar(_) => "a number",
        }
    }

    /// An input error that points here.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::input(&self.place, message)
    }
}
