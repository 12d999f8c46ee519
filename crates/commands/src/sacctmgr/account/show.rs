//! `sacctmgr show account`.

use crate::sacctmgr::account::modify::select_accounts;
use crate::sacctmgr::account::words::{self as account_words, AccountCondition};
use crate::sacctmgr::association::show::{confirm_without_associations, entity_rows, seen};
use crate::sacctmgr::common;
use crate::sacctmgr::condition::Condition;
use crate::sacctmgr::coordinator::shown::Coordinators;
use crate::sacctmgr::fields::Column;
use crate::sacctmgr::format::fields_or;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::Word;
use slurm::State;
use slurm::model::*;
use slurm::privacy::View;
use std::collections::BTreeMap;

const ACCOUNT_ASSOCIATION_FIELDS: &str = "Cl,ParentN,U,Share,Priority,GrpJ,GrpN,GrpCPUs,GrpMEM,GrpS,GrpWall,GrpCPUMins,\
                                          MaxJ,MaxN,MaxCPUs,MaxS,MaxW,MaxCPUMins,QOS,DefaultQOS";

/// `show account`
pub fn accounts(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = AccountCondition { with_associations: session.options.with_associations, ..Default::default() };
    for word in words.iter().filter(|word| !word.is_bare("Set", 3)) {
        account_words::take_condition(session, &mut wanted, word)?;
    }
    session.check()?;
    let mut own = vec!["Acc,Des,O"];
    own.extend(wanted.with_associations.then_some(ACCOUNT_ASSOCIATION_FIELDS));
    own.extend(wanted.with_coordinators.then_some("Coord"));
    if !confirm_without_associations(session, wanted.with_associations, wanted.about_associations)? {
        return Ok(());
    }
    let fields = fields_or(session, &wanted.format, &own)?;
    if !session.view().lists_accounts() {
        return common::hidden(session, "Problem with query.");
    }
    let names = select_accounts(session, &wanted.anywhere());
    let state = &*session.state;
    let view = View::new(state, session.caller, session.world.settings());
    let (associations, coordinators) = (view.associations(), Coordinators::shown(state, &fields));
    let listed = names.iter().filter(|name| view.account(name)).filter_map(|name| state.accounts.get(name));
    let mut all_below = wanted.with_associations.then(|| by_account(state, &wanted.place));
    let rows = listed.flat_map(|account| {
        let below = all_below.as_mut().map(|all| all.remove(account.name.as_str()).unwrap_or_default());
        let below = below.map(|rows| seen(rows, &associations));
        let own = |column, _: Option<&Association>| match column {
            Column::Coordinators if !wanted.with_coordinators => Some(Cell::Empty),
            column => account_cell(account, &coordinators, column),
        };
        entity_rows(state, &fields, below, &wanted.place, own)
    });
    format::table(&mut session.stdout, &session.options, &fields, rows);
    Ok(())
}

/// Associations by account, looked through once; with sub-accounts also those below it. The accounts of `place` don't
/// matter.
fn by_account<'a>(state: &'a State, place: &Condition) -> BTreeMap<&'a str, Vec<&'a Association>> {
    let mut found: BTreeMap<&str, Vec<&Association>> = BTreeMap::new();
    for row in (Condition { accounts: None, ..place.clone() }).select(state) {
        let (mut next, mut last) = (Some(row), "");
        while let Some(above) = next {
            let account = above.key.account.as_str();
            if account != last {
                found.entry(account).or_default().push(row);
            }
            last = account;
            next = above.parent.filter(|_| place.with_sub_accounts).and_then(|id| state.association(id));
        }
    }
    found
}

fn account_cell(account: &Account, coordinators: &Coordinators, column: Column) -> Option<Cell> {
    Some(match column {
        Column::Account => Cell::text(&account.name),
        Column::Description => Cell::text(&account.description),
        Column::Organization => Cell::text(&account.organization),
        Column::Flags => Cell::text(if account.users_coordinate { "UsersAreCoords" } else { "" }),
        Column::Coordinators => Cell::text(
            coordinators.of_account.get(account.name.as_str()).map_or(String::new(), |users| users.join(",")),
        ),
        _ => return None,
    })
}
