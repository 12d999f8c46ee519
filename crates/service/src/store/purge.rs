//! Old records: found, taken out one by one if they still are what was archived, and brought back.

use super::jobs;
use super::rows::{id, integer, names};
use super::{Draft, StoreError, transactions, usage};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Result, Row, params, params_from_iter};
use slurm::State;
use slurm::archive::{Cell, Kind, Record, UsageOf};
use slurm::model::{Action, Event, JobId, Transaction, or_zero};
use slurm::records::import::chunk;
use slurm::records::{Job, Step};
use slurm::rollup::calendar::HOUR;
use slurm::rollup::{Calendar, Period, Span};
use std::borrow::Cow;
use std::cell::Cell as Place;
use std::path::{Path, PathBuf};

/// How far a kind is purged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Everything before is purged.
    pub done: Option<i64>,
    /// The archive whose records are on their way out.
    pub file: Option<PathBuf>,
}

/// How far a kind is purged.
pub fn mark(sql: &Connection, kind: Kind) -> Result<Mark> {
    let query = "SELECT done, file FROM purge WHERE kind = ?1";
    let row = |row: &Row| Ok(Mark { done: row.get(0)?, file: row.get::<_, Option<String>>(1)?.map(PathBuf::from) });
    Ok(sql.query_row(query, [kind.name()], row).optional()?.unwrap_or_default())
}

/// The time before which usage stays as it was summed up; `None` when nothing was purged.
pub fn frozen(sql: &Connection) -> Result<Option<i64>> {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.makes_usage()).map(Kind::name);
    let marks = vec!["?"; kinds.clone().count()].join(", ");
    let query = format!("SELECT MAX(frozen) FROM purge WHERE kind IN ({marks})");
    sql.query_row(&query, params_from_iter(kinds), |row| row.get(0))
}

/// Which records are meant.
#[derive(Clone, Debug)]
pub struct Old<'a> {
    /// Of which kind.
    pub kind: Kind,
    /// Of which cluster, for kinds that each cluster has its own of.
    pub cluster: &'a str,
    /// Ended, or written, before this time.
    pub until: i64,
    /// Days and months of usage end by it.
    pub calendar: &'a Calendar,
    /// Steps of jobs that ended before were shown already; `i64::MIN` to begin with. Without it every look would pass
    /// over all jobs whose steps are gone.
    pub from: Place<i64>,
}

