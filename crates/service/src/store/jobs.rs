//! Job records: read one at a time, written many in one transaction.

pub(super) mod scan;

use super::{Draft, StoreError, usage};
use rusqlite::types::{FromSql, Type};
use rusqlite::{CachedStatement, Connection, Result, Row, ToSql, params, params_from_iter};
use slurm::model::{JobId, JobRow, or_zero};
use slurm::records::*;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use words::ids::Id;

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
            let sql = format!("SELECT id, {JOB} FROM job WHERE {}", condition.text());
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

static ONE: LazyLock<String> = LazyLock::new(|| format!("SELECT id, {JOB} FROM job WHERE id = ?1"));

static LATER: LazyLock<String> =
    LazyLock::new(|| format!("SELECT id, {JOB} FROM job WHERE job_id = ?1 AND cluster = ?2 AND time_submit > ?3"));

pub(super) fn steps_of(connection: &Connection, job: &Job) -> Result<Vec<Step>> {
    job.row.map_or(Ok(Vec::new()), |row| steps(connection, row))
}

fn steps(connection: &Connection, row: JobRow) -> Result<Vec<Step>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {STEP} FROM step WHERE job = ?1 ORDER BY number, component"))?;
    statement.query_map([row.0 as i64], step)?.collect()
}

/// The columns of a row one after another: looking each up by its name would take longer than to read it.
struct Columns<'a, 'b> {
    row: &'a Row<'b>,
    at: usize,
}

impl Columns<'_, '_> {
    fn next<T: FromSql>(&mut self) -> Result<T> {
        self.at += 1;
        self.row.get(self.at - 1)
    }

    /// What a text or number means, if it means anything to us.
    fn understood<T, R: FromSql>(&mut self, read: impl FnOnce(R) -> Option<T>) -> Result<T> {
        let value = read(self.next()?);
        value.ok_or_else(|| {
            let at = self.at - 1;
            let name = self.row.as_ref().column_name(at).unwrap_or_default();
            let text = format!("column {name} holds something unknown").into();
            rusqlite::Error::FromSqlConversionFailure(at, Type::Text, text)
        })
    }

    fn optional_id<T: Id<Number: FromSql>>(&mut self) -> Result<Option<T>> {
        Ok(self.next::<Option<T::Number>>()?.map(T::of))
    }

    /// 0 is none.
    fn id<T: Id<Number: FromSql>>(&mut self) -> Result<Option<T>> {
        Ok(or_zero::id(self.next()?))
    }

    fn count(&mut self) -> Result<u64> {
        Ok(self.next::<i64>()?.unsigned_abs())
    }

    fn exit(&mut self) -> Result<ExitCode> {
        Ok(ExitCode { code: self.next()?, signal: self.next()? })
    }

    fn tres(&mut self) -> Result<TresCounts> {
        self.understood(|text: String| TresCounts::parse(&text))
    }

    fn more<T: serde::de::DeserializeOwned + Default>(&mut self) -> Result<T> {
        self.understood(|text: String| match text.as_str() {
            "{}" => Some(T::default()),
            text => serde_json::from_str(text).ok(),
        })
    }

    fn array(&mut self) -> Result<Option<ArrayPlace>> {
        let job = self.optional_id()?;
        let (task, waiting) = (self.next::<Option<u32>>()?, self.next::<Option<String>>()?);
        let tasks = task.map_or_else(|| Tasks::Waiting(waiting.unwrap_or_default()), Tasks::One);
        Ok(Option::map(job, |job| ArrayPlace { job, tasks }))
    }

    fn het(&mut self) -> Result<Option<HetPlace>> {
        let (job, offset) = (self.optional_id()?, self.next::<Option<u32>>()?);
        Ok(job.zip(offset).map(|(job, offset)| HetPlace { job, offset }))
    }

