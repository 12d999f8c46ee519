//! `sacctmgr delete account`.

use crate::sacctmgr::account::modify::select_accounts;
use crate::sacctmgr::account::words::{self as account_words, AccountCondition};
use crate::sacctmgr::association::delete::{
    delete_associations, nothing_deleted, refuse_defaults, remove_coordinators, uproot, with_all_below,
};
use crate::sacctmgr::common;
use crate::sacctmgr::condition::Condition;
use crate::sacctmgr::job::idle::idle;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::Word;
use slurm::model::*;

const ACCOUNT_REMEDY: &str = " Please either remove the accounts listed above from list and resubmit,\n or change these \
                              users' default accounts to remove the account(s).\n Changes Discarded";

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
