//! The columns of jobs and steps.

use crate::store::rows::{Cell, Columns, Cursor, Value, columns};
use rusqlite::Result;
use rusqlite::types::Value as Owned;
use slurm::model::JobId;
use slurm::records::*;

columns! { Job {
    row [elsewhere], cluster, job_id, submit [in "time_submit"], eligible [in "time_eligible"], start [in "time_start"],
    end [in "time_end"], suspended, state, cancelled_by, exit [group ExitCode as "exit_code" "exit_signal"],
    derived_exit [group ExitCode as "derived_code" "derived_signal"], array [group Option<ArrayPlace>],
    het [group Option<HetPlace>], association [by or_zero], qos [by or_zero], name, account, user, uid, gid, partition, wckey,
    reservation, reservation_id [by or_zero], limit [in "time_limit"], nodes, node_count, cpus_requested, tres_requested,
    tres_allocated, priority, reason, flags, constraints, details [in "more" by json],
} }

columns! { Step {
    id [in "number"], het_component [in "component" by component], name, state, cancelled_by,
    exit [group ExitCode as "exit_code" "exit_signal"], start [in "time_start"], end [in "time_end"], suspended, node_count,
    nodes, tasks, user_cpu, system_cpu, tres_allocated, details [in "more" by json],
} }

columns! { ExitCode { code, signal, } }

/// An id that may be missing: 0 is none.
mod or_zero {
    use super::*;
    use rusqlite::types::FromSql;
    use slurm::model::or_zero;
    use words::ids::Id;

    pub fn get<T: Id<Number: FromSql>>(from: &mut Cursor) -> Result<Option<T>> {
        from.next().map(or_zero::id)
    }

    pub fn put<T: Id<Number = u32>>(id: &Option<T>) -> Value<'_> {
        or_zero::number(*id).into()
    }
}

/// The component of a heterogeneous step; -1 when it is none.
mod component {
    use super::*;

    pub fn get(from: &mut Cursor) -> Result<Option<u32>> {
        from.next::<i64>().map(|number| u32::try_from(number).ok())
    }

    pub fn put(component: &Option<u32>) -> Value<'_> {
        component.map_or(-1, i64::from).into()
    }
}

/// What only listings show.
mod json {
    use super::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    pub fn get<T: DeserializeOwned + Default>(from: &mut Cursor) -> Result<T> {
        from.understood(|text: String| match text.as_str() {
            "{}" => Some(T::default()),
            text => serde_json::from_str(text).ok(),
        })
    }

    pub fn put(details: &impl Serialize) -> Value<'_> {
        serde_json::to_string(details).expect("texts and numbers can always be written as JSON").into()
    }
}

impl Cell for JobState {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.understood(JobState::from_number)
    }

    fn put(&self) -> Value<'_> {
        self.number().into()
    }
}

impl Cell for StepId {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.understood(StepId::from_number)
    }

    fn put(&self) -> Value<'_> {
        self.number().into()
    }
}

impl Cell for Flags {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.next().map(Flags)
    }

    fn put(&self) -> Value<'_> {
        self.0.into()
    }
}

impl Cell for TresCounts {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.understood(|text: String| TresCounts::parse(&text))
    }

    fn put(&self) -> Value<'_> {
        self.to_string().into()
    }
}

/// Minutes; -1 is without end, no number the partition's limit.
impl Cell for TimeLimit {
    fn get(from: &mut Cursor) -> Result<Self> {
        from.understood(|minutes: Option<i64>| match minutes {
            None => Some(TimeLimit::Partition),
            Some(-1) => Some(TimeLimit::Unlimited),
            Some(minutes) => u32::try_from(minutes).ok().map(TimeLimit::Minutes),
        })
    }

    fn put(&self) -> Value<'_> {
        match self {
            TimeLimit::Partition => Value::Owned(Owned::Null),
            TimeLimit::Unlimited => (-1).into(),
            TimeLimit::Minutes(minutes) => (*minutes).into(),
        }
    }
}

/// The number of the array with one task, or with those that wait.
impl Columns for Option<ArrayPlace> {
    fn names(to: &mut Vec<&'static str>) {
        to.extend(["array_job", "array_task", "array_tasks"]);
    }

    fn read(from: &mut Cursor) -> Result<Self> {
        let (job, task): (Option<JobId>, Option<u32>) = (Cell::get(from)?, Cell::get(from)?);
        let waiting: Option<String> = Cell::get(from)?;
        let tasks = task.map_or_else(|| Tasks::Waiting(waiting.unwrap_or_default()), Tasks::One);
        Ok(job.map(|job| ArrayPlace { job, tasks }))
    }

    fn write<'a>(&'a self, to: &mut Vec<Value<'a>>) {
        let nothing = || Value::Owned(Owned::Null);
        to.extend(match self {
            None => [nothing(), nothing(), nothing()],
            Some(ArrayPlace { job, tasks: Tasks::One(task) }) => [job.put(), task.put(), nothing()],
            Some(ArrayPlace { job, tasks: Tasks::Waiting(tasks) }) => [job.put(), nothing(), tasks.put()],
        });
    }
}

impl Columns for Option<HetPlace> {
    fn names(to: &mut Vec<&'static str>) {
        to.extend(["het_job", "het_offset"]);
    }

    fn read(from: &mut Cursor) -> Result<Self> {
        let (job, offset): (Option<JobId>, Option<u32>) = (Cell::get(from)?, Cell::get(from)?);
        Ok(job.zip(offset).map(|(job, offset)| HetPlace { job, offset }))
    }

    fn write<'a>(&'a self, to: &mut Vec<Value<'a>>) {
        let nothing = || Value::Owned(Owned::Null);
        to.extend(self.as_ref().map_or([nothing(), nothing()], |het| [het.job.put(), het.offset.put()]));
    }
}
