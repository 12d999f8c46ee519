//! The association tree: growing it, what is inherited down it, and the orders in which it is listed.

use crate::State;
use crate::model::*;
use std::collections::{BTreeMap, BTreeSet};

/// What holds for an association once everything inherited is filled in (slurm_reference, "Inheritance").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    /// Own limits, and from above the Max ones that are unset.
    pub limits: Limits,
    /// QOS that may be used.
    pub qos: BTreeSet<QosId>,
    /// Default QOS.
    pub default_qos: Option<QosId>,
    /// Priority.
    pub priority: Option<u32>,
}

/// Fills in what `row` inherits.
pub fn effective(state: &State, row: &Association) -> Effective {
    let mut line = vec![row];
    while let Some(parent) = line.last().and_then(|row| row.parent).and_then(|id| state.association(id)) {
        line.push(parent);
    }
    let mut result = Effective::default();
    for ancestor in &line {
        result.limits.inherit(&ancestor.limits);
        result.default_qos = result.default_qos.or(ancestor.default_qos);
        result.priority = result.priority.or(ancestor.priority);
    }
    for own in row.limits.iter() {
        result.limits.set(own.0, Some(own.1));
    }
    result.qos = line.iter().rev().fold(BTreeSet::new(), |above, row| row.qos.effective(&above));
    result
}

/// How a QOS came into a raw list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// `=`
    Set,
    /// `+=`
    Added,
    /// `-=`
    Removed,
}

impl Sign {
    /// What stands before the name.
    pub fn text(self) -> &'static str {
        match self {
            Sign::Set => "",
            Sign::Added => "+",
            Sign::Removed => "-",
        }
    }
}

/// The QOS list with the signs that made it (`WithRawQOSLevel`): what was set nearest above, and all additions and
/// removals since; of `row` alone with `own`.
pub fn raw_qos(state: &State, row: &Association, own: bool) -> BTreeSet<(Sign, QosId)> {
    let mut found = BTreeSet::new();
    let mut next = Some(row);
    while let Some(row) = next {
        match &row.qos {
            QosSet::Inherited => {}
            QosSet::Exactly(ids) => {
                found.extend(ids.iter().map(|id| (Sign::Set, *id)));
                break;
            }
            QosSet::Changed { added, removed } => {
                found.extend(added.iter().map(|id| (Sign::Added, *id)));
                found.extend(removed.iter().map(|id| (Sign::Removed, *id)));
            }
        }
        next = row.parent.filter(|_| !own).and_then(|id| state.association(id));
    }
    found
}

/// Only what is set on `row` itself (`WOPInfo`).
pub fn own(row: &Association) -> Effective {
    Effective {
        limits: row.limits.clone(),
        qos: row.qos.effective(&BTreeSet::new()),
        default_qos: row.default_qos,
        priority: row.priority,
    }
}

/// A new association, not yet in the tree.
#[derive(Clone, Debug)]
pub struct Seed {
    /// What it is of.
    pub key: AssociationKey,
    /// Shares, limits, QOS and priority to begin with.
    pub settings: Settings,
    /// Whether it is asked to be the user's default.
    pub is_default: bool,
}

/// What an association can be told to have.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Fairshare.
    pub shares: Shares,
    /// Limits.
    pub limits: Limits,
    /// Priority.
    pub priority: Option<u32>,
    /// QOS list.
    pub qos: QosSet,
    /// Default QOS.
    pub default_qos: Option<QosId>,
    /// Comment.
    pub comment: Option<Box<str>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shares: Shares::Of(1),
            limits: Limits::default(),
            priority: None,
            qos: QosSet::Inherited,
            default_qos: None,
            comment: None,
        }
    }
}

impl Association {
    /// With these settings; first of its siblings, nobody's default, and present.
    pub fn new(id: AssociationId, key: AssociationKey, parent: Option<AssociationId>, settings: Settings) -> Self {
        let Settings { shares, limits, priority, qos, default_qos, comment } = settings;
        let (position, is_default, deleted) = (0, false, false);
        Self { id, key, parent, position, is_default, shares, limits, priority, qos, default_qos, comment, deleted }
    }
}

/// Adds associations below their parents. Those of one cluster that stand next to each other in `seeds` and have the same
/// parent keep their order and come before what is there already, as in Slurm's nested sets. The parents must exist. A user's first association on a cluster
/// becomes the default one. A row that was taken away is revived with its old number.
pub fn grow(state: &mut State, seeds: &[(AssociationId, Seed)]) -> Vec<AssociationId> {
    let positions = positions(state, seeds);
    let planted = seeds.iter().zip(positions);
    planted.map(|((parent, seed), position)| plant(state, *parent, position, seed)).collect()
}

