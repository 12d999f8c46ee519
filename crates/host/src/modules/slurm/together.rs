//! All items of a loop at once: one look at the books, as few commands as the writes take, another look to verify.

use crate::books::{Books, Interest, Write, write_all};
use crate::change::outcome::{Failure, ItemResult, Outcome};
use crate::change::{Change, FieldDiff};
use crate::engine::{Module, Verdict};
use crate::parameters::ModuleParameters;
use crate::system::System;

/// A module of the scheduler's: what it must look at, and what follows.
pub trait SchedulerModule: Sync {
    /// What it takes.
    type Parameters: ModuleParameters;

    /// Adds what an item is about.
    fn interest(&self, given: &Self::Parameters, interest: &mut Interest);

    /// What differs, and the writes that mend it. Pure.
    fn plan(&self, given: &Self::Parameters, books: &Books) -> Result<Planned, Failure>;
}

/// One item of such a module, whatever it takes.
trait Item {
    /// See [`SchedulerModule::interest`].
    fn interest(&self, interest: &mut Interest);

    /// See [`SchedulerModule::plan`].
    fn plan(&self, books: &Books) -> Result<Planned, Failure>;
}

struct Asked<'a, S: SchedulerModule> {
    module: &'a S,
    given: &'a S::Parameters,
}

impl<S: SchedulerModule> Item for Asked<'_, S> {
    fn interest(&self, interest: &mut Interest) {
        self.module.interest(self.given, interest);
    }

    fn plan(&self, books: &Books) -> Result<Planned, Failure> {
        self.module.plan(self.given, books)
    }
}

impl<S: SchedulerModule> Module for S {
    type Parameters = <S as SchedulerModule>::Parameters;

    fn check(&self, given: &Self::Parameters, system: &dyn System) -> Result<Verdict, Failure> {
        check(&Asked { module: self, given }, system)
    }

    fn run_together(
        &self,
        items: &[Result<Self::Parameters, Failure>],
        system: &mut dyn System,
    ) -> Option<Vec<ItemResult>> {
        let asked = |given| Asked { module: self, given };
        let asked: Vec<_> = items.iter().map(|item| item.as_ref().map(asked)).collect();
        let items: Vec<_> =
            asked.iter().map(|item| item.as_ref().map(|item| item as &dyn Item).map_err(|failure| *failure)).collect();
        Some(run(&items, system))
    }
}

/// What one item needs; nothing to write means that all is well.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What the module returns.
    pub outcome: Outcome,
    /// What differs.
    pub changes: Vec<Change>,
    /// What mends it, in order.
    pub writes: Vec<Write>,
}

impl Planned {
    /// Nothing yet.
    pub fn new(outcome: Outcome) -> Self {
        Self { outcome, changes: Vec::new(), writes: Vec::new() }
    }

    /// Adds a change with its writes, if it has any.
    pub fn add(&mut self, change: Change, writes: Vec<Write>) {
        if !writes.is_empty() {
            self.changes.push(change);
            self.writes.extend(writes);
        }
    }
}

type Plans = Vec<Result<Planned, Failure>>;

/// Each item as if the ones before it were carried out already.
fn plan(items: &[&dyn Item], system: &dyn System) -> Result<Plans, Failure> {
    let mut interest = Interest::default();
    items.iter().for_each(|item| item.interest(&mut interest));
    let mut books = Books::look(system, &interest)?;
    let one = |item: &&dyn Item| {
        let planned = item.plan(&books)?;
        planned.writes.iter().for_each(|write| books.apply(write));
        Ok(planned)
    };
    Ok(items.iter().map(one).collect())
}

/// One item alone.
fn check(item: &dyn Item, system: &dyn System) -> Result<Verdict, Failure> {
    let Planned { outcome, changes, writes } = plan(&[item], system)?.remove(0)?;
    Ok(if writes.is_empty() {
        Verdict::Satisfied(outcome)
    } else {
        Verdict::would(changes, move |system| {
            match write_all(system, &writes).and_then(|said| said.into_iter().flatten().next()) {
                Some(failure) => Err(failure),
                None => Ok(outcome),
            }
        })
    })
}

