//! Ansible's modules, native: one file each, one line each in [`MODULES`].
//!
//! A module's [`Module::check`] reads and says what differs; what it returns carries the one way to make it so. Check
//! mode runs the same two steps against a predicted system, so a dry run and a real run cannot drift apart.

mod account_list;
mod accounts;
pub mod agent;
pub mod args;
pub mod attributes;
mod authorized_key;
mod blockinfile;
mod command;
pub mod copy;
pub mod engine;
mod entrance;
#[cfg(test)]
mod example;
mod file;
pub mod files;
mod getent;
mod group;
mod lineinfile;
mod ping;
mod replace;
mod setup;
mod shell;
mod slurm;
mod slurp;
pub mod spec;
mod stat;
#[cfg(test)]
pub mod testing;
mod text_file;
mod user;

use crate::change::Change;
pub use crate::change::outcome::{Failure, ItemResult, Outcome};
use crate::protocol::Bound;
use crate::system::System;
pub use args::Args;
pub use spec::{CheckMode, Kind, Param, Spec};

/// Every module that runs on a host, in the order of `enlist doc`.
#[rustfmt::skip] // One a line: additions do not collide.
pub static MODULES: &[&dyn Module] = &[
    &account_list::AccountList,
    &authorized_key::AuthorizedKey,
    &blockinfile::BlockInFile,
    &command::Command,
    &copy::Copy,
    &entrance::Entrance,
    &file::File,
    &getent::Getent,
    &group::Group,
    &lineinfile::LineInFile,
    &ping::Ping,
    &replace::Replace,
    &setup::Setup,
    &shell::Shell,
    &slurm::account::SlurmAccount,
    &slurm::association::SlurmAssociation,
    &slurm::coordinator::SlurmCoordinator,
    &slurm::qos::SlurmQos,
    &slurm::user::SlurmUser,
    &slurp::Slurp,
    &stat::Stat,
    &user::User,
];

/// The module called `name`, with or without `ansible.builtin.`, `ansible.legacy.` or `ansible.posix.` before it.
pub fn find(name: &str) -> Option<&'static dyn Module> {
    let short = spec::short_name(name);
    MODULES.iter().copied().find(|module| module.spec().name == short)
}

/// How large the answer of the module called `name` to `count` items may be.
pub fn bound(name: &str, count: usize) -> Bound {
    find(name).map_or(Bound::USUAL, |module| module.bound()).with_items(count)
}

/// One kind of resource on a host.
pub trait Module: Sync {
    /// Name and parameters: what the arguments were checked against before `check` sees them.
    fn spec(&self) -> &'static Spec;

    /// How large its answer about one item may be; only what lists a host's entries needs more than others.
    fn bound(&self) -> Bound {
        Bound::USUAL
    }

    /// Observes and compares; never writes. A module whose own nature is to act (`command`) says so in the verdict.
    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure>;

    /// Whether what it changes must be one process's work at a time on a host: accounts, homes, keys. Its items are then
    /// checked again once the host is claimed, see [`System::begin_work`].
    fn works_alone(&self) -> bool {
        false
    }

    /// Whether this item removes an account: such items have files that go first, and a transaction of their own, whose
    /// files are written in another order.
    fn removes(&self, _args: &Args) -> bool {
        false
    }

    /// Runs all items of a loop, for a module that looks at all of them in one go and writes them together. `None` when
    /// each stands for itself, as in most modules.
    fn run_together(&self, _items: &[Result<Args, Failure>], _system: &mut dyn System) -> Option<Vec<ItemResult>> {
        None
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
