//! Ctrl-C during a run.

use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr};
use control::runner::events::{Event, HostResult, Observer, Stats, Status};
use indexmap::IndexMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// ansible-playbook's exit code for a run that the user ended.
const INTERRUPTED: i32 = 99;

/// Calls `act` for each Ctrl-C from now on: when this returns, the signal is taken already, though the thread that acts
/// may not have begun.
fn on_interrupt(mut act: impl FnMut() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut presses = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    std::thread::spawn(move || {
        while runtime.block_on(presses.recv()).is_some() {
            act();
        }
    });
    Ok(())
}

/// The first Ctrl-C asks for an end: what hosts are at work on is finished, and nothing new is begun. The second ends the
/// process.
pub fn stop_on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    on_interrupt(move || {
        if asked.swap(true, Ordering::Relaxed) {
            stderr().line(Styled::of(Style::Error, "Ended. What hosts were at work on is finished by them."));
            std::process::exit(INTERRUPTED);
        }
        let says = "\nInterrupted: what hosts are at work on is finished first; Ctrl-C again ends at once.";
        stderr().line(Styled::of(Style::Warning, says));
    })?;
    Ok(stop)
}

/// A view that also counts, so that a run that is ended by Ctrl-C can say what was done.
#[derive(Clone)]
pub struct Counted(Arc<Mutex<Told>>);

struct Told {
    view: Box<dyn Observer + Send>,
    stats: IndexMap<String, Stats>,
    task: Option<String>,
}

impl Counted {
    /// Counts what `view` is told.
    pub fn new(view: Box<dyn Observer + Send>) -> Self {
        Self(Arc::new(Mutex::new(Told { view, stats: IndexMap::new(), task: None })))
    }

    /// From now on, Ctrl-C ends the process with a word, a recap, and exit code 99.
    ///
    /// Hosts notice by their closed connection: an agent finishes the request it is working on (so nothing is half
    /// applied) and ends.
    pub fn exit_on_interrupt(&self) -> io::Result<()> {
        let told = self.0.clone();
        on_interrupt(move || {
            told.lock().unwrap_or_else(PoisonError::into_inner).end();
            std::process::exit(INTERRUPTED);
        })
    }
}

impl Observer for Counted {
    fn on(&mut self, event: &Event<'_>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Task { name, .. } => told.task = Some((*name).to_owned()),
            Event::Host(result) => told.count(result),
            _ => {}
        }
        told.view.on(event);
    }
}

impl Told {
    /// As the runner counts; whether a failure would have been rescued is not known yet.
    fn count(&mut self, result: &HostResult) {
        let stats = self.stats.entry(result.host.clone()).or_default();
        match result.status {
            Status::Ok => stats.ok += 1,
            Status::Changed => {
                stats.ok += 1;
                stats.changed += 1;
            }
            Status::Skipped => stats.skipped += 1,
            Status::Unreachable => stats.unreachable += 1,
            Status::Failed if result.ignored => {
                stats.ok += 1;
                stats.ignored += 1;
            }
            Status::Failed => stats.failed += 1,
        }
    }

    fn end(&mut self) {
        let err = stderr();
        err.line(Styled::of(Style::Error, "\n[ERROR]: User interrupted execution"));
        if let Some(task) = &self.task {
            err.line(format!(
                "The last task begun is [{task}]: hosts that are at work on it finish it; none after it ran."
            ));
        }
        let hosts: Vec<_> = self.stats.iter().map(|(host, stats)| (host.clone(), *stats)).collect();
        self.view.on(&Event::Recap(hosts));
    }
}

#[cfg(test)]
mod tests {
    use super::on_interrupt;
    use nix::sys::signal::{Signal, raise};
    use std::sync::mpsc;
    use std::time::Duration;

    /// Before the thread that acts had begun, it ended the process with the signal's own exit code.
    #[test]
    fn a_press_is_taken_as_soon_as_it_is_waited_for() {
        let (press, pressed) = mpsc::channel();
        on_interrupt(move || press.send(()).expect("the test waits")).expect("the signal can be taken");
        raise(Signal::SIGINT).expect("it is sent");
        pressed.recv_timeout(Duration::from_secs(60)).expect("it was acted upon");
    }
}
