//! [`RawTerminal`]: this process's terminal, handed to a program elsewhere.

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use scheduling::request::TerminalSize;
use std::io::stdin;

/// Standard input is a terminal that passes every key on, until this is dropped.
pub struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    /// `None` where standard input is no terminal.
    pub fn new() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nobody is left who could be told; the terminal may be gone itself.
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// The size of the terminal, or what terminals had when there were no others.
pub fn size() -> TerminalSize {
    let known = terminal_size::terminal_size_of(stdin());
    known.map_or(TerminalSize { rows: 24, columns: 80 }, |(columns, rows)| TerminalSize {
        rows: rows.0,
        columns: columns.0,
    })
}
