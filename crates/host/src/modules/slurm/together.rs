//! All items of a loop at once: one look at the books, as few commands as the writes take, another look to verify.

use crate::books::{Books, Interest, JobOrder, Write, jobs_of, write_all};
use crate::change::outcome::{Failure, ItemResult, Outcome};
use crate::change::{Change, FieldDiff};
use crate::engine::{Module, Verdict};
use crate::parameters::ModuleParameters;
use crate::system::System;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A module of the scheduler's: what it must look at, and what follows.
pub trait SchedulerModule: Sync {
    /// What it takes.
    type Parameters: ModuleParameters;

    /// Adds what an item is about.
    fn interest(&self, given: &Self::Parameters, interest: &mut Interest);

    /// Refuses an item that the host itself speaks against.
    fn allow(&self, _: &Self::Parameters, _: &dyn System) -> Result<(), Failure> {
        Ok(())
    }

    /// What differs, and the writes that mend it. Pure.
    fn plan(&self, given: &Self::Parameters, books: &Books) -> Result<Planned, Failure>;
}

/// One item of such a module, whatever it takes.
trait Item {
    /// See [`SchedulerModule::interest`].
    fn interest(&self, interest: &mut Interest);

    /// See [`SchedulerModule::allow`].
    fn allow(&self, system: &dyn System) -> Result<(), Failure>;

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

    fn allow(&self, system: &dyn System) -> Result<(), Failure> {
        self.module.allow(self.given, system)
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
    /// What is done to jobs after that.
    pub orders: Vec<JobOrder>,
    /// A user, by number, who has no job left when it is done.
    pub ends_all_of: Option<u32>,
}

impl Planned {
    /// Nothing yet.
    pub fn new(outcome: Outcome) -> Self {
        Self { outcome, changes: Vec::new(), writes: Vec::new(), orders: Vec::new(), ends_all_of: None }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.orders.is_empty()
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
        item.allow(system)?;
        let planned = item.plan(&books)?;
        planned.writes.iter().for_each(|write| books.apply(write));
        Ok(planned)
    };
    Ok(items.iter().map(one).collect())
}

/// One item alone.
fn check(item: &dyn Item, system: &dyn System) -> Result<Verdict, Failure> {
    let planned = plan(&[item], system)?.remove(0)?;
    Ok(if planned.is_empty() {
        Verdict::Satisfied(planned.outcome)
    } else {
        Verdict::would(planned.changes.clone(), move |system| {
            if let Some(failure) = write_all(system, &planned.writes).and_then(|said| said.into_iter().flatten().next())
            {
                return Err(failure);
            }
            give(system, &planned).map_or(Ok(()), |given| given).map(|()| planned.outcome)
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
    let nothing_to_do = plans.iter().flatten().all(Planned::is_empty);
    let failures = if nothing_to_do { vec![None; plans.len()] } else { carry_out(&good, &plans, system) };
    let mut results = plans.into_iter().zip(failures).map(|(planned, failure)| match planned {
        Err(failure) => ItemResult::unchanged(Err(failure)),
        Ok(planned) if planned.is_empty() => ItemResult::unchanged(Ok(planned.outcome)),
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
fn carry_out(items: &[&dyn Item], plans: &Plans, system: &mut dyn System) -> Vec<Option<Failure>> {
    let writes: Vec<Write> = plans.iter().flatten().flat_map(|planned| planned.writes.iter().cloned()).collect();
    let said = write_all(system, &writes);
    let given: Vec<_> =
        plans.iter().map(|planned| planned.as_ref().map_or(Some(Ok(())), |it| give(system, it))).collect();
    let (Some(mut said), Some(given)) = (said, given.into_iter().collect::<Option<Vec<_>>>()) else {
        return vec![None; items.len()];
    };
    let until = Instant::now() + PATIENCE;
    let first = plans.iter().flatten().filter(|planned| !planned.orders.is_empty()).collect::<Vec<_>>();
    let mut unknown = wait_until_over(system, &ending(&first), until).err();
    let mut complaints = Vec::new();
    for (planned, given) in plans.iter().zip(given) {
        let own = said.drain(..planned.as_ref().map_or(0, |planned| planned.writes.len()));
        complaints.push(own.flatten().next().or(given.err()));
    }
    let mut now = plan(items, system);
    // A job that was submitted before the stop was written is no way to stay: it was in no order, and gets one now.
    for _ in 0..LATECOMERS {
        let late =
            now.iter().flatten().zip(plans).filter(|(_, planned)| planned.as_ref().is_ok_and(|it| !it.is_empty()));
        let late: Vec<Planned> =
            late.filter_map(|(now, _)| now.as_ref().ok()).filter(|it| !it.orders.is_empty()).cloned().collect();
        if late.is_empty() || unknown.is_some() {
            break;
        }
        late.iter().for_each(|planned| _ = give(system, planned));
        unknown = wait_until_over(system, &ending(&late.iter().collect::<Vec<_>>()), until).err();
        now = plan(items, system);
    }
    let now = match now {
        Ok(now) => now,
        Err(failure) => return items.iter().map(|_| Some(failure.clone())).collect(),
    };
    let not_known = |index: usize| {
        let planned = plans[index].as_ref().ok().filter(|planned| !planned.orders.is_empty());
        let why = planned.and_then(|planned| planned.ends_all_of).and(unknown.as_ref())?;
        Some(Failure::new(format!("it is not known whether the jobs are over: {why}")))
    };
    let verify = |(index, (complaint, now)): (usize, (Option<Failure>, Result<Planned, Failure>))| {
        let still = now.map(|now| now.changes).unwrap_or_default();
        match complaint {
            _ if still.is_empty() => not_known(index),
            None if is_overridden(plans, index) => None,
            None => Some(undone(&still)),
            complaint => complaint,
        }
    };
    complaints.into_iter().zip(now).enumerate().map(verify).collect()
}

/// Gives the orders of an item; the error is the first complaint. `None` in a dry run, where nobody can tell.
fn give(system: &mut dyn System, planned: &Planned) -> Option<Result<(), Failure>> {
    // All are given, also where the first cannot tell.
    let given: Vec<_> = planned.orders.iter().map(|order| order.give(system)).collect();
    Some(given.into_iter().collect::<Option<Vec<_>>>()?.into_iter().find(Result::is_err).unwrap_or(Ok(())))
}

/// So long jobs may take to end that are told to: KillWait and what nodes need to clean up.
const PATIENCE: Duration = Duration::from_secs(150);

/// So often jobs are looked for that came in before their user could submit none any more.
const LATECOMERS: usize = 3;

/// Whose jobs all end by these orders.
fn ending(ordered: &[&Planned]) -> BTreeSet<u32> {
    ordered.iter().filter_map(|planned| planned.ends_all_of).collect()
}

/// Waits until none of these users has a job left; one that does not end is found by the look afterwards. The error says why
/// nobody can tell.
fn wait_until_over(system: &dyn System, uids: &BTreeSet<u32>, until: Instant) -> Result<(), String> {
    let mut pause = Duration::from_millis(20);
    while !uids.is_empty() && Instant::now() < until {
        if jobs_of(system, uids)?.is_empty() {
            return Ok(());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(1));
    }
    Ok(())
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
