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
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use words::people::Uid;

/// Whether a request asks that its connection becomes a stream.
pub fn is_asked(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|name| name.eq_ignore_ascii_case(PROTOCOL))
}

/// The connection of a client who asks for a stream.
pub fn asked(request: &mut Request) -> Option<Asked> {
    if !is_asked(request.headers()) {
        return None;
    }
    let endless = request.extensions().get().cloned();
    Some(Asked { client: request.extensions_mut().remove::<OnUpgrade>()?, endless })
}

/// A client's connection that may become a stream.
pub struct Asked {
    client: OnUpgrade,
    endless: Option<Endless>,
}

/// Joins the client's connection to the master's, which has agreed.
pub fn join(
    client: Option<Asked>,
    answer: &mut hyper::Response<Incoming>,
    turn: Turn<Uid>,
) -> Result<Response, Refusal> {
    let master = hyper::upgrade::on(answer);
    let nobody = || Refusal::new(StatusCode::BAD_GATEWAY, "the master answers what nobody asked");
    let Asked { client, endless } = client.ok_or_else(nobody)?;
    endless.iter().for_each(Endless::begin);
    tokio::spawn(async move {
        let (client, master) = match tokio::try_join!(client, master) {
            Ok(both) => both,
            Err(error) => return tracing::debug!("a connection did not become a stream: {error}"),
        };
        // A master that breaks breaks the client: that one is dropped, not closed. A client of this host that breaks is gone, and
        // the master is told so in good order.
        let mut client = Process(TokioIo::new(client));
        if let Err(error) = copy_bidirectional(&mut client, &mut TokioIo::new(master)).await {
            tracing::debug!("a stream broke: {error}");
        }
        drop(turn);
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, PROTOCOL)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// The connection of a process of this host: it breaks only when the process is gone, which is an end like any other.
struct Process<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Process<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into).map(|read| read.or(Ok(())))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Process<S> {
    /// What is for one that is gone goes nowhere.
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, from).map(|written| written.or(Ok(from.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context).map(|flushed| flushed.or(Ok(())))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context).map(|ended| ended.or(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::net::UnixStream;

    /// One that is killed with output that it has not read: the kernel says "connection reset".
    #[tokio::test]
    async fn a_process_that_is_killed_in_the_middle_ends_the_other_side_in_good_order() {
        let ((mut srun, client), (mut to_master, mut master)) = (UnixStream::pair().unwrap(), duplex(64));
        let carried = tokio::spawn(async move { copy_bidirectional(&mut Process(client), &mut to_master).await });
        srun.write_all(b"half").await.unwrap();
        master.write_all(b"output").await.unwrap();
        let mut half = [0; 4];
        master.read_exact(&mut half).await.unwrap();
        srun.readable().await.unwrap();
        drop(srun);
        assert_eq!(master.read(&mut half).await.unwrap(), 0, "the master hears the end, and no break");
        master.shutdown().await.unwrap();
        assert!(carried.await.unwrap().is_ok());
    }
}