    fn limit(&mut self) -> Result<TimeLimit> {
        self.understood(|minutes: Option<i64>| match minutes {
            None => Some(TimeLimit::Partition),
            Some(-1) => Some(TimeLimit::Unlimited),
            Some(minutes) => u32::try_from(minutes).ok().map(TimeLimit::Minutes),
        })
    }
}

/// A row of `id` and [`JOB`].
pub(super) fn job(row: &Row) -> Result<Job> {
    let mut columns = Columns { row, at: 0 };
    let columns = &mut columns;
    // In the order of the columns.
    Ok(Job {
        row: Some(JobRow(columns.count()?)),
        cluster: columns.next()?,
        job_id: JobId(columns.next()?),
        submit: columns.next()?,
        eligible: columns.next()?,
        start: columns.next()?,
        end: columns.next()?,
        suspended: columns.count()?,
        state: columns.understood(JobState::from_number)?,
        cancelled_by: columns.optional_id()?,
        exit: columns.exit()?,
        derived_exit: columns.exit()?,
        array: columns.array()?,
        het: columns.het()?,
        association: columns.id()?,
        qos: columns.id()?,
        name: columns.next()?,
        account: columns.next()?,
        user: columns.next()?,
        uid: columns.optional_id()?,
        gid: columns.optional_id()?,
        partition: columns.next()?,
        wckey: columns.next()?,
        reservation: columns.next()?,
        reservation_id: columns.id()?,
        limit: columns.limit()?,
        nodes: columns.next()?,
        node_count: columns.next()?,
        cpus_requested: columns.next()?,
        tres_requested: columns.tres()?,
        tres_allocated: columns.tres()?,
        priority: columns.next()?,
        reason: columns.next()?,
        flags: Flags(columns.next()?),
        constraints: columns.next()?,
        details: columns.more()?,
    })
}

