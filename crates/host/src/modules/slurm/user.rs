//! `slurm_user`: users of the scheduler: the account that they are in, the default account, the admin level.

use super::association::{check_default, member};
use super::{Item, Planned, SETTINGS, address, check_names, module, names, outcome, shown, wanted, with_settings};
use crate::books::{Books, Entity, Interest, Key, Verb, Write};
use crate::change::{Action, Change};
use crate::modules::{Args, Failure, ItemResult, Kind, Module, Param, Spec, Verdict};
use crate::system::System;
use words::text::limit::LIMITS;

/// The module.
pub struct SlurmUser;

static SPEC: Spec = Spec {
    name: "slurm_user",
    summary: "Adds, changes or removes users of the scheduler. Runs on its master.",
    params: with_settings![
        Param::new("name", Kind::Raw, "Login name, or a list of names.").required(),
        Param::new("account", Kind::Str, "The account; without it, `state: absent` takes the user out of all."),
        Param::new("state", Kind::Str, "Whether the user shall be in it.")
            .choices(&["absent", "present"])
            .default("present"),
        Param::new("default_account", Kind::Str, "The account of jobs that name none; one that the user is in."),
        Param::new("admin_level", Kind::Str, "What the user may do to everybody's accounts.").choices(&[
            "None",
            "Operator",
            "Administrator"
        ]),
    ],
    ..Spec::EMPTY
};

module!(SlurmUser);

impl Item for SlurmUser {
    fn interest(&self, args: &Args, interest: &mut Interest) {
        interest.users.extend(names(args, "name"));
    }

    fn plan(&self, args: &Args, books: &Books) -> Result<Planned, Failure> {
        check_names(args, &["name", "account", "default_account", "cluster"])?;
        let mut planned = Planned::new(outcome(args, "name"));
        for name in names(args, "name") {
            match (args.text("state"), args.str("account")) {
                ("absent", Some(account)) => withdraw(args, &name, account, books, &mut planned)?,
                ("absent", None) => remove(args, &name, books, &mut planned),
                _ => present(args, &name, books, &mut planned)?,
            }
        }
        Ok(planned)
    }
}

fn present(args: &Args, name: &str, books: &Books, planned: &mut Planned) -> Result<(), Failure> {
    match args.str("account") {
        Some(_) => {
            let (change, writes) = member(args, name, "", books)?;
            planned.add(change, writes);
        }
        None if !wanted(args, LIMITS, SETTINGS)?.is_empty() => {
            return Err(Failure::new("limits belong to a user in an account: give `account`"));
        }
        None if args.str("default_account").or(args.str("admin_level")).is_none() => {
            return Err(Failure::new("one of the following is required: account, default_account, admin_level"));
        }
        None if !books.users.contains_key(&name.to_lowercase()) => {
            return Err(Failure::new(format!("the scheduler does not know the user {name}"))
                .hint("give an `account` that the user shall be in"));
        }
        None => {}
    }
    let (change, set) = of_user(args, name, books);
    if !set.is_empty() {
        planned.add(change, vec![Write::new(Verb::Modify, Entity::User, name).on(args.str("cluster")).set(set)]);
    }
    Ok(())
}

/// What differs in the user's own record. A new user's first account becomes the default.
fn of_user(args: &Args, name: &str, books: &Books) -> (Change, Vec<(&'static str, String)>) {
    let known = books.users.get(&name.to_lowercase());
    let account = known.map(|user| user.default_account.as_str()).or(args.str("account")).unwrap_or_default();
    let level = known.map_or("None", |user| user.admin_level.as_str());
    let mut change = Change::new(Action::Update, "slurm_user", name);
    let mut set = Vec::new();
    let wanted = [("default_account", "DefaultAccount", account), ("admin_level", "AdminLevel", level)];
    for (key, word, before) in wanted {
        if let Some(value) = args.str(key).filter(|value| !value.eq_ignore_ascii_case(before)) {
            change = change.field(key, shown(before), value);
            set.push((word, value.to_owned()));
        }
    }
    (change, set)
}

/// Out of one account, on all partitions. A new default account is set first.
fn withdraw(args: &Args, name: &str, account: &str, books: &Books, planned: &mut Planned) -> Result<(), Failure> {
    let cluster = args.str("cluster");
    let clusters = books.clusters(cluster);
    let goes = |key: &Key| key.account.eq_ignore_ascii_case(account) && clusters.contains(&key.cluster);
    if !books.associations.keys().any(|key| key.user.eq_ignore_ascii_case(name) && goes(key)) {
        return Ok(());
    }
    let (change, set) = of_user(args, name, books);
    if set.is_empty() {
        check_default(books, name, account, goes)?
    } else {
        planned.add(change, vec![Write::new(Verb::Modify, Entity::User, name).on(cluster).set(set)])
    }
    let change = Change::new(Action::Delete, "association", address(cluster, account, name, ""));
    planned.add(change, vec![Write::new(Verb::Delete, Entity::User, name).of("account", account).on(cluster)]);
    Ok(())
}

fn remove(args: &Args, name: &str, books: &Books, planned: &mut Planned) {
    let cluster = args.str("cluster");
    let clusters = books.clusters(cluster);
    let mut keys = books.associations.keys();
    let is_there = match cluster {
        None => books.users.contains_key(&name.to_lowercase()),
        Some(_) => keys.any(|key| key.user.eq_ignore_ascii_case(name) && clusters.contains(&key.cluster)),
    };
    if is_there {
        let change = Change::new(Action::Delete, "slurm_user", name);
        planned.add(change, vec![Write::new(Verb::Delete, Entity::User, name).on(cluster)]);
    }
}
