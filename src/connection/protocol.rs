//! What controller and agent say to each other: length-prefixed JSON frames over the agent's stdin and stdout.
//!
//! Both sides are built from the same source and matched by content hash, so there is no version negotiation. A frame
//! is its length in bytes as four bytes, big endian, then that many bytes of JSON.

use crate::change::outcome::ItemResult;
use crate::value::Map;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

/// Longest frame that either side accepts: 256 MiB.
pub const MAX_FRAME: usize = 256 << 20;

/// What the agent sends first, before any answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The uid that the agent runs as.
    pub uid: u32,
    /// SHA-256 of the agent's own program file, in hex: a copy that was damaged on the host is told by it.
    pub digest: String,
}

/// One round trip's question: a module over all items of a loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The module's short name.
    pub module: String,
    /// The arguments of each item, templated; a task without loop has one item.
    pub items: Vec<Map>,
    /// Predict instead of doing. The agent keeps one predicted system for the whole run.
    pub check: bool,
    /// The task's `environment`, for programs that the module starts.
    pub environment: Vec<(String, String)>,
}

/// One round trip's answer: one result an item, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// One result an item, in order.
    pub results: Vec<ItemResult>,
}

/// What comes back for a request: the reply, or what the agent says while it dies of a bug.
pub type Answer = Result<Reply, String>;

/// Sends one frame.
pub fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).map_err(|_| io::Error::other("frame too long"))?;
    to.write_all(&[&length.to_be_bytes()[..], &body].concat())?;
    to.flush()
}

/// Receives one frame; `None` when the other side has closed between frames.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::other(format!("frame of {length} bytes is too long")));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}
