//! From Ansible's Jinja to the engine's: what minijinja reads differently is written anew before it is compiled.
//!
//! - Texts: escapes are Python's, or none at all (see [`Dialect`]); `'a' 'b'` is one text.
//! - `a.b.c | default(x)` and `a.b is defined` tolerate a missing `a` or `a.b`, and an unknown one: their names become
//!   `_soft('a')`, see [`super::soft`]. Everywhere else an undefined name stays an error.
//! - `'%s' % x` becomes a filter; `+x` is `x`; `a < b` and `a in b` become calls that know Python's types.
//! - In a condition, `{{ expression }}` is the expression, and within quotes its value as text.
//! - Literal lists and mappings of a template that calls `append`, `update` … become `_mutable(…)`, see
//!   [`super::methods`].

mod compare;
mod emit;
mod lex;

use super::engine::Dialect;
use super::methods::CHANGING;
use super::{FileOptions, TemplateError};
use emit::{Manner, emit, emit_block};
use lex::{Kind, Token, lex};

/// A whole expression.
pub(super) fn expression(text: &str, dialect: Dialect) -> String {
    match lex(text, dialect, None) {
        Some((tokens, _)) => emit(&tokens, manner(text)),
        None => text.to_owned(),
    }
}

/// A condition with `{{ expression }}` in it. What cannot be read is an error, never rendered and read again.
pub(super) fn condition(text: &str) -> Result<String, TemplateError> {
    match lex::condition(text) {
        Some(tokens) => Ok(emit(&tokens, manner(text)).trim().to_owned()),
        None => Err(TemplateError::failed(format!(
            "the condition `{text}` cannot be read: a quote, a bracket or a `{{{{` in it stays open or stands alone"
        ))),
    }
}

/// The names of a condition that is one `{{ name.entry }}` and nothing else: `name`, `entry`.
pub(super) fn sole_path(text: &str) -> Option<Vec<String>> {
    let (tokens, length) = lex(text.strip_prefix("{{")?, Dialect::Text, Some("}}"))?;
    if length + 2 != text.len() || tokens.len() % 2 == 0 {
        return None;
    }
    let name = |(index, token): (usize, &Token)| match (index % 2, &token.kind) {
        (0, Kind::Name) => Some(Some(token.text.to_owned())),
        (1, Kind::Symbol) if token.text == "." => Some(None),
        _ => None,
    };
    let names: Option<Vec<Option<String>>> = tokens.iter().enumerate().map(name).collect();
    Some(names?.into_iter().flatten().collect())
}

/// A text with `{{ }}`, `{% %}` and `{# #}` in it. What cannot be read is left to the engine, which says why.
pub(super) fn template(text: &str, dialect: Dialect, options: &FileOptions) -> String {
    let mut out = String::with_capacity(text.len());
    let manner = manner(text);
    let mut rest = text;
    while let Some((at, opening)) = next_opening(rest, options) {
        out.push_str(&rest[..at]);
        let (start, end) = opening.delimiters(options);
        let inner = &rest[at + start.len()..];
        let (rewritten, length) = match opening {
            Opening::Comment => (None, inner.find(end).map_or(inner.len(), |at| at + end.len())),
            Opening::Block if is_raw(inner, end) => (None, raw_length(inner, start)),
            Opening::Block => block(inner, end, Dialect::Condition, emit_block, manner),
            Opening::Variable => block(inner, end, dialect, emit, manner),
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
    (length == inner.len() && !tokens.is_empty()).then(|| emit(&tokens, manner(text)).trim().to_owned())
}

/// What the expressions of a text need: changeable literals if it calls a method that changes them, sums of dates.
fn manner(text: &str) -> Manner {
    let calls = |name: &str| text.split(name).skip(1).any(|rest| rest.trim_start().starts_with('('));
    Manner { mutable: CHANGING.iter().any(|method| calls(method)), dates: text.contains("to_datetime") || calls("now") }
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

/// How the tokens of a block or an expression are written.
type Emit = fn(&[Token], Manner) -> String;

fn block(inner: &str, end: &str, dialect: Dialect, emit: Emit, manner: Manner) -> (Option<String>, usize) {
    match lex(inner, dialect, Some(end)) {
        Some((tokens, length)) => {
            let written = emit(&tokens, manner);
            let closing = &inner[..length];
            let mark = closing.strip_suffix(end).unwrap_or(closing).chars().next_back();
            let mark = mark.filter(|mark| matches!(mark, '-' | '+')).map(String::from).unwrap_or_default();
            (Some(format!("{written} {mark}{end}")), length)
        }
        None => (None, inner.len()),
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
    fn comparisons_are_calls() {
        assert_eq!(rewritten("a < b and not c"), "_compare(a, '<', b) and not c");
        assert_eq!(rewritten("a.b | int >= f(1 < 2)"), "_compare(a.b | int, '>=', f(_compare(1, '<', 2)))");
        assert_eq!(rewritten("not x not in y or x is not in y"), "not _compare( x, 'not in', y) or x is not in y");
        assert_eq!(rewritten("1 < 2 <= c"), "_compare(1, '<', 2, '<=', c)");
        assert_eq!(rewritten("a in b == c"), "a in b == c");
        assert_eq!(rewritten("a[1:n:-1] + b[::] + c[0]"), "a[1:n:_step(-1)] + b[::] + c[0]");
        assert_eq!(rewritten("now() - a"), "_sum(now(), '-', a)");
        assert_eq!(rewritten("b - a"), "b - a");
        let block = |text| template(text, Dialect::Text, &FileOptions::default());
        assert_eq!(block("{% for a, b in c if a in b %}"), "{% for a, b in c if _compare( a, 'in', b) %}");
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
