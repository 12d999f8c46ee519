//! `sacctmgr show` of accounts, users and associations.

use super::account_words::{self, AccountCondition};
use super::condition::Condition;
use super::fields::{Column, Field};
use super::format::{self, Cell};
use super::modify::{select_accounts, select_users};
use super::rows::Row;
use super::session::{Done, Session};
use super::user_words::{self, UserCondition};
use super::word::{self, Word};
use slurm::State;
use slurm::model::*;
use slurm::privacy::View;
use slurm::tree;
use std::collections::{BTreeMap, BTreeSet};

const ASSOCIATION_FIELDS: &str = "Cluster,Account,User,Part";
const ASSOCIATION_LIMITS: &str = "Share,Priority,GrpJ,GrpTRES,GrpS,GrpWall,GrpTRESMins,MaxJ,MaxTRES,MaxTRESPerN,MaxS,\
                                  MaxW,MaxTRESMins,QOS,DefaultQOS,GrpTRESRunMins";
const ACCOUNT_ASSOCIATION_FIELDS: &str = "Cl,ParentN,U,Share,Priority,GrpJ,GrpN,GrpCPUs,GrpMEM,GrpS,GrpWall,GrpCPUMins,\
                                          MaxJ,MaxN,MaxCPUs,MaxS,MaxW,MaxCPUMins,QOS,DefaultQOS";
const USER_ASSOCIATION_FIELDS: &str =
    "Cl,Acc,Part,Share,Priority,MaxJ,MaxN,MaxCPUs,MaxS,MaxW,MaxCPUMins,QOS,DefaultQOS";

/// The fields asked for, or else the entity's own ones.
pub fn fields_or(session: &mut Session, asked: &[String], own: &[&str]) -> Done<Vec<Field>> {
    let own: Vec<_> = own.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
    format::fields(session, if asked.is_empty() { &own } else { asked })
}

/// `show association`
pub fn associations(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Condition::default();
    let mut names = Vec::new();
    let mut as_tree = false;
    for word in words.iter().filter(|word| !word.is_bare("Set", 3)) {
        take_association_word(session, &mut wanted, &mut names, &mut as_tree, word)?;
    }
    session.check()?;
    let limits =
        if wanted.without_limits { vec![ASSOCIATION_FIELDS] } else { vec![ASSOCIATION_FIELDS, ASSOCIATION_LIMITS] };
    let mut fields = fields_or(session, &names, &limits)?;
    if as_tree {
        let accounts = fields.iter_mut().filter(|field| field.column == Column::Account && field.width == 10);
        accounts.for_each(|field| field.width = -20);
    }
    let state = &*session.state;
    let mut rows = seen(wanted.select(state), &session.view().associations());
    tree::sort_by_bounds(state, &mut rows);
    let listed = tree::sort_for_listing(rows, !wanted.without_parent);
    let bounds = fields.iter().any(|f| matches!(f.column, Column::Left | Column::Right)).then(|| tree::bounds(state));
    let indented = as_tree && !wanted.without_parent;
    let tree = indented.then(|| listed.iter().map(|row| row.id).collect());
    let shape = Shape { fields: &fields, how: &wanted, tree, bounds: bounds.unwrap_or_default() };
    let rows = listed.into_iter().map(|association| association_row(state, association, &shape));
    format::table(&mut session.stdout, &session.options, &fields, rows);
    Ok(())
}

/// How associations are listed.
struct Shape<'a> {
    fields: &'a [Field],
    /// What of each is shown.
    how: &'a Condition,
    /// Those listed, where accounts are indented below them.
    tree: Option<BTreeSet<AssociationId>>,
    /// For `lft` and `rgt`; empty when they are not listed.
    bounds: BTreeMap<AssociationId, (u32, u32)>,
}

/// Those that the caller sees.
fn seen<'a>(mut rows: Vec<&'a Association>, seen: &Option<BTreeSet<AssociationId>>) -> Vec<&'a Association> {
    if let Some(seen) = seen {
        rows.retain(|row| seen.contains(&row.id));
    }
    rows
}

