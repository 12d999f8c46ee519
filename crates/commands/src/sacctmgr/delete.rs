//! `sacctmgr delete account` and `delete user`.

use super::account_words::{self, AccountCondition};
use super::common;
use super::condition::Condition;
use super::idle::{Idle, idle};
use super::modify::{select_accounts, select_users};
use super::session::{Done, Session};
use super::user_words::{self, UserCondition};
use super::wckey;
use super::word::Word;
use slurm::State;
use slurm::model::*;
use slurm::tree;
use std::collections::BTreeSet;

/// `delete account`
pub fn account(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = AccountCondition::default();
    for word in words.iter().filter(|word| !word.is_bare("Set", 3)) {
        account_words::take_condition(session, &mut wanted, word)?;
    }
    if !wanted.about_accounts && !wanted.about_associations {
        return session.refuse(" No conditions given to remove, not executing.");
    }
    session.check()?;
    if wanted.place.accounts.iter().flatten().any(|name| name == "root") {
        return session.refuse(" You are not allowed to remove the root account.\n Use remove cluster instead.");
    }
    if wanted.about_associations { account_associations(session, &wanted) } else { whole_accounts(session, &wanted) }
}

fn whole_accounts(session: &mut Session, wanted: &AccountCondition) -> Done {
    let names: Vec<_> = select_accounts(session, wanted).into_iter().filter(|name| name != "root").collect();
    if names.is_empty() {
        return nothing_deleted(session);
    }
    if !session.caller.is_operator(session.state) {
        return common::denied(session);
    }
    let place = Condition { accounts: Some(names.clone()), users: Some(vec![String::new()]), ..Condition::default() };
    let ids = with_all_below(session.state, &place);
    refuse_defaults(session, &ids, ACCOUNT_REMEDY)?;
    let going = idle(session, ids)?;
    session.say(" Deleting accounts...");
    for name in &names {
        session.say(format!("  {name}"));
    }
    uproot(session, &going);
    for name in &names {
        session.state.accounts.edit(name, |row| row.deleted = true);
        remove_coordinators(session, format!("(acct='{name}')"), |row| row.account == *name);
        session.record(Action::RemoveAccount, format!("name='{name}'"), "", "");
    }
    session.commit()
}

fn account_associations(session: &mut Session, wanted: &AccountCondition) -> Done {
    let ids = with_all_below(session.state, &wanted.place);
    let ids = ids.into_iter().filter(|id| session.state.association(*id).is_some_and(|r| r.parent.is_some())).collect();
    delete_associations(session, &ids, " Deleting account associations...", ACCOUNT_REMEDY)?;
    if ids.is_empty() { Ok(()) } else { session.commit() }
}

const ACCOUNT_REMEDY: &str = " Please either remove the accounts listed above from list and resubmit,\n or change these \
                              users' default accounts to remove the account(s).\n Changes Discarded";

const USER_REMEDY: &str = " You must change the default account of these users or remove the users completely from the \
                           affected clusters to allow these changes.\n Changes Discarded";

fn nothing_deleted(session: &mut Session) -> Done {
    session.say(" Nothing deleted");
    session.failed = true;
    Ok(())
}

/// What the condition means, and all below it.
fn with_all_below(state: &State, place: &Condition) -> BTreeSet<AssociationId> {
    let chosen = place.select(state);
    chosen.into_iter().flat_map(|row| tree::walk(state, row.id)).map(|row| row.id).collect()
}

/// A user's default association stays while the user keeps another one on the cluster.
fn refuse_defaults(session: &mut Session, ids: &BTreeSet<AssociationId>, remedy: &str) -> Done {
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

fn uproot(session: &mut Session, going: &Idle) {
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
fn remove_coordinators(session: &mut Session, target: String, which: impl Fn(&Coordinator) -> bool) {
    let gone: Vec<_> = session.state.coordinators.values().filter(|row| which(row)).cloned().collect();
    for row in gone {
        session.state.coordinators.remove(&(row.account, row.user));
    }
    session.record(Action::RemoveCoordinator, target, "", "");
}

fn delete_associations(session: &mut Session, ids: &BTreeSet<AssociationId>, heading: &str, remedy: &str) -> Done {
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
