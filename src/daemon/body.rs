//! [`Bodies`]: takes in what clients send, within bounds of size and time.

use super::refusal::Refusal;
use super::turns::{Bounds, Party, Turn, Turns};
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;
use tokio::time::timeout;

/// The largest body, in bytes: a file that is loaded.
const LARGEST: usize = 64 << 20;

/// Larger ones must say their length, and few are taken at a time, so that they cannot fill the memory together.
const LARGE: usize = 64 << 10;

/// So many large ones at a time.
const PLACES: usize = 4;

/// So many large ones of an ordinary caller wait.
const WAITING: usize = 64;

/// Takes in bodies.
pub struct Bodies {
    patience: Duration,
    large: Turns<u32>,
}

impl Bodies {
    /// Each must come within `patience`.
    pub fn new(patience: Duration) -> Self {
        Self { patience, large: Turns::new(Bounds::quarters(PLACES, WAITING)) }
    }

    /// Takes in the whole body of a caller's request. The place of a large one is to be kept until it is dealt with.
    pub async fn whole(
        &self,
        party: Party<u32>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Bytes, Option<Turn<u32>>), Refusal> {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let announced: usize = announced.unwrap_or_default();
        if announced > LARGEST {
            return Err(too_large());
        }
        let is_large = announced > LARGE;
        let place = if is_large { Some(self.large.wait(party).await?) } else { None };
        let body = Limited::new(body, if is_large { LARGEST } else { LARGE });
        match timeout(self.patience, body.collect()).await {
            Ok(Ok(body)) => Ok((body.to_bytes(), place)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Refusal::bad(format!("the request broke off: {error}"))),
            Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the rest of the request did not come in time")),
        }
    }
}

fn too_large() -> Refusal {
    let why = format!(
        "the request is too large: {} MiB is the most, and what has more than {} KiB must say its Content-Length",
        LARGEST >> 20,
        LARGE >> 10
    );
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
}
