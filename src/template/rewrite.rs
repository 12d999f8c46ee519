//! From Ansible's Jinja to the engine's: what minijinja reads differently is written anew before it is compiled.
//!
//! - Texts: escapes are Python's, or none at all (see [`Dialect`]); `'a' 'b'` is one text.
//! - `a.b.c | default(x)` and `a.b is defined` tolerate a missing `a` or `a.b`, and an unknown one: their names become
//!   `_soft('a')`, see [`super::soft`]. Everywhere else an undefined name stays an error.
//! - `'%s' % x` becomes a filter; `+x` is `x`.
//! - Literal lists and mappings of a template that calls `append`, `update` … become `_mutable(…)`, see
//!   [`super::methods`].

use super::FileOptions;
use super::engine::Dialect;
use super::methods::CHANGING;
use crate::value::python;

/// Filters whose input may be undefined.
const TOLERANT_FILTERS: [&str; 4] = ["default", "d", "mandatory", "type_debug"];
/// Filters whose arguments may be undefined.
const TOLERANT_ARGUMENTS: [&str; 3] = ["default", "d", "ternary"];
const TOLERANT_TESTS: [&str; 2] = ["defined", "undefined"];
/// Brackets nested deeper are left to the engine, which refuses them.
const MAX_DEPTH: usize = 100;
const OPERATORS: [&str; 8] = ["and", "or", "not", "in", "is", "if", "else", "recursive"];
const LITERALS: [&str; 6] = ["true", "false", "none", "True", "False", "None"];

/// A whole expression.
pub(super) fn expression(text: &str, dialect: Dialect) -> String {
    match lex(text, dialect, None) {
        Some((tokens, _)) => emit(&tokens, changes_values(text)),
        None => text.to_owned(),
    }
}

/// A text with `{{ }}`, `{% %}` and `{# #}` in it. What cannot be read is left to the engine, which says why.
pub(super) fn template(text: &str, dialect: Dialect, options: &FileOptions) -> String {
    let mut out = String::with_capacity(text.len());
    let mutable = changes_values(text);
    let mut rest = text;
    while let Some((at, opening)) = next_opening(rest, options) {
        out.push_str(&rest[..at]);
        let (start, end) = opening.delimiters(options);
        let inner = &rest[at + start.len()..];
        let (rewritten, length) = match opening {
            Opening::Comment => (None, inner.find(end).map_or(inner.len(), |at| at + end.len())),
            Opening::Block if is_raw(inner, end) => (None, raw_length(inner, start)),
            Opening::Block => block(inner, end, Dialect::Condition, mutable),
            Opening::Variable => block(inner, end, dialect, mutable),
        };
        out.push_str(start);
        out.push_str(rewritten.as_deref().unwrap_or(&inner[..length]));
        rest = &inner[length..];
    }
    out.push_str(rest);
    out
}

/// The one expression of a text that consists of `{{ expression }}` and nothing else, rewritten.
pub(super) fn sole_expression(text: &str) -> Option<String> {
    let inner = text.strip_prefix("{{")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    let (tokens, length) = lex(inner, Dialect::Text, Some("}}"))?;
    (length == inner.len() && !tokens.is_empty()).then(|| emit(&tokens, changes_values(text)).trim().to_owned())
}

/// Whether a method is called that changes a list or mapping.
fn changes_values(text: &str) -> bool {
    CHANGING.iter().any(|method| text.split(method).skip(1).any(|rest| rest.trim_start().starts_with('(')))
}

#[derive(Clone, Copy, PartialEq)]
enum Opening {
    Variable,
    Block,
    Comment,
}

impl Opening {
    fn delimiters(self, options: &FileOptions) -> (&str, &str) {
        let (start, end) = match self {
            Opening::Variable => &options.variable,
            Opening::Block => &options.block,
            Opening::Comment => &options.comment,
        };
        (start, end)
    }
}

