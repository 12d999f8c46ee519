//! Turns the parser's errors into [`Diagnostic`]s that say what to do, for the mistakes that people really make.

use granit_parser::{ErrorKind, Marker, ScanError};
use std::sync::Arc;
use words::diag::{Diagnostic, Place, Source};

const INDENT: &str = "check the indentation: entries of one mapping or list start in the same column";
const TABS: &str = "YAML indents with blanks only: replace the tab with blanks";

/// The parser counts lines from 1 and columns, in characters, from 0.
pub(super) fn place(source: &Arc<Source>, mark: &Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX - 1);
    Place::new(source, number(mark.line()).max(1), number(mark.col()) + 1)
}

/// A flow mapping as a key: nearly always an unquoted `{{ template }}`.
pub(super) fn flow_key(at: &Place) -> Diagnostic {
    match template_hint(line(&at.source, at.line)) {
        Some(hint) => {
            // `{{ x }}` is a mapping in a mapping; the value starts at the outer brace.
            let outer = Place::new(&at.source, at.line, at.column.saturating_sub(1).max(1));
            Diagnostic::input(&outer, "a value that starts with `{` is read as a mapping").hint(hint)
        }
        None => Diagnostic::input(at, "a mapping cannot be the key of a mapping"),
    }
}

/// The diagnostic for a text that is no YAML.
pub(super) fn scan_error(error: &ScanError, source: &Arc<Source>) -> Diagnostic {
    let at = place(source, error.marker());
    let text = line(source, at.line);
    let (at, message) = message(error, at);
    let diagnostic = Diagnostic::input(&at, message);
    match hint(error.kind(), text, &at) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

fn message(error: &ScanError, at: Place) -> (Place, String) {
    let text = match error.kind() {
        kind if is_tab(kind) => return (indenting_tab(at), "a tab is used for indentation".into()),
        ErrorKind::UnclosedQuotedScalar => "the quote that opens here is never closed".into(),
        ErrorKind::UnclosedFlowCollection { open } => format!("the `{open}` that opens here is never closed"),
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "there is more text after the closing quote".into()
        }
        ErrorKind::UnexpectedCharacter { character } => format!("a value cannot start with {character:?}"),
        ErrorKind::UnknownAnchor => "this alias names no anchor that is defined before it".into(),
        ErrorKind::RecursionLimitExceeded => "nested too deeply".into(),
        ErrorKind::BlockSequenceEntryNotAllowed => "a list cannot start on the line of its key".into(),
        ErrorKind::MappingValueNotAllowed => "mapping values are not allowed here".into(),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedDocumentStart => {
            "this line does not fit the mapping or list above it".into()
        }
        ErrorKind::ExpectedBlockSequenceEntry => "a list item that starts with `-` was expected".into(),
        _ => format!("not valid YAML: {}", error.info()),
    };
    (at, text)
}

fn hint(kind: &ErrorKind, text: &str, at: &Place) -> Option<String> {
    if let Some(hint) = template_hint(text) {
        return Some(hint);
    }
    Some(match kind {
        kind if is_tab(kind) => TABS.into(),
        ErrorKind::MappingValueNotAllowed => return Some(colon_hint(text, at)),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::InvalidIndentation => INDENT.into(),
        ErrorKind::UnclosedQuotedScalar => "add the closing quote, or quote the whole text with the other kind".into(),
        ErrorKind::InvalidTrailingSingleQuotedScalar => {
            "quote the whole value; inside single quotes, write a quote twice: 'it''s'".into()
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "quote the whole value; a value that starts with a quote must end with it".into()
        }
        ErrorKind::UnexpectedCharacter { character } if !character.is_control() => "put the value in quotes".into(),
        ErrorKind::UnknownAnchor => "a text that starts with `*` needs quotes".into(),
        ErrorKind::UnknownQuotedScalarEscape => {
            r"in double quotes a backslash starts an escape: use single quotes, or write `\\`".into()
        }
        ErrorKind::BlockSequenceEntryNotAllowed => "put the first `-` on a line of its own, below the key".into(),
        ErrorKind::InvalidColonPlacement
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd => {
            "check that every `[` and `{` is closed; a text that holds them needs quotes".into()
        }
        _ => return None,
    })
}

fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
    )
}

/// The tab that the parser means; it may only know where the text before it started, or ended.
fn indenting_tab(start: Place) -> Place {
    let lines = start.source.text.lines().enumerate().skip(start.line as usize - 1);
    let found = lines.map(|(i, text)| (i, indent(text).chars().position(|c| c == '\t')));
    match found.into_iter().find_map(|(i, at)| Some((i, at?))) {
        Some((i, column)) => Place::new(&start.source, i as u32 + 1, column as u32 + 1),
        None => start,
    }
}

/// `key: value: more`, `key:value` before a mapping, or wrong indentation.
fn colon_hint(text: &str, at: &Place) -> String {
    let written: String = text.chars().take(at.column as usize - 1).collect();
    let above = line(&at.source, at.line.saturating_sub(1));
    if let Some((key, _)) = written.split_once(": ") {
        let value = text.split_once(": ").map_or("", |(_, value)| value);
        return format!("a value that holds `: ` needs quotes: `{}: {}`", item_text(key), quoted(value));
    }
    match above.trim().split_once(':') {
        Some((key, value)) if !value.is_empty() && !value.starts_with(' ') => {
            format!("a blank is missing after the colon in the line above: `{}: {value}`", item_text(key))
        }
        _ => INDENT.into(),
    }
}

/// For a line with a value that starts with `{{` or `{%` and is not quoted: how to write it.
fn template_hint(text: &str) -> Option<String> {
    let at = [": {{", ": {%", "- {{", "- {%"].iter().filter_map(|mark| text.find(mark)).min()?;
    let (before, value) = text.split_at(at + 2);
    Some(format!("a value that starts with a template needs quotes: `{}{}`", item_text(before), quoted(value)))
}

/// Without indentation and the `- ` of a list item before a key.
fn item_text(text: &str) -> &str {
    let trimmed = text.trim_start();
    match trimmed.strip_prefix("- ") {
        Some(rest) if !rest.is_empty() => rest.trim_start(),
        _ => trimmed,
    }
}

/// The value as YAML text in quotes.
fn quoted(value: &str) -> String {
    let value = value.trim_end();
    if value.contains(['"', '\\']) { format!("'{}'", value.replace('\'', "''")) } else { format!("\"{value}\"") }
}

fn indent(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches([' ', '\t']).len()]
}

fn line(source: &Source, number: u32) -> &str {
    number.checked_sub(1).and_then(|n| source.text.lines().nth(n as usize)).unwrap_or("")
}
