//! Which statements find the jobs of a [`Scan`] through indices, so that what is asked decides how long it takes and not
//! how many jobs there are.

use rusqlite::types::Value;
use rusqlite::{Connection, Result};
use serde::Serialize;
use slurm::records::Scan;
use words::people::Uid;

/// Jobs that lived longer, from submission to end, are in an index of their own (schema 008): so those that cross the end
/// of a time are found among those that ended within a week behind it, and a few others.
pub(in crate::store) const LONG: i64 = 604_800;

/// A list of any length in place of one question mark: SQLite takes 32,766 of these, and people have longer lists.
const LIST: &str = "(SELECT value FROM json_each(?))";

/// What stands for [`LIST`]'s question mark.
fn list(items: &[impl Serialize]) -> Value {
    serde_json::to_string(items).expect("texts and numbers can always be written as JSON").into()
}

/// A condition for `SELECT … FROM job WHERE`.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Condition {
    terms: Vec<String>,
    /// What its question marks stand for.
    pub values: Vec<Value>,
}

impl Condition {
    /// As SQL.
    pub fn text(&self) -> String {
        if self.terms.is_empty() { "1".into() } else { self.terms.join(" AND ") }
    }

    fn and(mut self, term: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        self.terms.push(term.into());
        self.values.extend(values);
        self
    }

    /// That a column has one of these values; any when there are none. With a `+` before its name no index on it is used.
    fn one_of<V: Serialize>(self, column: &str, items: &[V]) -> Self {
        if items.is_empty() { self } else { self.and(format!("{column} IN {LIST}"), [list(items)]) }
    }

    /// What of a scan no index is needed for.
    fn of_window(self, scan: &Scan) -> Self {
        let from = scan.ended_from.iter().map(|from| Value::from(*from));
        let mut all = self.one_of("+cluster", &scan.clusters);
        if scan.ended_from.is_some() {
            all = all.and("(time_end >= ? OR time_end IS NULL)", from);
        }
        match scan.submitted_before {
            Some(before) => all.and("time_submit < ?", [before.into()]),
            None => all,
        }
    }
}

/// Conditions that together find every job of the scan, each once.
pub(in crate::store) fn conditions(connection: &Connection, scan: &Scan) -> Result<Vec<Condition>> {
    let all = Condition::default();
    if !scan.numbers.is_empty() {
        let any = ["job_id", "array_job", "het_job"].map(|column| format!("{column} IN {LIST}")).join(" OR ");
        let numbers: Vec<_> = scan.numbers.iter().collect();
        return Ok(vec![all.and(format!("({any})"), vec![list(&numbers); 3]).of_window(scan)]);
    }
    if !scan.users.is_empty() {
        let (uids, names): (Vec<Uid>, Vec<String>) = scan.users.iter().cloned().unzip();
        let by_name = all.clone().and("uid IS NULL", []).one_of("user", &names);
        return Ok(vec![all.one_of("uid", &uids).of_window(scan), by_name.of_window(scan)]);
    }
    let Some(from) = scan.ended_from else { return Ok(vec![all.of_window(scan)]) };
    let known = if scan.clusters.is_empty() { clusters(connection)? } else { scan.clusters.clone() };
    let to = scan.submitted_before;
    let of_cluster = |cluster: String| {
        let on = all.clone().and("cluster = ?", [cluster.into()]);
        let submitted = |on: Condition| match to {
            Some(to) => on.and("time_submit < ?", [to.into()]),
            None => on,
        };
        running(on, from, to).into_iter().map(submitted).collect::<Vec<_>>()
    };
    Ok(known.into_iter().flat_map(of_cluster).collect())
}

/// Jobs of a cluster (`on`) that had not ended before `from`, if all that matter were submitted before `to`: those that
/// have no end, those that ended within a week behind `to`, and of later ones those that lived longer.
fn running(on: Condition, from: i64, to: Option<i64>) -> Vec<Condition> {
    let since = on.clone().and("time_end >= ?", [from.into()]);
    let open = on.clone().and("time_end IS NULL", []);
    let Some(later) = to.map(|to| to.max(from).saturating_add(LONG)) else { return vec![open, since] };
    let long = format!("time_end >= ? AND time_end - time_submit > {LONG}");
    vec![open, since.and("time_end < ?", [later.into()]), on.and(long, [later.into()])]
}

/// Jobs of a cluster that run or wait at a time, among others.
pub(in crate::store) fn at(connection: &Connection, time: i64) -> Result<Vec<Condition>> {
    let scan = Scan { ended_from: Some(time), submitted_before: Some(time.saturating_add(1)), ..Scan::default() };
    conditions(connection, &scan)
}

/// The clusters that have jobs, each found by one step in an index.
fn clusters(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE known (name) AS (SELECT MIN(cluster) FROM job UNION ALL \
         SELECT (SELECT cluster FROM job WHERE cluster > known.name ORDER BY cluster LIMIT 1) FROM known \
         WHERE known.name IS NOT NULL) \
         SELECT name FROM known WHERE name IS NOT NULL",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}
