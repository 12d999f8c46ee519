//! Job records: read one at a time, written many in one transaction.

mod columns;
pub(super) mod scan;

use super::rows::{Cell, Columns, Cursor, insert, names, update, values};
use super::{Draft, StoreError, usage};
use rusqlite::{CachedStatement, Connection, Result, Row, params, params_from_iter};
use slurm::model::{JobRow, or_zero};
use slurm::records::*;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

/// Why records cannot be read, in words that hold no statement.
pub fn unread(error: rusqlite::Error) -> JobsError {
    JobsError::new(super::words(&error))
}

/// The job records of a database, to read.
#[derive(Debug)]
pub struct JobTable<'a>(pub &'a Connection);

impl Jobs for JobTable<'_> {
    fn each(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), JobsError> {
        self.read_each(scan, see).map_err(unread)
    }

    fn each_in(&self, order: Order, scan: &Scan, see: &mut See) -> Result<(), JobsError> {
        let mut refused = None;
        let mut look = |job| {
            see(job).unwrap_or_else(|why| {
                refused = Some(why);
                ControlFlow::Break(())
            })
        };
        self.read_in(order, scan, &mut look).map_err(unread)?;
        refused.map_or(Ok(()), Err)
    }

    fn later_runs(&self, of: &Job) -> Result<Vec<Job>, JobsError> {
        self.read_later(of).map_err(unread)
    }

    fn job(&self, row: JobRow) -> Result<Option<Job>, JobsError> {
        self.one(row).map_err(unread)
    }

    fn steps(&self, row: JobRow) -> Result<Vec<Step>, JobsError> {
        steps(self.0, row).map_err(unread)
    }
}