impl Old<'_> {
    /// Shows at most so many of them, the oldest first.
    pub fn each<E: From<rusqlite::Error>>(
        &self,
        sql: &Connection,
        state: &State,
        most: usize,
        see: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.kind {
            Kind::Events => self.events(state).take(most).try_for_each(|event| see(Record::Event(event.clone()))),
            Kind::Reservations => {
                let old = |row: &&_| self.is_old_reservation(row);
                let rows = state.reservations.values().filter(old).take(most);
                rows.into_iter().try_for_each(|row| see(Record::Reservation(row.clone())))
            }
            Kind::Jobs => self.jobs(sql, most, see),
            Kind::Steps => match self.steps(sql, most, see)? {
                // Steps that changed before they could go are still there.
                0 if self.from.replace(i64::MIN) > i64::MIN => self.steps(sql, most, see).map(drop),
                _ => Ok(()),
            },
            Kind::Transactions => self.transactions(sql, most, see),
            Kind::Usage => self.usage(sql, most, see),
        }
    }

    fn events<'s>(&'s self, state: &'s State) -> impl Iterator<Item = &'s Event> {
        state.events.values().filter(|row| row.cluster == self.cluster && row.end.is_some_and(|end| end < self.until))
    }

    fn is_old_reservation(&self, row: &slurm::model::Reservation) -> bool {
        row.cluster == self.cluster && row.end < self.until
    }

    fn jobs<E: From<rusqlite::Error>>(
        &self,
        sql: &Connection,
        most: usize,
        see: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let old = "cluster = ?1 AND time_end < ?2 ORDER BY time_end LIMIT ?3";
        let mut statement = sql.prepare_cached(&format!("SELECT id, {} FROM job WHERE {old}", *jobs::JOB))?;
        let mut rows = statement.query(params![self.cluster, self.until, most as i64])?;
        while let Some(row) = rows.next()? {
            let job = jobs::job(row)?;
            let steps = jobs::steps_of(sql, &job)?;
            see(Record::Job { job, steps })?;
        }
        Ok(())
    }

    fn steps<E: From<rusqlite::Error>>(
        &self,
        sql: &Connection,
        most: usize,
        see: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<usize, E> {
        let columns: Vec<_> = names::<Step>().into_iter().map(|name| format!("step.{name}")).collect();
        let query = format!(
            "SELECT {}, job.cluster AS of_cluster, job.job_id AS of_job, job.time_submit AS of_submit, \
             job.time_end AS of_end FROM job JOIN step ON step.job = job.id \
             WHERE job.cluster = ?1 AND job.time_end < ?2 AND job.time_end >= ?4 \
             ORDER BY job.time_end LIMIT ?3",
            columns.join(", ")
        );
        let mut statement = sql.prepare_cached(&query)?;
        let mut rows = statement.query(params![self.cluster, self.until, most as i64, self.from.get()])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let (cluster, job_id, submit) = (row.get("of_cluster")?, id(row, "of_job")?, row.get("of_submit")?);
            see(Record::Step { cluster, job_id, submit, step: jobs::step(row)? })?;
            self.from.set(row.get("of_end")?);
            seen += 1;
        }
        Ok(seen)
    }

    /// The last line stays, since its number says which comes next.
    fn transactions<E: From<rusqlite::Error>>(
        &self,
        sql: &Connection,
        most: usize,
        see: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let old = "time < ?1 AND id < (SELECT MAX(id) FROM txn) ORDER BY time, id LIMIT ?2";
        let mut statement = sql.prepare_cached(&transactions::select(old))?;
        let mut rows = statement.query(params![self.until, most as i64])?;
        while let Some(row) = rows.next()? {
            let Transaction { id, time, action, actor, target, info, cluster } = transactions::line(row)?;
            see(Record::Transaction { id, time, action: action.number(), actor, target, info, cluster })?;
        }
        Ok(())
    }

    /// Hours before the time, days and months that ended before it.
    fn usage<E: From<rusqlite::Error>>(
        &self,
        sql: &Connection,
        most: usize,
        see: &mut dyn FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = most;
        for of in UsageOf::ALL {
            let query = format!("SELECT * FROM {} WHERE period = ?1 AND start < ?2 LIMIT ?3", table(of));
            let mut statement = sql.prepare_cached(&query)?;
            for period in [Period::Hour, Period::Day, Period::Month] {
                let until = self.calendar.start(period, self.until);
                let mut rows = statement.query(params![period.number(), until, left as i64])?;
                while let Some(row) = rows.next()? {
                    let cells = (0..of.columns()).map(|index| row.get(index).map(|SqlCell(cell)| cell.into_owned()));
                    see(Record::Usage { of, row: cells.collect::<Result<_>>()? })?;
                    left -= 1;
                }
            }
        }
        Ok(())
    }
}

fn table(of: UsageOf) -> &'static str {
    match of {
        UsageOf::Association => "usage_association",
        UsageOf::Wckey => "usage_wckey",
        UsageOf::Qos => "usage_qos",
        UsageOf::Cluster => "usage_cluster",
    }
}

/// A cell of an archive, in SQLite.
struct SqlCell<'a>(Cow<'a, Cell>);

impl FromSql for SqlCell<'_> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(number) => Ok(Self(Cow::Owned(Cell::Number(number)))),
            ValueRef::Text(_) => value.as_str().map(|text| Self(Cow::Owned(Cell::Text(text.to_owned())))),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

