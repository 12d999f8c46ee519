//! `sacctmgr modify user`.

use crate::sacctmgr::association::modify as associations;
use crate::sacctmgr::association::raw_usage;
use crate::sacctmgr::common;
use crate::sacctmgr::common::{confirm_no_condition, report};
use crate::sacctmgr::session::{Done, Session, Stop};
use crate::sacctmgr::user::words::{self as user_words, UserCondition, UserSetting};
use crate::sacctmgr::wckey;
use crate::sacctmgr::word::Word;
use crate::sacctmgr::word::split;
use slurm::model::*;
use slurm::tree;
use std::collections::BTreeSet;

/// `modify user`
pub fn user(session: &mut Session, words: &[Word]) -> Done {
    let (mut wanted, mut asked) = (UserCondition::default(), UserSetting::default());
    let (conditions, settings) = split(words);
    for word in conditions {
        user_words::take_condition(session, &mut wanted, word)?;
    }
    for word in settings {
        user_words::take_setting(session, &mut asked, word)?;
    }
    session.check()?;
    wanted.refuse_wckeys(session)?;
    if asked.no_admin_level {
        session.say(" Nothing modified");
        return session.refuse(
            "sacctmgr: accounting_storage/slurmdbd: acct_storage_p_modify_users: Request didn't affect anything or your \
             user doesn't have privilege to perform this action",
        );
    }
    if asked.default_account.as_deref() == Some("") {
        const STAYS: &str = "You can not remove the default account of a user";
        return session.refuse(format!("sacctmgr: error: {STAYS}\n Error with request: {STAYS}"));
    }
    if !asked.sets_user() && !asked.sets_association() && !asked.resets_usage {
        return session.refuse(" You didn't give me anything to set");
    }
    if !wanted.about_users && !wanted.about_associations && !confirm_no_condition(session)? {
        return Ok(());
    }
    if asked.resets_usage {
        if wanted.place.accounts.is_none() {
            return session.refuse("sacctmgr: error: An account must be specified");
        }
        if !raw_usage::of_associations(session, &wanted.place)? {
            return Ok(());
        }
    }
    let mut changed = false;
    if asked.sets_user() {
        changed |= user_row(session, &mut wanted, &asked)?;
    }
    if asked.sets_association() {
        changed |= user_associations(session, &wanted, &asked)?;
    }
    if changed { session.commit() } else { Ok(()) }
}

/// The users that a condition on users means.
pub fn select_users(session: &Session, wanted: &UserCondition) -> Vec<String> {
    let state = &session.state;
    let named = wanted.place.users.as_ref().filter(|names| !names.is_empty());
    let named: Option<BTreeSet<_>> = named.map(|names| names.iter().collect());
    let located = wanted
        .about_associations
        .then(|| wanted.place.select(state).into_iter().map(|row| row.key.user.as_str()).collect::<BTreeSet<_>>());
    let has_default = |user: &User| {
        wanted.default_accounts.as_ref().is_none_or(|accounts| {
            state.of_user(&user.name).any(|row| row.is_default && accounts.contains(&row.key.account))
        })
    };
    let rows = state.users.values().filter(|row| {
        (!row.deleted || wanted.place.with_deleted)
            && named.as_ref().is_none_or(|names| names.contains(&row.name))
            && wanted.admin_level.is_none_or(|level| level == row.admin_level)
            && located.as_ref().is_none_or(|names| names.contains(row.name.as_str()))
            && has_default(row)
            && wanted
                .default_wckeys
                .as_ref()
                .is_none_or(|names| state.wckeys_of(&row.name).any(|key| key.is_default && names.contains(&key.name)))
    });
    rows.map(|row| row.name.clone()).collect()
}

fn user_row(session: &mut Session, wanted: &mut UserCondition, asked: &UserSetting) -> Done<bool> {
    if wanted.about_associations && !wanted.about_users {
        return session.refuse(" There was a problem with your 'where' options.");
    }
    if wanted.place.accounts.is_some()
        && session.ask(" You specified Accounts in your request.  Did you mean DefaultAccounts?\n")?
    {
        wanted.default_accounts = wanted.place.accounts.take();
    }
    let by_rows = UserCondition { about_associations: false, ..wanted.clone() };
    let names = select_users(session, &by_rows);
    check_user_authority(session, &names, asked)?;
    if names.is_empty() {
        return Ok(report(session, "", &names));
    }
    if let Some(account) = &asked.default_account
        && !can_have_default(session, wanted, &names, account)?
    {
        return Ok(false);
    }
    if let Some(key) = &asked.default_wckey
        && !can_have_default_wckey(session, wanted, &names, key)?
    {
        return Ok(false);
    }
    for name in &names {
        change_user(session, wanted, name, asked);
    }
    if let Some(new) = &asked.new_name {
        rename(session, &names, new)?;
    }
    Ok(report(session, " Modified users...", &names))
}

