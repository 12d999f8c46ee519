//! `sacctmgr delete user`.

use crate::sacctmgr::association::delete::{delete_associations, nothing_deleted, remove_coordinators, uproot};
use crate::sacctmgr::common;
use crate::sacctmgr::job::idle::idle;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::user::modify::select_users;
use crate::sacctmgr::user::words::{self as user_words, UserCondition};
use crate::sacctmgr::wckey;
use crate::sacctmgr::word::Word;
use slurm::model::*;
use std::collections::BTreeSet;

const USER_REMEDY: &str = " You must change the default account of these users or remove the users completely from the \
                           affected clusters to allow these changes.\n Changes Discarded";

/// `delete user`
pub fn user(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = UserCondition::default();
    for word in words.iter().filter(|word| !word.is_bare("Set", 3)) {
        user_words::take_condition(session, &mut wanted, word)?;
    }
    if wanted.wckeys.is_some() && wanted.about_associations {
        return session.refuse(" Mixing Account and WCKeys is not allowed");
    }
    if !wanted.about_users && !wanted.about_associations && wanted.wckeys.is_none() {
        return session.refuse(" No conditions given to remove, not executing.");
    }
    session.check()?;
    if let Some(names) = &wanted.wckeys {
        let users = wanted.place.users.as_deref().unwrap_or_default();
        return wckey::delete(session, names, users, wanted.place.clusters.as_ref());
    }
    if wanted.about_associations || wanted.place.clusters.is_some() {
        user_associations(session, &wanted)
    } else {
        whole_users(session, &wanted)
    }
}

fn whole_users(session: &mut Session, wanted: &UserCondition) -> Done {
    let names = select_users(session, wanted);
    if names.is_empty() {
        return nothing_deleted(session);
    }
    if !session.caller.is_operator(session.state) {
        return common::denied(session);
    }
    let ids = names.iter().flat_map(|name| session.state.of_user(name)).map(|row| row.id).collect();
    let going = idle(session, ids)?;
    session.say(" Deleting users...");
    for name in &names {
        session.say(format!("  {name}"));
    }
    uproot(session, &going);
    remove_users(session, &names);
    session.commit()
}

/// Takes users away whose associations are gone.
fn remove_users(session: &mut Session, names: &[String]) {
    for name in names {
        session.state.users.edit(name, |row| row.deleted = true);
        remove_coordinators(session, format!("(user='{name}')"), |row| row.user == *name);
        let keys: Vec<_> = session.state.wckeys_of(name).cloned().collect();
        wckey::take_away(session, &keys);
        session.record(Action::RemoveUser, format!("name='{name}'"), "", "");
    }
}

fn user_associations(session: &mut Session, wanted: &UserCondition) -> Done {
    let rows = wanted.place.select(session.state);
    let ids: BTreeSet<_> = rows.iter().filter(|row| !row.deleted).map(|row| row.id).collect();
    let users: BTreeSet<_> = rows.iter().map(|row| row.key.user.clone()).collect();
    delete_associations(session, &ids, " Deleting user associations...", USER_REMEDY)?;
    if ids.is_empty() {
        return Ok(());
    }
    let without: Vec<_> = users.into_iter().filter(|name| session.state.of_user(name).next().is_none()).collect();
    if !without.is_empty() {
        session.say(" Deleting users (No Associations)...");
        for name in &without {
            session.say(format!("  {name}"));
        }
        remove_users(session, &without);
    }
    session.commit()
}
