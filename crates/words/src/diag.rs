//! What went wrong, where, why, and what to do next: [`Diagnostic`] and the places it points at.

use crate::text::secrets::{self, conceal};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A named text that diagnostics quote from: a playbook, an inventory, a roster.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it (shown in messages).
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Wraps a text under the name that messages will show.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// The directory of the file that the name is the path of; `.` for a bare name.
    pub fn directory(&self) -> PathBuf {
        match Path::new(&self.name).parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }
}

/// One position in a [`Source`]; line and column count from 1, columns in characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The text pointed into.
    pub source: Arc<Source>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// A position in `source`.
    pub fn new(source: &Arc<Source>, line: u32, column: u32) -> Self {
        Self { source: source.clone(), line, column }
    }

    /// What is written from here to the end of the line.
    pub fn rest_of_line(&self) -> Option<&str> {
        let line = self.source.text.lines().nth(self.line.checked_sub(1)? as usize)?;
        let (at, _) = line.char_indices().nth(self.column.checked_sub(1)? as usize)?;
        Some(&line[at..])
    }

    /// Line `number` of the source as it may be shown, without its newline.
    fn line_text(&self, number: u32) -> Option<Cow<'_, str>> {
        let line = self.source.text.lines().nth(number.checked_sub(1)? as usize)?;
        if secrets::is_within_key(&self.source.text, number) {
            return Some(secrets::NOT_SHOWN.into());
        }
        Some(secrets::conceal(line))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `file:line:column`, clickable in most terminals.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

/// Whose fault it is; commands map it to their exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line cannot be meant.
    Usage,
    /// A file that the user wrote (playbook, inventory, roster, config) is wrong.
    Input,
    /// A host or service did not do what was asked.
    Host,
    /// enlist itself declines: a guard, a stale plan, a conflict.
    Refused,
    /// A bug in enlist.
    Internal,
}

impl ErrorKind {
    /// What it is called in JSON.
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::Usage => "usage",
            ErrorKind::Input => "input",
            ErrorKind::Host => "host",
            ErrorKind::Refused => "refused",
            ErrorKind::Internal => "internal",
        }
    }
}

/// An error made for people: what, where, why, what to do.
///
/// The message is one sentence without a full stop; notes say why, hints say what to do next. It never shows a
/// secret: private keys and hashes are concealed in everything that it quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whose fault.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
    /// Where in the user's files.
    pub place: Option<Place>,
    /// Why: facts that led to it.
    pub notes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, notes: Vec::new(), hints: Vec::new() }
    }

    /// An error in one of the user's files.
    pub fn input(place: &Place, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message).at(place)
    }

    /// Points at a place; an earlier (closer) place wins.
    pub fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// Adds a fact that led to the error.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds "did you mean …?" when one of `known` is close to `given`.
    pub fn suggest<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(given, known) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// The same for programs: kind, message, place, notes and hints; what there is none of is left out.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({ "kind": self.kind.word(), "message": conceal(&self.message) });
        if let Some(Place { source, line, column }) = &self.place {
            json["place"] = serde_json::json!({ "file": source.name, "line": line, "column": column });
        }
        for (key, texts) in [("notes", &self.notes), ("hints", &self.hints)] {
            if !texts.is_empty() {
                json[key] = texts.iter().map(|text| conceal(text).into_owned()).collect();
            }
        }
        json
    }

    fn fmt_snippet(&self, f: &mut fmt::Formatter<'_>, place: &Place) -> fmt::Result {
        let width = place.line.to_string().len();
        write!(f, "\n{:width$}--> {place}", "")?;
        let Some(text) = place.line_text(place.line) else { return Ok(()) };
        write!(f, "\n{:width$} |", "")?;
        if let Some(before) = place.line_text(place.line - 1).filter(|l| !l.trim().is_empty()) {
            write!(f, "\n{:>width$} | {before}", place.line - 1)?;
        }
        let prefix: String = text.chars().take(place.column as usize - 1).collect();
        let pad = crate::text::width::width(&prefix);
        write!(f, "\n{} | {text}\n{:width$} | {:pad$}^", place.line, "", "")
    }
}

/// The whole message as shown to people, several lines, no trailing newline, no colour.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&conceal(&self.message))?;
        if let Some(place) = &self.place {
            self.fmt_snippet(f, place)?;
        }
        for note in &self.notes {
            write!(f, "\n  = note: {}", conceal(note).replace('\n', "\n          "))?;
        }
        for hint in &self.hints {
            write!(f, "\n  = help: {}", conceal(hint).replace('\n', "\n          "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// The entry of `known` that `given` was probably meant to be: at most a third of its letters differ.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = given.chars().count().div_ceil(3);
    known
        .into_iter()
        .map(|name| (edit_distance(given, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippet_points_under_double_width_text() {
        let source = Source::new("a.yml", "- name: 그룹\n  이름: x\n");
        let shown = Diagnostic::input(&Place::new(&source, 2, 7), "bad").hint("fix it").to_string();
        assert_eq!(shown, "bad\n --> a.yml:2:7\n  |\n1 | - name: 그룹\n2 |   이름: x\n  |         ^\n  = help: fix it");
    }

    #[test]
    fn programs_get_the_same_without_what_there_is_none_of() {
        let source = Source::new("a.yml", "- name: x\n");
        let key = "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEAAAA";
        let json = Diagnostic::input(&Place::new(&source, 1, 3), key).hint("fix it").to_json();
        assert_eq!(json["place"], serde_json::json!({ "file": "a.yml", "line": 1, "column": 3 }));
        assert_eq!((json["kind"].as_str(), json["hints"][0].as_str()), (Some("input"), Some("fix it")));
        assert!(json.get("notes").is_none() && !json.to_string().contains("b3Blbn"), "{json}");
    }

    #[test]
    fn closest_name() {
        assert_eq!(closest("shel", ["name", "shell", "uid"]), Some("shell"));
        assert_eq!(closest("zzz", ["name", "shell"]), None);
    }
}
