//! Limits as a roster writes them.

use super::model::Written;
use super::reader::Reader;
use crate::diag::Diagnostic;
use crate::text::limit::{LimitKind, find_in};
use crate::value::Value;
use crate::value::node::{Kind, Node};

/// One limit as the roster sets it. What is not written is left alone; `-1` clears; `0` allows nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The name in Slurm's own spelling.
    pub name: &'static str,
    /// The value in the form that `sacctmgr` reads.
    pub value: Written<String>,
}

/// Reads a mapping of limits of `table`; unknown names and unreadable values are reported, never ignored.
pub(super) fn read(reader: &mut Reader, node: Option<&Node>, table: &'static [LimitKind]) -> Vec<Limit> {
    let Some(node) = node else { return Vec::new() };
    let entries = reader.named(node, "`limits`");
    entries.into_iter().filter_map(|(name, value)| read_one(reader, &name, value, table)).collect()
}

fn read_one(reader: &mut Reader, given: &Written<String>, node: &Node, table: &'static [LimitKind]) -> Option<Limit> {
    let Some(kind) = find_in(table, given) else {
        let known: Vec<_> = table.iter().map(|kind| kind.name).collect();
        let problem = Diagnostic::input(&given.place, format!("there is no limit `{}`", given.value));
        let problem = problem.suggest(given, known.iter().copied());
        reader.problems.push(problem.hint(format!("the limits are: {}", known.join(", "))));
        return None;
    };
    let written = text_of(node).filter(|text| kind.accepts(text));
    if written.is_none() {
        let shown = if node.is_null() { "nothing".to_owned() } else { node.to_value().repr() };
        let problem = node.error(format!("`{}` must be {}, not {shown}", kind.name, kind.says()));
        let hint = "leave the line out to leave the limit alone; -1 clears it; 0 allows nothing";
        reader.problems.push(problem.hint(hint));
    }
    Some(Limit { name: kind.name, value: Written { value: written?, place: node.place.clone() } })
}

/// A limit's value as one text; `{cpu: 64, gres/gpu: 2}` and `[normal, long]` are joined.
fn text_of(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Scalar(Value::String(text)) => Some(text.clone()),
        Kind::Scalar(Value::Int(number)) => Some(number.to_string()),
        Kind::Scalar(Value::Float(number)) => Some(number.to_string()),
        Kind::Scalar(_) => None,
        Kind::List(items) => join(items.iter().map(text_of)),
        Kind::Map(entries) => {
            join(entries.iter().map(|(key, value)| Some(format!("{}={}", key.as_str()?, text_of(value)?))))
        }
    }
}

fn join(parts: impl Iterator<Item = Option<String>>) -> Option<String> {
    Some(parts.collect::<Option<Vec<_>>>()?.join(","))
}
