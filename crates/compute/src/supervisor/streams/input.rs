//! [`Input`]: what the tasks of a node read of the one stream that comes for all of them.

use crate::stream::{Frame, FrameKind, INPUT_WINDOW, LONGEST};
use std::collections::VecDeque;

/// So much all tasks read before that is told.
const TOLD: u64 = 64 << 10;

/// Bytes that came and were not read by all tasks.
#[derive(Default)]
pub struct Input {
    bytes: VecDeque<u8>,
    /// The place of the first of them.
    base: u64,
    /// … as it was told.
    told: Option<u64>,
    /// Whether nothing more comes.
    is_over: bool,
    /// Up to where each task has read that still reads.
    readers: Vec<Option<u64>>,
}

impl Input {
    /// One more task reads; its place among the readers.
    pub fn add(&mut self) -> usize {
        self.readers.push(Some(0));
        self.readers.len() - 1
    }

    fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Takes in what came; what was had already is passed over. The error says what the other side does wrong.
    pub fn take(&mut self, frame: &Frame) -> Result<(), String> {
        let had = self.end().checked_sub(frame.place).ok_or("input came that leaves some out")?;
        if frame.content.is_empty() {
            self.is_over = self.is_over || had == 0;
            return Ok(());
        }
        let new = frame.content.get(usize::try_from(had).unwrap_or(usize::MAX)..).unwrap_or_default();
        if self.bytes.len() + new.len() > INPUT_WINDOW as usize + LONGEST {
            return Err("more input came than is taken".to_owned());
        }
        self.bytes.extend(new);
        self.forget();
        Ok(())
    }

    /// What a reader is to read next: in one piece, not all there is.
    pub fn piece(&self, reader: usize) -> &[u8] {
        let Some(from) = self.readers[reader].map(|at| (at - self.base) as usize) else { return &[] };
        let (first, second) = self.bytes.as_slices();
        match from.checked_sub(first.len()) {
            Some(from) => second.get(from..).unwrap_or_default(),
            None => &first[from..],
        }
    }

    /// Whether a reader has read all that will come.
    pub fn is_at_end(&self, reader: usize) -> bool {
        self.is_over && self.readers[reader] == Some(self.end())
    }

    /// Whether it reads no more.
    pub fn has_left(&self, reader: usize) -> bool {
        self.readers[reader].is_none()
    }

    /// It has read so many bytes.
    pub fn advance(&mut self, reader: usize, count: usize) {
        self.readers[reader] = self.readers[reader].map(|at| at + count as u64);
        self.forget();
    }

    /// It reads no more.
    pub fn leave(&mut self, reader: usize) {
        self.readers[reader] = None;
        self.forget();
    }

    /// What all have read is kept no longer; what nobody reads is not kept at all.
    fn forget(&mut self) {
        let slowest = self.readers.iter().flatten().min().copied().unwrap_or(self.end());
        self.bytes.drain(..(slowest - self.base) as usize);
        self.base = slowest;
    }

    /// The other side is to hear anew up to where there is input here.
    pub fn again(&mut self) {
        self.told = None;
    }

    /// What there is to tell of how much was read; it is told in the name of the first task.
    pub fn news(&mut self, first: u32) -> Option<Frame> {
        let is_news = match self.told {
            None => true,
            Some(told) => self.base != told && (self.bytes.is_empty() || self.base - told >= TOLD),
        };
        if !is_news {
            return None;
        }
        self.told = Some(self.base);
        Some(Frame::acknowledged(FrameKind::Input, first, self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(place: u64, text: &[u8]) -> Frame {
        Frame { place, content: text.to_vec(), ..Frame::of(FrameKind::Input) }
    }

    fn read(input: &mut Input, reader: usize) -> Vec<u8> {
        let mut read = Vec::new();
        while !input.piece(reader).is_empty() {
            read.extend_from_slice(input.piece(reader));
            input.advance(reader, input.piece(reader).len());
        }
        read
    }

    #[test]
    fn each_reader_gets_all_of_it_once_though_it_comes_twice() {
        let mut all = Input::default();
        let (one, two) = (all.add(), all.add());
        all.take(&input(0, b"hello ")).unwrap();
        assert_eq!(read(&mut all, one), b"hello ");
        all.take(&input(3, b"lo world")).unwrap();
        all.take(&input(2, b"l")).unwrap();
        all.take(&input(6, b"")).unwrap();
        assert_eq!((read(&mut all, two), all.is_at_end(two)), (b"hello world".to_vec(), false));
        all.take(&input(11, b"")).unwrap();
        assert_eq!((all.is_at_end(two), all.is_at_end(one), all.bytes.len()), (true, false, 5));
        assert_eq!(read(&mut all, one), b"world");
        assert!(all.is_at_end(one) && all.bytes.is_empty());
        assert!(all.take(&input(12, b"x")).is_err(), "a gap");
    }

    #[test]
    fn one_who_sends_too_much_is_refused_and_one_who_reads_none_holds_nobody_up() {
        let mut all = Input::default();
        let (slow, gone) = (all.add(), all.add());
        assert_eq!(all.news(4).unwrap(), Frame::acknowledged(FrameKind::Input, 4, 0));
        all.take(&input(0, &[7; INPUT_WINDOW as usize])).unwrap();
        all.leave(gone);
        assert_eq!(all.news(4), None);
        assert!(all.take(&input(INPUT_WINDOW, &[7; LONGEST + 1])).is_err());
        all.advance(slow, TOLD as usize - 1);
        assert_eq!(all.news(4), None);
        all.advance(slow, 1);
        assert_eq!(all.news(4).unwrap().place, TOLD);
        all.again();
        assert_eq!(all.news(4).unwrap().place, TOLD);
        all.leave(slow);
        all.take(&input(INPUT_WINDOW, b"more")).unwrap();
        assert_eq!((all.news(4).unwrap().place, all.bytes.len()), (INPUT_WINDOW + 4, 0));
    }
}
