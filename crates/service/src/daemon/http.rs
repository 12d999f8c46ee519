//! What is answered to an HTTP request. Who asks is said by [`Caller`] alone.

use super::api::{AskWhy, ImportEvents, ImportJobs, Request, SubmitJob};
use super::body::{self, Bodies, Kept, OF_OPERATORS, SUBMIT};
use super::caller::Caller;
use super::controller::submit::NotSubmitted;
use super::controller::{interactive, nodes};
use super::import::import;
use super::json;
use super::metrics::{Metrics, Outcome};
use super::parties::Parties;
use super::refusal::Refusal;
use super::server::Server;
use super::service::Service;
use super::streamed::{self, Streamed};
use super::streams::{self, Streams};
use super::turns::{Bounds, Party, Turns};
use super::work::Work;
use super::{admission, changes, programs, resources};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path as UrlPath, RawQuery, Request as HttpRequest, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::{get, post};
use commands::{Output, SlurmProgram, sacctmgr};
use scheduling::job::Allocating;
use serde::Serialize;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use words::people::Uid;

/// The most bytes that the words of one command may have together: twice what Linux lets a program have in one word.
const MAX_WORDS: usize = 256 << 10;

/// The most words that one command may have, with each name of its lists: each that cannot be meant is a complaint.
const MOST_WORDS: usize = 25_000;

/// So many requests wait for a job or a step at a time; a quarter of them of one user.
const MOST_WAITING: usize = 8192;

/// What handlers share.
pub struct App {
    /// Answers commands.
    pub service: Arc<Service>,
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
    /// Reads it.
    pub reader: json::Reader,
    /// Tells callers apart where they share places.
    pub parties: Parties,
    /// Requests of compute nodes that change something, by the node's name.
    pub nodes: Turns<String>,
    /// Requests that wait for a job or a step.
    pub waiting: Turns<Uid>,
    /// What tasks of steps read and write.
    pub streams: Streams,
}

impl App {
    /// One with nothing counted.
    pub fn new(service: Service, config: &super::config::Config) -> std::io::Result<Arc<Self>> {
        let (bodies, store) = (Bodies::new(config.message_timeout), config.store.clone());
        let (metrics, server, work) = (Metrics::default(), OnceLock::new(), Work::default());
        let (reader, parties) = (json::Reader::start()?, Parties::new(&config.accounting));
        let (nodes, waiting) = (Turns::new(nodes::BOUNDS), Turns::new(Bounds::quarters(MOST_WAITING, 0)));
        let (service, streams) = (Arc::new(service), Streams::default());
        Ok(Arc::new(Self { service, metrics, work, store, server, bodies, reader, parties, nodes, waiting, streams }))
    }

    /// Resolves when the service stops: who waits is to be answered then.
    pub async fn stopping(&self) {
        match self.server.get() {
            Some(server) => server.stopped().await,
            None => std::future::pending().await,
        }
    }

    /// The caller as one who shares places with others.
    pub async fn party(&self, caller: &Caller) -> Party<Uid> {
        let party = self.parties.of(caller.uid).await;
        Party { is_privileged: party.is_privileged && !caller.is_ordinary, ..party }
    }

    /// The most bytes that a request may have.
    async fn most_bytes(self: &Arc<Self>, caller: &Caller, party: &Party<Uid>, head: &Parts) -> Answer<usize> {
        let ordinary = body::ordinary(head.uri.path());
        if body::announced(&head.headers) <= ordinary || !body::is_for_large(head.uri.path()) {
            return Ok(ordinary);
        }
        let (mine, who) = (self.clone(), caller.who());
        // Whom nobody knows now is refused what they ask for; it need not be large.
        let is_operator =
            move || mine.service.caller(who).is_ok_and(|caller| caller.is_operator(&mine.service.kept().state));
        Ok(if self.work.run(party.clone(), is_operator).await? { OF_OPERATORS } else { ordinary })
    }

