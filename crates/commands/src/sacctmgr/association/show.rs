//! `sacctmgr show association`, and associations behind accounts and users (`WithAssoc`).

use crate::sacctmgr::association::rows::Row;
use crate::sacctmgr::condition::Condition;
use crate::sacctmgr::fields::{Column, Field};
use crate::sacctmgr::format::fields_or;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::{self, Word};
use slurm::State;
use slurm::model::*;
use slurm::tree;
use std::collections::{BTreeMap, BTreeSet};

const ASSOCIATION_FIELDS: &str = "Cluster,Account,User,Part";

const ASSOCIATION_LIMITS: &str = "Share,Priority,GrpJ,GrpTRES,GrpS,GrpWall,GrpTRESMins,MaxJ,MaxTRES,MaxTRESPerN,MaxS,\
                                  MaxW,MaxTRESMins,QOS,DefaultQOS,GrpTRESRunMins";

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
pub fn seen<'a>(mut rows: Vec<&'a Association>, seen: &Option<BTreeSet<AssociationId>>) -> Vec<&'a Association> {
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
pub fn confirm_without_associations(session: &mut Session, with: bool, conditions: bool) -> Done<bool> {
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

/// One row for each association; one row in all when there is none or none is wanted.
pub fn entity_rows(
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
