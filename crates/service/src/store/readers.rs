//! [`Readers`]: connections that only read. Each sees what was kept when it begins to read, and holds nobody up (SQLite's WAL).

use super::{Asker, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many connections are kept open for the next reader.
const SPARE: usize = 4;

/// After so many steps of SQLite's machine, well below a millisecond, a reader looks whether anybody still waits.
const STEPS: i32 = 10_000;

/// Reads what is kept, from many threads at once; a copy shares its spare connections.
#[derive(Clone, Debug)]
pub struct Readers {
    path: PathBuf,
    spare: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, spare: Arc::default() }
    }

    /// The same store, through connections that no other reader has: who uses this one never waits for another's thread.
    pub fn apart(&self) -> Self {
        Self::new(self.path.clone())
    }

    /// Reads in one read transaction: what is read fits together. Nothing can be written. It ends early, as interrupted,
    /// when the [`Asker`] leaves for whom this thread reads.
    pub fn read<T>(&self, question: impl FnOnce(&Connection) -> T) -> Result<T, StoreError> {
        self.ask(|connection| Ok(question(connection)))
    }

    /// Like [`Readers::read`], for a question that may fail as SQLite fails.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.connected(question).map_err(|source| StoreError::Database { path: self.path.clone(), source })
    }

    fn connected<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let spare = self.spare().pop();
        let connection = spare.map_or_else(|| open(&self.path), Ok)?;
        let answer = question(&*connection.unchecked_transaction()?);
        let mut spare = self.spare();
        if spare.len() < SPARE {
            spare.push(connection);
        }
        answer
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // No two threads have one at the same time, so SQLite need not lock it for every value of a row.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.progress_handler(STEPS, Some(|| Asker::here().has_left()))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    super::keep_plans(&connection)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn reading_ends_when_the_asker_leaves() {
        let directory = tempfile::tempdir().unwrap();
        let readers = Store::open(&directory.path().join("a.db")).unwrap().readers();
        let asker = Asker::default();
        let leaving = asker.clone();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let count = |sql: &Connection| {
            leaving.leave();
            sql.query_row(endless, [], |row| row.get::<_, i64>(0))
        };
        let ended = asker.serve(|| readers.read(count)).unwrap().unwrap_err();
        assert_eq!(ended.sqlite_error_code(), Some(rusqlite::ErrorCode::OperationInterrupted));
        let read = readers.read(|sql| sql.query_row("SELECT count(*) FROM txn", [], |row| row.get::<_, i64>(0)));
        assert_eq!(read.unwrap().unwrap(), 0, "the connection serves others");
    }
}
