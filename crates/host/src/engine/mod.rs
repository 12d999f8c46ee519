//! What a module is, and how one runs over the items of a loop on one host.
//!
//! A module's [`Module::check`] reads and says what differs; what it returns carries the one way to make it so. Check
//! mode runs the same two steps against a predicted system, so a dry run and a real run cannot drift apart.

mod run;
#[cfg(test)]
pub mod testing;

use crate::change::Change;
use crate::change::outcome::{Failure, ItemResult, Outcome};
use crate::parameters::{ModuleParameters, Spec};
use crate::protocol::Bound;
use crate::system::System;
use crate::system::lookup::LookedUp;
use words::value::Map;

/// One kind of resource on a host.
pub trait Module: Sync {
    /// What it takes: declared by [`parameters!`](crate::parameters!), with its name and documentation.
    type Parameters: ModuleParameters;

    /// Observes and compares; never writes. A module whose own nature is to act (`command`) says so in the verdict.
    fn check(&self, given: &Self::Parameters, system: &dyn System) -> Result<Verdict, Failure>;

    /// How large its answer about one item may be; only what lists a host's entries needs more than others.
    fn bound(&self) -> Bound {
        Bound::USUAL
    }

    /// Whether what it changes must be one process's work at a time on a host: accounts, homes, keys. Its items are then
    /// checked again once the host is claimed, see [`System::begin_work`].
    fn works_alone(&self) -> bool {
        false
    }

    /// Whether this item removes an account: such items have files that go first, and a transaction of their own, whose
    /// files are written in another order.
    fn removes(&self, _given: &Self::Parameters) -> bool {
        false
    }

    /// Whom the check may look up beyond the host's own files, for all items to be asked in one go. A hint for speed.
    fn looks_up(&self, _given: &Self::Parameters) -> Vec<LookedUp> {
        Vec::new()
    }

    /// Runs all items of a loop, for a module that looks at all of them in one go and writes them together. `None` when
    /// each stands for itself, as in most modules.
    fn run_together(
        &self,
        _items: &[Result<Self::Parameters, Failure>],
        _system: &mut dyn System,
    ) -> Option<Vec<ItemResult>> {
        None
    }
}

/// Any module, as who only knows its name uses it. Every [`Module`] is one.
pub trait AnyModule: Sync {
    /// Name and parameters.
    fn spec(&self) -> &'static Spec;

    /// See [`Module::bound`].
    fn bound(&self) -> Bound;

    /// See [`Module::works_alone`].
    fn works_alone(&self) -> bool;

    /// Runs it over the items of a loop, each with its arguments as the playbook gives them.
    fn run(&self, items: &[Map], system: &mut dyn System) -> Vec<ItemResult>;
}

impl<M: Module> AnyModule for M {
    fn spec(&self) -> &'static Spec {
        M::Parameters::SPEC
    }

    fn bound(&self) -> Bound {
        Module::bound(self)
    }

    fn works_alone(&self) -> bool {
        Module::works_alone(self)
    }

    fn run(&self, items: &[Map], system: &mut dyn System) -> Vec<ItemResult> {
        let items: Vec<_> = items.iter().map(M::Parameters::read).collect();
        self.run_together(&items, system).unwrap_or_else(|| run::each(self, &items, system))
    }
}

/// What [`Module::check`] found.
pub enum Verdict {
    /// Nothing to do.
    Satisfied(Outcome),
    /// Something differs.
    Would(Would),
}

/// A difference and the one way to remove it.
pub struct Would {
    /// What will change, as shown to people. Empty for a module that just acts.
    pub changes: Vec<Change>,
    /// Makes it so, on the system given: the real one, or the predicted one in a dry run.
    pub apply: Apply,
}

/// How a [`Would`] is carried out.
pub enum Apply {
    /// In one step.
    Now(Step),
    /// In one step, after which the item is checked again for what remains. What must be done while the account is
    /// there: the account is what a later run knows by that a run was cut off. Only for items that
    /// [`Module::removes`] is true for.
    First(Step),
    /// Inside the account-database transaction of the whole loop, then (after the commit) a second step for what
    /// depends on it, such as the home directory.
    Accounts {
        /// Edits the databases; must do nothing else.
        edit: Step,
        /// Runs after the databases are safely on disk; gets what `edit` returned.
        after: Option<After>,
    },
}

/// One deferred step of a change.
pub type Step = Box<dyn FnOnce(&mut dyn System) -> Result<Outcome, Failure>>;

/// The step after an account transaction: prepares what depends on the accounts, as drafts ([`System::draft`]).
pub type After = Box<dyn FnOnce(&mut dyn System, Outcome) -> Result<Prepared, Failure>>;

/// What [`After`] prepared.
pub struct Prepared {
    /// The outcome so far.
    pub outcome: Outcome,
    /// Gives it its name, once what all items prepared is on the disk.
    pub finish: Finish,
}

/// The last step of an item.
pub type Finish = Box<dyn FnOnce(&mut dyn System, Outcome) -> Result<Outcome, Failure>>;

impl Verdict {
    /// Something differs and is changed in one step.
    pub fn would(
        changes: Vec<Change>,
        apply: impl FnOnce(&mut dyn System) -> Result<Outcome, Failure> + 'static,
    ) -> Self {
        Verdict::Would(Would { changes, apply: Apply::Now(Box::new(apply)) })
    }

    /// Completes the outcome, now or once the change is made; in an account transaction when the edit is made.
    pub fn map(self, complete: impl FnOnce(Outcome) -> Outcome + 'static) -> Self {
        match self {
            Verdict::Satisfied(outcome) => Verdict::Satisfied(complete(outcome)),
            Verdict::Would(Would { changes, apply: Apply::Now(step) }) => {
                Verdict::would(changes, move |system| step(system).map(complete))
            }
            Verdict::Would(Would { changes, apply: Apply::First(step) }) => {
                let apply = Apply::First(Box::new(move |system| step(system).map(complete)));
                Verdict::Would(Would { changes, apply })
            }
            Verdict::Would(Would { changes, apply: Apply::Accounts { edit, after } }) => {
                let edit: Step = Box::new(move |system| edit(system).map(complete));
                Verdict::Would(Would { changes, apply: Apply::Accounts { edit, after } })
            }
        }
    }
}
