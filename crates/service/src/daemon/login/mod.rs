//! `enlist node`: the service's socket on a login node.
//!
//! A small daemon that listens where `enlist serve` does on the master, takes the caller's user number from the kernel,
//! and forwards each request to the master over TLS, with that number and the name it has here. It forwards any request
//! of the API and knows none of them. Nothing that a client sends can name another user: of its headers, only the two
//! that describe the body go on.

mod link;
mod outage;
mod reserved;
mod through;

use super::body::{Bodies, Kept, OF_OPERATORS, is_for_large, ordinary, waits};
use super::caller::{Peer, UID_HEADER, USER_HEADER};
use super::config::{Config, Network};
use super::log::Logger;
use super::nss::ThisHost;
use super::parties::Parties;
use super::pki::{Directory, Role, now};
use super::refusal::Refusal;
use super::server::{Local, Server};
use super::socket::Socket;
use super::turns::{Bounds, Party, Turn, Turns};
use super::{Reread, notify};
use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::Full;
use hyper::body::{Frame, Incoming};
pub(super) use link::{Failure, Link};
pub(super) use outage::Outage;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind};
use words::diag::Diagnostic;
use words::people::{People, Person, Sought, Uid};

/// Requests of one user at a time.
const REQUESTS_EACH: usize = 16;
/// Requests of this node at a time: fewer than the connections that the master grants a node.
const REQUESTS: usize = 200;
/// Requests of this node at a time that wait for jobs and steps, and streams; a quarter of them of one user.
const MOST_WAITING: usize = 1024;
/// So many requests of one user wait for their turn.
const WAITING: usize = 64;

/// The daemon.
struct Node {
    link: Link,
    bodies: Bodies,
    turns: Turns<Uid>,
    /// Of requests that wait for jobs and steps, and of streams.
    waiting: Turns<Uid>,
    parties: Parties,
    outage: Outage,
}

/// Serves until SIGTERM or SIGINT. SIGHUP reads the configuration again, of which the log's settings take effect.
pub fn serve(config: &Config, reread: Reread) -> Result<(), Diagnostic> {
    let logger = Logger::start(&config.log).map_err(super::host)?;
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    super::open_more_files();
    let node = Node {
        link: Link::new(&config.network, config.message_timeout, Role::Node)?,
        bodies: Bodies::new(config.message_timeout),
        turns: Turns::new(Bounds { each: REQUESTS_EACH, ..Bounds::quarters(REQUESTS, WAITING) }),
        waiting: Turns::new(Bounds::quarters(MOST_WAITING, 0)),
        parties: Parties::new(&config.accounting),
        outage: Outage::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| super::host(format!("cannot start: {error}")))?;
    runtime.block_on(listen(config, Arc::new(node), logger, reread))
}

/// Whether the daemon could start with this configuration and these certificates.
pub fn check(config: &Config) -> Result<(), Diagnostic> {
    Directory::new(&config.network.certificates).check_authority()?;
    Link::new(&config.network, config.message_timeout, Role::Node).map(|_| ())
}

async fn listen(config: &Config, node: Arc<Node>, logger: Logger, reread: Reread) -> Result<(), Diagnostic> {
    let (stopped, hangup) = (super::stop()?, super::heard(SignalKind::hangup())?);
    let (socket, listener) = Socket::bind(&config.socket, "node")?;
    tracing::info!(socket = %config.socket.display(), master = node.link.master(), "ready");
    tokio::spawn(warn_of_the_end(config.network.clone(), Role::Node));
    tokio::spawn(reload_at(hangup, logger, reread));
    let parties = node.parties.clone();
    let server = Server::new(Router::new().fallback(forward).with_state(node), config, parties);
    server.open(Local(listener));
    notify::notify(notify::State::Ready);
    stopped.await;
    notify::notify(notify::State::Stopping);
    server.drain(config.stop_timeout).await;
    socket.remove();
    Ok(())
}

/// Takes on the log's settings at each SIGHUP.
pub(super) async fn reload_at(mut hangup: Signal, logger: Logger, reread: Reread) {
    while hangup.recv().await.is_some() {
        let reloaded = reread().map_err(|error| error.to_string()).and_then(|new| logger.reload(&new.log));
        match reloaded {
            Ok(()) => tracing::info!("the log's settings were read again"),
            Err(error) => tracing::error!("the configuration was not read again: {error}"),
        }
    }
}

