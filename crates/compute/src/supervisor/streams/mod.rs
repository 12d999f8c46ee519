//! What the tasks of a step write goes to whoever connects to the step's `stream`, and what that one sends goes to them
//! ([`stream`](crate::stream)). One thread does all of it, and waits for nothing but news.
//!
//! On a full ring a task waits, as on a full pipe. Lines that the supervisor has for the user stand among the errors of the first
//! task, whose end is said only with the end of all.

mod connection;
mod input;
mod ring;

use super::events::{Event, spawn};
use crate::stream::{FEWEST_KEPT, Frame, FrameKind, KEPT, LONGEST_REASON, NodeStarted, TaskEnded};
use connection::Connection;
use input::Input;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ring::Ring;
use rustix::termios::{Winsize, tcsetwinsize};
use scheduling::request::TerminalSize;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// So many processes are named in one message.
const NAMED: usize = 1000;

/// So long the other side may take to end a connection over which all was said.
const CLOSING: Duration = Duration::from_secs(2);

/// So long output of a step that has ended waits for who is connected.
const ATTENDED: Duration = Duration::from_secs(3600);

/// So long somebody may take to come who only hears how it ended.
const UNHEARD: Duration = Duration::from_secs(3);

/// What ends a terminal's input (termios(3), `VEOF`).
const END_OF_INPUT: &[u8] = &[4];

/// What the supervisor has to say.
pub enum Said {
    /// The tasks run: ranks and process numbers.
    Started(Vec<(u32, i32)>),
    /// They could not be started.
    Failed(String),
    /// One ended.
    Ended(u32, TaskEnded),
    /// A line for the user, among the errors of the first task.
    Line(String),
    /// No process is left. What is not taken for so long, while nobody is connected, is given up.
    Finish(Duration),
    /// The same, and the step is to end: also while somebody is connected.
    FinishSoon(Duration),
}

/// The supervisor's hold on the streams of its step.
pub struct Streams {
    said: Sender<Said>,
    wake: UnixStream,
    /// Whether lines for the user can go over them.
    pub takes_lines: bool,
}

impl Streams {
    /// Says something.
    pub fn say(&mut self, said: Said) {
        // The thread ends only after it was told to finish, and then there is nothing more to say.
        let _ = self.said.send(said);
        let _ = self.wake.write(&[0]);
    }
}

/// Where something comes from.
struct Source {
    ring: usize,
    file: File,
    is_closed: bool,
}

/// Where a reader's input goes.
struct Sink {
    reader: usize,
    file: File,
}

/// All streams of a step on this node, before and while they flow.
pub struct Engine {
    node: String,
    /// The least of the node's ranks.
    first: u32,
    rings: Vec<Ring>,
    sources: Vec<Source>,
    input: Input,
    sinks: Vec<Sink>,
    terminal: Option<File>,
    /// Said to each who connects, in this order.
    facts: Vec<Frame>,
    has_left: bool,
    /// Whose turn it is to send output.
    turn: usize,
    connection: Option<Connection>,
    finish: Option<Finish>,
    /// Whether the other side has had all there was.
    is_heard: bool,
    most: usize,
}

/// The streams are to end.
struct Finish {
    patience: Duration,
    /// Whether the step is to end, be it unread.
    is_wanted: bool,
    /// When something went on for the last time.
    progress: Instant,
}

/// What there is news of.
#[derive(Clone, Copy)]
enum What {
    Wake,
    Listener,
    Connection,
    Source(usize),
    Sink(usize),
}

fn unblocked(file: impl Into<OwnedFd>) -> io::Result<File> {
    let file = File::from(file.into());
    rustix::io::ioctl_fionbio(&file, true)?;
    Ok(file)
}

/// Gives a terminal its size in characters.
pub fn set_size(terminal: impl AsFd, TerminalSize { rows, columns }: TerminalSize) -> io::Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(terminal, size)?)
}

impl Engine {
    /// For tasks of these ranks, which rise. `room`: so many bytes are kept of all of them together, but of each stream at
    /// least [`FEWEST_KEPT`].
    pub fn new(node: &str, ranks: &[u32], room: usize) -> Self {
        Self {
            node: node.to_owned(),
            first: ranks.first().copied().unwrap_or_default(),
            rings: Vec::new(),
            sources: Vec::new(),
            input: Input::default(),
            sinks: Vec::new(),
            terminal: None,
            facts: Vec::new(),
            has_left: false,
            turn: 0,
            connection: None,
            finish: None,
            is_heard: false,
            most: KEPT.min((room / (2 * ranks.len().max(1))).max(FEWEST_KEPT)),
        }
    }

