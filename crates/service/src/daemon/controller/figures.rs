//! [`SchedulerFigures`]: what `sdiag` tells of the scheduler.

use commands::sdiag::Figures;
use scheduling::id::JobId;
use scheduling::job::LiveJob;
use scheduling::live::LiveTables;
use slurm::records::JobState;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts since the start, or since `sdiag --reset`.
#[derive(Debug)]
pub struct SchedulerFigures(Mutex<Figures>);

impl Default for SchedulerFigures {
    fn default() -> Self {
        Self(Mutex::new(Figures { since: super::now(), ..Figures::default() }))
    }
}

impl SchedulerFigures {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, now.
    pub fn told(&self) -> Figures {
        self.lock().clone()
    }

    /// Counts anew, but for what counts since the start.
    pub fn clear(&self) {
        let mut figures = self.lock();
        let planned_starts = figures.planned_starts;
        *figures = Figures { since: super::now(), planned_starts, ..Figures::default() };
    }

    /// A quick pass is over.
    pub(super) fn passed(&self, begun: Instant, queue: usize) {
        self.lock().passes.add(super::now(), begun.elapsed(), queue as u64);
    }

    /// A plan was made; so many jobs have started by it.
    pub(super) fn planned(&self, took: Duration, queue: usize, started: u64) {
        let mut figures = self.lock();
        figures.plans.add(super::now(), took, queue as u64);
        figures.planned_starts += started;
        figures.new_planned_starts += started;
    }

    /// What became of jobs with a batch; `before` are the tables as they were kept before it.
    pub(super) fn kept<'j>(&self, before: &LiveTables, changes: impl Iterator<Item = (JobId, Option<&'j LiveJob>)>) {
        let mut figures = self.lock();
        for (id, job) in changes {
            let Some(job) = job else { continue };
            let (old, new) = (before.jobs.get(&id).map(LiveJob::state), job.state());
            let jobs = &mut figures.jobs;
            // A task that gets a record of its own was submitted with its array.
            let is_task = job.array.as_ref().is_some_and(|part| part.of != id);
            jobs.submitted += u64::from(old.is_none() && !is_task);
            if old == Some(new) || old.is_none() && new == JobState::Pending {
                continue;
            }
            match new {
                JobState::Pending | JobState::Suspended => {}
                JobState::Running => jobs.started += 1,
                JobState::Completed => jobs.completed += 1,
                JobState::Cancelled => jobs.cancelled += 1,
                _ => jobs.failed += 1,
            }
        }
    }
}
