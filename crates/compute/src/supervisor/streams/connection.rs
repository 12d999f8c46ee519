//! [`Connection`]: the one over which a step's frames go now. Nothing here waits.

use crate::stream::{Decoder, Frame, FrameError};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// More is put into it only while less than this waits to be written.
const ENOUGH: usize = 256 << 10;

/// A connection, with what is on its way.
pub struct Connection {
    pub socket: UnixStream,
    decoder: Decoder,
    unwritten: Vec<u8>,
    written: usize,
    /// So many facts were put into it.
    pub facts: usize,
    /// Whether this side is ended.
    pub is_ended: bool,
}

impl Connection {
    /// Over a socket that somebody opened.
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (decoder, unwritten) = (Decoder::default(), Vec::new());
        Ok(Self { socket, decoder, unwritten, written: 0, facts: 0, is_ended: false })
    }

    /// Whether it can take more.
    pub fn has_room(&self) -> bool {
        !self.is_ended && self.unwritten.len() - self.written < ENOUGH
    }

    /// Whether something waits to be written.
    pub fn is_busy(&self) -> bool {
        self.written < self.unwritten.len()
    }

    /// Puts a frame into it.
    pub fn put(&mut self, frame: &Frame) -> Result<(), FrameError> {
        frame.encode(&mut self.unwritten)
    }

    /// Writes what can be written now.
    pub fn write(&mut self) -> io::Result<()> {
        while self.is_busy() {
            match self.socket.write(&self.unwritten[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !self.is_busy() {
            self.unwritten.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// Nothing more is sent.
    pub fn end(&mut self) -> io::Result<()> {
        self.is_ended = true;
        self.socket.shutdown(Shutdown::Write)
    }

    /// Reads what is there; `None` is the other side's end.
    pub fn read(&mut self) -> Result<Option<Vec<Frame>>, String> {
        let mut piece = vec![0; 64 << 10];
        let count = match self.socket.read(&mut piece) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(Some(Vec::new()));
            }
            read => read.map_err(|error| error.to_string())?,
        };
        if count == 0 {
            return Ok(None);
        }
        self.decoder.feed(&piece[..count]);
        let frames = std::iter::from_fn(|| self.decoder.take().transpose()).collect::<Result<_, _>>();
        frames.map(Some).map_err(|error| error.to_string())
    }
}
