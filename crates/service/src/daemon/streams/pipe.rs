//! [`Pipe`]: frames on their way to one reader, bounded in bytes: who sends waits, or goes on without.

use crate::daemon::budget::Budget;
use crate::daemon::controller::lock;
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use words::people::Uid;

/// So many bytes wait at most, one frame more than that included.
const MOST: usize = 512 << 10;

/// What a frame costs beside its bytes.
const COST: usize = 64;

/// Who reads has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

#[derive(Debug, Default)]
struct Waiting {
    /// What each costs stands beside it.
    frames: VecDeque<(Bytes, usize)>,
    cost: usize,
    is_closed: bool,
}

/// Whose bytes they are.
#[derive(Clone, Debug)]
pub struct Purse {
    /// Of all streams.
    pub budget: Arc<Budget>,
    /// Whose step it is.
    pub user: Uid,
}

/// Frames in their order.
#[derive(Debug)]
pub struct Pipe {
    purse: Purse,
    waiting: Mutex<Waiting>,
    /// Rings when there is room again, or none any more.
    room: Notify,
    /// Rings when there is a frame, or none any more.
    news: Notify,
}

fn cost(frame: &Bytes) -> usize {
    frame.len() + COST
}

impl Pipe {
    /// An empty one.
    pub fn new(purse: Purse) -> Self {
        Self { purse, waiting: Mutex::default(), room: Notify::new(), news: Notify::new() }
    }

    /// Puts a frame in when there is room.
    pub async fn push(&self, frame: &Bytes) -> Result<(), Closed> {
        loop {
            let (room, freed) = (self.room.notified(), self.purse.budget.freed());
            if self.try_push(frame)? {
                return Ok(());
            }
            tokio::select! {
                () = room => {}
                () = freed => {}
            }
        }
    }

    /// Puts a frame in if there is room, and says so. One frame has room in any pipe, whatever waits in others of its user.
    pub fn try_push(&self, frame: &Bytes) -> Result<bool, Closed> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_closed {
            return Err(Closed);
        }
        let (is_first, cost) = (waiting.cost == 0, cost(frame));
        let has_room = waiting.cost < MOST && self.purse.budget.take(self.purse.user, cost, is_first);
        if has_room {
            waiting.cost += cost;
            waiting.frames.push_back((frame.clone(), cost));
            self.news.notify_waiters();
        }
        Ok(has_room)
    }

    /// Puts frames in that are kept elsewhere, where their number is bounded: they take no room here.
    pub fn fill(&self, frames: impl IntoIterator<Item = Bytes>) {
        lock(&self.waiting).frames.extend(frames.into_iter().map(|frame| (frame, 0)));
        self.news.notify_waiters();
    }

    /// Takes out what is said again anyway: only frames that `is_kept` names stay.
    pub fn retain(&self, is_kept: impl Fn(&Bytes) -> bool) {
        let mut waiting = lock(&self.waiting);
        let before = waiting.cost;
        waiting.frames.retain(|(frame, _)| is_kept(frame));
        waiting.cost = waiting.frames.iter().map(|(_, cost)| cost).sum();
        let gone = before - waiting.cost;
        drop(waiting);
        self.purse.budget.give(self.purse.user, gone);
        self.room.notify_waiters();
    }

    /// Nothing comes any more; what is there may still be read.
    pub fn close(&self) {
        lock(&self.waiting).is_closed = true;
        self.room.notify_waiters();
        self.news.notify_waiters();
    }

    /// The first frame, which stays until it is [taken](Pipe::take); `None` when it is closed and empty.
    async fn first(&self) -> Option<Bytes> {
        loop {
            let news = self.news.notified();
            {
                let waiting = lock(&self.waiting);
                if let Some((frame, _)) = waiting.frames.front() {
                    return Some(frame.clone());
                }
                if waiting.is_closed {
                    return None;
                }
            }
            news.await;
        }
    }

    /// This frame, the first when it was looked at, was read. Two connections may be there for a moment, an old one that is on its
    /// way out and the next: what the other has taken out already is not taken again, nor another frame in its place.
    fn take(&self, read: &Bytes) {
        let mut waiting = lock(&self.waiting);
        let is_it = |(frame, _): &mut (Bytes, usize)| frame.as_ptr() == read.as_ptr();
        let cost = waiting.frames.pop_front_if(is_it).map_or(0, |(_, cost)| cost);
        waiting.cost -= cost;
        drop(waiting);
        self.purse.budget.give(self.purse.user, cost);
        self.room.notify_waiters();
    }

    /// Writes all that comes, until it is closed. A frame that could not be written whole is there for the next connection.
    pub async fn write_to(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while let Some(frame) = self.first().await {
            to.write_all(&frame).await?;
            to.flush().await?;
            self.take(&frame);
        }
        to.shutdown().await
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let left = lock(&self.waiting).cost;
        self.purse.budget.give(self.purse.user, left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::budget::Most;
    use tokio::io::{AsyncReadExt, duplex};

    /// The old connection has the first frame half written when the next one begins with the same.
    #[tokio::test]
    async fn an_old_connection_takes_out_no_frame_that_the_next_has_not_written() {
        let budget = Budget::new(Most { each: 64 << 20, all: 256 << 20, least: 1 << 20 });
        let pipe = Pipe::new(Purse { budget, user: Uid(1000) });
        for letter in [b'a', b'b', b'c', b'd'] {
            assert_eq!(pipe.try_push(&Bytes::from(vec![letter; 100])), Ok(true));
        }
        pipe.close();
        let ((mut old, mut to_old), (mut next, mut to_next)) = (duplex(50), duplex(50));
        let reads = async {
            let (mut first, mut both) = ([0; 120], Vec::new());
            // Both have begun with the first frame; then the next goes on to the second.
            old.read_exact(&mut first[..60]).await.unwrap();
            next.read_exact(&mut first).await.unwrap();
            both.extend_from_slice(&first);
            old.read_to_end(&mut both).await.unwrap();
            next.read_to_end(&mut both).await.unwrap();
            both
        };
        let (both, wrote, wrote_next) = tokio::join!(reads, pipe.write_to(&mut to_old), pipe.write_to(&mut to_next));
        assert!(wrote.is_ok() && wrote_next.is_ok());
        for letter in [b'a', b'b', b'c', b'd'] {
            assert!(both.contains(&letter), "{} is lost", char::from(letter));
        }
    }
}
