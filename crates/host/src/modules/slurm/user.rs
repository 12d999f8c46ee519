//! `slurm_user`: users of the scheduler: the account that they are in, the default account, the admin level.

use super::association::{AssociationPlace, check_default, member};
use super::{AssociationSettings, GivenNames, Planned, SchedulerModule, address, check_name, outcome, shown};
use crate::books::{BookEntity, BookVerb, Books, Interest, ListedKey, Write};
use crate::change::outcome::Failure;
use crate::change::{Action, Change};
use crate::choices;
use crate::parameters;
use crate::parameters::{Choice, Presence};

/// The module.
pub struct SlurmUser;

parameters! {
    /// Adds, changes or removes users of the scheduler. Runs on its master.
    pub struct SlurmUserParameters for "slurm_user" {
        /// Login name, or a list of names.
        name: GivenNames,
        /// The account; without it, `state: absent` takes the user out of all.
        account: Option<String>,
        /// Whether the user shall be in it.
        state: Presence = "present",
        /// The account of jobs that name none; one that the user is in.
        default_account: Option<String>,
        /// What the user may do to everybody's accounts.
        admin_level: Option<GivenAdminLevel>,
        ..settings: AssociationSettings,
    }
}

choices! {
    /// What a user may do to everybody's accounts.
    pub enum GivenAdminLevel {
        /// Nothing.
        None = "None",
        /// Most.
        Operator = "Operator",
        /// All.
        Administrator = "Administrator",
    }
}

impl SchedulerModule for SlurmUser {
    type Parameters = SlurmUserParameters;

    fn interest(&self, given: &SlurmUserParameters, interest: &mut Interest) {
        interest.users.extend(given.name.list());
    }

    fn plan(&self, given: &SlurmUserParameters, books: &Books) -> Result<Planned, Failure> {
        given.name.check("name")?;
        check_name("account", given.account.as_deref())?;
        check_name("default_account", given.default_account.as_deref())?;
        check_name("cluster", given.settings.cluster.as_deref())?;
        let mut planned = Planned::new(outcome("name", given.name.0.clone(), given.state));
        for name in given.name.list() {
            match (given.state, &given.account) {
                (Presence::Absent, Some(account)) => withdraw(given, &name, account, books, &mut planned)?,
                (Presence::Absent, None) => remove(given, &name, books, &mut planned),
                (Presence::Present, _) => present(given, &name, books, &mut planned)?,
            }
        }
        Ok(planned)
    }
}

fn present(given: &SlurmUserParameters, name: &str, books: &Books, planned: &mut Planned) -> Result<(), Failure> {
    match given.account.as_deref() {
        Some(account) => {
            let place = AssociationPlace { account, partition: "", settings: &given.settings };
            let (change, writes) = member(place, name, books)?;
            planned.add(change, writes);
        }
        None if !given.settings.wanted()?.is_empty() => {
            return Err(Failure::new("limits belong to a user in an account: give `account`"));
        }
        None if given.default_account.is_none() && given.admin_level.is_none() => {
            return Err(Failure::new("one of the following is required: account, default_account, admin_level"));
        }
        None if !books.users.contains_key(&name.to_lowercase()) => {
            return Err(Failure::new(format!("the scheduler does not know the user {name}"))
                .hint("give an `account` that the user shall be in"));
        }
        None => {}
    }
    let (change, set) = of_user(given, name, books);
    if !set.is_empty() {
        planned.add(
            change,
            vec![Write::new(BookVerb::Modify, BookEntity::User, name).on(given.settings.cluster.as_deref()).set(set)],
        );
    }
    Ok(())
}

/// What differs in the user's own record. A new user's first account becomes the default.
fn of_user(given: &SlurmUserParameters, name: &str, books: &Books) -> (Change, Vec<(&'static str, String)>) {
    let known = books.users.get(&name.to_lowercase());
    let account = known.map(|user| user.default_account.as_str()).or(given.account.as_deref()).unwrap_or_default();
    let level = known.map_or("None", |user| user.admin_level.as_str());
    let mut change = Change::new(Action::Update, "slurm_user", name);
    let mut set = Vec::new();
    let wanted = [
        ("default_account", "DefaultAccount", account, given.default_account.as_deref()),
        ("admin_level", "AdminLevel", level, given.admin_level.map(GivenAdminLevel::word)),
    ];
    for (key, word, before, value) in wanted {
        if let Some(value) = value.filter(|value| !value.eq_ignore_ascii_case(before)) {
            change = change.field(key, shown(before), value);
            set.push((word, value.to_owned()));
        }
    }
    (change, set)
}

/// Out of one account, on all partitions. A new default account is set first.
fn withdraw(
    given: &SlurmUserParameters,
    name: &str,
    account: &str,
    books: &Books,
    planned: &mut Planned,
) -> Result<(), Failure> {
    let cluster = given.settings.cluster.as_deref();
    let clusters = books.clusters(cluster);
    let goes = |key: &ListedKey| key.account.eq_ignore_ascii_case(account) && clusters.contains(&key.cluster);
    if !books.associations.keys().any(|key| key.user.eq_ignore_ascii_case(name) && goes(key)) {
        return Ok(());
    }
    let (change, set) = of_user(given, name, books);
    if set.is_empty() {
        check_default(books, name, account, goes)?
    } else {
        planned.add(change, vec![Write::new(BookVerb::Modify, BookEntity::User, name).on(cluster).set(set)])
    }
    let change = Change::new(Action::Delete, "association", address(cluster, account, name, ""));
    planned.add(change, vec![Write::new(BookVerb::Delete, BookEntity::User, name).of("account", account).on(cluster)]);
    Ok(())
}

fn remove(given: &SlurmUserParameters, name: &str, books: &Books, planned: &mut Planned) {
    let cluster = given.settings.cluster.as_deref();
    let clusters = books.clusters(cluster);
    let mut keys = books.associations.keys();
    let is_there = match cluster {
        None => books.users.contains_key(&name.to_lowercase()),
        Some(_) => keys.any(|key| key.user.eq_ignore_ascii_case(name) && clusters.contains(&key.cluster)),
    };
    if is_there {
        let change = Change::new(Action::Delete, "slurm_user", name);
        planned.add(change, vec![Write::new(BookVerb::Delete, BookEntity::User, name).on(cluster)]);
    }
}
