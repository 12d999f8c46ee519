//! One HTTP/1.1 exchange over a unix socket, with the standard library alone: a Slurm command shall be over in the time
//! that a runtime takes to start.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// Longest line of an answer's head, in bytes.
const LONGEST_LINE: u64 = 64 << 10;

/// An answer whose head was read; reading it gives its body. A body that ends too early is an error.
pub struct Answer<S = UnixStream> {
    /// The status, such as 200.
    pub status: u16,
    stream: BufReader<S>,
    left: Left,
}

/// What of the body is still to come.
enum Left {
    /// Bytes, so many.
    Bytes(u64),
    /// Chunks, of which one begins now.
    Chunks,
    /// So many bytes of a chunk, then its line end, then other chunks.
    Chunk(u64),
    /// Whatever comes until the other end closes.
    UntilClosed,
}

/// Sends JSON to a place and waits until the answer begins.
pub fn post(stream: UnixStream, place: &str, body: &[u8]) -> io::Result<Answer> {
    let head = format!(
        "POST {place} HTTP/1.1\r\nhost: enlist\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    // Who is refused may be answered before all is sent, so an answer counts more than an error of sending.
    let sent = (&stream).write_all(&[head.as_bytes(), body].concat());
    Answer::begin(stream).or_else(|error| sent.and(Err(error)))
}

/// Sends JSON to a place, and goes on in another protocol: the answer's status is 101 then, and what follows its head is
/// [`Answer::beyond`].
pub fn upgrade(stream: UnixStream, place: &str, protocol: &str, body: &[u8]) -> io::Result<Answer> {
    let head = format!(
        "POST {place} HTTP/1.1\r\nhost: enlist\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (&stream).write_all(&[head.as_bytes(), body].concat())?;
    Answer::begin(stream)
}

impl<S: Read> Answer<S> {
    /// The connection behind an answer's head.
    pub fn beyond(self) -> BufReader<S> {
        self.stream
    }

    fn begin(stream: S) -> io::Result<Self> {
        let mut stream = BufReader::new(stream);
        let first = line(&mut stream)?;
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        let status = status.ok_or_else(|| invalid(&first))?;
        let mut left = Left::UntilClosed;
        loop {
            let header = line(&mut stream)?;
            if header.is_empty() {
                return Ok(Self { status, stream, left });
            }
            let (name, value) = header.split_once(':').ok_or_else(|| invalid(&header))?;
            match name.to_ascii_lowercase().as_str() {
                "transfer-encoding" => left = Left::Chunks,
                "content-length" => left = Left::Bytes(value.trim().parse().map_err(|_| invalid(&header))?),
                _ => {}
            }
        }
    }

    /// Begins the next chunk; the last one has no bytes.
    fn next_chunk(&mut self) -> io::Result<()> {
        let length = line(&mut self.stream)?;
        let digits = length.split(';').next().unwrap_or_default().trim();
        self.left = match u64::from_str_radix(digits, 16).map_err(|_| invalid(&length))? {
            0 => Left::Bytes(0),
            bytes => Left::Chunk(bytes),
        };
        Ok(())
    }

    /// Reads at least one of the `left` bytes that must still come.
    fn some(&mut self, left: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.by_ref().take(left).read(buffer)? {
            0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "it ended in the middle")),
            got => Ok(got),
        }
    }
}

impl<S: Read> Read for Answer<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.left {
                Left::UntilClosed => return self.stream.read(buffer),
                Left::Bytes(0) => return Ok(0),
                Left::Bytes(left) => {
                    let got = self.some(left, buffer)?;
                    self.left = Left::Bytes(left - got as u64);
                    return Ok(got);
                }
                Left::Chunk(0) => {
                    line(&mut self.stream)?;
                    self.left = Left::Chunks;
                }
                Left::Chunk(left) => {
                    let got = self.some(left, buffer)?;
                    self.left = Left::Chunk(left - got as u64);
                    return Ok(got);
                }
                Left::Chunks => self.next_chunk()?,
            }
        }
    }
}

/// One line without its end.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    stream.take(LONGEST_LINE).read_line(&mut text)?;
    match text.strip_suffix('\n') {
        Some(line) => Ok(line.trim_end_matches('\r').to_owned()),
        None => Err(io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection")),
    }
}

fn invalid(line: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{line:?} is not HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<(u16, String)> {
        let mut answer = Answer::begin(text.as_bytes())?;
        let mut body = String::new();
        answer.read_to_string(&mut body)?;
        Ok((answer.status, body))
    }

    #[test]
    fn bodies_by_length_in_chunks_and_to_the_end() {
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd";
        assert_eq!(read(length).unwrap(), (200, "abc".into()));
        let chunks =
            "HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(chunks).unwrap(), (503, "abc0123456789".into()));
        assert_eq!(read("HTTP/1.0 404 No\r\n\r\nrest").unwrap(), (404, "rest".into()));
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for cut in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", chunks] {
            assert_eq!(read(cut).unwrap_err().kind(), ErrorKind::UnexpectedEof, "{cut:?}");
        }
        for cut in ["3\r\nab", "3\r\nabc", "3\r\nabc\r\n"] {
            assert_eq!(read(&format!("{chunks}{cut}")).unwrap_err().kind(), ErrorKind::UnexpectedEof, "{cut:?}");
        }
        for wrong in ["hello\n", "HTTP/1.1 2x0 OK\r\n\r\n", &format!("{chunks}zz\r\n")] {
            assert_eq!(read(wrong).unwrap_err().kind(), ErrorKind::InvalidData, "{wrong:?}");
        }
    }
}
