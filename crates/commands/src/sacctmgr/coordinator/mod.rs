//! `sacctmgr add` and `delete coordinator`.

pub mod shown;

use crate::sacctmgr::common;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::user::words::{UserCondition, take_condition};
use crate::sacctmgr::word::Word;
use slurm::model::*;

fn parse(session: &mut Session, words: &[Word], nothing: &str) -> Done<(Vec<String>, Vec<String>)> {
    let mut wanted = UserCondition::default();
    for word in words.iter().filter(|word| !word.is_bare("Set", 3)) {
        take_condition(session, &mut wanted, word)?;
    }
    session.check()?;
    wanted.refuse_wckeys(session)?;
    if !wanted.about_users && !wanted.about_associations {
        return session.refuse(nothing);
    }
    Ok((wanted.place.users.unwrap_or_default(), wanted.place.accounts.unwrap_or_default()))
}

/// Names that are not there are complained about, all of them.
fn check_names(session: &mut Session, users: &[String], accounts: &[String]) -> Done {
    for account in accounts {
        if session.state.account(account).is_none() {
            session.complain(format!(" You specified a non-existent account '{account}'."));
        }
    }
    for user in users {
        if session.state.user(user).is_none() {
            session.complain(format!(" You specified a non-existent user '{user}'."));
        }
    }
    session.check()
}

/// Operators may name coordinators anywhere, coordinators in their accounts.
fn may(session: &Session, account: &str) -> bool {
    let caller = session.caller;
    let clusters = session.state.cluster_names();
    caller.is_operator(session.state) || clusters.iter().any(|name| caller.coordinates(session.state, name, account))
}

fn list(session: &mut Session, heading: &str, names: &[String]) {
    session.say(heading);
    for name in names {
        session.say(format!("  {name}"));
    }
}

/// `add coordinator`
pub fn add(session: &mut Session, words: &[Word]) -> Done {
    let nothing = " You need to specify conditions to to add the coordinator.";
    let (users, accounts) = parse(session, words, nothing)?;
    if users.is_empty() {
        return session.refuse(" You need to specify a user list here.");
    }
    if accounts.is_empty() {
        return session.refuse(" You need to specify an account list here.");
    }
    check_names(session, &users, &accounts)?;
    list(session, " Adding Coordinator User(s)", &users);
    list(session, " To Account(s) and all sub-accounts", &accounts);
    if !accounts.iter().all(|account| may(session, account)) {
        return session.refuse(" Problem adding coordinator: Access/permission denied");
    }
    for account in &accounts {
        for user in &users {
            let key = (account.clone(), user.clone());
            if session.state.coordinators.get(&key).is_none() {
                let row = Coordinator { account: account.clone(), user: user.clone() };
                session.state.coordinators.put(key, row);
                session.record(Action::AddCoordinator, user.clone(), account.clone(), "");
            }
        }
    }
    session.commit()
}

/// `delete coordinator`
pub fn delete(session: &mut Session, words: &[Word]) -> Done {
    let nothing = " You need to specify a user list or account list here.";
    let (users, accounts) = parse(session, words, nothing)?;
    check_names(session, &users, &accounts)?;
    match (users.is_empty(), accounts.is_empty()) {
        (true, true) => return session.refuse(" You need to specify a user list or an account list here."),
        (true, false) => list(session, " Removing all users from Accounts", &accounts),
        (false, true) => {
            list(session, " Removing Coordinators with user name", &users);
            session.say(" From all accounts");
        }
        (false, false) => {
            list(session, " Removing Coordinators with user name", &users);
            list(session, " From Account(s)", &accounts);
        }
    }
    let meant = |row: &&Coordinator| {
        (users.is_empty() || users.contains(&row.user)) && (accounts.is_empty() || accounts.contains(&row.account))
    };
    let mut gone: Vec<_> = session.state.coordinators.values().filter(meant).cloned().collect();
    gone.sort_by(|a, b| (&a.user, &a.account).cmp(&(&b.user, &b.account)));
    if gone.is_empty() {
        session.say(" Nothing removed");
        session.failed = true;
        return Ok(());
    }
    if !gone.iter().all(|row| may(session, &row.account)) {
        return common::denied(session);
    }
    session.say(" Removed Coordinators (sub accounts not listed)...");
    for row in gone {
        session.say(format!("  U = {:<9} A = {:<10}", row.user, row.account));
        session.state.coordinators.remove(&(row.account.clone(), row.user.clone()));
        let target = format!("(user='{}') && (acct='{}')", row.user, row.account);
        session.record(Action::RemoveCoordinator, target, "", "");
    }
    session.commit()
}
