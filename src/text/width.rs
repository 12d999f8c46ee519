//! Text measured in terminal columns: Korean, Chinese and Japanese letters take two.
//!
//! One measure for all: the sum over the characters, so that a beginning is never wider than the whole. A control
//! character counts one column, for the `?` that listings show in its place.

use unicode_width::UnicodeWidthChar;

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(1)
}

/// `text` with blanks added on the right until it takes `columns`; longer text is left as it is.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The longest beginning of `text` that fits into `columns`.
pub fn truncate(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += self::columns(c);
        if used > columns {
            return &text[..at];
        }
    }
    text
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
    fn what_terminals_do_not_agree_about_is_measured_one_way() {
        for text in ["run\tof the long series", "❤️❤️❤️ night", "👨‍👩‍👧 family", "\u{1b}[31m", "e\u{301}\u{301}", "🇰🇷"]
        {
            for columns in 0..=width(text) {
                assert!(width(truncate(text, columns)) <= columns, "{text:?} in {columns}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_beginning_fits(text in "\\PC{0,20}|.{0,20}", columns in 0usize..30) {
            let begin = truncate(&text, columns);
            prop_assert!(width(begin) <= columns);
            prop_assert!(width(begin) <= width(&text));
            prop_assert_eq!(width(&pad(&text, columns)), width(&text).max(columns));
        }
    }
}
