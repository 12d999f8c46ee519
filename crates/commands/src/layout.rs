//! [`Layout`]: columns as `-o` and `-O` of `squeue` and `sinfo` name them.

use words::text::width::{harmless, missing, truncate};

/// The widest column one can ask for; more would only be padding.
const MAX_WIDTH: usize = 4096;

/// What `-O` makes of a field without a width.
const USUAL_WIDTH: usize = 20;

/// What the rows of a listing are made of.
pub trait Listed: 'static {
    /// One row.
    type Row<'a>;

    /// Whether what stands below this heading is never cut where it stands at the right, however narrow its column.
    fn is_whole(_header: &str) -> bool {
        false
    }

    /// The same of the heading itself.
    fn has_whole_heading(_header: &str) -> bool {
        false
    }

    /// What stays at the end of a text below this heading, whatever is cut before it.
    fn kept_end(_header: &str) -> Option<char> {
        None
    }

    /// Whether `(null)` is left out where it does not fit, and not cut.
    fn drops_null() -> bool {
        false
    }

    /// Whether a letter that is no field's is printed as it was typed; else it is left out, with what follows it.
    fn prints_unknown() -> bool {
        true
    }
}

/// One field that a program can show.
pub struct Field<L: Listed> {
    /// Its name for `-O`; empty if it has none.
    pub name: &'static str,
    /// Its letter for `-o`; a blank if it has none.
    pub letter: char,
    /// Its heading.
    pub header: &'static str,
    /// What stands in a row.
    pub cell: for<'a> fn(&L::Row<'a>) -> String,
}

/// A field in a row.
pub struct Placed<L: Listed> {
    /// Which.
    pub field: &'static Field<L>,
    /// Its width; `None` is as wide as it is.
    pub width: Option<usize>,
    /// Whether it stands at the right.
    pub right: bool,
    /// What is printed behind it.
    pub suffix: String,
}

/// A row's fields in order, and the text before the first.
pub struct Layout<L: Listed> {
    prefix: String,
    /// The fields.
    pub places: Vec<Placed<L>>,
}

/// A layout, and the names of fields that there are not; they are left out.
pub type Read<L> = (Layout<L>, Vec<String>);

impl<L: Listed> Layout<L> {
    /// Reads `%[.][width]letter` with text between; `%all` is every field with a letter.
    pub fn letters(fields: &'static [Field<L>], text: &str) -> Read<L> {
        let (prefix, rest) = text.split_once('%').map_or((text, None), |(prefix, rest)| (prefix, Some(rest)));
        let mut layout = Self { prefix: prefix.to_owned(), places: Vec::new() };
        let mut unknown = Vec::new();
        if text == "%all" {
            return (Self::every(fields), unknown);
        }
        for whole in rest.into_iter().flat_map(|rest| rest.split('%')) {
            let (right, part) = whole.strip_prefix('.').map_or((false, whole), |rest| (true, rest));
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let (width, rest) = part.split_at(digits);
            let Some(letter) = rest.chars().next() else { continue };
            let suffix = rest[letter.len_utf8()..].to_owned();
            match fields.iter().find(|field| field.letter == letter && letter != ' ') {
                Some(field) => layout.places.push(Placed { field, width: wide(width), right, suffix }),
                None => {
                    // What is no field is text.
                    let text = layout.places.last_mut().map_or(&mut layout.prefix, |place| &mut place.suffix);
                    text.extend(["%", whole].into_iter().filter(|_| L::prints_unknown()));
                    unknown.push(letter.to_string());
                }
            }
        }
        (layout, unknown)
    }

    fn every(fields: &'static [Field<L>]) -> Self {
        let mut lettered: Vec<&'static Field<L>> = fields.iter().filter(|field| field.letter != ' ').collect();
        lettered.sort_by_key(|field| (field.letter.is_uppercase(), field.letter));
        let last = lettered.len().saturating_sub(1);
        let suffix = |at: usize| if at == last { String::new() } else { "|".to_owned() };
        let place = |(at, field)| Placed { field, width: None, right: false, suffix: suffix(at) };
        Self { prefix: String::new(), places: lettered.into_iter().enumerate().map(place).collect() }
    }

