//! [`Roll`]: the making of the rollup. Memory holds the jobs of one day, whatever their number in the store.

use super::{Progress, progress, set_progress};
use crate::accounting::State;
use crate::accounting::jobs::{ArrayPlace, Job, Tasks, TresCounts};
use crate::accounting::rollup::{Calendar, HourRecords, HourSum, JobUse, Period, Span, Surroundings};
use rusqlite::{Connection, Result, Row, params};
use std::collections::BTreeMap;

/// A rollup under way. Each [`Roll::step`] belongs into a transaction of its own; after a crash, or when records change
/// in between, a new one goes on where the store says.
#[derive(Clone, Debug)]
pub struct Roll {
    calendar: Calendar,
    /// The next hour to make.
    at: i64,
    /// Up to here.
    until: i64,
    clusters: BTreeMap<String, Cluster>,
}

#[derive(Clone, Debug, Default)]
struct Cluster {
    around: Surroundings,
    /// Jobs that have not ended before the next hour.
    jobs: Vec<JobUse>,
}

/// What the rollup looks at.
const JOB: &str = "SELECT cluster, association, qos, user, wckey, time_eligible, time_start, time_end, suspended, \
    cpus_requested, array_job, array_tasks, reservation_id, tres_allocated FROM job WHERE";

impl Roll {
    /// Begins where the store says, to go up to the last full hour before `now`. `None` when there is nothing to do.
    pub fn begin(connection: &Connection, state: &State, calendar: &Calendar, now: i64) -> Result<Option<Self>> {
        let until = calendar.start(Period::Hour, now);
        let from = match progress(connection)?.rolled {
            Some(rolled) => Some(rolled),
            None => first_record(connection, state)?,
        };
        let Some(at) = from.map(|from| calendar.start(Period::Hour, from)).filter(|at| *at < until) else {
            return Ok(None);
        };
        let mut roll = Self { calendar: calendar.clone(), at, until, clusters: BTreeMap::new() };
        for row in state.clusters.values() {
            let around = Surroundings::of(state, &row.name);
            roll.clusters.insert(row.name.clone(), Cluster { around, jobs: Vec::new() });
        }
        let old = format!("{JOB} time_eligible < ?1 AND (time_end > ?1 OR time_end IS NULL)");
        roll.take_jobs(connection, state, &old, &[&at])?;
        Ok(Some(roll))
    }

    /// Makes the rest of a day. `false` when everything is done; then, or when records changed meanwhile, it is used up.
    pub fn step(&mut self, transaction: &Connection, state: &State) -> Result<bool> {
        let before = progress(transaction)?;
        if before.rolled.is_some_and(|rolled| self.calendar.start(Period::Hour, rolled) != self.at) {
            return Ok(false);
        }
        let day = self.calendar.start(Period::Day, self.at);
        let end = self.calendar.end(Period::Day, day).min(self.until);
        let span = Span { start: self.at, end };
        let new = format!("{JOB} time_eligible >= ?1 AND time_eligible < ?2");
        self.take_jobs(transaction, state, &new, &[&span.start, &span.end])?;
        if before.known.is_some_and(|known| known > span.start) {
            forget(transaction, Period::Hour, span)?;
        }
        while self.at < end {
            let hour = Span { start: self.at, end: self.calendar.end(Period::Hour, self.at) };
            for (name, cluster) in &mut self.clusters {
                write(transaction, name, hour.start, &cluster.hour(hour))?;
            }
            self.at = hour.end;
        }
        self.close(transaction, day)?;
        let known = before.known.unwrap_or(self.at).max(self.at);
        set_progress(transaction, Progress { rolled: Some(self.at), known: Some(known) })?;
        Ok(self.at < self.until)
    }

    fn take_jobs(
        &mut self,
        connection: &Connection,
        state: &State,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let job = job(row)?;
            if let Some(cluster) = self.clusters.get_mut(&job.cluster) {
                cluster.jobs.push(JobUse::of(state, &job));
            }
        }
        Ok(())
    }

    /// Sums up the day, and the month, if they are over.
    fn close(&self, transaction: &Connection, day: i64) -> Result<()> {
        let end = self.calendar.end(Period::Day, day);
        if self.at < end {
            return Ok(());
        }
        sum_up(transaction, Period::Day, Span { start: day, end })?;
        let month = self.calendar.start(Period::Month, day);
        if self.calendar.end(Period::Month, month) == end {
            sum_up(transaction, Period::Month, Span { start: month, end })?;
        }
        Ok(())
    }
}

