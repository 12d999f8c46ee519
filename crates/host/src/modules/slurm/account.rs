//! `slurm_account`: accounts of the scheduler, their place in the tree, and their limits.

use super::with_settings;
use super::{Item, Planned, SETTINGS, address, check_names, differing, module, names, outcome, shown, wanted};
use crate::books::{Books, Entity, Interest, Row, Verb, Write, check_text};
use crate::change::{Action, Change};
use crate::modules::{Args, Failure, ItemResult, Kind, Module, Param, Spec, Verdict};
use crate::system::System;
use words::text::limit::LIMITS;

/// The module.
pub struct SlurmAccount;

static SPEC: Spec = Spec {
    name: "slurm_account",
    summary: "Adds, changes or removes accounts of the scheduler. Runs on its master.",
    params: with_settings![
        Param::new("name", Kind::Raw, "Name of the account, or a list of names.").required(),
        Param::new("state", Kind::Str, "Whether it shall be there.").choices(&["absent", "present"]).default("present"),
        Param::new("parent", Kind::Str, "The account above it; a new one is below root when this is not given."),
        Param::new("description", Kind::Str, "What it is for; the scheduler keeps it in lower case."),
        Param::new("organization", Kind::Str, "Whose it is; the scheduler keeps it in lower case."),
    ],
    ..Spec::EMPTY
};

module!(SlurmAccount);

impl Item for SlurmAccount {
    fn interest(&self, args: &Args, interest: &mut Interest) {
        interest.accounts.extend(names(args, "name"));
    }

    fn plan(&self, args: &Args, books: &Books) -> Result<Planned, Failure> {
        check_names(args, &["name", "parent", "cluster"])?;
        let mut planned = Planned::new(outcome(args, "name"));
        for name in names(args, "name") {
            let keys = books.keys(args.str("cluster"), &name, "", "");
            let rows: Vec<_> = keys.iter().filter_map(|key| books.associations.get(key)).collect();
            match args.text("state") {
                "absent" if rows.is_empty() => {}
                "absent" => {
                    let gone = Change::new(Action::Delete, "account", address(args.str("cluster"), &name, "", ""));
                    let write = Write::new(Verb::Delete, Entity::Account, &name).on(args.str("cluster"));
                    planned.add(gone, vec![write]);
                }
                _ => {
                    let everywhere = rows.len() == keys.len();
                    let (change, writes) = present(args, &name, books, rows, everywhere)?;
                    planned.add(change, writes);
                }
            }
        }
        Ok(planned)
    }
}

/// A new account is added first and gets its limits then, as people do it by hand.
fn present(
    args: &Args,
    name: &str,
    books: &Books,
    rows: Vec<&Row>,
    everywhere: bool,
) -> Result<(Change, Vec<Write>), Failure> {
    let cluster = args.str("cluster");
    let limits = wanted(args, LIMITS, SETTINGS)?;
    let action = if everywhere { Action::Update } else { Action::Create };
    let mut change = Change::new(action, "account", address(cluster, name, "", ""));
    let mut texts = Vec::new();
    let account = books.accounts.get(&name.to_lowercase());
    for (key, word) in [("description", "Description"), ("organization", "Organization")] {
        let Some(text) = args.str(key) else { continue };
        check_text(key, text)?;
        let before = account.map_or("", |account| account.get(word));
        if text.to_lowercase() != before.to_lowercase() {
            change = change.field(key, shown(before), text);
            texts.push((word, text.to_owned()));
        }
    }
    if let Some(parent) = args.str("parent") {
        let is_elsewhere = |row: &&&Row| !row.get("ParentName").eq_ignore_ascii_case(parent);
        let elsewhere = rows.iter().find(is_elsewhere);
        if elsewhere.is_some() || !everywhere {
            let before = elsewhere.map_or("", |row| row.get("ParentName"));
            change = change.field("parent", shown(before), parent);
            texts.push(("Parent", parent.to_owned()));
        }
    }
    let new = Row::of_new_association("root");
    let rows = if everywhere { rows } else { rows.into_iter().chain([&new]).collect() };
    let (change, set) = differing(change, &limits, &rows);
    let modify = |set| Write::new(Verb::Modify, Entity::Account, name).on(cluster).set::<&str>(set);
    let mut writes = Vec::new();
    match everywhere {
        false => writes.push(Write::new(Verb::Add, Entity::Account, name).on(cluster).set(texts)),
        true if !texts.is_empty() => writes.push(modify(texts)),
        true => {}
    }
    if !set.is_empty() {
        writes.push(modify(set));
    }
    Ok((change, writes))
}
