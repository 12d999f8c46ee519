//! [`Input`]: what tasks read, kept until their nodes say that all of them have read it, so that a connection may break.

use crate::cli::slurm::news::News;
use commands::srun::streams::OwnInput;
use compute::stream::{ALL, Frame, FrameKind, INPUT_WINDOW};
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// So many bytes are read at a time.
const PIECE: usize = 32 << 10;

/// What no node has read for so long may be lost, and is said again; every time after twice as long.
const PATIENCE: Duration = Duration::from_secs(5);

/// … and after no longer than this.
const LONGEST_PATIENCE: Duration = Duration::from_secs(60);

/// The input of a step.
pub struct Input {
    /// For which task; [`ALL`] is all.
    task: u32,
    /// Lets the reading thread read once more; `None` when there is nothing to read.
    more: Option<Sender<()>>,
    kept: VecDeque<u8>,
    /// The place of the first byte that is kept.
    first: u64,
    is_ended: bool,
    /// Whether the reader waits for leave to read.
    waits: bool,
    /// Up to where the tasks of each node have read it, by the first of the node's ranks.
    taken: BTreeMap<u32, u64>,
    /// When what was not read is said again, and how long after that once more.
    again: Option<(Instant, Duration)>,
}

impl Input {
    /// Begins to read, if there is anything. `nodes`: those whose tasks read it, each by the first of its ranks.
    pub fn begin(from: &OwnInput, task: Option<u32>, nodes: &[u32], tell: Sender<News>) -> Result<Self, String> {
        let source: Option<Box<dyn Read + Send>> = match from {
            OwnInput::Nothing => return Ok(Self::none()),
            OwnInput::Standard => Some(Box::new(std::io::stdin())),
            OwnInput::File(path) => {
                let file = std::fs::File::open(path);
                Some(Box::new(file.map_err(|error| format!("Could not open stdin file {path}: {error}"))?))
            }
        };
        let more = source.map(|source| {
            let (more, leave) = mpsc::channel();
            std::thread::spawn(move || read(source, &leave, &tell));
            more
        });
        let taken = nodes.iter().map(|node| (*node, 0)).collect();
        let task = task.unwrap_or(ALL);
        let mut input =
            Self { task, more, kept: VecDeque::new(), first: 0, is_ended: false, waits: true, taken, again: None };
        input.read_on();
        Ok(input)
    }

    /// Of one who sends nothing.
    pub fn none() -> Self {
        let (kept, taken) = (VecDeque::new(), BTreeMap::new());
        Self { task: ALL, more: None, kept, first: 0, is_ended: false, waits: false, taken, again: None }
    }

    /// What was read; the frame to send. Nothing read is the end.
    pub fn take(&mut self, bytes: Vec<u8>) -> Frame {
        let place = self.first + self.kept.len() as u64;
        self.is_ended = bytes.is_empty();
        self.kept.extend(&bytes);
        self.waits = true;
        self.again = self.again.or(Some((Instant::now() + PATIENCE, PATIENCE)));
        self.read_on();
        self.frame(place, bytes)
    }

    /// The tasks of a node have read all up to this place. A node that says nothing new has a new connection, and is told again
    /// what may have been lost with the old one. One that says something new may have one, too: what of it was lost is said again
    /// when nothing more is heard for a while.
    pub fn taken(&mut self, node: u32, place: u64) {
        if let Some(own) = self.taken.get_mut(&node) {
            let is_news = place > *own;
            *own = place.max(*own);
            let pause = if is_news { PATIENCE } else { Duration::ZERO };
            self.again = Some((Instant::now() + pause, PATIENCE));
        }
        self.forget();
        if self.kept.is_empty() && !self.is_ended {
            self.again = None;
        }
    }

    /// A node is gone, and reads nothing any more.
    pub fn gone(&mut self, node: u32) {
        self.taken.remove(&node);
        self.forget();
    }

    /// When something is to be said again, if nothing is heard before.
    pub fn due(&self) -> Option<Instant> {
        self.again.map(|(at, _)| at)
    }

    /// What is to be said again now.
    pub fn overdue(&mut self) -> Vec<Frame> {
        match self.again {
            Some((at, patience)) if at <= Instant::now() => {
                self.again = None;
                let frames = self.again();
                if !frames.is_empty() {
                    self.again = Some((Instant::now() + patience, (patience * 2).min(LONGEST_PATIENCE)));
                }
                frames
            }
            _ => Vec::new(),
        }
    }

    fn forget(&mut self) {
        let all = self.first + self.kept.len() as u64;
        let had = self.taken.values().min().copied().unwrap_or(all).clamp(self.first, all);
        self.kept.drain(..(had - self.first) as usize);
        self.first = had;
        self.read_on();
    }

