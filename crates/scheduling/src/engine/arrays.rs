//! Arrays: one record for all tasks that wait; a task gets a record of its own when it starts or is changed alone. The last
//! one keeps the array's number.

use super::{Core, Present};
use crate::array::TaskSet;
use crate::event::{Denial, JobCommand, Requester};
use crate::id::JobId;
use crate::job::{ArrayPart, InArray, JobPhase, LiveJob};
use crate::reason::PendingReason;
use std::collections::BTreeSet;

/// The records of an array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ArrayRecords {
    /// All that are known.
    known: BTreeSet<JobId>,
    /// Those that are not over.
    live: BTreeSet<JobId>,
    /// Those that have nodes.
    started: BTreeSet<JobId>,
}

impl ArrayRecords {
    fn put(&mut self, job: &LiveJob) {
        self.known.insert(job.id);
        let is_over = matches!(job.phase, JobPhase::Over(..));
        super::waking::set(&mut self.live, job.id, !is_over);
        super::waking::set(&mut self.started, job.id, !is_over && job.phase != JobPhase::Pending);
    }
}

impl Core {
    /// Makes a job known as a part of its array.
    pub(super) fn introduce_part(&mut self, job: &LiveJob) {
        if let Some(part) = &job.array {
            self.arrays.entry(part.of).or_default().put(job);
        }
    }

    /// Forgets a part of an array.
    pub(super) fn forget_part(&mut self, job: &LiveJob) {
        let Some(part) = &job.array else { return };
        let is_last = self.arrays.get_mut(&part.of).is_some_and(|records| {
            records.known.remove(&job.id);
            records.known.is_empty()
        });
        if is_last {
            self.arrays.remove(&part.of);
        }
    }

    /// The records of an array's tasks that are known, by its number; none for what is no array.
    pub fn array_records(&self, array: JobId) -> impl Iterator<Item = JobId> + '_ {
        self.arrays.get(&array).into_iter().flat_map(|records| records.known.iter().copied())
    }

    /// Whether all tasks of an array are over.
    pub(super) fn is_array_over(&self, array: JobId) -> bool {
        self.arrays.get(&array).is_none_or(|records| records.live.is_empty())
    }

    /// Whether one more task of the job's array may run (sbatch(1), `--array` with `%`).
    pub(super) fn may_start_task(&self, job: &LiveJob) -> Result<(), PendingReason> {
        let Some((part, limit)) = job.array.as_ref().zip(job.array_limit()) else { return Ok(()) };
        let running = self.arrays.get(&part.of).map_or(0, |records| records.started.len());
        if running < limit as usize { Ok(()) } else { Err(PendingReason::ArrayTaskLimit) }
    }

    /// The record of what starts next of a job: of an array the first task that waits.
    pub(super) fn next_task(&mut self, present: Present, job: &LiveJob) -> LiveJob {
        match waiting(job).and_then(TaskSet::first) {
            Some(index) => self.split(present, job, index),
            None => job.clone(),
        }
    }

    /// Gives a task that waits with others a record of its own.
    fn split(&mut self, present: Present, job: &LiveJob, index: u32) -> LiveJob {
        let Some((part, tasks)) = job.array.as_ref().zip(waiting(job)) else { return job.clone() };
        let (of, rest) = (part.of, tasks.without(index));
        let alone = Some(InArray { of, part: ArrayPart::Task(index) });
        if rest.is_empty() {
            let task = LiveJob { array: alone, ..job.clone() };
            self.put(present, task.clone());
            return task;
        }
        self.put(present, LiveJob { array: Some(InArray { of, part: ArrayPart::Waiting(rest) }), ..job.clone() });
        let id = self.free_number();
        self.live.last_job = id.0;
        self.put(present, LiveJob { id, array: alone, ..job.clone() });
        // As it was put: it may have become ready by that.
        self.live.jobs.get(&id).cloned().unwrap_or_else(|| job.clone())
    }

    /// The record of one task, which it gets if it waits with others.
    fn task(&mut self, present: Present, array: JobId, index: u32) -> Option<JobId> {
        let records: Vec<JobId> = self.array_records(array).collect();
        let has = |job: &&LiveJob| job.array.as_ref().is_some_and(|part| part.has(index));
        let job = records.iter().filter_map(|id| self.live.jobs.get(id)).find(has)?.clone();
        let is_waiting = waiting(&job).is_some() && job.phase == JobPhase::Pending;
        Some(if is_waiting { self.split(present, &job, index).id } else { job.id })
    }

    /// Does something to some tasks of an array. The error is the first; the others are done.
    pub(super) fn control_tasks(
        &mut self,
        present: Present,
        who: &Requester,
        array: JobId,
        tasks: &TaskSet,
        command: &JobCommand,
    ) -> Result<(), Denial> {
        let owner = self.array_records(array).next().and_then(|id| self.live.jobs.get(&id));
        let owner = owner.ok_or(Denial::InvalidJob)?.clone();
        self.may_control(who, &owner)?;
        let mut done = Ok(());
        for index in tasks.iter() {
            let answer = match self.task(present, array, index) {
                Some(id) => self.control(present, who, id, command.clone()),
                None => Err(Denial::InvalidJob),
            };
            done = done.and(answer);
        }
        done
    }
}

/// The tasks that wait with one record.
fn waiting(job: &LiveJob) -> Option<&TaskSet> {
    match job.array.as_ref().map(|part| &part.part) {
        Some(ArrayPart::Waiting(tasks)) => Some(tasks),
        Some(ArrayPart::Task(_)) | None => None,
    }
}
