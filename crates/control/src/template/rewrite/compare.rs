//! Where comparisons and sums stand in an expression.
//!
//! The engine orders values of all types, and takes a number for a part of a text; Python refuses both. So `a < b` is
//! written as a call of [`COMPARE`], see [`crate::template::operators`].

use super::emit::Writer;
use super::lex::Kind;

/// Compares its arguments: operand, sign, operand, and so on.
pub(super) const COMPARE: &str = "_compare";
/// Adds and subtracts its arguments: operand, sign, operand, and so on.
pub(super) const SUM: &str = "_sum";

/// Keeps the step of a slice to what the engine can turn around.
pub(super) const STEP: &str = "_step";

/// A sign between two operands.
pub(super) struct Sign {
    /// The index of its first token.
    pub(super) at: usize,
    /// How many tokens it is.
    pub(super) tokens: usize,
    pub(super) text: &'static str,
}

impl Writer<'_, '_> {
    /// Where the part of an expression that begins here ends: at a word or symbol that binds less than a comparison.
    pub(super) fn part_end(&self, end: usize) -> usize {
        self.level(end).find(|at| self.is_boundary(*at)).unwrap_or(end)
    }

    /// The tokens from here to `end` that are in no further brackets, an opening bracket being one of them.
    fn level(&self, end: usize) -> impl Iterator<Item = usize> {
        let after = move |at: &usize| Some(self.after_group(*at)).filter(|next| *next < end);
        std::iter::successors(Some(self.at).filter(|at| *at < end), after)
    }

    fn is_boundary(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        match token.text {
            "," | "=" | ":" => token.kind == Kind::Symbol,
            "and" | "or" | "if" | "else" => self.before(at) != ".",
            "not" => self.text(at + 1) != "in" && !matches!(self.before(at), "is" | "."),
            _ => false,
        }
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |before| self.text(before))
    }

    /// The signs of a comparison that ends at `part`. None if `==` is among them: that is no question of order.
    pub(super) fn comparisons(&self, part: usize) -> Vec<Sign> {
        let equality = |at: usize| self.tokens[at].kind == Kind::Symbol && matches!(self.text(at), "==" | "!=");
        if self.level(part).any(equality) {
            return Vec::new();
        }
        self.level(part).filter_map(|at| self.comparison(at)).collect()
    }

    fn comparison(&self, at: usize) -> Option<Sign> {
        let (text, tokens) = match (&self.tokens[at].kind, self.text(at)) {
            (Kind::Symbol, "<") => ("<", 1),
            (Kind::Symbol, "<=") => ("<=", 1),
            (Kind::Symbol, ">") => (">", 1),
            (Kind::Symbol, ">=") => (">=", 1),
            (Kind::Name, "in") if !matches!(self.before(at), "is" | "not" | "." | "|") => ("in", 1),
            (Kind::Name, "not") if self.text(at + 1) == "in" && self.before(at) != "is" => ("not in", 2),
            _ => return None,
        };
        self.is_after_operand(at).then_some(Sign { at, tokens, text })
    }

    /// Where the step of a slice begins that ends at `close`.
    pub(super) fn step(&self, close: usize) -> Option<usize> {
        let is_colon = |at: &usize| self.tokens[*at].kind == Kind::Symbol && self.text(*at) == ":";
        let second = self.level(close).filter(is_colon).nth(1)?;
        Some(second + 1).filter(|step| *step < close)
    }

    /// The plus and minus signs between two operands that end at `part`.
    pub(super) fn signs(&self, part: usize) -> Vec<Sign> {
        let sign = |at: usize| match self.text(at) {
            "+" if self.is_after_operand(at) => Some(Sign { at, tokens: 1, text: "+" }),
            "-" if self.is_after_operand(at) => Some(Sign { at, tokens: 1, text: "-" }),
            _ => None,
        };
        self.level(part).filter_map(sign).collect()
    }
}
