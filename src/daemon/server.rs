//! [`Server`]: connections. How many there are, how long they may keep us waiting, and how they end.

use super::caller::Peer;
use super::config::Config;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// Serves connections, wherever they come from.
pub struct Server {
    router: Router,
    places: Arc<Semaphore>,
    most: u32,
    patience: Duration,
    stop: watch::Sender<bool>,
}

impl Server {
    /// One that answers by `router`, with `MaxConnections` and `MessageTimeout`.
    pub fn new(router: Router, config: &Config) -> Arc<Self> {
        let most = u32::try_from(config.max_connections).unwrap_or(u32::MAX);
        let places = Arc::new(Semaphore::new(config.max_connections));
        Arc::new(Self { router, places, most, patience: config.message_timeout, stop: watch::Sender::new(false) })
    }

    /// A place for one more connection; waits while there are too many, `None` once the server stops.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let mut stopping = self.stop.subscribe();
        tokio::select! {
            place = self.places.clone().acquire_owned() => place.ok(),
            _ = stopping.wait_for(|stop| *stop) => None,
        }
    }

    async fn stopped(&self) {
        // An error would mean that the server is gone, which `self` excludes.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Serves one connection to its end. `place` is given back then.
    async fn serve<S>(&self, stream: S, peer: Peer, place: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let answer = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer.clone()));
            hyper::service::Service::call(&answer, request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.patience);
        let stream = TokioIo::new(Patient { stream, patience: self.patience, stuck: None });
        let mut connection = pin!(http.serve_connection(stream, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stopped() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "connection broke");
        }
        drop(place);
    }

    /// Accepts until the server stops.
    pub async fn accept<L>(self: Arc<Self>, mut listener: L)
    where
        L: Listener<Addr = Peer>,
        L::Io: Unpin,
    {
        while let Some(place) = self.place().await {
            let (stream, peer) = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stopped() => return,
            };
            let server = self.clone();
            tokio::spawn(async move { server.serve(stream, peer, place).await });
        }
    }

    /// Ends: nothing new is accepted, idle connections are closed, running requests may finish until the deadline. Says
    /// whether all did.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.stop.send_replace(true);
        timeout(deadline, self.places.acquire_many(self.most)).await.is_ok()
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.most as usize - self.places.available_permits()
    }
}

/// A unix socket; the kernel says who connects.
pub struct Local(pub UnixListener);

impl Listener for Local {
    type Io = tokio::net::UnixStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        loop {
            match self.0.accept().await {
                Ok((stream, _)) => {
                    let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
                    return (stream, Peer::Local(uid));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: it gets better when others leave.
                    tracing::error!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer::Local(None))
    }
}

/// A stream whose other end must take what it is sent: a write that gets nowhere for so long is an error.
struct Patient<S> {
    stream: S,
    patience: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn watched<T>(&mut self, progress: Poll<io::Result<T>>, context: &mut Context) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stuck = None;
            return progress;
        }
        let until = Instant::now() + self.patience;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep_until(until)));
        stuck.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context, into: &mut ReadBuf) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(progress, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(context);
        self.watched(progress, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watched(progress, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::Notify;

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(20);

    /// Answers `/slow` when `go` says so.
    fn server(patience: Duration, go: &Arc<Notify>) -> Arc<Server> {
        let go = go.clone();
        let slow = move || async move {
            go.notified().await;
            "done"
        };
        let router = Router::new().route("/long", get(|| async { "x".repeat(8 << 20) })).route("/slow", get(slow));
        Server::new(router, &Config { max_connections: 4, message_timeout: patience, ..Config::default() })
    }

    async fn connect(server: &Arc<Server>, request: &str) -> DuplexStream {
        let (mut ours, theirs) = duplex(1024);
        let (server, place) = (server.clone(), server.place().await.unwrap());
        tokio::spawn(async move { server.serve(theirs, Peer::Local(Some(1)), place).await });
        ours.write_all(request.as_bytes()).await.unwrap();
        ours
    }

    async fn rest(mut stream: DuplexStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn whoever_keeps_us_waiting_is_disconnected() {
        let server = server(SHORT, &Arc::default());
        assert_eq!(rest(connect(&server, "GET / HTT").await).await, "", "half a request");
        assert_eq!(rest(connect(&server, "").await).await, "", "none");
        let _deaf = connect(&server, "GET /long HTTP/1.1\r\nhost: x\r\n\r\n").await;
        while server.connected() > 0 {
            tokio::time::sleep(SHORT).await;
        }
    }

    #[tokio::test]
    async fn a_stop_lets_requests_finish_until_the_deadline() {
        let asking = "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
        for finished in [true, false] {
            let go = Arc::new(Notify::new());
            let server = server(LONG, &go);
            let (idle, running) = (connect(&server, "").await, connect(&server, asking).await);
            let deadline = if finished { LONG } else { SHORT };
            let draining = {
                let server = server.clone();
                tokio::spawn(async move { server.drain(deadline).await })
            };
            assert_eq!(rest(idle).await, "");
            assert!(server.place().await.is_none());
            if finished {
                go.notify_one();
            }
            assert_eq!(draining.await.unwrap(), finished);
            if finished {
                assert!(rest(running).await.ends_with("done"));
            }
        }
    }
}