/// Where each stands among the children of its parent.
fn positions(state: &State, seeds: &[(AssociationId, Seed)]) -> Vec<i64> {
    let mut by_cluster: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (_, seed)) in seeds.iter().enumerate() {
        by_cluster.entry(&seed.key.cluster).or_default().push(index);
    }
    let mut positions = vec![0; seeds.len()];
    let mut front = BTreeMap::new();
    for indices in by_cluster.values() {
        for group in indices.chunk_by(|a, b| seeds[*a].0 == seeds[*b].0) {
            let parent = seeds[group[0]].0;
            let first = || state.children(parent).next().map_or(0, |row| row.position);
            let first = front.entry(parent).or_insert_with(first);
            *first -= group.len() as i64;
            group.iter().zip(*first..).for_each(|(index, position)| positions[*index] = position);
        }
    }
    positions
}

fn plant(state: &mut State, parent: AssociationId, position: i64, seed: &Seed) -> AssociationId {
    let id = state.find_deleted(&seed.key).map_or_else(|| state.next_association(), |row| row.id);
    let key = seed.key.clone();
    let is_first = !key.is_account() && state.default_account(&key.user, &key.cluster).is_none();
    if seed.is_default {
        clear_default(state, &key.user, &key.cluster);
    }
    let is_default = seed.is_default || is_first;
    let row = Association::new(id, key, Some(parent), seed.settings.clone());
    state.put_association(Association { position, is_default, ..row });
    id
}

/// Makes no association the user's default on a cluster.
pub fn clear_default(state: &mut State, user: &str, cluster: &str) {
    if let Some(id) = state.default_account(user, cluster).map(|row| row.id) {
        state.edit_association(id, |row| row.is_default = false);
    }
}

/// An association and all below it, each before what is below it, siblings in tree order (Slurm's `lft` order).
pub fn walk(state: &State, top: AssociationId) -> Vec<&Association> {
    let mut found = Vec::new();
    let mut stack: Vec<_> = state.association(top).into_iter().collect();
    while let Some(row) = stack.pop() {
        found.push(row);
        stack.extend(state.children(row.id).rev());
    }
    found
}

/// Sorts associations into the order of [`all`] without walking the whole tree.
pub fn order_key<'a>(state: &'a State, row: &'a Association) -> (&'a str, Vec<(i64, AssociationId)>) {
    let mut path = vec![(row.position, row.id)];
    let mut next = row.parent;
    while let Some(parent) = next.and_then(|id| state.associations().get(&id)) {
        path.push((parent.position, parent.id));
        next = parent.parent;
    }
    path.reverse();
    (&row.key.cluster, path)
}

/// Every association's bounds in Slurm's nested sets, as `format=lft,rgt` shows them.
pub fn bounds(state: &State) -> BTreeMap<AssociationId, (u32, u32)> {
    let mut found = BTreeMap::new();
    for cluster in state.cluster_names() {
        let mut next = 1;
        let mut stack: Vec<_> = state.root(&cluster).map(|root| (root, false)).into_iter().collect();
        while let Some((row, done)) = stack.pop() {
            if done {
                found.entry(row.id).and_modify(|(_, right)| *right = next);
            } else {
                found.insert(row.id, (next, 0));
                stack.push((row, true));
                stack.extend(state.children(row.id).rev().map(|child| (child, false)));
            }
            next += 1;
        }
    }
    found
}

/// Sorts associations by their bounds, over clusters: slurmdbd's order of what hangs below nothing that is listed.
pub fn sort_by_bounds(state: &State, rows: &mut [&Association]) {
    if rows.windows(2).any(|pair| pair[0].key.cluster != pair[1].key.cluster) {
        let bounds = bounds(state);
        rows.sort_by_key(|row| bounds.get(&row.id).map_or(u32::MAX, |(left, _)| *left));
    }
}

/// All associations of all clusters in tree order.
pub fn all(state: &State) -> Vec<&Association> {
    state.cluster_names().iter().filter_map(|name| state.root(name)).flat_map(|root| walk(state, root.id)).collect()
}

/// As listings show them: each association below its parent if that is listed too, users before accounts, then by
/// name; otherwise as they come. Without parents (`WOPInfo`) only users come before accounts, and then by cluster.
pub fn sort_for_listing(rows: Vec<&Association>, with_parents: bool) -> Vec<&Association> {
    let listed: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let mut below: BTreeMap<Option<AssociationId>, Vec<&Association>> = BTreeMap::new();
    for row in rows {
        let parent = row.parent.filter(|id| with_parents && listed.contains(id));
        below.entry(parent).or_default().push(row);
    }
    for siblings in below.values_mut() {
        siblings.sort_by_key(|row| (row.key.is_account(), sibling_name(row, with_parents)));
    }
    let mut found = Vec::with_capacity(listed.len());
    let mut stack: Vec<_> = below.remove(&None).unwrap_or_default();
    stack.reverse();
    while let Some(row) = stack.pop() {
        found.push(row);
        stack.extend(below.remove(&Some(row.id)).unwrap_or_default().into_iter().rev());
    }
    found
}

fn sibling_name(row: &Association, with_parents: bool) -> &str {
    match (row.parent.filter(|_| with_parents), row.key.is_account()) {
        (None, _) if with_parents => "",
        (None, _) => &row.key.cluster,
        (Some(_), true) => &row.key.account,
        (Some(_), false) => &row.key.user,
    }
}