    fn read_on(&mut self) {
        let fits = self.kept.len() + PIECE <= INPUT_WINDOW as usize;
        if self.waits && fits && !self.is_ended {
            self.waits = false;
            if let Some(more) = &self.more {
                let _ = more.send(());
            }
        }
    }

    /// Frames that say all again that was not read.
    pub fn again(&self) -> Vec<Frame> {
        let kept: Vec<u8> = self.kept.iter().copied().collect();
        let mut place = self.first;
        let mut frames = Vec::new();
        for piece in kept.chunks(PIECE) {
            frames.push(self.frame(place, piece.to_vec()));
            place += piece.len() as u64;
        }
        if self.is_ended && !self.taken.is_empty() {
            frames.push(self.frame(place, Vec::new()));
        }
        frames
    }

    fn frame(&self, place: u64, content: Vec<u8>) -> Frame {
        Frame { kind: FrameKind::Input, task: self.task, place, content }
    }
}

fn read(mut source: Box<dyn Read + Send>, leave: &Receiver<()>, tell: &Sender<News>) {
    for () in leave {
        let mut piece = vec![0; PIECE];
        let read = loop {
            match source.read(&mut piece) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let news = read.map(|bytes| piece[..bytes].to_vec());
        if tell.send(News::Read(news)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> Input {
        let taken = BTreeMap::from([(0, 0), (2, 0)]);
        let kept = VecDeque::new();
        Input { task: ALL, more: None, kept, first: 0, is_ended: false, waits: true, taken, again: None }
    }

    #[test]
    fn what_all_have_read_is_forgotten() {
        let mut input = input();
        assert_eq!(input.take(b"abc".to_vec()).place, 0);
        assert_eq!(input.take(b"de".to_vec()).place, 3);
        input.taken(0, 4);
        assert_eq!(input.again()[0].content, b"abcde");
        input.taken(2, 1);
        assert_eq!((input.again()[0].place, input.again()[0].content.as_slice()), (1, &b"bcde"[..]));
        input.gone(2);
        assert_eq!((input.again()[0].place, input.again()[0].content.as_slice()), (4, &b"e"[..]));
        assert_eq!(input.take(Vec::new()).place, 5);
        input.taken(0, 9);
        let again = input.again();
        assert_eq!((again.len(), again[0].place, again[0].content.len()), (1, 5, 0), "the end is said again");
    }

    /// As after a connection that was lost with what was on its way.
    #[test]
    fn a_node_that_says_nothing_new_is_told_again() {
        let mut input = input();
        input.take(b"abc".to_vec());
        assert!(input.due().is_some() && input.overdue().is_empty());
        input.taken(0, 2);
        assert!(input.due().is_some_and(|at| at > Instant::now()) && input.overdue().is_empty(), "there is progress");
        input.taken(0, 2);
        assert_eq!(input.overdue()[0].content, b"abc");
        assert!(input.overdue().is_empty() && input.due().is_some());
        [0, 2].into_iter().for_each(|node| input.taken(node, 3));
        assert!(input.again().is_empty() && input.due().is_none(), "all was read");
    }

    /// A connection was lost with its acknowledgements and with the end behind what they were for: no more comes from either side.
    #[test]
    fn what_was_lost_behind_news_is_said_again() {
        let mut input = input();
        input.gone(2);
        input.take(b"abc".to_vec());
        input.take(Vec::new());
        input.taken(0, 2);
        assert!(input.due().is_some());
        input.taken(0, 3);
        input.again = input.again.map(|(_, patience)| (Instant::now(), patience));
        let again = input.overdue();
        assert_eq!((again.len(), again[0].place, again[0].content.len()), (1, 3, 0), "the end may have been lost");
    }

    /// The first word of a new connection may be news, while what was behind it, and the end, were lost with the old one.
    #[test]
    fn the_end_is_said_again_though_all_before_it_was_read() {
        let mut input = input();
        input.take(b"abc".to_vec());
        input.take(Vec::new());
        [0, 2].into_iter().for_each(|node| input.taken(node, 3));
        assert!(input.due().is_some());
        let again = input.again();
        assert!(again.len() == 1 && again[0].content.is_empty(), "the end alone: {again:?}");
    }

    #[test]
    fn no_more_is_read_than_nodes_keep() {
        let (more, leave) = mpsc::channel();
        let mut input = Input { more: Some(more), ..input() };
        input.read_on();
        let mut read = 0;
        while leave.try_recv().is_ok() {
            input.take(vec![b'x'; PIECE]);
            read += PIECE;
            assert!(read as u64 <= INPUT_WINDOW);
        }
        assert_eq!(read as u64, INPUT_WINDOW);
        input.taken(0, PIECE as u64);
        assert!(leave.try_recv().is_err());
        input.taken(2, PIECE as u64);
        assert!(leave.try_recv().is_ok());
    }
}