    /// A task writes into the other end of this.
    pub fn add_source(&mut self, rank: u32, kind: FrameKind, file: impl Into<OwnedFd>) -> io::Result<()> {
        self.sources.push(Source { ring: self.rings.len(), file: unblocked(file)?, is_closed: false });
        self.rings.push(Ring::new(rank, kind, self.most));
        Ok(())
    }

    /// A task reads from the other end of this.
    pub fn add_sink(&mut self, file: impl Into<OwnedFd>) -> io::Result<()> {
        self.sinks.push(Sink { reader: self.input.add(), file: unblocked(file)? });
        Ok(())
    }

    /// The task's terminal: where it reads from and writes to.
    pub fn add_terminal(&mut self, rank: u32, terminal: OwnedFd) -> io::Result<()> {
        self.add_source(rank, FrameKind::Output, terminal.try_clone()?)?;
        self.add_sink(terminal.try_clone()?)?;
        self.terminal = Some(terminal.into());
        Ok(())
    }

    /// Starts the thread.
    pub fn start(mut self, socket: &Path, events: Sender<Event>) -> io::Result<Streams> {
        let _ = fs::remove_file(socket);
        let listener = UnixListener::bind(socket)?;
        listener.set_nonblocking(true)?;
        let ((wake, woken), (said, heard)) = (UnixStream::pair()?, channel());
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let takes_lines = !self.rings.is_empty();
        spawn(move || {
            let outcome = self.flow(&listener, &woken, &heard, &events);
            if let Some(why) = outcome.err().map(|error| error.to_string()).or_else(|| self.loss()) {
                let _ = events.send(Event::Trouble(why));
            }
            let _ = events.send(Event::Drained);
        })?;
        Ok(Streams { said, wake, takes_lines })
    }

    fn loss(&self) -> Option<String> {
        let lost: usize = self.rings.iter().map(Ring::kept).sum();
        (lost > 0).then(|| format!("{lost} bytes of output were read by nobody, and are lost"))
    }

    fn flow(
        &mut self,
        listener: &UnixListener,
        woken: &UnixStream,
        heard: &Receiver<Said>,
        events: &Sender<Event>,
    ) -> io::Result<()> {
        loop {
            self.fill();
            if self.is_over() {
                return Ok(());
            }
            for (what, flags) in self.wait(listener, woken)? {
                match what {
                    What::Wake => self.hear(woken, heard),
                    What::Listener => self.accept(listener)?,
                    // What can be written is, each time round.
                    What::Connection if flags == PollFlags::POLLOUT => {}
                    What::Connection => self.receive(events),
                    What::Source(at) => self.read(at),
                    What::Sink(at) => self.write(at, flags),
                }
            }
            self.read_the_rest();
            self.sources.retain(|source| !source.is_closed);
            self.sinks.retain(|sink| !self.input.has_left(sink.reader));
        }
    }

