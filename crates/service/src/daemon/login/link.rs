//! A node's connections to the master: kept open between requests, made again when they are gone.

use super::reserved::{self, Port};
use crate::daemon::body::waits;
use crate::daemon::config::Network;
use crate::daemon::pki::tls::{Reloaded, client, explain};
use crate::daemon::pki::{Directory, Role};
use crate::daemon::tls::tune;
use axum::http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::oneshot::{Receiver, channel};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use words::diag::{Diagnostic, ErrorKind};

/// How long connecting may take, the handshake included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a master that is there may leave bytes unacknowledged before the connection counts as cut.
const PATIENCE: Duration = Duration::from_secs(12);

type Connection = SendRequest<Full<Bytes>>;

/// The way to the master.
pub struct Link {
    host: String,
    port: u16,
    name: ServerName<'static>,
    config: Reloaded<ClientConfig>,
    /// Open connections, from which port they come, and when they were used; busy ones too: those say themselves when they are
    /// ready again.
    open: Mutex<Vec<(Connection, Port, Instant)>>,
    /// How long an unused connection is good. The master closes it after MessageTimeout, and a request must not meet
    /// that.
    keep: Duration,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request did not reach the master; nothing was done. The text says why and what to do.
    NotSent(String),
    /// The connection was lost after the request was sent: it may have been carried out.
    Lost(String),
}

impl Link {
    /// To the master that the configuration names, with this node's certificate of a role. The master closes connections that
    /// were not used for `most_idle`.
    pub fn new(network: &Network, most_idle: Duration, role: Role) -> Result<Self, Diagnostic> {
        let (host, port) = (network.master.clone(), network.port);
        let name = ServerName::try_from(host.clone()).map_err(|_| {
            let message = format!("AccountingStorageHost={host} is no name that a certificate can have");
            Diagnostic::new(ErrorKind::Input, message)
        })?;
        let config = Reloaded::new(&Directory::new(&network.certificates), role, client)?;
        let keep = most_idle / 2;
        Ok(Self { host, port, name, config, open: Mutex::default(), keep })
    }

    /// The master, as messages name it.
    pub fn master(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Sends a request and waits for the head of the answer. A request is sent again only if it surely did not reach
    /// the master, as on a connection that it has closed meanwhile.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let port = port_for(request.uri().path());
        loop {
            let (mut connection, ended) = match self.idle(port) {
                Some(connection) => (connection, None),
                None => self.connect(port).await.map(|(connection, ended)| (connection, Some(ended)))?,
            };
            let is_fresh = ended.is_some();
            match connection.try_send_request(request).await {
                Ok(answer) => {
                    // Its certificate may have been revoked: the next request comes with the one that is here then.
                    let is_stream = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
                    if answer.status() != StatusCode::FORBIDDEN && !is_stream {
                        self.lock().push((connection, port, Instant::now()));
                    }
                    return Ok(answer);
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !is_fresh => request = unsent,
                    Some(_) => return Err(Failure::NotSent(self.why(&real(error.into_error(), ended).await))),
                    None => return Err(self.lost(&real(error.into_error(), ended).await, is_fresh)),
                },
            }
        }
    }

    /// Sends a request over a connection of its own; where the answer is `101`, what follows on it is the caller's
    /// ([`hyper::upgrade::on`]).
    pub async fn upgrade(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let stream = self.dial_in_time(Port::Any).await?;
        let (mut sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| Failure::NotSent(self.why(&error)))?;
        tokio::spawn(async move {
            // Its error is the request's, too.
            let _ = connection.with_upgrades().await;
        });
        sender.send_request(request).await.map_err(|error| self.lost(&error, true))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Port, Instant)>> {
        self.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn idle(&self, from: Port) -> Option<Connection> {
        let mut open = self.lock();
        open.retain(|(connection, _, used)| {
            !connection.is_closed() && (!connection.is_ready() || used.elapsed() < self.keep)
        });
        let ready = open.iter().position(|(connection, port, _)| *port == from && connection.is_ready())?;
        Some(open.swap_remove(ready).0)
    }

    /// A new connection, and how it will have ended if not well.
    async fn connect(&self, from: Port) -> Result<(Connection, Receiver<hyper::Error>), Failure> {
        let stream = self.dial_in_time(from).await?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| Failure::NotSent(self.why(&error)))?;
        let (tell, ended) = channel();
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!("a connection to the master ended: {error}");
                // Mostly nobody asks.
                let _ = tell.send(error);
            }
        });
        Ok((sender, ended))
    }

    async fn dial_in_time(&self, from: Port) -> Result<TlsStream<TcpStream>, Failure> {
        let dialled = tokio::time::timeout(CONNECT, self.dial(from)).await;
        let stream = dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        stream.map_err(|error| Failure::NotSent(self.unreachable(&error)))
    }

    async fn dial(&self, from: Port) -> io::Result<TlsStream<TcpStream>> {
        let stream = reserved::connect(&self.host, self.port, from).await?;
        tune(&stream, PATIENCE)?;
        TlsConnector::from(self.config.get()).connect(self.name.clone(), stream).await
    }

    fn unreachable(&self, error: &io::Error) -> String {
        let master = self.master();
        match explain(error, &format!("the master {master}"), "this node's certificate") {
            Some(why) => why,
            None => format!(
                "cannot reach the master {master}: {error}; see there that `enlist serve` runs with ListenAddress \
                 (systemctl status enlist-serve), and that no firewall is between"
            ),
        }
    }

    /// A master refuses a certificate only after this side has finished its part of the handshake, so the reason may
    /// come as the first answer.
    fn why(&self, error: &hyper::Error) -> String {
        match cause(error) {
            Some(error) => self.unreachable(error),
            None => format!("the master {} closed the connection: {error}", self.master()),
        }
    }

    fn lost(&self, error: &hyper::Error, is_fresh: bool) -> Failure {
        let refused = cause(error)
            .and_then(|error| explain(error, &format!("the master {}", self.master()), "this node's certificate"));
        match refused {
            Some(why) if is_fresh => Failure::NotSent(why),
            _ => Failure::Lost(format!("the connection to the master {} was lost: {}", self.master(), root(error))),
        }
    }
}

/// What waits, or becomes a stream, keeps its connection for long: a host has too few reserved ports for that.
fn port_for(path: &str) -> Port {
    if waits(path) { Port::Any } else { Port::Reserved }
}

/// Why a request failed: where it was only dropped with its connection, that one's error.
async fn real(error: hyper::Error, ended: Option<Receiver<hyper::Error>>) -> hyper::Error {
    match ended {
        Some(ended) if cause(&error).is_none() => {
            tokio::time::timeout(CONNECT, ended).await.ok().and_then(Result::ok).unwrap_or(error)
        }
        _ => error,
    }
}

/// The error of the connection below HTTP.
fn cause(error: &hyper::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

/// What lies at the bottom of an error.
fn root(error: &hyper::Error) -> String {
    cause(error).map_or_else(|| error.to_string(), io::Error::to_string)
}
