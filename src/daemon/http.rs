//! What is answered to an HTTP request. Who asks is said by [`Caller`] alone.

use super::api::{ImportEvents, ImportJobs, Request};
use super::caller::Caller;
use super::metrics::{Metrics, Outcome};
use super::server::Server;
use super::service::Service;
use super::streamed::{self, Streamed};
use super::{admission, changes, commands, resources};
use crate::accounting::command;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path as UrlPath, RawQuery, Request as HttpRequest, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::{get, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The largest request, in bytes: a file that is loaded.
pub const MAX_REQUEST: usize = 64 << 20;

/// Larger ones are taken one at a time, so that they cannot fill the memory together.
const LARGE: usize = 1 << 20;

/// The most bytes that the words of one command may have together.
const MAX_WORDS: usize = 1 << 20;

/// What handlers share.
pub struct App {
    /// Answers commands.
    pub service: Service,
    /// Counts them.
    pub metrics: Metrics,
    /// How long a client may take to send a request.
    pub patience: Duration,
    /// The file of the store, whose size is shown.
    pub store: std::path::PathBuf,
    /// Knows how many are connected.
    pub server: OnceLock<Arc<Server>>,
    /// Lets large requests in.
    pub large: Semaphore,
}

impl App {
    /// One with nothing counted.
    pub fn new(service: Service, config: &super::config::Config) -> Arc<Self> {
        let (patience, store) = (config.message_timeout, config.store.clone());
        let (metrics, server, large) = (Metrics::default(), OnceLock::new(), Semaphore::new(1));
        Arc::new(Self { service, metrics, patience, store, server, large })
    }
}

/// Every path; `docs/openapi.json` lists them too (see [`super::openapi`]).
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/v1/health", get(health))
        .route("/v1/openapi.json", get(async || axum::Json(super::openapi::document())))
        .route("/metrics", get(metrics))
        .route("/v1/slurm/{command}", post(slurm))
        .route("/v1/changes", post(change))
        .route("/v1/import/events", post(import_events))
        .route("/v1/import/jobs", post(import_jobs))
        .route("/v1/admission", post(admit));
    for resource in resources::ALL {
        let list = |app, caller, query| list(resource, app, caller, query);
        router = router.route(&format!("/v1/{}", resource.name), get(list));
    }
    router
        .fallback(|| async {
            Refusal::new(StatusCode::NOT_FOUND, "there is no such path; docs/openapi.json lists them")
        })
        .method_not_allowed_fallback(|| async {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method; see docs/openapi.json")
        })
        // `receive` has its own bound.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), receive))
        .with_state(app)
}

/// Why a request is not answered: `{"error": …}`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    /// With this status.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }

    /// The request cannot be meant.
    pub fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> HttpResponse {
        (self.status, axum::Json(json!({ "error": self.why }))).into_response()
    }
}

type Answer<T> = Result<T, Refusal>;

/// Takes in the whole request, within bounds of size and time, before anything is done; counts and logs it afterwards.
async fn receive(State(app): State<Arc<App>>, request: HttpRequest, next: Next) -> HttpResponse {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = match whole(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let status = answer.status();
    let outcome = answer.extensions().get::<Outcome>().copied().unwrap_or(match status.is_success() {
        true => Outcome::Done,
        false => Outcome::Rejected,
    });
    app.metrics.count(command_of(&path), outcome, begun.elapsed());
    tracing::debug!(%method, path, status = status.as_u16(), ms = millis(begun), "request");
    answer
}

/// The label of a path in metrics: few, whatever is asked.
fn command_of(path: &str) -> &'static str {
    let last = path.rsplit('/').next().unwrap_or_default();
    let known = ["health", "openapi.json", "metrics", "changes", "jobs", "admission"].into_iter();
    let commands = commands::COMMANDS.iter().map(|(name, _)| *name);
    let mut names = known.chain(commands).chain(resources::ALL.iter().map(|resource| resource.name));
    names.find(|name| *name == last).unwrap_or("other")
}

fn millis(begun: Instant) -> u64 {
    begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}

