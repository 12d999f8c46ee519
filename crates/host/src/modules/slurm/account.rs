//! `slurm_account`: accounts of the scheduler, their place in the tree, and their limits.

use super::{
    AssociationSettings, GivenNames, Planned, SchedulerModule, address, check_name, differing, outcome, shown,
};
use crate::books::{BookEntity, BookVerb, Books, Interest, ListedRow, Write, check_text};
use crate::change::outcome::Failure;
use crate::change::{Action, Change};
use crate::parameters;
use crate::parameters::Presence;

/// The module.
pub struct SlurmAccount;

parameters! {
    /// Adds, changes or removes accounts of the scheduler. Runs on its master.
    pub struct SlurmAccountParameters for "slurm_account" {
        /// Name of the account, or a list of names.
        name: GivenNames,
        /// Whether it shall be there.
        state: Presence = "present",
        /// The account above it; a new one is below root when this is not given.
        parent: Option<String>,
        /// What it is for; the scheduler keeps it in lower case.
        description: Option<String>,
        /// Whose it is; the scheduler keeps it in lower case.
        organization: Option<String>,
        ..settings: AssociationSettings,
    }
}

impl SchedulerModule for SlurmAccount {
    type Parameters = SlurmAccountParameters;

    fn interest(&self, given: &SlurmAccountParameters, interest: &mut Interest) {
        interest.accounts.extend(given.name.list());
    }

    fn plan(&self, given: &SlurmAccountParameters, books: &Books) -> Result<Planned, Failure> {
        let cluster = given.settings.cluster.as_deref();
        given.name.check("name")?;
        check_name("parent", given.parent.as_deref())?;
        check_name("cluster", cluster)?;
        let mut planned = Planned::new(outcome("name", given.name.0.clone(), given.state));
        for name in given.name.list() {
            let keys = books.keys(cluster, &name, "", "");
            let rows: Vec<_> = keys.iter().filter_map(|key| books.associations.get(key)).collect();
            match given.state {
                Presence::Absent if rows.is_empty() => {}
                Presence::Absent => {
                    let gone = Change::new(Action::Delete, "account", address(cluster, &name, "", ""));
                    let write = Write::new(BookVerb::Delete, BookEntity::Account, &name).on(cluster);
                    planned.add(gone, vec![write]);
                }
                Presence::Present => {
                    let everywhere = rows.len() == keys.len();
                    let (change, writes) = present(given, &name, books, rows, everywhere)?;
                    planned.add(change, writes);
                }
            }
        }
        Ok(planned)
    }
}

/// A new account is added first and gets its limits then, as people do it by hand.
fn present(
    given: &SlurmAccountParameters,
    name: &str,
    books: &Books,
    rows: Vec<&ListedRow>,
    everywhere: bool,
) -> Result<(Change, Vec<Write>), Failure> {
    let cluster = given.settings.cluster.as_deref();
    let limits = given.settings.wanted()?;
    let action = if everywhere { Action::Update } else { Action::Create };
    let mut change = Change::new(action, "account", address(cluster, name, "", ""));
    let mut texts = Vec::new();
    let account = books.accounts.get(&name.to_lowercase());
    let described =
        [("description", "Description", &given.description), ("organization", "Organization", &given.organization)];
    for (key, word, text) in described {
        let Some(text) = text else { continue };
        check_text(key, text)?;
        let before = account.map_or("", |account| account.get(word));
        if text.to_lowercase() != before.to_lowercase() {
            change = change.field(key, shown(before), text.as_str());
            texts.push((word, text.to_owned()));
        }
    }
    if let Some(parent) = given.parent.as_deref() {
        let is_elsewhere = |row: &&&ListedRow| !row.get("ParentName").eq_ignore_ascii_case(parent);
        let elsewhere = rows.iter().find(is_elsewhere);
        if elsewhere.is_some() || !everywhere {
            let before = elsewhere.map_or("", |row| row.get("ParentName"));
            change = change.field("parent", shown(before), parent);
            texts.push(("Parent", parent.to_owned()));
        }
    }
    let new = ListedRow::of_new_association("root");
    let rows = if everywhere { rows } else { rows.into_iter().chain([&new]).collect() };
    let (change, set) = differing(change, &limits, &rows);
    let modify = |set| Write::new(BookVerb::Modify, BookEntity::Account, name).on(cluster).set::<&str>(set);
    let mut writes = Vec::new();
    match everywhere {
        false => writes.push(Write::new(BookVerb::Add, BookEntity::Account, name).on(cluster).set(texts)),
        true if !texts.is_empty() => writes.push(modify(texts)),
        true => {}
    }
    if !set.is_empty() {
        writes.push(modify(set));
    }
    Ok((change, writes))
}
