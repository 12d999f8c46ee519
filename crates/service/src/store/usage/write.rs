//! [`Slice`]: what the rollup writes in one short transaction.

use super::{measure, progress, remade, set_rolled, touched, watch};
use crate::store::rows::id;
use rusqlite::{Connection, Result, Row, params};
use slurm::model::{AssociationId, QosId, TresId, WckeyId};
use slurm::rollup::{ClusterUse, HourRecords, Measure, Period, Span, Used};

/// A part of the rollup, computed and not written yet: some hours, or the sum of a day or a month.
#[derive(Clone, Debug)]
pub struct Slice {
    pub(super) period: Period,
    /// The time it is about; it depends on no record of a later one.
    pub(super) span: Span,
    pub(super) records: Vec<Records>,
    /// Up to where everything is rolled up with it; `None` while the sum of a period that is over is still to come.
    pub(super) rolled: Option<i64>,
}

/// What one hour, day or month comes to.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    start: i64,
    associations: Vec<(AssociationId, Measure, Used)>,
    wckeys: Vec<(WckeyId, TresId, u64)>,
    qos: Vec<(String, QosId, Measure, u64)>,
    clusters: Vec<(String, TresId, ClusterUse)>,
}

impl Records {
    /// Of a period that begins then.
    pub(super) fn new(start: i64) -> Self {
        Self { start, ..Self::default() }
    }

    /// Adds a cluster's hour.
    pub(super) fn add(&mut self, cluster: &str, hour: HourRecords) {
        self.associations.extend(hour.associations.into_iter().map(|((id, tres), used)| (id, tres, used)));
        self.wckeys.extend(hour.wckeys.into_iter().map(|((id, tres), seconds)| (id, tres, seconds)));
        self.qos.extend(hour.qos.into_iter().map(|((id, tres), charged)| (cluster.to_owned(), id, tres, charged)));
        self.clusters.extend(hour.cluster.into_iter().map(|(tres, uses)| (cluster.to_owned(), tres, uses)));
    }

    /// The sum of the next smaller periods, as they are written.
    pub(super) fn sum(connection: &Connection, period: Period, span: Span) -> Result<Self> {
        let of = "WHERE period = ?1 - 1 AND start >= ?2 AND start < ?3 GROUP BY";
        // Nobody asks for the time that jobs of an association ran by the day.
        let and_tres = "WHERE period = ?1 - 1 AND start >= ?2 AND start < ?3 AND tres > 0 GROUP BY";
        let values = params![period.number(), span.start, span.end];
        let sql = format!(
            "SELECT association, tres, SUM(seconds), SUM(charged) FROM usage_association {and_tres} association, tres"
        );
        let read =
            |row: &Row| Ok((id(row, 0)?, measure(row, 1)?, Used { seconds: count(row, 2)?, charged: count(row, 3)? }));
        let associations = connection.prepare_cached(&sql)?.query_map(values, read)?.collect::<Result<_>>()?;
        let sql = format!("SELECT wckey, tres, SUM(seconds) FROM usage_wckey {of} wckey, tres");
        let read = |row: &Row| Ok((id(row, 0)?, id(row, 1)?, count(row, 2)?));
        let wckeys = connection.prepare_cached(&sql)?.query_map(values, read)?.collect::<Result<_>>()?;
        let sql = format!("SELECT cluster, qos, tres, SUM(charged) FROM usage_qos {of} cluster, qos, tres");
        let read = |row: &Row| Ok((row.get(0)?, id(row, 1)?, measure(row, 2)?, count(row, 3)?));
        let qos = connection.prepare_cached(&sql)?.query_map(values, read)?.collect::<Result<_>>()?;
        let sql = format!(
            "SELECT cluster, tres, MAX(count), SUM(allocated), SUM(down), SUM(planned_down), SUM(idle), SUM(planned), \
             SUM(overcommitted) FROM usage_cluster {of} cluster, tres"
        );
        let read = |row: &Row| Ok((row.get(0)?, id(row, 1)?, uses(row)?));
        let clusters = connection.prepare_cached(&sql)?.query_map(values, read)?.collect::<Result<_>>()?;
        Ok(Self { start: span.start, associations, wckeys, qos, clusters })
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.associations.len() + self.wckeys.len() + self.qos.len() + self.clusters.len()
    }

    fn write(&self, transaction: &Connection, period: Period) -> Result<()> {
        let (period, start) = (period.number(), self.start);
        let mut put = transaction.prepare_cached("INSERT INTO usage_association VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (association, of, used) in &self.associations {
            put.execute(params![period, start, association.0, of.number(), used.seconds as i64, used.charged as i64])?;
        }
        let mut put = transaction.prepare_cached("INSERT INTO usage_wckey VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for (wckey, tres, seconds) in &self.wckeys {
            put.execute(params![period, start, wckey.0, tres.0, *seconds as i64])?;
        }
        let mut put = transaction.prepare_cached("INSERT INTO usage_qos VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (cluster, qos, of, charged) in &self.qos {
            put.execute(params![period, start, cluster, qos.0, of.number(), *charged as i64])?;
        }
        let sql = "INSERT INTO usage_cluster VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let mut put = transaction.prepare_cached(sql)?;
        for (cluster, tres, uses) in &self.clusters {
            let seconds =
                [uses.count, uses.allocated, uses.down, uses.planned_down, uses.idle, uses.planned, uses.overcommitted]
                    .map(|it| it as i64);
            let [count, allocated, down, planned_down, idle, planned, over] = seconds;
            let values =
                params![period, start, cluster, tres.0, count, allocated, down, planned_down, idle, planned, over];
            put.execute(values)?;
        }
        Ok(())
    }
}

fn count(row: &Row, at: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}

fn uses(row: &Row) -> Result<ClusterUse> {
    Ok(ClusterUse {
        count: count(row, 2)?,
        allocated: count(row, 3)?,
        down: count(row, 4)?,
        planned_down: count(row, 5)?,
        idle: count(row, 6)?,
        planned: count(row, 7)?,
        overcommitted: count(row, 8)?,
    })
}

impl Slice {
    /// Whether the rollup could stop behind it and go on there.
    pub fn is_complete(&self) -> bool {
        self.rolled.is_some()
    }

    /// Writes it. `false`, and nothing is written, when records that it is made of changed since it was computed, or
    /// while the hours before it were: then a new [`super::Roll`] has to begin.
    pub fn keep(&self, transaction: &Connection) -> Result<bool> {
        let changed = touched(transaction)?;
        watch(transaction)?;
        if changed.is_some_and(|time| time < self.span.end) {
            return Ok(false);
        }
        for table in ["usage_association", "usage_wckey", "usage_qos", "usage_cluster"] {
            let sql = format!("DELETE FROM {table} WHERE period = ?1 AND start >= ?2 AND start < ?3");
            let values = params![self.period.number(), self.span.start, self.span.end];
            transaction.prepare_cached(&sql)?.execute(values)?;
        }
        self.records.iter().try_for_each(|records| records.write(transaction, self.period))?;
        let known = progress(transaction)?.known;
        if self.period == Period::Hour && known.is_some_and(|known| self.span.start < known) {
            remade(transaction, self.span)?;
        }
        if let Some(rolled) = self.rolled {
            set_rolled(transaction, rolled)?;
        }
        Ok(true)
    }
}
