//! Tables as sacctmgr prints them: columns of fixed width, or separated by `|`.

use super::fields::{self, Field};
use super::options::Options;
use super::session::{Done, Session};
use crate::Output;
use crate::columns::Parsable;
use slurm::State;
use slurm::model::limits::Unit;
use slurm::model::tres::{self, MEM};
use slurm::model::{Limit, Limits, TresCounts, TresId};
use words::text::duration;
use words::text::tres::with_unit;
use words::text::width::{clip, harmless, missing, truncate};

/// What stands in one cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text; too long a text is cut and ends in `+`.
    Text(String),
    /// A number, never cut.
    Number(String),
    /// A time: cut without a mark.
    Time(String),
    /// A number with six decimals, or with an exponent where these do not fit.
    Real(f64),
}

impl Cell {
    /// A text, empty when there is none.
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    /// A number, empty when unset.
    pub fn number(number: Option<impl ToString>) -> Self {
        number.map_or(Cell::Empty, |number| Cell::Number(number.to_string()))
    }

    fn text_of(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) | Cell::Number(text) | Cell::Time(text) => text.clone(),
            Cell::Real(number) => format!("{number:.6}"),
        }
    }

    /// The text in a column of so many letters.
    fn fitted(&self, width: usize) -> String {
        match self {
            Cell::Text(text) => clip(&harmless(text), width, '+'),
            Cell::Time(text) => truncate(&harmless(text), width).to_owned(),
            Cell::Real(number) if self.text_of().len() > width => exponent(*number, width),
            other => other.text_of(),
        }
    }
}

/// As C's `%.*e`: at least two digits of exponent.
fn exponent(number: f64, width: usize) -> String {
    let text = format!("{number:.*e}", width.saturating_sub(6));
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// Reads `format=`, or else `own`, with a table of the entity's own. Every unknown field is named.
pub fn fields_of(session: &mut Session, table: &[fields::Known], asked: &[String], own: &str) -> Done<Vec<Field>> {
    let own: Vec<_> = own.split(',').map(str::to_owned).collect();
    let mut found = Vec::new();
    for name in if asked.is_empty() { &own } else { asked } {
        match fields::parse_in(table, name) {
            Some(field) => found.push(field),
            None => session.complain(format!("Unknown field '{}'", name.split('%').next().unwrap_or_default())),
        }
    }
    session.check()?;
    Ok(found)
}

/// Reads `format=` (or an entity's own list of fields).
pub fn fields(session: &mut Session, names: &[String]) -> Done<Vec<Field>> {
    let mut found = Vec::new();
    for name in names {
        match fields::parse(name) {
            Some(field) => found.push(field),
            None => {
                let name = name.split('%').next().unwrap_or_default();
                return session.refuse(format!("Unknown field '{name}'"));
            }
        }
    }
    Ok(found)
}

/// Prints heading and rows.
pub fn print(session: &mut Session, fields: &[Field], rows: impl Iterator<Item = Vec<Cell>>) {
    table(&mut session.stdout, &session.options, fields, rows);
}

/// Heading and rows; each row is asked for when it is written.
pub fn table(out: &mut Output, options: &Options, fields: &[Field], rows: impl Iterator<Item = Vec<Cell>>) {
    if !options.no_header {
        header(out.text(), options.parsable, fields);
    }
    for row in rows {
        for (index, (field, cell)) in fields.iter().zip(&row).enumerate() {
            put(out.text(), options.parsable, field, cell, index + 1 == fields.len());
        }
        out.push_str("\n");
        if out.row_ends().is_break() {
            return;
        }
    }
}

fn header(out: &mut String, parsable: Parsable, fields: &[Field]) {
    for (index, field) in fields.iter().enumerate() {
        match parsable {
            Parsable::No => {
                pad(out, truncate(field.header, field.width.unsigned_abs() as usize), field.width);
                out.push(' ');
            }
            _ => put(out, parsable, field, &Cell::text(field.header), index + 1 == fields.len()),
        }
    }
    out.push('\n');
    if parsable == Parsable::No {
        for field in fields {
            out.push_str(&"-".repeat(field.width.unsigned_abs() as usize));
            out.push(' ');
        }
        out.push('\n');
    }
}

fn put(out: &mut String, parsable: Parsable, field: &Field, cell: &Cell, last: bool) {
    if parsable != Parsable::No {
        match cell {
            Cell::Time(_) => out.push_str(&cell.fitted(field.width.unsigned_abs() as usize)),
            cell => out.push_str(&cell.text_of()),
        }
        if !(last && parsable == Parsable::NoEnding) {
            out.push('|');
        }
        return;
    }
    pad(out, &cell.fitted(field.width.unsigned_abs() as usize), field.width);
    out.push(' ');
}

/// Fills up to a width counted in columns of the terminal (Slurm counts bytes, which tears Korean names apart).
fn pad(out: &mut String, text: &str, width: i32) {
    let fill = missing(text, width.unsigned_abs() as usize);
    let both = if width < 0 { [text, &fill] } else { [fill.as_str(), text] };
    out.extend(both);
}

/// A TRES list as shown: `cpu=4,gres/gpu=1,mem=2G`, by name.
pub fn tres_list(state: &State, counts: impl IntoIterator<Item = (TresId, u64)>) -> String {
    let shown = counts.into_iter().map(|(id, count)| {
        let name = state.tres.get(&id).map_or_else(|| id.to_string(), tres::Tres::full_name);
        format!("{name}={}", if id == MEM { with_unit(count, 'M') } else { count.to_string() })
    });
    let mut shown: Vec<_> = shown.collect();
    shown.sort();
    shown.join(",")
}

/// TRES amounts in the order of their numbers, as events and reservations show them.
pub fn tres_in_order(state: &State, counts: &TresCounts) -> String {
    let parts = counts.iter().map(|(id, count)| tres_list(state, [(*id, *count)]));
    parts.collect::<Vec<_>>().join(",")
}

/// A limit's cell.
pub fn limit(state: &State, limits: &Limits, limit: Limit) -> Cell {
    match limit.unit() {
        Unit::Tres => Cell::text(tres_list(state, limits.all_tres(limit))),
        Unit::Minutes => limits.get(limit).map_or(Cell::Empty, |m| Cell::Number(duration::format_minutes(m))),
        Unit::Count => Cell::number(limits.get(limit)),
    }
}

/// The fields asked for, or else the entity's own ones.
pub fn fields_or(session: &mut Session, asked: &[String], own: &[&str]) -> Done<Vec<Field>> {
    let own: Vec<_> = own.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
    self::fields(session, if asked.is_empty() { &own } else { asked })
}
