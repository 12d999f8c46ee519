//! Accounts, users, associations, QOS and coordinators of the scheduler, through `sacctmgr`'s text: the one interface that
//! the built-in service and real Slurm share (docs/decisions.md, 8).
//!
//! Each module is a pure function from its arguments and the scheduler's books to changes and writes ([`SchedulerModule`]);
//! `together` looks, writes and verifies for all items of a loop at once.

pub mod account;
pub mod association;
pub mod coordinator;
pub mod jobs;
pub mod qos;
mod together;
pub mod user;

use crate::books::{ListedRow, check_word};
use crate::change::Change;
use crate::change::outcome::{Failure, Outcome};
use crate::parameters;
use crate::parameters::{Choice, ParameterKind, ParameterType, Presence};
use together::{Planned, SchedulerModule};
use words::text::limit::{CLEAR, LIMITS, LimitKind, find_in};
use words::value::{Map, Value};

parameters! {
    /// What an association of the scheduler is given.
    pub struct AssociationSettings {
        /// Limits by Slurm's names; others are left alone; -1 or unset clears.
        limits: Option<Map>,
        /// QOS that may be used: the whole list, or +name and -name.
        qos: Option<Vec<Value>>,
        /// QOS of jobs that name none.
        default_qos: Option<String>,
        /// Shares among its siblings, or `parent`.
        fairshare: Option<String>,
        /// Priority of its jobs.
        priority: Option<i64>,
        /// Only on this cluster; on all of the database when left out.
        cluster: Option<String>,
    }
}

impl AssociationSettings {
    /// The limits and the parameters that are settings, too.
    fn wanted(&self) -> Result<Wanted, Failure> {
        let named = [
            ("QOS", self.qos.clone().map(Value::List)),
            ("DefaultQOS", self.default_qos.clone().map(Value::from)),
            ("Fairshare", self.fairshare.clone().map(Value::from)),
            ("Priority", self.priority.map(Value::Int)),
        ];
        wanted(LIMITS, self.limits.as_ref(), &named)
    }
}

/// One name or a list of names, as a task gives them.
#[derive(Clone, Debug)]
pub struct GivenNames(Value);

impl ParameterType for GivenNames {
    const KIND: ParameterKind = ParameterKind::Raw;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        Some(Self(value))
    }
}

impl GivenNames {
    /// The names.
    fn list(&self) -> Vec<String> {
        match &self.0 {
            Value::List(items) => items.iter().map(Value::to_string).collect(),
            one => vec![one.to_string()],
        }
    }

    /// That there are some, and all are names.
    fn check(&self, parameter: &str) -> Result<(), Failure> {
        let names = self.list();
        if names.is_empty() {
            return Err(Failure::new(format!("{parameter} is an empty list")));
        }
        names.iter().try_for_each(|name| check_word(parameter, name))
    }
}

/// That the text is a name, where one is given.
fn check_name(parameter: &str, given: Option<&str>) -> Result<(), Failure> {
    given.map_or(Ok(()), |name| check_word(parameter, name))
}

/// Settings that are asked for, with their values.
type Wanted = Vec<(&'static LimitKind, String)>;

/// What a task asks for: its `limits`, and settings that are parameters of their own.
fn wanted(
    table: &'static [LimitKind],
    limits: Option<&Map>,
    named: &[(&str, Option<Value>)],
) -> Result<Wanted, Failure> {
    let limits = limits.into_iter().flatten().map(|(name, value)| (name.as_str(), value));
    let named = named.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?)));
    let mut wanted: Wanted = Vec::new();
    for (name, value) in limits.chain(named) {
        let kind = find_in(table, name).ok_or_else(|| {
            let known: Vec<_> = table.iter().map(|kind| kind.name).collect();
            Failure::new(format!("there is no limit '{name}'")).hint(format!("there are: {}", known.join(", ")))
        })?;
        let value = text_of(value);
        match kind.accepts(&value) {
            true if wanted.iter().any(|(other, _)| other.name == kind.name) => {
                return Err(Failure::new(format!("{} is given twice", kind.name)));
            }
            true => wanted.push((kind, value)),
            false => {
                let failure = Failure::new(format!("{name} must be {}, not '{value}'", kind.says()));
                return Err(kind.problem(&value).into_iter().fold(failure, Failure::hint));
            }
        }
    }
    Ok(wanted)
}

/// A value as `sacctmgr` reads it; `{cpu: 64, gres/gpu: 2}` and `[normal, long]` are joined.
fn text_of(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let parts: Vec<_> = map.iter().map(|(name, amount)| format!("{name}={}", text_of(amount))).collect();
            parts.join(",")
        }
        Value::List(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        Value::Null => CLEAR.to_owned(),
        other if other.as_str().is_some_and(|text| text.eq_ignore_ascii_case("unset")) => CLEAR.to_owned(),
        other => other.to_string(),
    }
}

/// The settings that are not as wanted on some of `rows`: as fields of `change`, and as words for `set`.
fn differing(mut change: Change, wanted: &Wanted, rows: &[&ListedRow]) -> (Change, Vec<(&'static str, String)>) {
    let mut set = Vec::new();
    for (kind, value) in wanted {
        if let Some(row) = rows.iter().find(|row| !kind.is_met(value, row.get(kind.column))) {
            let column = row.get(kind.column);
            change = change.field(kind.name, shown(kind.current(column)), value.as_str());
            set.push((kind.name, kind.words(value, column).into_owned()));
        }
    }
    (change, set)
}

/// An empty column is nothing.
fn shown(column: &str) -> Value {
    if column.is_empty() { Value::Null } else { column.into() }
}

/// What every one of these modules returns: what it is about, and the state that was asked for.
fn outcome(parameter: &str, given: impl Into<Value>, state: Presence) -> Outcome {
    Outcome::new().with(parameter, given).with("state", state.word())
}

/// `account/user`, with cluster and partition where they are given.
fn address(cluster: Option<&str>, account: &str, user: &str, partition: &str) -> String {
    let place = cluster.map_or(String::new(), |cluster| format!("{cluster}:"));
    let rest = [user, partition].into_iter().filter(|part| !part.is_empty()).map(|part| format!("/{part}"));
    format!("{place}{account}{}", rest.collect::<String>())
}

#[cfg(test)]
mod tests;
