//! Usage rolled up by hour, day and month: made in slices, read by reports.

pub mod balance;
mod read;
mod roll;
#[cfg(test)]
mod tests;
mod write;

pub use balance::Balance;
pub use read::UsageTable;
pub use roll::Roll;
pub use write::Slice;

use rusqlite::{Connection, Result, Row};
use slurm::rollup::{Measure, Span};

/// How far the rollup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything before is rolled up from the records as they are; `None` when nothing is.
    pub rolled: Option<i64>,
    /// Everything before was rolled up once; reports read up to here.
    pub known: Option<i64>,
    /// How often hours before that changed since they were rolled up first.
    pub remade: i64,
}

/// How far the rollup is.
pub fn progress(connection: &Connection) -> Result<Progress> {
    connection.query_row("SELECT rolled, known, remade FROM usage_progress", [], |row| {
        Ok(Progress { rolled: row.get(0)?, known: row.get(1)?, remade: row.get(2)? })
    })
}

fn set_rolled(connection: &Connection, rolled: i64) -> Result<()> {
    let sql = "UPDATE usage_progress SET rolled = ?1, known = MAX(IFNULL(known, ?1), ?1)";
    connection.execute(sql, [rolled])?;
    Ok(())
}

/// Says that hours which were rolled up before come to something else now.
pub(super) fn remade(transaction: &Connection, hours: Span) -> Result<()> {
    transaction.prepare_cached("UPDATE usage_progress SET remade = remade + 1")?.execute([])?;
    balance::forget(transaction, hours)
}

/// Says that records of this time or later were added or changed: what is rolled up from there on is made again, but not
/// from before what was purged, where it could only come to less. Belongs into the transaction that changes the records.
pub fn changed_from(transaction: &Connection, time: i64) -> Result<()> {
    let time = super::purge::frozen(transaction)?.map_or(time, |frozen| frozen.max(time));
    let sql = "UPDATE usage_progress SET rolled = MIN(rolled, ?1), touched = MIN(IFNULL(touched, ?1), ?1)";
    transaction.execute(sql, [time])?;
    Ok(())
}

/// Says that the rollup looks at the records from here on: what was changed before is no news to it.
pub fn watch(transaction: &Connection) -> Result<()> {
    transaction.execute("UPDATE usage_progress SET touched = NULL WHERE touched IS NOT NULL", [])?;
    Ok(())
}

/// What a row counts.
fn measure(row: &Row, column: usize) -> Result<Measure> {
    row.get(column).map(Measure::from_number)
}

/// Since when records differ from what the rollup saw when it last looked.
fn touched(connection: &Connection) -> Result<Option<i64>> {
    connection.query_row("SELECT touched FROM usage_progress", [], |row| row.get(0))
}
