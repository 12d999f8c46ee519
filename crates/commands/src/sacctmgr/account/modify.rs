//! `sacctmgr modify account`.

use crate::sacctmgr::account::words::{self as account_words, AccountCondition, AccountSetting};
use crate::sacctmgr::association::modify as associations;
use crate::sacctmgr::association::raw_usage;
use crate::sacctmgr::common;
use crate::sacctmgr::common::{confirm_no_condition, report};
use crate::sacctmgr::condition::Condition;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::Word;
use crate::sacctmgr::word::split;
use slurm::model::*;
use std::collections::BTreeSet;

/// `modify account`
pub fn account(session: &mut Session, words: &[Word]) -> Done {
    let (mut wanted, mut asked) = (AccountCondition::default(), AccountSetting::default());
    let (conditions, settings) = split(words);
    for word in conditions {
        account_words::take_condition(session, &mut wanted, word)?;
    }
    for word in settings {
        account_words::take_setting(session, &mut asked, word)?;
    }
    session.check()?;
    if !asked.is_set() {
        return session.refuse(" You didn't give me anything to set");
    }
    if !wanted.about_accounts && !wanted.about_associations && !confirm_no_condition(session)? {
        return Ok(());
    }
    if asked.resets_usage && !raw_usage::of_associations(session, &wanted.place)? {
        return Ok(());
    }
    let mut changed = false;
    if asked.sets_account() {
        changed |= account_texts(session, &wanted, &asked)?;
    }
    if asked.sets_association() {
        changed |= account_associations(session, &wanted, &asked)?;
    }
    if changed { session.commit() } else { Ok(()) }
}

/// The accounts that a condition on accounts means.
pub fn select_accounts(session: &Session, wanted: &AccountCondition) -> Vec<String> {
    let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
    let state = &session.state;
    let located = wanted
        .about_associations
        .then(|| wanted.place.select(state).into_iter().map(|row| row.key.account.as_str()).collect::<BTreeSet<_>>());
    let rows = state.accounts.values().filter(|row| {
        (!row.deleted || wanted.place.with_deleted)
            && among(&wanted.place.accounts, &row.name)
            && among(&wanted.descriptions, &row.description)
            && among(&wanted.organizations, &row.organization)
            && wanted.users_coordinate.is_none_or(|is| is == row.users_coordinate)
            && located.as_ref().is_none_or(|names| names.contains(row.name.as_str()))
    });
    rows.map(|row| row.name.clone()).collect()
}

fn account_texts(session: &mut Session, wanted: &AccountCondition, asked: &AccountSetting) -> Done<bool> {
    if wanted.about_associations && !wanted.about_accounts {
        return session.refuse(" There was a problem with your 'where' options.");
    }
    if !session.caller.is_operator(session.state) {
        return common::denied(session);
    }
    let names = select_accounts(session, wanted);
    let mut info = Vec::new();
    info.extend(asked.description.iter().map(|text| format!("description='{text}'")));
    info.extend(asked.users_coordinate.map(|is| format!("flags={}", u8::from(is))));
    info.extend(asked.organization.iter().map(|text| format!("organization='{text}'")));
    for name in &names {
        session.state.accounts.edit(name, |row| {
            if let Some(description) = &asked.description {
                row.description.clone_from(description);
            }
            if let Some(organization) = &asked.organization {
                row.organization.clone_from(organization);
            }
            row.users_coordinate = asked.users_coordinate.unwrap_or(row.users_coordinate);
        });
        session.record(Action::ModifyAccount, format!("(name='{name}')"), info.join(", "), "");
    }
    Ok(report(session, " Modified accounts...", &names))
}

fn account_associations(session: &mut Session, wanted: &AccountCondition, asked: &AccountSetting) -> Done<bool> {
    if wanted.about_accounts && !wanted.about_associations && wanted.place.accounts.is_none() {
        return session.refuse(" There was a problem with your 'where' options.");
    }
    if let Some(parent) = &asked.setting.parent
        && session.state.account(parent).is_none()
    {
        return session.refuse(format!(" Parent Account {parent} doesn't exist."));
    }
    let users = wanted.place.users.clone().unwrap_or_else(|| vec![String::new()]);
    let place = Condition { users: Some(users), ..wanted.place.clone() };
    let lines = associations::modify(session, &place, &asked.setting)?;
    let heading = " Modified account associations...";
    Ok(report(session, heading, &lines))
}