async fn whole(app: &App, request: HttpRequest) -> Answer<HttpRequest> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let announced: usize = announced.unwrap_or_default();
    let limit = if announced > LARGE { MAX_REQUEST } else { LARGE };
    let too_large = || {
        let why = format!(
            "the request is too large: {} MiB is the most, and what has more than 1 MiB must say its Content-Length",
            MAX_REQUEST >> 20
        );
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    if announced > MAX_REQUEST {
        return Err(too_large());
    }
    let (head, body) = request.into_parts();
    let collect = async {
        let _place = if announced > LARGE { app.large.acquire().await.ok() } else { None };
        timeout(app.patience, Limited::new(body, limit).collect()).await
    };
    match collect.await {
        Ok(Ok(body)) => Ok(HttpRequest::from_parts(head, Body::from(body.to_bytes()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::bad(format!("the request broke off: {error}"))),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the rest of the request did not come in time")),
    }
}

/// Reads a JSON body.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Answer<T> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let why = "the body must be JSON; say Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("the body cannot be read: {error}")))
}

/// Runs blocking work; a panic in it is answered, and everything else goes on.
async fn work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.map_err(panicked)
}

/// What is answered when a command panicked.
pub(super) fn panicked(error: tokio::task::JoinError) -> Refusal {
    tracing::error!(%error, "a command panicked");
    let bug = "a bug in enlist serve stopped this command; nothing was changed";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, bug)
}

/// `POST /v1/slurm/COMMAND`: one of [`commands::COMMANDS`].
async fn slurm(
    State(app): State<Arc<App>>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<HttpResponse> {
    let (uid, who) = (caller.uid, caller.who());
    let Some(answer) = commands::named(&name) else {
        let why = "this service does not know the command; is it older than the client?";
        return Err(Refusal::new(StatusCode::NOT_FOUND, why));
    };
    let request: Request = read(&headers, &body)?;
    drop(body);
    let words = request.rehearse.iter().flatten().chain([&request.argv]);
    if words.into_iter().any(|argv| argv.iter().map(String::len).sum::<usize>() > MAX_WORDS) {
        let why = "the command is too long: 1 MiB is the most; use several commands, or load a file";
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    let begun = Instant::now();
    let (argv, rehearsal) = (shown(&request.argv), request.rehearse.is_some());
    let reads = rehearsal || command::only_reads(&request.argv) || ["sacct", "sreport", "sshare"].contains(&&*name);
    let said = {
        let app = app.clone();
        match streamed::run(move |out| answer(&app.service, who, request, out)).await? {
            Streamed::Whole(said) => said,
            Streamed::Pieces(body) => return Ok(([(CONTENT_TYPE, "application/json")], body).into_response()),
        }
    };
    if !reads && said.question.is_none() {
        let user = app.service.caller(who).name;
        let (code, revision) = (said.code, said.revision);
        tracing::info!(
            uid,
            user,
            node = caller.node,
            command = name,
            argv,
            code,
            revision,
            ms = millis(begun),
            "change"
        );
    }
    Ok(answered(&said, if said.code == 0 { Outcome::Done } else { Outcome::Refused }))
}

fn answered(body: &impl Serialize, outcome: Outcome) -> HttpResponse {
    let mut answer = axum::Json(body).into_response();
    answer.extensions_mut().insert(outcome);
    answer
}

/// A command line as the log shows it: on one line, without control characters, not too long.
fn shown(argv: &[String]) -> String {
    const LONGEST: usize = 500;
    let line = format!("{argv:?}");
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}… ({} bytes)", &line[..cut], line.len()),
        None => line,
    }
}

