//! The agent that runs on hosts: modules over standard input and output. The controller starts it, never a person.

use host::agent;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

/// With the allocator of musl, a fifth of the time for thousands of people goes to memory.
#[global_allocator]
static MEMORY: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// `enlist-agent MARK [once|keep]`: MARK is the word by which the controller knows the agent's output. The second says
/// that the program was just written: `once`, into a directory that is temporary, too; `keep`, beside where it shall
/// stay, as `agent-DIGEST.WORD`.
#[expect(clippy::print_stderr, reason = "the agent has no view")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(mark) = arguments.first() else {
        eprintln!("enlist-agent is started by enlist on hosts; there is nothing to run by hand");
        return ExitCode::from(2);
    };
    let Ok(digest) = agent::own_digest() else { return ExitCode::FAILURE };
    match (arguments.get(1).map(String::as_str), std::env::current_exe()) {
        (Some("once"), Ok(program)) => remove(&program),
        (Some("keep"), Ok(program)) => keep(&program, &digest),
        _ => {}
    }
    match agent::serve(mark, digest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A running program's file may go: nothing stays behind where nothing could be kept.
fn remove(program: &Path) {
    let _ = std::fs::remove_file(program);
    let _ = program.parent().map(std::fs::remove_dir);
}

/// Gives the program its name for later runs, if it is what that name says. A copy that another start was quicker to
/// keep is left alone, since somebody runs it: over NFS, to replace a running program's file is to kill it.
fn keep(program: &Path, digest: &str) {
    let kept = program.with_extension("");
    let is_whole = kept.file_name().is_some_and(|name| *name == *format!("agent-{digest}"));
    if is_whole
        && let Err(error) = std::fs::hard_link(program, &kept)
        && error.kind() != ErrorKind::AlreadyExists
        && std::fs::rename(program, &kept).is_ok()
    {
        return;
    }
    let _ = std::fs::remove_file(program);
}
