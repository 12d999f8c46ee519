//! The classic formula (classic_fair_share.shtml).

use super::{Share, Tree, ratio};

pub(super) fn shares(tree: &Tree, dampening: f64) -> Vec<Share> {
    let mut result: Vec<Share> = Vec::with_capacity(tree.nodes.len());
    for index in 0..tree.nodes.len() {
        let share = match tree.above[index] {
            None => tree.share(index, 1.0, 1.0),
            Some(above) => below(tree, index, above, &result),
        };
        let fairshare = factor(&share, dampening);
        result.push(Share { fairshare: Some(fairshare), ..share });
    }
    result
}

/// Shares multiply going down; on the first level usage is the part of all usage, and further down it is drawn towards
/// that of the account above by the part that the shares have of their level. `Fairshare=parent` takes what the
/// association above has, and so does usage where nobody on a level has shares (both seen in 22.05.8).
fn below(tree: &Tree, index: usize, above: usize, result: &[Share]) -> Share {
    let parent = &result[above];
    let part = tree.level_share(index);
    let own = ratio(tree.nodes[index].usage, tree.nodes[0].usage);
    let effective = match part {
        _ if above == 0 => own,
        Some(part) if tree.totals[above] > 0.0 => own + (parent.effective_usage - own) * part,
        _ => parent.effective_usage,
    };
    tree.share(index, parent.norm_shares * part.unwrap_or(1.0), effective)
}

fn factor(share: &Share, dampening: f64) -> f64 {
    if share.norm_shares > 0.0 { (-(share.effective_usage / share.norm_shares) / dampening).exp2() } else { 0.0 }
}