/// A row of [`STEP`].
pub(super) fn step(row: &Row) -> Result<Step> {
    // The job's row comes first.
    let mut columns = Columns { row, at: 1 };
    let columns = &mut columns;
    Ok(Step {
        id: columns.understood(StepId::from_number)?,
        het_component: u32::try_from(columns.next::<i64>()?).ok(),
        name: columns.next()?,
        state: columns.understood(JobState::from_number)?,
        cancelled_by: columns.optional_id()?,
        exit: columns.exit()?,
        start: columns.next()?,
        end: columns.next()?,
        suspended: columns.count()?,
        node_count: columns.next()?,
        nodes: columns.next()?,
        tasks: columns.next()?,
        user_cpu: columns.count()?,
        system_cpu: columns.count()?,
        tres_allocated: columns.tres()?,
        details: columns.more()?,
    })
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

/// The columns of `job` without its id, in the order of [`write_job`].
const JOB: &str = "cluster, job_id, time_submit, time_eligible, time_start, time_end, suspended, state, cancelled_by, \
    exit_code, exit_signal, derived_code, derived_signal, array_job, array_task, array_tasks, het_job, het_offset, \
    association, qos, name, account, user, uid, gid, partition, wckey, reservation, reservation_id, time_limit, nodes, \
    node_count, cpus_requested, tres_requested, tres_allocated, priority, reason, flags, constraints, more";

/// The columns of `step`, in the order of [`write_step`].
const STEP: &str = "job, number, component, name, state, cancelled_by, exit_code, exit_signal, time_start, time_end, \
    suspended, node_count, nodes, tasks, user_cpu, system_cpu, tres_allocated, more";

/// How a table's rows are written. Nearly all are new: an upsert alone would cost SQLite a journal of each statement.
struct Statements {
    /// Inserts a row, or does nothing when there is one with its key.
    add: String,
    /// Inserts a row, or changes all columns of the one that has its key.
    put: String,
}

impl Statements {
    fn new(table: &str, columns: &str, key: &str) -> Self {
        let names: Vec<_> = columns.split(", ").collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sets: Vec<_> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let insert = format!("INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO");
        Self { add: format!("{insert} NOTHING"), put: format!("{insert} UPDATE SET {}", sets.join(", ")) }
    }
}

static JOBS: LazyLock<Statements> = LazyLock::new(|| Statements::new("job", JOB, "job_id, cluster, time_submit"));
static STEPS: LazyLock<Statements> = LazyLock::new(|| Statements::new("step", STEP, "job, number, component"));

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

/// Whether a step of this number is among them.
pub(super) fn has_step(steps: &[Step], step: &Step) -> bool {
    steps.iter().any(|there| (there.id, there.het_component) == (step.id, step.het_component))
}

/// The record that is there for this job, with its steps.
pub(super) fn find(connection: &Connection, like: &Job) -> Result<Option<JobWithSteps>> {
    let sql = format!("SELECT id, {JOB} FROM job WHERE job_id = ?1 AND cluster = ?2 AND time_submit = ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![like.job_id.0, like.cluster, like.submit])?;
    let Some(found) = rows.next()?.map(job).transpose()? else { return Ok(None) };
    let steps = steps_of(connection, &found)?;
    Ok(Some((found, steps)))
}

fn json(details: &impl serde::Serialize) -> String {
    serde_json::to_string(details).expect("texts and numbers can always be written as JSON")
}

/// Whether a row was written.
fn write_job(statement: &mut CachedStatement, job: &Job) -> Result<bool> {
    let (array_task, array_tasks) = match job.array.as_ref().map(|array| &array.tasks) {
        Some(Tasks::One(task)) => (Some(*task), None),
        Some(Tasks::Waiting(tasks)) => (None, Some(tasks.as_str())),
        None => (None, None),
    };
    let limit = match job.limit {
        TimeLimit::Partition => None,
        TimeLimit::Unlimited => Some(-1),
        TimeLimit::Minutes(minutes) => Some(i64::from(minutes)),
    };
    let values: [&dyn ToSql; 40] = [
        &job.cluster,
        &job.job_id.0,
        &job.submit,
        &job.eligible,
        &job.start,
        &job.end,
        &(job.suspended as i64),
        &job.state.number(),
        &job.cancelled_by.map(Id::number),
        &job.exit.code,
        &job.exit.signal,
        &job.derived_exit.code,
        &job.derived_exit.signal,
        &job.array.as_ref().map(|array| array.job.0),
        &array_task,
        &array_tasks,
        &job.het.map(|het| het.job.0),
        &job.het.map(|het| het.offset),
        &or_zero::number(job.association),
        &or_zero::number(job.qos),
        &job.name,
        &job.account,
        &job.user,
        &job.uid.map(Id::number),
        &job.gid.map(Id::number),
        &job.partition,
        &job.wckey,
        &job.reservation,
        &or_zero::number(job.reservation_id),
        &limit,
        &job.nodes,
        &job.node_count,
        &job.cpus_requested,
        &job.tres_requested.to_string(),
        &job.tres_allocated.to_string(),
        &job.priority,
        &job.reason,
        &job.flags.0,
        &job.constraints,
        &json(&job.details),
    ];
    Ok(statement.execute(&values[..])? > 0)
}

fn write_step(transaction: &Connection, job: i64, step: &Step) -> Result<()> {
    let values: [&dyn ToSql; 18] = [
        &job,
        &step.id.number(),
        &step.het_component.map_or(-1, i64::from),
        &step.name,
        &step.state.number(),
        &step.cancelled_by.map(Id::number),
        &step.exit.code,
        &step.exit.signal,
        &step.start,
        &step.end,
        &(step.suspended as i64),
        &step.node_count,
        &step.nodes,
        &step.tasks,
        &(step.user_cpu as i64),
        &(step.system_cpu as i64),
        &step.tres_allocated.to_string(),
        &json(&step.details),
    ];
    if transaction.prepare_cached(&STEPS.add)?.execute(&values[..])? == 0 {
        transaction.prepare_cached(&STEPS.put)?.execute(&values[..])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
