//! What several commands share: names, clusters, refusals, lines that name an association.

use super::condition::parent_name;
use super::session::{Done, Session};
use slurm::State;
use slurm::model::*;
use slurm::record;
use slurm::tree::{self, Seed};

/// Exactly `width` columns: filled up, or cut.
pub fn field(text: &str, width: usize) -> String {
    format!("{text:<width$.width$}")
}

/// The longest name that is taken, in bytes.
const MAX_NAME: usize = 255;

/// Whether a new entity may have this name; complains if not.
///
/// Slurm takes anything but a blank name. Names that could not be told apart again in listings, dumps and comma lists
/// are refused here.
pub fn good_name(session: &mut Session, name: &str) -> bool {
    if name.is_empty() {
        session.complain(" No blank names are allowed when adding.");
        return false;
    }
    let torn = |c: char| c.is_control() || matches!(c, '|' | ':' | '=' | ',' | '/' | '\\');
    if name.len() > MAX_NAME {
        session.complain(format!(" A name of {} bytes is too long; {MAX_NAME} is the most.", name.len()));
    } else if name.contains(torn) || name.starts_with(['-', '+']) {
        session.complain(format!(
            " The name {name:?} cannot be used: names hold no control characters and none of | : = , / \\, and don't \
             begin with - or +."
        ));
    } else {
        return true;
    }
    false
}

/// The clusters named, checked; all when none was named. `what` is said when there is none at all.
pub fn clusters(session: &mut Session, named: Option<Vec<String>>, what: &str) -> Done<Vec<String>> {
    let present = session.state.cluster_names();
    let Some(named) = named else {
        if present.is_empty() {
            return session.refuse(format!(
                "  Can't add/modify {what}, no cluster defined yet.\n Please contact your administrator."
            ));
        }
        return Ok(present);
    };
    let (known, unknown): (Vec<_>, Vec<_>) = named.into_iter().partition(|name| present.contains(name));
    for name in unknown {
        session.complain(format!(
            " This cluster '{name}' doesn't exist.\n        Contact your admin to add it to accounting."
        ));
    }
    if known.is_empty() {
        session.check()?;
    }
    Ok(known)
}

/// Reads an admin level; complains about one that cannot be read (Slurm ignores it).
pub fn admin_level(session: &mut Session, text: &str) -> Option<AdminLevel> {
    let level = AdminLevel::parse(&super::word::unquote(text));
    if level.is_none() {
        session.complain(format!(" Unknown AdminLevel '{text}': use None, Operator or Administrator"));
    }
    level
}

/// Adds associations and records each.
pub fn plant(session: &mut Session, seeds: &[(AssociationId, Seed)]) {
    let ids = tree::grow(session.state, seeds);
    let now = session.world.now();
    for (id, (parent, seed)) in ids.into_iter().zip(seeds) {
        let Some(row) = session.state.association(id) else { continue };
        let above = session.state.association(*parent).map(|parent| parent.key.account.as_str());
        let (info, cluster) = (record::association(now, row, above, seed.is_default), row.key.cluster.clone());
        session.record(Action::AddAssociation, format!("id_assoc={id}"), info, &cluster);
    }
}

/// The line that names an association in "Modified … associations..." and the like.
pub fn line(state: &State, row: &Association) -> String {
    let key = &row.key;
    match (key.is_account(), parent_name(state, row)) {
        (true, parent) if parent.is_empty() => format!("C = {:<10} A = {}", key.cluster, key.account),
        (true, parent) => format!("C = {:<10} A = {} of {parent}", key.cluster, key.account),
        (false, _) => {
            let partition = if key.partition.is_empty() { String::new() } else { format!(" P = {}", key.partition) };
            format!("C = {:<10} A = {:<20} U = {:<9}{partition}", key.cluster, key.account, key.user)
        }
    }
}

/// The line that names an association in "Deleting … associations..." and in refusals to delete.
pub fn delete_line(state: &State, row: &Association) -> String {
    if row.key.is_account() {
        return line(state, row);
    }
    let key = &row.key;
    let mut line = format!("C = {:<10} A = {:<10}", key.cluster, key.account);
    line.push_str(&format!(" U = {:<9}", key.user));
    if !key.partition.is_empty() {
        line.push_str(&format!(" P = {}", key.partition));
    }
    line
}

/// The refusal that slurmdbd gives to those who may not.
pub fn denied<T>(session: &mut Session) -> Done<T> {
    session.complain("sacctmgr: error: Your user doesn't have privilege to perform this action");
    session.refuse(" Error with request: Access/permission denied")
}

/// The refusal of a list that is kept from the caller altogether (slurmdbd.conf(5), "PrivateData"), with what sacctmgr
/// says behind it.
pub fn hidden<T>(session: &mut Session, then: &str) -> Done<T> {
    session.refuse(format!("sacctmgr: error: Access/permission denied\n {then}"))
}

/// Whether the caller may change this association: operators all; coordinators those below an account of theirs, not
/// the account itself.
pub fn may_change(session: &Session, row: &Association) -> bool {
    if session.caller.is_operator(session.state) {
        return true;
    }
    let above = if row.key.is_account() { parent_name(session.state, row) } else { row.key.account.clone() };
    !above.is_empty() && session.caller.coordinates(session.state, &row.key.cluster, &above)
}

/// The part of a line that names an association when its default QOS is the matter.
pub fn qos_line(row: &Association) -> String {
    let key = &row.key;
    let mut line = format!("C = {:<10} A = {:<20} ", key.cluster, key.account);
    if !key.user.is_empty() {
        line.push_str(&format!("U = {:<9}", key.user));
    }
    if !key.partition.is_empty() {
        line.push_str(&format!(" P = {}", key.partition));
    }
    line
}

/// Asks before everything is changed; false means "Aborted" was said.
pub fn confirm_no_condition(session: &mut Session) -> Done<bool> {
    let go = session.ask("You didn't set any conditions with 'WHERE'.\nAre you sure you want to continue?")?;
    if !go {
        session.say("Aborted");
    }
    Ok(go)
}

/// Lists what was modified, or says that nothing was; true when something was.
pub fn report(session: &mut Session, heading: &str, names: &[String]) -> bool {
    if names.is_empty() {
        session.say(" Nothing modified");
        session.failed = true;
        return false;
    }
    session.say(heading);
    for name in names {
        session.say(format!("  {name}"));
    }
    true
}
