//! The live line: the last line of a terminal, which says what is waited for and goes before anything else is printed.
//! There is none where one of the streams is no terminal: what is kept in a file or read by a program holds results alone.

use super::styles::{Stream, is_terminal, terminal_columns};
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use words::text::visible::on_one_line;
use words::text::width::truncate;

/// Whether the line is on the screen.
static SHOWN: Mutex<bool> = Mutex::new(false);

/// Takes the line away; it stays away as long as the guard lives.
#[expect(clippy::disallowed_methods, reason = "a part of the one writer")]
pub(super) fn cleared() -> MutexGuard<'static, bool> {
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::take(&mut *shown) {
        let _ = std::io::stderr().lock().write_all(b"\r\x1b[K");
    }
    shown
}

/// Takes the line away.
pub fn clear() {
    drop(cleared());
}

/// Whether there may be a live line.
pub fn is_possible() -> bool {
    is_terminal(Stream::Output) && is_terminal(Stream::Error)
}

/// Shows `text` as the live line, as far as the terminal is wide.
#[expect(clippy::disallowed_methods, reason = "a part of the one writer")]
pub fn show(text: &str) {
    if !is_possible() {
        return;
    }
    let text = on_one_line(text);
    let columns = terminal_columns().unwrap_or(80).saturating_sub(1);
    let mut shown = cleared();
    *shown = true;
    let _ = std::io::stderr().lock().write_all(truncate(&text, columns).as_bytes());
}
