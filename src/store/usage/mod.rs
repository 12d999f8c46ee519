//! Usage rolled up by hour, day and month: made in steps of a day, read by reports.

mod read;
mod roll;
#[cfg(test)]
mod tests;

pub use read::UsageTable;
pub use roll::Roll;

use rusqlite::{Connection, Result, params};

/// How far the rollup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything before is rolled up from the records as they are; `None` when nothing is.
    pub rolled: Option<i64>,
    /// Everything before was rolled up once; reports read up to here.
    pub known: Option<i64>,
}

/// How far the rollup is.
pub fn progress(connection: &Connection) -> Result<Progress> {
    connection.query_row("SELECT rolled, known FROM usage_progress", [], |row| {
        Ok(Progress { rolled: row.get(0)?, known: row.get(1)? })
    })
}

fn set_progress(connection: &Connection, progress: Progress) -> Result<()> {
    connection
        .execute("UPDATE usage_progress SET rolled = ?1, known = ?2", params![progress.rolled, progress.known])?;
    Ok(())
}

/// Says that records of this time or later were added or changed: what is rolled up from there on is made again, but not
/// from before what was purged, where it could only come to less. Belongs into the transaction that changes the records.
pub fn changed_from(transaction: &Connection, time: i64) -> Result<()> {
    let time = super::purge::frozen(transaction)?.map_or(time, |frozen| frozen.max(time));
    transaction.execute("UPDATE usage_progress SET rolled = MIN(rolled, ?1)", [time])?;
    Ok(())
}
