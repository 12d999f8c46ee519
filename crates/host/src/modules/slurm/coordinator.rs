//! `slurm_coordinator`: who may manage an account and those below it.

use super::{GivenNames, Planned, SchedulerModule, outcome};
use crate::books::{BookEntity, BookVerb, Books, Interest, Write};
use crate::change::outcome::Failure;
use crate::change::{Action, Change};
use crate::parameters;
use crate::parameters::Presence;

/// The module.
pub struct SlurmCoordinator;

parameters! {
    /// Makes users coordinators of accounts of the scheduler, or no longer. Runs on its master.
    pub struct SlurmCoordinatorParameters for "slurm_coordinator" {
        /// The account, or a list of accounts.
        account: GivenNames,
        /// Login name, or a list of names.
        user: GivenNames,
        /// Whether they shall be.
        state: Presence = "present",
    }
}

impl SchedulerModule for SlurmCoordinator {
    type Parameters = SlurmCoordinatorParameters;

    fn interest(&self, given: &SlurmCoordinatorParameters, interest: &mut Interest) {
        interest.coordinated.extend(given.account.list());
    }

    fn plan(&self, given: &SlurmCoordinatorParameters, books: &Books) -> Result<Planned, Failure> {
        given.account.check("account")?;
        given.user.check("user")?;
        let mut planned = Planned::new(outcome("account", given.account.0.clone(), given.state));
        let (action, verb) = match given.state {
            Presence::Absent => (Action::Delete, BookVerb::Delete),
            Presence::Present => (Action::Create, BookVerb::Add),
        };
        for account in given.account.list() {
            for user in given.user.list() {
                let place = (account.to_lowercase(), user.to_lowercase());
                if books.coordinators.contains(&place) == (action == Action::Delete) {
                    let write = Write::new(verb, BookEntity::Coordinator, &user).of("account", &account);
                    planned.add(Change::new(action, "coordinator", format!("{account}/{user}")), vec![write]);
                }
            }
        }
        Ok(planned)
    }
}
