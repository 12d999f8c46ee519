//! A page, its blocks (what is fenced or indented), and the commands that a reader would type.

use crate::support::Ran;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// A page of the documentation, which knows which of its blocks a test has run.
pub struct Page {
    name: String,
    blocks: Vec<String>,
    taken: RefCell<BTreeSet<usize>>,
}

/// One thing to type: where (the word before the prompt), the command, and what the page shows as its output.
#[derive(Debug, PartialEq, Eq)]
pub struct Typed {
    pub host: Option<String>,
    pub command: String,
    pub shown: Vec<String>,
}

impl Page {
    /// A page of the project, by its path from the top.
    pub fn read(name: &str) -> Page {
        let path = Path::new(crate::support::PROJECT).join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Page { name: name.to_owned(), blocks: blocks(&text), taken: RefCell::default() }
    }

    /// How many blocks it has.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The first block not taken yet in which a line begins so.
    #[track_caller]
    pub fn take(&self, begins: &str) -> &str {
        let has_line = |text: &String| text.lines().any(|line| line.trim_start().starts_with(begins));
        let mut taken = self.taken.borrow_mut();
        let found = (0..self.blocks.len()).find(|at| !taken.contains(at) && has_line(&self.blocks[*at]));
        let at = found.unwrap_or_else(|| panic!("{} has no further block with a line `{begins}…`", self.name));
        taken.insert(at);
        &self.blocks[at]
    }

    /// All blocks have been taken, so each one is run.
    #[track_caller]
    pub fn is_done(&self) {
        let taken = self.taken.borrow();
        let left: Vec<_> = (0..self.blocks.len()).filter(|at| !taken.contains(at)).map(|at| &self.blocks[at]).collect();
        assert!(left.is_empty(), "{}: no test runs these blocks: {left:#?}", self.name);
    }
}

/// What a text has in fences, or indented by four behind an empty line.
pub fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    let mut after_blank = true;
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            blocks.push(inside.join("\n"));
        } else if after_blank && line.starts_with("    ") {
            let mut inside = vec![&line[4..]];
            while let Some(next) = lines.next_if(|next| next.is_empty() || next.starts_with("    ")) {
                inside.push(next.get(4..).unwrap_or_default());
            }
            blocks.push(inside.join("\n").trim_end().to_owned());
            after_blank = true;
            continue;
        }
        after_blank = line.is_empty();
    }
    blocks
}

/// The word before `$ ` or `# `, and the command behind it.
fn prompt(line: &str) -> Option<(Option<String>, &str)> {
    let at = line.find(['$', '#'])?;
    let (host, rest) = line.split_at(at);
    let command = rest[1..].strip_prefix(' ')?.trim_start();
    let is_name = host.chars().all(|letter| letter.is_ascii_alphanumeric());
    is_name.then(|| ((!host.is_empty()).then(|| host.to_owned()), command))
}

/// The commands of a block: its lines, or where it has prompts those behind them, each with the output below it.
pub fn typed(block: &str) -> Vec<Typed> {
    let joined = block.replace("\\\n", " ");
    let has_prompts = joined.lines().next().is_some_and(|line| prompt(line).is_some());
    let mut all: Vec<Typed> = Vec::new();
    for line in joined.lines().filter(|line| !line.trim().is_empty()) {
        match prompt(line) {
            Some((host, command)) if has_prompts => {
                all.push(Typed { host, command: command.to_owned(), shown: Vec::new() });
            }
            _ if has_prompts => all.last_mut().expect("a prompt is first").shown.push(line.to_owned()),
            _ => all.push(Typed { host: None, command: line.to_owned(), shown: Vec::new() }),
        }
    }
    all
}

/// Each number as one sign, and nothing else changed: pages show other counts, times and numbers than a test has.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if shape.ends_with('9') => {}
            '0'..='9' => shape.push('9'),
            other => shape.push(other),
        }
    }
    shape
}

/// Whether a line of output has the shape that a page shows; `…` stands for anything.
fn is_shown(shown: &str, line: &str) -> bool {
    let (shown, line) = (shape(shown), shape(line));
    let mut pieces = shown.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty() || shown.ends_with('…')
}

impl Typed {
    /// It ended with `code`, and each line that the page shows is among those printed.
    #[track_caller]
    pub fn is_as_shown(&self, ran: &Ran, code: i32) {
        assert_eq!(ran.code, code, "{}: {ran:?}", self.command);
        for shown in &self.shown {
            let found = ran.stdout.lines().chain(ran.stderr.lines()).any(|line| is_shown(shown, line));
            assert!(found, "{}: the page shows\n{shown}\nand not\n{}{}", self.command, ran.stdout, ran.stderr);
        }
    }
}

/// Types all commands of a block by `run`, which gets host and line. `codes` has the commands, by how they begin, that
/// end with another code than 0.
#[track_caller]
pub fn type_all(block: &str, codes: &[(&str, i32)], run: impl Fn(Option<&str>, &str) -> Ran) {
    for typed in typed(block) {
        let code = codes.iter().find(|(begins, _)| typed.command.starts_with(begins)).map_or(0, |(_, code)| *code);
        typed.is_as_shown(&run(typed.host.as_deref(), &typed.command), code);
    }
}

#[test]
fn blocks_are_what_is_fenced_or_indented() {
    let page = "A\n\n    one\n\n    two\n\nB\n```sh\nthree\n```\n- item\n    no block\n";
    assert_eq!(blocks(page), ["one\n\ntwo", "three"]);
}

#[test]
fn commands_stand_behind_prompts_or_on_lines_of_their_own() {
    let shown = typed("master$  a b   # c\nout\n# e\n");
    assert_eq!(shown.len(), 2);
    assert_eq!((shown[0].host.as_deref(), shown[0].command.as_str()), (Some("master"), "a b   # c"));
    assert_eq!((shown[0].shown.as_slice(), shown[1].command.as_str()), (&["out".to_owned()][..], "e"));
    assert_eq!(typed("a \\\n  b\n\nc").len(), 2);
}

#[test]
fn output_has_the_shape_that_is_shown() {
    assert!(is_shown("47 jobs added, file …: good", "1 jobs added, file /x/y: good"));
    assert!(!is_shown("47 jobs added", "47 jobs added, 1 changed") && !is_shown("a … b", "a c"));
    assert!(is_shown("schema 9, …", "schema 10, 2 users"));
}