fn take_association_word(
    session: &mut Session,
    wanted: &mut Condition,
    names: &mut Vec<String>,
    as_tree: &mut bool,
    word: &Word,
) -> Done {
    if word.is_bare("OnlyDefaults", 2) {
        wanted.only_defaults = true;
    } else if word.is_bare("Tree", 4) {
        *as_tree = true;
    } else if word.is_bare("WithDeleted", 5) {
        wanted.with_deleted = true;
    } else if word.is_bare("WithSubAccounts", 5) {
        wanted.with_sub_accounts = true;
    } else if word.is_bare("WOPInfo", 4) {
        (wanted.own_values, wanted.without_parent) = (true, true);
    } else if word.is_bare("WOPLimits", 4) {
        (wanted.own_values, wanted.without_limits) = (true, true);
    } else if word.is_bare("WOLimits", 3) {
        wanted.without_limits = true;
    } else if word.is_bare("WithRawQOSLevel", 5) {
        wanted.raw_qos = true;
    } else if word.is_bare("where", 5) {
    } else if word.operator.is_none() {
        wanted.take_ids(session, word)?;
    } else if word.is("Format", 1) {
        names.extend(word::names(word.value).unwrap_or_default());
    } else if !wanted.take(session, word)? {
        session.complain(format!(" Unknown condition: {}", word.raw));
    }
    Ok(())
}

fn association_row(state: &State, association: &Association, shape: &Shape) -> Vec<Cell> {
    let row = Row::new(state, association, shape.how);
    let bound = |pick: fn(&(u32, u32)) -> u32| Cell::number(shape.bounds.get(&association.id).map(pick));
    let cell = |field: &Field| match (field.column, &shape.tree) {
        (Column::Account, Some(listed)) => {
            Cell::text(format!("{}{}", " ".repeat(depth(state, association, listed)), association.key.account))
        }
        (Column::Left, _) => bound(|(left, _)| *left),
        (Column::Right, _) => bound(|(_, right)| *right),
        (column, _) => row.cell(state, column),
    };
    shape.fields.iter().map(cell).collect()
}

/// How many of those listed are above it.
fn depth(state: &State, association: &Association, listed: &BTreeSet<AssociationId>) -> usize {
    let mut depth = 0;
    let mut next = association.parent;
    while let Some(parent) = next.and_then(|id| state.associations().get(&id)) {
        depth += usize::from(listed.contains(&parent.id));
        next = parent.parent;
    }
    depth
}

/// Asks before a condition on associations is used without listing them (Slurm does; scripts pass `-i`).
fn confirm_without_associations(session: &mut Session, with: bool, conditions: bool) -> Done<bool> {
    if with || !conditions {
        return Ok(true);
    }
    let go = session.ask(
        "You requested options that are only valid when querying with the withassoc option.\nAre you sure you want to \
         continue?",
    )?;
    if !go {
        session.say("Aborted");
    }
    Ok(go)
}

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
        return session.refuse("sacctmgr: error: Access/permission denied\n Problem with query.");
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

/// One row for each association; one row in all when there is none or none is wanted.
fn entity_rows(
    state: &State,
    fields: &[Field],
    associations: Option<Vec<&Association>>,
    how: &Condition,
    own: impl Fn(Column, Option<&Association>) -> Option<Cell>,
) -> Vec<Vec<Cell>> {
    let associations = associations.unwrap_or_default();
    let line = |row: Option<&Row>| {
        let other = |column| row.map_or(Cell::Empty, |row| row.cell(state, column));
        let above = row.map(|row| row.association);
        fields.iter().map(|field| own(field.column, above).unwrap_or_else(|| other(field.column))).collect()
    };
    if associations.is_empty() {
        vec![line(None)]
    } else {
        associations.into_iter().map(|row| line(Some(&Row::new(state, row, how)))).collect()
    }
}

/// Accounts and who coordinates them, from both sides.
#[derive(Default)]
struct Coordinators<'a> {
    of_account: BTreeMap<&'a str, Vec<&'a str>>,
    of_user: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Coordinators<'a> {
    /// All of them if they are shown, else none.
    fn shown(state: &'a State, fields: &[Field]) -> Self {
        let mut found = Self::default();
        if fields.iter().any(|field| field.column == Column::Coordinators) {
            for (account, user) in coordinated(state) {
                found.of_account.entry(account).or_default().push(user);
                found.of_user.entry(user).or_default().push(account);
            }
        }
        found
    }
}

/// Accounts and who coordinates them, those below a coordinated account included.
fn coordinated(state: &State) -> impl Iterator<Item = (&str, &str)> {
    let pairs = state.coordinators.values().flat_map(|row| {
        let clusters = state.cluster_names();
        let tops: Vec<_> = clusters
            .iter()
            .filter_map(|cluster| state.find(&AssociationKey::account(cluster, &row.account)))
            .flat_map(|top| tree::walk(state, top.id))
            .filter(|below| below.key.is_account())
            .map(|below| below.key.account.as_str())
            .collect();
        tops.into_iter().map(|account| (account, row.user.as_str()))
    });
    pairs.collect::<std::collections::BTreeSet<_>>().into_iter()
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
