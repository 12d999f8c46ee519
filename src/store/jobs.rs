//! Job records: read one at a time, written many in one transaction.

use super::{Draft, StoreError, usage};
use crate::accounting::jobs::*;
use rusqlite::types::{Type, Value};
use rusqlite::{CachedStatement, Connection, Result, Row, ToSql, params, params_from_iter};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The job records of a database, to read.
#[derive(Debug)]
pub struct JobTable<'a>(pub &'a Connection);

impl Jobs for JobTable<'_> {
    fn each(&self, scan: &Scan, see: &mut dyn FnMut(Job) -> ControlFlow<()>) -> Result<(), JobsError> {
        let (condition, values) = condition(scan);
        let mut statement = self.0.prepare_cached(&format!("SELECT * FROM job{condition}"))?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if see(job(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn job(&self, row: JobRow) -> Result<Option<Job>, JobsError> {
        Ok(self.one(row)?)
    }

    fn steps(&self, row: JobRow) -> Result<Vec<Step>, JobsError> {
        Ok(steps(self.0, row)?)
    }
}

impl JobTable<'_> {
    fn one(&self, row: JobRow) -> Result<Option<Job>> {
        let mut statement = self.0.prepare_cached("SELECT * FROM job WHERE id = ?1")?;
        let mut rows = statement.query([row as i64])?;
        rows.next()?.map(job).transpose()
    }
}

pub(super) fn steps(connection: &Connection, row: JobRow) -> Result<Vec<Step>> {
    let mut statement = connection.prepare_cached("SELECT * FROM step WHERE job = ?1 ORDER BY number, component")?;
    statement.query_map([row as i64], step)?.collect()
}

/// ` WHERE …` that takes at least the rows of the scan.
fn condition(scan: &Scan) -> (String, Vec<Value>) {
    let mut parts = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut list = |column: &str, items: &mut dyn Iterator<Item = Value>| {
        let before = values.len();
        values.extend(items);
        format!("{column} IN ({})", vec!["?"; values.len() - before].join(", "))
    };
    if !scan.clusters.is_empty() {
        parts.push(list("cluster", &mut scan.clusters.iter().cloned().map(Value::from)));
    }
    if !scan.users.is_empty() {
        parts.push(list("user", &mut scan.users.iter().cloned().map(Value::from)));
    }
    if !scan.numbers.is_empty() {
        let columns = ["job_id", "array_job", "het_job"];
        let any = columns.map(|column| list(column, &mut scan.numbers.iter().map(|n| Value::from(i64::from(*n)))));
        parts.push(format!("({})", any.join(" OR ")));
    }
    if let Some(from) = scan.ended_from {
        parts.push("(time_end >= ? OR time_end IS NULL)".into());
        values.push(from.into());
    }
    if let Some(before) = scan.submitted_before {
        parts.push("time_submit < ?".into());
        values.push(before.into());
    }
    let text = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
    (text, values)
}

/// A column whose text or number means something to us.
fn understood<T>(row: &Row, column: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| {
        let index = row.as_ref().column_index(column).unwrap_or_default();
        let text = format!("column {column} holds something unknown").into();
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, text)
    })
}

fn tres(row: &Row, column: &str) -> Result<TresCounts> {
    understood(row, column, TresCounts::parse(row.get_ref(column)?.as_str()?))
}

fn state(row: &Row) -> Result<JobState> {
    understood(row, "state", JobState::from_number(row.get("state")?))
}

fn more<T: serde::de::DeserializeOwned + Default>(row: &Row) -> Result<T> {
    match row.get_ref("more")?.as_str()? {
        "{}" => Ok(T::default()),
        text => understood(row, "more", serde_json::from_str(text).ok()),
    }
}

pub(super) fn job(row: &Row) -> Result<Job> {
    Ok(Job {
        row: row.get::<_, i64>("id")?.unsigned_abs(),
        cluster: row.get("cluster")?,
        job_id: row.get("job_id")?,
        array: array_place(row)?,
        het: het_place(row)?,
        name: row.get("name")?,
        account: row.get("account")?,
        user: row.get("user")?,
        uid: row.get("uid")?,
        gid: row.get("gid")?,
        partition: row.get("partition")?,
        qos: row.get("qos")?,
        association: row.get("association")?,
        wckey: row.get("wckey")?,
        reservation: row.get("reservation")?,
        reservation_id: row.get("reservation_id")?,
        submit: row.get("time_submit")?,
        eligible: row.get("time_eligible")?,
        start: row.get("time_start")?,
        end: row.get("time_end")?,
        suspended: row.get::<_, i64>("suspended")?.unsigned_abs(),
        limit: limit(row)?,
        state: state(row)?,
        cancelled_by: row.get("cancelled_by")?,
        exit: ExitCode { code: row.get("exit_code")?, signal: row.get("exit_signal")? },
        derived_exit: ExitCode { code: row.get("derived_code")?, signal: row.get("derived_signal")? },
        tres_requested: tres(row, "tres_requested")?,
        tres_allocated: tres(row, "tres_allocated")?,
        cpus_requested: row.get("cpus_requested")?,
        node_count: row.get("node_count")?,
        nodes: row.get("nodes")?,
        priority: row.get("priority")?,
        reason: row.get("reason")?,
        flags: Flags(row.get("flags")?),
        constraints: row.get("constraints")?,
        details: more(row)?,
    })
}

