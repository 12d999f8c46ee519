//! The fields of sreport's tables: words, headings, widths (sreport(1), "FORMAT OPTIONS FOR EACH REPORT").

use super::Report;
use crate::columns::{Cell, Column as Printed, sized};
use crate::sacctmgr::word::begins;

/// What a field shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Column {
    Account,
    Allocated,
    Associations,
    Cluster,
    Count,
    Down,
    Duration,
    End,
    Energy,
    Flags,
    Id,
    Idle,
    JobCount,
    Login,
    Name,
    NodeCount,
    Nodes,
    Overcommitted,
    Planned,
    PlannedDown,
    Proper,
    Reported,
    Start,
    TotalTime,
    TresName,
    TresTime,
    Used,
    Wckey,
}

/// How a field is printed, also when a report has nothing for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// A number.
    Count,
    /// An amount of time in the unit asked for; wider by so many places with a percentage beside it.
    Time(i32),
    /// A duration.
    Clock,
}

/// A field that a report knows.
pub struct Known {
    words: &'static [(&'static str, usize)],
    header: &'static str,
    width: i32,
    kind: Kind,
    column: Column,
}

/// A field of a table that is being made.
#[derive(Clone, Debug)]
pub struct Field {
    /// What it shows.
    pub column: Column,
    header: String,
    width: i32,
    kind: Kind,
}

impl Field {
    /// Heading and width.
    pub fn column(&self) -> Printed {
        Printed { header: self.header.clone(), width: self.width }
    }

    /// Makes room for the largest amount of seconds; a width that was asked for does not count (as in Slurm).
    pub fn fit(&mut self, seconds: u64, with_percent: bool) {
        let digits = seconds.checked_ilog10().map_or(1, |log| log as i32 + 1);
        self.width = digits.max(8) + if with_percent { 9 } else { 0 };
    }

    /// What stands there when the report has nothing for the field.
    pub fn nothing(&self, report: &Report) -> Cell {
        match self.kind {
            Kind::Text => Cell::EMPTY,
            Kind::Count => Cell::Number("0".into()),
            Kind::Time(_) => report.time(0, 1),
            Kind::Clock => Cell::Number("00:00:00".into()),
        }
    }
}

/// Reads `format=`, or the report's own list. A name that is unknown is complained about and left out.
pub fn read(report: &mut Report, known: &[Known], names: &[String], own: &str) -> Vec<Field> {
    let own: Vec<_> = own.split(',').map(str::to_owned).collect();
    let names = if names.is_empty() { &own } else { names };
    let mut fields = Vec::new();
    for text in names {
        let (name, width) = sized(text);
        let fits = |known: &&Known| known.words.iter().any(|(word, shortest)| begins(name, word, *shortest));
        let Some(Known { header, width: usual, kind, column, .. }) = known.iter().find(fits) else {
            report.complain(format!(" Unknown field '{name}'"));
            continue;
        };
        let more = match kind {
            Kind::Time(more) if report.options.unit.is_both() => *more,
            _ => 0,
        };
        let width = width.unwrap_or(usual + more);
        fields.push(Field { column: *column, header: (*header).to_owned(), width, kind: *kind });
    }
    fields
}

const fn field(
    words: &'static [(&'static str, usize)],
    header: &'static str,
    width: i32,
    kind: Kind,
    column: Column,
) -> Known {
    Known { words, header, width, kind, column }
}

use Column as C;
use Kind::{Clock, Count, Text, Time};

