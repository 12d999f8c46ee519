//! [`Ring`]: what a task wrote and nobody has acknowledged yet.

use crate::stream::{Frame, FrameKind};
use std::collections::VecDeque;

/// The most that goes in one frame: so one task's output lets others' between.
const PIECE: usize = 32 << 10;

/// One stream of one task.
pub struct Ring {
    rank: u32,
    kind: FrameKind,
    kept: VecDeque<u8>,
    /// The place of the first byte that is kept.
    base: u64,
    /// Up to which place it was sent over the connection that there is.
    sent: u64,
    /// Whether nothing more comes.
    is_over: bool,
    is_end_sent: bool,
    most: usize,
}

impl Ring {
    /// An empty one, which keeps so many bytes at most.
    pub fn new(rank: u32, kind: FrameKind, most: usize) -> Self {
        let (kept, base, sent) = (VecDeque::new(), 0, 0);
        Self { rank, kind, kept, base, sent, is_over: false, is_end_sent: false, most }
    }

    /// Whose it is, and which.
    pub fn key(&self) -> (u32, FrameKind) {
        (self.rank, self.kind)
    }

    fn end(&self) -> u64 {
        self.base + self.kept.len() as u64
    }

    /// So many more bytes it would take.
    pub fn room(&self) -> usize {
        if self.is_over { 0 } else { self.most.saturating_sub(self.kept.len()) }
    }

    /// How many bytes nobody has had.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// More was written.
    pub fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
    }

    /// Nothing more comes.
    pub fn finish(&mut self) {
        self.is_over = true;
    }

    /// Whether nothing more comes, and all was had.
    pub fn is_drained(&self) -> bool {
        self.is_over && self.kept.is_empty() && self.is_end_sent
    }

    /// What is to be sent next, if anything is.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let (place, from) = (self.sent, (self.sent - self.base) as usize);
        let piece: Vec<u8> = self.kept.range(from..self.kept.len().min(from + PIECE)).copied().collect();
        if piece.is_empty() {
            if !self.is_over || self.is_end_sent {
                return None;
            }
            self.is_end_sent = true;
        }
        self.sent += piece.len() as u64;
        Some(Frame { kind: self.kind, task: self.rank, place, content: piece })
    }

    /// All up to a place was had. What was never written cannot have been.
    pub fn acknowledge(&mut self, place: u64) {
        let place = place.clamp(self.base, self.end());
        self.kept.drain(..(place - self.base) as usize);
        self.base = place;
        self.sent = self.sent.max(place);
    }

    /// All that is kept is sent again.
    pub fn again(&mut self) {
        self.sent = self.base;
        self.is_end_sent = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(ring: &mut Ring) -> Vec<Frame> {
        std::iter::from_fn(|| ring.next_frame()).collect()
    }

    #[test]
    fn what_was_not_acknowledged_comes_again_with_its_end() {
        let mut ring = Ring::new(3, FrameKind::Errors, 10);
        ring.push(b"hello");
        let said = |place, text: &[u8]| Frame { kind: FrameKind::Errors, task: 3, place, content: text.to_vec() };
        assert_eq!((all(&mut ring), ring.room()), (vec![said(0, b"hello")], 5));
        ring.finish();
        assert_eq!((all(&mut ring), ring.is_drained()), (vec![said(5, b"")], false));
        ring.acknowledge(2);
        ring.again();
        assert_eq!(all(&mut ring), [said(2, b"llo"), said(5, b"")]);
        ring.acknowledge(1_000);
        assert!(ring.is_drained() && all(&mut ring).is_empty());
    }

    proptest! {
        /// A reader that passes over what it has had sees each byte once and in order, whatever breaks when.
        #[test]
        fn no_byte_is_lost_or_doubled(moves in proptest::collection::vec((0_u8..4, 1_usize..90_000), 1..40)) {
            let (mut ring, mut written, mut read) = (Ring::new(0, FrameKind::Output, 1 << 20), Vec::new(), Vec::new());
            let take = |frame: Frame, read: &mut Vec<u8>| {
                let had = read.len() as u64 - frame.place.min(read.len() as u64);
                assert!(frame.place <= read.len() as u64, "a gap");
                read.extend(frame.content.into_iter().skip(had as usize));
            };
            for (what, count) in moves {
                match what {
                    0 => {
                        let more: Vec<u8> = (0..count).map(|at| ((written.len() + at) % 251) as u8).collect();
                        written.extend_from_slice(&more);
                        ring.push(&more);
                    }
                    1 => ring.next_frame().into_iter().for_each(|frame| take(frame, &mut read)),
                    2 => ring.acknowledge((read.len() as u64).saturating_sub(count as u64)),
                    _ => ring.again(),
                }
            }
            ring.finish();
            ring.again();
            all(&mut ring).into_iter().for_each(|frame| take(frame, &mut read));
            prop_assert_eq!(read, written);
        }
    }
}
