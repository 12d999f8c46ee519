//! What controller and agent say to each other: length-prefixed JSON frames over the agent's stdin and stdout.
//!
//! Both sides are built from the same source and matched by content hash, so there is no version negotiation. A frame
//! is its length in bytes as four bytes, big endian, then that many bytes of JSON.
//!
//! An agent takes what its controller asks. A controller takes from a host what it asked for and no more: each request
//! states the [`Bound`] of its answer, the agent keeps to it, and whoever sends more is no agent of ours.

use crate::change::outcome::ItemResult;
use crate::identity::Uid;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;
use words::value::Map;
use words::value::census::{self, Prices};

/// Longest request: 256 MiB. An agent trusts its controller; the bound is against accidents.
pub const MAX_REQUEST: usize = 256 << 20;

/// How large one answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Length of its frame in bytes.
    pub bytes: usize,
    /// What `value::census` counts in it.
    pub values: usize,
}

impl Bound {
    /// Of most answers: 16 MiB and 300,000 values.
    pub const USUAL: Bound = Bound { bytes: 16 << 20, values: 300_000 };

    /// Of modules that list what a host has, one mapping an entry: 32 MiB and a million values.
    pub const LISTING: Bound = Bound { bytes: 32 << 20, values: 1_000_000 };

    /// The same for so many items of a loop: whoever asks for thousands gets 16 KiB and 300 values for each.
    pub fn with_items(self, count: usize) -> Bound {
        let more = |least: usize, each: usize| least.max(count.saturating_mul(each));
        Bound { bytes: more(self.bytes, 16 << 10), values: more(self.values, 300) }
    }

    /// What of `frame` is beyond it, in words.
    pub fn refusal(&self, frame: &[u8]) -> Option<String> {
        if frame.len() > self.bytes {
            return Some(format!("{} bytes are more than {}", frame.len(), self.bytes));
        }
        census::count(frame, self.values, Prices::EVERY_VALUE).err().map(|error| error.to_string())
    }
}

/// What the agent sends first, before any answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The uid that the agent runs as.
    pub uid: Uid,
    /// SHA-256 of the agent's own program file, in hex: a copy that was damaged on the host is told by it.
    pub digest: String,
}

/// One round trip's question: a module over all items of a loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRequest {
    /// The module's short name.
    pub module: String,
    /// The arguments of each item, templated; a task without loop has one item.
    pub items: Vec<Map>,
    /// Predict instead of doing. The agent keeps one predicted system for the whole run.
    pub check: bool,
    /// The task's `environment`, for programs that the module starts.
    pub environment: Vec<(String, String)>,
    /// The directory that the account files are in, if they are not those of the host itself in `/etc`: a NIS master's sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_in: Option<PathBuf>,
    /// How large the answer may be.
    pub bound: Bound,
    /// How long the controller waits for the answer; as long as it takes if `None`. The agent is not told.
    #[serde(skip)]
    pub patience: Option<Duration>,
}

/// One round trip's answer: one result an item, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentReply {
    /// One result an item, in order.
    pub results: Vec<ItemResult>,
}

/// What comes back for a request: the reply, or what the agent says while it dies of a bug.
pub type AgentAnswer = Result<AgentReply, String>;

/// One frame, with its length before it.
pub fn frame<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    if length > MAX_REQUEST {
        return Err(io::Error::other(format!("a frame of {length} bytes is longer than {MAX_REQUEST}")));
    }
    frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(frame)
}

/// Sends one frame.
pub fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    to.write_all(&frame(message)?)?;
    to.flush()
}

/// Receives a controller's frame; `None` when the other side has closed between frames. Whoever listens to a host uses
/// `connection::answer`.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_REQUEST {
        return Err(io::Error::other(format!("frame of {length} bytes is too long")));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}
