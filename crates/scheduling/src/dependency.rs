//! [`Dependencies`]: jobs that must have started or ended before another one starts (sbatch(1), `--dependency`).

use crate::id::JobId;
use crate::job::{JobPhase, LiveJob};
use serde::{Deserialize, Serialize};
use slurm::records::JobState;

/// What a job waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependencies {
    /// Conditions that are not met yet. None at all: it waits for nothing.
    pub unmet: Vec<Dependency>,
    /// `?` between them: one is enough. Else all must be met.
    pub any: bool,
    /// `singleton`: no job of the same user and name runs, and none with a lower number waits.
    pub singleton: bool,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What must be.
    pub kind: DependencyKind,
    /// Of which job.
    pub job: JobId,
    /// `JOB_INDEX`: of one task of an array; `None` is of the job, or of all tasks.
    #[serde(default)]
    pub task: Option<u32>,
    /// A task of the array has ended otherwise than well.
    #[serde(default)]
    pub badly: bool,
    /// It can never be any more; what that job does later does not help.
    pub failed: bool,
}

/// What must be of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DependencyKind {
    /// `after`: it started, or was cancelled.
    After,
    /// `afterany`: it ended.
    AfterAny,
    /// `afterok`: it ended with exit code 0.
    AfterOk,
    /// `afternotok`: it ended otherwise.
    AfterNotOk,
}

impl Dependencies {
    /// Whether nothing more is to be waited for, other jobs of the same name aside.
    pub fn are_met(&self) -> bool {
        self.unmet.is_empty()
    }

    /// Whether the job can never start.
    pub fn have_failed(&self) -> bool {
        let mut failed = self.unmet.iter().map(|one| one.failed);
        if self.any { !self.unmet.is_empty() && failed.all(|failed| failed) } else { failed.any(|failed| failed) }
    }

    /// Looks at what became of a job; `is_last` says whether all other tasks of its array are over.
    pub fn consider(&mut self, job: &LiveJob, is_last: bool) {
        let mut has_met = false;
        self.unmet.retain_mut(|one| {
            let said = if one.is_about(job) && !one.failed { one.said_by(job, is_last) } else { None };
            one.failed |= said == Some(false);
            has_met |= said == Some(true);
            said != Some(true)
        });
        if has_met && self.any {
            self.unmet.clear();
        }
    }
}

impl Dependency {
    /// A condition that is open.
    pub fn new(kind: DependencyKind, job: JobId) -> Self {
        Self { kind, job, task: None, badly: false, failed: false }
    }

    fn is_about(&self, job: &LiveJob) -> bool {
        let of = job.array.as_ref();
        let is_task = self.task.is_none_or(|task| of.is_some_and(|part| part.has(task)));
        is_task && (of.is_some_and(|part| part.of == self.job) || job.id == self.job)
    }

    /// What a job says of it; of an array nothing is settled before its last task is over, but that one went wrong.
    fn said_by(&mut self, job: &LiveJob, is_last: bool) -> Option<bool> {
        let said = self.kind.is_met_by(job)?;
        // The number of a task's own record is that task's.
        let is_whole = job.array.as_ref().is_some_and(|part| part.of == self.job);
        if self.task.is_some() || !is_whole {
            return Some(said);
        }
        match self.kind {
            DependencyKind::AfterOk if !said => Some(false),
            DependencyKind::AfterNotOk => {
                self.badly |= said;
                is_last.then_some(self.badly)
            }
            _ => is_last.then_some(said),
        }
    }
}

impl DependencyKind {
    /// Whether a job that nobody knows any more is as good as one that ended.
    pub fn takes_unknown(self) -> bool {
        matches!(self, DependencyKind::After | DependencyKind::AfterAny)
    }

    /// Whether a job meets it; `None` while that is open. A job has ended when its nodes are done with it.
    fn is_met_by(self, job: &LiveJob) -> Option<bool> {
        let is_over = matches!(job.phase, JobPhase::Over(..));
        let is_well = job.state() == JobState::Completed;
        match self {
            DependencyKind::After => (job.phase != JobPhase::Pending).then_some(true),
            DependencyKind::AfterAny => is_over.then_some(true),
            DependencyKind::AfterOk => is_over.then_some(is_well),
            DependencyKind::AfterNotOk => is_over.then_some(!is_well),
        }
    }
}
