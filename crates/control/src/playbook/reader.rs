//! Reading files, and the files that these take in.

use super::search::Search;
use crate::yaml;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind, Source};
use words::value::node::Node;

/// Where playbook and task files are read from.
pub trait Files {
    /// The text of the file at `path`.
    fn read(&self, path: &Path) -> io::Result<String>;
}

/// How many files may be around one another: a file that takes in itself without end is told, and not run out of memory by.
const DEEPEST: usize = 100;

/// Reads files as the file that is being read sees them.
pub(super) struct Reader<'a> {
    files: &'a dyn Files,
    /// Where the file being read looks for others.
    pub(super) search: Search,
    depth: usize,
    warnings: &'a RefCell<Vec<Diagnostic>>,
}

/// A file that was read: its path, a reader for what it takes in, and what it holds.
pub(super) struct Opened<'a> {
    pub(super) path: PathBuf,
    pub(super) reader: Reader<'a>,
    pub(super) document: Option<Node>,
}

impl<'a> Reader<'a> {
    /// One that looks for files by `search`; oddities of the files go to `warnings`.
    pub(super) fn new(files: &'a dyn Files, search: Search, warnings: &'a RefCell<Vec<Diagnostic>>) -> Self {
        let depth = search.depth();
        Self { files, search, depth, warnings }
    }

    /// The playbook at `path`.
    pub(super) fn playbook(&self, path: &Path) -> Result<Opened<'a>, Diagnostic> {
        let text = self.files.read(path).map_err(|error| unreadable(path, &error))?;
        self.opened(path, text, Search::of_play(&path.parent().map(Path::to_owned).unwrap_or_default()))
    }

    /// The file of tasks that the file being read calls `name`.
    pub(super) fn tasks(&self, name: &str) -> Result<Opened<'a>, Diagnostic> {
        let candidates = self.search.candidates(name);
        for path in &candidates {
            match self.files.read(path) {
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(unreadable(path, &error)),
                Ok(text) => return self.opened(path, text, self.search.of_file(name)),
            }
        }
        Err(missing(&candidates))
    }

    fn opened(&self, path: &Path, text: String, search: Search) -> Result<Opened<'a>, Diagnostic> {
        if self.depth >= DEEPEST {
            return Err(Diagnostic::new(ErrorKind::Input, "files take in each other without end")
                .note(format!("{} would be the file number {DEEPEST} within one another", path.display())));
        }
        let source = Source::new(path.display().to_string(), text);
        let mut parsed = yaml::read(&source)?;
        self.warnings.borrow_mut().append(&mut parsed.warnings);
        let reader = Reader { search, depth: self.depth + 1, ..*self };
        Ok(Opened { path: path.to_owned(), reader, document: parsed.single()? })
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    if is_missing(error) {
        return missing(&[path.to_owned()]);
    }
    Diagnostic::new(ErrorKind::Usage, format!("cannot read {}: {error}", path.display()))
}

/// The file is at none of these paths.
fn missing(paths: &[PathBuf]) -> Diagnostic {
    let [first, others @ ..] = paths else { return Diagnostic::new(ErrorKind::Usage, "the name of a file is empty") };
    let error = Diagnostic::new(ErrorKind::Usage, format!("the file {} could not be found", first.display()));
    if others.is_empty() {
        return error;
    }
    let others: Vec<_> = others.iter().map(|path| path.display().to_string()).collect();
    error.note(format!("nor {}", others.join(", ")))
}