    /// Finds out who asks, then takes in the whole request, before anything is done. What it keeps is to be
    /// kept until it is answered.
    async fn admit(self: &Arc<Self>, request: HttpRequest) -> Answer<(HttpRequest, Kept)> {
        let (mut head, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut head, &()).await?;
        let party = self.party(&caller).await;
        let most = self.most_bytes(&caller, &party, &head).await?;
        let (body, place) = self.bodies.whole(party, &head.headers, body, most).await?;
        let kept = self.bodies.keep(head.uri.path(), caller.uid, &body, place)?;
        head.extensions.insert(caller);
        Ok((HttpRequest::from_parts(head, Body::from(body)), kept))
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
        .route("/v1/admission", post(admit))
        .route("/v1/why", post(why))
        .route(SUBMIT, post(submit))
        .route(body::WAIT, post(interactive::wait))
        .route("/v1/jobs/finish", post(interactive::finish))
        .route(body::CREATE, post(interactive::create))
        .route(body::STREAM, post(streams::of_step))
        .route("/v1/node/stream", post(streams::of_node))
        .route("/v1/node/connect", post(nodes::connect))
        .route("/v1/node/register", post(nodes::register))
        .route("/v1/node/orders", post(nodes::orders))
        .route("/v1/node/reports", post(nodes::reports))
        .route("/v1/node/usage", post(nodes::usage));
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
        // `receive` has bounds of its own.
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
        Ok((request, _kept)) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let status = answer.status();
    let outcome = answer.extensions().get::<Outcome>().copied().unwrap_or(if status.is_success() {
        Outcome::Done
    } else {
        Outcome::Rejected
    });
    app.metrics.count(command_of(&path), outcome, begun.elapsed());
    tracing::debug!(%method, path, status = status.as_u16(), ms = millis(begun), "request");
    answer
}

/// The label of a path in metrics: few, whatever is asked.
fn command_of(path: &str) -> &'static str {
    let last = path.rsplit('/').next().unwrap_or_default();
    let known = ["health", "openapi.json", "metrics", "changes", "jobs", "admission", "why", "submit"].into_iter();
    let known =
        known.chain(["connect", "register", "orders", "reports", "usage", "wait", "finish", "create", "stream"]);
    let commands = SlurmProgram::ALL.into_iter().map(SlurmProgram::name);
    let mut names = known.chain(commands).chain(resources::ALL.iter().map(|resource| resource.name));
    names.find(|name| *name == last).unwrap_or("other")
}

/// Milliseconds since then.
pub(super) fn millis(begun: Instant) -> u64 {
    begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}

