//! What runs and steps use now: their supervisors are asked, who know what ended processes used and how much memory was seen.

use crate::directory::Part;
use crate::protocol::{Measured, PartUsage};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// So long one supervisor may take, and all of them together: less than the master waits.
const PATIENCE: Duration = Duration::from_millis(500);
const ALL_PATIENCE: Duration = Duration::from_millis(1500);

/// So many are asked at a time, so that one that is slow holds few others up.
const LANES: usize = 16;

/// So many parts, and numbers of processes, are told at once, so that the answer has less than a megabyte.
const MOST_PARTS: usize = 2000;
const ALL_PIDS: usize = 20_000;

/// An answer is no longer: a thousand numbers of processes, and a few more.
const LONGEST: u64 = 64 * 1024;

/// Asks at each path. Who does not answer in time is left out, as is one whose supervisor is of an earlier release.
pub fn all(parts: Vec<(Part, PathBuf)>) -> Vec<PartUsage> {
    let until = Instant::now() + ALL_PATIENCE;
    let parts = &parts[..parts.len().min(MOST_PARTS)];
    let lane = |at: usize| {
        move || parts.iter().skip(at).step_by(LANES).filter_map(|part| one(part, until)).collect::<Vec<_>>()
    };
    let mut measured: Vec<PartUsage> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES.min(parts.len())).map(|at| scope.spawn(lane(at))).collect();
        lanes.into_iter().filter_map(|lane| lane.join().ok()).flat_map(|lane: Vec<PartUsage>| lane).collect()
    });
    let mut room = ALL_PIDS;
    for part in &mut measured {
        part.measured.pids.truncate(room);
        room -= part.measured.pids.len();
    }
    measured
}

fn one((part, path): &(Part, PathBuf), until: Instant) -> Option<PartUsage> {
    let patience = PATIENCE.min(until.saturating_duration_since(Instant::now()));
    let Part { run: (job, attempt), step } = *part;
    let measured = ask(path, patience).ok()?;
    Some(PartUsage { job, attempt, step, measured })
}

fn ask(path: &Path, patience: Duration) -> io::Result<Measured> {
    if patience.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let socket = UnixStream::connect(path)?;
    socket.set_read_timeout(Some(patience))?;
    let mut line = String::new();
    BufReader::new(socket.take(LONGEST)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
