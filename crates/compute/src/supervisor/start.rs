//! A supervisor starts its script: first the launcher, then its groups, its number on disk, and then the word to go.

use super::events::{Event, reap, spawn};
use crate::directory::{RunDirectory, Work};
use crate::environment::{Surroundings, of_batch};
use crate::file_names::{self, Naming};
use crate::launcher::{Task, outcome};
use crate::process::ProcessId;
use crate::{LAUNCHER, OWN_PROGRAM, interpreter};
use scheduling::request::{BatchJob, OpenMode};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use words::raw::RawText;

/// Starts the script of a run. The error says why not; a launcher that was started all the same ends by itself.
pub fn script(directory: &RunDirectory, work: &Work, events: Sender<Event>) -> Result<(), String> {
    let task = task(work)?;
    let task = serde_json::to_vec(&task).map_err(|error| error.to_string())?;
    work.group.make(&work.limits).map_err(|error| error.to_string())?;
    let mut launcher = launcher()?;
    let pid = launcher.id() as i32;
    let (input, output) = (launcher.stdin.take(), launcher.stdout.take());
    let reaped = events.clone();
    spawn(move || reap(pid, &reaped)).map_err(|error| format!("cannot start a thread: {error}"))?;
    work.group.take(pid).map_err(|error| error.to_string())?;
    let process = ProcessId::of(pid).ok_or("the launcher ended before it was told what to become")?;
    directory.note_task(process).map_err(|error| format!("{}: {error}", directory.path().display()))?;
    spawn(move || {
        if let Some(mut input) = input {
            // One that died does not take it, and says nothing on its pipe either.
            let _ = input.write_all(&task);
        }
        let mut said = Vec::new();
        if let Some(mut output) = output {
            let _ = output.read_to_end(&mut said);
        }
        let _ = events.send(Event::Started(outcome(&said)));
    })
    .map_err(|error| format!("cannot start a thread: {error}"))
}

/// Writes lines for the user where the script's errors go, as the user, beside all that goes on. The process that does it is
/// one of the run's: one that hangs is killed with the others.
pub fn note(work: &Work, lines: String) -> Result<(), String> {
    let task = serde_json::to_vec(&task(work)?.note(lines)).map_err(|error| error.to_string())?;
    let mut launcher = launcher()?;
    work.group.take(launcher.id() as i32).map_err(|error| error.to_string())?;
    let Some(mut input) = launcher.stdin.take() else { return Ok(()) };
    spawn(move || {
        // One that was killed does not take it.
        let _ = input.write_all(&task);
    })
    .map_err(|error| format!("cannot start a thread: {error}"))
}

fn launcher() -> Result<Child, String> {
    let mut command = Command::new(OWN_PROGRAM);
    command.arg0("enlist").arg(LAUNCHER).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().map_err(|error| format!("cannot start a process: {error}"))
}

/// What the launcher is to become.
fn task(work: &Work) -> Result<Task, String> {
    let (launch, Some(script)) = (&work.launch, &work.script) else { return Err("there is no script".to_owned()) };
    let batch = launch.batch.as_ref().ok_or("there is no script")?;
    let at = Surroundings {
        job: work.job,
        attempt: work.attempt,
        node: &work.node,
        gpus: &work.gpus,
        hides_gpus: work.hides_gpus,
    };
    let file = |pattern: &RawText| path_of(work, batch, pattern);
    Ok(Task {
        user: launch.user.clone(),
        directory: batch.directory.clone(),
        script: RawText(script.as_os_str().as_bytes().to_vec()),
        program: Some(program(script)?),
        notes: String::new(),
        arguments: batch.arguments.clone(),
        environment: of_batch(launch, at),
        input: batch.input.as_ref().map_or_else(|| "/dev/null".into(), file),
        output: file(&batch.output.clone().unwrap_or_else(|| file_names::output_of(launch.array.as_ref()).into())),
        error: batch.error.as_ref().map(file),
        // What an earlier run of the job wrote is not lost.
        open_mode: if work.attempt.0 > 0 { OpenMode::Append } else { batch.open_mode },
        umask: batch.umask,
        limits: batch.limits.clone(),
    })
}

fn path_of(work: &Work, batch: &BatchJob, pattern: &RawText) -> RawText {
    let launch = &work.launch;
    let naming = Naming {
        job: work.job,
        array: launch.array.as_ref(),
        name: &launch.name,
        user: &launch.user.name,
        node: work.node.as_str(),
    };
    RawText(file_names::path(&batch.directory.0, &pattern.0, naming))
}

/// What the script's first line says.
fn program(script: &Path) -> Result<(RawText, Option<RawText>), String> {
    let mut head = Vec::new();
    let opened = File::open(script).and_then(|file| file.take(4096).read_to_end(&mut head));
    opened.map_err(|error| format!("cannot read {}: {error}", script.display()))?;
    let interpreter = interpreter::of(&head);
    interpreter.map(Task::program).ok_or_else(|| "the script's first line is not `#!` and a program".to_owned())
}
