//! Who waits for other jobs is looked at when these change; nobody is sought.

use super::{Core, Present};
use crate::event::Denial;
use crate::id::{JobId, Uid};
use crate::job::{JobPhase, LiveJob, Submission};
use std::collections::BTreeSet;

/// Jobs that are of the same user and name.
pub(super) type Namesake = (Uid, String);

fn namesake(job: &LiveJob) -> Namesake {
    (job.submission.user.uid, job.submission.name.clone())
}

impl Core {
    /// Makes a job one that others of its name, and those that it waits for, know of.
    pub(super) fn introduce(&mut self, job: &LiveJob) {
        if matches!(job.phase, JobPhase::Over(..)) {
            let is_last = self.namesakes.get_mut(&namesake(job)).is_some_and(|ids| {
                ids.remove(&job.id);
                ids.is_empty()
            });
            if is_last {
                self.namesakes.remove(&namesake(job));
            }
            return;
        }
        self.namesakes.entry(namesake(job)).or_default().insert(job.id);
        for one in &job.dependencies.unmet {
            self.dependents.entry(one.job).or_default().insert(job.id);
        }
    }

    /// Whether no other job keeps this one from starting.
    pub(super) fn has_leave(&self, job: &LiveJob) -> bool {
        job.dependencies.are_met() && (!job.dependencies.singleton || self.is_alone(job))
    }

    fn is_alone(&self, job: &LiveJob) -> bool {
        let others = self.namesakes.get(&namesake(job)).into_iter().flatten().filter(|id| **id != job.id);
        let is_before = |other: &LiveJob| other.id < job.id || other.phase != JobPhase::Pending;
        !others.filter_map(|id| self.live.jobs.get(id)).any(is_before)
    }

    /// A job has changed its phase: those that wait for it are looked at.
    pub(super) fn wake(&mut self, present: Present, job: &LiveJob) {
        let namesakes = self.namesakes.get(&namesake(job)).into_iter().flatten();
        let singletons = namesakes.filter(|id| self.live.jobs.get(id).is_some_and(|it| it.dependencies.singleton));
        let mut waiting: BTreeSet<JobId> = singletons.copied().collect();
        waiting.extend(self.dependents.get(&job.id).into_iter().flatten());
        waiting.remove(&job.id);
        if matches!(job.phase, JobPhase::Over(..)) {
            self.dependents.remove(&job.id);
        }
        for id in waiting {
            let Some(mut other) = self.live.jobs.get(&id).filter(|it| it.phase == JobPhase::Pending).cloned() else {
                continue;
            };
            other.dependencies.consider(job);
            let is_news = self.live.jobs.get(&id) != Some(&other);
            if is_news || self.is_ready(&other, present.now) != self.queue.contains(id) {
                self.put(present, other);
            }
        }
    }

    /// Looks at the conditions of a submission: jobs that nobody knows, and those that are met already.
    pub(super) fn check_dependencies(&self, submission: &mut Submission) -> Result<(), Denial> {
        for one in submission.dependencies.unmet.clone() {
            match self.live.jobs.get(&one.job) {
                Some(job) => submission.dependencies.consider(job),
                None if !one.kind.takes_unknown() => return Err(Denial::DependencyProblem),
                None if submission.dependencies.any => submission.dependencies.unmet.clear(),
                None => submission.dependencies.unmet.retain(|other| other.job != one.job),
            }
        }
        Ok(())
    }
}
