//! What can go wrong in a template, in the reader's words.

use super::Lookup;
use super::data::Eval;
use minijinja::{Error, ErrorKind};
use std::fmt;
use std::ops::Range;
use words::value::Value;

/// Why a template has no result.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplateError {
    /// A variable, attribute or item that does not exist was used.
    Undefined {
        /// What was asked for, as written: `user.shell`.
        name: String,
        /// A remedy: "did you mean …".
        hint: Option<String>,
        /// The variables whose templates led there, outermost first.
        via: Vec<String>,
        /// The template file, and the line in it.
        file: Option<(String, usize)>,
    },
    /// The result depends on something that a dry run cannot know.
    Unknown {
        /// Why it is not known.
        why: String,
    },
    /// Anything else: bad syntax, a filter's complaint, recursion.
    Failed {
        /// What is wrong.
        message: String,
        /// Line within the template text, from 1.
        line: Option<usize>,
        /// The variables whose templates led there, outermost first.
        via: Vec<String>,
        /// The template file, and the line in it.
        file: Option<(String, usize)>,
    },
}

impl TemplateError {
    /// A failure without a place.
    pub fn failed(message: impl Into<String>) -> TemplateError {
        TemplateError::Failed { message: message.into(), line: None, via: Vec::new(), file: None }
    }

    /// An undefined name.
    pub fn undefined(name: impl Into<String>, hint: Option<String>) -> TemplateError {
        TemplateError::Undefined { name: name.into(), hint, via: Vec::new(), file: None }
    }

    /// Notes that the error arose while the variable `name` was evaluated.
    pub(super) fn through(mut self, name: &str) -> TemplateError {
        match &mut self {
            TemplateError::Undefined { via, .. } | TemplateError::Failed { via, .. } => via.insert(0, name.to_owned()),
            TemplateError::Unknown { .. } => {}
        }
        self
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (via, file) = match self {
            TemplateError::Undefined { name, hint, via, file } => {
                write!(f, "'{name}' is undefined")?;
                if let Some(hint) = hint {
                    write!(f, "; {hint}")?;
                }
                (via, file)
            }
            TemplateError::Unknown { why } => return write!(f, "not known before the real run: {why}"),
            TemplateError::Failed { message, line, via, file } => {
                f.write_str(message)?;
                if let Some(line) = line.filter(|line| *line > 1 && file.is_none()) {
                    write!(f, " (line {line} of the template)")?;
                }
                (via, file)
            }
        };
        if let Some((path, line)) = file {
            write!(f, " (in {path}, line {line})")?;
        }
        match via.as_slice() {
            [] => Ok(()),
            names => write!(f, " (in the value of '{}')", names.join("' → '")),
        }
    }
}

impl std::error::Error for TemplateError {}

/// The error with its place in a template file, unless it has one already.
pub(super) fn in_file(mut error: TemplateError, path: &str, line: usize) -> TemplateError {
    if let TemplateError::Undefined { file, .. } | TemplateError::Failed { file, .. } = &mut error {
        file.get_or_insert_with(|| (path.to_owned(), line));
    }
    error
}

/// Lets minijinja carry our error; [`from_engine`] finds it again.
impl From<TemplateError> for Error {
    fn from(error: TemplateError) -> Error {
        let kind = match error {
            TemplateError::Undefined { .. } => ErrorKind::UndefinedError,
            _ => ErrorKind::InvalidOperation,
        };
        Error::new(kind, error.to_string()).with_source(error)
    }
}

/// Our own error inside of minijinja's, if it carries one.
pub(super) fn carried(error: &Error) -> Option<TemplateError> {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref::<TemplateError>() {
            return Some(ours.clone());
        }
        source = inner.source();
    }
    None
}

/// The engine's error in plain words. Undefined names are the caller's to find, see [`super::engine`].
pub(super) fn from_engine(error: &Error) -> TemplateError {
    if let Some(ours) = carried(error) {
        return ours;
    }
    let detail = error.detail().unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::SyntaxError | ErrorKind::BadEscape => format!("template syntax: {detail}"),
        ErrorKind::UnknownFilter => format!("no filter of that name: {detail}"),
        ErrorKind::UnknownTest => format!("no test of that name: {detail}"),
        ErrorKind::UnknownFunction => format!("no function of that name: {detail}"),
        ErrorKind::UnknownMethod => format!("no such method: {detail}"),
        ErrorKind::TemplateNotFound => format!("there is no such template file: {detail}"),
        ErrorKind::InvalidOperation => detail.to_owned(),
        kind if detail.is_empty() => kind.to_string(),
        kind => format!("{kind}: {detail}"),
    };
    TemplateError::Failed { message, line: error.line(), via: Vec::new(), file: None }
}

