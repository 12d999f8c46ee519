//! A stream of a step on its way through a login node: what comes from one side goes to the other, and so does its end.

use super::super::refusal::Refusal;
use super::super::server::Endless;
use super::super::turns::Turn;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use compute::stream::PROTOCOL;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::atomic::Ordering;
use tokio::io::copy_bidirectional;
use words::people::Uid;

/// Whether a request asks that its connection becomes a stream.
pub fn is_asked(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|name| name.eq_ignore_ascii_case(PROTOCOL))
}

/// The connection of a client who asks for a stream.
pub fn asked(request: &mut Request) -> Option<OnUpgrade> {
    let stream = if is_asked(request.headers()) { request.extensions_mut().remove::<OnUpgrade>() } else { None };
    if let (Some(_), Some(Endless(is_endless))) = (&stream, request.extensions().get()) {
        is_endless.store(true, Ordering::Relaxed);
    }
    stream
}

/// Joins the client's connection to the master's, which has agreed.
pub fn join(
    client: Option<OnUpgrade>,
    answer: &mut hyper::Response<Incoming>,
    turn: Turn<Uid>,
) -> Result<Response, Refusal> {
    let master = hyper::upgrade::on(answer);
    let client = client.ok_or_else(|| Refusal::new(StatusCode::BAD_GATEWAY, "the master answers what nobody asked"))?;
    tokio::spawn(async move {
        let (client, master) = match tokio::try_join!(client, master) {
            Ok(both) => both,
            Err(error) => return tracing::debug!("a connection did not become a stream: {error}"),
        };
        // A side that breaks breaks the other: this one is dropped, not closed.
        if let Err(error) = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(master)).await {
            tracing::debug!("a stream broke: {error}");
        }
        drop(turn);
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, PROTOCOL)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}
