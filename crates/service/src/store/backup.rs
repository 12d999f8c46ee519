//! Copies of a store: made while it is served, checked, and put back.

use super::{MIGRATIONS, StoreError, live, lock, tables};
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a check found in a store that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Its schema; an older one is brought up to date when a service opens it.
    pub schema: usize,
    /// Clusters, users and associations that are not deleted, and lines of the transaction record.
    pub rows: Vec<(&'static str, i64)>,
}

const COUNTS: &[(&str, &str)] = &[
    ("clusters", "SELECT count(*) FROM cluster WHERE deleted = 0"),
    ("users", "SELECT count(*) FROM user WHERE deleted = 0"),
    ("associations", "SELECT count(*) FROM association WHERE deleted = 0"),
    ("transactions", "SELECT count(*) FROM txn"),
];

/// Copies a store, also while it is served, as it is at one moment. The copy is whole before it gets its name (mode 0600).
/// Refuses a name that is taken.
pub fn backup(store: &Path, to: &Path) -> Result<Contents, StoreError> {
    if to.exists() {
        return Err(StoreError::Taken(to.to_owned()));
    }
    let part = to.with_added_extension("part");
    let contents = copy(store, &part).inspect_err(|_| remove(&part))?;
    rename(&part, to)?;
    Ok(contents)
}

/// Checks the structure of every page, index and reference, and reads what the state is made of; changes nothing, and may
/// run while the store is served. A value that was changed on disk and is still well formed is not found: docs/store.md.
pub fn check(store: &Path) -> Result<Contents, StoreError> {
    let database = |source| StoreError::Database { path: store.to_owned(), source };
    let connection = open(store)?;
    let sql = connection.unchecked_transaction().map_err(database)?;
    super::check_all(store, &sql)?;
    let damaged = |what: String| StoreError::Damaged { path: store.to_owned(), what };
    let orphan = sql.query_row("SELECT \"table\", parent FROM pragma_foreign_key_check", [], |row| {
        Ok(format!("a row of {} lacks its {}", row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    match orphan {
        Err(rusqlite::Error::QueryReturnedNoRows) => {}
        Ok(what) => return Err(damaged(what)),
        Err(error) => return Err(damaged(format!("its references cannot be read: {error}"))),
    }
    let schema = super::schema(store, &sql)?;
    if schema == 0 {
        return Err(damaged("it is no store of enlist".into()));
    }
    if schema == MIGRATIONS.len() {
        tables::state(&sql).map_err(|error| damaged(error.to_string()))?;
        let live = live::read(&sql).map_err(|error| damaged(error.to_string()))?;
        if let Some(first) = live.unread.into_iter().next() {
            return Err(damaged(first));
        }
    }
    let count = |(what, query): &(&'static str, &str)| {
        Ok((*what, sql.query_row(query, [], |row| row.get(0)).map_err(database)?))
    };
    let rows = COUNTS.iter().map(count).collect::<Result<_, _>>()?;
    Ok(Contents { schema, rows })
}

/// Puts a backup in a store's place. Refuses while a service has the store, and a backup that is not whole. What was
/// there is kept beside it; its name is given back. Whenever this is cut off, the one or the other is in place, whole.
pub fn restore(from: &Path, store: &Path) -> Result<(Contents, Option<PathBuf>), StoreError> {
    let _lock = lock(store)?;
    let part = store.with_added_extension("restoring");
    remove(&part);
    let contents = check(from).and_then(|_| copy(from, &part)).inspect_err(|_| remove(&part))?;
    let kept = set_aside(store, &part)?;
    rename(&part, store)?;
    Ok((contents, kept))
}

/// Gives the old store a second name, with nothing left in its log, and the new one its owner.
fn set_aside(store: &Path, new: &Path) -> Result<Option<PathBuf>, StoreError> {
    let Ok(old) = std::fs::metadata(store) else { return Ok(None) };
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Open { path, source }
    };
    std::os::unix::fs::chown(new, Some(old.uid()), Some(old.gid())).map_err(failed(new))?;
    let name = |number| store.with_added_extension(format!("replaced-{number}"));
    let kept = (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0));
    // A log that stays behind would be taken for the new file's. A healthy file takes its log in; else both move.
    if fold_log(store).is_err() {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::rename(ending(store, end), ending(&kept, end));
        }
    }
    std::fs::hard_link(store, &kept).map_err(failed(&kept))?;
    Ok(Some(kept))
}

fn fold_log(store: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.close().map_err(|(_, error)| error)
}

fn ending(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    File::open(path).map_err(failed)?;
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|source| StoreError::Database { path: path.to_owned(), source })
}

/// Copies in one step, so that a writer meanwhile neither waits nor makes it begin again; checks and syncs the copy.
fn copy(from: &Path, to: &Path) -> Result<Contents, StoreError> {
    let failed = |source| StoreError::Open { path: to.to_owned(), source };
    let database = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Database { path, source }
    };
    let source = open(from)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let mut target = Connection::open(to).map_err(database(to))?;
    Backup::new(&source, &mut target).and_then(|backup| backup.step(-1)).map_err(database(to))?;
    // One file without a log beside it.
    target.pragma_update(None, "journal_mode", "DELETE").map_err(database(to))?;
    target.close().map_err(|(_, error)| database(to)(error))?;
    let contents = check(to)?;
    file.sync_all().map_err(failed)?;
    Ok(contents)
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: to.to_owned(), source };
    std::fs::rename(from, to).map_err(failed)?;
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

/// What may be there or not.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

#[cfg(test)]
mod tests;
