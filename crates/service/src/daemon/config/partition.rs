//! `PartitionName=…` lines.

use super::lines::Line;
use super::{Config, pair};
use slurm::settings::Partition;
use slurm::settings::partition::Taken;
use words::diag::Diagnostic;

/// The name of lines that say what those after them have.
pub const DEFAULT: &str = "DEFAULT";

/// Whether it is none, but says what those after it have.
pub fn is_default(partition: &Partition) -> bool {
    partition.name.eq_ignore_ascii_case(DEFAULT)
}

/// Takes a line from its first value, the partition's name, on. `PartitionName=DEFAULT` says what those that follow have.
/// Words that are wrong go to `wrong`; the others count.
pub fn take(config: &mut Config, wrong: &mut Vec<Diagnostic>, line: &Line, rest: &str) -> Result<(), Diagnostic> {
    let Some(first) = pair(line, rest)? else { return Ok(()) };
    let known = &mut config.accounting.partitions;
    let default = known.iter().rev().find(|it| is_default(it)).cloned().unwrap_or_default();
    let mut partition = Partition { name: first.value.to_owned(), ..default };
    let mut words = config.compute.partitions.get(DEFAULT).cloned().unwrap_or_default();
    let mut without_effect = Vec::new();
    let mut rest = first.rest;
    while let Some(next) = pair(line, rest)? {
        if let Some(taken) = words.take(next.key, next.value) {
            wrong.extend(taken.err().map(|why| Diagnostic::input(&next.place, format!("{}: {why}", next.key))));
            rest = next.rest;
            continue;
        }
        match partition.take(next.key, next.value) {
            Ok(Some(Taken::Set)) => {}
            Ok(Some(Taken::NoEffect)) => without_effect.push(next.key),
            Ok(None) => {
                let unknown = Diagnostic::input(&next.place, format!("a partition has no `{}`", next.key));
                wrong.push(unknown.suggest(next.key, Partition::words()));
            }
            Err(why) => wrong.push(Diagnostic::input(&next.place, format!("{}: {why}", next.key))),
        }
        rest = next.rest;
    }
    if !without_effect.is_empty() {
        let (what, place) = (without_effect.join(", "), &first.place);
        config.warnings.push(format!(
            "{place}: {what} of partition {} does nothing here: the scheduler has nothing like it yet",
            first.value
        ));
    }
    if !is_default(&partition) && known.iter().any(|it| it.name == partition.name) {
        return Err(Diagnostic::input(&first.place, format!("partition {} is there already", partition.name)));
    }
    let name = if is_default(&partition) { DEFAULT.to_owned() } else { partition.name.clone() };
    config.compute.partitions.insert(name, words);
    config.accounting.partitions.push(partition);
    Ok(())
}

/// `NodeSet=NAME Nodes=… Feature=…`: a name for nodes, which partition lines may use.
pub fn take_set(config: &mut Config, line: &Line, rest: &str) -> Result<(), Diagnostic> {
    let Some(first) = pair(line, rest)? else { return Ok(()) };
    let (mut nodes, mut features) = (String::new(), String::new());
    let mut rest = first.rest;
    while let Some(next) = pair(line, rest)? {
        match next.key.to_ascii_lowercase().as_str() {
            "nodes" => nodes = next.value.to_owned(),
            "feature" | "features" => features = next.value.to_owned(),
            _ => {
                let unknown = Diagnostic::input(&next.place, format!("a set of nodes has no `{}`", next.key));
                return Err(unknown.suggest(next.key, ["Nodes", "Feature"]));
            }
        }
        rest = next.rest;
    }
    config.compute.sets.insert(first.value.to_owned(), (nodes, features));
    Ok(())
}
