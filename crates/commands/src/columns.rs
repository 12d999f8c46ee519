//! Tables as `sreport` and `sshare` print them: right-aligned columns, or `|` between them.

use words::text::width::{clip, harmless, missing, truncate};

/// The widest column one can ask for; more would only be padding.
const MAX_WIDTH: i32 = 4096;

/// What stands between the columns of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parsable {
    /// Columns of fixed width.
    #[default]
    No,
    /// `a|b|` (`-p`).
    Ending,
    /// `a|b` (`-P`).
    NoEnding,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub header: String,
    /// Its width; negative is left-aligned.
    pub width: i32,
}

/// What stands in one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text; too long a text is cut and ends in `+`.
    Text(String),
    /// A number, never cut.
    Number(String),
    /// An amount of time, cut without a mark.
    Time(String),
}

impl Cell {
    /// Nothing.
    pub const EMPTY: Cell = Cell::Text(String::new());
}

/// How a table is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// With `|`, or in columns.
    pub parsable: Parsable,
    /// Whether headings are printed.
    pub header: bool,
}

impl Style {
    /// Adds the headings, if they are wanted.
    pub fn head(self, out: &mut String, columns: &[Column]) {
        if !self.header {
            return;
        }
        let cells = columns.iter().map(|column| Cell::Time(column.header.clone())).collect::<Vec<_>>();
        self.row(out, columns, &cells);
        if self.parsable == Parsable::No {
            for column in columns {
                out.push_str(&"-".repeat(places(column)));
                out.push(' ');
            }
            out.push('\n');
        }
    }

    /// Adds a row.
    pub fn row(self, out: &mut String, columns: &[Column], cells: &[Cell]) {
        for (index, (column, cell)) in columns.iter().zip(cells).enumerate() {
            let (Cell::Text(text) | Cell::Number(text) | Cell::Time(text)) = cell;
            match self.parsable {
                Parsable::No => aligned(out, column, cell, text),
                Parsable::NoEnding if index + 1 == columns.len() => out.push_str(text),
                Parsable::Ending | Parsable::NoEnding => out.extend([text, "|"]),
            }
        }
        out.push('\n');
    }
}

fn places(column: &Column) -> usize {
    column.width.clamp(-MAX_WIDTH, MAX_WIDTH).unsigned_abs() as usize
}

fn aligned(out: &mut String, column: &Column, cell: &Cell, text: &str) {
    let places = places(column);
    let cut = match cell {
        Cell::Text(_) => clip(&harmless(text), places, '+'),
        Cell::Time(_) => truncate(&harmless(text), places).to_owned(),
        Cell::Number(_) => text.to_owned(),
    };
    let fill = missing(&cut, places);
    if column.width < 0 {
        out.extend([cut.as_str(), &fill, " "]);
    } else {
        out.extend([fill.as_str(), &cut, " "]);
    }
}

/// The number that a text begins with, as C's atoi(3): what is none is 0.
pub fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let digits: String = digits.chars().take_while(char::is_ascii_digit).take(15).collect();
    digits.parse::<i64>().map_or(0, |number| sign * number)
}

/// A part of `format=`: its name, and the width if one is given.
pub fn sized(text: &str) -> (&str, Option<i32>) {
    let (name, width) = text.split_once('%').unwrap_or((text, ""));
    let width = leading_number(width).clamp(i64::from(-MAX_WIDTH), i64::from(MAX_WIDTH)) as i32;
    (name, Some(width).filter(|width| *width != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(parsable: Parsable, width: i32, cell: Cell) -> String {
        let mut out = String::new();
        let column = |width| Column { header: "Heading".into(), width };
        Style { parsable, header: true }.row(&mut out, &[column(width), column(3)], &[cell, Cell::EMPTY]);
        out
    }

    #[test]
    fn cells_are_cut_as_their_kind_says() {
        assert_eq!(line(Parsable::No, 4, Cell::Text("abcdef".into())), "abc+     \n");
        assert_eq!(line(Parsable::No, 4, Cell::Time("abcdef".into())), "abcd     \n");
        assert_eq!(line(Parsable::No, 4, Cell::Number("123456".into())), "123456     \n");
        assert_eq!(line(Parsable::No, -4, Cell::Text("a".into())), "a        \n");
        assert_eq!(line(Parsable::No, 5, Cell::Text("그룹장".into())), "그룹+     \n");
        assert_eq!(line(Parsable::Ending, 1, Cell::Text("abc".into())), "abc||\n");
        assert_eq!(line(Parsable::NoEnding, 1, Cell::Text("abc".into())), "abc|\n");
        let mut out = String::new();
        let columns = [Column { header: "Heading".into(), width: 4 }];
        Style { parsable: Parsable::No, header: true }.head(&mut out, &columns);
        assert_eq!(out, "Head \n---- \n");
    }

    #[test]
    fn widths() {
        assert_eq!(
            [sized("used%20"), sized("used%-5"), sized("used"), sized("used%x")],
            [("used", Some(20)), ("used", Some(-5)), ("used", None), ("used", None)]
        );
        assert_eq!(sized("a%99999999999").1, Some(4096));
    }
}
