//! [`Association`]: one place in a cluster's account tree, of an account or of a user in it.

use super::ids::{AssociationId, QosId};
use super::limits::Limits;
use std::collections::BTreeSet;

/// What identifies an association (accounting.shtml). `user` and `partition` are empty for an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssociationKey {
    /// The cluster.
    pub cluster: String,
    /// The account.
    pub account: String,
    /// The user; empty for the account itself.
    pub user: String,
    /// The partition; empty for all.
    pub partition: String,
}

impl AssociationKey {
    /// An account on a cluster.
    pub fn account(cluster: &str, account: &str) -> Self {
        Self::user(cluster, account, "", "")
    }

    /// A user in an account, on one partition or (empty) all.
    pub fn user(cluster: &str, account: &str, user: &str, partition: &str) -> Self {
        Self { cluster: cluster.into(), account: account.into(), user: user.into(), partition: partition.into() }
    }

    /// Whether it is an account's.
    pub fn is_account(&self) -> bool {
        self.user.is_empty()
    }
}

/// One place in a cluster's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// Its number.
    pub id: AssociationId,
    /// What it is of.
    pub key: AssociationKey,
    /// The association above; `None` for a cluster's root.
    pub parent: Option<AssociationId>,
    /// Order among its siblings: new ones come first, those of one command in the order given (Slurm's nested sets).
    pub position: i64,
    /// Whether it is its user's default account on the cluster.
    pub is_default: bool,
    /// Fairshare.
    pub shares: Shares,
    /// Its own limits.
    pub limits: Limits,
    /// Its own priority.
    pub priority: Option<u32>,
    /// Its own QOS list.
    pub qos: QosSet,
    /// Its own default QOS.
    pub default_qos: Option<QosId>,
    /// Free text about it (23.02).
    pub comment: Option<Box<str>>,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

/// Says that an association's usage counts from a time on (`RawUsage=0`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageReset {
    /// The association.
    pub association: AssociationId,
    /// Seconds since 1970.
    pub time: i64,
}

/// Fairshare of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shares {
    /// So many shares among its siblings; 1 unless set.
    Of(u32),
    /// `Fairshare=parent`: no share of its own.
    Parent,
}

/// Which QOS an association may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QosSet {
    /// Those of the association above.
    #[default]
    Inherited,
    /// Exactly these.
    Exactly(BTreeSet<QosId>),
    /// Those of the association above, with some more and some less.
    Changed {
        /// More (`+=`).
        added: BTreeSet<QosId>,
        /// Less (`-=`).
        removed: BTreeSet<QosId>,
    },
}

impl QosSet {
    /// What may be used in effect when the association above may use `parent`.
    pub fn effective(&self, parent: &BTreeSet<QosId>) -> BTreeSet<QosId> {
        match self {
            QosSet::Inherited => parent.clone(),
            QosSet::Exactly(own) => own.clone(),
            QosSet::Changed { added, removed } => {
                parent.union(added).filter(|id| !removed.contains(id)).copied().collect()
            }
        }
    }

    /// Allows one more.
    pub fn add(&mut self, id: QosId) {
        match self {
            QosSet::Exactly(own) => {
                own.insert(id);
            }
            _ => {
                let (added, removed) = self.changed();
                removed.remove(&id);
                added.insert(id);
            }
        }
    }

    /// Allows one less.
    pub fn remove(&mut self, id: QosId) {
        match self {
            QosSet::Exactly(own) => {
                own.remove(&id);
            }
            _ => {
                let (added, removed) = self.changed();
                added.remove(&id);
                removed.insert(id);
            }
        }
    }

    fn changed(&mut self) -> (&mut BTreeSet<QosId>, &mut BTreeSet<QosId>) {
        if !matches!(self, QosSet::Changed { .. }) {
            *self = QosSet::Changed { added: BTreeSet::new(), removed: BTreeSet::new() };
        }
        match self {
            QosSet::Changed { added, removed } => (added, removed),
            _ => unreachable!("made so above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qos_deltas_follow_the_parent() {
        let mut qos = QosSet::Inherited;
        let [one, two, three] = [1, 2, 3].map(QosId);
        qos.add(three);
        qos.remove(one);
        assert_eq!(qos.effective(&[one, two].into()), [two, three].into());
        qos.add(one);
        assert_eq!(qos.effective(&[two].into()), [one, two, three].into());
        let mut own = QosSet::Exactly([one].into());
        own.add(two);
        assert_eq!(own, QosSet::Exactly([one, two].into()));
    }
}
