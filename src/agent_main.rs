//! The agent that runs on hosts: modules over standard input and output. The controller starts it, never a person.

use std::process::ExitCode;

/// `enlist-agent MARK`: MARK is the word by which the controller knows the agent's output. A second argument `once`
/// says that program and directory are temporary.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(mark) = arguments.first() else {
        eprintln!("enlist-agent is started by enlist on hosts; there is nothing to run by hand");
        return ExitCode::from(2);
    };
    if arguments.get(1).is_some_and(|word| word == "once") {
        remove_self();
    }
    match enlist::modules::agent::serve(mark) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A running program's file may go: nothing stays behind where nothing could be kept.
fn remove_self() {
    if let Ok(program) = std::env::current_exe() {
        let _ = std::fs::remove_file(&program);
        let _ = program.parent().map(std::fs::remove_dir);
    }
}
