//! Who coordinates what, as accounts and users show it.

use crate::sacctmgr::fields::{Column, Field};
use slurm::State;
use slurm::model::*;
use slurm::tree;
use std::collections::BTreeMap;

/// Accounts and who coordinates them, from both sides.
#[derive(Default)]
pub struct Coordinators<'a> {
    /// Who coordinates an account.
    pub of_account: BTreeMap<&'a str, Vec<&'a str>>,
    /// What a user coordinates.
    pub of_user: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Coordinators<'a> {
    /// All of them if they are shown, else none.
    pub fn shown(state: &'a State, fields: &[Field]) -> Self {
        let mut found = Self::default();
        if fields.iter().any(|field| field.column == Column::Coordinators) {
            for (account, user) in coordinated(state) {
                found.of_account.entry(account).or_default().push(user);
                found.of_user.entry(user).or_default().push(account);
            }
        }
        found
    }
}

/// Accounts and who coordinates them, those below a coordinated account included.
fn coordinated(state: &State) -> impl Iterator<Item = (&str, &str)> {
    let pairs = state.coordinators.values().flat_map(|row| {
        let clusters = state.cluster_names();
        let tops: Vec<_> = clusters
            .iter()
            .filter_map(|cluster| state.find(&AssociationKey::account(cluster, &row.account)))
            .flat_map(|top| tree::walk(state, top.id))
            .filter(|below| below.key.is_account())
            .map(|below| below.key.account.as_str())
            .collect();
        tops.into_iter().map(|account| (account, row.user.as_str()))
    });
    pairs.collect::<std::collections::BTreeSet<_>>().into_iter()
}
