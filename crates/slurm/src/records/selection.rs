//! [`Selected`]: one part of `--jobs`: `123`, `123.batch`, `123_4`, `12+1`.

use crate::model::JobId;
use crate::records::{Job, Step, StepId, Tasks};
use std::collections::{BTreeMap, BTreeSet};

/// One part of `--jobs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The number of a job, of an array, or of a heterogeneous job.
    pub job: JobId,
    /// Only this task of the array.
    pub task: Option<u32>,
    /// Only this component.
    pub offset: Option<u32>,
    /// Only this step.
    pub step: Option<StepId>,
}

/// As C's `atoi`: the digits at the beginning.
fn leading(text: &str) -> u32 {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().unwrap_or(0)
}

impl Selected {
    /// Reads one part; the error is Slurm's.
    pub fn parse(text: &str) -> Result<Self, String> {
        let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        if !starts_with_digit(text) {
            return Err(format!("Bad job/step specified: {text}"));
        }
        let (job, step) = text.split_once('.').map_or((text, None), |(job, step)| (job, Some(step)));
        let step = match step.map(|text| (text, text.parse::<StepId>())) {
            None => None,
            Some((_, Ok(step))) => Some(step),
            Some((number, Err(_))) if starts_with_digit(number) => Some(StepId::Number(leading(number))),
            Some(_) => return Err(format!("Bad step specified: {job}")),
        };
        let (mut task, mut offset) = (None, None);
        if let Some((array, part)) = job.split_once('_') {
            task = Some(part).filter(|part| starts_with_digit(part)).map(leading);
            task.ok_or_else(|| format!("Bad job array element specified: {array}"))?;
        } else if let Some((het, part)) = job.split_once('+') {
            offset = Some(part).filter(|part| starts_with_digit(part)).map(leading);
            offset.ok_or_else(|| format!("Bad hetjob offset specified: {het}"))?;
        }
        Ok(Self { job: JobId(leading(job)), task, offset, step })
    }

    /// Whether the job is looked up by this part. `whole` is `--whole-hetjob`, `hets` the heterogeneous jobs of which
    /// some component was named.
    pub fn finds(&self, job: &Job, whole: Option<bool>, hets: &BTreeSet<JobId>) -> bool {
        let array = job.array.as_ref();
        let het = job.het.map(|het| het.job);
        if let Some(task) = self.task {
            return array.is_some_and(|array| array.job == self.job && array.tasks == Tasks::One(task));
        }
        if let Some(offset) = self.offset {
            let same = het == Some(self.job);
            return same && (whole == Some(true) || job.het.is_some_and(|het| het.offset == offset));
        }
        let by_het = match whole {
            Some(true) => het.is_some_and(|het| hets.contains(&het)),
            Some(false) => false,
            None => het == Some(self.job),
        };
        job.job_id == self.job || by_het || array.is_some_and(|array| array.job == self.job)
    }

    /// Whether it is about the job when its steps are chosen.
    fn is_about(&self, job: &Job) -> bool {
        let numbers = [Some(job.job_id), job.het.map(|het| het.job), job.array.as_ref().map(|array| array.job)];
        let task = match job.array.as_ref().map(|array| &array.tasks) {
            Some(Tasks::One(task)) => Some(*task),
            _ => None,
        };
        numbers.contains(&Some(self.job))
            && (self.task.is_none() || self.task == task)
            && (self.offset.is_none() || self.offset == job.het.map(|het| het.offset))
    }
}

/// All parts of `--jobs`, in their order. There may be tens of thousands, and each job is only compared with those that
/// have one of its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    all: Vec<Selected>,
    /// Places in `all` by the number of the job.
    by_job: BTreeMap<JobId, Vec<usize>>,
}

impl Selection {
    /// Adds a part.
    pub fn push(&mut self, one: Selected) {
        self.by_job.entry(one.job).or_default().push(self.all.len());
        self.all.push(one);
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The numbers that were asked for.
    pub fn numbers(&self) -> BTreeSet<JobId> {
        self.by_job.keys().copied().collect()
    }

    /// The parts that name a number of this job, in their order.
    fn near(&self, job: &Job) -> impl Iterator<Item = &Selected> {
        let numbers = [Some(job.job_id), job.het.map(|het| het.job), job.array.as_ref().map(|array| array.job)];
        let numbers: BTreeSet<JobId> = numbers.into_iter().flatten().collect();
        let mut places: Vec<_> = numbers.iter().filter_map(|number| self.by_job.get(number)).flatten().collect();
        places.sort_unstable();
        places.into_iter().filter_map(|at| self.all.get(*at))
    }

    /// Whether some part finds the job; see [`Selected::finds`].
    pub fn finds(&self, job: &Job, whole: Option<bool>, hets: &BTreeSet<JobId>) -> bool {
        let found = self.near(job).any(|one| one.finds(job, whole, hets));
        // A component of which another was named need not have a number that was.
        let is_of_het = || whole == Some(true) && job.het.is_some_and(|het| hets.contains(&het.job));
        found || is_of_het() && self.all.iter().any(|one| one.task.is_none() && one.offset.is_none())
    }
}

/// Of a job: whether it is itself shown, and which of its steps (all when empty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Show the job's own line.
    pub job: bool,
    steps: Vec<StepId>,
}

impl Parts {
    /// What `--jobs` asks of this job.
    pub fn of(job: &Job, selection: &Selection) -> Self {
        let mut parts = Self { job: true, steps: Vec::new() };
        for one in selection.near(job).filter(|one| one.is_about(job)) {
            match one.step {
                None => {
                    parts.job = true;
                    break;
                }
                Some(step) => {
                    parts.job = false;
                    parts.steps.push(step);
                }
            }
        }
        parts
    }

    /// Whether the step is shown.
    pub fn takes(&self, step: &Step) -> bool {
        self.steps.is_empty() || self.steps.contains(&step.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_jobs() {
        let parsed = Selected::parse("12+1.0+1").unwrap();
        assert_eq!((parsed.job, parsed.offset, parsed.step), (JobId(12), Some(1), Some(StepId::Number(0))));
        assert_eq!(Selected::parse("7_3.batch").unwrap().task, Some(3));
        for (text, complaint) in [
            ("x", "Bad job/step specified: x"),
            ("1_x", "Bad job array element specified: 1"),
            ("1.x", "Bad step specified: 1"),
            ("1+x", "Bad hetjob offset specified: 1"),
        ] {
            assert_eq!(Selected::parse(text).unwrap_err(), complaint);
        }
        assert_eq!(Selected::parse("99999999999").unwrap().job, JobId(0), "no job has such a number");
    }
}
