//! The cells that every listing of associations shares.

use super::condition::parent_name;
use super::fields::Column;
use super::format::{self, Cell};
use super::setting::qos_name;
use crate::accounting::State;
use crate::accounting::model::*;
use crate::accounting::tree::{self, Effective};

/// One association with what is shown of it.
pub struct Row<'a> {
    /// The association.
    pub association: &'a Association,
    /// Its values, inherited ones included unless `WOPInfo` was asked for.
    pub values: Effective,
    /// Whether what is above it may be named.
    pub with_parent: bool,
}

impl<'a> Row<'a> {
    /// An association with all that it inherits, or (`own`) only what is set on itself.
    pub fn new(state: &State, association: &'a Association, own: bool) -> Self {
        let values = if own { tree::own(association) } else { tree::effective(state, association) };
        Self { association, values, with_parent: !own }
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
            Column::ParentId if self.with_parent => Cell::number(Some(self.association.parent.unwrap_or(0))),
            Column::Shares => match self.association.shares {
                Shares::Of(shares) => Cell::number(Some(shares)),
                Shares::Parent => Cell::text("parent"),
            },
            Column::Priority => Cell::number(self.values.priority),
            Column::Qos => Cell::text(qos_names(state, &self.values.qos)),
            Column::QosRaw => Cell::text(self.values.qos.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
            Column::DefaultQos => Cell::text(self.values.default_qos.map_or(String::new(), |id| qos_name(state, id))),
            Column::Limit(limit) => format::limit(state, &self.values.limits, limit),
            Column::One(limit, tres) => Cell::number(self.values.limits.tres(limit, tres)),
            _ => Cell::Empty,
        }
    }
}

/// Names of QOS, sorted.
pub fn qos_names<'a>(state: &State, ids: impl IntoIterator<Item = &'a QosId>) -> String {
    let mut names: Vec<_> = ids.into_iter().map(|id| qos_name(state, *id)).collect();
    names.sort();
    names.join(",")
}