/// Once a day, a word in the log when the certificate ends soon.
pub(super) async fn warn_of_the_end(network: Network, role: Role) {
    let directory = Directory::new(&network.certificates);
    loop {
        match directory.identity(role) {
            Ok(own) => {
                let warning = own.certificate.warning("the certificate of this node", now());
                warning.iter().for_each(|warning| tracing::warn!("{warning}"));
            }
            Err(error) => tracing::error!("{error}"),
        }
        tokio::time::sleep(Duration::from_secs(86_400)).await;
    }
}

async fn forward(
    State(node): State<Arc<Node>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let Peer::Local(Some(uid)) = peer else {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "the kernel does not say who you are"));
    };
    let party = node.parties.of(uid).await;
    let waits = waits(request.uri().path());
    let stream = through::asked(&mut request);
    let (request, kept) = node.assert(uid, &party, request).await?;
    let turn = if waits {
        let full = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "you wait for too many jobs and steps already");
        node.waiting.now(party).ok_or_else(full)?
    } else {
        node.turns.wait(party).await?
    };
    let mut answer = node.ask(request).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return through::join(stream, &mut answer, turn);
    }
    let (head, body) = answer.into_parts();
    let mut answer = Response::new(Body::new(Streamed { body, _turns: (turn, kept) }));
    *answer.status_mut() = head.status;
    for kept in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        let value = head.headers.get(&kept).cloned();
        answer.headers_mut().extend(value.map(|value| (kept, value)));
    }
    Ok(answer.into_response())
}

/// What is sent to the master.
type Onward = hyper::Request<Full<hyper::body::Bytes>>;

impl Node {
    /// Asks the master; why it does not answer is in the log, too.
    async fn ask(&self, request: Onward) -> Result<hyper::Response<Incoming>, Refusal> {
        let failure = match self.link.send(request).await {
            Ok(answer) => {
                self.outage.answered().iter().for_each(|news| tracing::info!("{news}"));
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        let (Failure::NotSent(why) | Failure::Lost(why)) = &failure;
        self.outage.failed(why).iter().for_each(|news| tracing::warn!("{news}"));
        Err(match failure {
            Failure::NotSent(why) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("{why}; nothing was done")),
            Failure::Lost(why) => {
                let check = "if it was to change something, look whether it did before you do it again";
                Refusal::new(StatusCode::BAD_GATEWAY, format!("{why}; {check} (`sacctmgr show transaction`)"))
            }
        })
    }

    /// The request as it goes on: its method, path and body, and who sends it; with what it keeps.
    async fn assert(&self, uid: Uid, party: &Party<Uid>, request: Request) -> Result<(Onward, Kept), Refusal> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().filter(|path| path.as_str().starts_with("/v1/"));
        let path = path.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "the service's paths begin with /v1/"))?;
        // Who is an operator, the master knows.
        let most = if is_for_large(path.path()) { OF_OPERATORS } else { ordinary(path.path()) };
        let (body, place) = self.bodies.whole(party.clone(), &head.headers, body, most).await?;
        let kept = self.bodies.keep(path.path(), uid, &body, place)?;
        let sought = tokio::task::spawn_blocking(move || ThisHost.user_numbered(uid)).await;
        let sought = sought.map_err(|error| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
        let user = name_of(uid, sought)?;
        let mut onward = hyper::Request::builder()
            .method(head.method)
            .uri(path.as_str())
            .header(header::HOST, "enlist")
            .header(UID_HEADER, uid.0)
            .header(USER_HEADER, user);
        if through::is_asked(&head.headers) {
            onward = onward.header(header::CONNECTION, "upgrade").header(header::UPGRADE, compute::stream::PROTOCOL);
        }
        for kept in [header::CONTENT_TYPE, header::ACCEPT] {
            if let Some(value) = head.headers.get(&kept) {
                onward = onward.header(kept, value);
            }
        }
        let onward = onward.body(Full::new(body)).map_err(|_| Refusal::bad("this request cannot be forwarded"))?;
        Ok((onward, kept))
    }
}

/// The name of a user who asks; refused when there is none, or nobody knows now.
fn name_of(uid: Uid, sought: Sought<Person>) -> Result<String, Refusal> {
    let user = sought.known()?.ok_or_else(|| {
        let why = format!("user number {uid} has no name on this host; ask for an account");
        Refusal::new(StatusCode::FORBIDDEN, why)
    })?;
    Ok(user.name)
}

/// An answer on its way through; the request's places are free again when it has passed.
struct Streamed {
    body: Incoming,
    _turns: (Turn<Uid>, Kept),
}

impl hyper::body::Body for Streamed {
    type Data = hyper::body::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
