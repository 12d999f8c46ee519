//! `scontrol update JobId=`: what of a job that waits may be changed. It passes the checks of a submission again.

use super::{Core, Present};
use crate::demand::Demand;
use crate::dependency::Dependencies;
use crate::event::{Denial, JobChange};
use crate::id::JobId;
use crate::job::{LiveJob, Submission};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Core {
    /// Changes something that only a job which waits can be changed in; texts and whether it is requeued change always.
    pub(super) fn change_submission(
        &mut self,
        present: Present,
        job: &LiveJob,
        change: JobChange,
    ) -> Result<(), Denial> {
        if let JobChange::Throttle(limit) = change {
            return self.set_throttle(present, job, limit);
        }
        let is_free = matches!(
            change,
            JobChange::Comment(_) | JobChange::AdminComment(_) | JobChange::Requeue(_) | JobChange::Wckey(_)
        );
        if !is_free {
            self.pending(job)?;
        }
        let is_new_list = matches!(change, JobChange::Dependencies(_));
        let mut submission = (*job.submission).clone();
        // What it waited for and was met stays met.
        submission.dependencies = job.dependencies.clone();
        edit(&mut submission, change);
        if is_free {
            self.put(present, LiveJob { submission: Arc::new(submission), ..job.clone() });
            self.version += 1;
            return Ok(());
        }
        if is_new_list {
            self.check_dependencies(&mut submission, job.array.as_ref())?;
        }
        let own = [Some(job.id), job.array.as_ref().map(|part| part.of)];
        if submission.dependencies.unmet.iter().any(|one| own.contains(&Some(one.job))) {
            return Err(Denial::DependencyProblem);
        }
        if is_new_list && self.is_waited_for(&own, &submission.dependencies) {
            return Err(Denial::CircularDependency);
        }
        let drafted = self.draft(present, job.id, submission)?;
        let waits_longer = drafted.begin.is_some_and(|at| at > present.now) || !drafted.dependencies.are_met();
        let changed = LiveJob {
            association: drafted.association,
            account: drafted.account,
            qos: drafted.qos,
            begin: drafted.begin,
            dependencies: drafted.dependencies,
            submission: drafted.submission,
            eligible: job.eligible.filter(|_| !waits_longer),
            ..job.clone()
        };
        let config = self.config.clone();
        self.check_demand(&self.lines(&config, &changed), &changed)?;
        self.check_again(present, job, &changed)?;
        if self.latest_start(&changed).is_some_and(|latest| latest < present.now) {
            return Err(Denial::InvalidTime);
        }
        self.version += 1;
        self.put(present, changed);
        if is_new_list {
            self.correlate_all(present, job.id);
        }
        Ok(())
    }
}

impl Core {
    /// Whether somebody whom these conditions are about waits for one of these jobs, by however many steps.
    fn is_waited_for(&self, jobs: &[Option<JobId>], conditions: &Dependencies) -> bool {
        let mut open: Vec<JobId> = conditions.unmet.iter().map(|one| one.job).collect();
        let mut seen = BTreeSet::new();
        while let Some(number) = open.pop() {
            if jobs.contains(&Some(number)) {
                return true;
            }
            if seen.insert(number) {
                for record in self.records_of(number) {
                    open.extend(record.dependencies.unmet.iter().map(|one| one.job));
                    open.extend(self.waits_for_namesakes(record));
                }
            }
        }
        false
    }

    /// How many tasks of a job's array may run is said for all of them.
    fn set_throttle(&mut self, present: Present, job: &LiveJob, limit: Option<u32>) -> Result<(), Denial> {
        let of = job.array.as_ref().map(|part| part.of).ok_or(Denial::InvalidArray)?;
        for id in self.array_records(of).collect::<Vec<_>>() {
            let Some(mut record) = self.live.jobs.get(&id).cloned() else { continue };
            if let Some(array) = &mut Arc::make_mut(&mut record.submission).array {
                array.limit = limit;
            }
            self.put(present, record);
        }
        self.version += 1;
        Ok(())
    }
}

/// The submission as it would have been with the change.
fn edit(submission: &mut Submission, change: JobChange) {
    let demand = |submission: &mut Submission, edit: &dyn Fn(&mut Demand)| {
        edit(Arc::make_mut(&mut submission.demand));
    };
    match change {
        JobChange::Name(name) => submission.name = name,
        JobChange::Comment(text) => submission.details.comment = text,
        JobChange::AdminComment(text) => submission.details.admin_comment = text,
        JobChange::WorkDir(path) => submission.details.work_dir = path,
        JobChange::Partitions(names) => submission.partitions = names,
        JobChange::Account(name) => submission.account = Some(name),
        JobChange::Qos(name) => submission.qos = Some(name),
        JobChange::Begin(at) => submission.begin = Some(at),
        JobChange::Deadline(at) => submission.deadline = at,
        JobChange::Dependencies(dependencies) => submission.dependencies = dependencies,
        JobChange::Requeue(requeue) => submission.requeue = requeue,
        JobChange::Wckey(name) => submission.wckey = name,
        JobChange::Nodes(least, most) => demand(submission, &|it| (it.min_nodes, it.max_nodes) = (least, most)),
        JobChange::Tasks(tasks) => demand(submission, &|it| it.tasks = tasks),
        JobChange::CpusPerTask(cpus) => demand(submission, &|it| it.cpus_per_task = cpus),
        JobChange::Memory(memory) => demand(submission, &|it| it.memory = memory),
        JobChange::Features(features) => demand(submission, &|it| it.features = features.clone()),
        JobChange::Gres(gres) => demand(submission, &|it| it.gres = gres.clone()),
        JobChange::Licenses(licenses) => demand(submission, &|it| it.licenses = licenses.clone()),
        JobChange::Required(nodes) => demand(submission, &|it| it.required = nodes.clone()),
        JobChange::Excluded(nodes) => demand(submission, &|it| it.excluded = nodes.clone()),
        // Those have rules of their own.
        JobChange::Minutes(_) | JobChange::Priority(_) | JobChange::Nice(_) | JobChange::Throttle(_) => {}
    }
}
