//! Bodies in JSON, read within a bound: what is small on the wire may be large in memory, such as a million empty words.
//!
//! Their values are counted before any is kept. All but the smallest are read on one thread, one after another, so that
//! many at a time need no more memory than one, and what the allocator keeps for next time is kept once.

use super::body::ORDINARY;
use super::http::Answer;
use super::precedence::stand_back;
use super::refusal::Refusal;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use words::value::census::{self, Prices, Uncounted};

/// What the values of an ordinary body may cost together, in units of some 24 bytes. So 10,000 changes are possible, and
/// the worst body of 1 MiB needs some 20 MB.
const MOST: usize = 400_000;

/// The same for the larger bodies that operators may send.
const MOST_OF_OPERATORS: usize = 6_000_000;

/// What values cost in these units: an object has a table, a list some room for each element.
const PRICES: Prices = Prices { mapping: 7, element: 2, line: 0 };

/// Bodies of so many bytes are read at once, wherever that is.
const SMALL: usize = 4 << 10;

/// Refuses a body that does not say that it is JSON.
pub fn expect(headers: &HeaderMap) -> Answer<()> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let why = "the body must be JSON; say Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    Ok(())
}

/// Reads a body that is small or refused, on any thread.
pub fn small<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    if body.len() > SMALL {
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the request has more than {SMALL} bytes")));
    }
    read(body, MOST)
}

/// Where bodies are read.
pub struct Reader(Mutex<Sender<Box<dyn FnOnce() + Send>>>);

impl Reader {
    /// Starts the thread; it ends when this is dropped.
    pub fn start() -> io::Result<Self> {
        let (sender, tasks) = channel::<Box<dyn FnOnce() + Send>>();
        let work = move || {
            stand_back();
            tasks.into_iter().for_each(|task| drop(catch_unwind(AssertUnwindSafe(task))));
        };
        std::thread::Builder::new().name("reader".into()).spawn(work)?;
        Ok(Self(Mutex::new(sender)))
    }

    /// Reads a body and makes of it what is to be kept, which should be small. To be called in the caller's turn, on its
    /// thread, which waits.
    pub fn read<T, R>(&self, body: Bytes, make: impl FnOnce(T) -> Answer<R> + Send + 'static) -> Answer<R>
    where
        T: DeserializeOwned,
        R: Send + 'static,
    {
        if body.len() <= SMALL || body.len() > ORDINARY {
            return read(&body, most(&body)).and_then(make);
        }
        self.read_ordinary(body, make)
    }

    /// [`Reader::read`] of a body that may be long and holds no more values than an ordinary one: few long texts.
    pub fn read_ordinary<T, R>(&self, body: Bytes, make: impl FnOnce(T) -> Answer<R> + Send + 'static) -> Answer<R>
    where
        T: DeserializeOwned,
        R: Send + 'static,
    {
        let (told, made) = sync_channel(1);
        let task = move || {
            let read = read(&body, MOST);
            drop(body);
            // Whoever asked waits for it.
            let _ = told.send(read.and_then(make));
        };
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).send(Box::new(task));
        let bug = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "a bug in enlist serve: this body cannot be read");
        sent.ok().and_then(|()| made.recv().ok()).unwrap_or_else(|| Err(bug()))
    }
}

/// What the values of a body may cost.
fn most(body: &[u8]) -> usize {
    if body.len() > ORDINARY { MOST_OF_OPERATORS } else { MOST }
}

/// Reads a body, after its values were counted without being kept.
fn read<T: DeserializeOwned>(body: &[u8], most: usize) -> Answer<T> {
    let bad = |error: serde_json::Error| Refusal::bad(format!("the body cannot be read: {error}"));
    census::count(body, most, PRICES).map_err(|why| match why {
        Uncounted::TooMany(_) => {
            let why = "the request holds too many words and values; use several";
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
        }
        Uncounted::NoJson(error) => bad(error),
    })?;
    serde_json::from_slice(body).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn values_are_counted_before_they_are_kept() {
        let list = |of: &str, count: usize| format!("[{}]", vec![of; count].join(","));
        let status = |text: String| {
            read::<Value>(text.as_bytes(), most(text.as_bytes())).map(drop).map_err(|refusal| refusal.status)
        };
        assert_eq!(status(list("\"\"", 133_000)), Ok(()));
        assert_eq!(status(list("\"\"", 134_000)), Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(status(list("\"\"", 7_000_000)), Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(status(list("{\"a\":0}", 30_000)), Ok(()));
        assert_eq!(status(list("{\"a\":0}", 34_000)), Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(status(list("{}", 39_999)), Ok(()));
        assert_eq!(status(list("{}", 40_000)), Err(StatusCode::PAYLOAD_TOO_LARGE));
        for bad in ["", "[1,", "\u{1}", "{\"a\" 1}", &"[".repeat(1000)] {
            assert_eq!(status(bad.to_owned()), Err(StatusCode::BAD_REQUEST), "{bad:?}");
        }
    }
}
