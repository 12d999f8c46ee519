//! How a command ends: its exit code, and how an error is shown on the way.

use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr};
use std::process::ExitCode;
use words::diag::{Diagnostic, ErrorKind};

/// A command's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All went well.
    pub const OK: Exit = Exit(0);
    /// A generic error.
    pub const ERROR: Exit = Exit(1);
    /// Done, but for hosts or people that had to be left out and were named.
    pub const LEFT_OUT: Exit = Exit(3);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.0)
    }
}

/// Shows an error on standard error and gives exit code 1: for `plan` and `audit`, 2 means that something was found.
/// Commands with codes of their own (`play`) map the kind themselves.
pub fn fail(error: &Diagnostic) -> Exit {
    show(error);
    Exit::ERROR
}

/// What somebody else said (the service, a program of Slurm's) as the error that it is here.
pub fn said(text: String) -> Diagnostic {
    Diagnostic::new(ErrorKind::Host, text)
}

/// Shows on standard error what was passed over, or is probably not meant: `warning: …`.
pub fn caution(text: &str) {
    stderr().line(Styled::of(Style::Warning, "warning:").text(format!(" {text}")));
}

/// Shows an error on standard error: `error: …` with its place, notes and hints.
pub fn show(error: &Diagnostic) {
    stderr().line(Styled::of(Style::Error, "error:").text(format!(" {error}")));
}
