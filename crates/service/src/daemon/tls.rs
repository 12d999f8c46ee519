//! The door for login nodes: TCP with TLS 1.3, certificates on both sides.
//!
//! Handshakes run beside each other and have little time, so that no slow or silent client keeps others out. Only when
//! one has succeeded is the connection handed to HTTP.

use super::caller::{Node, Peer, Rules};
use super::config::Config;
use super::pki::tls::{Reloaded, explain, server};
use super::pki::{Certificate, Directory, Role};
use super::server::{Door, Stream};
use super::turned_away::{self, TurnedAway};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use words::diag::{Diagnostic, ErrorKind};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Unfinished handshakes of one origin; when there are more, the oldest is dropped.
const HANDSHAKES_EACH: usize = 16;
/// Unfinished handshakes of all.
const HANDSHAKES: usize = 1024;
/// Connections of one node: its requests, those that wait, and streams of steps.
const CONNECTIONS_EACH: usize = 2048;

/// Where nodes come in.
pub struct TlsListener {
    address: SocketAddr,
    door: AbortHandle,
    ready: mpsc::Receiver<(Connection, Peer)>,
}

/// A node's connection. It holds one of the node's places until it is dropped.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    _place: OwnedSemaphorePermit,
}

impl TlsListener {
    /// As configured; `None` when no address is.
    pub async fn of(config: &Config, rules: Arc<Rules>) -> Result<Option<Self>, Diagnostic> {
        let Some((ip, port)) = config.network.listen else { return Ok(None) };
        let directory = Directory::new(&config.network.certificates);
        let address = SocketAddr::new(ip, port.unwrap_or(config.network.port));
        let listener = Self::bind(address, &directory, rules).await?;
        tracing::info!(address = %listener.address, "login nodes may come");
        Ok(Some(listener))
    }

    /// Listens on `address` with the server's certificate in `directory`.
    pub async fn bind(address: SocketAddr, directory: &Directory, rules: Arc<Rules>) -> Result<Self, Diagnostic> {
        let revocations = rules.revocations.clone();
        let config = Reloaded::new(directory, Role::Server, move |own| server(own, revocations.clone()))?;
        if let Some((_, own)) = directory.certificate("server.crt")?
            && let Some(warning) = own.warning("the certificate of the service", super::pki::now())
        {
            tracing::warn!("{warning}");
        }
        let cannot = |error| Diagnostic::new(ErrorKind::Host, format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (sender, ready) = mpsc::channel(1);
        let handshakes = Handshakes { config, rules, places: Mutex::default(), sender, away: TurnedAway::default() };
        let door = tokio::spawn(Arc::new(handshakes).open(listener)).abort_handle();
        Ok(Self { address, door, ready })
    }
}

/// Nobody is let in by a door that leads nowhere.
impl Drop for TlsListener {
    fn drop(&mut self) {
        self.door.abort();
    }
}

impl Stream for Connection {}

impl Door for TlsListener {}

impl axum::serve::Listener for TlsListener {
    type Io = Connection;
    type Addr = Peer;

    async fn accept(&mut self) -> (Connection, Peer) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Peer> {
        Ok(Peer::Local(None))
    }
}

/// What handshakes share.
struct Handshakes {
    config: Reloaded<ServerConfig>,
    rules: Arc<Rules>,
    /// Free places by node.
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
    sender: mpsc::Sender<(Connection, Peer)>,
    away: TurnedAway,
}

impl Handshakes {
    async fn open(self: Arc<Self>, listener: TcpListener) {
        tokio::join!(self.accept(listener), self.sum_up());
    }

    /// Logs what was refused, now and then.
    async fn sum_up(&self) {
        loop {
            tokio::time::sleep(turned_away::PERIOD).await;
            self.away.sum_up().iter().for_each(|line| tracing::warn!("{line}"));
        }
    }

