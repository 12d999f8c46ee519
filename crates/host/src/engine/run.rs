//! Runs one module over the items of a loop on one host: the same path for one item and for 200, real or predicted.

use super::{After, Apply, Module, Prepared, Verdict, Would};
use crate::change::Change;
use crate::change::outcome::{Failure, ItemResult, Outcome};
use crate::system::System;
use crate::system::lookup::LookedUp;

/// One item of a loop: what the module is asked for, whatever its parameters are.
trait Item {
    /// See [`Module::check`]; fails where its arguments cannot be.
    fn check(&self, system: &dyn System) -> Result<Verdict, Failure>;

    /// See [`Module::removes`].
    fn removes(&self) -> bool;

    /// See [`Module::looks_up`].
    fn looks_up(&self) -> Vec<LookedUp>;
}

struct Asked<'a, M: Module> {
    module: &'a M,
    given: &'a Result<M::Parameters, Failure>,
}

impl<M: Module> Item for Asked<'_, M> {
    fn check(&self, system: &dyn System) -> Result<Verdict, Failure> {
        match self.given {
            Ok(given) => self.module.check(given, system),
            Err(failure) => Err(failure.clone()),
        }
    }

    fn removes(&self) -> bool {
        self.given.as_ref().is_ok_and(|given| self.module.removes(given))
    }

    fn looks_up(&self) -> Vec<LookedUp> {
        self.given.as_ref().map_or(Vec::new(), |given| self.module.looks_up(given))
    }
}

/// Runs a module over items, each for itself.
pub(super) fn each<M: Module>(
    module: &M,
    items: &[Result<M::Parameters, Failure>],
    system: &mut dyn System,
) -> Vec<ItemResult> {
    let asked: Vec<_> = items.iter().map(|given| Asked { module, given }).collect();
    let items: Vec<_> = asked.iter().map(|item| item as &dyn Item).collect();
    run(&items, module.works_alone(), system)
}

/// Checks every item and carries out what differs.
///
/// A module that works alone claims the host when some item differs, and every item from there on is checked again,
/// since the world may have moved. Items of an account module then share one transaction: one lock, one write a file.
fn run(items: &[&dyn Item], works_alone: bool, system: &mut dyn System) -> Vec<ItemResult> {
    system.look_again();
    look_up(items, system);
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.check(system) {
            Err(failure) => results.push(ItemResult::unchanged(Err(failure))),
            Ok(Verdict::Satisfied(outcome)) => results.push(ItemResult::unchanged(Ok(outcome))),
            Ok(Verdict::Would(Would { changes, apply: Apply::Now(step) })) if !works_alone => {
                let outcome = step(system);
                results.push(finished(changes, outcome));
            }
            Ok(Verdict::Would(_)) => {
                results.extend(run_alone(&items[index..], system));
                return results;
            }
        }
    }
    results
}

/// What was known is forgotten when the world may have moved; so this is asked anew each time.
fn look_up(items: &[&dyn Item], system: &dyn System) {
    let wanted: Vec<_> = items.iter().flat_map(|item| item.looks_up()).collect();
    system.look_up_together(&wanted);
}

fn finished(changes: Vec<Change>, outcome: Result<Outcome, Failure>) -> ItemResult {
    let changed = match &outcome {
        Ok(outcome) => outcome.skipped.is_none(),
        Err(failure) => failure.acted,
    };
    ItemResult { changes, changed, outcome }
}

/// As the only one at work on the host. When another does not let go of it, what is right already is still told.
fn run_alone(items: &[&dyn Item], system: &mut dyn System) -> Vec<ItemResult> {
    if let Err(error) = system.begin_work() {
        let failure = Failure::from(error);
        return items.iter().map(|item| unclaimed(*item, system, &failure)).collect();
    }
    system.look_again();
    look_up(items, system);
    let mut results = run_claimed(items, system);
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

fn unclaimed(item: &dyn Item, system: &dyn System, failure: &Failure) -> ItemResult {
    match item.check(system) {
        Ok(Verdict::Satisfied(outcome)) => ItemResult::unchanged(Ok(outcome)),
        Ok(Verdict::Would(_)) => ItemResult::unchanged(Err(failure.clone())),
        Err(own) => ItemResult::unchanged(Err(own)),
    }
}

fn run_claimed(items: &[&dyn Item], system: &mut dyn System) -> Vec<ItemResult> {
    let mut results = Vec::with_capacity(items.len());
    while let Some(item) = items.get(results.len()) {
        match item.check(system) {
            Err(failure) => results.push(ItemResult::unchanged(Err(failure))),
            Ok(Verdict::Satisfied(outcome)) => results.push(ItemResult::unchanged(Ok(outcome))),
            Ok(Verdict::Would(Would { changes, apply: Apply::Now(step) })) => {
                let outcome = step(system);
                results.push(finished(changes, outcome));
            }
            Ok(Verdict::Would(Would { apply: Apply::First(_) | Apply::Accounts { .. }, .. })) => {
                let rest = &items[results.len()..];
                let together = rest.iter().take_while(|other| other.removes() == item.removes()).count();
                results.extend(run_transaction(&rest[..together], system));
            }
        }
    }
    results
}

/// What was done for an item before the transaction.
type First = Result<Option<(Vec<Change>, Outcome)>, Failure>;

/// What one item still needs after the commit.
enum Pending {
    Done(ItemResult),
    Edited { changes: Vec<Change>, outcome: Outcome, after: Option<After> },
}

fn run_transaction(items: &[&dyn Item], system: &mut dyn System) -> Vec<ItemResult> {
    let firsts: Vec<_> = items.iter().map(|item| first(*item, system)).collect();
    if let Err(error) = system.begin_accounts() {
        let failure = Failure::from(error);
        return firsts.into_iter().map(|first| combined(first, ItemResult::unchanged(Err(failure.clone())))).collect();
    }
    look_up(items, system);
    let edit_unless_failed = |(item, first): (&&dyn Item, &First)| match first {
        Ok(_) => edit(*item, system),
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
fn first(item: &dyn Item, system: &mut dyn System) -> First {
    if !item.removes() {
        return Ok(None);
    }
    match item.check(system) {
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

fn edit(item: &dyn Item, system: &mut dyn System) -> Pending {
    match item.check(system) {
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
