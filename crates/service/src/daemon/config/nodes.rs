//! `NodeName=…` lines (slurm.conf(5), "NODE CONFIGURATION").

use super::lines::Line;
use super::{Config, pair};
use scheduling::lines::{NodeWords, is_name};
use slurm::settings::partition::Taken;
use words::diag::Diagnostic;
use words::text::hostlist;

/// Takes a line from its first value, the names, on. `NodeName=DEFAULT` says what those that follow have. Words that are
/// wrong go to `wrong`; the others count.
pub fn take(config: &mut Config, wrong: &mut Vec<Diagnostic>, line: &Line, rest: &str) -> Result<(), Diagnostic> {
    let Some(first) = pair(line, rest)? else { return Ok(()) };
    let is_default = first.value.eq_ignore_ascii_case("DEFAULT");
    let mut node = config.compute.default_node.clone();
    let (mut rest, mut without_effect) = (first.rest, Vec::new());
    while let Some(next) = pair(line, rest)? {
        match node.take(next.key, next.value) {
            Ok(Some(Taken::Set)) => {}
            Ok(Some(Taken::NoEffect)) => without_effect.push(next.key),
            Ok(None) => {
                let unknown = Diagnostic::input(&next.place, format!("a node has no `{}`", next.key));
                wrong.push(unknown.suggest(next.key, NodeWords::words()));
            }
            Err(why) => wrong.push(Diagnostic::input(&next.place, format!("{}: {why}", next.key))),
        }
        rest = next.rest;
    }
    let what = without_effect.join(", ");
    if !what.is_empty() {
        config.warnings.push(format!("{}: {what} of node {} does nothing here", first.place, first.value));
    }
    if is_default {
        config.compute.default_node = node;
        return Ok(());
    }
    let names =
        hostlist::expand_all(first.value).filter(|names| !names.is_empty() && names.iter().all(|name| is_name(name)));
    let bad = || Diagnostic::input(&first.place, format!("NodeName: `{}` is no list of names", first.value));
    let names = names.ok_or_else(bad)?;
    config.compute.nodes.extend(names.into_iter().map(|name| node.named(name)));
    Ok(())
}
