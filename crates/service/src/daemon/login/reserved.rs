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

/// Connects from such a port; from any where this process may have none, as when it is not root.
pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match from_some_port(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return TcpStream::connect(address).await,
            Err(error) => last = error,
        }
    }
    Err(last)
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
