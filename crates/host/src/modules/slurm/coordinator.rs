//! `slurm_coordinator`: who may manage an account and those below it.

use super::{Item, Planned, check_names, module, names, outcome};
use crate::books::{Books, Entity, Interest, Verb, Write};
use crate::change::{Action, Change};
use crate::modules::{Args, Failure, ItemResult, Kind, Module, Param, Spec, Verdict};
use crate::system::System;

/// The module.
pub struct SlurmCoordinator;

static SPEC: Spec = Spec {
    name: "slurm_coordinator",
    summary: "Makes users coordinators of accounts of the scheduler, or no longer. Runs on its master.",
    params: &[
        Param::new("account", Kind::Raw, "The account, or a list of accounts.").required(),
        Param::new("user", Kind::Raw, "Login name, or a list of names.").required(),
        Param::new("state", Kind::Str, "Whether they shall be.").choices(&["absent", "present"]).default("present"),
    ],
    ..Spec::EMPTY
};

module!(SlurmCoordinator);

impl Item for SlurmCoordinator {
    fn interest(&self, args: &Args, interest: &mut Interest) {
        interest.coordinated.extend(names(args, "account"));
    }

    fn plan(&self, args: &Args, books: &Books) -> Result<Planned, Failure> {
        check_names(args, &["account", "user"])?;
        let mut planned = Planned::new(outcome(args, "account"));
        let (action, verb) = match args.text("state") {
            "absent" => (Action::Delete, Verb::Delete),
            _ => (Action::Create, Verb::Add),
        };
        for account in names(args, "account") {
            for user in names(args, "user") {
                let place = (account.to_lowercase(), user.to_lowercase());
                if books.coordinators.contains(&place) == (action == Action::Delete) {
                    let write = Write::new(verb, Entity::Coordinator, &user).of("account", &account);
                    planned.add(Change::new(action, "coordinator", format!("{account}/{user}")), vec![write]);
                }
            }
        }
        Ok(planned)
    }
}
