//! The tokens of an expression, and those of a condition, in which `{{ expression }}` stands for a value.

use super::super::engine::Dialect;
use words::value::python;

/// Brackets nested deeper are left to the engine, which refuses them.
const MAX_DEPTH: usize = 100;

/// What prints a value into the text of a condition's literal.
pub(super) const PRINTED: &str = "_printed";

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Name,
    Number,
    Text(String),
    Symbol,
    Open,
    Close,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    /// Blanks before it.
    pub(super) space: &'a str,
    pub(super) text: &'a str,
    pub(super) kind: Kind,
    /// For brackets: the index of the partner.
    pub(super) partner: usize,
}

/// The tokens up to `end` (or all), and the length read, `end` included. `None` if a text or bracket stays open.
pub(super) fn lex<'a>(source: &'a str, dialect: Dialect, end: Option<&str>) -> Option<(Vec<Token<'a>>, usize)> {
    let mut lexer = Lexer { source, at: 0, dialect, embeds: false, tokens: Vec::new(), open: Vec::new() };
    let length = lexer.run(end)?;
    Some((lexer.tokens, length))
}

/// The tokens of a condition: `{{ expression }}` in it is the expression in brackets, and within quotes it is the
/// expression's value as a part of the text. So what a value holds can never be read as an expression.
pub(super) fn condition(source: &str) -> Option<Vec<Token<'_>>> {
    let dialect = Dialect::Condition;
    let mut lexer = Lexer { source, at: 0, dialect, embeds: true, tokens: Vec::new(), open: Vec::new() };
    lexer.run(None)?;
    Some(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    dialect: Dialect,
    /// Whether `{{ expression }}` may stand for a value.
    embeds: bool,
    tokens: Vec<Token<'a>>,
    /// Indices of the brackets that are open.
    open: Vec<usize>,
}

impl<'a> Lexer<'a> {
    /// Reads up to `end`; the length read, `end` included.
    fn run(&mut self, end: Option<&str>) -> Option<usize> {
        loop {
            let rest = &self.source[self.at..];
            let space = &rest[..rest.len() - rest.trim_start().len()];
            let rest = rest.trim_start();
            self.at += space.len();
            if let Some(length) = end.filter(|_| self.open.is_empty()).and_then(|end| end_length(rest, end)) {
                return Some(self.at + length);
            }
            let Some(first) = rest.chars().next() else {
                return (end.is_none() && self.open.is_empty()).then_some(self.at);
            };
            if self.embeds && rest.starts_with("{{") {
                self.embedded(space)?;
            } else if self.embeds && matches!(first, '\'' | '"') {
                self.quoted(space, first)?;
            } else {
                let (kind, length) = token(rest, first, self.dialect)?;
                self.push(space, &rest[..length], kind)?;
                self.at += length;
            }
        }
    }

    fn push(&mut self, space: &'a str, text: &'a str, kind: Kind) -> Option<()> {
        let here = self.tokens.len();
        let mut partner = 0;
        if kind == Kind::Open {
            if self.open.len() == MAX_DEPTH {
                return None;
            }
            self.open.push(here);
        } else if kind == Kind::Close {
            partner = self.open.pop()?;
            self.tokens[partner].partner = here;
        }
        self.tokens.push(Token { space, text, kind, partner });
        Some(())
    }

    /// `{{ expression }}` at this place, as `(expression)`.
    fn embedded(&mut self, space: &'a str) -> Option<()> {
        let inner = &self.source[self.at + 2..];
        let marked = inner.strip_prefix(['-', '+']).unwrap_or(inner);
        let (tokens, length) = lex(marked, Dialect::Text, Some("}}"))?;
        if tokens.is_empty() {
            return None;
        }
        self.push(space, "(", Kind::Open)?;
        let base = self.tokens.len();
        self.tokens.extend(tokens.into_iter().map(|token| Token { partner: token.partner + base, ..token }));
        self.push("", ")", Kind::Close)?;
        self.at += 2 + (inner.len() - marked.len()) + length;
        Some(())
    }

    /// A text in quotes; with expressions in it, it is the parts put together.
    fn quoted(&mut self, space: &'a str, quote: char) -> Option<()> {
        self.at += quote.len_utf8();
        let mut part = String::new();
        let mut parts = 0;
        loop {
            let rest = &self.source[self.at..];
            if rest.starts_with("{{") {
                self.join(space, &mut part, &mut parts)?;
                self.push("", PRINTED, Kind::Name)?;
                self.embedded("")?;
                continue;
            }
            let c = rest.chars().next()?;
            self.at += c.len_utf8();
            if c == quote {
                break;
            }
            let rest = &rest[c.len_utf8()..];
            if c == '\\' {
                self.at += rest.len() - python::unescape(rest, &mut part)?.len();
            } else {
                part.push(c);
            }
        }
        if parts == 0 {
            return self.push(space, "''", Kind::Text(part));
        }
        self.push("", "~", Kind::Symbol)?;
        self.push("", "''", Kind::Text(part))?;
        self.push("", ")", Kind::Close)
    }

    /// The part of a text before an expression in it.
    fn join(&mut self, space: &'a str, part: &mut String, parts: &mut usize) -> Option<()> {
        if *parts == 0 {
            self.push(space, "(", Kind::Open)?;
        } else {
            self.push("", "~", Kind::Symbol)?;
        }
        *parts += 1;
        self.push("", "''", Kind::Text(std::mem::take(part)))?;
        self.push("", "~", Kind::Symbol)
    }
}

/// The length of `end`, with a mark for blanks before it, if `rest` begins with it.
fn end_length(rest: &str, end: &str) -> Option<usize> {
    if rest.starts_with(end) {
        return Some(end.len());
    }
    let unmarked = rest.strip_prefix(['-', '+'])?;
    unmarked.starts_with(end).then_some(end.len() + 1)
}

fn token(rest: &str, first: char, dialect: Dialect) -> Option<(Kind, usize)> {
    let run = |inside: fn(char) -> bool| rest.find(|c| !inside(c)).unwrap_or(rest.len());
    Some(match first {
        '\'' | '"' => {
            let (text, length) = text_literal(rest, first, dialect)?;
            (Kind::Text(text), length)
        }
        '(' | '[' | '{' => (Kind::Open, 1),
        ')' | ']' | '}' => (Kind::Close, 1),
        c if c.is_alphabetic() || c == '_' => (Kind::Name, run(|c| c.is_alphanumeric() || c == '_')),
        c if c.is_ascii_digit() => (Kind::Number, number_length(rest)),
        _ => {
            let two = ["**", "//", "==", "!=", ">=", "<="].iter().find(|symbol| rest.starts_with(**symbol));
            (Kind::Symbol, two.map_or(first.len_utf8(), |symbol| symbol.len()))
        }
    })
}

/// Digits, a fraction if a digit follows the dot, an exponent.
fn number_length(rest: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let whole = digits(rest);
    match rest[whole..].strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + digits(fraction),
        _ => whole,
    }
}

/// What a quoted text says, and its length with quotes.
fn text_literal(source: &str, quote: char, dialect: Dialect) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut rest = &source[quote.len_utf8()..];
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            c if c == quote => return Some((text, source.len() - rest.len())),
            '\\' => match dialect {
                // YAML has read the backslashes already; one before a quote only kept the quote.
                Dialect::Text => {
                    let kept = rest.chars().next()?;
                    text.extend([c, kept]);
                    rest = &rest[kept.len_utf8()..];
                }
                Dialect::Condition => rest = python::unescape(rest, &mut text)?,
            },
            c => text.push(c),
        }
    }
}
