//! How associations go, for `sacctmgr delete account` and `delete user`.

use crate::sacctmgr::common;
use crate::sacctmgr::condition::Condition;
use crate::sacctmgr::job::idle::{Idle, idle};
use crate::sacctmgr::session::{Done, Session};
use slurm::State;
use slurm::model::*;
use slurm::tree;
use std::collections::BTreeSet;

/// What is said, and the exit code, when a condition means nothing.
pub fn nothing_deleted(session: &mut Session) -> Done {
    session.say(" Nothing deleted");
    session.failed = true;
    Ok(())
}

/// What the condition means, and all below it.
pub fn with_all_below(state: &State, place: &Condition) -> BTreeSet<AssociationId> {
    let chosen = place.select(state);
    chosen.into_iter().flat_map(|row| tree::walk(state, row.id)).map(|row| row.id).collect()
}

/// A user's default association stays while the user keeps another one on the cluster.
pub fn refuse_defaults(session: &mut Session, ids: &BTreeSet<AssociationId>, remedy: &str) -> Done {
    let state = &session.state;
    let stuck: Vec<_> = ids
        .iter()
        .filter_map(|id| state.association(*id))
        .filter(|row| row.is_default && other_partition(state, ids, row).is_none())
        .filter(|row| {
            let keeps = |other: &Association| other.key.cluster == row.key.cluster && !ids.contains(&other.id);
            state.of_user(&row.key.user).any(keeps)
        })
        .map(|row| format!("  C = {:<15} A = {:<10} U = {:<9}", row.key.cluster, row.key.account, row.key.user))
        .collect();
    if stuck.is_empty() {
        return Ok(());
    }
    session.complain(" Error with request: You can not remove the default account of a user");
    session.complain(stuck.join("\n"));
    session.refuse(remedy)
}

/// Another association of the same user in the same account that stays: for another partition.
fn other_partition(state: &State, going: &BTreeSet<AssociationId>, row: &Association) -> Option<AssociationId> {
    let same = |other: &&Association| other.key.cluster == row.key.cluster && other.key.account == row.key.account;
    state.of_user(&row.key.user).filter(same).map(|other| other.id).find(|id| !going.contains(id))
}

pub fn uproot(session: &mut Session, going: &Idle) {
    let ids = going.ids();
    let defaults = ids.iter().filter_map(|id| session.state.association(*id)).filter(|row| row.is_default);
    let heirs: Vec<_> = defaults.filter_map(|row| other_partition(session.state, ids, row)).collect();
    for id in ids {
        session.state.edit_association(*id, |row| {
            row.deleted = true;
            row.is_default = false;
        });
    }
    for heir in heirs {
        session.state.edit_association(heir, |row| row.is_default = true);
    }
}

/// Takes the coordinators away that go with a user or an account. Recorded as slurmdbd does, in one line, and also when
/// there are none.
pub fn remove_coordinators(session: &mut Session, target: String, which: impl Fn(&Coordinator) -> bool) {
    let gone: Vec<_> = session.state.coordinators.values().filter(|row| which(row)).cloned().collect();
    for row in gone {
        session.state.coordinators.remove(&(row.account, row.user));
    }
    session.record(Action::RemoveCoordinator, target, "", "");
}

pub fn delete_associations(session: &mut Session, ids: &BTreeSet<AssociationId>, heading: &str, remedy: &str) -> Done {
    if ids.is_empty() {
        return nothing_deleted(session);
    }
    let rows: Vec<_> = tree::all(session.state).into_iter().filter(|row| ids.contains(&row.id)).collect();
    if !rows.iter().all(|row| common::may_change(session, row)) {
        return common::denied(session);
    }
    let lines: Vec<_> = rows.iter().map(|row| common::delete_line(session.state, row)).collect();
    let cluster = rows.first().map(|row| row.key.cluster.clone()).unwrap_or_default();
    refuse_defaults(session, ids, remedy)?;
    let going = idle(session, ids.clone())?;
    session.say(heading);
    for line in lines {
        session.say(format!("  {line}"));
    }
    uproot(session, &going);
    let target = ids.iter().map(|id| format!("id_assoc={id}")).collect::<Vec<_>>().join(" || ");
    session.record(Action::RemoveAssociation, target, "", &cluster);
    Ok(())
}
