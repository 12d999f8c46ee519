//! Numbers as they are written. YAML 1.1 reads `010` as 8 and `24:00:00` as 86400; whoever wrote that meant something else.

use crate::diag::{Diagnostic, Place};
use crate::value::Value;
use crate::value::node::{Kind, Node};

/// A number somewhere in a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Where it stands.
    pub place: Place,
    /// What YAML reads.
    pub value: Value,
}

impl Number {
    /// All numbers in a node, those below it too.
    pub fn within(node: &Node) -> Vec<Number> {
        match &node.kind {
            Kind::Scalar(value @ (Value::Int(_) | Value::Float(_))) => {
                vec![Number { place: node.place.clone(), value: value.clone() }]
            }
            Kind::Scalar(_) => Vec::new(),
            Kind::List(items) => items.iter().flat_map(Number::within).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|(_, value)| Number::within(value)).collect(),
        }
    }

    /// What is wrong with it where a number must be the one that was written, if something is.
    pub fn problem(&self) -> Option<Diagnostic> {
        let written = token(self.place.rest_of_line()?)?;
        let is_plain = match self.value {
            Value::Float(_) => !written.contains(':'),
            _ => written == self.value.to_string(),
        };
        let problem = || {
            let message = format!("`{written}` is another number to YAML: it reads {}", self.value);
            let hint = if written.contains(':') {
                format!("if it is a time, write it in quotes: \"{written}\"")
            } else {
                as_meant(written).unwrap_or_else(|| format!("write {}", self.value))
            };
            Diagnostic::input(&self.place, message).hint(hint)
        };
        (!is_plain).then(problem)
    }
}

/// The number that a line begins with, as it is written; `None` where a tag, an anchor or a quote stands before it.
pub fn token(line: &str) -> Option<&str> {
    let end = line.find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(line.len());
    (!line.starts_with(['!', '&', '"', '\''])).then_some(&line[..end])
}

/// How a number is to be written that YAML would read as another one.
pub fn as_meant(written: &str) -> Option<String> {
    let digits: String = written.chars().filter(|c| *c != '_').collect();
    let plain = digits.trim_start_matches('0');
    if written.contains(':') {
        return Some("numbers with colons are base 60 to YAML: write plain digits".into());
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("write it in plain decimal digits".into());
    }
    (digits != written || plain != digits).then(|| format!("write {}", if plain.is_empty() { "0" } else { plain }))
}
