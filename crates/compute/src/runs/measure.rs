//! What runs and steps use now: their supervisors are asked, who know what ended processes used and how much memory was seen.

use crate::directory::Part;
use crate::protocol::{Measured, PartUsage};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So long one supervisor may take, and all of them together.
const PATIENCE: Duration = Duration::from_millis(500);
const ALL_PATIENCE: Duration = Duration::from_secs(2);

/// An answer is no longer: a thousand numbers of processes, and a few more.
const LONGEST: u64 = 64 * 1024;

/// Asks at each path. Who does not answer in time is left out, as is one whose supervisor is of an earlier release.
pub fn all(parts: impl Iterator<Item = (Part, PathBuf)>) -> Vec<PartUsage> {
    let until = Instant::now() + ALL_PATIENCE;
    let one = |(Part { run: (job, attempt), step }, path): (Part, PathBuf)| {
        let patience = PATIENCE.min(until.saturating_duration_since(Instant::now()));
        let measured = ask(&path, patience).ok()?;
        Some(PartUsage { job, attempt, step, measured })
    };
    parts.filter_map(one).collect()
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
