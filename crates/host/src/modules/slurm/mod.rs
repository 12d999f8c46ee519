//! Accounts, users, associations, QOS and coordinators of the scheduler, through `sacctmgr`'s text: the one interface that
//! the built-in service and real Slurm share (docs/decisions.md, 8).
//!
//! Each module is a pure function from its arguments and the scheduler's books to changes and writes ([`Item`]);
//! `together` looks, writes and verifies for all items of a loop at once.

pub mod account;
pub mod association;
pub mod coordinator;
pub mod qos;
mod together;
pub mod user;

use super::{Args, Failure, Outcome};
use crate::books::{Row, check_word};
use crate::change::Change;
use together::{Item, Planned};
use words::text::limit::{CLEAR, LimitKind, find_in};
use words::value::Value;

/// The parameters of an association's settings, behind the given ones.
macro_rules! with_settings {
    ($($first:expr,)*) => {
        &[
            $($first,)*
            Param::new("limits", Kind::Dict, "Limits by Slurm's names; others are left alone; -1 or unset clears."),
            Param::new("qos", Kind::List, "QOS that may be used: the whole list, or +name and -name."),
            Param::new("default_qos", Kind::Str, "QOS of jobs that name none."),
            Param::new("fairshare", Kind::Str, "Shares among its siblings, or `parent`."),
            Param::new("priority", Kind::Int, "Priority of its jobs."),
            Param::new("cluster", Kind::Str, "Only on this cluster; on all of the database when left out."),
        ]
    };
}
use with_settings;

/// Parameters that are settings of an association.
const SETTINGS: &[(&str, &str)] =
    &[("qos", "QOS"), ("default_qos", "DefaultQOS"), ("fairshare", "Fairshare"), ("priority", "Priority")];

/// Settings that are asked for, with their values.
type Wanted = Vec<(&'static LimitKind, String)>;

/// What `args` ask for: the dictionary `limits`, and the parameters in `named` (parameter, setting).
fn wanted(args: &Args, table: &'static [LimitKind], named: &[(&str, &str)]) -> Result<Wanted, Failure> {
    let limits = args.get("limits").and_then(Value::as_map).into_iter().flatten();
    let limits = limits.map(|(name, value)| (name.as_str(), value));
    let named = named.iter().filter_map(|(parameter, name)| Some((*name, args.get(parameter)?)));
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
fn differing(mut change: Change, wanted: &Wanted, rows: &[&Row]) -> (Change, Vec<(&'static str, String)>) {
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

/// The names under `key`: one text is one name, a list is many.
fn names(args: &Args, key: &str) -> Vec<String> {
    match args.get(key) {
        None => Vec::new(),
        Some(Value::List(items)) => items.iter().map(Value::to_string).collect(),
        Some(one) => vec![one.to_string()],
    }
}

/// That all names in these parameters are names. A parameter that was given names somebody.
fn check_names(args: &Args, keys: &[&str]) -> Result<(), Failure> {
    for key in keys {
        let names = names(args, key);
        if names.is_empty() && args.get(key).is_some() {
            return Err(Failure::new(format!("{key} is an empty list")));
        }
        names.iter().try_for_each(|name| check_word(key, name))?;
    }
    Ok(())
}

/// What every one of these modules returns.
fn outcome(args: &Args, key: &str) -> Outcome {
    Outcome::new().with(key, args.get(key).cloned().unwrap_or_default()).with("state", args.text("state"))
}

/// `account/user`, with cluster and partition where they are given.
fn address(cluster: Option<&str>, account: &str, user: &str, partition: &str) -> String {
    let place = cluster.map_or(String::new(), |cluster| format!("{cluster}:"));
    let rest = [user, partition].into_iter().filter(|part| !part.is_empty()).map(|part| format!("/{part}"));
    format!("{place}{account}{}", rest.collect::<String>())
}

/// A module made of an [`Item`].
macro_rules! module {
    ($name:ident) => {
        impl Module for $name {
            fn spec(&self) -> &'static Spec {
                &SPEC
            }

            fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
                super::together::check(self, args, system)
            }

            fn run_together(
                &self,
                items: &[Result<Args, Failure>],
                system: &mut dyn System,
            ) -> Option<Vec<ItemResult>> {
                Some(super::together::run(self, items, system))
            }
        }
    };
}
use module;

#[cfg(test)]
mod tests;
