//! Tables as sacct prints them.

use super::fields::Column;
use super::options::Options;
use crate::Output;
use crate::columns::Parsable;
use words::text::duration::format_seconds;
use words::text::width::{clip, harmless, missing, truncate};

/// What stands in one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text; too long a text is cut and ends in `+`.
    Text(String),
    /// A time; cut, without a mark.
    Time(String),
    /// A number, never cut.
    Number(u64),
    /// Seconds, never cut.
    Duration(u64),
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    /// A number, empty when unset.
    pub fn number(number: Option<impl Into<u64>>) -> Self {
        number.map_or(Cell::Empty, |number| Cell::Number(number.into()))
    }

    fn plain(self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) | Cell::Time(text) => text,
            Cell::Number(number) => number.to_string(),
            Cell::Duration(seconds) => format_seconds(seconds),
        }
    }
}

/// A table in the making.
#[derive(Debug)]
pub struct Table<'a, 'o> {
    columns: &'a [Column],
    parsable: Parsable,
    delimiter: &'a str,
    /// Where it is printed.
    pub out: &'a mut Output<'o>,
}

impl<'a, 'o> Table<'a, 'o> {
    /// With its heading, unless `-n` or something else than a table is asked for.
    pub fn new(columns: &'a [Column], options: &'a Options, out: &'a mut Output<'o>) -> Self {
        let delimiter = options.delimiter.as_deref().unwrap_or("|");
        let has_heading = !options.no_header && !options.script && !options.environment;
        Self::with(columns, options.parsable, delimiter, has_heading, out)
    }

    /// With a heading or without.
    pub fn with(
        columns: &'a [Column],
        parsable: Parsable,
        delimiter: &'a str,
        has_heading: bool,
        out: &'a mut Output<'o>,
    ) -> Self {
        let mut table = Self { columns, parsable, delimiter, out };
        if has_heading {
            table.heading();
        }
        table
    }

    fn heading(&mut self) {
        self.row(|column| Cell::Time(column.heading.to_owned()));
        if self.parsable == Parsable::No {
            for column in self.columns {
                self.out.push_str(&"-".repeat(column.width.unsigned_abs() as usize));
                self.out.push_str(" ");
            }
            self.out.push_str("\n");
        }
    }

    /// Prints one line.
    pub fn row(&mut self, cell: impl Fn(&Column) -> Cell) {
        for (index, column) in self.columns.iter().enumerate() {
            let last = index + 1 == self.columns.len();
            match self.parsable {
                Parsable::No => self.out.push_str(&fixed(cell(column), column.width)),
                _ => self.out.push_str(&cell(column).plain()),
            }
            match self.parsable {
                Parsable::No => self.out.push_str(" "),
                Parsable::NoEnding if last => {}
                _ => self.out.push_str(self.delimiter),
            }
        }
        self.out.push_str("\n");
    }
}

fn fixed(cell: Cell, room: i32) -> String {
    let columns = room.unsigned_abs() as usize;
    let text = match cell {
        Cell::Text(text) if columns > 0 => clip(&harmless(&text), columns, '+'),
        Cell::Text(text) | Cell::Time(text) => truncate(&harmless(&text), columns).to_owned(),
        other => other.plain(),
    };
    let fill = missing(&text, columns);
    if room < 0 { text + &fill } else { fill + &text }
}
