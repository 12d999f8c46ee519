//! Who waits for other jobs is looked at when these change; nobody is sought.

use super::{Core, Present};
use crate::dependency::{Dependencies, Dependency, DependencyKind};
use crate::event::Denial;
use crate::id::{JobId, Uid};
use crate::job::{ArrayPart, InArray, JobPhase, LiveJob, Submission};
use std::collections::BTreeSet;

/// What jobs of one user and name have in common.
pub(super) type NameKey = (Uid, String);

/// Who comes first of jobs that are of one name: an array's tasks stand where the array does, whatever their own numbers.
type Seniority = (JobId, JobId);

/// Jobs of one user and name that are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Namesakes {
    all: BTreeSet<Seniority>,
    /// Those that have nodes.
    started: BTreeSet<Seniority>,
    /// Those that wait for the others.
    singletons: BTreeSet<Seniority>,
}

fn name_key(job: &LiveJob) -> NameKey {
    (job.submission.user.uid, job.submission.name.clone())
}

fn seniority(job: &LiveJob) -> Seniority {
    (job.array.as_ref().map_or(job.id, |part| part.of), job.id)
}

impl Namesakes {
    fn put(&mut self, job: &LiveJob) {
        let (own, is_pending) = (seniority(job), job.phase == JobPhase::Pending);
        self.all.insert(own);
        set(&mut self.started, own, !is_pending);
        set(&mut self.singletons, own, is_pending && job.dependencies.singleton);
    }

    fn remove(&mut self, job: &LiveJob) {
        for jobs in [&mut self.all, &mut self.started, &mut self.singletons] {
            jobs.remove(&seniority(job));
        }
    }

    /// Whether a job that waits is the first of them, and none of them has nodes.
    fn lets_start(&self, job: &LiveJob) -> bool {
        let own = seniority(job);
        self.started.iter().all(|other| *other == own) && self.all.first().is_none_or(|first| *first >= own)
    }

    /// Those to which a change of another matters: the first that waits, and the one that was the first before.
    fn concerned(&self) -> impl Iterator<Item = JobId> + '_ {
        self.singletons.iter().take(2).map(|(_, id)| *id)
    }
}

/// Puts something in, or takes it out.
pub(super) fn set<T: Ord>(all: &mut BTreeSet<T>, one: T, is_in: bool) {
    if is_in {
        all.insert(one);
    } else {
        all.remove(&one);
    }
}

impl Core {
    /// Makes a job one that others of its name, and those that it waits for, know of.
    pub(super) fn introduce(&mut self, job: &LiveJob) {
        self.introduce_part(job);
        if matches!(job.phase, JobPhase::Over(..)) {
            return self.leave_namesakes(job);
        }
        self.namesakes.entry(name_key(job)).or_default().put(job);
        for one in &job.dependencies.unmet {
            self.dependents.entry(one.job).or_default().insert(job.id);
        }
    }

    /// A job with another name is one of others now.
    pub(super) fn rename(&mut self, old: &LiveJob, new: &LiveJob) {
        if old.submission.name != new.submission.name {
            self.leave_namesakes(old);
        }
    }

    /// Who waits for jobs of a name looks again when one comes to it or leaves it.
    pub(super) fn wake_renamed(&mut self, present: Present, old: &LiveJob, new: &LiveJob) {
        if old.submission.name == new.submission.name {
            return;
        }
        for job in [old, new] {
            let of_name = self.namesakes.get(&name_key(job)).into_iter();
            let concerned: Vec<JobId> = of_name.flat_map(Namesakes::concerned).filter(|id| *id != new.id).collect();
            concerned.into_iter().for_each(|id| self.look_again(present, id));
        }
    }

    /// Puts a job that waits into the queue, or takes it out, if that is not as it should be.
    fn look_again(&mut self, present: Present, id: JobId) {
        let waiting = self.live.jobs.get(&id).filter(|job| job.phase == JobPhase::Pending);
        let is_wrong = |job: &&LiveJob| self.is_ready(job, present.now) != self.queue.contains(id);
        if let Some(job) = waiting.filter(is_wrong).cloned() {
            self.put(present, job);
        }
    }

