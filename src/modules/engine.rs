//! Runs one module over the items of a loop on one host: the same path for one item and for 200, real or predicted.

use super::{After, Apply, Args, Failure, ItemResult, Module, Outcome, Verdict, Would};
use crate::change::Change;
use crate::system::System;

/// Checks every item and carries out what differs.
///
/// Items of an account module share one transaction: one lock, one write a file. It is only begun when some item
/// differs; then every item is checked again under the lock, since the world may have moved.
pub fn run(module: &dyn Module, items: &[Result<Args, Failure>], system: &mut dyn System) -> Vec<ItemResult> {
    if let Some(results) = module.run_together(items, system) {
        return results;
    }
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match check(module, item, system) {
            Err(failure) => results.push(ItemResult::unchanged(Err(failure))),
            Ok(Verdict::Satisfied(outcome)) => results.push(ItemResult::unchanged(Ok(outcome))),
            Ok(Verdict::Would(Would { changes, apply: Apply::Now(step) })) => {
                let outcome = step(system);
                results.push(finished(changes, outcome));
            }
            Ok(Verdict::Would(Would { apply: Apply::Accounts { .. }, .. })) => {
                results.extend(run_transaction(module, &items[index..], system));
                return results;
            }
        }
    }
    results
}

fn check(module: &dyn Module, item: &Result<Args, Failure>, system: &dyn System) -> Result<Verdict, Failure> {
    match item {
        Ok(args) => module.check(args, system),
        Err(failure) => Err(failure.clone()),
    }
}

fn finished(changes: Vec<Change>, outcome: Result<Outcome, Failure>) -> ItemResult {
    let changed = match &outcome {
        Ok(outcome) => outcome.skipped.is_none(),
        Err(failure) => failure.acted,
    };
    ItemResult { changes, changed, outcome }
}

/// What one item still needs after the commit.
enum Pending {
    Done(ItemResult),
    Edited { changes: Vec<Change>, outcome: Outcome, after: Option<After> },
}

fn run_transaction(module: &dyn Module, items: &[Result<Args, Failure>], system: &mut dyn System) -> Vec<ItemResult> {
    if let Err(error) = system.begin_accounts() {
        let failure = Failure::from(error);
        return items.iter().map(|_| ItemResult::unchanged(Err(failure.clone()))).collect();
    }
    let pending: Vec<_> = items.iter().map(|item| edit(module, item, system)).collect();
    if !pending.iter().any(|p| matches!(p, Pending::Edited { .. })) {
        system.abort_accounts();
        return pending.into_iter().map(|p| settle(p, Ok(()), system)).collect();
    }
    let committed = system.commit_accounts().map_err(Failure::from);
    pending.into_iter().map(|p| settle(p, committed.clone(), system)).collect()
}

fn edit(module: &dyn Module, item: &Result<Args, Failure>, system: &mut dyn System) -> Pending {
    match check(module, item, system) {
        Err(failure) => Pending::Done(ItemResult::unchanged(Err(failure))),
        Ok(Verdict::Satisfied(outcome)) => Pending::Done(ItemResult::unchanged(Ok(outcome))),
        Ok(Verdict::Would(Would { changes, apply: Apply::Now(step) })) => {
            // An item without database changes (only its home is missing): after the commit, as for the others.
            let after: After = Box::new(move |system, _| step(system));
            Pending::Edited { changes, outcome: Outcome::new(), after: Some(after) }
        }
        Ok(Verdict::Would(Would { changes, apply: Apply::Accounts { edit, after } })) => match edit(system) {
            Ok(outcome) => Pending::Edited { changes, outcome, after },
            Err(failure) => Pending::Done(ItemResult::unchanged(Err(failure))),
        },
    }
}

fn settle(pending: Pending, committed: Result<(), Failure>, system: &mut dyn System) -> ItemResult {
    match pending {
        Pending::Done(result) => result,
        Pending::Edited { changes, outcome, after } => {
            let outcome = committed.and_then(|()| match after {
                Some(after) => after(system, outcome),
                None => Ok(outcome),
            });
            finished(changes, outcome)
        }
    }
}
