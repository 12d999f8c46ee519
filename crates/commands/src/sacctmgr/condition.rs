//! Conditions on associations: what may follow `where` (sacctmgr(1), "SPECIFICATIONS FOR ASSOCIATIONS").

use super::session::{Done, Session};
use super::word::{self, Word};
use slurm::State;
use slurm::model::*;
use slurm::tree;
use std::collections::BTreeSet;

/// Which associations are meant. An absent list means any; a list holds alternatives.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// Names of users; an empty name means "an account's own association".
    pub users: Option<Vec<String>>,
    /// Names of accounts.
    pub accounts: Option<Vec<String>>,
    /// Names of clusters.
    pub clusters: Option<Vec<String>>,
    /// Names of partitions; an empty name means "no partition".
    pub partitions: Option<Vec<String>>,
    /// Names of parent accounts.
    pub parents: Option<Vec<String>>,
    /// Numbers.
    pub ids: Option<Vec<AssociationId>>,
    /// QOS that may be used.
    pub qos: Option<Vec<QosId>>,
    /// Default QOS.
    pub default_qos: Option<Vec<QosId>>,
    /// Only users' default associations.
    pub only_defaults: bool,
    /// Also those that were taken away.
    pub with_deleted: bool,
    /// Listings show only what is set on the association itself (`WOPInfo`, `WOPLimits`).
    pub own_values: bool,
    /// Listings name nothing of what is above (`WOPInfo`).
    pub without_parent: bool,
    /// Listings leave the limits out (`WOLimits`).
    pub without_limits: bool,
    /// Listings show QOS lists with the signs of `+=` and `-=` (`WithRawQOSLevel`).
    pub raw_qos: bool,
    /// With an account, also all below it.
    pub with_sub_accounts: bool,
}

/// Reads a comma list of names into `list`, joining an earlier one.
pub fn extend(session: &mut Session, list: &mut Option<Vec<String>>, word: &Word) -> Done {
    extend_by(word::names(word.value), session, list, word)
}

/// The same for names of users, which keep their case if the settings say so (`PreserveCaseUser`).
pub fn extend_users(session: &mut Session, list: &mut Option<Vec<String>>, word: &Word) -> Done {
    let names = if session.world.settings().keeps_case() {
        word::names_as_written(word.value)
    } else {
        word::names(word.value)
    };
    extend_by(names, session, list, word)
}

fn extend_by(names: Option<Vec<String>>, session: &mut Session, list: &mut Option<Vec<String>>, word: &Word) -> Done {
    let Some(names) = names else {
        return session.refuse(format!(" Bad range in '{}'", word.raw));
    };
    let mut all = list.take().unwrap_or_default();
    all.extend(names);
    *list = Some(word::last_of_each(all));
    Ok(())
}

/// Reads a comma list of numbers into `list`; complains about what is none, under the name `what`.
pub fn extend_numbers<T: std::str::FromStr>(session: &mut Session, list: &mut Option<Vec<T>>, word: &Word, what: &str) {
    for name in word::names(word.value).unwrap_or_default() {
        match name.parse() {
            Ok(number) => list.get_or_insert_default().push(number),
            Err(_) => session.complain(format!("sacctmgr: error: Invalid value for {what} ({name})")),
        }
    }
}

impl Condition {
    /// Takes a word that every entity with associations knows. False when it is none of them.
    pub fn take(&mut self, session: &mut Session, word: &Word) -> Done<bool> {
        if word.is("Accounts", 2) || word.is("Acct", 4) {
            extend(session, &mut self.accounts, word)?;
        } else if word.is("Ids", 1) || word.is("Associations", 2) {
            self.take_ids(session, word)?;
        } else if word.is("Clusters", 1) {
            extend(session, &mut self.clusters, word)?;
        } else if word.is("DefaultQOS", 8) {
            let Ok(ids) = qos_ids(session, word) else { return Ok(false) };
            self.default_qos = Some(ids);
        } else if word.is("Partitions", 3) {
            extend(session, &mut self.partitions, word)?;
        } else if word.is("Parents", 4) {
            extend(session, &mut self.parents, word)?;
        } else if word.is("QosLevel", 1) {
            let Ok(ids) = qos_ids(session, word) else { return Ok(false) };
            self.qos = Some(ids);
        } else if word.is("Users", 1) {
            extend_users(session, &mut self.users, word)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes numbers of associations.
    pub fn take_ids(&mut self, session: &mut Session, word: &Word) -> Done {
        extend_numbers(session, &mut self.ids, word, "AssocId");
        Ok(())
    }

    /// The associations meant, in tree order; those taken away (if wanted) come last.
    pub fn select<'a>(&self, state: &'a State) -> Vec<&'a Association> {
        let users: Option<BTreeSet<&str>> = self.users.as_ref().map(|names| names.iter().map(String::as_str).collect());
        let holds = |row: &Association| {
            let among = |names: &BTreeSet<&str>| {
                if names.is_empty() { !row.key.is_account() } else { names.contains(row.key.user.as_str()) }
            };
            users.as_ref().is_none_or(among) && self.holds(state, row)
        };
        let mut found: Vec<_> = self.candidates(state).into_iter().filter(|row| holds(row)).collect();
        if self.with_deleted {
            found.extend(state.associations().values().filter(|row| row.deleted && holds(row)));
        }
        found
    }

