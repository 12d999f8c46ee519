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

    /// Looks at what became of a job.
    pub fn consider(&mut self, job: &LiveJob) {
        let mut has_met = false;
        self.unmet.retain_mut(|one| {
            let said = if one.job == job.id && !one.failed { one.kind.is_met_by(job) } else { None };
            one.failed |= said == Some(false);
            has_met |= said == Some(true);
            said != Some(true)
        });
        if has_met && self.any {
            self.unmet.clear();
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
