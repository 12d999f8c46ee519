//! Fairshare: from the association tree and its usage to the numbers that `sshare` shows.
//!
//! Two ways to compute them: [Fair Tree](Method::FairTree), the default, and the [classic formula](Method::Classic).
//! Both are functions of a [`Tree`]; usage is faded beforehand with [`Decay`].

mod classic;
mod decay;
mod fair_tree;
pub mod history;
pub mod running;
pub mod terms;

pub use decay::Decay;
pub use history::History;
pub use terms::Terms;

use crate::State;
use crate::model::{AssociationId, Shares};
use crate::tree::walk;
use std::collections::BTreeMap;

/// Usage by association: billing TRES seconds, faded up to now. An account's is kept apart from that of its users, since
/// it stays when they go.
pub type Usage = BTreeMap<AssociationId, f64>;

/// Adds to an association and everything above it.
pub fn charge(state: &State, usage: &mut Usage, association: AssociationId, amount: f64) {
    let mut next = Some(association);
    while let Some(id) = next {
        *usage.entry(id).or_default() += amount;
        next = state.associations().get(&id).and_then(|row| row.parent);
    }
}

/// How fairshare is computed (slurm.conf(5), `PriorityFlags`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// By rank in the tree (fair_tree.shtml).
    FairTree,
    /// `NO_FAIR_TREE`: 2^(−usage/shares/dampening) (classic_fair_share.shtml).
    Classic {
        /// `FairShareDampeningFactor`; at least 1.
        dampening: u16,
    },
}

/// One association as fairshare sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Which association.
    pub association: AssociationId,
    /// Index of the association above, which must come earlier; `None` for the root.
    pub parent: Option<usize>,
    /// Whether it is a user's; else an account's.
    pub is_user: bool,
    /// Fairshare as set.
    pub shares: Shares,
    /// Billing TRES seconds, faded.
    pub usage: f64,
}

/// A cluster's associations, parents first and siblings in tree order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The nearest association above that has shares of its own: where `Fairshare=parent` leads.
    above: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    /// All shares of the level below each.
    totals: Vec<f64>,
}

/// What `sshare` shows of one association.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Which association.
    pub association: AssociationId,
    /// RawShares; `None` for the root.
    pub raw_shares: Option<Shares>,
    /// NormShares, 0 to 1.
    pub norm_shares: f64,
    /// RawUsage.
    pub raw_usage: f64,
    /// NormUsage: part of all usage, 0 to 1.
    pub norm_usage: f64,
    /// EffectvUsage, 0 to 1.
    pub effective_usage: f64,
    /// FairShare, 0 to 1; only users have it, and with the classic formula accounts too.
    pub fairshare: Option<f64>,
    /// LevelFS, 0 to infinity; `None` at the root, with `Fairshare=parent` and with the classic formula.
    pub level: Option<f64>,
}

impl Tree {
    /// From nodes in tree order. The first must be the only one without a parent.
    pub fn new(nodes: Vec<Node>) -> Self {
        let mut above = Vec::with_capacity(nodes.len());
        let mut children = vec![Vec::new(); nodes.len()];
        let mut totals = vec![0.0; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            let real = node.parent.map(|parent| match (nodes[parent].shares, above[parent]) {
                (Shares::Parent, Some(further)) => further,
                _ => parent,
            });
            if let Some(real) = real {
                children[real].push(index);
                totals[real] += match node.shares {
                    Shares::Of(shares) => f64::from(shares),
                    Shares::Parent => 0.0,
                };
            }
            above.push(real);
        }
        Self { nodes, above, children, totals }
    }

    /// A cluster's associations with their usage; `None` when there is no such cluster.
    pub fn of(state: &State, cluster: &str, usage: &Usage) -> Option<Self> {
        let mut places = BTreeMap::new();
        let mut nodes = Vec::new();
        for row in walk(state, state.root(cluster)?.id) {
            places.insert(row.id, nodes.len());
            nodes.push(Node {
                association: row.id,
                parent: row.parent.and_then(|id| places.get(&id).copied()),
                is_user: !row.key.is_account(),
                shares: row.shares,
                usage: usage.get(&row.id).copied().unwrap_or(0.0),
            });
        }
        Some(Self::new(nodes))
    }

    /// The numbers for every association, in the order of the nodes.
    pub fn shares(&self, method: Method) -> Vec<Share> {
        match method {
            Method::FairTree => fair_tree::shares(self),
            Method::Classic { dampening } => classic::shares(self, f64::from(dampening.max(1))),
        }
    }

    /// Own shares among those of the same level; `None` with `Fairshare=parent` and at the root.
    fn level_share(&self, index: usize) -> Option<f64> {
        let (Shares::Of(own), Some(above)) = (self.nodes[index].shares, self.above[index]) else { return None };
        Some(ratio(f64::from(own), self.totals[above]))
    }

    /// What both methods show alike.
    fn share(&self, index: usize, norm_shares: f64, effective_usage: f64) -> Share {
        let node = &self.nodes[index];
        Share {
            association: node.association,
            raw_shares: self.above[index].map(|_| node.shares),
            norm_shares,
            raw_usage: node.usage,
            norm_usage: ratio(node.usage, self.nodes[0].usage),
            effective_usage,
            fairshare: None,
            level: None,
        }
    }
}

/// A part of a whole; of nothing, nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
