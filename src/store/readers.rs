//! [`Readers`]: connections that only read. Each sees what was kept when it begins to read, and holds nobody up (SQLite's WAL).

use super::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many connections are kept open for the next reader.
const SPARE: usize = 4;

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

    /// Reads in one read transaction: what is read fits together. Nothing can be written.
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
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}