impl Cluster {
    fn hour(&mut self, hour: Span) -> HourRecords {
        let mut sum = HourSum::new(hour, &self.around);
        for job in self.jobs.iter().filter(|job| job.eligible < hour.end) {
            sum.add(job);
        }
        self.jobs.retain(|job| job.end.is_none_or(|end| end > hour.end));
        sum.finish()
    }
}

fn first_record(connection: &Connection, state: &State) -> Result<Option<i64>> {
    let job: Option<i64> = connection.query_row("SELECT MIN(time_eligible) FROM job", [], |row| row.get(0))?;
    let events = state.events.values().map(|event| event.start);
    Ok(events.chain(state.reservations.values().map(|row| row.start)).chain(job).min())
}

fn job(row: &Row) -> Result<Job> {
    let text: String = row.get("tres_allocated")?;
    let waiting: Option<String> = row.get("array_tasks")?;
    let array: Option<u32> = row.get("array_job")?;
    Ok(Job {
        cluster: row.get("cluster")?,
        association: row.get("association")?,
        qos: row.get("qos")?,
        user: row.get("user")?,
        wckey: row.get("wckey")?,
        eligible: row.get("time_eligible")?,
        start: row.get("time_start")?,
        end: row.get("time_end")?,
        suspended: row.get::<_, i64>("suspended")?.unsigned_abs(),
        cpus_requested: row.get("cpus_requested")?,
        array: array.zip(waiting).map(|(job, tasks)| ArrayPlace { job, tasks: Tasks::Waiting(tasks) }),
        reservation_id: row.get("reservation_id")?,
        tres_allocated: TresCounts::parse(&text).unwrap_or_default(),
        ..Job::default()
    })
}

fn write(transaction: &Connection, cluster: &str, start: i64, records: &HourRecords) -> Result<()> {
    let mut put = transaction.prepare_cached("INSERT INTO usage_association VALUES (0, ?1, ?2, ?3, ?4, ?5)")?;
    for ((association, tres), used) in &records.associations {
        put.execute(params![start, association, tres, used.seconds as i64, used.charged as i64])?;
    }
    let mut put = transaction.prepare_cached("INSERT INTO usage_wckey VALUES (0, ?1, ?2, ?3, ?4)")?;
    for ((wckey, tres), seconds) in &records.wckeys {
        put.execute(params![start, wckey, tres, *seconds as i64])?;
    }
    let mut put =
        transaction.prepare_cached("INSERT INTO usage_cluster VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for (tres, uses) in &records.cluster {
        let seconds =
            [uses.count, uses.allocated, uses.down, uses.planned_down, uses.idle, uses.planned, uses.overcommitted]
                .map(|it| it as i64);
        let [count, allocated, down, planned_down, idle, planned, over] = seconds;
        put.execute(params![start, cluster, tres, count, allocated, down, planned_down, idle, planned, over])?;
    }
    Ok(())
}

const TABLES: [&str; 3] = ["usage_association", "usage_wckey", "usage_cluster"];

fn forget(transaction: &Connection, period: Period, span: Span) -> Result<()> {
    for table in TABLES {
        let sql = format!("DELETE FROM {table} WHERE period = ?1 AND start >= ?2 AND start < ?3");
        transaction.prepare_cached(&sql)?.execute(params![period.number(), span.start, span.end])?;
    }
    Ok(())
}

/// Sums up the next smaller periods.
fn sum_up(transaction: &Connection, period: Period, span: Span) -> Result<()> {
    forget(transaction, period, span)?;
    let of = "WHERE period = ?1 - 1 AND start >= ?2 AND start < ?3 GROUP BY";
    for sql in [
        format!(
            "INSERT INTO usage_association SELECT ?1, ?2, association, tres, SUM(seconds), SUM(charged) \
             FROM usage_association {of} association, tres"
        ),
        format!("INSERT INTO usage_wckey SELECT ?1, ?2, wckey, tres, SUM(seconds) FROM usage_wckey {of} wckey, tres"),
        format!(
            "INSERT INTO usage_cluster SELECT ?1, ?2, cluster, tres, MAX(count), SUM(allocated), SUM(down), \
             SUM(planned_down), SUM(idle), SUM(planned), SUM(overcommitted) FROM usage_cluster {of} cluster, tres"
        ),
    ] {
        transaction.prepare_cached(&sql)?.execute(params![period.number(), span.start, span.end])?;
    }
    Ok(())
}