/// Of the cluster reports.
pub const CLUSTER: &[Known] = &[
    field(&[("Accounts", 2)], "Account", 15, Text, C::Account),
    field(&[("allocated", 2)], "Allocated", 12, Time(8), C::Allocated),
    field(&[("Cluster", 2)], "Cluster", 9, Text, C::Cluster),
    field(&[("down", 1)], "Down", 10, Time(8), C::Down),
    field(&[("idle", 1)], "Idle", 12, Time(8), C::Idle),
    field(&[("Login", 1)], "Login", 9, Text, C::Login),
    field(&[("overcommitted", 1)], "Over Comm", 9, Time(9), C::Overcommitted),
    field(&[("PlannedDown", 2)], "PLND Down", 10, Time(8), C::PlannedDown),
    field(&[("Proper", 2)], "Proper Name", 15, Text, C::Proper),
    field(&[("reported", 3)], "Reported", 12, Time(8), C::Reported),
    field(&[("reserved", 3), ("planned", 4)], "Planned", 9, Time(9), C::Planned),
    field(&[("TresCount", 5), ("cpucount", 2), ("count", 2)], "TRES Count", 10, Count, C::Count),
    field(&[("TresName", 5)], "TRES Name", 14, Text, C::TresName),
    field(&[("Used", 1)], "Used", 10, Time(8), C::Used),
    field(&[("WCKey", 2)], "WCKey", 15, Text, C::Wckey),
    field(&[("Energy", 1)], "Energy", 10, Time(8), C::Energy),
];

/// Of AccountUtilizationByUser with `Tree`.
pub fn for_tree(fields: &mut [Field]) {
    for field in fields {
        match (field.column, field.width) {
            (C::Account, 15) => field.width = -20,
            (C::Wckey, 15) => field.width = 20,
            _ => {}
        }
    }
}

/// Of TopUsage.
pub const USER: &[Known] = &[
    field(&[("Accounts", 1)], "Account", 15, Text, C::Account),
    field(&[("Cluster", 1)], "Cluster", 9, Text, C::Cluster),
    field(&[("Energy", 1)], "Energy", 10, Time(8), C::Energy),
    field(&[("Login", 1)], "Login", 9, Text, C::Login),
    field(&[("Proper", 1)], "Proper Name", 15, Text, C::Proper),
    field(&[("TresName", 5)], "TRES Name", 14, Text, C::TresName),
    field(&[("Used", 1)], "Used", 10, Time(8), C::Used),
];

/// Of the reports by size, before the sizes.
pub const JOB: &[Known] = &[
    field(&[("Account", 1), ("Acct", 4)], "Account", 9, Text, C::Account),
    field(&[("Cluster", 2)], "Cluster", 9, Text, C::Cluster),
    field(&[("Duration", 1)], "Duration", 12, Clock, C::Duration),
    field(&[("JobCount", 2)], "Job Count", 9, Count, C::JobCount),
    field(&[("NodeCount", 2)], "Node Count", 9, Count, C::NodeCount),
    field(&[("TresCount", 5), ("CpuCount", 2), ("count", 2)], "TRES Count", 10, Count, C::Count),
    field(&[("User", 1)], "User", 9, Text, C::Login),
    field(&[("Wckey", 1)], "Wckey", 9, Text, C::Wckey),
];

/// Of the reservation report.
pub const RESERVATION: &[Known] = &[
    field(&[("allocated", 2)], "Allocated", 20, Time(9), C::Allocated),
    field(&[("Associations", 2)], "Associations", 15, Text, C::Associations),
    field(&[("Cluster", 2)], "Cluster", 9, Text, C::Cluster),
    field(&[("End", 2)], "End", 19, Text, C::End),
    field(&[("Flags", 2)], "Flags", 20, Text, C::Flags),
    field(&[("Idle", 1)], "Idle", 20, Time(9), C::Idle),
    field(&[("Name", 2)], "Name", 9, Text, C::Name),
    field(&[("Nodes", 2)], "Nodes", 15, Text, C::Nodes),
    field(&[("ReservationId", 2)], "Id", 8, Count, C::Id),
    field(&[("Start", 2)], "Start", 19, Text, C::Start),
    field(&[("TotalTime", 2)], "TotalTime", 9, Clock, C::TotalTime),
    field(&[("TresCount", 5), ("CpuCount", 2), ("count", 2)], "TRES count", 10, Count, C::Count),
    field(&[("TresName", 5)], "TRES Name", 14, Text, C::TresName),
    field(&[("TresTime", 2), ("CpuTime", 5)], "TRES Time", 9, Clock, C::TresTime),
];
