//! The files of a roster: one, or a folder of them; and what lies beside them, members as CSV and the ledger of numbers.

use super::model::Written;
use crate::yaml;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use words::diag::{Diagnostic, ErrorKind, Place, Source};
use words::value::Value;
use words::value::node::{Kind, Node};

/// The name of the ledger where `ids: {ledger: …}` names no other.
pub const LEDGER: &str = "ids.ledger";

/// Everything that a roster is read from.
#[derive(Debug)]
pub struct RosterFiles {
    /// The one file; of a folder, its name with the texts of all one after the other.
    pub whole: Arc<Source>,
    /// Each file.
    pub sources: Vec<Arc<Source>>,
    /// What all of them say together.
    pub tree: Node,
    /// What is wrong with single files, or written in two of them.
    pub problems: Vec<Diagnostic>,
    /// RosterFiles beside them that were read, by path.
    beside: Mutex<HashMap<PathBuf, Arc<Source>>>,
    directory: PathBuf,
    /// A ledger that is to be read in place of the one on disk.
    ledger: Option<String>,
}

/// Sections of names, of which each file may have some.
const SECTIONS: &[&str] = &["directories", "nis", "groups", "users", "projects", "courses", "qos", "accounts"];

impl RosterFiles {
    /// A roster of one file.
    pub fn of(source: &Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let tree = tree(source, &mut problems).map_err(|problem| vec![problem])?;
        Ok(Self::new(source.clone(), vec![source.clone()], tree, problems, source.directory()))
    }

    /// Reads a roster: a file, or a folder, of which every `*.yml` and `*.yaml` counts, in the order of their names.
    pub fn read_from(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        if !path.is_dir() {
            return Self::of(&read_file(path).map_err(|problem| vec![problem])?);
        }
        let paths = listed(path).map_err(|problem| vec![problem])?;
        let sources: Result<Vec<_>, _> = paths.iter().map(|path| read_file(path)).collect();
        let sources = sources.map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let trees: Result<Vec<_>, _> = sources.iter().map(|source| tree(source, &mut problems)).collect();
        let trees = trees.map_err(|problem| vec![problem])?;
        let text = sources.iter().map(|source| source.text.as_str()).collect::<Vec<_>>().join("\n");
        let whole = Source::new(path.display().to_string(), text);
        let tree = merged(&whole, trees, &mut problems);
        Ok(Self::new(whole, sources, tree, problems, path.to_owned()))
    }

    fn new(
        whole: Arc<Source>,
        sources: Vec<Arc<Source>>,
        tree: Node,
        problems: Vec<Diagnostic>,
        directory: PathBuf,
    ) -> Self {
        Self { whole, sources, tree, problems, beside: Mutex::default(), directory, ledger: None }
    }

    /// The same with another ledger than the one on disk: what would be if it were written.
    pub fn with_ledger(self, text: String) -> Self {
        Self { ledger: Some(text), beside: Mutex::default(), ..self }
    }

    /// Reads a file beside the roster. A path above it is refused: a roster is read on its own.
    pub fn beside(&self, name: &Written<String>) -> Result<Arc<Source>, Diagnostic> {
        let path = self.path_beside(name)?;
        let source = read_file(&path).map_err(|problem| problem.at(&name.place))?;
        self.remember(path, &source);
        Ok(source)
    }

    /// The ledger of numbers; `None` when there is none yet.
    pub fn ledger(&self, name: Option<&Written<String>>, node: &Node) -> Result<Option<Arc<Source>>, Diagnostic> {
        let path = self.ledger_path(name)?;
        if let Some(text) = &self.ledger {
            return Ok(Some(Source::new(path.display().to_string(), text.clone())));
        }
        if !path.try_exists().map_err(|error| unreadable(&path, &error))? {
            return Ok(None);
        }
        let source = read_file(&path).map_err(|problem| problem.at(&node.place))?;
        self.remember(path, &source);
        Ok(Some(source))
    }

    /// Where the ledger is.
    pub fn ledger_path(&self, name: Option<&Written<String>>) -> Result<PathBuf, Diagnostic> {
        name.map_or_else(|| Ok(self.directory.join(LEDGER)), |name| self.path_beside(name))
    }

