//! [`Dependencies`]: jobs that must have started or ended before another one starts (sbatch(1), `--dependency`).

use crate::id::{JobId, Time};
use crate::job::{ArrayPart, InArray, JobPhase, LiveJob};
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
    /// `after:JOB+MINUTES`: so many minutes more.
    #[serde(default)]
    pub minutes: u32,
    /// When those minutes are over, once that is known.
    #[serde(default)]
    pub ripe: Option<Time>,
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
    /// `aftercorr`: of each task, that the task of the same number ended with exit code 0; where there is none, and of what
    /// is no array, as `afterok`.
    AfterCorr,
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

    /// Looks at what became of a job; `is_last` says whether all other tasks of its array are over, `own` which part of an
    /// array waits.
    pub fn consider(&mut self, job: &LiveJob, is_last: bool, own: Option<&InArray>) {
        let mut has_met = false;
        self.unmet.retain_mut(|one| {
            let is_open = one.is_about(job) && !one.failed && one.ripe.is_none();
            let said = if is_open { one.said_by(job, is_last, own) } else { None };
            one.failed |= said == Some(false);
            if said == Some(true) && one.minutes > 0 {
                one.ripe = settled(job).map(|at| at.saturating_add(i64::from(one.minutes) * 60));
                return true;
            }
            has_met |= said == Some(true);
            said != Some(true)
        });
        if has_met && self.any {
            self.unmet.clear();
        }
    }

    /// When the next of those is met that only time is missing for.
    pub fn next_ripe(&self) -> Option<Time> {
        self.unmet.iter().filter_map(|one| one.ripe).min()
    }

    /// Time went by.
    pub fn ripen(&mut self, now: Time) {
        let before = self.unmet.len();
        self.unmet.retain(|one| one.ripe.is_none_or(|at| at > now));
        if self.any && self.unmet.len() < before {
            self.unmet.clear();
        }
    }

    /// Which of these tasks wait for the task of their own number in this job.
    pub fn counterparts(&self, own: &InArray, job: &LiveJob) -> Vec<u32> {
        let waits = |one: &Dependency| one.kind == DependencyKind::AfterCorr && one.task.is_none() && one.is_about(job);
        match (&own.part, &job.array) {
            (ArrayPart::Waiting(tasks), Some(of)) if self.unmet.iter().any(waits) => {
                tasks.iter().filter(|index| of.has(*index)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Since when a job has been started, or was cancelled before it could.
fn settled(job: &LiveJob) -> Option<Time> {
    job.allocation().map(|own| own.start).or_else(|| job.ending().map(|ending| ending.at))
}

impl Dependency {
    /// A condition that is open.
    pub fn new(kind: DependencyKind, job: JobId) -> Self {
        Self { kind, job, task: None, minutes: 0, ripe: None, badly: false, failed: false }
    }

    /// The task of an array that a task waits for.
    pub fn counterpart(&self, own: Option<&InArray>, of: &LiveJob) -> Option<u32> {
        match own.map(|own| &own.part) {
            Some(ArrayPart::Task(index)) if self.kind == DependencyKind::AfterCorr => {
                let all = of.submission.array.as_ref()?;
                all.tasks.contains(*index).then_some(*index)
            }
            _ => None,
        }
    }

    fn is_about(&self, job: &LiveJob) -> bool {
        let of = job.array.as_ref();
        let is_task = self.task.is_none_or(|task| of.is_some_and(|part| part.has(task)));
        is_task && (of.is_some_and(|part| part.of == self.job) || job.id == self.job)
    }

    /// What a job says of it; of an array nothing is settled before its last task is over, but that one went wrong.
    fn said_by(&mut self, job: &LiveJob, is_last: bool, own: Option<&InArray>) -> Option<bool> {
        let said = self.kind.is_met_by(job)?;
        // The number of a task's own record is that task's.
        let is_whole = job.array.as_ref().is_some_and(|part| part.of == self.job);
        if self.task.is_some() || !is_whole {
            return Some(said);
        }
        let has_counterpart = |index| job.submission.array.as_ref().is_some_and(|all| all.tasks.contains(index));
        match (self.kind, own.map(|own| &own.part)) {
            (DependencyKind::AfterCorr, Some(ArrayPart::Task(index))) if has_counterpart(*index) => {
                job.array.as_ref().is_some_and(|part| part.has(*index)).then_some(said)
            }
            (DependencyKind::AfterCorr, Some(own)) => {
                self.badly |= !said;
                // Those that have one get records of their own first.
                let is_settled = match own {
                    ArrayPart::Waiting(tasks) => !tasks.iter().any(has_counterpart),
                    ArrayPart::Task(_) => true,
                };
                (is_last && is_settled).then_some(!self.badly)
            }
            (DependencyKind::AfterOk | DependencyKind::AfterCorr, _) if !said => Some(false),
            (DependencyKind::AfterNotOk, _) => {
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
            DependencyKind::AfterOk | DependencyKind::AfterCorr => is_over.then_some(is_well),
            DependencyKind::AfterNotOk => is_over.then_some(!is_well),
        }
    }
}
