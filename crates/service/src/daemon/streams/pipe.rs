//! [`Pipe`]: frames on their way to one reader, bounded in bytes: who sends waits, or goes on without.

use crate::daemon::controller::lock;
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

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

/// Frames in their order.
#[derive(Debug, Default)]
pub struct Pipe {
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
    /// Puts a frame in when there is room.
    pub async fn push(&self, frame: &Bytes) -> Result<(), Closed> {
        loop {
            let room = self.room.notified();
            if self.try_push(frame)? {
                return Ok(());
            }
            room.await;
        }
    }

    /// Puts a frame in if there is room, and says so.
    pub fn try_push(&self, frame: &Bytes) -> Result<bool, Closed> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_closed {
            return Err(Closed);
        }
        let has_room = waiting.cost < MOST;
        if has_room {
            waiting.cost += cost(frame);
            waiting.frames.push_back((frame.clone(), cost(frame)));
            self.news.notify_waiters();
        }
        Ok(has_room)
    }

    /// Puts frames in that are kept elsewhere, where their number is bounded: they take no room here.
    pub fn fill(&self, frames: impl IntoIterator<Item = Bytes>) {
        lock(&self.waiting).frames.extend(frames.into_iter().map(|frame| (frame, 0)));
        self.news.notify_waiters();
    }

    /// Takes others out. For when nobody reads.
    pub fn retain(&self, is_kept: impl Fn(&Bytes) -> bool) {
        let mut waiting = lock(&self.waiting);
        waiting.frames.retain(|(frame, _)| is_kept(frame));
        waiting.cost = waiting.frames.iter().map(|(_, cost)| cost).sum();
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

    /// The first frame was read.
    fn take(&self) {
        let mut waiting = lock(&self.waiting);
        if let Some((_, cost)) = waiting.frames.pop_front() {
            waiting.cost -= cost;
        }
        self.room.notify_waiters();
    }

    /// Writes all that comes, until it is closed. A frame that could not be written whole is there for the next connection.
    pub async fn write_to(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while let Some(frame) = self.first().await {
            to.write_all(&frame).await?;
            to.flush().await?;
            self.take();
        }
        to.shutdown().await
    }
}
