//! Arrays: one record for all tasks that wait; a task gets a record of its own when it starts or is changed alone. The last
//! one keeps the array's number.

use super::{Core, Present};
use crate::array::TaskSet;
use crate::event::{Denial, JobCommand, Requester};
use crate::id::JobId;
use crate::job::{ArrayPart, InArray, JobPhase, LiveJob};
use crate::reason::PendingReason;
use std::collections::{BTreeMap, BTreeSet};

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
    pub(super) fn split(&mut self, present: Present, job: &LiveJob, index: u32) -> LiveJob {
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

    /// The record of one task, which it gets if it shares one. Tasks that wait get no signals, and those that are over stay
    /// together unless they run again.
    fn task(&mut self, present: Present, id: JobId, index: u32, command: &JobCommand) -> Result<JobId, Denial> {
        let job = self.live.jobs.get(&id).ok_or(Denial::InvalidJob)?.clone();
        if waiting(&job).is_none() {
            return Ok(id);
        }
        let is_over = matches!(job.phase, JobPhase::Over(..));
        match command {
            JobCommand::Signal(..) if !is_over => Err(Denial::IsPending),
            JobCommand::Requeue { .. } if !is_over => Err(Denial::IsPending),
            JobCommand::Requeue { .. } => Ok(self.split(present, &job, index).id),
            _ if is_over => Ok(id),
            _ => Ok(self.split(present, &job, index).id),
        }
    }

    /// Which record has which of these tasks now.
    fn records_with(&self, array: JobId, tasks: &TaskSet) -> BTreeMap<u32, JobId> {
        let mut found = BTreeMap::new();
        for job in self.array_records(array).filter_map(|id| self.live.jobs.get(&id)) {
            match job.array.as_ref().map(|part| &part.part) {
                Some(ArrayPart::Task(index)) if tasks.contains(*index) => _ = found.insert(*index, job.id),
                Some(ArrayPart::Waiting(own)) => {
                    found.extend(own.iter().filter(|index| tasks.contains(*index)).map(|index| (index, job.id)));
                }
                _ => {}
            }
        }
        found
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
        let found = self.records_with(array, tasks);
        let mut done = if (found.len() as u64) < u64::from(tasks.count()) { Err(Denial::InvalidJob) } else { Ok(()) };
        for (index, id) in found {
            let task = self.task(present, id, index, command);
            let answer = task.and_then(|id| self.control(present, who, id, command.clone()));
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