/// Operators may change users, but only administrators the admin level; anybody their own default account.
fn check_user_authority(session: &mut Session, names: &[String], asked: &UserSetting) -> Done {
    let caller = session.caller;
    if caller.is_operator(session.state) && asked.admin_level.is_some() && !caller.is_administrator(session.state) {
        session.complain("sacctmgr: error: You must be a super user to modify a users admin level");
        return session.refuse(" Error with request: Access/permission denied");
    }
    // A new name takes the level along, to whoever has that name on the hosts.
    let has_level =
        |name: &String| session.state.users.get(name).is_some_and(|user| user.admin_level != AdminLevel::None);
    if asked.new_name.is_some() && names.iter().any(has_level) && !caller.is_administrator(session.state) {
        return session.refuse(" Error with request: Access/permission denied");
    }
    let own = names == [caller.name.as_str()] && asked.new_name.is_none() && asked.admin_level.is_none();
    if !own && !caller.is_operator(session.state) {
        return common::denied(session);
    }
    Ok(())
}

fn can_have_default(session: &mut Session, wanted: &UserCondition, names: &[String], account: &str) -> Done<bool> {
    let clusters = common::clusters(session, wanted.place.clusters.clone(), "users")?;
    let mut lacking = Vec::new();
    for name in names {
        for cluster in &clusters {
            let here = |row: &Association| row.key.cluster == *cluster && row.key.account == account;
            if !session.state.of_user(name).any(here) {
                lacking.push(format!("  U = {name} C = {cluster}"));
            }
        }
    }
    Ok(say_lacking(session, &format!("account '{account}'"), lacking))
}

fn can_have_default_wckey(session: &mut Session, wanted: &UserCondition, names: &[String], key: &str) -> Done<bool> {
    let clusters = common::clusters(session, wanted.place.clusters.clone(), "users")?;
    let mut lacking = Vec::new();
    for name in names {
        for cluster in &clusters {
            if !session.state.wckeys_of(name).any(|row| row.cluster == *cluster && row.name == key) {
                lacking.push(format!("  U = {name} C = {cluster}"));
            }
        }
    }
    Ok(say_lacking(session, &format!("wckey '{key}'"), lacking))
}

/// Names who cannot have a default; true when nobody is.
fn say_lacking(session: &mut Session, what: &str, lacking: Vec<String>) -> bool {
    if lacking.is_empty() {
        return true;
    }
    session.say(format!(" Can't modify because these users aren't associated with new default {what}..."));
    for line in lacking {
        session.say(line);
    }
    session.failed = true;
    false
}

fn change_user(session: &mut Session, wanted: &UserCondition, name: &str, asked: &UserSetting) {
    if let Some(level) = asked.admin_level {
        session.state.users.edit(&name.to_owned(), |row| row.admin_level = level);
        session.record(Action::ModifyUser, format!("(name='{name}')"), format!("admin_level={}", level.number()), "");
    }
    if let Some(key) = &asked.default_wckey {
        let clusters = wanted.place.clusters.clone().unwrap_or_else(|| session.state.cluster_names());
        for cluster in clusters {
            wckey::set_default(session, name, &cluster, key);
        }
    }
    let Some(account) = &asked.default_account else { return };
    let clusters = wanted.place.clusters.clone().unwrap_or_else(|| session.state.cluster_names());
    for cluster in clusters {
        let mut rows = session.state.of_user(name);
        let Some(id) = rows.find(|r| r.key.cluster == cluster && r.key.account == *account).map(|row| row.id) else {
            continue;
        };
        drop(rows);
        tree::clear_default(session.state, name, &cluster);
        session.state.edit_association(id, |row| row.is_default = true);
        session.record(Action::ModifyAssociation, format!("(id_assoc={id})"), "is_def=1", &cluster);
    }
}

/// A user's new name goes into the user row, the associations and the coordinator list.
fn rename(session: &mut Session, names: &[String], new: &str) -> Done {
    let [old] = names else {
        session.complain(
            "sacctmgr: error: Can only change one at a time\n Error with request: Can only change one at a time",
        );
        return session.refuse(" If you are changing a users name you can only specify 1 user at a time.");
    };
    if !common::good_name(session, new) {
        session.check()?;
    }
    if session.state.users.get(&new.to_owned()).is_some() {
        session.say(" Nothing modified");
        session.failed = true;
        return Err(Stop::Failed);
    }
    let Some(row) = session.state.users.get(old).cloned() else { return Ok(()) };
    session.state.users.remove(old);
    session.state.users.put(new.to_owned(), User { name: new.to_owned(), ..row });
    let ids: Vec<_> = session.state.of_user(old).map(|row| row.id).collect();
    for id in ids {
        session.state.edit_association(id, |row| row.key.user = new.to_owned());
    }
    wckey::rename_user(session, old, new);
    let coordinated: Vec<_> = session.state.coordinators.values().filter(|row| row.user == *old).cloned().collect();
    for row in coordinated {
        session.state.coordinators.remove(&(row.account.clone(), row.user));
        let key = (row.account.clone(), new.to_owned());
        session.state.coordinators.put(key, Coordinator { account: row.account, user: new.to_owned() });
    }
    session.record(Action::ModifyUser, format!("(name='{old}')"), format!("name='{new}'"), "");
    Ok(())
}

fn user_associations(session: &mut Session, wanted: &UserCondition, asked: &UserSetting) -> Done<bool> {
    let no_names = wanted.place.users.as_ref().is_none_or(Vec::is_empty);
    if wanted.about_users && !wanted.about_associations && no_names {
        return session.refuse(" There was a problem with your 'where' options.");
    }
    let lines = associations::modify(session, &wanted.place, &asked.setting)?;
    Ok(report(session, " Modified user associations...", &lines))
}
