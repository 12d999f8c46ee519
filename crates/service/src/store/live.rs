//! What the scheduler keeps: jobs that live, the standing of nodes, what jobs run, and the number given last.
//!
//! Each is a document in JSON (`docs/decisions.md`, 40). A document that cannot be read stays where it is and is named; the
//! others count all the same.

use super::rows::understood;
use super::{Draft, Readers, Store, StoreError, jobs};
use rusqlite::{Connection, OptionalExtension, Result, params};
use scheduling::id::{JobId, NodeName};
use scheduling::job::LiveJob;
use scheduling::live::{LiveRow, LiveTables};
use scheduling::node::NodeStanding;
use scheduling::request::BatchJob;
use serde::Serialize;
use serde::de::DeserializeOwned;
use slurm::records::{Job as Record, Step};

/// What a store has of the scheduler.
#[derive(Clone, Debug, Default)]
pub struct StoredLive {
    /// What can be read.
    pub tables: LiveTables,
    /// Which rows cannot, and why: `job 7: missing field …`.
    pub unread: Vec<String>,
}

/// What a job runs, and who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// The login name of the user, which accounting may keep in lower case.
    pub login: String,
    /// Script, arguments, environment.
    pub batch: BatchJob,
}

impl Store {
    /// Reads what the scheduler kept. Where it never gave a number, the greatest of all records counts as the last.
    pub fn live(&self) -> std::result::Result<StoredLive, StoreError> {
        read(&self.connection).map_err(|source| self.error(source))
    }
}

impl Readers {
    /// What a job that lives runs; `None` when it runs no script.
    pub fn batch(&self, job: JobId) -> std::result::Result<Option<StoredBatch>, StoreError> {
        self.ask(|sql| batch(sql, job))
    }
}

impl Draft<'_> {
    /// Writes what changed of jobs and nodes, and the records of runs and steps that go with it.
    pub fn save_live<'r>(&self, rows: impl IntoIterator<Item = LiveRow<'r>>) -> std::result::Result<(), StoreError> {
        let (mut records, mut steps) = (Vec::new(), Vec::new());
        for row in rows {
            match row {
                LiveRow::Record(record) => records.push(*record),
                LiveRow::Step(step) => steps.push(*step),
                row => write(&self.sql, &row).map_err(|source| self.error(source))?,
            }
        }
        jobs::put_live(&self.sql, &records).map_err(|source| self.error(source))?;
        steps.iter().try_for_each(|(of, step)| self.put_step(of, step).map(drop))
    }

    /// Writes what a job runs. The job itself has to come in the same transaction.
    pub fn put_batch(&self, job: JobId, login: &str, batch: &BatchJob) -> std::result::Result<(), StoreError> {
        put_batch(&self.sql, job, login, batch).map_err(|source| self.error(source))
    }

    /// Writes a step of a run whose record is there; `false` when there is none.
    pub fn put_step(&self, of: &Record, step: &Step) -> std::result::Result<bool, StoreError> {
        jobs::put_step(&self.sql, of, step).map_err(|source| self.error(source))
    }

    /// What the scheduler kept, as far as this transaction knows.
    pub fn live(&self) -> std::result::Result<StoredLive, StoreError> {
        read(&self.sql).map_err(|source| self.error(source))
    }

    /// What a job runs, as far as this transaction knows.
    pub fn batch(&self, job: JobId) -> std::result::Result<Option<StoredBatch>, StoreError> {
        batch(&self.sql, job).map_err(|source| self.error(source))
    }
}

/// Reads all of it.
pub(super) fn read(sql: &Connection) -> Result<StoredLive> {
    let mut unread = Vec::new();
    let jobs = documents::<i64, LiveJob>(sql, "SELECT number, document FROM job_live", "job", &mut unread)?;
    let jobs = jobs.into_iter().filter_map(|(number, job)| {
        let is_its_own = i64::from(job.id.0) == number;
        if !is_its_own {
            unread.push(format!("job {number}: the document is of job {}", job.id));
        }
        is_its_own.then_some(job)
    });
    let jobs: Vec<_> = jobs.collect();
    let nodes = documents::<String, NodeStanding>(sql, "SELECT name, document FROM node_live", "node", &mut unread)?;
    let nodes = nodes.into_iter().map(|(name, standing)| (NodeName::from(name.as_str()), standing));
    Ok(StoredLive { tables: LiveTables::loaded(jobs, nodes, last_number(sql)?), unread })
}

