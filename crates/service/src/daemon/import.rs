//! `POST /v1/import/…`: lists that another site made, taken in.

use super::api::{ImportEvents, ImportJobs, ImportedEvents, ImportedJobs};
use super::caller::{Caller, Who};
use super::http::{Answer, App, answered};
use super::json;
use super::metrics::Outcome;
use super::service::Service;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Instant;

/// A chunk of such a list.
pub trait Import: DeserializeOwned + Send + 'static {
    /// What became of it.
    type Told: Serialize + Send;
    /// What the log calls it.
    const NAME: &'static str;

    /// Takes it in.
    fn take_in(self, service: &Service, who: Who) -> Self::Told;

    /// How many records are new or changed, and whether it was refused.
    fn sum(told: &Self::Told) -> (u64, bool);
}

impl Import for ImportEvents {
    type Told = ImportedEvents;
    const NAME: &'static str = "import events";

    fn take_in(self, service: &Service, who: Who) -> ImportedEvents {
        service.import_events(who, self)
    }

    fn sum(told: &ImportedEvents) -> (u64, bool) {
        (told.added + told.changed, told.refused.is_some())
    }
}

impl Import for ImportJobs {
    type Told = ImportedJobs;
    const NAME: &'static str = "import jobs";

    fn take_in(self, service: &Service, who: Who) -> ImportedJobs {
        service.import_jobs(who, self)
    }

    fn sum(told: &ImportedJobs) -> (u64, bool) {
        (told.added + told.changed, told.refused.is_some())
    }
}

/// Answers such a request.
pub async fn import<I: Import>(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    json::expect(&headers)?;
    let (party, begun, mine) = (app.party(&caller).await, Instant::now(), app.clone());
    let take_in = move || {
        let request: I = mine.reader.read(body, Ok)?;
        let told = request.take_in(&mine.service, caller.who());
        let (count, _) = I::sum(&told);
        if count > 0 {
            let (uid, user, ms) = (caller.uid.0, mine.service.name_of(caller.who()), super::http::millis(begun));
            tracing::info!(uid, user, node = caller.node, command = I::NAME, count, ms, "change");
        }
        Answer::Ok(told)
    };
    let told = app.work.run(party, take_in).await??;
    Ok(answered(&told, if I::sum(&told).1 { Outcome::Refused } else { Outcome::Done }))
}