    /// Reads `name[:[.][width][suffix]],…`.
    pub fn names(fields: &'static [Field<L>], text: &str) -> Read<L> {
        let mut layout = Self { prefix: String::new(), places: Vec::new() };
        let mut unknown = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, how) = part.split_once(':').map_or((part, None), |(name, how)| (name, Some(how)));
            let (width, right, suffix) = how.map_or((Some(USUAL_WIDTH), false, ""), sized);
            match fields.iter().find(|field| !field.name.is_empty() && same(field.name, name)) {
                Some(field) => layout.places.push(Placed { field, width, right, suffix: suffix.to_owned() }),
                None => unknown.push(name.to_owned()),
            }
        }
        (layout, unknown)
    }

    /// Adds the headings.
    pub fn head(&self, out: &mut String) {
        self.cells(out, |field| (field.header.to_owned(), L::has_whole_heading(field.header)));
    }

    /// Adds a row.
    pub fn row(&self, out: &mut String, facts: &L::Row<'_>) {
        self.line(out, |field| (field.cell)(facts));
    }

    /// Adds a row of these cells.
    pub fn line(&self, out: &mut String, cell: impl Fn(&Field<L>) -> String) {
        self.cells(out, |field| (cell(field), L::is_whole(field.header)));
    }

    /// Cells, and whether each is not to be cut.
    fn cells(&self, out: &mut String, cell: impl Fn(&Field<L>) -> (String, bool)) {
        out.push_str(&self.prefix);
        for place in &self.places {
            let (text, is_whole) = cell(place.field);
            let text = harmless(&text);
            let Some(width) = place.width else {
                out.extend([text.as_str(), &place.suffix]);
                continue;
            };
            let text = if L::drops_null() && text == "(null)" && width < text.len() {
                String::new()
            } else {
                text.to_string()
            };
            let end = L::kept_end(place.field.header).filter(|end| text.len() > width && text.ends_with(*end));
            let text = end.map_or(text.clone(), |end| format!("{}{end}", truncate(&text, width - 1)));
            let cut = if is_whole && place.right { text.as_str() } else { truncate(&text, width) };
            let fill = missing(cut, width);
            let (left, right) = if place.right { (fill.as_str(), cut) } else { (cut, fill.as_str()) };
            out.extend([left, right, &place.suffix]);
        }
        out.push('\n');
    }
}

fn wide(text: &str) -> Option<usize> {
    text.parse().ok().filter(|width| *width > 0).map(|width: usize| width.min(MAX_WIDTH))
}

fn sized(how: &str) -> (Option<usize>, bool, &str) {
    let (right, how) = how.strip_prefix('.').map_or((false, how), |rest| (true, rest));
    let digits = how.bytes().take_while(u8::is_ascii_digit).count();
    let (width, suffix) = how.split_at(digits);
    (wide(width), right, suffix)
}

/// Names are the same in any case.
fn same(name: &str, typed: &str) -> bool {
    name.eq_ignore_ascii_case(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers;

    impl Listed for Numbers {
        type Row<'a> = u32;
    }

    static FIELDS: &[Field<Numbers>] = &[
        Field { name: "Number", letter: 'n', header: "NUMBER", cell: |number| number.to_string() },
        Field { name: "", letter: 'S', header: "SQUARE", cell: |number| (number * number).to_string() },
        Field { name: "twice", letter: ' ', header: "TWICE", cell: |number| (number * 2).to_string() },
    ];

    fn shown((layout, unknown): Read<Numbers>) -> String {
        let mut out = String::new();
        layout.head(&mut out);
        layout.row(&mut out, &7);
        out + &unknown.join(" ")
    }

    #[test]
    fn letters_have_widths_and_text_between() {
        assert_eq!(shown(Layout::letters(FIELDS, "<%.4n|%4S>%n")), "<NUMB|SQUA>NUMBER\n<   7|49  >7\n");
        assert_eq!(shown(Layout::letters(FIELDS, "%all")), "NUMBER|SQUARE\n7|49\n");
        assert_eq!(shown(Layout::letters(FIELDS, "a%n%x")), "aNUMBER%x\na7%x\nx");
    }

    #[test]
    fn names_have_a_usual_width() {
        assert_eq!(shown(Layout::names(FIELDS, "number:.8|,TWICE:")), "  NUMBER|TWICE\n       7|14\n");
        assert_eq!(shown(Layout::names(FIELDS, "number,x")), format!("{:20}\n{:20}\nx", "NUMBER", "7"));
    }
}
