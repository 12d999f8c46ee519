//! Edits of a YAML text that leave every byte alone that is not part of the edited entry: comments, order, quotes,
//! indentation and line ends stay as people wrote them.
//!
//! An edit is made in the text and, beside that, on the value. Only a text that then reads as that value is given
//! back; for a file written in a way that cannot be edited so (aliases, tags), the edit is refused.

use super::layout::{Layout, Shape, layout};
use super::write::{block, inline};
use std::ops::Range;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind, Source};
use words::value::{Map, Value};

/// One edit, at the node under a path of keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// This value shall be there; mappings on the way are made.
    Set(Vec<String>, Value),
    /// This item shall be at the end of the list there, which is made when missing.
    Push(Vec<String>, Value),
    /// The list of names there shall be a mapping with these keys and nothing under them: `[a]` becomes `{a: {}}`.
    Keyed(Vec<String>),
}

/// The text after all `edits`, in order. Refused when the text cannot be edited in place.
pub fn edit(source: &Arc<Source>, edits: &[Edit]) -> Result<String, Diagnostic> {
    let value = |text: &str| -> Result<Value, Diagnostic> {
        let parsed = super::parse_one(&Source::new(source.name.clone(), text))?;
        Ok(parsed.map(|node| node.to_value()).unwrap_or_default())
    };
    let (mut text, mut wanted) = (source.text.clone(), value(&source.text)?);
    for edit in edits {
        let failed = || by_hand(source, edit);
        text = Text::new(&text).edited(edit).ok_or_else(failed)?;
        edit.on(&mut wanted).ok_or_else(failed)?;
        if !value(&text).is_ok_and(|value| value == wanted) {
            return Err(failed());
        }
    }
    Ok(text)
}

fn by_hand(source: &Source, edit: &Edit) -> Diagnostic {
    let (Edit::Set(path, _) | Edit::Push(path, _) | Edit::Keyed(path)) = edit;
    let message = format!("{}: `{}` is written in a way that cannot be edited in place", source.name, path.join("."));
    Diagnostic::new(ErrorKind::Refused, message).hint("edit it by hand; nothing was written")
}

impl Edit {
    /// The same edit on a value.
    fn on(&self, root: &mut Value) -> Option<()> {
        let (Edit::Set(path, _) | Edit::Push(path, _) | Edit::Keyed(path)) = self;
        let mut node = root;
        for key in path {
            if *node == Value::Null || node.as_list().is_some_and(<[_]>::is_empty) {
                *node = Value::Map(Map::new());
            }
            let Value::Map(map) = node else { return None };
            node = map.entry(key.clone()).or_default();
        }
        match self {
            Edit::Set(_, value) => *node = value.clone(),
            Edit::Push(_, item) => match node {
                Value::List(items) => items.push(item.clone()),
                Value::Null => *node = Value::List(vec![item.clone()]),
                _ => return None,
            },
            Edit::Keyed(_) => {
                let names = node.as_list()?.iter().map(|name| Some((name.as_str()?, Value::Map(Map::new()))));
                *node = names.collect::<Option<Vec<_>>>()?.into_iter().collect();
            }
        }
        Some(())
    }
}

/// A text being edited.
struct Text<'a> {
    text: &'a str,
    newline: &'static str,
    /// Blanks that a level is deeper than the one above.
    step: usize,
}

/// What is to be put where: bytes and their replacement.
type Patch = (Range<usize>, String);

