//! [`Refusal`]: why a request is not answered, as HTTP says it.

use super::turns::Full;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use words::people::Unanswered;

/// Why a request is not answered: `{"error": …}`.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The reason, and what to do.
    pub why: String,
    /// After so many seconds it may go better.
    retry_after: Option<u32>,
}

impl Refusal {
    /// With this status.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), retry_after: None }
    }

    /// The request cannot be meant.
    pub fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// The caller asks for too much at a time.
    pub fn busy(why: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, why) }
    }
}

impl From<Full> for Refusal {
    fn from(Full { places, waiting }: Full) -> Self {
        Self::busy(format!(
            "you have {waiting} requests waiting behind those under way ({places} at a time); nothing was done, ask again \
             when some are answered"
        ))
    }
}

impl From<super::caller::Refusal> for Refusal {
    fn from((status, why): super::caller::Refusal) -> Self {
        Self::new(status, why)
    }
}

impl From<Unanswered> for Refusal {
    fn from(why: Unanswered) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{why}; nothing was done, ask again later"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let retry = self.retry_after.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
        (self.status, retry, axum::Json(json!({ "error": self.why }))).into_response()
    }
}
