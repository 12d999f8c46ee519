//! Text measured in terminal columns: Korean, Chinese and Japanese letters take two.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` with blanks added on the right until it takes `columns`; longer text is left as it is.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The longest beginning of `text` that fits into `columns`.
pub fn truncate(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_takes_two_columns() {
        assert_eq!(width("그룹 a"), 6);
        assert_eq!(pad("그룹", 6), "그룹  ");
        assert_eq!(truncate("그룹", 3), "그");
    }
}
