//! `sacctmgr show reservation` (sacctmgr(1), "SPECIFICATIONS FOR RESERVATIONS").

use super::common;
use super::condition;
use super::event::{start_of_yesterday, time_cell};
use super::fields::Column;
use super::format::fields_or;
use super::format::{self, Cell};
use super::session::{Done, Session};
use super::word::{self, Word};
use slurm::model::*;
use words::text::hostlist;

/// The bits of a reservation's flags that are shown, in Slurm's order (slurm.h, `RESERVE_FLAG_…`).
const FLAGS: &[(u32, &str)] = &[
    (0, "MAINT"),
    (1, "NO_MAINT"),
    (25, "FLEX"),
    (14, "OVERLAP"),
    (6, "IGNORE_JOBS"),
    (35, "HOURLY"),
    (36, "NO_HOURLY"),
    (2, "DAILY"),
    (3, "NO_DAILY"),
    (21, "WEEKDAY"),
    (23, "WEEKEND"),
    (4, "WEEKLY"),
    (5, "NO_WEEKLY"),
    (15, "SPEC_NODES"),
    (19, "ALL_NODES"),
    (8, "ANY_NODES"),
    (9, "NO_ANY_NODES"),
    (10, "STATIC"),
    (11, "NO_STATIC"),
    (12, "PART_NODES"),
    (13, "NO_PART_NODES"),
    (16, "FIRST_CORES"),
    (17, "TIME_FLOAT"),
    (18, "REPLACE"),
    (30, "REPLACE_DOWN"),
    (20, "PURGE_COMP"),
    (29, "NO_HOLD_JOBS_AFTER"),
    (32, "MAGNETIC"),
];

/// Which reservations are meant. An absent list means any.
#[derive(Default)]
struct Wanted {
    clusters: Option<Vec<String>>,
    ids: Option<Vec<ReservationId>>,
    names: Option<Vec<String>>,
    nodes: Option<Vec<String>>,
    start: Option<i64>,
    end: Option<i64>,
    format: Vec<String>,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is("Clusters", 1) {
            condition::extend(session, &mut self.clusters, word)?;
        } else if word.is("End", 1) {
            self.end = session.time(word.value);
        } else if word.is("Format", 1) {
            self.format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is("Ids", 1) {
            condition::extend_numbers(session, &mut self.ids, word, "ResvID");
        } else if word.is("Names", 2) {
            // Names of reservations keep their case.
            let names = word::unquote(word.value);
            let names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
            self.names.get_or_insert_default().extend(names);
        } else if word.is("Nodes", 2) {
            condition::extend(session, &mut self.nodes, word)?;
        } else if word.is("Start", 5) {
            self.start = session.time(word.value);
        } else {
            session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
        }
        Ok(())
    }

    fn holds(&self, row: &Reservation, now: i64) -> bool {
        let on_nodes = |names: &Vec<String>| {
            let nodes = hostlist::expand(&row.nodes).unwrap_or_default();
            nodes.iter().any(|node| names.contains(&node.to_lowercase()))
        };
        self.clusters.as_ref().is_none_or(|names| names.contains(&row.cluster))
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
            && self.names.as_ref().is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(&row.name)))
            && self.nodes.as_ref().is_none_or(on_nodes)
            && self.start.is_none_or(|start| row.end >= start && row.start < self.end.unwrap_or(now))
            && self.end.is_none_or(|end| row.start < end)
    }
}

/// `show reservation`
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    if !session.view().reservations() {
        return common::hidden(session, "Problem with query.");
    }
    let mut wanted = Wanted::default();
    if words.is_empty() {
        wanted.start = Some(start_of_yesterday(session));
    }
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    if wanted.nodes.is_some() && wanted.clusters.is_none() {
        let cluster = session.local_cluster();
        let question = format!(
            "If requesting nodes you must also request the cluster.\nWould you like to use the local cluster of \
             '{cluster}'?"
        );
        session.failed = !session.ask(&question)?;
        session.check()?;
        wanted.clusters = Some(vec![cluster]);
    }
    let fields = fields_or(session, &wanted.format, &["Cluster,Name%15,TRES%30,TimeStart,TimeEnd,Unused"])?;
    if !session.view().reservations() {
        return super::common::denied(session);
    }
    let now = session.world.now();
    let rows = session.state.reservations.values().filter(|row| wanted.holds(row, now));
    let rows: Vec<Vec<_>> =
        rows.map(|row| fields.iter().map(|field| cell(session, row, field.column)).collect()).collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn cell(session: &Session, row: &Reservation, column: Column) -> Cell {
    match column {
        Column::Associations => Cell::text(&row.associations),
        Column::Cluster => Cell::text(&row.cluster),
        Column::Flags => {
            let set = FLAGS.iter().filter(|(bit, _)| row.flags >> bit & 1 == 1);
            Cell::text(set.map(|(_, name)| *name).collect::<Vec<_>>().join(","))
        }
        Column::Id => Cell::number(Some(row.id)),
        Column::Name => Cell::text(&row.name),
        Column::NodeName => Cell::text(&row.nodes),
        Column::TimeStart => time_cell(session, Some(row.start)),
        Column::TimeEnd => time_cell(session, Some(row.end)),
        Column::Tres => Cell::text(format::tres_in_order(session.state, &row.tres)),
        Column::UnusedWall => Cell::Real(row.unused_wall),
        _ => Cell::Empty,
    }
}