impl ToSql for SqlCell<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        match &*self.0 {
            Cell::Number(number) => number.to_sql(),
            Cell::Text(text) => text.to_sql(),
        }
    }
}

fn in_sql(cells: &[Cell]) -> impl Iterator<Item = SqlCell<'_>> {
    cells.iter().map(|cell| SqlCell(Cow::Borrowed(cell)))
}

impl Draft<'_> {
    /// Says that records of a kind from before `until` begin to go: usage up to there is not summed up again.
    pub fn freeze(&self, kind: Kind, until: i64) -> std::result::Result<(), StoreError> {
        let put = "INSERT INTO purge (kind, frozen) VALUES (?1, ?2) \
                   ON CONFLICT (kind) DO UPDATE SET frozen = MAX(frozen, excluded.frozen)";
        self.execute(put, params![kind.name(), until])
    }

    /// Says which archive's records go; `None` when all of them are gone.
    pub fn purging(&self, kind: Kind, file: Option<&Path>) -> std::result::Result<(), StoreError> {
        let file = file.map(|file| file.to_string_lossy());
        self.execute("UPDATE purge SET file = ?2 WHERE kind = ?1", params![kind.name(), file])
    }

    /// Says that everything of a kind from before `until` is gone.
    pub fn purged(&self, kind: Kind, until: i64) -> std::result::Result<(), StoreError> {
        self.execute("UPDATE purge SET done = MAX(COALESCE(done, ?2), ?2) WHERE kind = ?1", params![kind.name(), until])
    }

    /// Takes out those records that are still as given; how many.
    pub fn remove(&self, state: &mut State, records: &[Record]) -> std::result::Result<u64, StoreError> {
        let mut removed = 0;
        for record in records {
            removed += u64::from(remove(self.connection(), state, record).map_err(|source| self.error(source))?);
        }
        Ok(removed)
    }

    /// Brings back those records that are not there; how many. Usage is summed up again where it still can be.
    pub fn bring_back(&self, state: &mut State, records: &[Record]) -> std::result::Result<u64, StoreError> {
        let mut added = 0;
        for record in records {
            added += u64::from(add(self.connection(), state, record).map_err(|source| self.error(source))?);
        }
        Ok(added)
    }

    fn execute(&self, query: &str, values: impl rusqlite::Params) -> std::result::Result<(), StoreError> {
        self.connection().execute(query, values).map(drop).map_err(|source| self.error(source))
    }
}

fn remove(sql: &Connection, state: &mut State, record: &Record) -> Result<bool> {
    match record {
        Record::Job { job, steps } => {
            let there = jobs::find(sql, job)?.filter(|(old, old_steps)| old == job && old_steps == steps);
            let Some((old, _)) = there else { return Ok(false) };
            Ok(sql.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([integer(or_zero::number(old.row))])? > 0)
        }
        Record::Step { cluster, job_id, submit, step } => {
            let Some((job, steps)) = jobs::find(sql, &key(cluster, *job_id, *submit))? else { return Ok(false) };
            let component = step.het_component.map_or(-1, i64::from);
            let delete = "DELETE FROM step WHERE job = ?1 AND number = ?2 AND component = ?3";
            Ok(steps.contains(step)
                && sql.prepare_cached(delete)?.execute(params![
                    integer(or_zero::number(job.row)),
                    step.id.number(),
                    component
                ])? > 0)
        }
        Record::Event(event) => Ok(state.events.get(&event.id) == Some(event) && {
            state.events.remove(&event.id);
            true
        }),
        Record::Reservation(row) => {
            let same = state.reservations.get(&row.key()).is_some_and(|there| there.end == row.end);
            if same {
                state.reservations.remove(&row.key());
            }
            Ok(same)
        }
        Record::Transaction { id, time, .. } => {
            let delete = "DELETE FROM txn WHERE id = ?1 AND time = ?2 AND id < (SELECT MAX(id) FROM txn)";
            Ok(sql.prepare_cached(delete)?.execute(params![integer(*id), time])? > 0)
        }
        Record::Usage { of, row } => {
            let key: &[&str] = match of {
                UsageOf::Association => &["period", "start", "association", "tres"],
                UsageOf::Wckey => &["period", "start", "wckey", "tres"],
                UsageOf::Qos => &["period", "start", "cluster", "qos", "tres"],
                UsageOf::Cluster => &["period", "start", "cluster", "tres"],
            };
            usage::remade(sql, hour_of(record))?;
            let delete = format!("DELETE FROM {} WHERE {} = ?", table(*of), key.join(" = ? AND "));
            Ok(sql.prepare_cached(&delete)?.execute(params_from_iter(in_sql(&row[..key.len()])))? > 0)
        }
    }
}

