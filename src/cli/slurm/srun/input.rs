//! [`Input`]: what tasks read, kept until all of them have, so that a connection may break.

use crate::cli::slurm::news::News;
use commands::srun::streams::OwnInput;
use compute::stream::{ALL, Frame, FrameKind, KEPT};
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::sync::mpsc::{self, Receiver, Sender};

/// So many bytes are read at a time.
const PIECE: usize = 32 << 10;

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
    /// Up to where the tasks have read it that read it.
    taken: BTreeMap<u32, u64>,
    /// From where it is to be said again.
    wanted: Option<u64>,
}

impl Input {
    /// Begins to read, if there is anything, for these tasks.
    pub fn begin(from: &OwnInput, task: Option<u32>, tasks: &[u32], tell: Sender<News>) -> Result<Self, String> {
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
        let taken = tasks.iter().filter(|own| task.is_none_or(|task| task == **own)).map(|own| (*own, 0)).collect();
        let task = task.unwrap_or(ALL);
        let mut input =
            Self { task, more, kept: VecDeque::new(), first: 0, is_ended: false, waits: true, taken, wanted: None };
        input.read_on();
        Ok(input)
    }

    /// Of one who sends nothing.
    pub fn none() -> Self {
        let (kept, taken) = (VecDeque::new(), BTreeMap::new());
        Self { task: ALL, more: None, kept, first: 0, is_ended: false, waits: false, taken, wanted: None }
    }

    /// What was read; the frame to send. Nothing read is the end.
    pub fn take(&mut self, bytes: Vec<u8>) -> Frame {
        let place = self.first + self.kept.len() as u64;
        self.is_ended = bytes.is_empty();
        self.kept.extend(&bytes);
        self.waits = true;
        self.read_on();
        self.frame(place, bytes)
    }

    /// A task has read all up to this place.
    pub fn taken(&mut self, task: u32, place: u64) {
        if let Some(own) = self.taken.get_mut(&task) {
            *own = place.max(*own);
        }
        self.forget();
    }

    /// A task is gone, and reads nothing any more.
    pub fn gone(&mut self, task: u32) {
        self.taken.remove(&task);
        self.forget();
    }

    /// A task wants it from this place on.
    pub fn wants(&mut self, place: u64) {
        self.wanted = Some(self.wanted.map_or(place, |other| other.min(place)));
    }

    /// Whether somebody wants to hear something again.
    pub fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    fn forget(&mut self) {
        let all = self.first + self.kept.len() as u64;
        let had = self.taken.values().min().copied().unwrap_or(all).clamp(self.first, all);
        self.kept.drain(..(had - self.first) as usize);
        self.first = had;
        self.read_on();
    }

    fn read_on(&mut self) {
        let fits = self.kept.len() + PIECE <= KEPT;
        if self.waits && fits && !self.is_ended {
            self.waits = false;
            if let Some(more) = &self.more {
                let _ = more.send(());
            }
        }
    }

    /// Frames that say again what is wanted so, or all that may not have arrived.
    pub fn again(&mut self) -> Vec<Frame> {
        let mut place = self.wanted.take().unwrap_or(self.first).max(self.first);
        let known = (place - self.first) as usize;
        let kept: Vec<u8> = self.kept.iter().skip(known).copied().collect();
        let mut frames = Vec::new();
        for piece in kept.chunks(PIECE) {
            frames.push(self.frame(place, piece.to_vec()));
            place += piece.len() as u64;
        }
        if self.is_ended {
            frames.push(self.frame(self.first + self.kept.len() as u64, Vec::new()));
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
        Input { task: ALL, more: None, kept, first: 0, is_ended: false, waits: true, taken, wanted: None }
    }

    #[test]
    fn what_all_tasks_have_read_is_forgotten() {
        let mut input = input();
        assert_eq!(input.take(b"abc".to_vec()).place, 0);
        assert_eq!(input.take(b"de".to_vec()).place, 3);
        input.taken(0, 4);
        assert_eq!(input.again()[0].content, b"abcde");
        input.taken(2, 1);
        assert_eq!((input.again()[0].place, input.again()[0].content.as_slice()), (1, &b"bcde"[..]));
        input.wants(3);
        assert_eq!((input.is_wanted(), input.again()[0].place, input.is_wanted()), (true, 3, false));
        input.gone(2);
        assert_eq!((input.again()[0].place, input.again()[0].content.as_slice()), (4, &b"e"[..]));
        assert_eq!(input.take(Vec::new()).place, 5);
        input.taken(0, 9);
        let again = input.again();
        assert_eq!((again.len(), again[0].place, again[0].content.len()), (1, 5, 0), "the end is said again");
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
            assert!(read <= KEPT);
        }
        assert_eq!(read, KEPT);
        input.taken(0, PIECE as u64);
        assert!(leave.try_recv().is_err());
        input.taken(2, compute::stream::NO_MORE);
        assert!(leave.try_recv().is_ok());
    }
}
