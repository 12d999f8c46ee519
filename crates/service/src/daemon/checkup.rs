//! [`Checkup`]: whether the store can be read, found out on a thread of its own, so that whoever watches the service waits
//! for no caller's command, and for no thread that [stands back](super::precedence).

use super::precedence::Precedence;
use crate::store::Readers;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

/// What was found: the error says why the store cannot be read.
type Found = Result<(), String>;

/// Looks at the store for those who ask. Who comes while it looks is told what the next look finds, together with all
/// others who wait: a flood of questions costs one look at a time.
pub struct Checkup(Sender<oneshot::Sender<Found>>);

impl Checkup {
    /// Starts the thread; it ends when this is dropped.
    pub fn start(readers: &Readers) -> io::Result<Self> {
        let (ask, asked) = channel();
        let readers = readers.apart();
        let work = move || {
            Precedence::of_this_thread().come_forward();
            answer_all(&asked, &readers);
        };
        std::thread::Builder::new().name("checkup".into()).spawn(work)?;
        Ok(Self(ask))
    }

    /// Looks, now.
    pub async fn look(&self) -> Found {
        let (ask, answer) = oneshot::channel();
        let is_heard = self.0.send(ask).is_ok();
        let bug = || Err("a bug in enlist serve: nobody looks at the store any more".into());
        if is_heard { answer.await.unwrap_or_else(|_| bug()) } else { bug() }
    }
}

fn answer_all(asked: &Receiver<oneshot::Sender<Found>>, readers: &Readers) {
    while let Ok(first) = asked.recv() {
        let waiting: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
        let found = look(readers);
        for one in waiting {
            // Who has left meanwhile need not know.
            let _ = one.send(found.clone());
        }
    }
}

fn look(readers: &Readers) -> Found {
    let read = readers.read(|sql| sql.query_row("SELECT count(*) FROM tres", [], |row| row.get::<_, u32>(0)));
    let read = read.map_err(|error| error.to_string())?;
    read.map(drop).map_err(|error| format!("the store cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn a_store_that_cannot_be_read_is_told_and_one_that_can_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let checkup = Checkup::start(&Store::open(&path).unwrap().readers()).unwrap();
        assert_eq!(checkup.look().await, Ok(()));
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute("ALTER TABLE tres RENAME TO elsewhere", []).unwrap();
        let why = checkup.look().await.unwrap_err();
        assert!(why.contains("no such table: tres"), "{why}");
        other.execute("ALTER TABLE elsewhere RENAME TO tres", []).unwrap();
        let (one, another) = tokio::join!(checkup.look(), checkup.look());
        assert_eq!((one, another), (Ok(()), Ok(())));
    }
}
