//! Accounts and associations of the scheduler, through `sacctmgr`'s text: the one interface that the built-in service
//! and real Slurm share (docs/decisions.md, 8).
//!
//! `sacctmgr`'s exit codes do not tell "is there already" from "failed", so these modules look first and then write
//! only what differs.

pub mod account;
pub mod user;

use super::{Args, Failure, Outcome};
use crate::change::Change;
use crate::system::{Command, Output, System, SystemError};
use crate::text::limit::{self, LimitKind};
use crate::value::Value;

/// Runs a `sacctmgr` list and gives its rows.
fn show(system: &dyn System, arguments: &[&str]) -> Result<Vec<Vec<String>>, Failure> {
    let argv = ["sacctmgr", "-n", "-P", "show"].iter().chain(arguments).copied();
    let output = answered(system.query(&Command::new(argv)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.split('|').map(str::to_owned).collect())
        .collect())
}

/// Runs a `sacctmgr` command that changes something, without asking.
fn write(system: &mut dyn System, arguments: &[String]) -> Result<(), Failure> {
    let argv = ["sacctmgr", "-i"].into_iter().map(str::to_owned).chain(arguments.iter().cloned());
    match system.run(&Command::new(argv)) {
        // A dry run on real Slurm: what would change is known already.
        Err(SystemError::Unknown(_)) => Ok(()),
        result => answered(result).map(drop),
    }
}

/// The output of a `sacctmgr` that succeeded.
fn answered(result: Result<Output, SystemError>) -> Result<Output, Failure> {
    const HINT: &str = "is this host the scheduler's master, and does the accounting service run?";
    let output = result.map_err(|error| Failure::from(error).hint(HINT))?;
    if output.code == 0 {
        return Ok(output);
    }
    let said = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text).trim().to_owned());
    let said = said.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    Err(Failure::new(format!("sacctmgr failed: {said}")).hint(HINT).with("rc", output.code))
}

/// Names and values of an association: what may be written into a command without being taken for something else.
fn check_word(what: &str, word: &str) -> Result<(), Failure> {
    let is_safe = |c: char| c.is_alphanumeric() || "_.-/@+".contains(c);
    match !word.is_empty() && !word.starts_with('-') && word.chars().all(is_safe) {
        true => Ok(()),
        false => Err(Failure::new(format!("invalid {what} '{}'", word.escape_debug()))),
    }
}

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

/// The own (not inherited) values of these limits, from the association that `filter` names; `None` when it is not
/// there. `key` are further columns, which come first.
fn association(
    system: &dyn System,
    filter: &[String],
    key: &[&str],
    limits: &[(&'static LimitKind, String)],
    is_it: impl Fn(&[String]) -> bool,
) -> Result<Option<Vec<String>>, Failure> {
    let columns: Vec<_> = key.iter().copied().chain(limits.iter().map(|(kind, _)| kind.column)).collect();
    let format = format!("format={}", columns.join(","));
    let arguments: Vec<_> = ["association", "wopi", "where"]
        .into_iter()
        .chain(filter.iter().map(String::as_str))
        .chain([format.as_str()])
        .collect();
    let rows = show(system, &arguments)?;
    Ok(rows.into_iter().find(|row| row.len() == columns.len() && is_it(row)))
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
