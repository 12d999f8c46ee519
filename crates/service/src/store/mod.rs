//! Where the accounting service keeps its state: SQLite, one file, one writer.
//!
//! A commit writes a command's changes and its transaction record in one database transaction, synced to disk before it
//! returns; so what was acknowledged survives `kill -9` and power cuts.

pub mod archive;
mod asker;
mod backup;
pub mod jobs;
mod live;
pub mod purge;
mod readers;
mod rows;
mod tables;
mod transactions;
pub mod usage;

pub use asker::Asker;
pub use backup::{Contents, backup, check as verify, restore};
pub use live::{StoredBatch, StoredLive};
pub use readers::Readers;

use nix::fcntl::{Flock, FlockArg};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use slurm::State;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The schemas, oldest first; `user_version` counts how many of them a file has.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
    include_str!("schema/005.sql"),
    include_str!("schema/006.sql"),
    include_str!("schema/007.sql"),
    include_str!("schema/008.sql"),
    include_str!("schema/009.sql"),
    include_str!("schema/010.sql"),
    include_str!("schema/011.sql"),
    include_str!("schema/012.sql"),
];

/// The most KiB of pages that the writer keeps in memory.
const CACHE: i64 = 64 << 10;

/// So many pages of 4 KiB in the log are copied into the file.
const LOG: i64 = 8000;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon has it open.
    #[error("{} is in use by another enlist serve", .0.display())]
    InUse(PathBuf),
    /// It was written by a newer enlist.
    #[error("{} has schema {found}, this enlist knows {} at most: it was written by a newer release", .path.display(), MIGRATIONS.len())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
    },
    /// SQLite's check found damage.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check says.
        what: String,
    },
    /// A file of this name is there already.
    #[error("{} is there already: remove it, or name another file", .0.display())]
    Taken(PathBuf),
    /// A file cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("{}: {}", .path.display(), words(.source))]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's reason, such as "database or disk is full".
        source: rusqlite::Error,
    },
    /// A commit failed in such a way that it may be on disk, now or after a restart.
    #[error("{}: {}; it is not known whether the change is on disk", .path.display(), words(.source))]
    Unsynced {
        /// The file.
        path: PathBuf,
        /// SQLite's reason, such as "disk I/O error".
        source: rusqlite::Error,
    },
}

/// SQLite's reason without the statement, which means nothing to whoever asked.
pub fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// An open store. The lock is held until it is dropped, or the process dies.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
    _lock: Flock<File>,
}

impl Store {
    /// Opens or creates the file (mode 0600), takes the lock, checks the content, and brings the schema up to date.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        let lock = lock(path)?;
        let database = |source| StoreError::Database { path: path.to_owned(), source };
        private_file(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let mut connection = Connection::open(path).map_err(database)?;
        prepare(&connection).map_err(database)?;
        settle(&connection).map_err(database)?;
        check_small(path, &connection)?;
        migrate(path, &mut connection)?;
        Ok(Store { path: path.to_owned(), connection, _lock: lock })
    }

    /// Reads the state.
    pub fn load(&self) -> Result<State, StoreError> {
        tables::state(&self.connection).map_err(|source| self.error(source))
    }

    /// Begins to write. What is not [kept](Draft::keep) is as if it had never been.
    pub fn draft(&mut self) -> Result<Draft<'_>, StoreError> {
        let path = &self.path;
        let database = |source| StoreError::Database { path: path.clone(), source };
        Ok(Draft { path, sql: self.connection.transaction().map_err(database)? })
    }

    /// Connections that read what is kept, also while it is written.
    pub fn readers(&self) -> Readers {
        Readers::new(self.path.clone())
    }

    fn error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), source }
    }
}

/// What is being written: one database transaction.
#[derive(Debug)]
pub struct Draft<'a> {
    path: &'a Path,
    sql: rusqlite::Transaction<'a>,
}

