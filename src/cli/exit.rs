//! How a command ends: its exit code, and how an error is shown on the way.

use crate::diag::{Diagnostic, ErrorKind};
use crate::view::styles::{Style, stderr};
use std::process::ExitCode;

/// A command's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All went well.
    pub const OK: Exit = Exit(0);
    /// A generic error.
    pub const ERROR: Exit = Exit(1);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.0)
    }
}

/// Shows an error on standard error and gives its exit code: 2 for wrong usage, 1 otherwise. Commands with codes of
/// their own (`play`) map the kind themselves.
pub fn fail(error: &Diagnostic) -> Exit {
    show(error);
    if error.kind == ErrorKind::Usage { Exit(2) } else { Exit::ERROR }
}

/// Shows an error on standard error: `error: …` with its place, notes and hints.
pub fn show(error: &Diagnostic) {
    let styled = stderr();
    styled.line(&format!("{} {error}", styled.paint(Style::Error, "error:")));
}
