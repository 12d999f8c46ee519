//! What a host sends in frames, read with distrust: no longer, no fuller and no slower than was agreed.

use crate::connection::incoming::{Incoming, is_timeout, time_for};
use crate::connection::machine::Program;
use host::protocol::Bound;
use serde::de::DeserializeOwned;
use std::io::{self, Read};
use std::time::{Duration, Instant};
use words::value::census::{self, Prices};

/// Why a frame was not taken.
#[derive(Debug)]
pub enum Breach {
    /// The connection broke.
    Lost(io::Error),
    /// The request is longer than any agent takes, and was not sent.
    Unsent(io::Error),
    /// The program ended within the frame.
    Ended,
    /// It is longer than what was asked for: its bytes, and how many there may be.
    TooLong(usize, usize),
    /// It did not come to its end in time.
    TooSlow,
    /// The answer had not come when the time was over that the task gives.
    GivenUp(Duration),
    /// It is no message, or holds too many values.
    Unreadable(serde_json::Error),
}

impl From<io::Error> for Breach {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Breach::Ended,
            _ if is_timeout(&error) => Breach::TooSlow,
            _ => Breach::Lost(error),
        }
    }
}

/// Waits for a frame as long as it takes, or until the deadline that `from` has; once it has begun, it must come to its
/// end. `None` when the program ended between frames.
pub fn receive<T: DeserializeOwned>(from: &mut Incoming<impl Program>, bound: &Bound) -> Result<Option<T>, Breach> {
    let mut length = [0; 4];
    if from.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    let agreed = from.deadline();
    let frame = body(from, length[0], bound, agreed);
    from.wait_until(agreed);
    let frame = frame?;
    census::count(&frame, bound.values, Prices::EVERY_VALUE).map_err(|why| Breach::Unreadable(why.into()))?;
    serde_json::from_slice(&frame).map(Some).map_err(Breach::Unreadable)
}

fn body(
    from: &mut Incoming<impl Program>,
    first: u8,
    bound: &Bound,
    agreed: Option<Instant>,
) -> Result<Vec<u8>, Breach> {
    let limit = |bytes| [Some(Instant::now() + time_for(bytes)), agreed].into_iter().flatten().min();
    let mut rest = [0; 3];
    from.wait_until(limit(0));
    from.read_exact(&mut rest)?;
    let length = u32::from_be_bytes([first, rest[0], rest[1], rest[2]]) as usize;
    if length > bound.bytes {
        return Err(Breach::TooLong(length, bound.bytes));
    }
    from.wait_until(limit(length));
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests;