    /// slurmdbd changes one cluster after the other, in the order in which they are named.
    pub fn sort_as_named(&self, rows: &mut [&Association]) {
        let named = self.clusters.as_deref().unwrap_or_default();
        rows.sort_by_key(|row| named.iter().position(|name| *name == row.key.cluster));
    }

    /// With users named, only their associations need to be looked at.
    fn candidates<'a>(&self, state: &'a State) -> Vec<&'a Association> {
        match &self.users {
            Some(users) if !users.is_empty() && users.iter().all(|name| !name.is_empty()) => {
                let mut rows: Vec<_> = users.iter().flat_map(|name| state.of_user(name)).collect();
                rows.sort_by_cached_key(|row| tree::order_key(state, row));
                rows
            }
            _ => tree::all(state),
        }
    }

    /// Whether it means an association, apart from whose it is.
    pub fn holds(&self, state: &State, row: &Association) -> bool {
        let among = |list: &Option<Vec<String>>, name: &str| list.as_ref().is_none_or(|l| l.iter().any(|n| n == name));
        self.holds_account(state, row)
            && among(&self.clusters, &row.key.cluster)
            && among(&self.partitions, &row.key.partition)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
            && (!self.only_defaults || row.is_default)
            && self.parents.as_ref().is_none_or(|names| names.contains(&parent_name(state, row)))
            && self.holds_qos(state, row)
    }

    fn holds_account(&self, state: &State, row: &Association) -> bool {
        let Some(names) = &self.accounts else { return true };
        let mut next = Some(row);
        while let Some(row) = next {
            if names.contains(&row.key.account) {
                return true;
            }
            next = row.parent.filter(|_| self.with_sub_accounts).and_then(|id| state.association(id));
        }
        false
    }

    fn holds_qos(&self, state: &State, row: &Association) -> bool {
        if self.qos.is_none() && self.default_qos.is_none() {
            return true;
        }
        let effective = tree::effective(state, row);
        let usable = |ids: &Vec<QosId>| ids.iter().any(|id| effective.qos.contains(id));
        // What is inherited is no default of its own to slurmdbd.
        let default = |ids: &Vec<QosId>| row.default_qos.is_some_and(|id| ids.contains(&id));
        self.qos.as_ref().is_none_or(usable) && self.default_qos.as_ref().is_none_or(default)
    }
}

/// The name of the account above an account; empty for a user's association and a root.
pub fn parent_name(state: &State, row: &Association) -> String {
    if row.key.is_account() {
        row.parent.and_then(|id| state.associations().get(&id)).map_or(String::new(), |p| p.key.account.clone())
    } else {
        String::new()
    }
}

/// The numbers of the QOS named in a comma list.
pub fn qos_ids(session: &mut Session, word: &Word) -> Done<Vec<QosId>> {
    let mut ids = Vec::new();
    for name in word::names(word.value).unwrap_or_default() {
        match session.state.qos_named(name.trim_start_matches(['+', '-'])).map(|qos| qos.id) {
            Some(id) => ids.push(id),
            None => return unknown_qos(session, &name),
        }
    }
    Ok(ids)
}

/// Refuses the name of a QOS that is not there.
pub fn unknown_qos<T>(session: &mut Session, name: &str) -> Done<T> {
    let valid: Vec<_> = session.state.qos.values().filter(|row| !row.deleted).map(|row| row.name.clone()).collect();
    let valid = valid.join(",");
    session.refuse(format!("sacctmgr: error: You gave a bad qos '{name}'. Valid QOS's are {valid}"))
}