fn next_opening(text: &str, options: &FileOptions) -> Option<(usize, Opening)> {
    let all = [Opening::Variable, Opening::Block, Opening::Comment];
    let found = all.into_iter().filter_map(|opening| Some((text.find(opening.delimiters(options).0)?, opening)));
    // The longest of several that start at one place wins.
    found.min_by_key(|(at, opening)| (*at, usize::MAX - opening.delimiters(options).0.len()))
}

fn is_raw(inner: &str, end: &str) -> bool {
    let word = inner.trim_start_matches(['-', '+']).trim_start();
    word.strip_prefix("raw").is_some_and(|rest| rest.trim_start().trim_start_matches(['-', '+']).starts_with(end))
}

/// Up to the opening of `{% endraw %}`, which is copied as a block of its own.
fn raw_length(inner: &str, start: &str) -> usize {
    let mut from = 0;
    while let Some(at) = inner[from..].find(start) {
        let word = inner[from + at + start.len()..].trim_start_matches(['-', '+']).trim_start();
        if word.starts_with("endraw") {
            return from + at;
        }
        from += at + start.len();
    }
    inner.len()
}

fn block(inner: &str, end: &str, dialect: Dialect, mutable: bool) -> (Option<String>, usize) {
    match lex(inner, dialect, Some(end)) {
        Some((tokens, length)) => {
            let written = emit(&tokens, mutable);
            let closing = &inner[..length];
            let mark = closing.strip_suffix(end).unwrap_or(closing).chars().next_back();
            let mark = mark.filter(|mark| matches!(mark, '-' | '+')).map(String::from).unwrap_or_default();
            (Some(format!("{written} {mark}{end}")), length)
        }
        None => (None, inner.len()),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Name,
    Number,
    Text(String),
    Symbol,
    Open,
    Close,
}

#[derive(Clone, Debug)]
struct Token<'a> {
    /// Blanks before it.
    space: &'a str,
    text: &'a str,
    kind: Kind,
    /// For brackets: the index of the partner.
    partner: usize,
}

/// The tokens up to `end` (or all), and the length read, `end` included. `None` if a text or bracket stays open.
fn lex<'a>(source: &'a str, dialect: Dialect, end: Option<&str>) -> Option<(Vec<Token<'a>>, usize)> {
    let mut tokens: Vec<Token<'a>> = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    loop {
        let rest = &source[at..];
        let space = &rest[..rest.len() - rest.trim_start().len()];
        let rest = rest.trim_start();
        at += space.len();
        if let Some(end) = end.filter(|_| open.is_empty()) {
            let unmarked = rest.strip_prefix(['-', '+']).filter(|rest| rest.starts_with(end));
            if rest.starts_with(end) || unmarked.is_some() {
                let length = at + end.len() + usize::from(!rest.starts_with(end));
                return Some((tokens, length));
            }
        }
        let Some(first) = rest.chars().next() else {
            return (end.is_none() && open.is_empty()).then_some((tokens, source.len()));
        };
        let (kind, length) = token(rest, first, dialect)?;
        match kind {
            Kind::Open if open.len() == MAX_DEPTH => return None,
            Kind::Open => open.push(tokens.len()),
            Kind::Close => tokens[*open.last()?].partner = tokens.len(),
            _ => {}
        }
        let partner = if kind == Kind::Close { open.pop()? } else { 0 };
        tokens.push(Token { space, text: &rest[..length], kind, partner });
        at += length;
    }
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

fn emit(tokens: &[Token], mutable: bool) -> String {
    let mut writer = Writer { tokens, at: 0, out: String::new(), mutable };
    writer.range(tokens.len(), false);
    writer.out
}

/// Writes tokens anew, from left to right.
struct Writer<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    out: String,
    /// Whether literal lists and mappings must be changeable.
    mutable: bool,
}