/// Finds which name in `source` (at `range`, if the engine knows) is the undefined one.
pub(super) fn name_undefined(source: &str, range: Option<Range<usize>>, eval: &Eval) -> TemplateError {
    let part = range.and_then(|range| source.get(range)).unwrap_or(source);
    let paths = names_in(part);
    for path in &paths {
        let root = &path[0];
        if eval.scope.lookup(root).is_none() && !is_local(source, root) {
            return TemplateError::undefined(root.clone(), did_you_mean(root, eval.scope.names()));
        }
    }
    for path in &paths {
        if let Some(error) = missing_entry(path, eval) {
            return error;
        }
    }
    TemplateError::undefined(as_written(part.trim()), None)
}

/// A comparison as people write it, see [`super::rewrite`].
fn as_written(part: &str) -> String {
    let Some(operands) = part.strip_prefix("_compare(").and_then(|part| part.strip_suffix(')')) else {
        return part.to_owned();
    };
    let signs = ["<", "<=", ">", ">=", "in", "not in"];
    signs.iter().fold(operands.to_owned(), |text, sign| text.replace(&format!(", '{sign}',"), &format!(" {sign}")))
}

/// The dotted names in an expression, without filters, tests, functions, keywords and texts.
fn names_in(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if c == '\'' || c == '"' {
            let end = rest[1..].find(c).map_or(rest.len(), |end| end + 2);
            rest = &rest[end..];
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
            let path: Vec<String> = rest[..end].trim_end_matches('.').split('.').map(str::to_owned).collect();
            rest = &rest[end..];
            let is_filter_or_key = before == '|' || before == '.' || rest.starts_with(['(', '=']);
            if !is_filter_or_key && !KEYWORDS.contains(&path[0].as_str()) {
                paths.push(path);
            }
        } else {
            rest = &rest[c.len_utf8()..];
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    paths
}

const KEYWORDS: [&str; 22] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "set",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "defined",
    "undefined",
    "omit",
    "endif",
    "endfor",
    "loop",
];

/// Whether the template itself gives the name a value (`for x in`, `set x`).
fn is_local(source: &str, name: &str) -> bool {
    let sets = |keyword: &str| {
        let mut parts = source.split(keyword).skip(1);
        parts.any(|part| {
            part.split(['=', '%']).next().is_some_and(|names| names.split([' ', ',', '(']).any(|n| n == name))
        })
    };
    sets("for ") || sets("set ") || sets("macro ") || sets("import ")
}

/// The first part of `a.b.c` that its mapping does not have.
fn missing_entry(path: &[String], eval: &Eval) -> Option<TemplateError> {
    let mut value = match eval.scope.lookup(&path[0])? {
        Lookup::Trusted(value) => eval.render(&value).ok()??,
        Lookup::Data(value) => (*value).clone(),
        Lookup::Scope(_) => return None,
    };
    for (depth, key) in path.iter().enumerate().skip(1) {
        let Value::Map(map) = &value else {
            let hint =
                format!("'{}' is of type {}, which has no such entry", path[..depth].join("."), value.type_name());
            return Some(TemplateError::undefined(path[..=depth].join("."), Some(hint)));
        };
        match map.get(key) {
            Some(entry) => value = entry.clone(),
            None => {
                let hint = did_you_mean(key, map.keys().cloned().collect());
                return Some(TemplateError::undefined(path[..=depth].join("."), hint));
            }
        }
    }
    None
}

/// "did you mean …", if a name is near enough.
pub(super) fn did_you_mean(name: &str, candidates: Vec<String>) -> Option<String> {
    let near = candidates.into_iter().map(|candidate| (distance(name, &candidate), candidate)).min()?;
    (near.0 <= name.chars().count() / 3 + 1 && near.0 < name.chars().count())
        .then(|| format!("did you mean '{}'?", near.1))
}

/// Edits between two words, swapped neighbours counted as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
