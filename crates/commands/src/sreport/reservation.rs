//! `sreport reservation utilization`: what of reservations was used.

use super::condition::{self, Condition, Grammar, HINT, Key, Switch};
use super::fields::{self, Column, Field};
use super::{Done, Look, Report};
use crate::columns::Cell;
use slurm::model::tres::Tres;
use slurm::model::{Reservation, TresId};
use slurm::records::Scan;
use slurm::rollup::{JobUse, Span};
use std::collections::HashMap;
use std::ops::ControlFlow;
use words::text::duration::format_seconds;

const GRAMMAR: Grammar = Grammar {
    switches: &[("all_clusters", 1, Switch::AllClusters)],
    bare: Key::Names,
    keys: &[
        ("Names", 1, Key::Names),
        ("Clusters", 1, Key::Clusters),
        ("End", 1, Key::End),
        ("Flags", 2, Key::Flags),
        ("Format", 2, Key::Format),
        ("Ids", 1, Key::Ids),
        ("Nodes", 1, Key::Nodes),
        ("Start", 1, Key::Start),
    ],
    hint: HINT,
};

/// Utilization
pub fn utilization(report: &mut Report, words: &[&str]) -> Done {
    let wanted = condition::read(report, &GRAMMAR, words)?;
    if !report.view.reservations() {
        return report.refuse(" Problem with reservation query.");
    }
    let mut rows: Vec<&Reservation> = report.state.reservations.values().filter(|row| takes(&wanted, row)).collect();
    rows.sort_by_key(|row| (&row.cluster, row.start, &row.name));
    let unit = report.unit_line("TRES");
    report.heading("Reservation Utilization", &wanted, false, unit);
    let fields = fields::read(report, fields::RESERVATION, &wanted.format, "Cl,name,start,end,TresName,al,i");
    let mut lines = Vec::new();
    for row in rows.into_iter().filter(|row| row.end > row.start) {
        let used = used(report, row)?;
        for (id, count) in &row.tres {
            let listed: &[Tres] = &report.options.tres;
            let chosen = report.options.tres_text.is_none() || listed.iter().any(|tres| tres.id == *id);
            if let Some(tres) = report.state.tres.get(id).filter(|_| chosen) {
                lines.push(cells(report, &fields, row, tres, *count, used.get(id).copied().unwrap_or(0)));
            }
        }
    }
    report.print(&fields, lines);
    Ok(())
}

fn takes(wanted: &Condition, row: &Reservation) -> bool {
    let nodes = crate::sacctmgr::word::names(&row.nodes).unwrap_or_default();
    Condition::takes(&wanted.clusters, &row.cluster)
        && Condition::takes(&wanted.names, &row.name)
        && Condition::takes(&wanted.ids, &row.id.to_string())
        && (wanted.nodes.is_empty() || nodes.iter().any(|node| wanted.nodes.contains(node)))
        && row.start < wanted.span.end
        && row.end >= wanted.span.start
}

/// Seconds of TRES that jobs used in the reservation.
fn used(report: &mut Report, row: &Reservation) -> Done<HashMap<TresId, u64>> {
    let span = Span { start: row.start, end: row.end };
    let mut used: HashMap<TresId, u64> = HashMap::new();
    let read = report.records.each_job(Look::Use, &Scan::window(&row.cluster, span.start, span.end), &mut |job| {
        let seconds = JobUse::ran(job, span);
        for (id, count) in job.tres_allocated.iter().filter(|_| job.reservation_id == Some(row.id)) {
            *used.entry(id).or_default() += count * seconds;
        }
        ControlFlow::Continue(())
    });
    report.read(read)?;
    Ok(used)
}

/// Flags of reservations and their bits (slurm.h, `RESERVE_FLAG_…`), in the order in which they are named.
const FLAGS: &[(u64, &str)] = &[
    (1 << 0, "MAINT"),
    (1 << 2, "DAILY"),
    (1 << 4, "WEEKLY"),
    (1 << 6, "IGNORE_JOBS"),
    (1 << 8, "ANY_NODES"),
    (1 << 10, "STATIC"),
    (1 << 12, "PART_NODES"),
    (1 << 14, "OVERLAP"),
    (1 << 15, "SPEC_NODES"),
    (1 << 25, "FLEX"),
];

fn flags(row: &Reservation) -> String {
    let set: Vec<_> = FLAGS.iter().filter(|(bit, _)| row.flags & bit != 0).map(|(_, name)| *name).collect();
    set.join(",")
}

fn cells(report: &Report, fields: &[Field], row: &Reservation, tres: &Tres, count: u64, used: u64) -> Vec<Cell> {
    let seconds = Span { start: row.start, end: row.end }.seconds();
    let whole = seconds.saturating_mul(count);
    let cell = |field: &Field| match field.column {
        Column::Name => Cell::Text(row.name.clone()),
        Column::Cluster => Cell::Text(row.cluster.clone()),
        Column::Count => Cell::Number(count.to_string()),
        Column::Id => Cell::Number(row.id.to_string()),
        Column::Allocated => report.time(used, whole),
        Column::Idle => report.time(whole.saturating_sub(used), whole),
        Column::Nodes => Cell::Text(row.nodes.clone()),
        Column::Associations => Cell::Text(row.associations.clone()),
        Column::Start => Cell::Time(report.time_text(row.start)),
        Column::End => Cell::Time(report.time_text(row.end)),
        Column::Flags => Cell::Text(flags(row)),
        Column::TotalTime => Cell::Number(format_seconds(seconds)),
        Column::TresTime => Cell::Number(format_seconds(whole)),
        Column::TresName => Cell::Text(tres.full_name()),
        _ => field.nothing(report),
    };
    fields.iter().map(cell).collect()
}
