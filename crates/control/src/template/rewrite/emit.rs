//! Tokens written for the engine: tolerant names, joined texts, `%`, comparisons as Python has them.

use super::compare::{COMPARE, STEP, SUM, Sign};
use super::lex::{Kind, Token};

/// Filters whose input may be undefined.
const TOLERANT_FILTERS: [&str; 4] = ["default", "d", "mandatory", "type_debug"];
/// Filters whose arguments may be undefined.
const TOLERANT_ARGUMENTS: [&str; 3] = ["default", "d", "ternary"];
const TOLERANT_TESTS: [&str; 2] = ["defined", "undefined"];
pub(super) const OPERATORS: [&str; 8] = ["and", "or", "not", "in", "is", "if", "else", "recursive"];
const LITERALS: [&str; 6] = ["true", "false", "none", "True", "False", "None"];

/// A text as the engine's literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// What of a template decides how its expressions are written.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    /// Literal lists and mappings must be changeable.
    pub(super) mutable: bool,
    /// There may be dates, which the engine does not add or subtract.
    pub(super) dates: bool,
}

/// The tokens of an expression, written for the engine.
pub(super) fn emit(tokens: &[Token], manner: Manner) -> String {
    let mut writer = Writer { tokens, at: 0, out: String::new(), manner };
    writer.range(tokens.len(), false);
    writer.out
}

/// The tokens of a block, which begins with its keyword.
pub(super) fn emit_block(tokens: &[Token], manner: Manner) -> String {
    let mut writer = Writer { tokens, at: 0, out: String::new(), manner };
    writer.keyword();
    writer.range(tokens.len(), false);
    writer.out
}

/// Writes tokens anew, from left to right.
pub(super) struct Writer<'t, 'a> {
    pub(super) tokens: &'t [Token<'a>],
    pub(super) at: usize,
    out: String,
    manner: Manner,
}

/// An operand with its attributes, calls, filters and tests.
struct Pipeline {
    /// Whether a filter or test in it takes an undefined input.
    tolerant: bool,
    end: usize,
}

