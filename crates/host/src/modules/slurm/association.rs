//! `slurm_association`: a user in an account, perhaps on one partition only, with limits; or the limits of an account.

use super::{Item, Planned, SETTINGS, address, check_names, differing, module, names, outcome, wanted, with_settings};
use crate::books::{Books, Entity, Interest, Row, Verb, Write};
use crate::change::{Action, Change};
use crate::modules::{Args, Failure, ItemResult, Kind, Module, Param, Spec, Verdict};
use crate::system::System;
use words::text::limit::LIMITS;

/// The module.
pub struct SlurmAssociation;

static SPEC: Spec = Spec {
    name: "slurm_association",
    summary: "Puts users into an account of the scheduler, with limits, or takes them out. Runs on its master.",
    params: with_settings![
        Param::new("account", Kind::Str, "The account.").required(),
        Param::new("user", Kind::Raw, "Login name, or a list of names; without it, the account's own association."),
        Param::new("partition", Kind::Str, "Only in this partition; the association for all when left out."),
        Param::new("state", Kind::Str, "Whether they shall be in it.")
            .choices(&["absent", "present"])
            .default("present"),
    ],
    ..Spec::EMPTY
};

module!(SlurmAssociation);

impl Item for SlurmAssociation {
    fn interest(&self, args: &Args, interest: &mut Interest) {
        match args.get("user") {
            Some(_) => interest.users.extend(names(args, "user")),
            None => interest.accounts.extend(args.str("account").map(str::to_owned)),
        }
    }

    fn plan(&self, args: &Args, books: &Books) -> Result<Planned, Failure> {
        check_names(args, &["account", "user", "partition", "cluster"])?;
        let mut planned = Planned::new(outcome(args, "account"));
        let users = names(args, "user");
        let partition = args.str("partition").unwrap_or_default();
        match args.text("state") {
            "absent" if users.is_empty() => return Err(Failure::new("only users can be taken out: give `user`")),
            "absent" => {
                for user in users {
                    let (change, writes) = withdrawn(args, &user, partition, books)?;
                    planned.add(change, writes);
                }
            }
            _ if users.is_empty() => {
                let (change, writes) = of_account(args, books)?;
                planned.add(change, writes);
            }
            _ => {
                for user in users {
                    let (change, writes) = member(args, &user, partition, books)?;
                    planned.add(change, writes);
                }
            }
        }
        Ok(planned)
    }
}

/// Whom a write is about: exactly one association a cluster, where Slurm would take all partitions.
fn scoped(write: Write, args: &Args, partition: &str) -> Write {
    write.of("account", args.text("account")).of("partition", partition).on(args.str("cluster"))
}

/// A user in the account, with the limits asked for.
pub fn member(args: &Args, user: &str, partition: &str, books: &Books) -> Result<(Change, Vec<Write>), Failure> {
    let (account, cluster) = (args.text("account"), args.str("cluster"));
    let keys = books.keys(cluster, account, user, partition);
    let mut rows: Vec<_> = keys.iter().filter_map(|key| books.associations.get(key)).collect();
    let everywhere = rows.len() == keys.len();
    let action = if everywhere { Action::Update } else { Action::Create };
    let change = Change::new(action, "association", address(cluster, account, user, partition));
    let new = Row::of_new_association("");
    if !everywhere {
        rows.push(&new);
    }
    let (change, set) = differing(change, &wanted(args, LIMITS, SETTINGS)?, &rows);
    let mut writes = Vec::new();
    if !everywhere {
        let add = Write::new(Verb::Add, Entity::User, user).of("account", account);
        writes.push(if partition.is_empty() { add } else { add.of("partition", partition) }.on(cluster));
    }
    if !set.is_empty() {
        writes.push(scoped(Write::new(Verb::Modify, Entity::User, user), args, partition).set(set));
    }
    Ok((change, writes))
}

fn withdrawn(args: &Args, user: &str, partition: &str, books: &Books) -> Result<(Change, Vec<Write>), Failure> {
    let (account, cluster) = (args.text("account"), args.str("cluster"));
    let change = Change::new(Action::Delete, "association", address(cluster, account, user, partition));
    let keys = books.keys(cluster, account, user, partition);
    if !keys.iter().any(|key| books.associations.contains_key(key)) {
        return Ok((change, Vec::new()));
    }
    check_default(books, user, account, |key| keys.contains(key))?;
    Ok((change, vec![scoped(Write::new(Verb::Delete, Entity::User, user), args, partition)]))
}

/// Refuses to take the default account from a user who has others: Slurm 22.05 leaves him without one, later releases
/// refuse it themselves.
pub fn check_default(
    books: &Books,
    user: &str,
    account: &str,
    goes: impl Fn(&crate::books::Key) -> bool,
) -> Result<(), Failure> {
    let is_default = |known: &crate::books::User| known.default_account.eq_ignore_ascii_case(account);
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
fn of_account(args: &Args, books: &Books) -> Result<(Change, Vec<Write>), Failure> {
    let (account, cluster) = (args.text("account"), args.str("cluster"));
    if args.str("partition").is_some() {
        return Err(Failure::new("only a user's association has a partition: give `user`"));
    }
    let keys = books.keys(cluster, account, "", "");
    let rows: Vec<_> = keys.iter().filter_map(|key| books.associations.get(key)).collect();
    if rows.len() < keys.len() {
        let msg = format!("there is no account {}", address(cluster, account, "", ""));
        return Err(Failure::new(msg).hint("make it with slurm_account"));
    }
    let change = Change::new(Action::Update, "association", address(cluster, account, "", ""));
    let (change, set) = differing(change, &wanted(args, LIMITS, SETTINGS)?, &rows);
    let write = || Write::new(Verb::Modify, Entity::Account, account).on(cluster).set(set.clone());
    Ok((change, if set.is_empty() { Vec::new() } else { vec![write()] }))
}
