//! [`Bodies`]: takes in what clients send, within bounds of size and time.

use super::budget::{Budget, Held, Most};
use super::refusal::Refusal;
use super::turns::{Bounds, Party, Turn, Turns};
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use words::people::Uid;

/// The largest body that anybody may send, in bytes.
pub const ORDINARY: usize = 1 << 20;

/// The largest body of operators, in bytes: a piece of an import, or a file that is loaded.
pub const OF_OPERATORS: usize = 64 << 20;

/// The largest body of a job that is submitted, in bytes: script and environment, as JSON writes them.
const OF_JOBS: usize = 16 << 20;

/// Where jobs are submitted.
pub const SUBMIT: &str = "/v1/jobs/submit";

/// Where one waits for a job.
pub const WAIT: &str = "/v1/jobs/wait";

/// Where steps are started.
pub const CREATE: &str = "/v1/steps/create";

/// Where what steps read and write goes.
pub const STREAM: &str = "/v1/steps/stream";

/// Whether requests of a path wait for something that may take long, and hold up nobody's others meanwhile.
pub fn waits(path: &str) -> bool {
    [WAIT, CREATE, STREAM].contains(&path)
}

/// Larger ones must say their length, and few are taken at a time, so that they cannot fill the memory together.
const LARGE: usize = 64 << 10;

/// So many large ones at a time.
const PLACES: usize = 4;

/// So many at a time that are larger than [`ORDINARY`].
const HUGE_PLACES: usize = 4;

/// So many large ones of an ordinary caller wait.
const WAITING: usize = 64;

/// The most bytes that requests which wait keep in memory.
const KEPT: Most = Most { each: 32 << 20, all: 256 << 20, least: LARGE };

/// What a request has while it is dealt with.
pub struct Kept {
    /// A place among the large ones, if it is one.
    _place: Option<Turn<Uid>>,
    /// Its bytes, of one that waits: a place would be lacking for too long.
    _bytes: Option<Held>,
}

/// Takes in bodies.
pub struct Bodies {
    patience: Duration,
    kept: Arc<Budget>,
    large: Turns<Uid>,
    huge: Turns<Uid>,
}

impl Bodies {
    /// Each must come within `patience`.
    pub fn new(patience: Duration) -> Self {
        let turns = |places| Turns::new(Bounds::quarters(places, WAITING));
        Self { patience, kept: Budget::new(KEPT), large: turns(PLACES), huge: turns(HUGE_PLACES) }
    }

    /// What a request to a path keeps while it is dealt with, whose body is there. One that may wait for long gives its place back.
    pub fn keep(&self, path: &str, user: Uid, body: &Bytes, place: Option<Turn<Uid>>) -> Result<Kept, Refusal> {
        if path != CREATE {
            return Ok(Kept { _place: place, _bytes: None });
        }
        let held = self.kept.hold(user, body.len());
        let full =
            || Refusal::busy("steps that wait have too much memory already; it is tried again when some have started");
        Ok(Kept { _place: None, _bytes: Some(held.ok_or_else(full)?) })
    }

    /// Takes in the whole body of a caller's request, of at most so many bytes. The place of a large one is to be kept
    /// until it is dealt with.
    pub async fn whole(
        &self,
        party: Party<Uid>,
        headers: &HeaderMap,
        body: Body,
        most: usize,
    ) -> Result<(Bytes, Option<Turn<Uid>>), Refusal> {
        let announced = announced(headers);
        if announced > most {
            return Err(too_large());
        }
        let place = if announced > ORDINARY {
            Some(self.huge.wait(party).await?)
        } else if announced > LARGE {
            Some(self.large.wait(party).await?)
        } else {
            None
        };
        let body = Limited::new(body, announced.max(LARGE));
        match timeout(self.patience, body.collect()).await {
            Ok(Ok(body)) => Ok((body.to_bytes(), place)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Refusal::bad(format!("the request broke off: {error}"))),
            Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the rest of the request did not come in time")),
        }
    }
}

/// The length that a request says that its body has; 0 if it says none.
pub fn announced(headers: &HeaderMap) -> usize {
    headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or_default()
}

/// The largest body that anybody may send to a path, in bytes; login nodes and the master go by the same.
pub fn ordinary(path: &str) -> usize {
    if path == SUBMIT || path == CREATE { OF_JOBS } else { ORDINARY }
}

/// Whether a path takes bodies of [`OF_OPERATORS`]: imports, and the command that loads files.
pub fn is_for_large(path: &str) -> bool {
    path.starts_with("/v1/import/") || path == "/v1/slurm/sacctmgr"
}

fn too_large() -> Refusal {
    let why = format!(
        "the request is too large: {} MiB is the most (for jobs {} MiB, for imports and loads of operators {} MiB), and what \
         has more than {} KiB must say its Content-Length",
        ORDINARY >> 20,
        OF_JOBS >> 20,
        OF_OPERATORS >> 20,
        LARGE >> 10
    );
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
}
