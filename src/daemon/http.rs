//! What is answered to an HTTP request. Who asks is said by [`Caller`] alone.

use super::api::{ImportEvents, ImportJobs, Request};
use super::body::Bodies;
use super::caller::Caller;
use super::import::import;
use super::metrics::{Metrics, Outcome};
use super::refusal::Refusal;
use super::server::Server;
use super::service::Service;
use super::streamed::{self, Streamed};
use super::turns::{Party, Turn};
use super::work::Work;
use super::{admission, changes, commands, resources};
use crate::accounting::{Output, command};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path as UrlPath, RawQuery, Request as HttpRequest, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::{get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// The most bytes that the words of one command may have together.
const MAX_WORDS: usize = 1 << 20;

/// What handlers share.
pub struct App {
    /// Answers commands.
    pub service: Service,
    /// Counts them.
    pub metrics: Metrics,
    /// Runs them.
    pub work: Work,
    /// The file of the store, whose size is shown.
    pub store: std::path::PathBuf,
    /// Knows how many are connected.
    pub server: OnceLock<Arc<Server>>,
    /// Takes in what clients send.
    bodies: Bodies,
}

impl App {
    /// One with nothing counted.
    pub fn new(service: Service, config: &super::config::Config) -> Arc<Self> {
        let (bodies, store) = (Bodies::new(config.message_timeout), config.store.clone());
        let (metrics, server, work) = (Metrics::default(), OnceLock::new(), Work::default());
        Arc::new(Self { service, metrics, work, store, server, bodies })
    }

    /// The caller as one who shares places with others.
    pub fn party(&self, caller: &Caller) -> Party<u32> {
        let is_privileged = !caller.is_ordinary && self.service.world().is_privileged(caller.uid);
        Party { who: caller.uid, is_privileged }
    }

    /// Finds out who asks, then takes in the whole request, before anything is done. The place of a large one is to be
    /// kept until it is answered.
    async fn admit(&self, request: HttpRequest) -> Answer<(HttpRequest, Option<Turn<u32>>)> {
        let (mut head, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut head, &()).await?;
        let (body, place) = self.bodies.whole(self.party(&caller), &head.headers, body).await?;
        head.extensions.insert(caller);
        Ok((HttpRequest::from_parts(head, Body::from(body)), place))
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
        .route("/v1/import/events", post(import::<ImportEvents>))
        .route("/v1/import/jobs", post(import::<ImportJobs>))
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

/// An answer, or why there is none.
pub(super) type Answer<T> = Result<T, Refusal>;

/// Admits a request; counts and logs it afterwards.
async fn receive(State(app): State<Arc<App>>, request: HttpRequest, next: Next) -> HttpResponse {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = match app.admit(request).await {
        Ok((request, _place)) => next.run(request).await,
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

/// Milliseconds since then.
pub(super) fn millis(begun: Instant) -> u64 {
    begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}

/// Reads a JSON body.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Answer<T> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let why = "the body must be JSON; say Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("the body cannot be read: {error}")))
}

/// `POST /v1/slurm/COMMAND`: one of [`commands::COMMANDS`].
async fn slurm(
    State(app): State<Arc<App>>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<HttpResponse> {
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
    let (party, begun, mine) = (app.party(&caller), Instant::now(), app.clone());
    let command = move |out: Output| {
        let (argv, rehearsal) = (shown(&request.argv), request.rehearse.is_some());
        let reads = rehearsal || command::only_reads(&request.argv) || ["sacct", "sreport", "sshare"].contains(&&*name);
        let message = command::statistics::message(&name, &request.argv);
        let said = answer(&mine.service, caller.who(), request, out);
        mine.service.stats().request(message, caller.uid, begun.elapsed());
        // Here, so that a change is told even when its client has left meanwhile.
        if !reads && said.question.is_none() {
            let (uid, user, ms) = (caller.uid, mine.service.caller(caller.who()).name, millis(begun));
            let (code, revision) = (said.code, said.revision);
            tracing::info!(uid, user, node = caller.node, command = name, argv, code, revision, ms, "change");
        }
        said
    };
    match streamed::run(&app.work, party, command).await? {
        Streamed::Whole(said) => Ok(answered(&said, if said.code == 0 { Outcome::Done } else { Outcome::Refused })),
        Streamed::Pieces(body) => Ok(([(CONTENT_TYPE, "application/json")], body).into_response()),
    }
}

/// An answer in JSON, and how the request ended.
pub(super) fn answered(body: &impl Serialize, outcome: Outcome) -> HttpResponse {
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
    let batch: changes::Batch = read(&headers, &body)?;
    drop(body);
    let commands = batch.commands().map_err(Refusal::bad)?;
    let (party, begun, mine) = (app.party(&caller), Instant::now(), app.clone());
    let apply = move || {
        let (count, first) = (commands.len(), shown(commands.first().map_or(&[], Vec::as_slice)));
        let answer = changes::apply(&mine.service, caller.who(), commands, batch.dry_run)?;
        if !batch.dry_run {
            let (uid, user, ms) = (caller.uid, mine.service.caller(caller.who()).name, millis(begun));
            let (done, revision) = (answer.failed.is_none(), answer.revision);
            tracing::info!(
                uid,
                user,
                node = caller.node,
                command = "changes",
                count,
                first,
                done,
                revision,
                ms,
                "change"
            );
        }
        Ok(answer)
    };
    let answer = app.work.run(party, apply).await?;
    let answer = answer.map_err(|why: String| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    let done = answer.failed.is_none();
    let mut answer = answered(&answer, if done { Outcome::Done } else { Outcome::Refused });
    if !done {
        *answer.status_mut() = StatusCode::CONFLICT;
    }
    Ok(answer)
}

/// `POST /v1/admission`: see [`admission`].
async fn admit(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<HttpResponse> {
    let (party, mine, ask) = (app.party(&caller), app.clone(), read::<admission::Ask>(&headers, &body)?);
    let answer = app.work.run(party, move || mine.service.admission(caller.who(), &ask)).await?;
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
    let query = resources::Query::parse(resource, query.as_deref().unwrap_or_default()).map_err(Refusal::bad)?;
    let (party, mine) = (app.party(&caller), app.clone());
    let page = app.work.run(party, move || resources::list(resource, &mine.service, caller.who(), &query)).await?;
    match page {
        Ok(page) => Ok(answered(&page, Outcome::Done)),
        Err(why) => Err(Refusal::new(StatusCode::FORBIDDEN, why)),
    }
}

/// `GET /v1/health`: whether the store can be read, and what was changed last.
async fn health(State(app): State<Arc<App>>, caller: Caller) -> Answer<HttpResponse> {
    let mine = app.clone();
    let health = app.work.run(app.party(&caller), move || mine.service.health()).await?;
    let health = health.map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    Ok(answered(&health, Outcome::Done))
}

/// `GET /metrics`: for Prometheus.
async fn metrics(State(app): State<Arc<App>>, caller: Caller) -> Answer<HttpResponse> {
    let mine = app.clone();
    let text = app.work.run(app.party(&caller), move || super::metrics::page(&mine)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_and_terminals_are_told() {
        assert_eq!(shown(&["add".into(), "a\n\u{1b}[2J".into()]), r#"["add", "a\n\u{1b}[2J"]"#);
        assert!(shown(&["x".repeat(2000)]).ends_with("… (2004 bytes)"));
        assert_eq!(command_of("/v1/slurm/sacctmgr"), "sacctmgr");
        assert_eq!(command_of("/v1/slurm/rm"), "other");
    }
}
