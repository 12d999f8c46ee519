//! [`Server`]: connections. How many there are, how long they may keep us waiting, and how they end.

use super::caller::Peer;
use super::config::Config;
use super::parties::Parties;
use super::turns::{Bounds, Party, Turns};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{Shutdown, shutdown};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use words::people::Uid;

/// Serves connections, wherever they come from.
pub struct Server {
    router: Router,
    places: Arc<Semaphore>,
    most: u32,
    /// The same places, as far as each may have them.
    shares: Turns<Origin>,
    parties: Parties,
    patience: Duration,
    stop: watch::Sender<bool>,
    /// The tasks that accept.
    doors: Mutex<Vec<JoinHandle<()>>>,
}

/// Where connections come from, as far as their number goes.
type Origin = Result<Uid, String>;

/// What one is told who has too many.
const BUSY: &str = "{\"error\":\"you have too many connections open; close some, then try again\"}";

/// A connection, as far as its end is concerned.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether [`Stream::hear_no_more`] does something. If not, an end of what the other end sends is its end.
    const CAN_CLOSE: bool = false;

    /// Refuses what the other end sends from now on, so that it knows that nothing became of it. What it sent before can
    /// still be read.
    fn hear_no_more(&self) {}

    /// Resolves when the other end is gone, not when it only has nothing more to say. Only needed with
    /// [`Stream::CAN_CLOSE`]: otherwise HTTP sees it.
    fn gone(&self) -> impl Future<Output = ()> + Send + 'static {
        std::future::pending()
    }
}

impl Stream for UnixStream {
    const CAN_CLOSE: bool = true;

    fn hear_no_more(&self) {
        // Who sends to a unix socket whose other end does not read gets EPIPE; what is under way stays readable.
        let _ = shutdown(self.as_raw_fd(), Shutdown::Read);
    }

    fn gone(&self) -> impl Future<Output = ()> + Send + 'static {
        // The kernel tells of a hang-up whatever one is interested in; this interest hears of nothing else.
        let watched = self.as_fd().try_clone_to_owned();
        #[expect(
            deprecated,
            reason = "the other way in is `unsafe`; an OwnedFd stays open as long as it is registered"
        )]
        let watched = watched.and_then(|end| AsyncFd::with_interest(end, Interest::PRIORITY));
        async move {
            while let Ok(watched) = &watched {
                match watched.ready(Interest::PRIORITY).await {
                    Ok(mut told) if !told.ready().is_read_closed() => told.clear_ready(),
                    Ok(_) => return,
                    Err(_) => break,
                }
            }
            std::future::pending().await
        }
    }
}

/// Where connections come in.
pub trait Door: Listener<Addr = Peer, Io: Stream> + 'static {
    /// Closes it, and gives those who stand before it already.
    fn close(&mut self) -> Vec<(Self::Io, Peer)> {
        Vec::new()
    }
}

impl Server {
    /// One that answers by `router`, with `MaxConnections` and `MessageTimeout`; `parties` share them.
    pub fn new(router: Router, config: &Config, parties: Parties) -> Arc<Self> {
        let most = u32::try_from(config.max_connections).unwrap_or(u32::MAX);
        let places = Arc::new(Semaphore::new(config.max_connections));
        let shares = Turns::new(Bounds::quarters(config.max_connections, 0));
        Arc::new(Self {
            router,
            places,
            most,
            shares,
            parties,
            patience: config.message_timeout,
            stop: watch::Sender::new(false),
            doors: Mutex::default(),
        })
    }

    /// A place for one more connection; waits while there are too many, `None` once the server stops.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let mut stopping = self.stop.subscribe();
        tokio::select! {
            place = self.places.clone().acquire_owned() => place.ok(),
            _ = stopping.wait_for(|stop| *stop) => None,
        }
    }

    /// Resolves when the server stops.
    pub async fn stopped(&self) {
        // An error would mean that the server is gone, which `self` excludes.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Serves one connection to its end, which also is the end of what it asked for. `place` is given back then.
    async fn serve<S: Stream>(&self, stream: S, peer: Peer, place: impl Send) {
        let gone = stream.gone();
        let answer = TowerToHyperService::new(self.router.clone());
        let endless = Endless::default();
        let is_endless = endless.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer.clone()));
            request.extensions_mut().insert(is_endless.clone());
            hyper::service::Service::call(&answer, request)
        });
        let mut http = http1::Builder::new();
        // Half closed, so that a request which was read is answered when nothing is heard any more.
        http.timer(TokioTimer::new()).header_read_timeout(self.patience).half_close(S::CAN_CLOSE);
        let ear = Some(self.stop.subscribe());
        let stream = TokioIo::new(Patient { stream, patience: self.patience, stuck: None, ear, endless });
        let mut connection = pin!(http.serve_connection(stream, service).with_upgrades());
        let served = async {
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = self.stopped() => {}
            }
            // A unix socket hears no more once it is polled: what was sent before that is read and answered.
            if !S::CAN_CLOSE {
                connection.as_mut().graceful_shutdown();
            }
            connection.await
        };
        tokio::select! {
            ended = served => ended.unwrap_or_else(|error| tracing::trace!(%error, "connection broke")),
            () = gone => tracing::trace!("the client left"),
        }
        drop(place);
    }

    /// Accepts by this door until the server stops.
    pub fn open<D: Door>(self: &Arc<Self>, door: D) {
        let accepting = tokio::spawn(self.clone().accept(door));
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).push(accepting);
    }

    async fn accept<D: Door>(self: Arc<Self>, mut door: D) {
        while let Some(place) = self.place().await {
            let (stream, peer) = tokio::select! {
                accepted = door.accept() => accepted,
                () = self.stopped() => break,
            };
            self.clone().begin(stream, peer, place);
        }
        for (stream, peer) in door.close() {
            let Ok(place) = self.places.clone().try_acquire_owned() else { return };
            self.clone().begin(stream, peer, place);
        }
    }

    fn begin(self: Arc<Self>, stream: impl Stream, peer: Peer, place: OwnedSemaphorePermit) {
        tokio::spawn(async move {
            let party = self.party(&peer).await;
            match self.shares.now(party) {
                Some(share) => self.serve(stream, peer, (place, share)).await,
                None => drop(timeout(self.patience, turn_away(stream, place)).await),
            }
        });
    }

    async fn party(&self, peer: &Peer) -> Party<Origin> {
        match peer {
            Peer::Local(Some(uid)) => {
                let Party { who, is_privileged } = self.parties.of(*uid).await;
                Party { who: Ok(who), is_privileged }
            }
            Peer::Local(None) => Party { who: Err(String::new()), is_privileged: false },
            Peer::Node(node) => Party { who: Err(node.name().to_owned()), is_privileged: false },
        }
    }

    /// Ends: nothing new is accepted, idle connections are closed, requests that were sent may finish until the deadline.
    /// Says whether all did.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.stop.send_replace(true);
        let doors = std::mem::take(&mut *self.doors.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async {
            for door in doors {
                // One that panicked lets nobody in either.
                let _ = door.await;
            }
            let _ = self.places.acquire_many(self.most).await;
        };
        timeout(deadline, all).await.is_ok()
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.most as usize - self.places.available_permits()
    }
}

