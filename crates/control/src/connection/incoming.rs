//! What a program on a host prints, read under a time limit.

use crate::connection::machine::Program;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// A program's output, of which the beginning may have been read already; writing goes straight to it.
///
/// Reading and writing fail with `TimedOut` at the deadline, however fast bytes come until then, and after too long a
/// silence.
#[derive(Debug)]
pub struct Incoming<P> {
    /// The program itself.
    pub program: P,
    pending: Vec<u8>,
    deadline: Option<Instant>,
    silence: Option<Duration>,
}

/// At least so many bytes a second are expected of a host that has something to send, and taken for one that receives.
const SLOWEST: usize = 64 << 10;

/// How long so many bytes may take: a minute, and longer on a slow way.
pub fn time_for(bytes: usize) -> Duration {
    Duration::from_secs(60 + (bytes / SLOWEST) as u64)
}

impl<P: Program> Incoming<P> {
    /// Waits as long as it takes.
    pub fn new(program: P) -> Self {
        Self { program, pending: Vec::new(), deadline: None, silence: None }
    }

    /// Puts back what was read too far.
    pub fn put_back(&mut self, bytes: Vec<u8>) {
        self.pending = bytes;
    }

    /// From now on nothing is waited for beyond `deadline`; `None` waits as long as it takes.
    pub fn wait_until(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// When the waiting ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// From now on no silence may be longer.
    pub fn bear_silence(&mut self, longest: Option<Duration>) {
        self.silence = longest;
    }

    /// Repeats `step` until it has done something or time is up: a program's own timeouts may come early.
    fn in_time(&mut self, mut step: impl FnMut(&mut P) -> io::Result<usize>) -> io::Result<usize> {
        let silent = self.silence.map(|longest| Instant::now() + longest);
        let limit = [self.deadline, silent].into_iter().flatten().min();
        loop {
            let left = limit.map(|limit| limit.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.program.be_patient(left)?;
            match step(&mut self.program) {
                Err(error) if is_timeout(&error) && limit.is_some() => {}
                other => return other,
            }
        }
    }
}

/// Whether nothing came, or went, in time.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

impl<P: Program> Read for Incoming<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.is_empty() {
            return self.in_time(|program| program.read(buffer));
        }
        let length = self.pending.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.pending[..length]);
        self.pending.drain(..length);
        Ok(length)
    }
}

impl<P: Program> Write for Incoming<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.in_time(|program| program.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.program.flush()
    }
}