impl Draft<'_> {
    /// Writes what differs from the state's last commit.
    pub fn save(&self, state: &State) -> Result<(), StoreError> {
        tables::changes(&self.sql, state).map_err(|source| self.error(source))
    }

    /// Writes a slice of a rollup; `false` when it has to be computed again.
    pub fn keep_usage(&self, slice: &usage::Slice) -> Result<bool, StoreError> {
        slice.keep(&self.sql).map_err(|source| self.error(source))
    }

    /// Writes a balance of usage; `false` when hours that it is made of were made again.
    pub fn keep_balance(&self, balance: &usage::Balance) -> Result<bool, StoreError> {
        balance.keep(&self.sql).map_err(|source| self.error(source))
    }

    /// Says that a rollup begins to look at the records.
    pub fn watch_records(&self) -> Result<(), StoreError> {
        usage::watch(&self.sql).map_err(|source| self.error(source))
    }

    /// For rows that are in the store alone.
    pub fn connection(&self) -> &Connection {
        &self.sql
    }

    /// Keeps all that was written; it is synced to disk when this returns. After [`StoreError::Unsynced`] the store must
    /// be opened anew before anything else is written: what the kernel holds of the file may not be what the disk holds,
    /// and a later success would not mean what it says. After other errors nothing was kept.
    pub fn keep(self) -> Result<(), StoreError> {
        let path = self.path.to_owned();
        self.sql.commit().map_err(|source| match source.sqlite_error_code() {
            // Found before the log has the mark that makes a transaction of what was written.
            Some(ErrorCode::DiskFull | ErrorCode::ConstraintViolation | ErrorCode::DatabaseBusy) => {
                StoreError::Database { path, source }
            }
            _ => StoreError::Unsynced { path, source },
        })
    }

    fn error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.to_owned(), source }
    }
}

fn lock(path: &Path) -> Result<Flock<File>, StoreError> {
    let lock_path = path.with_added_extension("lock");
    let file = private_file(&lock_path).map_err(|source| StoreError::Open { path: lock_path, source })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| StoreError::InUse(path.to_owned()))
}

fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    keep_plans(connection)?;
    // Imports go to a leaf of an index for each user: those are kept, and copied into the file once for many commits.
    connection.pragma_update(None, "cache_size", -CACHE)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG)
}

/// Prepared statements stay as they are. Otherwise SQLite plans anew for each value that they are run with, in case its
/// statistics say something else of it: for a job's steps that takes longer than to read them.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Brings into the file, and to disk, what a process that died left in the log. After a failed sync the log as the kernel
/// shows it may not be what the disk has; what is copied out of it is written and synced again.
fn settle(connection: &Connection) -> rusqlite::Result<()> {
    let settled = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    match settled {
        // On a full disk what was kept can still be read, in the log.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => Ok(()),
        settled => settled,
    }
}

/// Looks for damage in all pages.
fn check_all(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    says_ok(path, connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)))
}

/// Looks for damage in the tables that the state is made of. Those that only grow would keep a start waiting for
/// gigabytes; `enlist store check` reads them too.
fn check_small(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let query =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('job', 'step', 'txn', 'job_batch')
                 AND name NOT LIKE 'usage%'";
    let tables = connection
        .prepare(query)
        .and_then(|mut names| names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>());
    for table in tables.map_err(|error| StoreError::Damaged { path: path.to_owned(), what: error.to_string() })? {
        let query = "SELECT integrity_check FROM pragma_integrity_check(?1)";
        says_ok(path, connection.query_row(query, [table], |row| row.get(0)))?;
    }
    Ok(())
}

fn says_ok(path: &Path, says: rusqlite::Result<String>) -> Result<(), StoreError> {
    let what = match says {
        Ok(says) if says == "ok" => return Ok(()),
        Ok(says) => says,
        Err(error) => error.to_string(),
    };
    Err(StoreError::Damaged { path: path.to_owned(), what })
}

/// How many of the schemas a file has; an error when it is more than there are.
fn schema(path: &Path, connection: &Connection) -> Result<usize, StoreError> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    match version.map(|version| usize::try_from(version).unwrap_or(usize::MAX)) {
        Ok(found) if found > MIGRATIONS.len() => Err(StoreError::TooNew { path: path.to_owned(), found }),
        found => found.map_err(|source| StoreError::Database { path: path.to_owned(), source }),
    }
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let database = |source| StoreError::Database { path: path.to_owned(), source };
    let found = schema(path, connection)?;
    for (index, schema) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction().map_err(database)?;
        transaction.execute_batch(schema).map_err(database)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1).map_err(database)?;
        transaction.commit().map_err(database)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
