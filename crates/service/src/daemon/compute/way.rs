//! [`Way`]: how a compute node's requests reach the master: over TLS, or over the service's socket where it is this host.

use crate::daemon::config::Config;
use crate::daemon::login::{Failure, Link};
use crate::daemon::pki::{Directory, Role};
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;
use words::diag::Diagnostic;

/// The longest answer: many scripts of 4 MB.
const LONGEST: usize = 256 << 20;

/// Where the master is.
pub enum Way {
    /// Another host.
    Net(Link),
    /// This one.
    Local(PathBuf),
}

/// Why there is no answer that can be used.
pub enum Trouble {
    /// The session is over.
    Over,
    /// In words.
    Unanswered(String),
}

fn unanswered(error: impl Display) -> Trouble {
    Trouble::Unanswered(error.to_string())
}

fn lost(failure: Failure) -> Trouble {
    let (Failure::NotSent(why) | Failure::Lost(why)) = failure;
    Trouble::Unanswered(why)
}

impl Way {
    /// With this node's certificate, or to the service's socket.
    pub fn new(config: &Config, local: bool) -> Result<Self, Diagnostic> {
        if local {
            return Ok(Way::Local(config.socket.clone()));
        }
        Directory::new(&config.network.certificates).check_authority()?;
        Link::new(&config.network, config.message_timeout, Role::Compute).map(Way::Net)
    }

    /// The master, as messages name it.
    pub fn master(&self) -> String {
        match self {
            Way::Net(link) => link.master(),
            Way::Local(socket) => socket.display().to_string(),
        }
    }

    /// Sends a value and reads the answer; both within `patience`.
    pub async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        value: &impl Serialize,
        patience: Duration,
    ) -> Result<A, Trouble> {
        let body = serde_json::to_vec(value).map_err(unanswered)?;
        let asked = timeout(patience, self.ask(path, body)).await;
        let late = || Trouble::Unanswered(format!("{} did not answer {path} in time", self.master()));
        serde_json::from_slice(&asked.map_err(|_| late())??).map_err(|error| {
            Trouble::Unanswered(format!("{} answered something else to {path}: {error}", self.master()))
        })
    }

    /// Sends a value, and gives the connection on which it went, which speaks `protocol` from there on; within `patience`.
    pub async fn upgrade(
        &self,
        path: &str,
        value: &impl Serialize,
        protocol: &str,
        patience: Duration,
    ) -> Result<TokioIo<Upgraded>, Trouble> {
        let late = || Trouble::Unanswered(format!("{} did not answer {path} in time", self.master()));
        let asked = timeout(patience, self.ask_for(path, serde_json::to_vec(value).map_err(unanswered)?, protocol));
        asked.await.map_err(|_| late())?.map(TokioIo::new)
    }

    async fn ask_for(&self, path: &str, body: Vec<u8>, protocol: &str) -> Result<Upgraded, Trouble> {
        let mut request = request(path, body)?;
        request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(header::UPGRADE, protocol.parse().map_err(unanswered)?);
        let answer = match self {
            Way::Net(link) => link.upgrade(request).await.map_err(lost)?,
            Way::Local(socket) => send(socket, request).await?,
        };
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            self.read(path, answer).await?;
            return Err(Trouble::Unanswered(format!("{} does not switch protocols for {path}", self.master())));
        }
        hyper::upgrade::on(answer).await.map_err(unanswered)
    }

    async fn ask(&self, path: &str, body: Vec<u8>) -> Result<Bytes, Trouble> {
        let request = request(path, body)?;
        let answer = match self {
            Way::Net(link) => link.send(request).await.map_err(lost)?,
            Way::Local(socket) => send(socket, request).await?,
        };
        self.read(path, answer).await
    }

    async fn read(&self, path: &str, answer: Response<Incoming>) -> Result<Bytes, Trouble> {
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(unanswered)?.to_bytes();
        match status {
            StatusCode::GONE => Err(Trouble::Over),
            status if status.is_success() => Ok(body),
            status => {
                let why = String::from_utf8_lossy(&body);
                Err(Trouble::Unanswered(format!("{} refuses {path}: {status}: {why}", self.master())))
            }
        }
    }
}

fn request(path: &str, body: Vec<u8>) -> Result<Request<Full<Bytes>>, Trouble> {
    Request::post(path)
        .header(header::HOST, "enlist")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(unanswered)
}

/// A connection a request: there are few, and the master is this host.
async fn send(socket: &Path, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Trouble> {
    let cannot =
        |error: &dyn Display| Trouble::Unanswered(format!("cannot reach the service at {}: {error}", socket.display()));
    let stream = UnixStream::connect(socket).await.map_err(|error| cannot(&error))?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| cannot(&error))?;
    tokio::spawn(async move {
        // Its error is the request's, too.
        let _ = connection.with_upgrades().await;
    });
    sender.send_request(request).await.map_err(|error| cannot(&error))
}
