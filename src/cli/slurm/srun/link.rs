//! [`Link`]: the connection to a step's nodes, by way of the service. One thread reads it, one writes, so that neither waits for
//! the other.

use crate::cli::slurm::client::{self, PAUSE, Unanswered};
use crate::cli::slurm::news::News;
use compute::stream::{Decoder, Frame, LONGEST, PROTOCOL};
use service::daemon::api::{self, StreamStep};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, Sender};

/// A connection.
#[derive(Debug)]
pub struct Link {
    /// Which of the connections of this process it is.
    pub number: u32,
    frames: Sender<Frame>,
    writer: Option<std::thread::JoinHandle<()>>,
    stream: UnixStream,
}

impl Link {
    fn open(number: u32, ask: &StreamStep, tell: &Sender<News>) -> Result<Self, Unanswered> {
        let (reads, writes) = client::upgrade(&api::socket(), "/v1/steps/stream", PROTOCOL, ask)?;
        let stream = writes.try_clone().map_err(|error| Unanswered::Away(error.to_string()))?;
        let (frames, to_write) = mpsc::channel();
        let writer = std::thread::spawn(move || write(writes, &to_write));
        let tell = tell.clone();
        std::thread::spawn(move || read(number, reads, &tell));
        Ok(Self { number, frames, writer: Some(writer), stream })
    }

    /// Opens it in a thread, which tells when it is there; a service that is away is asked until it is back.
    pub fn begin(number: u32, ask: StreamStep, tell: Sender<News>) {
        std::thread::spawn(move || {
            loop {
                let told = match Link::open(number, &ask, &tell) {
                    Ok(link) => News::Linked(Ok(link)),
                    Err(Unanswered::Refused(_, why)) => News::Linked(Err(why)),
                    Err(_) => {
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                };
                // Who does not listen any more has ended.
                let _ = tell.send(told);
                return;
            }
        });
    }

    /// Sends a frame, soon. One that is lost with the connection is said again over the next.
    pub fn send(&self, frame: Frame) {
        let _ = self.frames.send(frame);
    }

    /// Ends the connection when all is sent.
    pub fn close(self) {
        drop(self.frames);
        if let Some(writer) = self.writer {
            let _ = writer.join();
        }
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn write(mut stream: UnixStream, frames: &Receiver<Frame>) {
    let mut bytes = Vec::new();
    for frame in frames {
        bytes.clear();
        if frame.encode(&mut bytes).is_err() || stream.write_all(&bytes).is_err() {
            // Who reads notices, too.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn read(number: u32, mut stream: BufReader<UnixStream>, tell: &Sender<News>) {
    // Whatever is wrong with a connection, another one is opened.
    let _ = pass_on(number, &mut stream, tell);
    let _ = tell.send(News::Broken(number));
}

/// Until the connection ends, or makes no sense.
fn pass_on(number: u32, stream: &mut impl Read, tell: &Sender<News>) -> Option<()> {
    let mut decoder = Decoder::default();
    let mut piece = vec![0; LONGEST];
    loop {
        let bytes = match stream.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.ok().filter(|bytes| *bytes > 0)?,
        };
        decoder.feed(&piece[..bytes]);
        while let Some(frame) = decoder.take().ok()? {
            tell.send(News::Frame(number, frame)).ok()?;
        }
    }
}
