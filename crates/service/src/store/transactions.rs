//! The transaction record: appended to, and read by query, since it only ever grows.

use super::rows::{integer, understood};
use super::{Readers, StoreError};
use rusqlite::{Connection, Result, Row, params};
use slurm::model::{Action, Transaction};
use std::ops::Range;

/// Adds lines; their numbers must be new.
pub fn append(sql: &Connection, lines: &[Transaction]) -> Result<()> {
    let mut put = sql.prepare_cached("INSERT INTO txn VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for line in lines {
        let (number, action) = (integer(line.id), line.action.number());
        put.execute(params![number, line.time, action, line.actor, line.target, line.info, line.cluster])?;
    }
    Ok(())
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
            let query = "SELECT * FROM txn WHERE time >= ?1 AND time < ?2 ORDER BY id";
            let mut statement = sql.prepare_cached(query)?;
            let mut rows = statement.query([time.start, time.end])?;
            while let Some(row) = rows.next()? {
                take(line(row)?);
            }
            Ok(())
        })
    }
}

pub(super) fn line(row: &Row) -> Result<Transaction> {
    Ok(Transaction {
        id: row.get::<_, i64>("id")?.unsigned_abs(),
        time: row.get("time")?,
        action: understood(row, "action", Action::from_number(row.get("action")?))?,
        actor: row.get("actor")?,
        target: row.get("target")?,
        info: row.get("info")?,
        cluster: row.get("cluster")?,
    })
}
