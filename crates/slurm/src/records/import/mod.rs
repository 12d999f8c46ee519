//! Reading what `sacct -P` of a real site prints: any columns in any order under a heading, one job or step a line.
//!
//! A [`Reader`] knows the columns and turns lines into [`Line`]s; a step belongs to the job line before it. Nothing is
//! guessed: a line that cannot be read is a [`Bad`] with its place.

mod cells;
pub mod chunk;
mod column;
pub mod events;
pub mod record;
mod values;

#[cfg(test)]
mod tests;

use super::{Job, Step};
use crate::model::tres::CPU;
use crate::model::{JobId, QosId, TresId};
use cells::Cells;
use column::{Column as C, Columns};
use jiff::tz::TimeZone;
use record::Layout;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A job.
    Job(Job),
    /// A step of the job with this number, whose line came before.
    Step(JobId, Step),
}

/// What cannot be read, and where in its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The column in the line, in letters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// What the numbers of names are here.
pub trait Names {
    /// The number of a TRES such as `gres/gpu`, known from now on if it was not before.
    fn tres(&mut self, name: &str) -> TresId;

    /// The number of a QOS; `number` is the one that the other site has for it, if known. `None` when there is no such QOS.
    fn qos(&mut self, name: &str, number: Option<QosId>) -> Option<QosId>;
}

/// Numbers that mean nothing, for a look at lines without a service.
#[derive(Debug)]
pub struct NoNames;

impl Names for NoNames {
    fn tres(&mut self, _name: &str) -> TresId {
        CPU
    }

    fn qos(&mut self, _name: &str, _number: Option<QosId>) -> Option<QosId> {
        None
    }
}

/// How a list was written.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// What separates columns (`--delimiter`), `|` if nothing else was said.
    pub delimiter: String,
    /// The time zone of its times.
    pub zone: TimeZone,
    /// The cluster of lines that name none.
    pub cluster: String,
}

/// Reads lines under one heading.
#[derive(Clone, Debug)]
pub struct Reader {
    columns: Columns,
    layout: Layout,
    dialect: Dialect,
}

impl Reader {
    /// Reads the heading. Columns that mean nothing to us are passed over; those without which no job can be told from
    /// another must be there.
    pub fn new(heading: &str, dialect: Dialect) -> Result<Self, Bad> {
        if dialect.delimiter.is_empty() {
            return Err(Bad { column: 1, what: "the delimiter is empty".into() });
        }
        let columns = Columns::read(heading, &dialect.delimiter)?;
        let layout = columns.layout(&dialect.delimiter);
        Ok(Self { columns, layout, dialect })
    }

    /// The columns as far as it matters where a record ends.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Reads one record.
    pub fn line(&self, line: &str, names: &mut dyn Names) -> Result<Line, Bad> {
        self.read(line, names).map(|(line, _)| line)
    }

    /// Reads one record, and says which of its cells were left out: those that cannot be read and only describe.
    pub fn read(&self, line: &str, names: &mut dyn Names) -> Result<(Line, Vec<Bad>), Bad> {
        let texts = self.texts(line)?;
        let left_out = std::cell::RefCell::default();
        let mut cells =
            Cells { texts: &texts, columns: &self.columns, dialect: &self.dialect, names, left_out: &left_out };
        let id = cells.get(C::JobId, values::job_id)?.unwrap_or_default();
        let raw = cells.get(C::JobIdRaw, values::job_id)?;
        let read = match raw.as_ref().and_then(|raw| raw.step).or(id.step) {
            Some(step) => Line::Step(cells.number(&id, raw.as_ref())?, cells.step(step)?),
            None => Line::Job(cells.job(id, raw)?),
        };
        Ok((read, left_out.into_inner()))
    }

    fn texts<'a>(&self, line: &'a str) -> Result<Vec<&'a str>, Bad> {
        self.layout.split(line).ok_or_else(|| {
            let what = format!(
                "{} columns where the heading has {}; if a text contains `{}`, list again with another --delimiter",
                self.layout.count(line),
                self.columns.count(),
                self.dialect.delimiter.escape_debug()
            );
            Bad { column: 1, what }
        })
    }

    /// Columns of the list that say something which is not kept.
    pub fn passed_over(&self) -> &[String] {
        self.columns.passed_over()
    }

    /// Whether the list says how many CPUs jobs had; without that nothing can be counted as used.
    pub fn tells_cpus(&self) -> bool {
        [C::AllocTres, C::AllocCpus, C::NCpus].iter().any(|column| self.columns.position(*column).is_some())
    }

    /// Whether the list has the jobs' QOS.
    pub fn tells_qos(&self) -> bool {
        self.columns.position(C::Qos).is_some()
    }

    /// Whether the list says when jobs became eligible; without that they count as eligible from their submission on.
    pub fn tells_eligible(&self) -> bool {
        self.columns.position(C::Eligible).is_some()
    }

    /// Whether a line is a step's, told quickly: such lines stay with the job line before them.
    pub fn is_step(&self, line: &str) -> bool {
        let at = self.columns.position(C::JobIdRaw).or(self.columns.position(C::JobId)).unwrap_or(0);
        let texts = self.layout.split(line).unwrap_or_default();
        texts.get(at).is_some_and(|id| id.contains('.'))
    }
}
