//! Limits as a roster writes them.

use super::model::Written;
use super::reader::{Reader, as_read};
use words::diag::Diagnostic;
use words::text::limit::{LimitKind, find_in};
use words::value::Value;
use words::value::node::{Kind, Node};
use words::value::written::as_meant;

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
    let text = text_of(reader, node, kind);
    let written = text.clone().filter(|text| kind.accepts(text));
    if written.is_none() {
        let why = text.and_then(|text| kind.problem(&text));
        let mut problem = unreadable(reader, kind, node);
        problem.place = Some(bad_part(reader, kind, node).place.clone());
        reader.problems.push(why.into_iter().fold(problem, Diagnostic::note));
    }
    Some(Limit { name: kind.name, value: Written { value: written?, place: node.place.clone() } })
}

/// Where the mistake stands: of a mapping, the first entry that is none for itself.
fn bad_part<'n>(reader: &Reader, kind: &LimitKind, node: &'n Node) -> &'n Node {
    let entries = node.entries().unwrap_or_default().iter();
    let is_good = |(key, value): &(Node, Node)| {
        let text = text_of(reader, value, kind).and_then(|text| Some(format!("{}={text}", key.as_str()?)));
        text.is_some_and(|text| kind.accepts(&text))
    };
    entries.into_iter().find(|entry| !is_good(entry)).map_or(node, |(key, _)| key)
}

/// Words that people write for "no limit".
const NO_LIMIT: &[&str] = &["false", "infinite", "inf", ".inf", "none", "no", "off", "unlimited", "unset", "nolimit"];

fn unreadable(reader: &Reader, kind: &LimitKind, node: &Node) -> Diagnostic {
    let shown = match reader.written(node) {
        Some(written) => written.to_owned(),
        None if node.is_null() => "nothing".to_owned(),
        None => node.to_value().repr(),
    };
    let problem = node.error(format!("`{}` must be {}, not {shown}", kind.name, kind.says()));
    let word = reader.written(node).map_or_else(|| node.key_text(), str::to_owned).to_lowercase();
    if NO_LIMIT.contains(&word.as_str()) {
        return problem.hint("for no limit write -1; to leave a limit as it is, leave the line out");
    }
    match reader.written(node).filter(|_| !kind.is_time()).and_then(as_meant) {
        Some(hint) => problem.note(as_read(node)).hint(hint),
        None => problem.hint("leave the line out to leave the limit alone; -1 clears it; 0 allows nothing"),
    }
}

/// A limit's value as one text; `{cpu: 64, gres/gpu: 2}` and `[normal, long]` are joined. Numbers are as they are written:
/// `24:00:00` is a time of Slurm's, and not YAML's 86400.
fn text_of(reader: &Reader, node: &Node, kind: &LimitKind) -> Option<String> {
    match &node.kind {
        Kind::Scalar(Value::String(text)) => Some(text.clone()),
        Kind::Scalar(Value::Int(_) | Value::Float(_)) => {
            let written = reader.written(node)?;
            let is_padded = written.len() > 1 && written.starts_with('0') && is_digits(written);
            (!is_padded || kind.is_time()).then(|| written.to_owned())
        }
        Kind::Scalar(_) => None,
        Kind::List(items) => join(items.iter().map(|item| text_of(reader, item, kind))),
        Kind::Map(entries) => join(
            entries.iter().map(|(key, value)| Some(format!("{}={}", key.as_str()?, text_of(reader, value, kind)?))),
        ),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn join(parts: impl Iterator<Item = Option<String>>) -> Option<String> {
    Some(parts.collect::<Option<Vec<_>>>()?.join(","))
}
