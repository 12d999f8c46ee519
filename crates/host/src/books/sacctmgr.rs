//! `sacctmgr`'s text, as the built-in service and real Slurm both speak it.

use super::write::{Write, merged};
use crate::change::outcome::Failure;
use crate::system::{Command, ProgramOutput, System, SystemError};

const HINT: &str = "is this host the scheduler's master, and does the accounting service run?";

/// Runs a `sacctmgr` list and gives its rows, which have `columns` fields each.
pub(super) fn show(system: &dyn System, arguments: &[String], columns: &[&str]) -> Result<Vec<Vec<String>>, Failure> {
    let argv = ["sacctmgr", "-n", "-P", "show"].into_iter().map(str::to_owned).chain(arguments.iter().cloned());
    let argv = argv.chain([format!("format={}", columns.join(","))]);
    let output = system.query(&Command::new(argv)).map_err(|error| Failure::from(error).hint(HINT))?;
    if output.code != 0 {
        return Err(refused(&output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let rows = text.lines().filter(|line| !line.trim().is_empty());
    let rows = rows.map(|line| line.split('|').map(str::to_owned).collect::<Vec<_>>());
    Ok(rows.filter(|row| row.len() == columns.len()).collect())
}

/// Carries out `writes` in as few commands as they take. For each write what its command complained of, if it did.
/// `None` when a command could not be run in a dry run, so that the books don't show what it would do.
pub fn write_all(system: &mut dyn System, writes: &[Write]) -> Option<Vec<Option<Failure>>> {
    let mut said = vec![None; writes.len()];
    let mut known = true;
    for (write, places) in merged(writes) {
        let argv = ["sacctmgr", "-i"].into_iter().map(str::to_owned).chain(write.argv());
        let failure = match system.run(&Command::new(argv)) {
            Ok(output) if output.code == 0 => continue,
            Ok(output) => refused(&output),
            Err(SystemError::Unknown(_)) => {
                known = false;
                continue;
            }
            Err(error) => Failure::from(error).hint(HINT),
        };
        places.into_iter().for_each(|place| said[place] = Some(failure.clone()));
    }
    known.then_some(said)
}

fn refused(output: &ProgramOutput) -> Failure {
    let said = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text).trim().to_owned());
    let said = said.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    Failure::new(format!("sacctmgr failed: {said}")).hint(HINT).with("rc", output.code)
}

/// A name: what may be written into a command without being taken for an option, a list, a range or an operator.
pub fn check_word(what: &str, word: &str) -> Result<(), Failure> {
    let is_safe = |c: char| c.is_alphanumeric() || "_.-/@+".contains(c);
    if !word.is_empty() && !word.starts_with(['-', '+']) && word.chars().all(is_safe) {
        Ok(())
    } else {
        Err(Failure::new(format!("invalid {what} '{}'", word.escape_debug()))
            .hint("a name has letters, digits and _ . - / @ +, and begins with none of - and +"))
    }
}

/// A text for people: anything that comes back from a listing as it was.
pub fn check_text(what: &str, text: &str) -> Result<(), Failure> {
    let is_safe = |c: char| !c.is_control() && !"|'\"\\".contains(c);
    if text.chars().all(is_safe) && text.trim() == text && !text.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("invalid {what} '{}'", text.escape_debug()))
            .hint("a text has no quotes, no | and no control characters"))
    }
}
