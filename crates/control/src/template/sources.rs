//! The texts of templates, by the names that the engine knows them by.
//!
//! A name is a number of this table and carries no text: what a template includes by a name out of data is a file or
//! nothing.

use super::engine::{Dialect, with_newlines};
use super::rewrite;
use super::{ControlNode, FileOptions};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// One template.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Source {
    /// Its file; empty for a text of a playbook.
    pub(super) path: String,
    /// Its text, as the engine reads it.
    pub(super) text: String,
    /// The line of the file that the text begins with, from 1.
    pub(super) first_line: usize,
    /// How it is read, and what it includes.
    pub(super) options: FileOptions,
}

#[derive(Default)]
struct Sources {
    numbers: HashMap<Arc<Source>, usize>,
    all: Vec<Arc<Source>>,
}

static SOURCES: LazyLock<Mutex<Sources>> = LazyLock::new(Mutex::default);

fn sources() -> MutexGuard<'static, Sources> {
    SOURCES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What names of this table begin with. No template can ask for one: see [`included`].
const NUMBERED: &str = "template ";
const MISSING: &str = "no file ";

/// The name of a template; the same one for the same text and file.
pub(super) fn name(source: Source) -> String {
    let mut sources = sources();
    let next = sources.all.len();
    let source = Arc::new(source);
    let number = *sources.numbers.entry(source.clone()).or_insert(next);
    if number == next {
        sources.all.push(source);
    }
    format!("{NUMBERED}{number}")
}

/// The template of a name.
pub(super) fn find(name: &str) -> Option<Arc<Source>> {
    let number: usize = name.strip_prefix(NUMBERED)?.parse().ok()?;
    sources().all.get(number).cloned()
}

thread_local! {
    /// Where this thread's templates under way read what they include, the innermost last: the engine asks for an
    /// included template without saying for whom.
    static UNDERWAY: RefCell<Vec<Arc<dyn ControlNode>>> = const { RefCell::new(Vec::new()) };
}

/// Ends with the evaluation of a template.
pub(super) struct Underway;

/// Until the result is dropped, what templates of this thread include is read from `control`.
pub(super) fn reading_from(control: &Arc<dyn ControlNode>) -> Underway {
    UNDERWAY.with_borrow_mut(|underway| underway.push(control.clone()));
    Underway
}

impl Drop for Underway {
    fn drop(&mut self) {
        UNDERWAY.with_borrow_mut(Vec::pop);
    }
}

fn read(path: &Path) -> Option<String> {
    let control = UNDERWAY.with_borrow(|underway| underway.last().cloned())?;
    control.read_text(path).ok()
}

/// The name of the template that `{% include asked %}` in `parent` means: a file next to it, or in `templates` next to
/// it. What is no file gets a name that no template has.
pub(super) fn included(asked: &str, parent: &str) -> String {
    let parent = find(parent);
    let path = parent.as_ref().map_or("", |source| source.path.as_str());
    let directory = Path::new(path).parent().unwrap_or(Path::new(""));
    let places = [directory.join(asked), directory.join("templates").join(asked)];
    let found = places.iter().find_map(|place| Some((place, read(place)?)));
    let Some((place, text)) = found else { return format!("{MISSING}{asked}") };
    let options = parent.as_ref().map_or_else(FileOptions::default, |source| source.options.clone());
    let text = with_newlines(&text, &options.newline);
    let text = text.strip_suffix(options.newline.as_str()).unwrap_or(&text);
    name(Source {
        path: place.to_string_lossy().into_owned(),
        text: rewrite::template(text, Dialect::Condition, &options),
        first_line: 1,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_carries_no_text() {
        let source = |text: &str| Source {
            path: String::new(),
            text: text.into(),
            first_line: 1,
            options: FileOptions::default(),
        };
        let first = name(source("{{ a }}"));
        assert_eq!(name(source("{{ a }}")), first);
        assert_ne!(name(source("{{ b }}")), first);
        for asked in [first.as_str(), "x\0{{ evil }}", "\0{{ evil }}", "template 0"] {
            assert!(find(&included(asked, &first)).is_none(), "{asked:?}");
        }
    }
}
