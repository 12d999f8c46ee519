//! What a supervisor waits for, each kind in a thread of its own.

use crate::directory::ControlCommand;
use rustix::process::{WaitOptions, WaitStatus, wait};
use slurm::records::ExitCode;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread::Builder;
use std::time::Duration;

/// Something that happened.
pub enum Event {
    /// The task at this place runs, or does not.
    Started(usize, Result<(), String>),
    /// It ended.
    Exited(usize, TaskExit),
    /// No process is left.
    Emptied,
    /// Of a run: no step is left.
    StepsLeft,
    /// Of a step: who reads its output sends a signal.
    Passed(u8),
    /// Of a step: all its output was had, or is given up.
    Drained,
    /// Of a step: something is wrong with its streams.
    Trouble(String),
    /// Somebody wants to hear of news.
    Watcher(UnixStream),
    /// Somebody wants something.
    Command(ControlCommand),
    /// Somebody wants to know what is used.
    Measure(UnixStream),
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskExit {
    /// Its exit code, or the signal that killed it.
    pub exit: ExitCode,
    /// Whether it left a core.
    pub core: bool,
}

/// A command is one short line; more is not read.
const LONGEST: u64 = 4096;

/// So long one that listens may take to take in a byte.
const PATIENCE: Duration = Duration::from_millis(200);

/// Takes commands in: from standard input, which is the daemon's socket, and from those who come to `path`.
pub fn listen(path: &Path, events: Sender<Event>) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    let first = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    spawn({
        let events = events.clone();
        move || serve(first, &events)
    })?;
    spawn(move || {
        for stream in listener.incoming().flatten() {
            let events = events.clone();
            // Without a thread it closes, and who came tries again.
            let _ = spawn(move || serve(stream, &events));
        }
    })
}

/// Whoever comes to `path` wants to know what is used.
pub fn listen_for_usage(path: &Path, events: Sender<Event>) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    spawn(move || {
        for asker in listener.incoming().flatten() {
            if events.send(Event::Measure(asker)).is_err() {
                return;
            }
        }
    })
}

/// In a thread with a small stack.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().stack_size(128 * 1024).spawn(work).map(|_| ())
}

/// Until the other side closes, or says what is no command.
fn serve(stream: UnixStream, events: &Sender<Event>) {
    let Ok(watcher) = stream.try_clone() else { return };
    if watcher.set_write_timeout(Some(PATIENCE)).is_err() || events.send(Event::Watcher(watcher)).is_err() {
        return;
    }
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let read = io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut line);
        let Ok(1..) = read else { return };
        let Ok(command) = serde_json::from_slice(&line) else { return };
        if events.send(Event::Command(command)).is_err() {
            return;
        }
    }
}

/// Waits for all that ends below this process, until nothing is there. `tasks` has their numbers and places.
pub fn reap(tasks: &BTreeMap<i32, usize>, events: &Sender<Event>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                if let Some(place) = tasks.get(&pid.as_raw_nonzero().get()) {
                    let _ = events.send(Event::Exited(*place, exit_of(status)));
                }
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                let _ = events.send(Event::Emptied);
                return;
            }
        }
    }
}

/// What `WCOREDUMP` looks at (wait(2)).
const CORE: i32 = 0x80;

fn exit_of(status: WaitStatus) -> TaskExit {
    let byte = |number: Option<i32>| number.and_then(|it| u8::try_from(it).ok()).unwrap_or(0);
    let exit = ExitCode { code: byte(status.exit_status()), signal: byte(status.terminating_signal()) };
    TaskExit { exit, core: status.signaled() && status.as_raw() & CORE != 0 }
}
