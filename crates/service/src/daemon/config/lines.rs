//! Lines of a configuration as slurm.conf(5) reads them: `#` begins a comment, a line that ends in `\` goes on in the
//! next, and `Include` stands for the lines of another file.

use std::path::Path;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind, Place, Source};

/// So many files may include each other; more are a circle.
const DEEPEST: usize = 16;

/// A line with those that go on from it.
pub struct Line {
    /// Its text, without comments.
    pub text: String,
    source: Arc<Source>,
    /// For each line of the file: where its text begins here, in characters, and its number.
    parts: Vec<(usize, u32)>,
}

impl Line {
    /// Where a character of the text stands in its file.
    pub fn place(&self, column: usize) -> Place {
        let part = self.parts.iter().rev().find(|(begin, _)| *begin <= column);
        let (begin, number) = part.copied().unwrap_or((0, 1));
        Place::new(&self.source, number, (column - begin) as u32 + 1)
    }

    fn push(&mut self, text: &str, number: u32) {
        self.parts.push((self.text.chars().count(), number));
        self.text.push_str(text);
    }
}

/// Gives every line of a source and of what it includes, in their order.
pub fn each(source: &Arc<Source>, take: &mut dyn FnMut(&Line) -> Result<(), Diagnostic>) -> Result<(), Diagnostic> {
    below(source, 0, take)
}

fn below(
    source: &Arc<Source>,
    depth: usize,
    take: &mut dyn FnMut(&Line) -> Result<(), Diagnostic>,
) -> Result<(), Diagnostic> {
    for line in logical(source) {
        let Some(name) = included(&line.text) else {
            take(&line)?;
            continue;
        };
        let here = line.place(0);
        if depth == DEEPEST {
            return Err(Diagnostic::input(&here, "files include each other in a circle"));
        }
        // slurm.conf(5): a path that is not absolute is beside the file that names it.
        let path = Path::new(&source.name).with_file_name(name);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Diagnostic::input(&here, format!("cannot read {}: {error}", path.display())))?;
        below(&Source::new(path.display().to_string(), text), depth + 1, take)?;
    }
    Ok(())
}

fn logical(source: &Arc<Source>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(source.text.lines()) {
        let content = line.split('#').next().unwrap_or_default();
        let (text, more) = match content.trim_end().strip_suffix('\\') {
            // A blank, as `a=1\` and `b=2` are two words.
            Some(text) => (format!("{text} "), true),
            None => (content.to_owned(), false),
        };
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => last.push(&text, number),
            None => lines.push(Line { text, source: source.clone(), parts: vec![(0, number)] }),
        }
        goes_on = more;
    }
    lines
}

/// `Include FILE`
fn included(text: &str) -> Option<&str> {
    let (word, name) = text.trim().split_once(char::is_whitespace)?;
    (word.eq_ignore_ascii_case("include") && !name.trim_start().starts_with('=')).then(|| name.trim())
}

/// Reads a file.
pub fn source(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Diagnostic::new(ErrorKind::Input, format!("cannot read {}: {error}", path.display())))?;
    Ok(Source::new(path.display().to_string(), text))
}