    /// Waits until something can go on.
    fn wait(&self, listener: &UnixListener, woken: &UnixStream) -> io::Result<Vec<(What, PollFlags)>> {
        let mut asked = vec![(What::Wake, woken.as_fd(), PollFlags::POLLIN)];
        asked.push((What::Listener, listener.as_fd(), PollFlags::POLLIN));
        if let Some(connection) = &self.connection {
            let out = if connection.is_busy() { PollFlags::POLLOUT } else { PollFlags::empty() };
            asked.push((What::Connection, connection.socket.as_fd(), PollFlags::POLLIN | out));
        }
        for (at, source) in self.sources.iter().enumerate().filter(|(_, source)| self.rings[source.ring].room() > 0) {
            asked.push((What::Source(at), source.file.as_fd(), PollFlags::POLLIN));
        }
        for (at, sink) in self.sinks.iter().enumerate() {
            let has_more = !self.input.piece(sink.reader).is_empty() || self.input.is_at_end(sink.reader);
            let out = if has_more { PollFlags::POLLOUT } else { PollFlags::empty() };
            asked.push((What::Sink(at), sink.file.as_fd(), out));
        }
        let mut polled: Vec<PollFd> = asked.iter().map(|(_, file, flags)| PollFd::new(*file, *flags)).collect();
        let timeout = if self.finish.is_some() { PollTimeout::from(100_u16) } else { PollTimeout::NONE };
        match poll(&mut polled, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = polled.iter().map(|it| it.revents().unwrap_or(PollFlags::empty()));
        let news = asked.iter().zip(flags).filter(|(_, flags)| !flags.is_empty());
        Ok(news.map(|((what, ..), flags)| (*what, flags)).collect())
    }

    fn hear(&mut self, mut woken: &UnixStream, heard: &Receiver<Said>) {
        let _ = woken.read(&mut [0; 64]);
        for said in heard.try_iter() {
            match said {
                Said::Started(tasks) => self.note_started(&tasks),
                Said::Failed(why) => {
                    let end = why.floor_char_boundary(LONGEST_REASON);
                    self.facts.push(Frame { content: why[..end].into(), ..self.own(FrameKind::Failed) });
                }
                Said::Ended(rank, ended) => {
                    self.facts.push(Frame { task: rank, ..Frame::of(FrameKind::Ended).with(&ended) });
                }
                Said::Line(line) => self.note_line(&line),
                Said::Finish(patience) => self.begin_to_finish(patience, false),
                Said::FinishSoon(patience) => self.begin_to_finish(patience, true),
            }
        }
    }

    /// One about this node, in the name of its first task.
    fn own(&self, kind: FrameKind) -> Frame {
        Frame { task: self.first, ..Frame::of(kind) }
    }

    fn note_started(&mut self, tasks: &[(u32, i32)]) {
        for tasks in tasks.chunks(NAMED) {
            let started = NodeStarted { node: self.node.clone(), tasks: tasks.to_vec() };
            self.facts.push(self.own(FrameKind::Started).with(&started));
        }
    }

    /// The ring of the first task's errors, or of its output where there is none of these.
    fn line_ring(&self) -> Option<usize> {
        let errors = self.rings.iter().position(|ring| ring.key().1 == FrameKind::Errors);
        errors.or((!self.rings.is_empty()).then_some(0))
    }

    fn note_line(&mut self, line: &str) {
        if let Some(ring) = self.line_ring() {
            self.rings[ring].push(line.as_bytes());
        }
    }

    fn begin_to_finish(&mut self, patience: Duration, is_wanted: bool) {
        self.finish = Some(Finish { patience, is_wanted, progress: Instant::now() });
        let open: Vec<usize> =
            self.sources.iter().filter(|source| !source.is_closed).map(|source| source.ring).collect();
        if let Some(ring) = self.line_ring().filter(|ring| !open.contains(ring)) {
            self.rings[ring].finish();
        }
    }

    /// At the end all that was written is there already: who holds the other end still writes nothing of the step's.
    fn read_the_rest(&mut self) {
        if self.finish.is_some() {
            (0..self.sources.len()).for_each(|at| self.read(at));
        }
    }

    fn accept(&mut self, listener: &UnixListener) -> io::Result<()> {
        let (socket, _) = match listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            accepted => accepted?,
        };
        self.disconnect();
        let connection = Connection::new(socket)?;
        self.input.again();
        self.connection = Some(connection);
        self.progress();
        Ok(())
    }

    fn disconnect(&mut self) {
        let old = self.connection.take();
        self.is_heard = self.is_heard || old.is_some_and(|old| old.is_ended);
        self.rings.iter_mut().for_each(Ring::again);
    }

    /// Puts what there is to say into the connection, as long as it takes it.
    fn fill(&mut self) {
        self.note_end();
        while self.connection.as_ref().is_some_and(Connection::has_room) {
            let Some(frame) = self.next_frame() else { break };
            // None is too long: facts and pieces are cut where they are made.
            let _ = self.connection.as_mut().map(|connection| connection.put(&frame));
        }
        let written = self.connection.as_mut().map(Connection::write);
        if written.is_some_and(|written| written.is_err()) {
            self.disconnect();
        }
        self.end_connection();
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let connection = self.connection.as_mut()?;
        if let Some(news) = self.input.news(self.first) {
            return Some(news);
        }
        if let Some(fact) = self.facts.get(connection.facts) {
            connection.facts += 1;
            return Some(fact.clone());
        }
        for _ in 0..self.rings.len() {
            self.turn = (self.turn + 1) % self.rings.len();
            if let Some(frame) = self.rings[self.turn].next_frame() {
                return Some(frame);
            }
        }
        None
    }

    /// That nothing is left is said when all else was had.
    fn note_end(&mut self) {
        if self.finish.is_some() && !self.has_left && self.rings.iter().all(Ring::is_drained) {
            self.has_left = true;
            self.facts.push(self.own(FrameKind::Left));
        }
    }

    fn end_connection(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let is_all_said = self.has_left && connection.facts == self.facts.len() && !connection.is_busy();
        if is_all_said && !connection.is_ended && connection.end().is_err() {
            self.disconnect();
        }
    }