impl Writer<'_, '_> {
    pub(super) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    pub(super) fn is_operand(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| match token.kind {
            Kind::Name => !OPERATORS.contains(&token.text),
            Kind::Number | Kind::Text(_) | Kind::Open => true,
            Kind::Symbol | Kind::Close => false,
        })
    }

    /// A `+` before an operand that is not between two.
    fn is_plus_sign(&self) -> bool {
        self.text(self.at) == "+" && !self.is_after_operand(self.at)
    }

    /// Whether the token before `at` ends an operand.
    pub(super) fn is_after_operand(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        match self.tokens[before].kind {
            Kind::Close => true,
            Kind::Open | Kind::Symbol => false,
            _ => self.is_operand(before),
        }
    }

    fn copy(&mut self) {
        let token = &self.tokens[self.at];
        self.out.push_str(token.space);
        match &token.kind {
            Kind::Text(text) => self.out.push_str(&quoted(text)),
            _ => self.out.push_str(token.text),
        }
        self.at += 1;
    }

    /// The keyword of a block, and of `for` what is before its list.
    fn keyword(&mut self) {
        let is_for = self.text(0) == "for";
        while self.at < self.tokens.len() {
            let is_last = !is_for || self.text(self.at) == "in";
            self.copy();
            if is_last {
                return;
            }
        }
    }

    /// Everything before `end`; with `soft`, operands that stand alone (arguments) are tolerant.
    fn range(&mut self, end: usize, soft: bool) {
        while self.at < end {
            let part = self.part_end(end);
            let signs = self.comparisons(part);
            if signs.is_empty() {
                self.sum(part, end, soft);
            } else {
                self.fold(COMPARE, &signs, part, |writer, until| writer.sum(until, end, false));
            }
            if self.at < end {
                self.copy();
            }
        }
    }

    /// Operands with signs between them, where only dates need what the engine does not know.
    fn sum(&mut self, part: usize, end: usize, soft: bool) {
        let signs = if self.manner.dates { self.signs(part) } else { Vec::new() };
        if signs.is_empty() {
            return self.operands(part, end, soft);
        }
        self.fold(SUM, &signs, part, |writer, until| writer.operands(until, end, false));
    }

    /// `a < b < c` as `name(a, '<', b, '<', c)`.
    fn fold(&mut self, name: &str, signs: &[Sign], part: usize, operand: impl Fn(&mut Self, usize)) {
        self.out.push_str(self.tokens[self.at].space);
        self.out.push_str(name);
        self.out.push('(');
        for sign in signs {
            operand(self, sign.at);
            self.out.push_str(&format!(", '{}',", sign.text));
            self.at = sign.at + sign.tokens;
        }
        operand(self, part);
        self.out.push(')');
    }

    fn operands(&mut self, part: usize, end: usize, soft: bool) {
        while self.at < part {
            if !self.is_operand(self.at) {
                if self.is_plus_sign() {
                    self.at += 1;
                } else {
                    self.copy();
                }
                continue;
            }
            let begins = matches!(self.text(self.at.wrapping_sub(1)), "(" | "," | "=" | "");
            let pipeline = self.scan(self.at);
            let ends = pipeline.end == end || self.text(pipeline.end) == ",";
            self.pipeline(&pipeline, soft && begins && ends);
        }
    }

    /// Where the operand at `at` ends.
    fn scan(&self, at: usize) -> Pipeline {
        let mut end = self.after_group(at);
        let mut tolerant = false;
        while let Some(token) = self.tokens.get(end) {
            match token.text {
                "." => end += 2,
                "(" | "[" => end = self.after_group(end),
                "|" => {
                    end = self.after_dotted(end + 1);
                    tolerant |= TOLERANT_FILTERS.contains(&self.text(end - 1));
                }
                "is" => {
                    end = self.after_dotted(end + 1 + usize::from(self.text(end + 1) == "not"));
                    tolerant |= TOLERANT_TESTS.contains(&self.text(end - 1));
                }
                _ if matches!((&token.kind, &self.tokens[end - 1].kind), (Kind::Text(_), Kind::Text(_))) => end += 1,
                _ => break,
            }
        }
        Pipeline { tolerant, end: end.min(self.tokens.len()) }
    }

    pub(super) fn after_group(&self, at: usize) -> usize {
        match self.tokens[at].kind {
            Kind::Open => self.tokens[at].partner + 1,
            _ => at + 1,
        }
    }

    /// After a filter's or test's name, which may have dots.
    fn after_dotted(&self, at: usize) -> usize {
        let mut end = at + 1;
        while self.text(end) == "." {
            end += 2;
        }
        end.min(self.tokens.len())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, soft: bool) {
        if self.percent(pipeline) {
            return;
        }
        self.root(pipeline.tolerant || soft, pipeline.end);
        let mut name = "";
        while self.at < pipeline.end {
            let token = &self.tokens[self.at];
            let own = token.text == "ansible" && matches!(self.text(self.at + 2), "builtin" | "legacy");
            match token.kind {
                // The engine knows Ansible's own filters by their short names.
                _ if own && matches!(self.text(self.at - 1), "|" | "is" | "not") => self.at += 4,
                Kind::Open if token.text == "[" => self.subscript(),
                Kind::Open => self.group(TOLERANT_ARGUMENTS.contains(&name)),
                _ => {
                    name = token.text;
                    self.copy();
                }
            }
        }
    }

    /// `[index]` or `[start:stop:step]`; the step goes through [`STEP`].
    fn subscript(&mut self) {
        let close = self.tokens[self.at].partner;
        self.copy();
        let step = self.step(close);
        self.range(step.unwrap_or(close), false);
        if step.is_some() {
            self.out.push_str(STEP);
            self.out.push('(');
            self.range(close, false);
            self.out.push(')');
        }
        self.copy();
    }

    /// A bracket and what is in it.
    fn group(&mut self, soft: bool) {
        let close = self.tokens[self.at].partner;
        self.copy();
        self.range(close, soft);
        if self.text(close) == "}" {
            // `}}` would end the block.
            self.out.push(' ');
        }
        self.copy();
    }

    fn root(&mut self, soft: bool, end: usize) {
        let token = &self.tokens[self.at];
        match &token.kind {
            Kind::Open => {
                let soft = soft && token.text == "(";
                let close = token.partner;
                if self.manner.mutable && !soft && token.text != "(" {
                    self.out.push_str(token.space);
                    self.out.push_str("_mutable(");
                    self.group(false);
                    self.out.push(')');
                    return;
                }
                let alone = self.is_operand(self.at + 1) && self.scan(self.at + 1).end == close;
                if soft {
                    self.out.push_str(token.space);
                    self.out.push_str("_softly(");
                }
                self.group(soft && alone);
                if soft {
                    self.out.push(')');
                }
            }
            Kind::Text(_) => self.literal(end),
            Kind::Name if soft && self.text(self.at + 1) != "(" && !LITERALS.contains(&token.text) => {
                self.out.push_str(token.space);
                self.out.push_str(&format!("_soft('{}')", token.text));
                self.at += 1;
            }
            _ => self.copy(),
        }
    }

    /// One text out of neighbours.
    fn literal(&mut self, end: usize) {
        let mut whole = String::new();
        self.out.push_str(self.tokens[self.at].space);
        while let Some(Token { kind: Kind::Text(text), .. }) = self.tokens[..end].get(self.at) {
            whole.push_str(text);
            self.at += 1;
        }
        self.out.push_str(&quoted(&whole));
    }

    /// `'text' % operand`, as a filter; whether it was one.
    fn percent(&mut self, pipeline: &Pipeline) -> bool {
        let literal = matches!(self.tokens[self.at].kind, Kind::Text(_)) && pipeline.end == self.at + 1;
        if !literal || self.text(pipeline.end) != "%" || !self.is_operand(pipeline.end + 1) {
            return false;
        }
        self.literal(pipeline.end);
        self.at += 1;
        self.out.push_str(" | _percent(");
        let operand = self.scan(self.at);
        self.pipeline(&operand, false);
        self.out.push(')');
        true
    }
}