fn array_place(row: &Row) -> Result<Option<ArrayPlace>> {
    let Some(job) = row.get("array_job")? else { return Ok(None) };
    let tasks = match row.get::<_, Option<u32>>("array_task")? {
        Some(task) => Tasks::One(task),
        None => Tasks::Waiting(row.get::<_, Option<String>>("array_tasks")?.unwrap_or_default()),
    };
    Ok(Some(ArrayPlace { job, tasks }))
}

fn het_place(row: &Row) -> Result<Option<HetPlace>> {
    let job: Option<u32> = row.get("het_job")?;
    job.map(|job| Ok(HetPlace { job, offset: row.get("het_offset")? })).transpose()
}

fn limit(row: &Row) -> Result<TimeLimit> {
    let minutes: Option<i64> = row.get("time_limit")?;
    match minutes {
        None => Ok(TimeLimit::Partition),
        Some(-1) => Ok(TimeLimit::Unlimited),
        Some(minutes) => understood(row, "time_limit", u32::try_from(minutes).ok().map(TimeLimit::Minutes)),
    }
}

pub(super) fn step(row: &Row) -> Result<Step> {
    let component: i64 = row.get("component")?;
    Ok(Step {
        id: understood(row, "number", StepId::from_number(row.get("number")?))?,
        het_component: u32::try_from(component).ok(),
        name: row.get("name")?,
        state: state(row)?,
        cancelled_by: row.get("cancelled_by")?,
        exit: ExitCode { code: row.get("exit_code")?, signal: row.get("exit_signal")? },
        start: row.get("time_start")?,
        end: row.get("time_end")?,
        suspended: row.get::<_, i64>("suspended")?.unsigned_abs(),
        node_count: row.get("node_count")?,
        nodes: row.get("nodes")?,
        tasks: row.get("tasks")?,
        user_cpu: row.get::<_, i64>("user_cpu")?.unsigned_abs(),
        system_cpu: row.get::<_, i64>("system_cpu")?.unsigned_abs(),
        tres_allocated: tres(row, "tres_allocated")?,
        details: more(row)?,
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

/// Inserts a row, or changes all columns of the one that has this key.
fn upsert(table: &str, columns: &str, key: &str) -> String {
    let names: Vec<_> = columns.split(", ").collect();
    let marks = vec!["?"; names.len()].join(", ");
    let sets: Vec<_> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!("INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {}", sets.join(", "))
}

/// [`Draft::put_jobs`] within any transaction.
pub fn put(transaction: &Connection, jobs: &[JobWithSteps]) -> Result<Stored> {
    let mut put_job =
        transaction.prepare_cached(&(upsert("job", JOB, "job_id, cluster, time_submit") + " RETURNING id"))?;
    let mut put_step = transaction.prepare_cached(&upsert("step", STEP, "job, number, component"))?;
    let mut stored = Stored::default();
    for (job, steps) in jobs {
        let old = find(transaction, job)?;
        let known = |old: &JobWithSteps| old.0 == Job { row: old.0.row, ..job.clone() };
        let same = old.as_ref().is_some_and(known);
        let new_steps: Vec<_> = steps.iter().filter(|step| !old.as_ref().is_some_and(|o| o.1.contains(step))).collect();
        match old {
            Some(_) if same && new_steps.is_empty() => stored.unchanged += 1,
            Some(_) => stored.changed += 1,
            None => stored.added += 1,
        }
        if same && new_steps.is_empty() {
            continue;
        }
        stored.earliest = stored.earliest.into_iter().chain([job.submit]).min();
        let row = write_job(&mut put_job, job)?;
        new_steps.into_iter().try_for_each(|step| write_step(&mut put_step, row, step))?;
    }
    Ok(stored)
}

/// Changes records that are there; usage from the earliest on is summed up again if it comes to something else.
pub(super) fn edit(sql: &Connection, edits: &[(JobRow, Arc<JobEdit>)]) -> Result<()> {
    let mut earliest: Option<i64> = None;
    for (row, edit) in edits {
        let Some(mut job) = JobTable(sql).one(*row)? else { continue };
        edit.apply(&mut job);
        let mut put = sql.prepare_cached(&(upsert("job", JOB, "job_id, cluster, time_submit") + " RETURNING id"))?;
        write_job(&mut put, &job)?;
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
    let mut statement =
        connection.prepare_cached("SELECT * FROM job WHERE job_id = ?1 AND cluster = ?2 AND time_submit = ?3")?;
    let mut rows = statement.query(params![like.job_id, like.cluster, like.submit])?;
    let Some(found) = rows.next()?.map(job).transpose()? else { return Ok(None) };
    let steps = steps(connection, found.row)?;
    Ok(Some((found, steps)))
}

fn json(details: &impl serde::Serialize) -> String {
    serde_json::to_string(details).expect("texts and numbers can always be written as JSON")
}

fn write_job(statement: &mut CachedStatement, job: &Job) -> Result<i64> {
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
        &job.job_id,
        &job.submit,
        &job.eligible,
        &job.start,
        &job.end,
        &(job.suspended as i64),
        &job.state.number(),
        &job.cancelled_by,
        &job.exit.code,
        &job.exit.signal,
        &job.derived_exit.code,
        &job.derived_exit.signal,
        &job.array.as_ref().map(|array| array.job),
        &array_task,
        &array_tasks,
        &job.het.map(|het| het.job),
        &job.het.map(|het| het.offset),
        &job.association,
        &job.qos,
        &job.name,
        &job.account,
        &job.user,
        &job.uid,
        &job.gid,
        &job.partition,
        &job.wckey,
        &job.reservation,
        &job.reservation_id,
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
    statement.query_row(&values[..], |row| row.get(0))
}

fn write_step(statement: &mut CachedStatement, job: i64, step: &Step) -> Result<()> {
    let values: [&dyn ToSql; 18] = [
        &job,
        &step.id.number(),
        &step.het_component.map_or(-1, i64::from),
        &step.name,
        &step.state.number(),
        &step.cancelled_by,
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
    statement.execute(&values[..])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema/002.sql")).unwrap();
        connection
    }

    fn all(connection: &Connection, scan: &Scan) -> Vec<Job> {
        let mut found = Vec::new();
        let mut see = |job| {
            found.push(job);
            ControlFlow::Continue(())
        };
        JobTable(connection).each(scan, &mut see).unwrap();
        found
    }

    fn full_job() -> JobWithSteps {
        let job = Job {
            row: 1,
            cluster: "ref".into(),
            job_id: 7,
            array: Some(ArrayPlace { job: 5, tasks: Tasks::One(2) }),
            het: Some(HetPlace { job: 7, offset: 0 }),
            name: "run|it".into(),
            user: "gildong".into(),
            uid: Some(1001),
            submit: 100,
            eligible: Some(0),
            start: Some(110),
            limit: TimeLimit::Minutes(5),
            state: JobState::Running,
            tres_allocated: TresCounts::parse("1=4,2=2000").unwrap(),
            details: Details { comment: "x".into(), ..Details::default() },
            ..Job::default()
        };
        let usage_in = Usage { max_node: [(2, "n1".to_owned())].into(), ..Usage::default() };
        let details = StepDetails { usage_in, energy: 3, ..StepDetails::default() };
        let step = Step { id: StepId::Batch, name: "batch".into(), details, ..Step::default() };
        (job, vec![step, Step { id: StepId::Number(u32::MAX), ..Step::default() }])
    }

    #[test]
    fn what_was_put_is_there_and_the_second_time_nothing_changes() {
        let connection = database();
        let (job, steps) = full_job();
        let stored = put(&connection, &[(job.clone(), steps.clone())]).unwrap();
        assert_eq!(stored, Stored { added: 1, earliest: Some(100), ..Stored::default() });
        let table = JobTable(&connection);
        assert_eq!(table.job(1).unwrap().unwrap(), job);
        assert_eq!(table.steps(1).unwrap(), steps);
        assert_eq!(table.job(2).unwrap(), None);
        let again = put(&connection, &[(Job { row: 0, ..job.clone() }, Vec::new())]).unwrap();
        assert_eq!(again, Stored { unchanged: 1, ..Stored::default() });
        let ended = Job { end: Some(200), state: JobState::Completed, ..job };
        assert_eq!(put(&connection, &[(ended.clone(), Vec::new())]).unwrap().changed, 1);
        assert_eq!(table.job(1).unwrap().unwrap(), ended);
        assert_eq!(table.steps(1).unwrap(), steps, "steps stay when their job changes");
    }

    #[test]
    fn scans_take_what_they_say() {
        let connection = database();
        let job = |job_id, submit, end, user: &str| {
            let job = Job { cluster: "ref".into(), job_id, submit, end, user: user.into(), ..Job::default() };
            (job, Vec::new())
        };
        let mut jobs = vec![job(1, 10, Some(20), "a"), job(2, 10, None, "b"), job(3, 30, Some(40), "a")];
        jobs.push(full_job());
        put(&connection, &jobs).unwrap();
        let scans = [
            Scan::default(),
            Scan::window("ref", 20, 30),
            Scan::window("ref", 21, 31),
            Scan::window("other", 0, 99),
            Scan { numbers: vec![5, 3], ..Scan::default() },
            Scan { users: vec!["a".into()], ended_from: Some(30), ..Scan::default() },
        ];
        for (scan, expected) in scans.iter().zip([4, 2, 2, 0, 2, 1]) {
            let found = all(&connection, scan);
            assert_eq!(found.len(), expected, "{scan:?}");
            assert!(found.iter().all(|job| scan.takes(job)), "{scan:?}");
            assert_eq!(jobs.iter().filter(|(job, _)| scan.takes(job)).count(), expected, "{scan:?}");
        }
    }
}