/// The hour that a row of usage is about, if it is about one; days and months are sums of hours.
fn hour_of(record: &Record) -> Span {
    Span { start: record.time(), end: record.time() + HOUR }
}

fn key(cluster: &str, job_id: JobId, submit: i64) -> Job {
    Job { cluster: cluster.to_owned(), job_id, submit, ..Job::default() }
}

fn add(sql: &Connection, state: &mut State, record: &Record) -> Result<bool> {
    match record {
        Record::Job { job, steps } => {
            let (job, steps) = match jobs::find(sql, job)? {
                None => (Job { association: chunk::association(state, job), ..job.clone() }, steps.clone()),
                Some((old, there)) => {
                    let missing = |step: &&_| !jobs::has_step(&there, step);
                    (old, steps.iter().filter(missing).cloned().collect())
                }
            };
            put_job(sql, job, steps)
        }
        Record::Step { cluster, job_id, submit, step } => match jobs::find(sql, &key(cluster, *job_id, *submit))? {
            Some((job, there)) if !jobs::has_step(&there, step) => put_job(sql, job, vec![step.clone()]),
            _ => Ok(false),
        },
        Record::Event(event) => Ok(add_event(state, event)),
        Record::Reservation(row) => Ok(state.reservations.get(&row.key()).is_none() && {
            state.reservations.put(row.key(), row.clone());
            true
        }),
        Record::Transaction { id, time, action, actor, target, info, cluster } => {
            // A number that is still to come would be taken.
            if *id >= transactions::last(sql)? || Action::from_number(*action).is_none() {
                return Ok(false);
            }
            let put = "INSERT OR IGNORE INTO txn VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let values = params![integer(*id), time, action, actor, target, info, cluster];
            Ok(sql.prepare_cached(put)?.execute(values)? > 0)
        }
        Record::Usage { of, row } => {
            // What is not frozen is summed up from the records.
            let start = record.time();
            if frozen(sql)?.is_none_or(|frozen| start >= frozen) {
                return Ok(false);
            }
            let marks = vec!["?"; row.len()].join(", ");
            let put = format!("INSERT OR IGNORE INTO {} VALUES ({marks})", table(*of));
            usage::remade(sql, hour_of(record))?;
            Ok(sql.prepare_cached(&put)?.execute(params_from_iter(in_sql(row)))? > 0)
        }
    }
}

fn put_job(sql: &Connection, job: Job, steps: Vec<Step>) -> Result<bool> {
    let stored = jobs::put(sql, &[(job, steps)])?;
    if let Some(earliest) = stored.earliest {
        usage::changed_from(sql, earliest)?;
    }
    Ok(stored.added + stored.changed > 0)
}

/// One that began at the same time at the same place is the same; a number that was given away again is not.
fn add_event(state: &mut State, event: &Event) -> bool {
    let is_here = |row: &&Event| (&row.cluster, &row.node, row.start) == (&event.cluster, &event.node, event.start);
    if state.events.values().any(|row| is_here(&row)) {
        return false;
    }
    let id = match state.events.get(&event.id) {
        None => event.id,
        Some(_) => state.events.last_key().map_or(1, |id| id + 1),
    };
    state.events.put(id, Event { id, ..event.clone() });
    true
}

#[cfg(test)]
mod tests;
