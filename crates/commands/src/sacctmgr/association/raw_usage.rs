//! `modify account|user|qos … set RawUsage=0`: what was used before this moment does not count any more.

use crate::sacctmgr::condition::Condition;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::number;
use slurm::model::*;

/// Reads the value; only 0 is taken.
pub fn read(session: &mut Session, text: &str) -> bool {
    match number(session, "RawUsage", text) {
        Some(Some(0)) => return true,
        Some(_) => session.complain("sacctmgr: error: Raw usage can only be set to 0 (zero)"),
        None => session.complain(" You didn't give me anything to set"),
    }
    false
}

/// Resets accounts, or users in them, on the clusters named or the local one: all, or none when one is missing. False when
/// the answer was no.
pub fn of_associations(session: &mut Session, place: &Condition) -> Done<bool> {
    let Some(accounts) = &place.accounts else {
        return session.refuse("sacctmgr: error: An association name is required to remove usage");
    };
    let clusters = clusters(session, place);
    if !confirm(session)? {
        return Ok(false);
    }
    let nobody = vec![String::new()];
    let users = place.users.as_ref().filter(|users| !users.is_empty()).unwrap_or(&nobody);
    let mut found = Vec::new();
    for cluster in &clusters {
        if !session.state.cluster_names().contains(cluster) {
            return session.refuse(format!("sacctmgr: error: Failed to find cluster {cluster} in database"));
        }
        for (account, user) in accounts.iter().flat_map(|account| users.iter().map(move |user| (account, user))) {
            // `modify user` without a user's name finds nothing.
            let named = place.users.as_ref().is_none_or(|users| !users.is_empty());
            let ids = if named { these(session, cluster, account, user) } else { Vec::new() };
            if ids.is_empty() {
                let user = if user.is_empty() { String::new() } else { format!("user {user} ") };
                return session.refuse(format!(
                    "sacctmgr: error: Failed to find cluster {cluster} account {account} {user}association in database"
                ));
            }
            found.extend(ids);
        }
    }
    permitted(session)?;
    let now = session.world.now();
    for id in found {
        session.state.reset_usage(id, now);
    }
    Ok(true)
}

/// Resets QOS; false when the answer was no. (Slurm 22.05 crashes when none is named.)
pub fn of_qos(session: &mut Session, names: &[String]) -> Done<bool> {
    if names.is_empty() {
        return session.refuse("sacctmgr: error: A QOS must be named to reset its usage");
    }
    clusters(session, &Condition::default());
    if !confirm(session)? {
        return Ok(false);
    }
    let mut ids = Vec::new();
    for name in names {
        match session.state.qos_named(name) {
            Some(row) => ids.push(row.id),
            None => return session.refuse(format!("sacctmgr: error: Failed to find QOS {name}")),
        }
    }
    permitted(session)?;
    let now = session.world.now();
    for id in ids {
        session.state.qos.edit(&id, |row| row.usage_reset = Some(now));
    }
    Ok(true)
}

fn clusters(session: &mut Session, place: &Condition) -> Vec<String> {
    place.clusters.clone().unwrap_or_else(|| {
        let local = session.local_cluster();
        session.say(format!("No cluster specified, resetting on local cluster {local}"));
        vec![local]
    })
}

fn confirm(session: &mut Session) -> Done<bool> {
    let go = session.ask("Would you like to reset usage?")?;
    if !go {
        session.say(" Changes Discarded");
    }
    Ok(go)
}

/// An account's own association, or a user's in it, one for each partition.
fn these(session: &Session, cluster: &str, account: &str, user: &str) -> Vec<AssociationId> {
    let state = &session.state;
    if user.is_empty() {
        return state.find(&AssociationKey::account(cluster, account)).map(|row| row.id).into_iter().collect();
    }
    let here = |row: &&Association| row.key.cluster == cluster && row.key.account == account;
    state.of_user(user).filter(here).map(|row| row.id).collect()
}

/// Slurm 22.05 ends with 1 and says nothing.
fn permitted(session: &mut Session) -> Done {
    if session.caller.is_administrator(session.state) {
        Ok(())
    } else {
        session.refuse(" Error with request: Access/permission denied")
    }
}
