//! The tables of what `load` adds.

use super::super::association::rows::Row;
use super::super::condition::Condition;
use super::super::dump::qos_list;
use super::super::fields::Column;
use super::super::format::fields_or;
use super::super::format::{self, Cell};
use super::super::session::{Done, Session};
use super::New;
use super::options::Options;
use slurm::model::*;

const SETTINGS: &str = "Share,GrpTRESM,GrpTRESR,GrpTRES,GrpJ,GrpJobsA,GrpMEM,GrpN,GrpS,GrpW,MaxTRESM,MaxTRES,\
                        MaxTRESPerN,MaxJ,MaxS,MaxN,MaxW,QOS,DefaultQOS";

/// New accounts.
pub fn accounts(session: &mut Session, accounts: &[Account]) -> Done {
    let fields = fields_or(session, &[], &["Name,Description,Organization,QOS"])?;
    let cell = |account: &Account, column: Column| match column {
        Column::Name => Cell::text(&account.name),
        Column::Description => Cell::text(&account.description),
        Column::Organization => Cell::text(&account.organization),
        _ => Cell::Empty,
    };
    let rows: Vec<Vec<_>> =
        accounts.iter().map(|account| fields.iter().map(|field| cell(account, field.column)).collect()).collect();
    format::print(session, &fields, rows.into_iter());
    session.say("---------------------------------------------------\n");
    Ok(())
}

/// New users.
pub fn users(session: &mut Session, users: &[Options]) -> Done {
    let fields = fields_or(session, &[], &["Name,DefaultA,DefaultW,QOS,Admin,Coord"])?;
    let cell = |user: &Options, column: Column| match column {
        Column::Name => Cell::text(&user.name),
        Column::DefaultAccount => Cell::text(user.default_account.clone().unwrap_or_default()),
        Column::DefaultWckey => Cell::text(user.default_wckey.clone().unwrap_or_default()),
        Column::AdminLevel => Cell::text(user.admin_level.map_or("Not Set", AdminLevel::name)),
        Column::Coordinators => {
            let mut accounts = user.coordinates.clone();
            accounts.sort();
            Cell::text(accounts.join(","))
        }
        _ => Cell::Empty,
    };
    let rows: Vec<Vec<_>> =
        users.iter().map(|user| fields.iter().map(|field| cell(user, field.column)).collect()).collect();
    format::print(session, &fields, rows.into_iter());
    session.say("---------------------------------------------------\n");
    Ok(())
}

/// New associations, all of accounts or all of users.
pub fn associations(session: &mut Session, new: &[New]) -> Done {
    let of_accounts = new.first().is_none_or(|new| new.key.is_account());
    let names = if of_accounts { "Account,ParentName" } else { "User,Account" };
    let fields = fields_or(session, &[], &[names, SETTINGS])?;
    let rows: Vec<Vec<_>> = new
        .iter()
        .map(|new| {
            let association = association(new);
            let own = Condition { own_values: true, without_parent: true, ..Condition::default() };
            let row = Row::new(session.state, &association, &own);
            let cell = |column: Column| match column {
                Column::ParentName => Cell::text(&new.above),
                Column::Shares if new.setting.shares.is_none() => Cell::Empty,
                Column::Qos => Cell::text(qos_list(session.state, &association.qos).unwrap_or_default()),
                column => row.cell(session.state, column),
            };
            fields.iter().map(|field| cell(field.column)).collect()
        })
        .collect();
    format::print(session, &fields, rows.into_iter());
    session.say("--------------------------------------------------------------\n");
    Ok(())
}

/// As it will be, for its cells.
fn association(new: &New) -> Association {
    // It has no number yet, and none is shown.
    let row = Association::new(AssociationId(0), new.key.clone(), None, new.setting.initial());
    Association { is_default: new.is_default, ..row }
}
