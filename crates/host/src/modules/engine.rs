//! Runs one module over the items of a loop on one host: the same path for one item and for 200, real or predicted.

use super::{After, Apply, Args, Failure, ItemResult, Module, Outcome, Prepared, Verdict, Would};
use crate::change::Change;
use crate::system::System;

/// An item of a loop: its arguments, or why they cannot be.
type Item = Result<Args, Failure>;

/// Checks every item and carries out what differs.
///
/// A module that works alone claims the host when some item differs, and every item from there on is checked again,
/// since the world may have moved. Items of an account module then share one transaction: one lock, one write a file.
pub fn run(module: &dyn Module, items: &[Item], system: &mut dyn System) -> Vec<ItemResult> {
    if let Some(results) = module.run_together(items, system) {
        return results;
    }
    system.look_again();
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match check(module, item, system) {
            Err(failure) => results.push(ItemResult::unchanged(Err(failure))),
            Ok(Verdict::Satisfied(outcome)) => results.push(ItemResult::unchanged(Ok(outcome))),
            Ok(Verdict::Would(Would { changes, apply: Apply::Now(step) })) if !module.works_alone() => {
                let outcome = step(system);
                results.push(finished(changes, outcome));
            }
            Ok(Verdict::Would(_)) => {
                results.extend(run_alone(module, &items[index..], system));
                return results;
            }
        }
    }
    results
}

