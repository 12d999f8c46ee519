//! Connections from a port below 1024, which only root has: the master tells them apart from those that any user of this
//! host can make, and keeps places for them. So a flood of a user's handshakes does not keep the daemon out.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// The ports: none below, where most of the well-known services are (bindresvport(3) does the same).
const PORTS: Range<u16> = 600..1024;

/// So many ports are tried for one connection.
const TRIES: u16 = 32;

/// From which port a connection comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// One of these, so that its handshake has a place that nobody else takes.
    Reserved,
    /// Any: it lasts, and there are few of the others.
    Any,
}

/// Connects from such a port; from any where all of them are in use, or where this process may have none, as when it is not root.
pub async fn connect(host: &str, port: u16, from: Port) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        let connected = match from {
            Port::Any => TcpStream::connect(address).await,
            Port::Reserved => from_reserved(address).await,
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn from_reserved(address: SocketAddr) -> io::Result<TcpStream> {
    match from_some_port(address).await {
        Err(error) if is_without_port(&error) => TcpStream::connect(address).await,
        done => done,
    }
}

/// Whether it is for want of a port of its own that it failed.
fn is_without_port(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable)
}

async fn from_some_port(address: SocketAddr) -> io::Result<TcpStream> {
    let mut last = ErrorKind::AddrInUse.into();
    for _ in 0..TRIES {
        match from_port(next_port(), address).await {
            Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable) => last = error,
            done => return done,
        }
    }
    Err(last)
}

fn next_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.len() as u16
}

async fn from_port(port: u16, to: SocketAddr) -> io::Result<TcpStream> {
    let (socket, any): (_, IpAddr) = match to {
        SocketAddr::V4(_) => (TcpSocket::new_v4()?, Ipv4Addr::UNSPECIFIED.into()),
        SocketAddr::V6(_) => (TcpSocket::new_v6()?, Ipv6Addr::UNSPECIFIED.into()),
    };
    socket.set_reuseaddr(true)?;
    socket.bind((any, port).into())?;
    socket.connect(to).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without root's rights there are none at all, and any port does.
    #[tokio::test]
    async fn more_connections_than_there_are_reserved_ports_are_made() {
        crate::daemon::open_more_files();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut open = Vec::new();
        for _ in 0..PORTS.len() + 20 {
            let (here, there) = tokio::join!(connect("127.0.0.1", port, Port::Reserved), listener.accept());
            open.push((here.unwrap(), there.unwrap()));
        }
        let lasting = connect("127.0.0.1", port, Port::Any).await.unwrap();
        assert!(!PORTS.contains(&lasting.local_addr().unwrap().port()), "what lasts takes none of them");
    }
}