impl JobTable<'_> {
    fn read_each(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<()> {
        for condition in scan::conditions(self.0, scan)? {
            let sql = format!("SELECT id, {} FROM job WHERE {}", *JOB, condition.text());
            let mut statement = self.0.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(condition.values))?;
            while let Some(row) = rows.next()? {
                if see(job(row)?).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// SQLite sorts keys and row numbers, and puts what it cannot keep in memory into a file without a name.
    fn read_in(&self, order: Order, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<()> {
        let conditions = scan::conditions(self.0, scan)?;
        let part = |condition: &scan::Condition| {
            let keys = "id, cluster, job_id, time_submit, array_job, array_task";
            format!("SELECT {keys} FROM job WHERE {}", condition.text())
        };
        let parts: Vec<_> = conditions.iter().map(part).collect();
        let by = match order {
            Order::Submitted => "time_submit, IFNULL(array_job, 0), IFNULL(array_task, 4294967295), job_id, cluster",
            Order::Numbered => "cluster, job_id, time_submit DESC",
        };
        let sql = format!("SELECT id FROM ({}) ORDER BY {by}", parts.join(" UNION ALL "));
        let mut sorted = self.0.prepare(&sql)?;
        let mut ids = sorted.query(params_from_iter(conditions.into_iter().flat_map(|condition| condition.values)))?;
        let mut one = self.0.prepare_cached(&ONE)?;
        while let Some(id) = ids.next()? {
            let found = one.query([id.get::<_, i64>(0)?])?.next()?.map(job).transpose()?;
            if let Some(job) = found
                && see(job).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn read_later(&self, of: &Job) -> Result<Vec<Job>> {
        let mut statement = self.0.prepare_cached(&LATER)?;
        statement.query_map(params![of.job_id.0, of.cluster, of.submit], job)?.collect()
    }

    fn one(&self, row: JobRow) -> Result<Option<Job>> {
        self.0.prepare_cached(&ONE)?.query([row.0 as i64])?.next()?.map(job).transpose()
    }
}

static ONE: LazyLock<String> = LazyLock::new(|| format!("SELECT id, {} FROM job WHERE id = ?1", *JOB));

static LATER: LazyLock<String> =
    LazyLock::new(|| format!("SELECT id, {} FROM job WHERE job_id = ?1 AND cluster = ?2 AND time_submit > ?3", *JOB));

static STEPS_OF: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM step WHERE job = ?1 ORDER BY number, component", *STEP));

pub(super) fn steps_of(connection: &Connection, job: &Job) -> Result<Vec<Step>> {
    job.row.map_or(Ok(Vec::new()), |row| steps(connection, row))
}

fn steps(connection: &Connection, row: JobRow) -> Result<Vec<Step>> {
    let mut statement = connection.prepare_cached(&STEPS_OF)?;
    statement.query_map([row.0 as i64], step)?.collect()
}

/// A row of `id` and [`JOB`].
pub(super) fn job(row: &Row) -> Result<Job> {
    let mut from = Cursor::new(row, 0);
    let number = Some(JobRow(Cell::get(&mut from)?));
    Ok(Job { row: number, ..Columns::read(&mut from)? })
}

/// A row of [`STEP`].
pub(super) fn step(row: &Row) -> Result<Step> {
    Columns::read(&mut Cursor::new(row, 0))
}

impl Draft<'_> {
    /// Adds jobs, or changes those that are there already (same number, cluster and submit time). A job's `row` is not
    /// looked at. Steps that the store has and the job given does not have are left alone. Usage from the earliest change
    /// on is summed up again.
    pub fn put_jobs(&self, jobs: &[JobWithSteps]) -> std::result::Result<Stored, StoreError> {
        let sql = self.connection();
        let stored = put(sql, jobs).and_then(|stored| {
            stored.earliest.map_or(Ok(()), |earliest| usage::changed_from(sql, earliest))?;
            Ok(stored)
        });
        stored.map_err(|source| self.error(source))
    }
}

/// The columns of `job` without its id.
pub(super) static JOB: LazyLock<String> = LazyLock::new(|| names::<Job>().join(", "));

/// The columns of `step` without its job's row.
pub(super) static STEP: LazyLock<String> = LazyLock::new(|| names::<Step>().join(", "));

/// How a table's rows are written. Nearly all are new: an upsert alone would cost SQLite a journal of each statement.
struct Statements {
    /// Inserts a row, or does nothing when there is one with its key.
    add: String,
    /// Inserts a row, or changes all columns of the one that has its key.
    put: String,
}

impl Statements {
    fn new(table: &str, columns: &[&str], key: &str) -> Self {
        let insert = format!("{} ON CONFLICT ({key}) DO", insert(table, columns));
        Self { add: format!("{insert} NOTHING"), put: format!("{insert} {}", update(columns)) }
    }
}

static JOBS: LazyLock<Statements> =
    LazyLock::new(|| Statements::new("job", &names::<Job>(), "job_id, cluster, time_submit"));
static STEPS: LazyLock<Statements> = LazyLock::new(|| {
    let columns: Vec<_> = std::iter::once("job").chain(names::<Step>()).collect();
    Statements::new("step", &columns, "job, number, component")
});

/// [`Draft::put_jobs`] within any transaction.
pub fn put(transaction: &Connection, jobs: &[JobWithSteps]) -> Result<Stored> {
    let mut stored = Stored::default();
    for (job, steps) in jobs {
        let is_news = if write_job(&mut transaction.prepare_cached(&JOBS.add)?, job)? {
            stored.added += 1;
            let row = transaction.last_insert_rowid();
            steps.iter().try_for_each(|step| write_step(transaction, row, step))?;
            true
        } else {
            let changed = change(transaction, job, steps)?;
            *(if changed { &mut stored.changed } else { &mut stored.unchanged }) += 1;
            changed
        };
        if is_news {
            stored.earliest = stored.earliest.into_iter().chain([job.submit]).min();
        }
    }
    Ok(stored)
}

/// Brings the record of a job that is there up to date; whether it was not.
fn change(transaction: &Connection, job: &Job, steps: &[Step]) -> Result<bool> {
    let Some((old, old_steps)) = find(transaction, job)? else { return Ok(false) };
    let new_steps: Vec<_> = steps.iter().filter(|step| !old_steps.contains(step)).collect();
    let same = old == Job { row: old.row, ..job.clone() };
    if !same {
        write_job(&mut transaction.prepare_cached(&JOBS.put)?, job)?;
    }
    new_steps.iter().try_for_each(|step| write_step(transaction, or_zero::number(old.row) as i64, step))?;
    Ok(!same || !new_steps.is_empty())
}

/// Changes records that are there; usage from the earliest on is summed up again if it comes to something else.
pub(super) fn edit(sql: &Connection, edits: &[(JobRow, Arc<JobEdit>)]) -> Result<()> {
    let mut earliest: Option<i64> = None;
    for (row, edit) in edits {
        let Some(mut job) = JobTable(sql).one(*row)? else { continue };
        edit.apply(&mut job);
        write_job(&mut sql.prepare_cached(&JOBS.put)?, &job)?;
        earliest = earliest.into_iter().chain(edit.moves_usage().then_some(job.submit)).min();
    }
    earliest.map_or(Ok(()), |earliest| usage::changed_from(sql, earliest))
}

/// Writes records as the scheduler has them now. Usage is summed up again from where on it comes to something else: a job
/// that waited for days and starts moves nothing of these days.
pub(super) fn put_live(sql: &Connection, jobs: &[Job]) -> Result<()> {
    let mut earliest: Option<i64> = None;
    for job in jobs {
        let since = if write_job(&mut sql.prepare_cached(&JOBS.add)?, job)? {
            Some(job.submit)
        } else {
            let Some(old) = find_job(sql, job)? else { continue };
            if old == (Job { row: old.row, ..job.clone() }) {
                continue;
            }
            write_job(&mut sql.prepare_cached(&JOBS.put)?, job)?;
            end_steps(sql, &old, job)?;
            moves_usage(&old, job)
        };
        earliest = earliest.into_iter().chain(since).min();
    }
    earliest.map_or(Ok(()), |earliest| usage::changed_from(sql, earliest))
}

/// Steps do not outlive their job: of one whose node was lost nobody tells how it ended.
fn end_steps(sql: &Connection, old: &Job, job: &Job) -> Result<()> {
    let Some(end) = job.end.filter(|_| old.end.is_none()) else { return Ok(()) };
    let state = if job.state == JobState::NodeFail { job.state } else { JobState::Cancelled };
    let query = "UPDATE step SET state = ?2, time_end = ?3 WHERE job = ?1 AND time_end IS NULL";
    let values = params![or_zero::number(old.row) as i64, state.number(), end];
    sql.prepare_cached(query)?.execute(values).map(drop)
}

/// From which time on the usage of a record comes to something else.
fn moves_usage(old: &Job, new: &Job) -> Option<i64> {
    let times = [(old.eligible, new.eligible), (old.start, new.start), (old.end, new.end)];
    let moved = times.into_iter().filter(|(old, new)| old != new).flat_map(|(old, new)| [old, new]).flatten();
    let owner = |job: &Job| (job.association, job.qos, job.reservation_id, job.suspended);
    let has_other_owner = owner(old) != owner(new) || (&old.user, &old.wckey) != (&new.user, &new.wckey);
    let has_other = old.start.is_some() && old.tres_allocated != new.tres_allocated;
    let asks_for_other = old.start.is_none() && old.cpus_requested != new.cpus_requested;
    let whole = (has_other_owner || has_other || asks_for_other).then(|| old.eligible.unwrap_or(old.submit));
    moved.chain(whole).min()
}

/// Writes a step of a run; `false` when the run has no record.
pub(super) fn put_step(sql: &Connection, of: &Job, step: &Step) -> Result<bool> {
    let Some(found) = find_job(sql, of)? else { return Ok(false) };
    write_step(sql, or_zero::number(found.row) as i64, step).map(|()| true)
}

/// Whether a step of this number is among them.
pub(super) fn has_step(steps: &[Step], step: &Step) -> bool {
    steps.iter().any(|there| (there.id, there.het_component) == (step.id, step.het_component))
}

/// The record that is there for this job, with its steps.
pub(super) fn find(connection: &Connection, like: &Job) -> Result<Option<JobWithSteps>> {
    let Some(found) = find_job(connection, like)? else { return Ok(None) };
    let steps = steps_of(connection, &found)?;
    Ok(Some((found, steps)))
}

/// The record that is there for this job.
fn find_job(connection: &Connection, like: &Job) -> Result<Option<Job>> {
    let mut statement = connection.prepare_cached(&FOUND)?;
    let mut rows = statement.query(params![like.job_id.0, like.cluster, like.submit])?;
    rows.next()?.map(job).transpose()
}

static FOUND: LazyLock<String> =
    LazyLock::new(|| format!("SELECT id, {} FROM job WHERE job_id = ?1 AND cluster = ?2 AND time_submit = ?3", *JOB));

/// Whether a row was written.
fn write_job(statement: &mut CachedStatement, job: &Job) -> Result<bool> {
    Ok(statement.execute(params_from_iter(values(job)))? > 0)
}

fn write_step(transaction: &Connection, job: i64, step: &Step) -> Result<()> {
    let mut row = vec![job.into()];
    step.write(&mut row);
    if transaction.prepare_cached(&STEPS.add)?.execute(params_from_iter(&row))? == 0 {
        transaction.prepare_cached(&STEPS.put)?.execute(params_from_iter(&row))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
