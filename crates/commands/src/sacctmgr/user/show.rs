//! `sacctmgr show user`.

use crate::sacctmgr::association::show::{confirm_without_associations, entity_rows, seen};
use crate::sacctmgr::condition::Condition;
use crate::sacctmgr::coordinator::shown::Coordinators;
use crate::sacctmgr::fields::Column;
use crate::sacctmgr::format::fields_or;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::user::modify::select_users;
use crate::sacctmgr::user::words::{self as user_words, UserCondition};
use crate::sacctmgr::word::Word;
use slurm::State;
use slurm::model::*;
use slurm::privacy::View;

const USER_ASSOCIATION_FIELDS: &str =
    "Cl,Acc,Part,Share,Priority,MaxJ,MaxN,MaxCPUs,MaxS,MaxW,MaxCPUMins,QOS,DefaultQOS";

/// `show user`
pub fn users(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = UserCondition { with_associations: session.options.with_associations, ..Default::default() };
    for word in words.iter().filter(|word| !word.is_bare("Set", 3)) {
        user_words::take_condition(session, &mut wanted, word)?;
    }
    session.check()?;
    wanted.refuse_wckeys(session)?;
    let mut own = vec![if session.world.settings().track_wckey { "U,DefaultA,DefaultW,Ad" } else { "U,DefaultA,Ad" }];
    own.extend(wanted.with_coordinators.then_some("Coord"));
    own.extend(wanted.with_associations.then_some(USER_ASSOCIATION_FIELDS));
    if !confirm_without_associations(session, wanted.with_associations, wanted.about_associations)? {
        return Ok(());
    }
    let fields = fields_or(session, &wanted.format, &own)?;
    let names = select_users(session, &wanted.anywhere());
    let state = &*session.state;
    let view = View::new(state, session.caller, session.world.settings());
    let (associations, coordinators) = (view.associations(), Coordinators::shown(state, &fields));
    let listed = names.iter().filter(|name| view.user(name)).filter_map(|name| state.users.get(name));
    let rows = listed.flat_map(|user| {
        let place = || Condition { users: Some(vec![user.name.clone()]), ..wanted.place.clone() };
        let below = wanted.with_associations.then(|| seen(place().select(state), &associations));
        let own = |column, row: Option<&Association>| match column {
            Column::Coordinators if !wanted.with_coordinators => Some(Cell::Empty),
            Column::DefaultAccount => Some(default_account(state, user, &wanted, row)),
            column => user_cell(state, user, &coordinators, column),
        };
        entity_rows(state, &fields, below, &wanted.place, own)
    });
    format::table(&mut session.stdout, &session.options, &fields, rows);
    Ok(())
}

/// The default account on the cluster of the association listed beside it; without one, the first among those that the
/// conditions mean.
fn default_account(state: &State, user: &User, wanted: &UserCondition, beside: Option<&Association>) -> Cell {
    let meant = |row: &&Association| {
        beside.is_none_or(|beside| beside.key.cluster == row.key.cluster)
            && wanted.default_accounts.as_ref().is_none_or(|names| names.contains(&row.key.account))
            && (beside.is_some() || !wanted.about_associations || wanted.place.holds(state, row))
    };
    let default = state.of_user(&user.name).filter(|row| row.is_default).find(meant);
    Cell::text(default.map_or("", |row| row.key.account.as_str()))
}

fn user_cell(state: &State, user: &User, coordinators: &Coordinators, column: Column) -> Option<Cell> {
    Some(match column {
        Column::User => Cell::text(&user.name),
        Column::AdminLevel => Cell::text(user.admin_level.name()),
        Column::DefaultWckey => Cell::text(state.default_wckey(&user.name).map_or("", |row| row.name.as_str())),
        Column::Coordinators => {
            Cell::text(coordinators.of_user.get(user.name.as_str()).map_or(String::new(), |names| names.join(",")))
        }
        _ => return None,
    })
}