/// Says to one who has too many connections that this is so.
async fn turn_away(mut stream: impl Stream, _place: OwnedSemaphorePermit) {
    let head =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close";
    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{BUSY}", BUSY.len());
    // Who does not want to hear it is turned away as well.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A unix socket; the kernel says who connects.
pub struct Local(pub UnixListener);

impl Listener for Local {
    type Io = UnixStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        loop {
            match self.0.accept().await {
                Ok((stream, _)) => {
                    let peer = peer(&stream);
                    return (stream, peer);
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

impl Door for Local {
    fn close(&mut self) -> Vec<(UnixStream, Peer)> {
        // From now on connecting is refused; accepting gives those in the queue, then would wait.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Read);
        let Ok(queue) = self.0.as_fd().try_clone_to_owned() else { return Vec::new() };
        let queue = std::os::unix::net::UnixListener::from(queue);
        let accepted = queue.incoming().map_while(Result::ok).map(|stream| {
            stream.set_nonblocking(true)?;
            let stream = UnixStream::from_std(stream)?;
            let peer = peer(&stream);
            Ok((stream, peer))
        });
        accepted.collect::<io::Result<_>>().unwrap_or_default()
    }
}

fn peer(stream: &UnixStream) -> Peer {
    Peer::Local(stream.peer_cred().ok().map(|credentials| Uid(credentials.uid())))
}

/// Whether a connection may keep us waiting for as long as it likes, as one that became a stream.
#[derive(Clone, Default)]
pub struct Endless(Arc<AtomicBool>);

impl Endless {
    /// It became a stream. Not before that is answered: who only asks is as bound as others.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A stream whose other end must take what it is sent: a write that gets nowhere for so long is an error.
struct Patient<S> {
    stream: S,
    patience: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
    /// Says when the server stops; none once it has.
    ear: Option<watch::Receiver<bool>>,
    endless: Endless,
}

impl<S> Patient<S> {
    fn watched<T>(&mut self, progress: Poll<io::Result<T>>, context: &mut Context) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stuck = None;
            return progress;
        }
        if self.endless.0.load(Ordering::Relaxed) {
            self.stuck = None;
            return progress;
        }
        let until = Instant::now() + self.patience;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep_until(until)));
        stuck.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: Stream> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context, into: &mut ReadBuf) -> Poll<io::Result<()>> {
        let is_stream = self.endless.0.load(Ordering::Relaxed);
        if !is_stream && self.ear.as_ref().is_some_and(|stop| *stop.borrow()) {
            self.stream.hear_no_more();
            self.ear = None;
        }
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
        let config = Config { max_connections: 400, message_timeout: patience, ..Config::default() };
        Server::new(router, &config, Parties::new(&config.accounting))
    }

    impl Stream for DuplexStream {}

    async fn connect(server: &Arc<Server>, request: &str) -> DuplexStream {
        let (mut ours, theirs) = duplex(1024);
        let (server, place) = (server.clone(), server.place().await.unwrap());
        tokio::spawn(async move { server.serve(theirs, Peer::Local(Some(Uid(1))), place).await });
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

    #[tokio::test]
    async fn what_was_sent_before_the_stop_is_answered_and_the_rest_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let asking = b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n";
        let clients: Vec<_> = (0..20).map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap()).collect();
        for mut client in &clients[..10] {
            std::io::Write::write_all(&mut client, asking).unwrap();
        }
        // Nobody was accepted yet when the stop comes.
        let server = server(LONG, &Arc::default());
        server.open(Local(UnixListener::from_std(listener).unwrap()));
        let draining = {
            let server = server.clone();
            tokio::spawn(async move { server.drain(LONG).await })
        };
        for (number, client) in clients.into_iter().enumerate() {
            client.set_nonblocking(true).unwrap();
            let mut client = UnixStream::from_std(client).unwrap();
            let mut text = String::new();
            client.read_to_string(&mut text).await.unwrap();
            assert_eq!(text.len() > 8 << 20, number < 10, "{number}: {} bytes", text.len());
            assert!(client.write_all(asking).await.is_err());
        }
        assert!(draining.await.unwrap());
        let refused = std::os::unix::net::UnixStream::connect(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