    fn leave_namesakes(&mut self, job: &LiveJob) {
        let key = name_key(job);
        let is_last = self.namesakes.get_mut(&key).is_some_and(|of_name| {
            of_name.remove(job);
            of_name.all.is_empty()
        });
        if is_last {
            self.namesakes.remove(&key);
        }
    }

    /// Whether no other job keeps this one from starting.
    pub(super) fn has_leave(&self, job: &LiveJob) -> bool {
        job.dependencies.are_met() && (!job.dependencies.singleton || self.is_alone(job))
    }

    fn is_alone(&self, job: &LiveJob) -> bool {
        self.namesakes.get(&name_key(job)).is_none_or(|of_name| of_name.lets_start(job))
    }

    /// Older jobs of its name that a singleton waits for.
    pub(super) fn waits_for_namesakes(&self, job: &LiveJob) -> Vec<JobId> {
        let of_name = self.namesakes.get(&name_key(job)).filter(|_| job.dependencies.singleton);
        let own = seniority(job);
        of_name.into_iter().flat_map(|it| it.all.range(..own)).map(|(of, _)| *of).collect()
    }

    /// A job has changed its phase: those that wait for it are looked at.
    pub(super) fn wake(&mut self, present: Present, job: &LiveJob) {
        let of_name = self.namesakes.get(&name_key(job)).into_iter();
        let mut waiting: BTreeSet<JobId> = of_name.flat_map(Namesakes::concerned).collect();
        let numbers = [Some(job.id), job.array.as_ref().map(|part| part.of)];
        for number in numbers.into_iter().flatten() {
            waiting.extend(self.dependents.get(&number).into_iter().flatten());
        }
        waiting.remove(&job.id);
        if matches!(job.phase, JobPhase::Over(..)) {
            self.forget_dependents(job);
        }
        for id in waiting {
            self.correlate(present, id, job);
            let Some(mut other) = self.live.jobs.get(&id).filter(|it| it.phase == JobPhase::Pending).cloned() else {
                continue;
            };
            other.dependencies.consider(job, self.is_last_of(job), other.array.clone().as_ref());
            let is_news = self.live.jobs.get(&id) != Some(&other);
            if is_news || self.is_ready(&other, present.now) != self.queue.contains(id) {
                self.put(present, other);
            }
        }
    }

    /// Tasks of a waiting array whose counterparts in a job are over go on with records of their own.
    fn correlate(&mut self, present: Present, waiting: JobId, job: &LiveJob) {
        if !matches!(job.phase, JobPhase::Over(..)) {
            return;
        }
        let of = |core: &Self| core.live.jobs.get(&waiting).filter(|it| it.phase == JobPhase::Pending).cloned();
        let Some(indices) = of(self).and_then(|it| Some(it.dependencies.counterparts(it.array.as_ref()?, job))) else {
            return;
        };
        for index in indices {
            let Some(rest) = of(self) else { return };
            let mut task = self.split(present, &rest, index);
            task.dependencies.consider(job, self.is_last_of(job), task.array.clone().as_ref());
            self.put(present, task);
        }
    }

    /// The same with all that a new array waits for.
    pub(super) fn correlate_all(&mut self, present: Present, waiting: JobId) {
        let Some(job) = self.live.jobs.get(&waiting).filter(|job| job.array.is_some()) else { return };
        let numbers: BTreeSet<JobId> = job.dependencies.unmet.iter().map(|one| one.job).collect();
        let over: Vec<LiveJob> = numbers.into_iter().flat_map(|number| self.records_of(number)).cloned().collect();
        for job in &over {
            self.correlate(present, waiting, job);
        }
        self.give_up(present, waiting, &over);
        let Some(mut rest) = self.live.jobs.get(&waiting).cloned() else { return };
        let before = rest.dependencies.clone();
        let own = rest.array.clone();
        self.consider_all(&mut rest.dependencies, own.as_ref());
        if rest.dependencies != before {
            self.put(present, rest);
        }
    }

