//! [`Packet`]: a frame as it passes through the master: its head is read, its content is not.

use compute::stream::{Frame, FrameHead, FrameKind, HEAD, LONGEST};
use hyper::body::Bytes;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A frame. A copy shares its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub kind: FrameKind,
    /// Of or for which task.
    pub task: u32,
    /// The place of its first byte.
    pub place: u64,
    /// All of it, head and content.
    pub bytes: Bytes,
}

impl Packet {
    /// One of the master's own.
    pub fn new(kind: FrameKind, task: u32, place: u64, content: &[u8]) -> Self {
        let content = content[..content.len().min(LONGEST)].to_vec();
        let mut bytes = Vec::with_capacity(HEAD + content.len());
        // Only a longer content is refused.
        let _ = Frame { kind, task, place, content }.encode(&mut bytes);
        Self { kind, task, place, bytes: bytes.into() }
    }

    /// The next one; `None` where the other end has closed, be it within one: who is killed while it writes has gone, too. A way
    /// that breaks is an error.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = [0; HEAD];
        if !fill(from, &mut head).await? {
            return Ok(None);
        }
        let bad = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let FrameHead { kind, task, place, length } = FrameHead::parse(&head).map_err(bad)?;
        let mut bytes = head.to_vec();
        bytes.resize(HEAD + length, 0);
        if !fill(from, &mut bytes[HEAD..]).await? {
            return Ok(None);
        }
        Ok(Some(Self { kind, task, place, bytes: bytes.into() }))
    }

    /// What it says.
    pub fn content(&self) -> &[u8] {
        &self.bytes[HEAD..]
    }

    /// How many bytes its content has.
    pub fn length(&self) -> u64 {
        (self.bytes.len() - HEAD) as u64
    }
}

/// Whether so many bytes came before the end.
async fn fill(from: &mut (impl AsyncRead + Unpin), mut bytes: &mut [u8]) -> io::Result<bool> {
    while !bytes.is_empty() {
        let count = from.read(bytes).await?;
        if count == 0 {
            return Ok(false);
        }
        bytes = &mut bytes[count..];
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way that breaks at once, as TLS does that nobody ended.
    fn broken_way() -> impl AsyncRead + Unpin {
        struct Broken;
        impl AsyncRead for Broken {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                _: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                std::task::Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
        }
        Broken
    }

    #[tokio::test]
    async fn frames_are_read_whole_or_refused() {
        let (one, two) = (Packet::new(FrameKind::Output, 3, 1 << 40, b"hello"), Packet::new(FrameKind::Bye, 0, 0, b""));
        let sent = [one.bytes.as_ref(), two.bytes.as_ref()].concat();
        let mut from = sent.as_slice();
        assert_eq!(Packet::read(&mut from).await.unwrap(), Some(one.clone()));
        assert_eq!(Packet::read(&mut from).await.unwrap(), Some(two));
        assert_eq!(Packet::read(&mut from).await.unwrap(), None);
        assert_eq!(one.length(), 5);
        for cut in 1..one.bytes.len() {
            assert_eq!(Packet::read(&mut &one.bytes[..cut]).await.unwrap(), None, "{cut}");
        }
        let mut broken = (&one.bytes[..9]).chain(broken_way());
        assert!(Packet::read(&mut broken).await.is_err(), "its way broke");
        let mut unknown = one.bytes.to_vec();
        unknown[0] = 99;
        assert!(Packet::read(&mut unknown.as_slice()).await.is_err());
        let mut long = one.bytes.to_vec();
        long[13] = 1;
        assert!(Packet::read(&mut long.as_slice()).await.is_err(), "nobody makes us keep 16 MB");
    }
}
