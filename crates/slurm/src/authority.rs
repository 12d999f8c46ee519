//! Who may do what (slurm_reference, "Who may do what").

use crate::State;
use crate::model::{AdminLevel, AssociationKey};
use crate::settings::Settings;
use crate::tree;
use std::collections::BTreeSet;
use words::people::Uid;

/// Who asks, as the kernel says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller's user number.
    pub uid: Uid,
    /// The name that the number has on this host; empty when it has none.
    pub name: String,
    is_slurm_user: bool,
    may_coordinate: bool,
    is_ordinary: bool,
}

impl Caller {
    /// A user, with what the settings make of them (`SlurmUser`, `DisableCoordDBD`).
    pub fn new(uid: Uid, name: impl Into<String>, settings: &Settings) -> Self {
        let name = name.into();
        let is_slurm_user = !name.is_empty() && name == settings.slurm_user;
        Self { uid, name, is_slurm_user, may_coordinate: !settings.disable_coordinators, is_ordinary: false }
    }

    /// root on this host.
    pub fn root() -> Self {
        Self::new(Uid::ROOT, "root", &Settings::default())
    }

    /// The same, but with no admin level: one who comes from where no administrator is expected.
    pub fn ordinary(self) -> Self {
        Self { is_ordinary: true, ..self }
    }

    /// What the caller may administer: root and the SlurmUser everything, others what their user row says.
    pub fn level(&self, state: &State) -> AdminLevel {
        if self.is_ordinary {
            return AdminLevel::None;
        }
        if self.uid == Uid::ROOT || self.is_slurm_user {
            AdminLevel::Administrator
        } else {
            state.user(&self.name).map_or(AdminLevel::None, |user| user.admin_level)
        }
    }

    /// Whether the caller is at least an operator.
    pub fn is_operator(&self, state: &State) -> bool {
        self.level(state) >= AdminLevel::Operator
    }

    /// Whether the caller is an administrator.
    pub fn is_administrator(&self, state: &State) -> bool {
        self.level(state) == AdminLevel::Administrator
    }

    /// Whether the caller coordinates the account on the cluster, or one above it.
    pub fn coordinates(&self, state: &State, cluster: &str, account: &str) -> bool {
        if !self.may_coordinate {
            return false;
        }
        let mut next = state.find(&AssociationKey::account(cluster, account));
        while let Some(row) = next {
            if self.coordinates_here(state, cluster, &row.key.account) {
                return true;
            }
            next = row.parent.and_then(|id| state.association(id));
        }
        false
    }

    /// Named as its coordinator, or a user of an account whose users all coordinate it (`UsersAreCoords`).
    fn coordinates_here(&self, state: &State, cluster: &str, account: &str) -> bool {
        let is_user = || state.find(&AssociationKey::user(cluster, account, &self.name, "")).is_some();
        state.coordinators.get(&(account.to_owned(), self.name.clone())).is_some()
            || state.account(account).is_some_and(|row| row.users_coordinate && !self.name.is_empty() && is_user())
    }

    /// All accounts that the caller coordinates, those below included, on any cluster.
    pub fn coordinated(&self, state: &State) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        if !self.may_coordinate {
            return found;
        }
        let named = state.coordinators.values().filter(|row| row.user == self.name).map(|row| &row.account);
        let own = state.of_user(&self.name).filter(|row| row.key.partition.is_empty()).map(|row| &row.key.account);
        let own = own.filter(|account| state.account(account).is_some_and(|row| row.users_coordinate));
        for account in named.chain(own) {
            found.insert(account.clone());
            for cluster in state.cluster_names() {
                let Some(top) = state.find(&AssociationKey::account(&cluster, account)) else { continue };
                found.extend(tree::walk(state, top.id).iter().map(|row| row.key.account.clone()));
            }
        }
        found
    }
}
