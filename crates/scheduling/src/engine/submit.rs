//! Submission: whether a job is taken, and its number.

use super::{Core, Present};
use crate::array::ArraySpec;
use crate::config::PartitionLine;
use crate::event::Denial;
use crate::id::{Attempt, JobId, QosId, Uid};
use crate::job::{ArrayPart, InArray, JobPhase, LiveJob, Submission, Submitter};
use crate::pool::NodeIndex;
use crate::selection::{Fit, choose};
use slurm::State;
use slurm::admission::{Job, admit, association};
use slurm::model::AdminLevel;
use slurm::tree::effective;
use std::sync::Arc;

impl Core {
    pub(super) fn submit(&mut self, present: Present, mut submission: Submission) -> Result<JobId, Denial> {
        self.check_room(&submission)?;
        // Accounts have names in lower case.
        submission.account = submission.account.map(|account| account.to_lowercase());
        let greatest = submission.array.as_ref().map(|array| array.tasks.last());
        if greatest.is_some_and(|last| last.is_none_or(|last| last >= self.config.bounds.max_array)) {
            return Err(Denial::InvalidArray);
        }
        let part = |array: &ArraySpec| InArray { of: JobId(0), part: ArrayPart::Waiting(array.tasks.clone()) };
        let own = submission.array.as_ref().map(part);
        self.check_dependencies(&mut submission, own.as_ref())?;
        if submission.nice < 0 && !is_operator(present.accounts, &submission.user) {
            return Err(Denial::InvalidNice);
        }
        let id = self.free_number();
        let job = self.draft(present, id, submission)?;
        let config = self.config.clone();
        let lines = self.lines(&config, &job);
        self.check_demand(&lines, &job)?;
        self.check_admission(present, &lines, &job)?;
        if self.latest_start(&job).is_some_and(|latest| latest < present.now) {
            return Err(Denial::InvalidTime);
        }
        self.live.last_job = id.0;
        self.put(present, job);
        self.correlate_all(present, id);
        Ok(id)
    }

    /// Whether so many jobs more may be known, and have numbers.
    fn check_room(&self, submission: &Submission) -> Result<(), Denial> {
        let ids = self.config.settings.job_ids;
        let most = u64::from(self.config.bounds.max_jobs).min(u64::from(ids.last.saturating_sub(ids.first)));
        let tasks = submission.array.as_ref().map_or(1, |array| u64::from(array.tasks.count()));
        if self.known_jobs.saturating_add(tasks) > most { Err(Denial::MaxJobCount) } else { Ok(()) }
    }

    /// The number after the last one that no job has; after the greatest comes the least.
    pub(super) fn free_number(&self) -> JobId {
        let ids = self.config.settings.job_ids;
        let after = |last: u32| if last < ids.first || last >= ids.last { ids.first } else { last + 1 };
        let mut next = after(self.live.last_job);
        while self.live.jobs.get(&JobId(next)).is_some() || self.arrays.contains_key(&JobId(next)) {
            next = after(next);
        }
        JobId(next)
    }

    /// The job as it would be.
    pub(super) fn draft(&self, present: Present, id: JobId, mut submission: Submission) -> Result<LiveJob, Denial> {
        self.add_wckey(present.accounts, &mut submission);
        let lines = self.named_lines(&submission)?;
        let qos = match &submission.qos {
            Some(name) => Some(present.accounts.qos_named(name).ok_or(Denial::InvalidQos)?.id),
            None => None,
        };
        let asked = Job {
            account: submission.account.as_deref(),
            ..Job::new(&self.config.cluster, &submission.user.name, &lines[0].rules)
        };
        let association = association(present.accounts, &asked);
        let row = association.and_then(|id| present.accounts.association(id));
        let account = row.map(|row| row.key.account.as_str()).or(submission.account.as_deref()).unwrap_or_default();
        Ok(LiveJob {
            id,
            association,
            account: account.into(),
            qos: qos.or_else(|| default_qos(present.accounts, association)),
            submit: present.now,
            eligible: None,
            begin: submission.begin,
            dependencies: submission.dependencies.clone(),
            hold: submission.hold,
            priority: None,
            array: submission
                .array
                .as_ref()
                .map(|spec| InArray { of: id, part: ArrayPart::Waiting(spec.tasks.clone()) }),
            attempt: Attempt::default(),
            phase: JobPhase::Pending,
            submission: Arc::new(submission),
        })
    }

