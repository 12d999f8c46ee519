//! Host patterns: `hosts:` of plays and `--limit`.

use super::files::{Files, text};
use super::hostname;
use super::model::Inventory;
use fancy_regex::Regex;
use indexmap::IndexSet;
use std::path::Path;
use words::diag::{Diagnostic, ErrorKind};

/// The hosts that patterns select.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Host names in order of first mention, each once.
    pub hosts: Vec<String>,
    /// Patterns that no host or group matches, to warn: "Could not match supplied host pattern, ignoring: x".
    pub unmatched: Vec<String>,
}

/// `name[1]`, `name[-1]`, `name[0:2]`: which of the matched hosts.
#[derive(Debug, PartialEq)]
enum Subscript {
    At(i64),
    /// Both ends inclusive; without an end, to the last.
    Range(usize, Option<usize>),
}

impl Inventory {
    /// The hosts of a play: `patterns` as written under `hosts:`, cut down to those that `limit` also selects (an
    /// empty limit selects all). Refuses a pattern that cannot be read and a subscript beyond the matched hosts.
    pub fn hosts_matching(&self, patterns: &[String], limit: &[String]) -> Result<Selection, Diagnostic> {
        let mut selection = self.select(patterns)?;
        if !limit.is_empty() {
            let limited = self.select(limit)?;
            selection.hosts.retain(|host| limited.hosts.contains(host));
            selection.unmatched.extend(limited.unmatched);
        }
        Ok(selection)
    }

    fn select(&self, patterns: &[String]) -> Result<Selection, Diagnostic> {
        let pieces: Vec<String> = patterns.iter().flat_map(|pattern| split(pattern)).collect();
        let of = |mark: Option<char>| {
            pieces.iter().filter(move |piece| piece.chars().next().filter(|c| "&!".contains(*c)) == mark)
        };
        let mut unmatched = Vec::new();
        let mut hosts: IndexSet<String> = IndexSet::new();
        if of(None).next().is_none() {
            hosts.extend(self.matches("all", &mut unmatched)?);
        }
        for piece in of(None) {
            hosts.extend(self.matches(piece, &mut unmatched)?);
        }
        for piece in of(Some('&')) {
            let kept = self.matches(&piece[1..], &mut unmatched)?;
            hosts.retain(|host| kept.contains(host));
        }
        for piece in of(Some('!')) {
            let dropped = self.matches(&piece[1..], &mut unmatched)?;
            hosts.retain(|host| !dropped.contains(host));
        }
        Ok(Selection { hosts: hosts.into_iter().collect(), unmatched })
    }

    /// The hosts that one piece without its mark selects.
    fn matches(&self, piece: &str, unmatched: &mut Vec<String>) -> Result<Vec<String>, Diagnostic> {
        if self.host(piece).is_some() {
            return Ok(vec![piece.to_owned()]);
        }
        let (name, subscript) = split_subscript(piece);
        let hosts = self.named(name, unmatched)?;
        match subscript {
            None => Ok(hosts),
            Some(_) if hosts.is_empty() => Ok(hosts),
            Some(subscript) => subscript.apply(&hosts).ok_or_else(|| {
                Diagnostic::new(ErrorKind::Input, format!("No hosts matched the subscripted pattern '{piece}'"))
                    .note(format!("`{name}` matches {} hosts, counted from 0", hosts.len()))
            }),
        }
    }

    /// Hosts of all groups that match, and for patterns (or if no group matches) hosts that match themselves.
    fn named(&self, name: &str, unmatched: &mut Vec<String>) -> Result<Vec<String>, Diagnostic> {
        let matcher = Matcher::new(name)?;
        let mut hosts: IndexSet<String> = IndexSet::new();
        let mut any_group = false;
        for group in self.groups().keys() {
            if matcher.matches(group)? {
                any_group = true;
                hosts.extend(self.group_hosts(group).into_iter().map(str::to_owned));
            }
        }
        if !any_group || name.starts_with('~') || name.contains(['.', '?', '*', '[']) {
            for host in self.hosts().keys() {
                if matcher.matches(host)? {
                    hosts.insert(host.clone());
                }
            }
        }
        if hosts.is_empty() {
            hosts.extend(self.host_named(name).map(str::to_owned));
        }
        if hosts.is_empty() && !any_group && name != "all" {
            unmatched.push(name.to_owned());
        }
        Ok(hosts.into_iter().collect())
    }
}

/// A name, a shell glob or (after `~`) a regular expression that must match from the start.
struct Matcher<'a> {
    pattern: &'a str,
    regex: Option<Regex>,
}

impl<'a> Matcher<'a> {
    fn new(pattern: &'a str) -> Result<Self, Diagnostic> {
        let expression = match pattern.strip_prefix('~') {
            Some(expression) => Some(format!("^(?:{expression})")),
            None if pattern.contains(['*', '?', '[']) => Some(glob(pattern)),
            None => None,
        };
        let regex = expression.map(|text| Regex::new(&text)).transpose().map_err(|error| invalid(pattern, &error))?;
        Ok(Self { pattern, regex })
    }

