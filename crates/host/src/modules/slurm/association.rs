//! `slurm_association`: a user in an account, perhaps on one partition only, with limits; or the limits of an account.

use super::{AssociationSettings, GivenNames, Planned, SchedulerModule, address, check_name, differing, outcome};
use crate::books::{BookEntity, BookVerb, Books, Interest, ListedRow, Write};
use crate::change::outcome::Failure;
use crate::change::{Action, Change};
use crate::parameters;
use crate::parameters::Presence;

/// The module.
pub struct SlurmAssociation;

parameters! {
    /// Puts users into an account of the scheduler, with limits, or takes them out. Runs on its
    /// master.
    pub struct SlurmAssociationParameters for "slurm_association" {
        /// The account.
        account: String,
        /// Login name, or a list of names; without it, the account's own association.
        user: Option<GivenNames>,
        /// Only in this partition; the association for all when left out.
        partition: Option<String>,
        /// Whether they shall be in it.
        state: Presence = "present",
        ..settings: AssociationSettings,
    }
}

impl SchedulerModule for SlurmAssociation {
    type Parameters = SlurmAssociationParameters;

    fn interest(&self, given: &SlurmAssociationParameters, interest: &mut Interest) {
        match &given.user {
            Some(user) => interest.users.extend(user.list()),
            None => interest.accounts.extend([given.account.clone()]),
        }
    }

    fn plan(&self, given: &SlurmAssociationParameters, books: &Books) -> Result<Planned, Failure> {
        let (partition, settings) = (given.partition.as_deref(), &given.settings);
        check_name("account", Some(&given.account))?;
        given.user.as_ref().map_or(Ok(()), |user| user.check("user"))?;
        check_name("partition", partition)?;
        check_name("cluster", settings.cluster.as_deref())?;
        let mut planned = Planned::new(outcome("account", given.account.as_str(), given.state));
        let users = given.user.as_ref().map(GivenNames::list).unwrap_or_default();
        let place = AssociationPlace { account: &given.account, partition: partition.unwrap_or_default(), settings };
        match given.state {
            Presence::Absent if users.is_empty() => {
                return Err(Failure::new("only users can be taken out: give `user`"));
            }
            Presence::Absent => {
                for user in users {
                    let (change, writes) = withdrawn(place, &user, books)?;
                    planned.add(change, writes);
                }
            }
            Presence::Present if users.is_empty() => {
                let (change, writes) = of_account(given, books)?;
                planned.add(change, writes);
            }
            Presence::Present => {
                for user in users {
                    let (change, writes) = member(place, &user, books)?;
                    planned.add(change, writes);
                }
            }
        }
        Ok(planned)
    }
}

/// Where users are, or shall be.
#[derive(Clone, Copy)]
pub struct AssociationPlace<'a> {
    /// The account.
    pub account: &'a str,
    /// The partition; empty for all.
    pub partition: &'a str,
    /// The cluster, and what they are given there.
    pub settings: &'a AssociationSettings,
}

impl AssociationPlace<'_> {
    /// Whom a write is about: exactly one association a cluster, where Slurm would take all partitions.
    fn scope(self, write: Write) -> Write {
        let cluster = self.settings.cluster.as_deref();
        write.of("account", self.account).of("partition", self.partition).on(cluster)
    }
}

/// A user in the account, with the limits asked for.
pub fn member(place: AssociationPlace, user: &str, books: &Books) -> Result<(Change, Vec<Write>), Failure> {
    let AssociationPlace { account, partition, settings } = place;
    let cluster = settings.cluster.as_deref();
    let keys = books.keys(cluster, account, user, partition);
    let mut rows: Vec<_> = keys.iter().filter_map(|key| books.associations.get(key)).collect();
    let everywhere = rows.len() == keys.len();
    let action = if everywhere { Action::Update } else { Action::Create };
    let change = Change::new(action, "association", address(cluster, account, user, partition));
    let new = ListedRow::of_new_association("");
    if !everywhere {
        rows.push(&new);
    }
    let (change, set) = differing(change, &settings.wanted()?, &rows);
    let mut writes = Vec::new();
    if !everywhere {
        let add = Write::new(BookVerb::Add, BookEntity::User, user).of("account", account);
        writes.push(if partition.is_empty() { add } else { add.of("partition", partition) }.on(cluster));
    }
    if !set.is_empty() {
        writes.push(place.scope(Write::new(BookVerb::Modify, BookEntity::User, user)).set(set));
    }
    Ok((change, writes))
}

fn withdrawn(place: AssociationPlace, user: &str, books: &Books) -> Result<(Change, Vec<Write>), Failure> {
    let AssociationPlace { account, partition, settings } = place;
    let cluster = settings.cluster.as_deref();
    let change = Change::new(Action::Delete, "association", address(cluster, account, user, partition));
    let keys = books.keys(cluster, account, user, partition);
    if !keys.iter().any(|key| books.associations.contains_key(key)) {
        return Ok((change, Vec::new()));
    }
    check_default(books, user, account, |key| keys.contains(key))?;
    Ok((change, vec![place.scope(Write::new(BookVerb::Delete, BookEntity::User, user))]))
}

/// Refuses to take the default account from a user who has others: Slurm 22.05 leaves him without one, later releases
/// refuse it themselves.
pub fn check_default(
    books: &Books,
    user: &str,
    account: &str,
    goes: impl Fn(&crate::books::ListedKey) -> bool,
) -> Result<(), Failure> {
    let is_default = |known: &crate::books::ListedUser| known.default_account.eq_ignore_ascii_case(account);
    let mut stay = books.associations.keys().filter(|key| key.user.eq_ignore_ascii_case(user) && !goes(key));
    let others: Vec<_> = stay.by_ref().map(|key| key.account.as_str()).collect();
    if !books.users.get(&user.to_lowercase()).is_some_and(is_default)
        || others.is_empty()
        || others.iter().any(|other| other.eq_ignore_ascii_case(account))
    {
        return Ok(());
    }
    let msg = format!("{account} is the default account of {user}, who is also in {}", others.join(", "));
    Err(Failure::new(msg).hint("give the user another default account first: slurm_user with default_account"))
}

/// The account's own limits. Whether it is there is `slurm_account`'s affair.
fn of_account(given: &SlurmAssociationParameters, books: &Books) -> Result<(Change, Vec<Write>), Failure> {
    let (account, cluster) = (given.account.as_str(), given.settings.cluster.as_deref());
    if given.partition.is_some() {
        return Err(Failure::new("only a user's association has a partition: give `user`"));
    }
    let keys = books.keys(cluster, account, "", "");
    let rows: Vec<_> = keys.iter().filter_map(|key| books.associations.get(key)).collect();
    if rows.len() < keys.len() {
        let msg = format!("there is no account {}", address(cluster, account, "", ""));
        return Err(Failure::new(msg).hint("make it with slurm_account"));
    }
    let change = Change::new(Action::Update, "association", address(cluster, account, "", ""));
    let (change, set) = differing(change, &given.settings.wanted()?, &rows);
    let write = || Write::new(BookVerb::Modify, BookEntity::Account, account).on(cluster).set(set.clone());
    Ok((change, if set.is_empty() { Vec::new() } else { vec![write()] }))
}
