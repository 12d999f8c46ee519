//! The transaction record: appended to, and read by query, since it only ever grows.

use super::rows::{Cell, Columns, Cursor, Value, columns, insert, names, values};
use super::{Readers, StoreError};
use rusqlite::{Connection, Result, Row, params_from_iter};
use slurm::model::{Action, Transaction};
use std::ops::Range;

columns! { Transaction { id, time, action, actor, target, info, cluster, } }

impl Cell for Action {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.understood(Action::from_number)
    }

    fn put(&self) -> Value<'_> {
        self.number().into()
    }
}

/// Adds lines; their numbers must be new.
pub fn append(sql: &Connection, lines: &[Transaction]) -> Result<()> {
    let mut put = sql.prepare_cached(&insert("txn", &names::<Transaction>()))?;
    lines.iter().try_for_each(|line| put.execute(params_from_iter(values(line))).map(drop))
}

/// The statement that finds lines, for [`line()`].
pub(super) fn select(which: &str) -> String {
    format!("SELECT {} FROM txn WHERE {which}", names::<Transaction>().join(", "))
}

/// The number of the last line, 0 when there is none.
pub fn last(sql: &Connection) -> Result<u64> {
    sql.query_row("SELECT max(id) FROM txn", [], |row| row.get(0))
        .map(|last: Option<i64>| last.map_or(0, i64::unsigned_abs))
}

impl Readers {
    /// Gives every line written in `time` (seconds since 1970, end excluded), oldest first.
    pub fn transactions(&self, time: Range<i64>, mut take: impl FnMut(Transaction)) -> Result<(), StoreError> {
        self.ask(|sql| {
            let mut statement = sql.prepare_cached(&select("time >= ?1 AND time < ?2 ORDER BY id"))?;
            let mut rows = statement.query([time.start, time.end])?;
            while let Some(row) = rows.next()? {
                take(line(row)?);
            }
            Ok(())
        })
    }
}

/// A line that [`select`] found.
pub(super) fn line(row: &Row) -> Result<Transaction> {
    Columns::read(&mut Cursor::new(row, 0))
}