impl<'a> Text<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, newline: if text.contains("\r\n") { "\r\n" } else { "\n" }, step: 2 }
    }

    fn edited(mut self, edit: &Edit) -> Option<String> {
        let Some(root) = layout(self.text) else { return self.first(edit) };
        self.step = self.usual_step(&root);
        let mut patches = match edit {
            Edit::Set(path, value) => self.set(&root, path, value)?,
            Edit::Push(path, item) => self.push(&root, path, item)?,
            Edit::Keyed(path) => self.keyed(path.iter().try_fold(&root, |node, key| node.get(key))?)?,
        };
        patches.sort_by_key(|(range, _)| std::cmp::Reverse((range.start, range.end)));
        let mut text = self.text.to_owned();
        patches.into_iter().for_each(|(range, with)| text.replace_range(range, &with));
        Some(text)
    }

    /// An edit of a file that says nothing yet.
    fn first(&self, edit: &Edit) -> Option<String> {
        let (path, value) = match edit {
            Edit::Set(path, value) => (path, value.clone()),
            Edit::Push(path, item) => (path, Value::List(vec![item.clone()])),
            Edit::Keyed(_) => return None,
        };
        let (key, rest) = path.split_first()?;
        let start = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { self.newline };
        let lines = block(key, &nested(rest, value), 0, self.step).join(self.newline);
        Some(format!("{}{start}{lines}{}", self.text, self.newline))
    }

    fn set(&self, root: &Layout, path: &[String], value: &Value) -> Option<Vec<Patch>> {
        let (mut node, mut owner, mut in_flow) = (root, 0, root.is_flow());
        for (depth, key) in path.iter().enumerate() {
            let Some(below) = node.get(key) else {
                let value = nested(&path[depth + 1..], value.clone());
                return if is_nothing(node) {
                    Some(self.fill(node, owner, in_flow && depth > 0, key, &value))
                } else {
                    self.insert(node, depth == 0, key, &value)
                };
            };
            owner = self.column(node.entries().iter().find(|(_, value)| std::ptr::eq(value, below))?.0.range.start);
            in_flow = node.is_flow();
            node = below;
        }
        self.replace(node, value)
    }

    /// A new entry at the end of the mapping `map`.
    fn insert(&self, map: &Layout, is_root: bool, key: &str, value: &Value) -> Option<Vec<Patch>> {
        let ((first, _), (_, last)) = (map.entries().first()?, map.entries().last()?);
        if map.is_flow() {
            let entry = inline(&Value::from_iter([(key, value.clone())]));
            let entry = entry.strip_prefix('{')?.strip_suffix('}')?;
            return Some(vec![(last.range.end..last.range.end, format!(", {entry}"))]);
        }
        let indent = self.column(first.range.start);
        // As the entry before it is written.
        let lines = if last.is_flow() && !last.entries().is_empty() && !is_root {
            vec![format!("{}{}: {}", " ".repeat(indent), inline(&key.into()), inline(value))]
        } else {
            block(key, value, indent, self.step)
        };
        let blank = if is_root && value.as_map().is_some() { self.newline } else { "" };
        Some(vec![self.below(last.range.end, &format!("{blank}{}{}", self.newline, lines.join(self.newline)))])
    }

    /// The first entry of a mapping of which nothing is written but its key, or `{}`.
    fn fill(&self, node: &Layout, owner: usize, in_flow: bool, key: &str, value: &Value) -> Vec<Patch> {
        if in_flow {
            let map = inline(&Value::from_iter([(key, value.clone())]));
            return vec![(node.range.clone(), if node.range.is_empty() { format!(" {map}") } else { map })];
        }
        let lines = block(key, value, owner + self.step, self.step).join(self.newline);
        let before = self.text[..node.range.start].trim_end_matches(' ').len();
        let below = self.below(node.range.end, &format!("{}{lines}", self.newline));
        if node.range.is_empty() { vec![below] } else { vec![(before..node.range.end, String::new()), below] }
    }

    fn replace(&self, node: &Layout, value: &Value) -> Option<Vec<Patch>> {
        let with = match (&node.shape, value) {
            (Shape::List { flow: false, .. }, Value::List(items)) if !items.is_empty() => {
                let between = format!("{}{}", self.newline, " ".repeat(self.column(node.range.start)));
                items.iter().map(|item| format!("- {}", inline(item))).collect::<Vec<_>>().join(&between)
            }
            (Shape::List { flow: false, .. } | Shape::Map { flow: false, .. }, _) => return None,
            _ if node.range.is_empty() => format!(" {}", inline(value)),
            _ => inline(value),
        };
        Some(vec![(node.range.clone(), with)])
    }

    fn push(&self, root: &Layout, path: &[String], item: &Value) -> Option<Vec<Patch>> {
        let new = Value::List(vec![item.clone()]);
        let Some(list) = path.iter().try_fold(root, |node, key| node.get(key)) else {
            return self.set(root, path, &new);
        };
        match &list.shape {
            Shape::List { flow, items } => match items.last() {
                None => self.replace(list, &new),
                Some(last) if *flow => Some(vec![(last.range.end..last.range.end, format!(", {}", inline(item)))]),
                Some(last) => {
                    let blanks = " ".repeat(self.column(list.range.start));
                    Some(vec![self.below(last.range.end, &format!("{}{blanks}- {}", self.newline, inline(item)))])
                }
            },
            _ if is_nothing(list) => self.set(root, path, &new),
            _ => None,
        }
    }

    fn keyed(&self, list: &Layout) -> Option<Vec<Patch>> {
        let Shape::List { flow, items } = &list.shape else { return None };
        let mut patches: Vec<Patch> =
            items.iter().map(|item| (item.range.end..item.range.end, ": {}".to_owned())).collect();
        if *flow {
            let Range { start, end } = list.range;
            patches.extend([(start..start + 1, "{".to_owned()), (end - 1..end, "}".to_owned())]);
            return Some(patches);
        }
        for item in items {
            let dash = self.text[..item.range.start].rfind('-')?;
            patches.push((dash..dash + 1, " ".to_owned()));
        }
        Some(patches)
    }

    /// Puts `text` at the end of the line that has the byte `at`, behind its comment.
    fn below(&self, at: usize, text: &str) -> Patch {
        let rest = &self.text[at..];
        let end = at + rest.find('\n').map_or(rest.len(), |end| rest[..end].trim_end_matches('\r').len());
        (end..end, text.to_owned())
    }

    /// Characters between the start of the line and this byte.
    fn column(&self, at: usize) -> usize {
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        self.text[start..at].chars().count()
    }

    /// How much deeper the first nested mapping is; 2 when there is none.
    fn usual_step(&self, root: &Layout) -> usize {
        let nested = root.entries().iter().filter(|(_, value)| !value.is_flow());
        let mut columns = nested.filter_map(|(_, value)| Some(self.column(value.entries().first()?.0.range.start)));
        columns.next().filter(|_| !root.is_flow()).unwrap_or(2)
    }
}

/// `{a: {b: value}}` for the path `a`, `b`.
fn nested(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |value, key| Value::from_iter([(key.as_str(), value)]))
}

/// Nothing after the key, or `{}`, `[]`, `~`, `null`.
fn is_nothing(node: &Layout) -> bool {
    match &node.shape {
        Shape::Scalar(text) => matches!(text.as_str(), "" | "~" | "null"),
        Shape::List { flow, items } => *flow && items.is_empty(),
        Shape::Map { flow, entries } => *flow && entries.is_empty(),
        Shape::Alias => false,
    }
}
