//! Limits of an association: which there are, and what their values look like (sacctmgr(1), "SPECIFICATIONS FOR
//! ACCOUNTS" and "FOR USERS").

use super::model::Written;
use super::reader::Reader;
use crate::value::Value;
use crate::value::node::{Kind as NodeKind, Node};

/// One limit as the roster sets it. What is not written is left alone; `-1` clears; `0` allows nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The name in Slurm's own spelling.
    pub name: &'static str,
    /// The value in the form that `sacctmgr` reads.
    pub value: Written<String>,
}

/// What a limit's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A whole number, or -1.
    Count,
    /// `cpu=64,gres/gpu=2`; each amount a whole number (memory with K, M, G, T, P) or -1.
    Tres,
    /// Minutes, `h:mm:ss` or `d-hh:mm:ss`, or -1.
    Time,
    /// A whole number or `parent`.
    Share,
    /// One word.
    Name,
    /// Words with commas between.
    Names,
}

/// Slurm's spelling, its other names, and the form of the value.
const LIMITS: &[(&str, &[&str], Form)] = &[
    ("Fairshare", &["Shares"], Form::Share),
    ("Priority", &[], Form::Count),
    ("GrpTRES", &[], Form::Tres),
    ("GrpTRESMins", &[], Form::Tres),
    ("GrpTRESRunMins", &[], Form::Tres),
    ("GrpCPUs", &[], Form::Count),
    ("GrpCPUMins", &[], Form::Count),
    ("GrpCPURunMins", &[], Form::Count),
    ("GrpNodes", &[], Form::Count),
    ("GrpJobs", &[], Form::Count),
    ("GrpJobsAccrue", &[], Form::Count),
    ("GrpSubmitJobs", &["GrpSubmit"], Form::Count),
    ("GrpWall", &[], Form::Time),
    ("MaxJobs", &[], Form::Count),
    ("MaxJobsAccrue", &[], Form::Count),
    ("MaxSubmitJobs", &["MaxSubmit"], Form::Count),
    ("MaxTRESPerJob", &["MaxTRES"], Form::Tres),
    ("MaxTRESPerNode", &[], Form::Tres),
    ("MaxTRESMinsPerJob", &["MaxTRESMins"], Form::Tres),
    ("MaxWallDurationPerJob", &["MaxWall"], Form::Time),
    ("QOS", &["QosLevel"], Form::Names),
    ("DefaultQOS", &[], Form::Name),
];

/// Reads a mapping of limits; unknown names and unreadable values are reported, never ignored.
pub(super) fn read(reader: &mut Reader, node: Option<&Node>) -> Vec<Limit> {
    let Some(node) = node else { return Vec::new() };
    let entries = reader.named(node, "`limits`");
    entries.into_iter().filter_map(|(name, value)| read_one(reader, &name, value)).collect()
}

fn read_one(reader: &mut Reader, given: &Written<String>, node: &Node) -> Option<Limit> {
    let Some((name, _, form)) = LIMITS.iter().find(|(name, aliases, _)| {
        name.eq_ignore_ascii_case(given) || aliases.iter().any(|alias| alias.eq_ignore_ascii_case(given))
    }) else {
        let problem = crate::diag::Diagnostic::input(&given.place, format!("there is no limit `{}`", given.value));
        let known: Vec<_> = LIMITS.iter().map(|(name, ..)| *name).collect();
        let problem = problem.suggest(given, known.iter().copied());
        reader.problems.push(problem.hint(format!("the limits are: {}", known.join(", "))));
        return None;
    };
    let written = text_of(node).filter(|text| form.accepts(text));
    if written.is_none() {
        let problem = node.error(format!("`{name}` must be {}, not {}", form.says(), node.to_value().repr()));
        reader
            .problems
            .push(problem.hint("leave the line out to leave the limit alone; -1 clears it; 0 allows nothing"));
    }
    Some(Limit { name, value: Written { value: written?, place: node.place.clone() } })
}

/// A limit's value as one text; `{cpu: 64, gres/gpu: 2}` and `[normal, long]` are joined.
fn text_of(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Scalar(Value::String(text)) => Some(text.clone()),
        NodeKind::Scalar(Value::Int(number)) => Some(number.to_string()),
        NodeKind::Scalar(_) => None,
        NodeKind::List(items) => join(items.iter().map(text_of)),
        NodeKind::Map(entries) => {
            join(entries.iter().map(|(key, value)| Some(format!("{}={}", key.as_str()?, text_of(value)?))))
        }
    }
}

fn join(parts: impl Iterator<Item = Option<String>>) -> Option<String> {
    Some(parts.collect::<Option<Vec<_>>>()?.join(","))
}

impl Form {
    fn says(self) -> &'static str {
        match self {
            Form::Count => "a whole number, or -1",
            Form::Tres => "TRES with amounts (`cpu=64,gres/gpu=2`)",
            Form::Time => "a time (minutes, `hours:minutes:seconds` or `days-hours`), or -1",
            Form::Share => "a whole number or `parent`",
            Form::Name => "one name",
            Form::Names => "names with commas between",
        }
    }

    fn accepts(self, text: &str) -> bool {
        match self {
            Form::Count => is_amount(text),
            Form::Tres => text.split(',').all(is_tres),
            Form::Time => text == "-1" || is_time(text),
            Form::Share => text == "parent" || is_digits(text),
            Form::Name => is_word(text),
            Form::Names => text.split(',').all(|word| is_word(word.trim_start_matches(['+', '-']))),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_amount(text: &str) -> bool {
    text == "-1" || is_digits(text)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// `type=amount` or `type/name=amount`; memory may have a unit.
fn is_tres(text: &str) -> bool {
    let Some((name, amount)) = text.split_once('=') else { return false };
    let amount = if name == "mem" { amount.trim_end_matches(['K', 'M', 'G', 'T', 'P']) } else { amount };
    name.split(['/', ':']).all(is_word) && is_amount(amount)
}

/// min, min:sec, h:m:s, d-h, d-h:m, d-h:m:s (sacctmgr(1), "TIME FORMATS").
fn is_time(text: &str) -> bool {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(days), clock),
        None => (None, text),
    };
    days.is_none_or(is_digits) && clock.split(':').count() <= 3 && clock.split(':').all(is_digits)
}
