//! [`Roll`]: the making of the rollup. It only reads; what it comes to is written slice by slice ([`Slice::keep`]), each in
//! a short transaction, so that nobody waits for the computing. Memory holds the jobs that run in an hour, whatever the
//! number of jobs in the store.

use super::progress;
use super::write::{Records, Slice};
use crate::store::jobs::scan;
use crate::store::rows::optional_id;
use rusqlite::{Connection, Result, Row, params_from_iter};
use slurm::State;
use slurm::model::or_zero;
use slurm::records::{ArrayPlace, Details, Job, Tasks, TresCounts};
use slurm::rollup::{Calendar, HourRecords, HourSum, JobUse, Period, Span, Surroundings};
use std::collections::{BTreeMap, VecDeque};

/// A slice of hours ends when it has so many rows: what SQLite writes in some hundredths of a second.
const ENOUGH: usize = 10_000;

/// A rollup under way. After a crash, or when records change meanwhile, a new one goes on where the store says.
#[derive(Clone, Debug)]
pub struct Roll {
    calendar: Calendar,
    /// The next hour to make.
    at: i64,
    /// Up to here.
    until: i64,
    clusters: BTreeMap<String, Cluster>,
    /// Periods whose hours are made, to be summed up next.
    over: VecDeque<(Period, Span)>,
}

#[derive(Clone, Debug, Default)]
struct Cluster {
    around: Surroundings,
    /// Jobs that have not ended before the next hour.
    jobs: Vec<JobUse>,
}

/// What the rollup looks at, in the order of [`job`].
const JOB: &str = "SELECT cluster, association, qos, user, wckey, time_eligible, time_start, time_end, suspended, \
    cpus_requested, array_job, array_tasks, reservation_id, tres_allocated, \
    CASE WHEN time_end IS NULL THEN json_extract(more, '$.suspended_since') END, \
    CASE WHEN suspended > 0 THEN json_extract(more, '$.resumed') END FROM job WHERE";

impl Roll {
    /// The first hour to make when `now` is the time; `None` when there is nothing to do.
    pub fn due(connection: &Connection, state: &State, calendar: &Calendar, now: i64) -> Result<Option<i64>> {
        let until = calendar.start(Period::Hour, now);
        let from = match progress(connection)?.rolled {
            Some(rolled) => Some(rolled),
            None => first_record(connection, state)?,
        };
        Ok(from.map(|from| calendar.start(Period::Hour, from)).filter(|at| *at < until))
    }

    /// Begins where the store says, to go up to the last full hour before `now`. `None` when there is nothing to do. What
    /// changes from now on must be told from what changed before: [`super::watch`] comes first.
    pub fn begin(connection: &Connection, state: &State, calendar: &Calendar, now: i64) -> Result<Option<Self>> {
        let Some(at) = Self::due(connection, state, calendar, now)? else { return Ok(None) };
        let until = calendar.start(Period::Hour, now);
        let mut roll = Self { calendar: calendar.clone(), at, until, clusters: BTreeMap::new(), over: VecDeque::new() };
        for row in state.clusters.values() {
            let around = Surroundings::of(state, &row.name);
            roll.clusters.insert(row.name.clone(), Cluster { around, jobs: Vec::new() });
        }
        for condition in scan::at(connection, at)? {
            let open = format!("{JOB} {} AND time_eligible < ? AND time_end IS NOT ?", condition.text());
            let values = condition.values.into_iter().chain([at.into(), at.into()]);
            roll.take_jobs(connection, state, &open, params_from_iter(values))?;
        }
        Ok(Some(roll))
    }

    /// Computes the next slice. The one before must have been kept. `None` when everything is done.
    pub fn slice(&mut self, connection: &Connection, state: &State) -> Result<Option<Slice>> {
        if let Some((period, span)) = self.over.pop_front() {
            let records = vec![Records::sum(connection, period, span)?];
            return Ok(Some(Slice { period, span, records, rolled: self.rolled() }));
        }
        if self.at >= self.until {
            return Ok(None);
        }
        let (start, records) = (self.at, self.hours(connection, state)?);
        let span = Span { start, end: self.at };
        self.end_periods(start);
        Ok(Some(Slice { period: Period::Hour, span, records, rolled: self.rolled() }))
    }

    /// Hours up to the end of the day at most.
    fn hours(&mut self, connection: &Connection, state: &State) -> Result<Vec<Records>> {
        let day = self.calendar.start(Period::Day, self.at);
        let end = self.calendar.end(Period::Day, day).min(self.until);
        let new = format!("{JOB} time_eligible >= ?1 AND time_eligible < ?2");
        let (mut made, mut rows) = (Vec::new(), 0);
        while self.at < end && rows < ENOUGH {
            let hour = Span { start: self.at, end: self.calendar.end(Period::Hour, self.at) };
            self.take_jobs(connection, state, &new, [hour.start, hour.end])?;
            let mut records = Records::new(hour.start);
            for (name, cluster) in &mut self.clusters {
                records.add(name, cluster.hour(hour));
            }
            rows += records.rows();
            made.push(records);
            self.at = hour.end;
        }
        Ok(made)
    }

    /// Notes what is over with the hours since `start`: the day, and with it perhaps the month.
    fn end_periods(&mut self, start: i64) {
        for period in [Period::Day, Period::Month] {
            let begin = self.calendar.start(period, start);
            let span = Span { start: begin, end: self.calendar.end(period, begin) };
            self.over.extend((span.end == self.at).then_some((period, span)));
        }
    }

    fn rolled(&self) -> Option<i64> {
        self.over.is_empty().then_some(self.at)
    }

    fn take_jobs(
        &mut self,
        connection: &Connection,
        state: &State,
        sql: &str,
        values: impl rusqlite::Params,
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
    let array = optional_id(row, 10)?;
    let waiting: Option<String> = row.get(11)?;
    Ok(Job {
        cluster: row.get(0)?,
        association: or_zero::id(row.get(1)?),
        qos: or_zero::id(row.get(2)?),
        user: row.get(3)?,
        wckey: row.get(4)?,
        eligible: row.get(5)?,
        start: row.get(6)?,
        end: row.get(7)?,
        suspended: row.get::<_, i64>(8)?.unsigned_abs(),
        cpus_requested: row.get(9)?,
        array: array.zip(waiting).map(|(job, tasks)| ArrayPlace { job, tasks: Tasks::Waiting(tasks) }),
        reservation_id: or_zero::id(row.get(12)?),
        tres_allocated: TresCounts::parse(row.get_ref(13)?.as_str()?).unwrap_or_default(),
        details: Details { suspended_since: row.get(14)?, resumed: row.get(15)?, ..Details::default() },
        ..Job::default()
    })
}
