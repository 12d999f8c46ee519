//! [`Output`]: what a command prints, handed on piece by piece where that may be long.

use std::fmt;
use std::ops::ControlFlow;

/// A piece is handed on when it has so many bytes.
const PIECE: usize = 64 << 10;

/// Takes a piece; breaks when nobody reads any more.
type Taker<'a> = Box<dyn FnMut(String) -> ControlFlow<()> + 'a>;

/// Standard output in the making. A listing may have a row for each of millions of records, so no more than a piece of it
/// is in memory when there is somebody to take it.
#[derive(Default)]
pub struct Output<'a> {
    text: String,
    taker: Option<Taker<'a>>,
}

impl<'a> Output<'a> {
    /// One that hands on. Without this ([`Output::default`]), everything is kept until the end.
    pub fn to(taker: impl FnMut(String) -> ControlFlow<()> + 'a) -> Self {
        Self { text: String::new(), taker: Some(Box::new(taker)) }
    }

    /// Adds a text.
    pub fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// What is not handed on yet, to add a row to.
    pub fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// Says that a row is whole. Breaks when nobody reads any more: then the other rows need not be made.
    pub fn row_ends(&mut self) -> ControlFlow<()> {
        match &mut self.taker {
            Some(take) if self.text.len() >= PIECE => take(std::mem::take(&mut self.text)),
            _ => ControlFlow::Continue(()),
        }
    }

    /// What was not handed on.
    pub fn rest(self) -> String {
        self.text
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("text", &self.text).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prints rows until nobody reads any more; how many, and what was left at the end.
    fn print(mut out: Output) -> (usize, usize) {
        let row = "x".repeat(PIECE / 4);
        for printed in 1..=10 {
            out.push_str(&row);
            if out.row_ends().is_break() {
                return (printed, out.rest().len());
            }
        }
        (10, out.rest().len())
    }

    #[test]
    fn pieces_are_handed_on_while_somebody_reads() {
        let mut pieces = Vec::new();
        let taking = Output::to(|piece| {
            pieces.push(piece.len());
            ControlFlow::Continue(())
        });
        assert_eq!(print(taking), (10, PIECE / 2));
        assert_eq!(pieces, [PIECE, PIECE]);
        assert_eq!(print(Output::to(|_| ControlFlow::Break(()))), (4, 0));
        assert_eq!(print(Output::default()), (10, PIECE / 4 * 10));
    }
}
