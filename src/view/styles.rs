//! Labels and their colours. Plain in a pipe and under `NO_COLOR`; forced by `ANSIBLE_FORCE_COLOR` or
//! `CLICOLOR_FORCE`.

use super::live;
use super::styled::Styled;
use std::io::{ErrorKind, IsTerminal, Write};
use words::text::visible::{json, visible};

/// What a piece of output is; the colour follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Nothing had to be done.
    Ok,
    /// Something was or would be changed.
    Changed,
    /// Left out.
    Skipped,
    /// Failed.
    Failed,
    /// Could not be reached.
    Unreachable,
    /// A warning.
    Warning,
    /// An error's first word.
    Error,
    /// Detail that only `-v` shows.
    Verbose,
    /// Something new in a diff.
    Added,
    /// Something gone in a diff.
    Removed,
    /// A diff's hunk header, a path.
    Place,
    /// A heading.
    Heading,
    /// Secondary text.
    Faint,
}

impl Style {
    /// The SGR parameters; those of Ansible's default callback where it has one.
    pub(super) fn sgr(self) -> &'static str {
        match self {
            Style::Ok | Style::Added => "0;32",
            Style::Changed => "0;33",
            Style::Skipped | Style::Place => "0;36",
            Style::Failed | Style::Removed => "0;31",
            Style::Unreachable | Style::Error => "1;31",
            Style::Warning => "1;35",
            Style::Verbose => "0;34",
            Style::Heading => "1",
            Style::Faint => "2",
        }
    }
}

/// One output stream that knows whether it may be coloured. Everything that enlist prints goes through here (a lint
/// forbids `print!` and the streams themselves elsewhere), so what hosts and files hide is always written out, and a
/// reader that goes away always ends the process quietly.
#[derive(Clone, Copy, Debug)]
pub struct Painter {
    colour: bool,
    error: bool,
}

/// The exit code of a program that a closed pipe ended, as a shell tells it: 128 and SIGPIPE.
const CLOSED_PIPE: i32 = 141;

impl Painter {
    /// Writes one line.
    pub fn line(&self, line: impl Into<Styled>) {
        self.write(&(line.into().written(self.colour) + "\n"));
    }

    /// Writes lines, faster than one by one.
    pub fn lines<L: Into<Styled>>(&self, lines: impl IntoIterator<Item = L>) {
        self.write(&lines.into_iter().map(|line| line.into().written(self.colour) + "\n").collect::<String>());
    }

    /// Writes text that has its own ends of lines, or a question.
    pub fn text(&self, text: &str) {
        self.write(&visible(text));
    }

    /// Writes a JSON document and ends the line. What is hidden is written out as JSON does it.
    pub fn json(&self, document: &str) {
        self.write(&(json(document.trim_end_matches('\n')).into_owned() + "\n"));
    }

    /// Writes what a user's own programs wrote, byte by byte as it is. What cannot be written is the caller's to judge.
    #[expect(clippy::disallowed_methods, reason = "a part of the one writer")]
    pub fn raw(&self, bytes: &[u8]) -> std::io::Result<()> {
        if self.error {
            return std::io::stderr().lock().write_all(bytes);
        }
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    }

    /// The one place where something is printed.
    #[expect(clippy::disallowed_methods, reason = "this is the one writer")]
    fn write(&self, text: &str) {
        let _line = live::cleared();
        if self.error {
            // Nobody is left who could be told.
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
            return;
        }
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            give_up(&error);
        }
    }
}

/// Ends the process, since standard output takes nothing more: quietly where its reader has seen enough.
#[expect(clippy::disallowed_methods, reason = "a part of the one writer")]
pub fn give_up(error: &std::io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(CLOSED_PIPE);
    }
    let _ = writeln!(std::io::stderr().lock(), "error: cannot write to standard output: {error}");
    std::process::exit(1);
}

/// The painter of standard output.
pub fn stdout() -> Painter {
    Painter { colour: wants_colour(is_terminal(Stream::Output)), error: false }
}

/// The painter of standard error.
pub fn stderr() -> Painter {
    Painter { colour: wants_colour(is_terminal(Stream::Error)), error: true }
}

/// A stream that is printed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Whether people see it at once.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::Output => std::io::stdout().is_terminal(),
        Stream::Error => std::io::stderr().is_terminal(),
    }
}

/// The width of the terminal that standard output is, if it is one.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn terminal_columns() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(columns, _)| usize::from(columns.0))
}

fn wants_colour(terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("NO_COLOR") || set("ANSIBLE_NOCOLOR") {
        return false;
    }
    let forced = |name| std::env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false" | "no"));
    terminal || forced("CLICOLOR_FORCE") || forced("ANSIBLE_FORCE_COLOR")
}
