//! Text measured in terminal columns: Korean, Chinese and Japanese letters take two.
//!
//! There is one measure. A text is a row of *pieces* (a letter with its accents, an emoji with what it is joined to), and
//! a text's width is the sum of its pieces' widths; what is cut is cut between two of them. So whatever is cut to some
//! columns takes no more than these.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Joins two emoji into one.
const JOINER: char = '\u{200d}';

/// Columns that `text` takes on a terminal. A control letter counts as one, as C's programs count it.
pub fn width(text: &str) -> usize {
    pieces(text).map(|(_, columns)| columns).sum()
}

/// `text` with blanks added on the right until it takes `columns`; longer text is left as it is.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", missing(text, columns))
}

/// The blanks that `text` lacks to take `columns`; none when it is wider.
pub fn missing(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(width(text)))
}

/// The longest beginning of `text` that fits into `columns`.
pub fn truncate(text: &str, columns: usize) -> &str {
    let mut left = columns;
    for (at, needed) in pieces(text) {
        match left.checked_sub(needed) {
            Some(rest) => left = rest,
            None => return &text[..at],
        }
    }
    text
}

/// `text` if it fits into `columns`, else its beginning with `mark` in the last of them.
pub fn clip(text: &str, columns: usize, mark: char) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    format!("{}{mark}", pad(truncate(text, columns.saturating_sub(1)), columns.saturating_sub(1)))
}

/// `text` for a table on a terminal: a tab stays, other control letters, which a terminal might obey, are shown as `?`.
pub fn harmless(text: &str) -> String {
    let obeyed = |letter: char| letter.is_control() && letter != '\t';
    text.chars().map(|letter| if obeyed(letter) { '?' } else { letter }).collect()
}

/// Where each piece begins, and how many columns it takes.
fn pieces(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let piece = first_piece(&text[at..])?;
        let start = at;
        at += piece.len();
        Some((start, piece.width()))
    })
}

/// A letter with what takes no column of its own behind it, and, after a joiner, the letter that it joins.
fn first_piece(text: &str) -> Option<&str> {
    let mut last = text.chars().next()?;
    let joins = |last: char, next: char| last == JOINER || changes_color(next) || next.width() == Some(0);
    for (at, next) in text.char_indices().skip(1) {
        if !joins(last, next) {
            return Some(&text[..at]);
        }
        last = next;
    }
    Some(text)
}

/// The colors of skin, which belong to the emoji before them.
fn changes_color(letter: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn korean_takes_two_columns() {
        assert_eq!(width("그룹 a"), 6);
        assert_eq!(pad("그룹", 6), "그룹  ");
        assert_eq!(truncate("그룹", 3), "그");
    }

    #[test]
    fn control_letters_and_emoji_are_measured_as_they_are_cut() {
        let hearts = "❤\u{fe0f}".repeat(5);
        assert_eq!([width("run\tof"), width("\u{1b}[2J"), width(&hearts)], [6, 4, 10]);
        assert_eq!(clip("run\tof the long series", 10, '+'), "run\tof th+");
        assert_eq!(clip(&hearts, 6, '+'), format!("{} +", "❤\u{fe0f}".repeat(2)));
        assert_eq!(width("👩\u{200d}👧 👍🏽"), 5, "a family and a thumb");
        assert_eq!(truncate("👩\u{200d}👧", 1), "", "a family is not torn apart");
        assert_eq!(harmless("a\tb\u{1b}[2J\n\u{9b}"), "a\tb?[2J??");
        assert_eq!([clip("abc", 0, '+'), clip("", 0, '+')], ["+", ""]);
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in "[\\PC\\t\\x1b\r\n❤👩👍🏽\u{fe0f}\u{200d}\u{301}그]{0,40}", columns in 0usize..30) {
            let cut = truncate(&text, columns);
            prop_assert!(width(cut) <= columns && text.starts_with(cut));
            prop_assert_eq!(width(&pad(cut, columns)), columns);
            let clipped = width(&clip(&text, columns, '+'));
            prop_assert_eq!(clipped, if width(&text) <= columns { width(&text) } else { columns.max(1) });
            prop_assert!(width(&text) <= width(cut) + width(&text[cut.len()..]));
        }
    }
}
