//! [`Work`]: commands, each in its caller's turn, and no longer than somebody waits for the answer.
//!
//! When a client leaves, what it asked for is dropped if it has not begun, and ends early if it only reads
//! ([`Asker`]). A change that has begun is carried out.

use super::precedence::stand_back;
use super::refusal::Refusal;
use super::turns::{Bounds, Party, Turn, Turns};
use crate::store::Asker;
use axum::http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::{JoinError, spawn_blocking};
use words::people::Uid;

/// So many commands run at the same time.
pub const COMMANDS_AT_ONCE: usize = 64;

/// So many requests of an ordinary caller wait for their turn.
const WAITING: usize = 64;

/// So many commands at a time may wait for those who read what they print.
const STREAMS: usize = 32;

/// Where commands run.
pub struct Work {
    turns: Turns<Uid>,
    streams: Turns<Uid>,
    left: Arc<AtomicU64>,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            turns: Turns::new(Bounds::quarters(COMMANDS_AT_ONCE, WAITING)),
            streams: Turns::new(Bounds::quarters(STREAMS, 0)),
            left: Arc::default(),
        }
    }
}

/// A client that waits. If this is dropped before the client is answered, it has left.
pub struct Waiting {
    asker: Asker,
    left: Arc<AtomicU64>,
    is_answered: bool,
}

impl Waiting {
    /// The answer is whole.
    pub fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_answered {
            self.asker.leave();
            self.left.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The place of a command that may run now.
pub struct Place {
    asker: Asker,
    _turn: Turn<Uid>,
}

impl Place {
    /// Runs it on this thread, which stands back from now on; the place is free when it ends.
    pub fn run<T>(self, command: impl FnOnce(&Asker) -> T) -> T {
        stand_back();
        self.asker.serve(|| command(&self.asker))
    }
}

impl Work {
    /// Waits for the caller's turn.
    pub async fn begin(&self, party: Party<Uid>) -> Result<(Waiting, Place), Refusal> {
        let asker = Asker::default();
        let waiting = Waiting { asker: asker.clone(), left: self.left.clone(), is_answered: false };
        match self.turns.wait(party).await {
            Ok(turn) => Ok((waiting, Place { asker, _turn: turn })),
            Err(full) => {
                waiting.answered();
                Err(full.into())
            }
        }
    }

    /// A place for one more answer that is sent while it is made.
    pub fn stream(&self, party: Party<Uid>) -> Option<Turn<Uid>> {
        self.streams.now(party)
    }

    /// Runs a command in the caller's turn, on a thread that may block. A panic in it is answered, and everything else
    /// goes on.
    pub async fn run<T: Send + 'static>(
        &self,
        party: Party<Uid>,
        command: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (waiting, place) = self.begin(party).await?;
        let done = spawn_blocking(move || place.run(|_| command())).await;
        waiting.answered();
        done.map_err(panicked)
    }

    /// How many commands run, and how many wait for their turn.
    pub fn counts(&self) -> (usize, usize) {
        self.turns.counts()
    }

    /// How many clients left before they were answered.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }
}

/// What is answered when a command panicked.
pub fn panicked(error: JoinError) -> Refusal {
    tracing::error!(%error, "a command panicked");
    let bug = "a bug in enlist serve stopped this command; nothing was changed";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEBODY: Party<Uid> = Party { who: Uid(1000), is_privileged: false };

    #[tokio::test]
    async fn a_panic_is_answered() {
        let work = Work::default();
        let refusal = work.run(SOMEBODY, || -> u8 { panic!("as a test does") }).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(refusal.why.contains("a bug in enlist serve"));
        assert_eq!((work.counts(), work.left()), ((0, 0), 0));
    }

    #[tokio::test]
    async fn a_command_knows_that_its_client_has_left_and_those_in_line_never_begin() {
        let work = Arc::new(Work::default());
        let (begun, mut beginnings) = tokio::sync::mpsc::unbounded_channel();
        let ask = || {
            let (work, begun) = (work.clone(), begun.clone());
            let until_left = move || {
                begun.send(()).unwrap();
                while !Asker::here().has_left() {
                    std::thread::yield_now();
                }
            };
            tokio::spawn(async move { work.run(SOMEBODY, until_left).await })
        };
        let all: Vec<_> = (0..COMMANDS_AT_ONCE / 4 + 3).map(|_| ask()).collect();
        while work.counts() != (COMMANDS_AT_ONCE / 4, 3) {
            tokio::task::yield_now().await;
        }
        // The last ones first, which wait.
        for client in all.into_iter().rev() {
            client.abort();
            assert!(client.await.is_err());
        }
        while work.counts() != (0, 0) {
            tokio::task::yield_now().await;
        }
        drop(begun);
        let mut count = 0;
        while beginnings.recv().await.is_some() {
            count += 1;
        }
        assert_eq!((count, work.left()), (COMMANDS_AT_ONCE / 4, COMMANDS_AT_ONCE as u64 / 4 + 3));
    }
}
