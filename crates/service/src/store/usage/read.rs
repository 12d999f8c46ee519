//! [`UsageTable`]: what reports and fairshare read.

use super::{measure, progress};
use crate::store::jobs::scan;
use crate::store::jobs::unread;
use crate::store::rows::{id, optional_id};
use commands::sreport::{Look, Records, Share};
use rusqlite::{Connection, Result, Row, params, params_from_iter};
use slurm::fairshare::history::{Charge, QosCharge};
use slurm::model::{AssociationId, TresId, WckeyId, or_zero};
use slurm::records::{Job, JobsError, Scan, TresCounts};
use slurm::rollup::{Calendar, ClusterUse, Period, Span};
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::ControlFlow;
use words::ids::Id;

/// The rolled-up usage of a database.
#[derive(Debug)]
pub struct UsageTable<'a> {
    connection: &'a Connection,
    calendar: &'a Calendar,
    /// Rolled up to here.
    known: i64,
}

impl<'a> UsageTable<'a> {
    /// Of a database, with the calendar by which it was rolled up.
    pub fn new(connection: &'a Connection, calendar: &'a Calendar) -> Result<Self> {
        let known = progress(connection)?.known.unwrap_or(i64::MIN);
        Ok(Self { connection, calendar, known })
    }

    /// Up to when usage is known.
    pub fn known(&self) -> i64 {
        self.known
    }

    fn shares<Of: Id<Number = u32> + Eq + Hash>(&self, columns: &str, span: Span) -> Result<Vec<Share<Of>>> {
        let mut sums: HashMap<(Of, TresId), u64> = HashMap::new();
        let sql = format!("SELECT {columns} WHERE period = ?1 AND start >= ?2 AND start < ?3 AND tres > 0");
        let mut statement = self.connection.prepare_cached(&sql)?;
        for (period, piece) in self.calendar.pieces(span, self.known) {
            let mut rows = statement.query(params![period.number(), piece.start, piece.end])?;
            while let Some(row) = rows.next()? {
                *sums.entry((id(row, 0)?, id(row, 1)?)).or_default() += row.get::<_, i64>(2)?.unsigned_abs();
            }
        }
        Ok(sums.into_iter().map(|((id, tres), seconds)| (id, tres, seconds)).collect())
    }

    /// The period whose records a cluster's report adds up, as slurmdbd chooses: their number counts for the average.
    fn period(&self, span: Span) -> Period {
        let both = |period| self.calendar.begins(period, span.start) && self.calendar.begins(period, span.end);
        if span.end > self.known || !both(Period::Day) {
            Period::Hour
        } else if both(Period::Month) {
            Period::Month
        } else {
            Period::Day
        }
    }