/// Those that can be read, by their keys.
fn documents<K: rusqlite::types::FromSql + std::fmt::Display, T: DeserializeOwned>(
    sql: &Connection,
    query: &str,
    what: &str,
    unread: &mut Vec<String>,
) -> Result<Vec<(K, T)>> {
    let mut statement = sql.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, text): (K, String) = (row.get(0)?, row.get(1)?);
        match serde_json::from_str(&text) {
            Ok(document) => found.push((key, document)),
            Err(error) => unread.push(format!("{what} {key}: {error}")),
        }
    }
    Ok(found)
}

fn last_number(sql: &Connection) -> Result<u32> {
    let given = sql.query_row("SELECT last FROM job_number", [], |row| row.get(0)).optional()?;
    let recorded = || sql.query_row("SELECT IFNULL(MAX(job_id), 0) FROM job", [], |row| row.get(0));
    given.map_or_else(recorded, Ok)
}

fn write(sql: &Connection, row: &LiveRow) -> Result<()> {
    let put = "INSERT INTO job_live (number, script, document) VALUES (?1, ?2, ?3)
               ON CONFLICT (number) DO UPDATE SET document = excluded.document";
    let put_node = "INSERT INTO node_live (name, document) VALUES (?1, ?2)
                    ON CONFLICT (name) DO UPDATE SET document = excluded.document";
    let number = "INSERT INTO job_number (one, last) VALUES (1, ?1)
                  ON CONFLICT (one) DO UPDATE SET last = excluded.last";
    match row {
        LiveRow::Job(id, Some(job)) => {
            let script = job.array.as_ref().map_or(*id, |part| part.of);
            sql.prepare_cached(put)?.execute(params![id.0, script.0, document(job)])?
        }
        LiveRow::Job(id, None) => forget(sql, *id)?,
        LiveRow::Node(name, standing) => {
            sql.prepare_cached(put_node)?.execute(params![name.as_str(), document(standing)])?
        }
        LiveRow::LastJob(last) => sql.prepare_cached(number)?.execute([last])?,
        LiveRow::Record(_) | LiveRow::Step(_) => 0,
    };
    Ok(())
}

/// Takes a job away, and what it runs unless others run it too.
fn forget(sql: &Connection, job: JobId) -> Result<usize> {
    let mut statement = sql.prepare_cached("DELETE FROM job_live WHERE number = ?1 RETURNING script")?;
    let Some(script) = statement.query_row([job.0], |row| row.get::<_, i64>(0)).optional()? else { return Ok(0) };
    let unused = "DELETE FROM job_batch WHERE number = ?1
                  AND NOT EXISTS (SELECT 1 FROM job_live WHERE job_live.script = ?1)";
    sql.prepare_cached(unused)?.execute([script])
}

fn document(row: &impl Serialize) -> String {
    serde_json::to_string(row).expect("numbers, texts and lists can always be written as JSON")
}

/// The script goes apart, so that it is kept as the bytes that it is.
fn put_batch(sql: &Connection, job: JobId, login: &str, batch: &BatchJob) -> Result<()> {
    let surroundings = BatchJob { script: Default::default(), ..batch.clone() };
    let put = "INSERT INTO job_batch (number, login, document, script) VALUES (?1, ?2, ?3, ?4)";
    sql.prepare_cached(put)?.execute(params![job.0, login, document(&surroundings), batch.script.0]).map(drop)
}

fn batch(sql: &Connection, job: JobId) -> Result<Option<StoredBatch>> {
    let query = "SELECT b.login, b.document, b.script FROM job_live l JOIN job_batch b ON b.number = l.script
                 WHERE l.number = ?1";
    let mut statement = sql.prepare_cached(query)?;
    let mut rows = statement.query([job.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let text: String = row.get(1)?;
    let surroundings: Option<BatchJob> = serde_json::from_str(&text).ok();
    let batch = understood(row, "document", surroundings)?;
    let script = words::raw::RawText(row.get(2)?);
    Ok(Some(StoredBatch { login: row.get(0)?, batch: BatchJob { script, ..batch } }))
}

#[cfg(test)]
mod tests;
