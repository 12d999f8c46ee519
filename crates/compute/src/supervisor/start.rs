//! A supervisor starts its processes: first the launchers, then groups, their numbers on disk, and then the word to go.

use super::events::{Event, reap, spawn};
use super::tasks::{self, Standard};
use crate::directory::{RunDirectory, Work};
use crate::launcher::{Task, outcome};
use crate::process::ProcessId;
use crate::{LAUNCHER, OWN_PROGRAM, descriptors};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// A process that waits for what to become.
struct Waiting {
    pid: i32,
    socket: UnixStream,
    said: ChildStdout,
}

/// Makes the control groups of a run or step.
pub fn groups(work: &Work) -> Result<(), String> {
    let made = || {
        if let Some(whole) = &work.whole {
            whole.group.make(&whole.limits)?;
            whole.group.divide();
        }
        if work.has_tasks() { work.group.make(&work.limits) } else { Ok(()) }
    };
    made().map_err(|error: crate::cgroup::GroupError| error.to_string())
}

/// Starts a process for each of these, and gives their numbers. The error says why not; launchers that were started all the same
/// end by themselves.
pub fn all(
    directory: &RunDirectory,
    work: &Work,
    opened: Vec<Standard>,
    namespace: Option<Arc<OwnedFd>>,
    events: &Sender<Event>,
) -> Result<Vec<i32>, String> {
    let cannot = |error: io::Error| format!("cannot start a process: {error}");
    let (mut waiting, mut trouble) = (Vec::new(), None);
    for _ in &opened {
        match launcher() {
            Ok(one) => waiting.push(one),
            Err(error) => trouble = trouble.or(Some(cannot(error))),
        }
    }
    let pids: Vec<i32> = waiting.iter().map(|one| one.pid).collect();
    let places: BTreeMap<i32, usize> = pids.iter().copied().zip(0..).collect();
    let reaped = events.clone();
    spawn(move || reap(&places, &reaped)).map_err(|error| format!("cannot start a thread: {error}"))?;
    trouble.map_or(Ok(()), Err)?;
    pids.iter().try_for_each(|pid| work.group.take(*pid)).map_err(|error| error.to_string())?;
    let found: Option<Vec<ProcessId>> = pids.iter().map(|pid| ProcessId::of(*pid)).collect();
    let found = found.ok_or("a launcher ended before it was told what to become")?;
    directory.note_tasks(&found).map_err(|error| format!("{}: {error}", directory.path().display()))?;
    let (work, events) = (work.clone(), events.clone());
    let handed = spawn(move || hand_out(&work, waiting, opened, namespace.as_deref(), &events));
    handed.map_err(|error| format!("cannot start a thread: {error}"))?;
    Ok(pids)
}

/// Tells all what to become, and then hears from each whether it did.
fn hand_out(
    work: &Work,
    mut waiting: Vec<Waiting>,
    opened: Vec<Standard>,
    namespace: Option<&OwnedFd>,
    events: &Sender<Event>,
) {
    let tell = |place: usize, standard: Standard| {
        let (one, task) = (waiting.get(place), tasks::task(work, place, &standard));
        one.map_or(Ok(()), |one| task.and_then(|task| hand(&one.socket, task, &standard.files, namespace)))
    };
    let told: Vec<_> = opened.into_iter().enumerate().map(|(place, standard)| tell(place, standard)).collect();
    for (place, (one, told)) in waiting.iter_mut().zip(told).enumerate() {
        let mut said = Vec::new();
        // One that died says nothing; one that was not told says that it was not.
        let _ = one.socket.shutdown(Shutdown::Write);
        let _ = one.said.read_to_end(&mut said);
        let _ = events.send(Event::Started(place, told.and_then(|()| outcome(&said))));
    }
}

/// One that died does not take it, and says nothing on its pipe either.
fn hand(socket: &UnixStream, task: Task, given: &[OwnedFd], namespace: Option<&OwnedFd>) -> Result<(), String> {
    let task = Task { namespace: namespace.map(|_| given.len()), ..task };
    let text = serde_json::to_vec(&task).map_err(|error| error.to_string())?;
    let files: Vec<_> = given.iter().chain(namespace).map(AsFd::as_fd).collect();
    let given = descriptors::give(socket, &files);
    let _ = given.and_then(|()| { socket }.write_all(&text)).and_then(|()| socket.shutdown(Shutdown::Write));
    Ok(())
}

/// Writes lines for the user where the first task's errors go, as the user, beside all that goes on. The process that does it is
/// one of the run's: one that hangs is killed with the others.
pub fn note(work: &Work, lines: String, namespace: Option<Arc<OwnedFd>>) -> Result<(), String> {
    let Some(task) = tasks::note(work, lines)? else { return Ok(()) };
    let one = launcher().map_err(|error| format!("cannot start a process: {error}"))?;
    work.group.take(one.pid).map_err(|error| error.to_string())?;
    spawn(move || {
        // One that was killed does not take it.
        let _ = hand(&one.socket, task, &[], namespace.as_deref());
    })
    .map_err(|error| format!("cannot start a thread: {error}"))
}

fn launcher() -> io::Result<Waiting> {
    let (socket, theirs) = UnixStream::pair()?;
    let mut command = Command::new(OWN_PROGRAM);
    command.arg0("enlist").arg(LAUNCHER).env_clear().stdin(OwnedFd::from(theirs)).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let said = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
    Ok(Waiting { pid: child.id() as i32, socket, said })
}