    /// Tasks whose counterparts nobody knows any more can never start; `known` are the records of what the array waits for.
    fn give_up(&mut self, present: Present, waiting: JobId, known: &[LiveJob]) {
        for of in known.iter().filter_map(|job| Some((job.array.as_ref()?.of, &job.submission.array.as_ref()?.tasks))) {
            let is_known = |index| {
                known.iter().any(|job| job.array.as_ref().is_some_and(|part| part.of == of.0 && part.has(index)))
            };
            let Some(rest) = self.live.jobs.get(&waiting) else { return };
            let corr =
                |one: &Dependency| one.kind == DependencyKind::AfterCorr && one.task.is_none() && one.job == of.0;
            let tasks = match rest.array.as_ref().map(|part| &part.part) {
                Some(ArrayPart::Waiting(tasks)) if rest.dependencies.unmet.iter().any(corr) => tasks,
                _ => return,
            };
            let lost: Vec<u32> = tasks.iter().filter(|index| of.1.contains(*index) && !is_known(*index)).collect();
            for index in lost {
                let Some(rest) = self.live.jobs.get(&waiting).cloned() else { return };
                let mut task = self.split(present, &rest, index);
                task.dependencies.unmet.iter_mut().filter(|one| corr(one)).for_each(|one| one.failed = true);
                self.put(present, task);
            }
        }
    }

    /// Whether no other part of its array is left.
    fn is_last_of(&self, job: &LiveJob) -> bool {
        job.array.as_ref().is_none_or(|part| self.is_array_over(part.of))
    }

    /// Nobody waits any more for a job that is over, nor for its array once all of it is.
    fn forget_dependents(&mut self, job: &LiveJob) {
        let array = job.array.as_ref().map(|part| part.of);
        if array != Some(job.id) {
            self.dependents.remove(&job.id);
        }
        if let Some(array) = array.filter(|_| self.is_last_of(job)) {
            self.dependents.remove(&array);
        }
    }

    /// The records that a number stands for: those of an array, or the job.
    pub(super) fn records_of(&self, number: JobId) -> Vec<&LiveJob> {
        let of_array: Vec<JobId> = self.array_records(number).collect();
        let ids = if of_array.is_empty() { vec![number] } else { of_array };
        ids.iter().filter_map(|id| self.live.jobs.get(id)).collect()
    }

    /// Looks at the conditions of a submission: jobs that nobody knows, and those that are met already.
    pub(super) fn check_dependencies(&self, submission: &mut Submission, own: Option<&InArray>) -> Result<(), Denial> {
        let dependencies = &mut submission.dependencies;
        let (known, unknown): (Vec<_>, Vec<_>) =
            dependencies.unmet.iter().cloned().partition(|one| self.knows(one, own));
        if unknown.iter().any(|one| !one.kind.takes_unknown()) {
            return Err(Denial::DependencyProblem);
        }
        dependencies.unmet = if dependencies.any && !unknown.is_empty() { Vec::new() } else { known };
        self.consider_all(dependencies, own);
        Ok(())
    }

    /// What a job still waited for when it was over: of jobs that nobody knows any more it is too late to hope for anything.
    pub(super) fn consider_again(&self, dependencies: &mut Dependencies, own: Option<&InArray>) {
        for one in dependencies.unmet.iter_mut().filter(|one| one.ripe.is_none()) {
            one.failed |= !self.knows(one, own);
        }
        self.consider_all(dependencies, own);
    }

    fn consider_all(&self, dependencies: &mut Dependencies, own: Option<&InArray>) {
        let numbers: BTreeSet<JobId> = dependencies.unmet.iter().map(|one| one.job).collect();
        for job in numbers.into_iter().flat_map(|number| self.records_of(number)) {
            dependencies.consider(job, self.is_last_of(job), own);
        }
    }

    /// Whether there is a job, or a task, that a condition is about.
    fn knows(&self, one: &Dependency, own: Option<&InArray>) -> bool {
        let task = |job: &LiveJob| one.task.or_else(|| one.counterpart(own, job));
        let has = |job: &&LiveJob| task(job).is_none_or(|task| job.array.as_ref().is_some_and(|part| part.has(task)));
        self.records_of(one.job).iter().any(has)
    }
}
