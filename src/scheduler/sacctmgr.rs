//! `sacctmgr`'s text, as the built-in service and real Slurm both speak it.

use crate::change::outcome::Failure;
use crate::system::{Command, Output, System, SystemError};
use crate::text::limit::LimitKind;

/// Runs a `sacctmgr` list and gives its rows.
pub fn show(system: &dyn System, arguments: &[&str]) -> Result<Vec<Vec<String>>, Failure> {
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
pub fn write(system: &mut dyn System, arguments: &[String]) -> Result<(), Failure> {
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
pub fn check_word(what: &str, word: &str) -> Result<(), Failure> {
    let is_safe = |c: char| c.is_alphanumeric() || "_.-/@+".contains(c);
    match !word.is_empty() && !word.starts_with('-') && word.chars().all(is_safe) {
        true => Ok(()),
        false => Err(Failure::new(format!("invalid {what} '{}'", word.escape_debug()))),
    }
}

/// The own (not inherited) values of these limits, from the association that `filter` names; `None` when it is not
/// there. `key` are further columns, which come first.
pub fn association(
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