    async fn accept(self: &Arc<Self>, listener: TcpListener) {
        let mut waiting = Waiting::default();
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::error!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let origin = Origin { address: from.ip(), is_reserved: from.port() < 1024 };
            waiting.make_room(origin);
            let door = self.clone();
            let task = tokio::spawn(async move {
                let why = match tokio::time::timeout(HANDSHAKE, door.shake_hands(stream)).await {
                    Ok(Ok(accepted)) => return drop(door.sender.send(accepted).await),
                    Ok(Err(why)) => why,
                    Err(_) => format!("no handshake within {} s", HANDSHAKE.as_secs()),
                };
                door.away.note(from.ip(), &why).iter().for_each(|line| tracing::warn!("{line}"));
            });
            waiting.add(origin, task.abort_handle());
        }
    }

    async fn shake_hands(&self, stream: TcpStream) -> Result<(Connection, Peer), String> {
        tune(&stream, Duration::from_secs(60)).map_err(|error| error.to_string())?;
        let stream = match TlsAcceptor::from(self.config.get()).accept(stream).into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                linger(stream).await;
                return Err(explain(&error, "the client", "this service's certificate").unwrap_or(error.to_string()));
            }
        };
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or("it showed no certificate")?;
        let node = Node { certificate: Certificate::parse(leaf)?, rules: self.rules.clone() };
        let places = {
            let mut places = self.places.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            places.entry(node.name().to_owned()).or_insert_with(|| Arc::new(Semaphore::new(CONNECTIONS_EACH))).clone()
        };
        let _place = places
            .try_acquire_owned()
            .map_err(|_| format!("{} has {CONNECTIONS_EACH} connections already", node.name()))?;
        tracing::debug!("{} is let in, certificate {}", node.name(), node.certificate.serial);
        Ok((Connection { stream, _place }, Peer::Node(Arc::new(node))))
    }
}

/// Small messages go at once; a peer that is gone is noticed within about `patience`.
pub fn tune(stream: &TcpStream, patience: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let seconds = patience.as_secs().max(4) as u32;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &(seconds / 2))?;
    setsockopt(stream, sockopt::TcpKeepInterval, &(seconds / 4))?;
    setsockopt(stream, sockopt::TcpKeepCount, &2)?;
    setsockopt(stream, sockopt::TcpUserTimeout, &(seconds * 1000))?;
    Ok(())
}

/// Lets the other end read why it was refused: data that nobody read would make the kernel end the connection at once.
async fn linger(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut sink = [0; 4096];
    let drained = async {
        for _ in 0..64 {
            if matches!(stream.read(&mut sink).await, Ok(0) | Err(_)) {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), drained).await;
}

/// Where a handshake comes from, as far as places go: those of root's ports have their own, beyond the reach of other
/// users of the same host.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Origin {
    address: IpAddr,
    is_reserved: bool,
}

/// Handshakes under way, by origin.
#[derive(Default)]
struct Waiting(HashMap<Origin, VecDeque<AbortHandle>>);

impl Waiting {
    /// Drops the oldest of this origin when it has many; of whichever has most, when there are too many.
    fn make_room(&mut self, from: Origin) {
        self.0.retain(|_, tasks| {
            tasks.retain(|task| !task.is_finished());
            !tasks.is_empty()
        });
        if self.0.get(&from).is_some_and(|tasks| tasks.len() >= HANDSHAKES_EACH) {
            self.drop_oldest(from);
        } else if self.0.values().map(VecDeque::len).sum::<usize>() >= HANDSHAKES
            && let Some(most) = self.0.iter().max_by_key(|(_, tasks)| tasks.len()).map(|(origin, _)| *origin)
        {
            self.drop_oldest(most);
        }
    }

    fn drop_oldest(&mut self, of: Origin) {
        if let Some(task) = self.0.get_mut(&of).and_then(VecDeque::pop_front) {
            task.abort();
        }
    }

    fn add(&mut self, from: Origin, task: AbortHandle) {
        self.0.entry(from).or_default().push_back(task);
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, data: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