/// `POST /v1/slurm/COMMAND`: one of [`SlurmProgram::ALL`].
async fn slurm(
    State(app): State<Arc<App>>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<HttpResponse> {
    let Some(program) = SlurmProgram::named(&name) else {
        let why = "this service does not know the command; is it older than the client?";
        return Err(Refusal::new(StatusCode::NOT_FOUND, why));
    };
    json::expect(&headers)?;
    let (party, begun, mine) = (app.party(&caller).await, Instant::now(), app.clone());
    let command = move |out: Output| {
        let request = mine.reader.read(body, bounded)?;
        let argv = shown(&request.argv);
        let message = sacctmgr::statistics::message(program, &request.argv);
        let said = programs::answer(program)(&mine.service, caller.who(), request, out);
        mine.service.stats().request(message, caller.uid, begun.elapsed());
        // Here, so that a change is told even when its client has left meanwhile.
        if said.is_change {
            let (uid, user, ms) = (caller.uid.0, mine.service.name_of(caller.who()), millis(begun));
            let (code, revision) = (said.code, said.revision);
            tracing::info!(uid, user, node = caller.node, command = name, argv, code, revision, ms, "change");
        }
        Ok(said)
    };
    match streamed::run(&app.work, party, command).await? {
        Streamed::Whole(said) => Ok(answered(&said, if said.code == 0 { Outcome::Done } else { Outcome::Refused })),
        Streamed::Pieces(body) => Ok(([(CONTENT_TYPE, "application/json")], body).into_response()),
    }
}

/// A request for one of Slurm's commands, unless it has too many words.
fn bounded(request: Request) -> Answer<Request> {
    if is_long(&request.argv) || request.rehearse.iter().flatten().any(|argv| is_long(argv)) {
        let why = format!(
            "the command is too long: {} KiB is the most, and {MOST_WORDS} words and names in lists; use several commands, or load a file",
            MAX_WORDS >> 10
        );
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    Ok(request)
}

fn is_long(argv: &[String]) -> bool {
    let listed = argv.iter().map(|word| 1 + word.matches(',').count()).sum::<usize>();
    listed > MOST_WORDS || argv.iter().map(String::len).sum::<usize>() > MAX_WORDS
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
    json::expect(&headers)?;
    let (party, begun, mine) = (app.party(&caller).await, Instant::now(), app.clone());
    let apply = move || {
        let commands = |batch: changes::Batch| Ok((batch.commands().map_err(Refusal::bad)?, batch.dry_run));
        let (commands, dry_run) = mine.reader.read(body, commands)?;
        let (count, first) = (commands.len(), shown(commands.first().map_or(&[], Vec::as_slice)));
        let answer = changes::apply(&mine.service, caller.who(), commands, dry_run);
        let answer = answer.map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
        if !dry_run && answer.failed.is_none() {
            let (uid, user, ms) = (caller.uid.0, mine.service.name_of(caller.who()), millis(begun));
            let revision = answer.revision;
            tracing::info!(uid, user, node = caller.node, command = "changes", count, first, revision, ms, "change");
        }
        Answer::Ok(answer)
    };
    let answer = app.work.run(party, apply).await??;
    let done = answer.failed.is_none();
    let mut answer = answered(&answer, if done { Outcome::Done } else { Outcome::Refused });
    if !done {
        *answer.status_mut() = StatusCode::CONFLICT;
    }
    Ok(answer)
}

/// `POST /v1/admission`: see [`admission`].
async fn admit(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<HttpResponse> {
    json::expect(&headers)?;
    let (party, mine) = (app.party(&caller).await, app.clone());
    let say = move || {
        let ask = mine.reader.read(body, |ask: admission::Ask| ask.bounded().map_err(Refusal::bad))?;
        let answer = mine.service.admission(caller.who(), &ask);
        answer.map_err(|refusal| match refusal {
            admission::Refusal::Bad(why) => Refusal::bad(why),
            admission::Refusal::Denied(why) => Refusal::new(StatusCode::FORBIDDEN, why),
            admission::Refusal::Broken(why) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why),
        })
    };
    Ok(answered(&app.work.run(party, say).await??, Outcome::Done))
}

/// `POST /v1/jobs/submit`: see [`super::controller::submit`].
async fn submit(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<HttpResponse> {
    json::expect(&headers)?;
    let (party, begun, mine) = (app.party(&caller).await, Instant::now(), app.clone());
    let take = move || {
        let ask: SubmitJob = mine.reader.read_ordinary(body, Ok)?;
        let is_for_one = ask.request.allocation == Some(Allocating::ForOneStep);
        let said = mine.service.submit(&caller, ask).map_err(|why| match why {
            NotSubmitted::Bad(why) => Refusal::bad(why),
            NotSubmitted::Later(why) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why),
        })?;
        let (uid, user, ms) = (caller.uid.0, mine.service.name_of(caller.who()), millis(begun));
        match (&said.job, &said.refused) {
            (Some(job), _) => tracing::info!(uid, user, node = caller.node, job = job.0, ms, "submitted"),
            (None, refused) => tracing::debug!(uid, user, node = caller.node, refused, ms, "not submitted"),
        }
        Answer::Ok((said, is_for_one))
    };
    let (said, is_for_one) = app.work.run(party, take).await??;
    if let Some(job) = said.job.filter(|_| is_for_one) {
        // Who asked waits for it before long.
        app.service.attendance().come(&app.service, job).answered();
    }
    Ok(answered(&said, if said.refused.is_none() { Outcome::Done } else { Outcome::Refused }))
}

/// `POST /v1/why`: what a job waits for.
async fn why(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer<HttpResponse> {
    json::expect(&headers)?;
    let (party, mine) = (app.party(&caller).await, app.clone());
    let say = move || {
        let ask: AskWhy = mine.reader.read(body, Ok)?;
        mine.service.why(caller.who(), &ask.job).map_err(|why| Refusal::new(StatusCode::NOT_FOUND, why))
    };
    Ok(answered(&app.work.run(party, say).await??, Outcome::Done))
}

/// `GET /v1/RESOURCE`: see [`resources`].
async fn list(
    resource: &'static resources::Resource,
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer<HttpResponse> {
    let query = resources::Query::parse(resource, query.as_deref().unwrap_or_default()).map_err(Refusal::bad)?;
    let (party, mine) = (app.party(&caller).await, app.clone());
    let page = app.work.run(party, move || resources::list(resource, &mine.service, caller.who(), &query)).await??;
    Ok(answered(&page, Outcome::Done))
}

/// `GET /v1/health`: whether the store can be read, and what was changed last. It takes no turn: see [`super::checkup`].
async fn health(State(app): State<Arc<App>>) -> Answer<HttpResponse> {
    let health = app.service.health().await.map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    Ok(answered(&health, Outcome::Done))
}

/// `GET /metrics`: for Prometheus.
async fn metrics(State(app): State<Arc<App>>, caller: Caller) -> Answer<HttpResponse> {
    let mine = app.clone();
    let text = app.work.run(app.party(&caller).await, move || super::metrics::page(&mine)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::Config;
    use crate::daemon::work::COMMANDS_AT_ONCE;
    use crate::store::Store;

    #[tokio::test]
    async fn a_health_check_waits_for_nobodys_command() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("a.db")).unwrap();
        let config = Config::default();
        let app = App::new(Service::start(store, &config).unwrap(), &config).unwrap();
        let root = Party { who: Uid::ROOT, is_privileged: true };
        let mut running = Vec::new();
        for _ in 0..COMMANDS_AT_ONCE {
            running.push(app.work.begin(root.clone()).await.unwrap());
        }
        tokio::select! {
            answer = health(State(app.clone())) => assert_eq!(answer.unwrap().status(), StatusCode::OK),
            () = tokio::time::sleep(std::time::Duration::from_secs(60)) => panic!("it waits for a place"),
        }
        assert_eq!(app.work.counts(), (running.len(), 0));
    }

    #[test]
    fn what_the_log_and_terminals_are_told() {
        assert_eq!(shown(&["add".into(), "a\n\u{1b}[2J".into()]), r#"["add", "a\n\u{1b}[2J"]"#);
        assert!(shown(&["x".repeat(2000)]).ends_with("… (2004 bytes)"));
        assert_eq!(command_of("/v1/slurm/sacctmgr"), "sacctmgr");
        assert_eq!(command_of("/v1/slurm/rm"), "other");
    }
}