    fn path_beside(&self, name: &Written<String>) -> Result<PathBuf, Diagnostic> {
        let is_beside = Path::new(&name.value).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if is_beside && !name.value.is_empty() {
            return Ok(self.directory.join(&name.value));
        }
        let problem = Diagnostic::input(&name.place, format!("`{}` is no file beside the roster", name.value));
        Err(problem.hint("what a roster is made of lies beside it, or in a folder there"))
    }

    fn remember(&self, path: PathBuf, source: &Arc<Source>) {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        beside.insert(path, source.clone());
    }

    /// Every file that was read so far.
    pub fn read(&self) -> Vec<Arc<Source>> {
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others: Vec<_> = beside.values().cloned().collect();
        others.sort_by(|a, b| a.name.cmp(&b.name));
        self.sources.iter().cloned().chain(others).collect()
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(ErrorKind::Input, format!("cannot read {}: {error}", path.display()))
}

fn read_file(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(Source::new(path.display().to_string(), text))
}

/// The files of a folder. A hidden one, as editors leave it, is none; a folder without any is no roster.
fn listed(path: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let entry = entry.map_err(|error| unreadable(path, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && [".yml", ".yaml"].iter().any(|end| name.ends_with(end)) {
            found.push(entry.path());
        }
    }
    found.sort();
    if found.is_empty() {
        let message = format!("the folder {} has no *.yml", path.display());
        return Err(Diagnostic::new(ErrorKind::Input, message).hint("a roster is a file, or a folder of *.yml"));
    }
    Ok(found)
}

fn tree(source: &Arc<Source>, problems: &mut Vec<Diagnostic>) -> Result<Node, Diagnostic> {
    let parsed = yaml::read(source)?;
    problems.extend(parsed.warnings.iter().cloned());
    let nothing = || Node { kind: Kind::Scalar(Value::Null), place: Place::new(source, 1, 1), tag: None };
    Ok(parsed.single()?.unwrap_or_else(nothing))
}

/// The fields of all files. Sections are put together; what is written in two files is named with both places.
fn merged(whole: &Arc<Source>, trees: Vec<Node>, problems: &mut Vec<Diagnostic>) -> Node {
    let mut fields: Vec<(Node, Node)> = Vec::new();
    for tree in trees {
        match tree.kind {
            Kind::Map(entries) => entries.into_iter().for_each(|entry| add(&mut fields, entry, problems)),
            Kind::Scalar(Value::Null) => {}
            _ => problems.push(tree.error(format!("a file of the roster must be a mapping, not {}", tree.kind_name()))),
        }
    }
    Node { kind: Kind::Map(fields), place: Place::new(whole, 1, 1), tag: None }
}

fn add(fields: &mut Vec<(Node, Node)>, (key, value): (Node, Node), problems: &mut Vec<Diagnostic>) {
    let Some((first, there)) = fields.iter_mut().find(|(other, _)| other.key_text() == key.key_text()) else {
        fields.push((key, value));
        return;
    };
    match (&mut there.kind, value.kind) {
        (Kind::Map(there), Kind::Map(entries)) if SECTIONS.contains(&key.key_text().as_str()) => {
            entries.into_iter().for_each(|entry| add_name(there, entry, problems));
        }
        (_, Kind::Scalar(Value::Null)) => {}
        (Kind::Scalar(Value::Null), kind) => there.kind = kind,
        _ => problems.push(twice(&key, first)),
    }
}

fn add_name(there: &mut Vec<(Node, Node)>, (key, value): (Node, Node), problems: &mut Vec<Diagnostic>) {
    match there.iter().find(|(other, _)| other.key_text() == key.key_text()) {
        Some((first, _)) => problems.push(twice(&key, first)),
        None => there.push((key, value)),
    }
}

fn twice(key: &Node, first: &Node) -> Diagnostic {
    let problem = key.error(format!("`{}` is written in two files", key.key_text()));
    problem.note(format!("first at {}", first.place)).hint("take one of the two out")
}