fn check(module: &dyn Module, item: &Item, system: &dyn System) -> Result<Verdict, Failure> {
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

/// As the only one at work on the host. When another does not let go of it, what is right already is still told.
fn run_alone(module: &dyn Module, items: &[Item], system: &mut dyn System) -> Vec<ItemResult> {
    if let Err(error) = system.begin_work() {
        let failure = Failure::from(error);
        return items.iter().map(|item| unclaimed(module, item, system, &failure)).collect();
    }
    system.look_again();
    let mut results = run_claimed(module, items, system);
    if let Err(error) = system.make_durable() {
        let failure = Failure { acted: true, ..Failure::from(error) };
        results.iter_mut().filter(|result| result.changed).for_each(|result| not_durable(result, &failure));
    }
    system.end_work();
    results
}

/// It was made, and may be gone when the power fails.
fn not_durable(result: &mut ItemResult, failure: &Failure) {
    if result.outcome.is_ok() {
        result.outcome = Err(failure.clone());
    }
}

fn unclaimed(module: &dyn Module, item: &Item, system: &dyn System, failure: &Failure) -> ItemResult {
    match check(module, item, system) {
        Ok(Verdict::Satisfied(outcome)) => ItemResult::unchanged(Ok(outcome)),
        Ok(Verdict::Would(_)) => ItemResult::unchanged(Err(failure.clone())),
        Err(own) => ItemResult::unchanged(Err(own)),
    }
}

fn run_claimed(module: &dyn Module, items: &[Item], system: &mut dyn System) -> Vec<ItemResult> {
    let mut results = Vec::with_capacity(items.len());
    while let Some(item) = items.get(results.len()) {
        match check(module, item, system) {
            Err(failure) => results.push(ItemResult::unchanged(Err(failure))),
            Ok(Verdict::Satisfied(outcome)) => results.push(ItemResult::unchanged(Ok(outcome))),
            Ok(Verdict::Would(Would { changes, apply: Apply::Now(step) })) => {
                let outcome = step(system);
                results.push(finished(changes, outcome));
            }
            Ok(Verdict::Would(Would { apply: Apply::First(_) | Apply::Accounts { .. }, .. })) => {
                let rest = &items[results.len()..];
                let together = rest.iter().take_while(|other| removes(module, other) == removes(module, item)).count();
                results.extend(run_transaction(module, &rest[..together], system));
            }
        }
    }
    results
}

fn removes(module: &dyn Module, item: &Item) -> bool {
    item.as_ref().is_ok_and(|args| module.removes(args))
}

/// What was done for an item before the transaction.
type First = Result<Option<(Vec<Change>, Outcome)>, Failure>;

/// What one item still needs after the commit.
enum Pending {
    Done(ItemResult),
    Edited { changes: Vec<Change>, outcome: Outcome, after: Option<After> },
}

fn run_transaction(module: &dyn Module, items: &[Item], system: &mut dyn System) -> Vec<ItemResult> {
    let firsts: Vec<_> = items.iter().map(|item| first(module, item, system)).collect();
    if let Err(error) = system.begin_accounts() {
        let failure = Failure::from(error);
        return firsts.into_iter().map(|first| combined(first, ItemResult::unchanged(Err(failure.clone())))).collect();
    }
    let edit_unless_failed = |(item, first): (&Item, &First)| match first {
        Ok(_) => edit(module, item, system),
        Err(_) => Pending::Done(ItemResult::unchanged(Ok(Outcome::new()))),
    };
    let pending: Vec<_> = items.iter().zip(&firsts).map(edit_unless_failed).collect();
    let committed = match pending.iter().any(|p| matches!(p, Pending::Edited { .. })) {
        true => system.commit_accounts().map_err(Failure::from),
        false => {
            system.abort_accounts();
            Ok(())
        }
    };
    let settled = settle(pending, committed, system);
    settled.into_iter().zip(firsts).map(|(result, first)| combined(first, result)).collect()
}

/// Does what must come before the transaction.
fn first(module: &dyn Module, item: &Item, system: &mut dyn System) -> First {
    if !removes(module, item) {
        return Ok(None);
    }
    match check(module, item, system) {
        Ok(Verdict::Would(Would { changes, apply: Apply::First(step) })) => {
            step(system).map(|outcome| Some((changes, outcome))).map_err(|failure| Failure { acted: true, ..failure })
        }
        // What the check says otherwise, it says again within the transaction.
        _ => Ok(None),
    }
}

/// The first check knew all that would change; the second one, only what was left.
fn combined(first: First, rest: ItemResult) -> ItemResult {
    match first {
        Ok(None) => rest,
        Ok(Some((changes, outcome))) => {
            let outcome = rest.outcome.map(|_| outcome).map_err(|failure| Failure { acted: true, ..failure });
            finished(changes, outcome)
        }
        Err(failure) => finished(Vec::new(), Err(failure)),
    }
}

fn edit(module: &dyn Module, item: &Item, system: &mut dyn System) -> Pending {
    match check(module, item, system) {
        Err(failure) => Pending::Done(ItemResult::unchanged(Err(failure))),
        Ok(Verdict::Satisfied(outcome)) => Pending::Done(ItemResult::unchanged(Ok(outcome))),
        Ok(Verdict::Would(Would { apply: Apply::First(_), .. })) => {
            let failure = Failure::new("files came back while the account was being removed").hint("run again");
            Pending::Done(ItemResult::unchanged(Err(failure)))
        }
        Ok(Verdict::Would(Would { changes, apply: Apply::Now(step) })) => {
            // An item without database changes (only its home is missing): after the commit, as for the others.
            let after: After = Box::new(move |system, _| {
                Ok(Prepared { outcome: step(system)?, finish: Box::new(|_, outcome| Ok(outcome)) })
            });
            Pending::Edited { changes, outcome: Outcome::new(), after: Some(after) }
        }
        Ok(Verdict::Would(Would { changes, apply: Apply::Accounts { edit, after } })) => match edit(system) {
            Ok(outcome) => Pending::Edited { changes, outcome, after },
            Err(failure) => Pending::Done(ItemResult::unchanged(Err(failure))),
        },
    }
}

/// What depends on the accounts: prepared for all items, brought to the disk in one go, and then given its names.
fn settle(pending: Vec<Pending>, committed: Result<(), Failure>, system: &mut dyn System) -> Vec<ItemResult> {
    let settling: Vec<_> = pending.into_iter().map(|pending| prepare(pending, &committed, system)).collect();
    let durable = system.make_durable().map_err(Failure::from);
    settling.into_iter().map(|settling| finish(settling, &durable, system)).collect()
}

/// An item that is done, or prepared.
enum Settling {
    Done(ItemResult),
    Prepared(Vec<Change>, Prepared),
}

fn prepare(pending: Pending, committed: &Result<(), Failure>, system: &mut dyn System) -> Settling {
    let (changes, outcome, after) = match pending {
        Pending::Done(result) => return Settling::Done(result),
        Pending::Edited { changes, outcome, after } => (changes, outcome, after),
    };
    let prepared = match (committed, after) {
        (Err(failure), _) => Err(failure.clone()),
        (Ok(()), None) => return Settling::Done(finished(changes, Ok(outcome))),
        (Ok(()), Some(after)) => after(system, outcome),
    };
    match prepared {
        Ok(prepared) => Settling::Prepared(changes, prepared),
        Err(failure) => Settling::Done(finished(changes, Err(failure))),
    }
}

fn finish(settling: Settling, durable: &Result<(), Failure>, system: &mut dyn System) -> ItemResult {
    match settling {
        Settling::Done(result) => result,
        Settling::Prepared(changes, Prepared { outcome, finish }) => {
            let outcome = durable.clone().and_then(|()| finish(system, outcome));
            finished(changes, outcome)
        }
    }
}