    /// The user's default wckey where none is named, marked as such (slurm.conf(5), `TrackWCKey`).
    fn add_wckey(&self, accounts: &State, submission: &mut Submission) {
        if !self.config.settings.track_wckey || submission.wckey.is_some() {
            return;
        }
        let own = accounts.wckeys_of(&submission.user.name);
        let mut default =
            own.filter(|row| row.is_default && row.cluster == self.config.cluster && !row.name.is_empty());
        submission.wckey = default.next().map(|row| format!("*{}", row.name));
    }

    /// The partitions that it names; all of them must be there.
    fn named_lines(&self, submission: &Submission) -> Result<Vec<&PartitionLine>, Denial> {
        if submission.partitions.is_empty() {
            return Ok(vec![self.config.partition("").ok_or(Denial::NoPartition)?]);
        }
        let lines = submission.partitions.iter().map(|name| self.config.partition(name).filter(|_| !name.is_empty()));
        lines.collect::<Option<_>>().ok_or(Denial::InvalidPartition)
    }

    /// Whether one of its partitions could ever hold it, were all nodes empty and up.
    pub(super) fn check_demand(&self, lines: &[&PartitionLine], job: &LiveJob) -> Result<(), Denial> {
        let demand = &job.submission.demand;
        if !demand.is_sound() {
            return Err(Denial::InvalidCounts);
        }
        let nodes = || self.config.nodes.iter();
        let stock = |name: &str| nodes().flat_map(|node| &node.hardware.gres).any(|stock| stock.name == name);
        if !demand.has_clear_gres() || !demand.gres.iter().all(|gres| stock(&gres.name)) {
            return Err(Denial::InvalidGres);
        }
        if !nodes().any(|node| demand.features.are_in(&node.features)) {
            return Err(Denial::InvalidFeature);
        }
        let has = |(name, count): &(String, u32)| self.config.licenses.get(name).is_some_and(|all| all >= count);
        if !demand.licenses.iter().all(has) {
            return Err(Denial::InvalidLicense);
        }
        let mut named = demand.required.iter().chain(&demand.excluded);
        if !named.all(|name| self.pools.place(name).is_some())
            || demand.required.iter().any(|name| demand.excluded.contains(name))
        {
            return Err(Denial::InvalidNode);
        }
        let is_in = |line: &&&PartitionLine| demand.required.iter().all(|name| line.nodes.contains(name));
        let mut lines = lines.iter().filter(is_in);
        let could = lines.any(|line| self.could_hold(line, job));
        if could { Ok(()) } else { Err(Denial::NodeConfiguration) }
    }

    fn could_hold(&self, line: &PartitionLine, job: &LiveJob) -> bool {
        let fit = Fit::new(&self.config, line, job.submission.demand.clone());
        let members = self.members.get(line.rules.name.as_str()).map(|nodes| &**nodes).unwrap_or_default();
        let capacity = |index: &NodeIndex| fit.capacity(self.pools.node(*index), self.pools.node(*index).whole());
        let demand = &fit.demand;
        let is_simple = demand.min_nodes == 1 && demand.required.is_empty();
        if is_simple && members.iter().any(|index| capacity(index) >= demand.task_count()) {
            return true;
        }
        let held = members.iter().map(|index| (*index, capacity(index)));
        choose(&self.pools, &fit, held.filter(|(_, tasks)| *tasks > 0).collect()).is_some()
    }

    /// One of its partitions must take it.
    pub(super) fn check_admission(
        &mut self,
        present: Present,
        lines: &[&PartitionLine],
        job: &LiveJob,
    ) -> Result<(), Denial> {
        let enforce = self.config.settings.enforce;
        let enforce = slurm::settings::Enforce { partitions: self.config.settings.enforce_partitions, ..enforce };
        self.tally.set_time(present.now);
        let mut refusals = Vec::new();
        for line in lines {
            let asked = self.asked(present.accounts, job, line);
            match admit(present.accounts, enforce, self.tally.counts(), &asked).submit {
                Ok(()) => return Ok(()),
                Err(reason) => refusals.push(reason),
            }
        }
        refusals.first().map_or(Ok(()), |reason| Err(Denial::Refused(*reason)))
    }
}

/// Whether operators' rights come with who submits.
fn is_operator(accounts: &State, user: &Submitter) -> bool {
    user.uid == Uid::ROOT || accounts.user(&user.name).is_some_and(|row| row.admin_level >= AdminLevel::Operator)
}

/// The QOS of a job that names none.
fn default_qos(accounts: &State, association: Option<crate::id::AssociationId>) -> Option<QosId> {
    let row = association.and_then(|id| accounts.association(id));
    let own = row.and_then(|row| effective(accounts, row).default_qos);
    own.or_else(|| accounts.qos_named("normal").map(|qos| qos.id))
}
