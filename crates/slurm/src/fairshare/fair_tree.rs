//! Fair Tree (fair_tree.shtml; src/plugins/priority/multifactor/fair_tree.c).

use super::{Share, Tree, ratio};
use crate::model::Shares;
use std::cmp::Ordering;

pub(super) fn shares(tree: &Tree) -> Vec<Share> {
    let mut result: Vec<Share> = (0..tree.nodes.len()).map(|index| level(tree, index)).collect();
    let users = tree.nodes.iter().filter(|node| node.is_user).count();
    let mut ranking = Ranking { tree, shares: &mut result, users, rank: users, next: users };
    if !tree.nodes.is_empty() {
        ranking.descend(0, false);
    }
    result
}

/// All but the factor: shares and usage against the siblings, and LevelFS = shares / usage.
fn level(tree: &Tree, index: usize) -> Share {
    let Some(above) = tree.above[index] else { return tree.share(index, 0.0, 1.0) };
    let node = &tree.nodes[index];
    let usage = ratio(node.usage, tree.nodes[above].usage);
    let own = tree.level_share(index);
    let norm = own.or_else(|| tree.level_share(above)).unwrap_or(0.0);
    let level = own.map(|shares| if shares == 0.0 { 0.0 } else { shares / usage });
    Share { level, ..tree.share(index, norm, usage) }
}

/// The walk that gives each user a rank, the best first.
struct Ranking<'a> {
    tree: &'a Tree,
    shares: &'a mut [Share],
    users: usize,
    /// The rank that a tied user gets.
    rank: usize,
    /// The rank of the next user who does not tie.
    next: usize,
}

impl Ranking<'_> {
    /// Ranks the users below an account, which may have tied with what came before it. Accounts that tie are walked one
    /// after the other: fair_tree.shtml has their children merged, but no release does (`_count_tied_accounts`).
    fn descend(&mut self, account: usize, mut tied: bool) {
        let mut before = None;
        for child in self.ordered(account) {
            let level = self.standing(child);
            if before.is_some() {
                tied = before == Some(level);
            }
            before = Some(level);
            if self.tree.nodes[child].is_user {
                self.place(child, tied);
            } else {
                self.descend(child, tied);
            }
        }
    }

    /// LevelFS; a user with `Fairshare=parent` stands as high as one without usage.
    fn standing(&self, child: usize) -> f64 {
        self.shares[child].level.unwrap_or(f64::INFINITY)
    }

    fn place(&mut self, user: usize, tied: bool) {
        if !tied {
            self.rank = self.next;
        }
        self.shares[user].fairshare = Some(self.rank as f64 / self.users as f64);
        self.next -= 1;
    }

    /// Children with the highest LevelFS first, users before accounts that equal them, else in tree order. An account
    /// with `Fairshare=parent` is left out: its children stand among these.
    fn ordered(&self, account: usize) -> Vec<usize> {
        let nodes = &self.tree.nodes;
        let counts = |child: &usize| nodes[*child].is_user || nodes[*child].shares != Shares::Parent;
        let mut children: Vec<usize> = self.tree.children[account].iter().copied().filter(counts).collect();
        children.sort_by(|a, b| {
            let by_level = self.standing(*b).partial_cmp(&self.standing(*a)).unwrap_or(Ordering::Equal);
            by_level.then(nodes[*b].is_user.cmp(&nodes[*a].is_user))
        });
        children
    }
}
