//! [`Styled`]: what is written to people, as texts of which each may have a style.
//!
//! Views put lines together and never see a colour code; the one writer (`view::styles`) makes the codes, and writes
//! out whatever a host, a file or the store hides in a text. So no view can forget to.

use super::styles::Style;
use std::fmt;
use words::text::visible::visible;

/// Texts in a row, to be written by a [`super::styles::Painter`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Styled(Vec<(Option<Style>, String)>);

impl Styled {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A text of one style.
    pub fn of(style: Style, text: impl Into<String>) -> Self {
        Self::new().styled(style, text)
    }

    /// Adds text without a style.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push((None, text.into()));
        self
    }

    /// Adds text of a style.
    pub fn styled(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((Some(style), text.into()));
        self
    }

    /// Adds another line's texts.
    pub fn then(mut self, other: Styled) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The same behind so many blanks.
    pub fn indented(self, by: usize) -> Self {
        Styled::from(" ".repeat(by)).then(self)
    }

    /// How it is written, with colour codes or without; hidden characters are written out.
    pub(super) fn written(&self, colour: bool) -> String {
        let mut written = String::new();
        for (style, text) in &self.0 {
            match style.filter(|_| colour && !text.is_empty()) {
                Some(style) => {
                    written.push_str(&format!("\x1b[{}m", style.sgr()));
                    written.push_str(&visible(text));
                    written.push_str("\x1b[0m");
                }
                None => written.push_str(&visible(text)),
            }
        }
        written
    }
}

/// As it is written without colours.
impl fmt::Display for Styled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(false))
    }
}

impl From<String> for Styled {
    fn from(text: String) -> Self {
        Self(vec![(None, text)])
    }
}

impl From<&String> for Styled {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<&str> for Styled {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Lines below each other, for tests and files.
pub fn joined(lines: &[Styled]) -> String {
    lines.iter().map(Styled::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_colours_stay_and_theirs_are_written_out() {
        let line = Styled::of(Style::Ok, "a\x1b[8m").text(" \x1b[0;32m").styled(Style::Failed, "");
        assert_eq!(line.written(true), "\x1b[0;32ma\\x1b[8m\x1b[0m \\x1b[0;32m");
        assert_eq!(line.to_string(), "a\\x1b[8m \\x1b[0;32m");
    }
}