    fn uses(&self, cluster: &str, span: Span) -> Result<Vec<(TresId, ClusterUse)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT * FROM usage_cluster WHERE period = ?1 AND start >= ?2 AND start < ?3 AND cluster = ?4",
        )?;
        let period = self.period(span).number();
        statement.query_map(params![period, span.start, span.end, cluster], uses)?.collect()
    }

    /// What associations were charged in each hour from `from` on and before `until`, in order of time.
    pub fn charges(&self, from: i64, until: i64, see: &mut dyn FnMut(Charge)) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT start, association, tres, charged FROM usage_association \
             WHERE period = 0 AND start >= ?1 AND start < ?2",
        )?;
        let mut rows = statement.query([from, until])?;
        while let Some(row) = rows.next()? {
            let seconds = row.get::<_, i64>(3)?.unsigned_abs();
            see(Charge { start: row.get(0)?, association: id(row, 1)?, measure: measure(row, 2)?, seconds });
        }
        Ok(())
    }

    /// What jobs of each QOS used on a cluster in every hour from `from` on.
    pub fn qos_charges(&self, cluster: &str, from: i64, see: &mut dyn FnMut(QosCharge)) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT start, qos, tres, charged FROM usage_qos WHERE period = 0 AND start >= ?1 AND cluster = ?2",
        )?;
        let mut rows = statement.query(params![from, cluster])?;
        while let Some(row) = rows.next()? {
            let seconds = row.get::<_, i64>(3)?.unsigned_abs();
            see(QosCharge { start: row.get(0)?, qos: id(row, 1)?, measure: measure(row, 2)?, seconds });
        }
        Ok(())
    }

    fn jobs(&self, look: Look, scan: &Scan, see: &mut dyn FnMut(&Job) -> ControlFlow<()>) -> Result<()> {
        let columns = match look {
            Look::Use => USE.to_owned(),
            Look::Whole => format!("{USE}, {WHOSE}"),
        };
        let mut job = Job::default();
        for condition in scan::conditions(self.connection, scan)? {
            let text = condition.text();
            let sql = format!("SELECT {columns} FROM job WHERE time_start IS NOT NULL AND {text}");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(condition.values))?;
            while let Some(row) = rows.next()? {
                read_use(row, &mut job)?;
                if look == Look::Whole {
                    read_whose(row, &mut job)?;
                }
                if see(&job).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn uses(row: &Row) -> Result<(TresId, ClusterUse)> {
    let amount = |name| Ok::<_, rusqlite::Error>(row.get::<_, i64>(name)?.unsigned_abs());
    let uses = ClusterUse {
        count: amount("count")?,
        allocated: amount("allocated")?,
        down: amount("down")?,
        planned_down: amount("planned_down")?,
        idle: amount("idle")?,
        planned: amount("planned")?,
        overcommitted: amount("overcommitted")?,
    };
    Ok((id(row, "tres")?, uses))
}

/// What [`read_use`] reads.
const USE: &str = "association, time_start, time_end, suspended, reservation_id, tres_allocated, \
    CASE WHEN time_end IS NULL THEN json_extract(more, '$.suspended_since') END, \
    CASE WHEN suspended > 0 THEN json_extract(more, '$.resumed') END";

/// What [`read_whose`] reads behind it.
const WHOSE: &str = "cluster, user, account, partition, wckey, nodes, job_id, uid, gid";

/// Reads [`Look::Use`] into a job that is used again and again: with a million of them, to make each anew takes as long as
/// to read it.
fn read_use(row: &Row, job: &mut Job) -> Result<()> {
    job.association = or_zero::id(row.get(0)?);
    job.start = row.get(1)?;
    job.end = row.get(2)?;
    job.suspended = row.get::<_, i64>(3)?.unsigned_abs();
    job.reservation_id = or_zero::id(row.get(4)?);
    job.tres_allocated = TresCounts::parse(row.get_ref(5)?.as_str()?).unwrap_or_default();
    job.details.suspended_since = row.get(6)?;
    job.details.resumed = row.get(7)?;
    Ok(())
}

/// Reads the rest of [`Look::Whole`].
fn read_whose(row: &Row, job: &mut Job) -> Result<()> {
    let texts = [&mut job.cluster, &mut job.user, &mut job.account, &mut job.partition, &mut job.wckey, &mut job.nodes];
    for (at, text) in texts.into_iter().enumerate() {
        text.clear();
        text.push_str(row.get_ref(8 + at)?.as_str()?);
    }
    job.job_id = id(row, 14)?;
    job.uid = optional_id(row, 15)?;
    job.gid = optional_id(row, 16)?;
    Ok(())
}

impl Records for UsageTable<'_> {
    fn associations(&self, span: Span) -> Result<Vec<Share<AssociationId>>, JobsError> {
        self.shares("association, tres, seconds FROM usage_association", span).map_err(unread)
    }

    fn wckeys(&self, span: Span) -> Result<Vec<Share<WckeyId>>, JobsError> {
        self.shares("wckey, tres, seconds FROM usage_wckey", span).map_err(unread)
    }

    fn cluster(&self, cluster: &str, span: Span) -> Result<Vec<(TresId, ClusterUse)>, JobsError> {
        self.uses(cluster, span).map_err(unread)
    }

    fn each_job(&self, look: Look, scan: &Scan, see: &mut dyn FnMut(&Job) -> ControlFlow<()>) -> Result<(), JobsError> {
        self.jobs(look, scan, see).map_err(unread)
    }
}
