//! What reading and writing of all tables share.

use rusqlite::types::{FromSql, Type};
use rusqlite::{Connection, Result, Row, RowIndex};
use slurm::table::Table;
use words::ids::Id;

/// The rows of a query by key.
pub fn table<K: Ord + Clone, V: Clone + PartialEq>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row) -> Result<(K, V)>,
) -> Result<Table<K, V>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], read)?.collect::<Result<Vec<_>>>()?;
    Ok(Table::loaded(rows))
}

/// A value that was understood, or an error that names the column.
pub fn understood<T>(row: &Row, column: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| {
        let index = row.as_ref().column_index(column).unwrap_or_default();
        let text = format!("column {column} holds something unknown").into();
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, text)
    })
}

/// What is `u64` here and `i64` in SQLite: larger amounts mean the same as the largest.
pub fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that names something.
pub fn id<T: Id<Number: FromSql>>(row: &Row, column: impl RowIndex) -> Result<T> {
    row.get(column).map(T::of)
}

/// One that may be missing.
pub fn optional_id<T: Id<Number: FromSql>>(row: &Row, column: impl RowIndex) -> Result<Option<T>> {
    Ok(optional(row, column)?.map(T::of))
}

/// A value that may be missing.
pub fn optional<T: FromSql>(row: &Row, column: impl RowIndex) -> Result<Option<T>> {
    row.get(column)
}