/// All items of a loop.
fn run(items: &[Result<&dyn Item, &Failure>], system: &mut dyn System) -> Vec<ItemResult> {
    let good: Vec<&dyn Item> = items.iter().filter_map(|item| item.ok()).collect();
    let plans = match plan(&good, system) {
        Ok(plans) => plans,
        Err(failure) => good.iter().map(|_| Err(failure.clone())).collect(),
    };
    let writes: Vec<Write> = plans.iter().flatten().flat_map(|planned| planned.writes.iter().cloned()).collect();
    let failures = if writes.is_empty() { vec![None; plans.len()] } else { carry_out(&good, &plans, &writes, system) };
    let mut results = plans.into_iter().zip(failures).map(|(planned, failure)| match planned {
        Err(failure) => ItemResult::unchanged(Err(failure)),
        Ok(Planned { outcome, writes, .. }) if writes.is_empty() => ItemResult::unchanged(Ok(outcome)),
        Ok(Planned { outcome, changes, .. }) => {
            ItemResult { changes, changed: failure.is_none(), outcome: failure.map_or(Ok(outcome), Err) }
        }
    });
    let one = |item: &Result<&dyn Item, &Failure>| match *item {
        Err(failure) => ItemResult::unchanged(Err(failure.clone())),
        Ok(_) => results.next().expect("every item with good arguments was planned"),
    };
    items.iter().map(one).collect()
}

/// Writes, looks again, and gives what went wrong with each item. What counts is what the books say then: a command
/// that complained may have done its work (it was done already, by somebody else), and one that did not may not.
fn carry_out(items: &[&dyn Item], plans: &Plans, writes: &[Write], system: &mut dyn System) -> Vec<Option<Failure>> {
    let Some(mut said) = write_all(system, writes) else { return vec![None; items.len()] };
    let mut complaints = Vec::new();
    for planned in plans {
        let own = said.drain(..planned.as_ref().map_or(0, |planned| planned.writes.len()));
        complaints.push(own.flatten().next());
    }
    let now = match plan(items, system) {
        Ok(now) => now,
        Err(failure) => return items.iter().map(|_| Some(failure.clone())).collect(),
    };
    let verify = |(index, (complaint, now)): (usize, (Option<Failure>, Result<Planned, Failure>))| {
        let still = now.map(|now| now.changes).unwrap_or_default();
        match complaint {
            _ if still.is_empty() => None,
            None if is_overridden(plans, index) => None,
            None => Some(undone(&still)),
            complaint => complaint,
        }
    };
    complaints.into_iter().zip(now).enumerate().map(verify).collect()
}

fn undone(still: &[Change]) -> Failure {
    let name = |field: &FieldDiff| match field {
        FieldDiff::Value { name, .. } | FieldDiff::Text { name, .. } | FieldDiff::Opaque { name, .. } => name.clone(),
    };
    let fields = |change: &Change| change.fields.iter().map(name).collect::<Vec<_>>();
    let each = still.iter().map(|change| format!("{} ({})", change.address, fields(change).join(", ")));
    let each = each.collect::<Vec<_>>().join("; ");
    Failure::new(format!("sacctmgr reported no error, and its listing is not as it shall be: {each}"))
}

/// Whether a later item of the loop writes to what this one wrote to.
fn is_overridden(plans: &Plans, index: usize) -> bool {
    let names = |planned: &Planned| planned.writes.iter().flat_map(|write| write.names.clone()).collect::<Vec<_>>();
    let own = plans[index].as_ref().map(names).unwrap_or_default();
    plans[index + 1..].iter().flatten().any(|later| names(later).iter().any(|name| own.contains(name)))
}
