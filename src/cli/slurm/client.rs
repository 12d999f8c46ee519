//! One request to the service over its unix socket.

use crate::daemon::api::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::Path;
use tokio::net::UnixStream;

/// Asks the service for one of Slurm's commands; the error is a text for people, what to do included.
pub fn ask(socket: &Path, command: &str, request: &Request) -> Result<Response, String> {
    post(socket, &format!("/v1/slurm/{command}"), request)
}

/// Sends a request to a place of the service's and reads the answer; the error is a text for people.
pub fn post<A: DeserializeOwned>(socket: &Path, place: &str, request: &impl Serialize) -> Result<A, String> {
    let body = serde_json::to_vec(request).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let answer = runtime.block_on(exchange(socket, place, body))?;
    serde_json::from_slice(&answer).map_err(|error| format!("the accounting service answered something else: {error}"))
}

async fn exchange(socket: &Path, place: &str, body: Vec<u8>) -> Result<Bytes, String> {
    let stream = UnixStream::connect(socket).await.map_err(|error| unreachable_service(socket, &error))?;
    let lost = |error: hyper::Error| format!("the accounting service did not answer: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    tokio::spawn(connection);
    let http = hyper::Request::post(place)
        .header("host", "enlist")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(http).await.map_err(lost)?;
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(lost)?.to_bytes();
    if matches!(status.as_u16(), 502 | 503) {
        // The node's daemon says in full why there is no answer of the master.
        return Err(String::from_utf8_lossy(&body).trim().to_owned());
    }
    if !status.is_success() {
        return Err(format!("the accounting service refused: {status}: {}", reason(&body)));
    }
    Ok(body)
}

/// `{"error": …}`, or else the text as it is.
fn reason(body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error.and_then(|body| body["error"].as_str().map(str::to_owned));
    error.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

fn unreachable_service(socket: &Path, error: &std::io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            "start `enlist serve` on this host (`enlist node` on a login node), or name its socket in ENLIST_SOCKET"
        }
        _ => "see that the socket can be reached by you",
    };
    format!("no accounting service on {}: {error}; {remedy}", socket.display())
}
