//! Accounts and associations of the scheduler, through `sacctmgr`'s text: the one interface that the built-in service
//! and real Slurm share (docs/decisions.md, 8).
//!
//! `sacctmgr`'s exit codes do not tell "is there already" from "failed", so these modules look first and then write
//! only what differs.

pub mod account;
pub mod user;

use super::{Args, Failure, Outcome};
use crate::change::Change;
use crate::scheduler::sacctmgr::{association, check_word, show, write};
use crate::text::limit::{self, LimitKind};
use crate::value::Value;

/// The limits that `args` asks for, with their values.
fn wanted_limits(args: &Args) -> Result<Vec<(&'static LimitKind, String)>, Failure> {
    let Some(map) = args.get("limits").and_then(Value::as_map) else { return Ok(Vec::new()) };
    map.iter()
        .map(|(name, value)| {
            let kind = limit::find(name).ok_or_else(|| Failure::new(format!("there is no limit '{name}'")))?;
            let value = value.to_string();
            match kind.accepts(&value) {
                true => Ok((kind, value)),
                false => Err(Failure::new(format!("{name} must be {}, not '{value}'", kind.says()))),
            }
        })
        .collect()
}

/// The limits that are not as wanted: as fields of `change`, and as words for `set`. `current` are their columns, none
/// for an association that is not there.
fn differing(
    mut change: Change,
    limits: &[(&'static LimitKind, String)],
    current: Option<&[String]>,
) -> (Change, Vec<String>) {
    let mut words = Vec::new();
    for (index, (kind, wanted)) in limits.iter().enumerate() {
        let column = current.and_then(|columns| columns.get(index)).map_or("", String::as_str);
        if !kind.is_met(wanted, column) {
            change = change.field(kind.name, shown(kind.current(column)), wanted.as_str());
            words.push(format!("{}={wanted}", kind.name));
        }
    }
    (change, words)
}

/// An empty column is nothing.
fn shown(column: &str) -> Value {
    if column.is_empty() { Value::Null } else { column.into() }
}

/// A verdict whose apply runs these commands in order and stops at the first that fails.
fn verdict(outcome: Outcome, change: Change, commands: Vec<Vec<String>>) -> super::Verdict {
    if commands.is_empty() {
        return super::Verdict::Satisfied(outcome);
    }
    super::Verdict::would(vec![change], move |system| {
        commands.iter().try_for_each(|command| write(system, command))?;
        Ok(outcome)
    })
}

/// Words of one command.
fn words(fixed: &[&str], rest: impl IntoIterator<Item = String>) -> Vec<String> {
    fixed.iter().map(|word| (*word).to_owned()).chain(rest).collect()
}

#[cfg(test)]
mod tests;