/// `POST /v1/changes`: see [`changes`].
async fn change(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<HttpResponse> {
    let (uid, who) = (caller.uid, caller.who());
    let batch: changes::Batch = read(&headers, &body)?;
    let commands = batch.commands().map_err(Refusal::bad)?;
    let begun = Instant::now();
    let rehearsal = batch.dry_run;
    let (count, first) = (commands.len(), shown(commands.first().map_or(&[], Vec::as_slice)));
    let answer = {
        let app = app.clone();
        work(move || changes::apply(&app.service, who, commands, rehearsal)).await?
    };
    let answer = answer.map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    let done = answer.failed.is_none();
    if !rehearsal {
        let (user, revision) = (app.service.caller(who).name, answer.revision);
        tracing::info!(
            uid,
            user,
            node = caller.node,
            command = "changes",
            count,
            first,
            done,
            revision,
            ms = millis(begun),
            "change"
        );
    }
    let mut answer = answered(&answer, if done { Outcome::Done } else { Outcome::Refused });
    if !done {
        *answer.status_mut() = StatusCode::CONFLICT;
    }
    Ok(answer)
}

/// `POST /v1/import/events`: see [`ImportEvents`].
async fn import_events(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<HttpResponse> {
    let (uid, who) = (caller.uid, caller.who());
    let request: ImportEvents = read(&headers, &body)?;
    drop(body);
    let begun = Instant::now();
    let told = {
        let app = app.clone();
        work(move || app.service.import_events(who, request)).await?
    };
    let (user, count) = (app.service.caller(who).name, told.added + told.changed);
    if count > 0 {
        tracing::info!(uid, user, node = caller.node, command = "import events", count, ms = millis(begun), "change");
    }
    Ok(answered(&told, if told.refused.is_none() { Outcome::Done } else { Outcome::Refused }))
}

/// `POST /v1/import/jobs`: see [`ImportJobs`].
async fn import_jobs(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<HttpResponse> {
    let (uid, who) = (caller.uid, caller.who());
    let request: ImportJobs = read(&headers, &body)?;
    drop(body);
    let begun = Instant::now();
    let told = {
        let app = app.clone();
        work(move || app.service.import_jobs(who, request)).await?
    };
    let (user, count) = (app.service.caller(who).name, told.added + told.changed);
    if count > 0 {
        tracing::info!(uid, user, node = caller.node, command = "import jobs", count, ms = millis(begun), "change");
    }
    Ok(answered(&told, if told.refused.is_none() { Outcome::Done } else { Outcome::Refused }))
}

/// `POST /v1/admission`: see [`admission`].
async fn admit(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<HttpResponse> {
    let (who, ask) = (caller.who(), read::<admission::Ask>(&headers, &body)?);
    let answer = work(move || app.service.admission(who, &ask)).await?;
    let answer = answer.map_err(|refusal| match refusal {
        admission::Refusal::Bad(why) => Refusal::bad(why),
        admission::Refusal::Denied(why) => Refusal::new(StatusCode::FORBIDDEN, why),
        admission::Refusal::Broken(why) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why),
    })?;
    Ok(answered(&answer, Outcome::Done))
}

/// `GET /v1/RESOURCE`: see [`resources`].
async fn list(
    resource: &'static resources::Resource,
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer<HttpResponse> {
    let who = caller.who();
    let query = resources::Query::parse(resource, query.as_deref().unwrap_or_default()).map_err(Refusal::bad)?;
    let page = work(move || resources::list(resource, &app.service, who, &query)).await?;
    match page {
        Ok(page) => Ok(answered(&page, Outcome::Done)),
        Err(why) => Err(Refusal::new(StatusCode::FORBIDDEN, why)),
    }
}

/// `GET /v1/health`: whether the store can be read, and what was changed last.
async fn health(State(app): State<Arc<App>>) -> Answer<HttpResponse> {
    let health = work(move || app.service.health()).await?;
    let health = health.map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    Ok(answered(&health, Outcome::Done))
}

/// `GET /metrics`: for Prometheus.
async fn metrics(State(app): State<Arc<App>>) -> Answer<HttpResponse> {
    let text = work(move || super::metrics::page(&app)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered() {
        let refusal = work(|| -> u8 { panic!("as a test does") }).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(refusal.why.contains("a bug in enlist serve"));
    }

    #[test]
    fn what_the_log_and_terminals_are_told() {
        assert_eq!(shown(&["add".into(), "a\n\u{1b}[2J".into()]), r#"["add", "a\n\u{1b}[2J"]"#);
        assert!(shown(&["x".repeat(2000)]).ends_with("… (2004 bytes)"));
        assert_eq!(command_of("/v1/slurm/sacctmgr"), "sacctmgr");
        assert_eq!(command_of("/v1/slurm/rm"), "other");
    }
}
