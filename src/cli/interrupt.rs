//! Ctrl-C during a run.

use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr};

/// ansible-playbook's exit code for a run that the user ended.
const INTERRUPTED: i32 = 99;

/// From now on, Ctrl-C ends the process with a word and exit code 99.
///
/// Hosts notice by their closed connection: an agent finishes the request it is working on (so nothing is half
/// applied) and ends.
pub fn exit_on_interrupt() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            stderr().line(Styled::of(Style::Error, "\n[ERROR]: User interrupted execution"));
            std::process::exit(INTERRUPTED);
        }
    });
    Ok(())
}
