//! Members of a project or course as a table: CSV (RFC 4180) in UTF-8, a person a line.

use super::engagements::Row;
use super::model::Written;
use super::reader::{Reader, day_of, either};
use std::sync::Arc;
use words::diag::{Diagnostic, Place, Source};
use words::value::Value;
use words::value::node::{Kind, Node};

/// The columns that a table may have, besides those that begin with `private_`.
const COLUMNS: &[&str] = &["login", "uid", "name", "key", "starts", "ends", "manager"];

/// One field of a line, with its column in characters.
struct Cell {
    text: String,
    column: u32,
}

/// Reads a table. Everything that is wrong is reported with line and column; a table in which anything is has no rows.
pub(super) fn rows(source: &Arc<Source>, reader: &mut Reader) -> Vec<Row> {
    if source.text.lines().next().is_some_and(|header| header.contains("private_")) {
        let lines = 2..=source.text.lines().count() as u32;
        reader.secret.extend(lines.map(|line| (source.name.clone(), line)));
    }
    let problems = &mut reader.problems;
    let before = problems.len();
    // Excel writes a mark before the first column's name.
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let Some((_, first)) = lines.next() else {
        problems.push(Diagnostic::input(&Place::new(source, 1, 1), "the table is empty").hint(FORM));
        return Vec::new();
    };
    let columns = header(source, first, problems);
    let mut rows = Vec::new();
    for (number, line) in lines {
        let place = |column| Place::new(source, number, column);
        match cells(line) {
            Err(column) => {
                let problem =
                    Diagnostic::input(&place(column), "a quote that is opened here is not closed in this line");
                problems.push(problem.hint("write \"\" for a quote within quotes; a person is one line"));
            }
            Ok(cells) if cells.len() != columns.len() => {
                let message = format!("the line has {} fields, and the first line {}", cells.len(), columns.len());
                problems.push(Diagnostic::input(&place(1), message).hint("a field with a comma stands in quotes"));
            }
            Ok(cells) => rows.extend(row(&columns, cells, &place, problems)),
        }
    }
    if problems.len() == before { rows } else { Vec::new() }
}

const FORM: &str = "the first line names the columns: login,uid,name,key,starts,ends";

fn header(source: &Arc<Source>, line: &str, problems: &mut Vec<Diagnostic>) -> Vec<String> {
    let place = |column| Place::new(source, 1, column);
    let cells = cells(line).unwrap_or_default();
    for cell in &cells {
        if !COLUMNS.contains(&cell.text.as_str()) && !cell.text.starts_with("private_") {
            let problem = Diagnostic::input(&place(cell.column), format!("there is no column `{}`", cell.text));
            let problem = problem.suggest(&cell.text, COLUMNS.iter().copied());
            problems.push(problem.hint(format!("columns are {} and private_…", either(COLUMNS))));
        }
    }
    let names: Vec<String> = cells.into_iter().map(|cell| cell.text).collect();
    if !names.iter().any(|name| name == "login") {
        problems.push(Diagnostic::input(&place(1), "the table has no column `login`").hint(FORM));
    }
    if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        problems.push(Diagnostic::input(&place(1), format!("the column `{twice}` is there twice")));
    }
    names
}

/// The fields of a line; the column of a quote that is not closed.
fn cells(line: &str) -> Result<Vec<Cell>, u32> {
    let mut cells = vec![Cell { text: String::new(), column: 1 }];
    let (mut quoted_at, mut letters) = (None, (1..).zip(line.chars()).peekable());
    while let Some((column, letter)) = letters.next() {
        let Some(cell) = cells.last_mut() else { break };
        match letter {
            '"' if quoted_at.is_some() && letters.peek().is_some_and(|(_, next)| *next == '"') => {
                letters.next();
                cell.text.push('"');
            }
            '"' if quoted_at.is_some() => quoted_at = None,
            '"' if cell.text.is_empty() => quoted_at = Some(column),
            ',' if quoted_at.is_none() => cells.push(Cell { text: String::new(), column: column + 1 }),
            letter => cell.text.push(letter),
        }
    }
    cells.iter_mut().for_each(|cell| cell.text = cell.text.trim().to_owned());
    quoted_at.map_or(Ok(cells), Err)
}

fn row(
    columns: &[String],
    cells: Vec<Cell>,
    place: &dyn Fn(u32) -> Place,
    problems: &mut Vec<Diagnostic>,
) -> Option<Row> {
    let mut row = Row::default();
    let mut private = Vec::new();
    for (column, cell) in columns.iter().zip(cells) {
        let at = Written { value: cell.text, place: place(cell.column) };
        if column == "login" {
            row.login = Some(at);
            continue;
        }
        if at.value.is_empty() {
            continue;
        }
        match column.as_str() {
            "starts" => row.starts = day(at, problems),
            "ends" => row.ends = day(at, problems),
            "uid" => row.fields.push(field("uid", number(&at.value), &at)),
            "name" => row.fields.push(field("comment", text(&at.value), &at)),
            "key" => {
                let key = node(text(&at.value), &at);
                row.fields.push(field("keys", Kind::List(vec![key]), &at));
            }
            "manager" => row.fields.push(field("manager", text(&at.value), &at)),
            column => private.push(field(column.trim_start_matches("private_"), text(&at.value), &at)),
        }
    }
    if let Some((key, _)) = private.first() {
        let at = Written { value: (), place: key.place.clone() };
        let key = Node { kind: text("private"), place: at.place.clone(), tag: None };
        row.fields.push((key, Node { kind: Kind::Map(private), place: at.place, tag: None }));
    }
    Some(row).filter(|row| row.login.is_some())
}

fn day(at: Written<String>, problems: &mut Vec<Diagnostic>) -> Option<Written<jiff::civil::Date>> {
    let day = day_of(&at.value);
    if day.is_none() {
        problems.push(Diagnostic::input(&at.place, format!("`{}` is no day", at.value)).hint("write it as 2027-03-01"));
    }
    Some(Written { value: day?, place: at.place })
}

fn text(text: &str) -> Kind {
    Kind::Scalar(Value::String(text.to_owned()))
}

/// A number as YAML would read it; what is none stays text, and is refused as such.
fn number(written: &str) -> Kind {
    written.parse().map_or_else(|_| text(written), |number| Kind::Scalar(Value::Int(number)))
}

fn node(kind: Kind, at: &Written<String>) -> Node {
    Node { kind, place: at.place.clone(), tag: None }
}

fn field(key: &str, value: Kind, at: &Written<String>) -> (Node, Node) {
    (node(text(key), at), node(value, at))
}
