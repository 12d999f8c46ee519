//! Adding to the log. Whoever writes holds it alone until the run is over, so that two runs exclude each other.

use super::{BEGINNING, LogEvent, LogLine, digest_of, reading};
use crate::plan::guard::VANISHED;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// A log that is open for one run.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: File,
    number: u64,
    previous: String,
    /// What it had before this run.
    last: Vec<LogEvent>,
}

impl Drop for AuditLog {
    /// A program that another thread starts has the open file until it is executed, and would keep the lock as long.
    fn drop(&mut self) {
        // The kernel lets go of it with the last copy all the same.
        let _ = self.file.unlock();
    }
}

impl AuditLog {
    /// Opens the log for one run, and makes it with mode 0640 where there is none. Refused where another run has it, where its
    /// chain is broken, and through a symbolic link.
    pub fn open(path: &Path) -> Result<Self, Diagnostic> {
        let failed = |error: io::Error| cannot(path, &error.to_string());
        let no_link = nix::libc::O_NOFOLLOW;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(no_link)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes);
        let chain = reading::read(&text);
        if let Some(fault) = chain.faults.iter().find(|fault| !fault.is_torn) {
            let problem =
                Diagnostic::new(ErrorKind::Refused, format!("the audit log {} is broken: {fault}", path.display()));
            return Err(problem.hint("find out who changed it; keep it under another name, and a new one begins"));
        }
        // What a killed run left of a line is ended: it stays as it is, and is told as what it is.
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            file.write_all(b"\n").map_err(failed)?;
        }
        let number = text.lines().count() as u64;
        let previous = text.lines().last().map_or_else(|| BEGINNING.to_owned(), digest_of);
        let last = chain.lines.into_iter().map(|logged| logged.line.event).collect();
        Ok(Self { path: path.to_owned(), file, number, previous, last })
    }

    /// How many people the roster at `roster` named at the most in runs that came to an end, since one last passed the guard
    /// that asks. A run that was refused says nothing.
    pub fn people_of(&self, roster: &str) -> Option<usize> {
        let (mut most, mut begun) = (None, None);
        for event in &self.last {
            match event {
                LogEvent::Begin(begin) => begun = Some(begin).filter(|begin| begin.roster.as_deref() == Some(roster)),
                LogEvent::End { .. } => {
                    let Some(begin) = begun.take() else { continue };
                    let passed = begin.allow.iter().any(|name| name == VANISHED);
                    most = if passed { begin.people } else { most.max(begin.people) };
                }
                LogEvent::Refused { .. } | LogEvent::Change(_) => {}
            }
        }
        most
    }

    /// Adds one event, in one write.
    pub fn add(&mut self, event: LogEvent) -> Result<(), Diagnostic> {
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let line = LogLine { number: self.number + 1, at, event, previous: self.previous.clone() };
        let failed = |why: String| cannot(&self.path, &why);
        let text = serde_json::to_string(&line).map_err(|error| failed(error.to_string()))?;
        let is_change = matches!(line.event, LogEvent::Change(_));
        self.file.write_all(format!("{text}\n").as_bytes()).map_err(|error| failed(error.to_string()))?;
        if !is_change {
            self.file.sync_data().map_err(|error| failed(error.to_string()))?;
        }
        self.number += 1;
        self.previous = digest_of(&text);
        Ok(())
    }
}

fn cannot(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::new(ErrorKind::Refused, format!("cannot write the audit log {}: {why}", path.display()))
        .note("what cannot be recorded is not done")
        .hint("name a place that you may write with --log FILE, or ENLIST_LOG")
}

fn busy(path: &Path) -> Diagnostic {
    Diagnostic::new(ErrorKind::Refused, "another `enlist apply` is at work with this roster; nothing was touched")
        .note(format!("it holds the audit log {}", path.display()))
        .hint("wait until it is over, plan again, and look at what is left")
}