    fn matches(&self, name: &str) -> Result<bool, Diagnostic> {
        match &self.regex {
            Some(regex) => regex.is_match(name).map_err(|error| invalid(self.pattern, &error)),
            None => Ok(name == self.pattern),
        }
    }
}

fn invalid(pattern: &str, error: &fancy_regex::Error) -> Diagnostic {
    Diagnostic::new(ErrorKind::Input, format!("Invalid host list pattern: {pattern}")).note(error.to_string())
}

/// Whether a shell glob means the whole text.
pub fn matches_glob(pattern: &str, text: &str) -> bool {
    Regex::new(&glob(pattern)).is_ok_and(|regex| regex.is_match(text).unwrap_or(false))
}

/// A shell glob (`*`, `?`, `[a-c]`, `[!x]`) as a regular expression for the whole name.
fn glob(pattern: &str) -> String {
    let mut expression = String::from(r"(?s)\A");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => expression += ".*",
            '?' => expression.push('.'),
            '[' => match class(rest) {
                Some((class, after)) => {
                    expression += &class;
                    rest = after;
                }
                None => expression += r"\[",
            },
            c => expression += &fancy_regex::escape(c.encode_utf8(&mut [0; 4])),
        }
    }
    expression + r"\z"
}

/// What follows `[`, up to its `]`; `None` if there is none, and the bracket means itself.
fn class(rest: &str) -> Option<(String, &str)> {
    let negated = rest.starts_with('!');
    let body = &rest[usize::from(negated)..];
    // A `]` that comes first belongs to the class.
    let skip = usize::from(body.starts_with(']'));
    let end = skip + body[skip..].find(']')?;
    let inside = body[..end].replace('\\', r"\\").replace('[', r"\[").replace(']', r"\]").replace('^', r"\^");
    let inside = inside.replace('&', r"\&").replace('~', r"\~");
    Some((format!("[{}{inside}]", if negated { "^" } else { "" }), &body[end + 1..]))
}

/// Single patterns: split at commas, or at colons if there is no comma and it is no single address or range.
fn split(pattern: &str) -> Vec<String> {
    let pieces: Vec<&str> = if pattern.contains(',') {
        pattern.split(',').collect()
    } else if hostname::address(pattern).is_some() {
        vec![pattern]
    } else {
        split_at_colons(pattern)
    };
    pieces.into_iter().map(|piece| piece.trim().to_owned()).filter(|piece| !piece.is_empty()).collect()
}

/// Splits at colons and blanks that are not in brackets.
fn split_at_colons(pattern: &str) -> Vec<&str> {
    let mut inside = false;
    pattern
        .split(|c: char| {
            inside = c == '[' || inside && c != ']';
            !inside && (c == ':' || c.is_whitespace())
        })
        .collect()
}

/// The name and its subscript; a regular expression has none.
fn split_subscript(piece: &str) -> (&str, Option<Subscript>) {
    let parsed = || {
        let (name, inside) = piece.strip_suffix(']')?.rsplit_once('[')?;
        if name.is_empty() || piece.starts_with('~') {
            return None;
        }
        Some((name, Subscript::parse(inside)?))
    };
    parsed().map_or((piece, None), |(name, subscript)| (name, Some(subscript)))
}

impl Subscript {
    fn parse(text: &str) -> Option<Self> {
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        match text.split_once([':', '-']) {
            Some((start, "")) if is_number(start) => Some(Subscript::Range(start.parse().ok()?, None)),
            Some((start, end)) if is_number(start) && is_number(end) => {
                Some(Subscript::Range(start.parse().ok()?, Some(end.parse().ok()?)))
            }
            _ if is_number(text.strip_prefix('-').unwrap_or(text)) => text.parse().ok().map(Subscript::At),
            _ => None,
        }
    }

    /// `None` if a single index is beyond the hosts.
    fn apply(&self, hosts: &[String]) -> Option<Vec<String>> {
        match *self {
            Subscript::At(index) => {
                let index = if index < 0 { index.checked_add_unsigned(hosts.len() as u64)? } else { index };
                hosts.get(usize::try_from(index).ok()?).map(|host| vec![host.clone()])
            }
            Subscript::Range(start, end) => {
                let end = end.map_or(hosts.len(), |end| end.saturating_add(1).min(hosts.len()));
                Some(hosts.get(start..end).unwrap_or_default().to_vec())
            }
        }
    }
}

/// Single patterns of `--limit`; `@FILE` stands for the lines of a file.
pub(super) fn limit(limits: &[String], files: &dyn Files) -> Result<Vec<String>, Diagnostic> {
    let mut patterns = Vec::new();
    for piece in limits.iter().flat_map(|limit| split(limit)) {
        match piece.strip_prefix('@') {
            Some(path) => {
                let source = text(Path::new(path), files)?;
                patterns.extend(source.text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
            }
            None => patterns.push(piece),
        }
    }
    if patterns.is_empty() && !limits.is_empty() {
        return Err(
            Diagnostic::new(ErrorKind::Usage, "--limit names no host").note("an empty limit would select all hosts")
        );
    }
    Ok(patterns)
}
