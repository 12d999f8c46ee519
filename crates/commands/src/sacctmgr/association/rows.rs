//! The cells that every listing of associations shares.

use crate::sacctmgr::condition::{Condition, parent_name};
use crate::sacctmgr::fields::Column;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::setting::qos_name;
use slurm::State;
use slurm::model::*;
use slurm::tree::{self, Effective, Sign};
use std::collections::BTreeSet;

/// One association with what is shown of it.
pub struct Row<'a> {
    /// The association.
    pub association: &'a Association,
    /// Its values, inherited ones included unless `WOPInfo` was asked for.
    pub values: Effective,
    /// Whether what is above it may be named.
    with_parent: bool,
    /// The QOS list with its signs, where that is asked for.
    raw_qos: Option<BTreeSet<(Sign, QosId)>>,
}

impl<'a> Row<'a> {
    /// An association as `how` shows it: with all that it inherits unless that is not wanted.
    pub fn new(state: &State, association: &'a Association, how: &Condition) -> Self {
        let values = if how.own_values { tree::own(association) } else { tree::effective(state, association) };
        let raw_qos = how.raw_qos.then(|| tree::raw_qos(state, association, how.own_values));
        Self { association, values, with_parent: !how.without_parent, raw_qos }
    }

    /// The QOS list, each written by `write`, sorted; after its sign where raw lists are shown.
    fn qos(&self, write: impl Fn(QosId) -> String) -> Cell {
        let mut parts: Vec<_> = match &self.raw_qos {
            Some(raw) => raw.iter().map(|(sign, id)| format!("{}{}", sign.text(), write(*id))).collect(),
            None => self.values.qos.iter().map(|id| write(*id)).collect(),
        };
        parts.sort();
        Cell::text(parts.join(","))
    }

    /// A cell.
    pub fn cell(&self, state: &State, column: Column) -> Cell {
        let key = &self.association.key;
        match column {
            Column::Account => Cell::text(&key.account),
            Column::Cluster => Cell::text(&key.cluster),
            Column::User => Cell::text(&key.user),
            Column::Partition => Cell::text(&key.partition),
            Column::Id => Cell::number(Some(self.association.id)),
            Column::ParentName if self.with_parent => Cell::text(parent_name(state, self.association)),
            Column::ParentId => {
                Cell::number(Some(or_zero::number(self.association.parent.filter(|_| self.with_parent))))
            }
            Column::Shares => match self.association.shares {
                Shares::Of(shares) => Cell::number(Some(shares)),
                Shares::Parent => Cell::text("parent"),
            },
            Column::Priority => Cell::number(self.values.priority),
            Column::Qos => self.qos(|id| qos_name(state, id)),
            Column::QosRaw => self.qos(|id| id.to_string()),
            Column::DefaultQos => Cell::text(self.values.default_qos.map_or(String::new(), |id| qos_name(state, id))),
            Column::Comment => Cell::text(self.association.comment.as_deref().unwrap_or_default()),
            Column::Lineage => Cell::text(lineage(state, self.association)),
            // An older name of the same.
            Column::Limit(Limit::MaxJobsPerUser) => format::limit(state, &self.values.limits, Limit::MaxJobs),
            Column::Limit(limit) => format::limit(state, &self.values.limits, limit),
            Column::One(limit, tres) => Cell::number(self.values.limits.tres(limit, tres)),
            _ => Cell::Empty,
        }
    }
}

/// The way from the root to an association, as releases from 23.11 on write it: `/physics/lab/0-ann/gpu/`.
fn lineage(state: &State, association: &Association) -> String {
    let key = &association.key;
    let mut parts = Vec::new();
    if !key.partition.is_empty() {
        parts.push(key.partition.clone());
    }
    if !key.is_account() {
        parts.push(format!("0-{}", key.user));
    }
    let mut next = Some(association);
    while let Some(row) = next {
        if row.parent.is_some() && row.key.is_account() {
            parts.push(row.key.account.clone());
        }
        next = row.parent.and_then(|id| state.associations().get(&id));
    }
    parts.iter().rev().fold("/".to_owned(), |line, part| line + part + "/")
}

/// Names of QOS, sorted.
pub fn qos_names<'a>(state: &State, ids: impl IntoIterator<Item = &'a QosId>) -> String {
    let mut names: Vec<_> = ids.into_iter().map(|id| qos_name(state, *id)).collect();
    names.sort();
    names.join(",")
}