    /// Whether all was said and heard, or nobody listens.
    fn is_over(&self) -> bool {
        let Some(finish) = &self.finish else { return false };
        if self.is_heard {
            return true;
        }
        let is_had = self.rings.iter().all(|ring| ring.kept() == 0);
        let patience = match &self.connection {
            Some(connection) if connection.is_ended => CLOSING,
            // How it ended is reported, too.
            _ if is_had => finish.patience.min(UNHEARD),
            // Who reads may take a rest; who has gone is told by the connection's end, or by the step's.
            Some(_) if !finish.is_wanted => finish.patience.max(ATTENDED),
            _ => finish.patience,
        };
        finish.progress.elapsed() >= patience
    }

    fn progress(&mut self) {
        if let Some(finish) = &mut self.finish {
            finish.progress = Instant::now();
        }
    }

    fn receive(&mut self, events: &Sender<Event>) {
        let Some(connection) = &mut self.connection else { return };
        match connection.read() {
            Ok(Some(frames)) => {
                for frame in frames {
                    if let Err(why) = self.obey(&frame, events) {
                        let _ = events.send(Event::Trouble(why));
                        return self.disconnect();
                    }
                }
            }
            Ok(None) => self.disconnect(),
            Err(why) => {
                let _ = events.send(Event::Trouble(format!("a connection to the step ended: {why}")));
                self.disconnect();
            }
        }
    }

    fn obey(&mut self, frame: &Frame, events: &Sender<Event>) -> Result<(), String> {
        match frame.kind {
            FrameKind::Input => self.input.take(frame)?,
            FrameKind::Resize => self.resize(frame.size().map_err(|error| error.to_string())?),
            FrameKind::Signal => {
                let [number] = *frame.content.as_slice() else { return Err("a signal without a number".to_owned()) };
                let _ = events.send(Event::Passed(number));
            }
            FrameKind::Acknowledged => {
                let key = (frame.task, frame.about().map_err(|error| error.to_string())?);
                let ring = self.rings.iter_mut().find(|ring| ring.key() == key);
                ring.into_iter().for_each(|ring| ring.acknowledge(frame.place));
                self.progress();
            }
            FrameKind::Again => self.again(),
            // It is the master's to know who reads.
            FrameKind::Bye => {}
            other => return Err(format!("a message that a node does not take ({other:?})")),
        }
        Ok(())
    }

    fn again(&mut self) {
        self.rings.iter_mut().for_each(Ring::again);
        if let Some(connection) = &mut self.connection {
            connection.facts = 0;
        }
    }

    fn resize(&self, size: TerminalSize) {
        if let Some(terminal) = &self.terminal {
            // A terminal that all have closed has no size.
            let _ = set_size(terminal, size);
        }
    }

    /// Reads what a task has written; of one that writes on only what there is room for.
    fn read(&mut self, at: usize) {
        let Some(source) = self.sources.get_mut(at) else { return };
        let ring = &mut self.rings[source.ring];
        let mut piece = vec![0; ring.room().min(64 << 10)];
        if piece.is_empty() {
            return;
        }
        match source.file.read(&mut piece) {
            Ok(count) if count > 0 => return ring.push(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.finish.is_none() => return,
            // The end; of a terminal that all have closed it is an error (EIO).
            _ => source.is_closed = true,
        }
        // Lines of the supervisor's own may still come into that one.
        let ring = self.sources[at].ring;
        if self.finish.is_some() || self.line_ring() != Some(ring) {
            self.rings[ring].finish();
        }
    }

    fn write(&mut self, at: usize, flags: PollFlags) {
        let Some(Sink { reader, file }) = self.sinks.get_mut(at) else { return };
        if flags.intersects(PollFlags::POLLERR | PollFlags::POLLHUP) {
            return self.input.leave(*reader);
        }
        let piece = self.input.piece(*reader);
        if piece.is_empty() {
            if self.terminal.is_some() {
                let _ = file.write(END_OF_INPUT);
            }
            return self.input.leave(*reader);
        }
        match file.write(piece) {
            Ok(count) => self.input.advance(*reader, count),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.input.leave(*reader),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `srun | less`, and the reader takes a rest.
    #[test]
    fn output_of_a_step_that_has_ended_is_kept_while_somebody_is_connected() {
        let mut engine = Engine::new("n1", &[0], KEPT);
        let (reader, _writer) = std::io::pipe().unwrap();
        engine.add_source(0, FrameKind::Output, reader).unwrap();
        engine.rings[0].push(b"unread");
        let (ours, _theirs) = UnixStream::pair().unwrap();
        engine.connection = Some(Connection::new(ours).unwrap());
        engine.begin_to_finish(Duration::ZERO, false);
        assert!(!engine.is_over());
        engine.begin_to_finish(Duration::ZERO, true);
        assert!(engine.is_over(), "the master wants the end");
        engine.begin_to_finish(Duration::ZERO, false);
        engine.connection = None;
        assert!(engine.is_over(), "nobody is there");
    }
}
