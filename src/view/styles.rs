//! Labels and their colours. Plain in a pipe and under `NO_COLOR`; forced by `ANSIBLE_FORCE_COLOR` or
//! `CLICOLOR_FORCE`.

use std::io::{IsTerminal, Write};

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
    fn sgr(self) -> &'static str {
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

/// One output stream that knows whether it may be coloured.
#[derive(Clone, Copy, Debug)]
pub struct Painter {
    colour: bool,
    error: bool,
}

impl Painter {
    /// A painter without colour, for tests and files.
    pub const PLAIN: Painter = Painter { colour: false, error: false };

    /// `text` in the colour of `style`, or as it is.
    pub fn paint(&self, style: Style, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{}m{text}\x1b[0m", style.sgr()),
            false => text.to_owned(),
        }
    }

    /// Whether colour codes are written.
    pub fn is_coloured(&self) -> bool {
        self.colour
    }

    /// Writes one line. A reader that went away ends the process quietly, as for any other filter.
    pub fn line(&self, text: &str) {
        let written = match self.error {
            true => writeln!(std::io::stderr().lock(), "{text}"),
            false => writeln!(std::io::stdout().lock(), "{text}"),
        };
        if written.is_err() && !self.error {
            std::process::exit(141);
        }
    }
}

/// The painter of standard output.
pub fn stdout() -> Painter {
    Painter { colour: wants_colour(std::io::stdout().is_terminal()), error: false }
}

/// The painter of standard error.
pub fn stderr() -> Painter {
    Painter { colour: wants_colour(std::io::stderr().is_terminal()), error: true }
}

fn wants_colour(terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("NO_COLOR") || set("ANSIBLE_NOCOLOR") {
        return false;
    }
    let forced = |name| std::env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false" | "no"));
    terminal || forced("CLICOLOR_FORCE") || forced("ANSIBLE_FORCE_COLOR")
}