/// An operand with its attributes, calls, filters and tests.
struct Pipeline {
    /// Whether a filter or test in it takes an undefined input.
    tolerant: bool,
    end: usize,
}

impl Writer<'_, '_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn is_operand(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| match token.kind {
            Kind::Name => !OPERATORS.contains(&token.text),
            Kind::Number | Kind::Text(_) | Kind::Open => true,
            Kind::Symbol | Kind::Close => false,
        })
    }

    /// A `+` before an operand that is not between two.
    fn is_plus_sign(&self) -> bool {
        let before = self.at.checked_sub(1).map(|before| &self.tokens[before]);
        let after_operand = before.is_some_and(|token| {
            token.kind == Kind::Close
                || (token.kind != Kind::Symbol && self.is_operand(self.at - 1) && token.kind != Kind::Open)
        });
        self.text(self.at) == "+" && !after_operand
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

    /// Everything before `end`; with `soft`, operands that stand alone (arguments) are tolerant.
    fn range(&mut self, end: usize, soft: bool) {
        while self.at < end {
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

    fn after_group(&self, at: usize) -> usize {
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
                Kind::Open => self.group(TOLERANT_ARGUMENTS.contains(&name)),
                _ => {
                    name = token.text;
                    self.copy();
                }
            }
        }
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
                if self.mutable && !soft && token.text != "(" {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        expression(text, Dialect::Text)
    }

    #[test]
    fn names_are_soft_only_where_undefined_is_tolerated() {
        assert_eq!(rewritten("a.b + 1"), "a.b + 1");
        assert_eq!(rewritten("a.b['c'] | default(d.e)"), "_soft('a').b['c'] | default(_soft('d').e)");
        assert_eq!(rewritten("a.b is not defined and a.c"), "_soft('a').b is not defined and a.c");
        assert_eq!(rewritten("x | int | d(1) == y"), "_soft('x') | int | d(1) == y");
        assert_eq!(rewritten("(a | first).b | default('')"), "_softly((_soft('a') | first)).b | default('')");
        assert_eq!(rewritten("(a + 1) | default('')"), "_softly((a + 1)) | default('')");
        assert_eq!(rewritten("a | ansible.builtin.default(1)"), "_soft('a') |default(1)");
        assert_eq!(rewritten("f(a) | default(g(b))"), "f(a) | default(g(b))");
    }

    #[test]
    fn texts_are_read_as_the_dialect_says() {
        assert_eq!(rewritten(r"x | regex_replace('^(.*)\.d$', '\1')"), r"x | regex_replace('^(.*)\\.d$', '\\1')");
        assert_eq!(expression(r"'a\n\d' == x", Dialect::Condition), r"'a\n\\d' == x");
        assert_eq!(rewritten(r#"'a' "b" ~ 'c'"#), "'ab' ~ 'c'");
        assert_eq!(rewritten("'%s-%d' % (a, 1) ~ b"), "'%s-%d' | _percent( (a, 1)) ~ b");
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        assert_eq!(rewritten(&"(".repeat(100_000)), "(".repeat(100_000));
        let balanced = format!("{}1{} | default(x)", "(".repeat(90), ")".repeat(90));
        assert!(rewritten(&balanced).ends_with("| default(_soft('x'))"));
    }

    #[test]
    fn blocks() {
        let template = |text| template(text, Dialect::Text, &FileOptions::default());
        assert_eq!(template("a {{- x | d(1) -}} b"), "a {{- _soft('x') | d(1) -}} b");
        assert_eq!(template("{% raw %}{{ 'a\\d' }}{% endraw %}"), "{% raw %}{{ 'a\\d' }}{% endraw %}");
        assert_eq!(template("{# '#}{{ {'a': {}} }}"), "{# '#}{{ {'a': { } } }}");
        assert_eq!(sole_expression("{{ a }}{{ b }}"), None);
        assert_eq!(sole_expression("{{ '}}' }}").as_deref(), Some("'}}'"));
    }
}
