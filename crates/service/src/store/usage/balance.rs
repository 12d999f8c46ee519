//! Balances: what is left of all usage at the end of a day, so that fairshare need not read every hour of 40 half-lives.
//!
//! They stand ever farther apart the older they are. When an hour is made again, those after it go in the same transaction,
//! and the newest one before it is where reading begins.

use super::{UsageTable, measure, progress};
use crate::store::rows::id;
use rusqlite::{Connection, Result, Row, params};
use slurm::fairshare::history::Left;
use slurm::fairshare::terms::Zeroed;
use slurm::fairshare::{Decay, History, Terms};
use slurm::rollup::{Calendar, Period, Span};

/// So many days before the last one there shall be a balance, at first; the distances grow as they get older.
const AGES: [i64; 9] = [128, 64, 32, 16, 8, 4, 2, 1, 0];

const DAY: i64 = 86_400;

/// A balance that was made, to be [kept](Balance::keep).
#[derive(Clone, Debug)]
pub struct Balance {
    history: History,
    /// What [`super::Progress::remade`] was when it was read.
    remade: i64,
}

impl Balance {
    /// Makes the next one that is missing: from the newest there is and the hours since. `None` when all are there, or while
    /// hours are to be made again.
    pub fn next(connection: &Connection, terms: &Terms, calendar: &Calendar) -> Result<Option<Self>> {
        let progress = progress(connection)?;
        let Some(known) = progress.known.filter(|known| progress.rolled == Some(*known)) else { return Ok(None) };
        let last = calendar.start(Period::Day, known);
        let newest = newest_at(connection, terms, last)?;
        let begin = newest.unwrap_or(terms.from);
        let at = AGES.map(|age| calendar.start(Period::Day, last.saturating_sub(age * DAY)));
        let Some(at) = at.into_iter().find(|at| *at > begin) else { return Ok(None) };
        let (mut history, from) = begun(connection, terms, newest, at)?;
        UsageTable::new(connection, calendar)?.charges(from, at, &mut |charge| history.add(charge))?;
        Ok(Some(Self { history, remade: progress.remade }))
    }

    /// Writes it, and takes away those that are too close together by now. `false`, and nothing is written, when an hour was
    /// made again since.
    pub fn keep(&self, transaction: &Connection) -> Result<bool> {
        if progress(transaction)?.remade != self.remade {
            return Ok(false);
        }
        let (history, until) = (&self.history, self.history.at());
        // Those on other terms are of no use any more.
        transaction.execute("DELETE FROM usage_balance WHERE rate <> ?1", [history.decay().per_second()])?;
        transaction.execute("DELETE FROM usage_balance WHERE until = ?1", [until])?;
        let put = "INSERT INTO usage_balance VALUES (?1, ?2, ?3)";
        transaction.execute(put, params![until, history.since(), history.decay().per_second()])?;
        let mut put = transaction.prepare_cached("INSERT INTO usage_left VALUES (?1, ?2, ?3, ?4)")?;
        for Left { association, measure, seconds } in history.left() {
            put.execute(params![until, association.0, measure.number(), seconds])?;
        }
        let mut put = transaction.prepare_cached("INSERT INTO usage_zeroed VALUES (?1, ?2, ?3)")?;
        for (association, time) in history.zeroed().iter() {
            put.execute(params![until, association.0, time])?;
        }
        thin_out(transaction, until)?;
        Ok(true)
    }
}

/// The history at `at` of what was used before the newest balance on these terms, and from when on hours are to be added to
/// it. No balance is later than `known`, up to where hours are there.
pub fn begin(connection: &Connection, terms: &Terms, known: i64, at: i64) -> Result<(History, i64)> {
    let newest = newest_at(connection, terms, known)?;
    begun(connection, terms, newest, at)
}

fn begun(connection: &Connection, terms: &Terms, newest: Option<i64>, at: i64) -> Result<(History, i64)> {
    match newest {
        Some(until) => {
            let mut history = read(connection, until)?;
            put_back(connection, &mut history)?;
            Ok((history.on(terms).later(at), until))
        }
        None => Ok((History::new(terms, at), terms.from)),
    }
}

/// When the newest balance is that fits, up to `known`.
fn newest_at(connection: &Connection, terms: &Terms, known: i64) -> Result<Option<i64>> {
    let sql = "SELECT until FROM usage_balance WHERE until <= ?1 AND until > ?2 ORDER BY until DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let untils = statement.query_map([known, terms.from], |row| row.get(0))?.collect::<Result<Vec<i64>>>()?;
    for until in untils {
        let mut history = read(connection, until)?;
        // Only where some usage was set to zero it matters who has any.
        if terms.zeroed != *history.zeroed() {
            put_back(connection, &mut history)?;
        }
        if history.fits(terms) {
            return Ok(Some(until));
        }
    }
    Ok(None)
}

/// A balance without its usage.
fn read(connection: &Connection, until: i64) -> Result<History> {
    let mut statement = connection.prepare_cached("SELECT association, time FROM usage_zeroed WHERE until = ?1")?;
    let times = statement.query_map([until], |row| Ok((id(row, 0)?, row.get(1)?)))?;
    let zeroed: Zeroed = times.collect::<Result<_>>()?;
    let balance = |row: &Row| Ok(History::kept(Decay::of_rate(row.get(1)?), until, row.get(0)?, zeroed));
    let sql = "SELECT since, rate FROM usage_balance WHERE until = ?1";
    connection.prepare_cached(sql)?.query_row([until], balance)
}

fn put_back(connection: &Connection, history: &mut History) -> Result<()> {
    let sql = "SELECT association, tres, seconds FROM usage_left WHERE until = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([history.at()])?;
    while let Some(row) = rows.next()? {
        history.put_back(Left { association: id(row, 0)?, measure: measure(row, 1)?, seconds: row.get(2)? });
    }
    Ok(())
}

/// Takes those away that hours are in which change.
pub(super) fn forget(transaction: &Connection, hours: Span) -> Result<()> {
    let sql = "DELETE FROM usage_balance WHERE until > ?1 AND since < ?2";
    transaction.prepare_cached(sql)?.execute([hours.start, hours.end])?;
    Ok(())
}

/// Of those that are equally old, to a power of two, the oldest stays.
fn thin_out(transaction: &Connection, newest: i64) -> Result<()> {
    let sql = "SELECT until FROM usage_balance ORDER BY until";
    let untils = transaction.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>>>()?;
    let power = |until: i64| (newest - until).div_euclid(DAY).unsigned_abs().saturating_add(1).ilog2();
    let crowded = untils.windows(2).filter(|pair| power(pair[0]) == power(pair[1]));
    for pair in crowded.collect::<Vec<_>>() {
        transaction.execute("DELETE FROM usage_balance WHERE until = ?1", [pair[1]])?;
    }
    Ok(())
}
