//! Which jobs and steps are shown, by the rules of slurmdbd.

use super::options::{Clusters, Options, nodes};
use slurm::model::tres::CPU;
use slurm::model::{JobId, QosId, TresId};
use slurm::records::{Job, JobState, Scan, Step};
use std::collections::BTreeSet;
use words::people::Uid;

/// What is looked for, with names turned into what records have.
#[derive(Debug)]
pub struct Query<'a> {
    /// The command line.
    pub options: &'a Options,
    /// The service's own cluster.
    pub cluster: &'a str,
    /// `--qos`
    pub qos: Vec<QosId>,
    /// Users by number and name; of all when `None`.
    pub users: Option<Vec<(Uid, String)>>,
    /// Heterogeneous jobs of which a component is named, for `--whole-hetjob`.
    pub hets: BTreeSet<JobId>,
}

fn named(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn within(amount: u64, range: Option<(u64, Option<u64>)>) -> bool {
    range.is_none_or(|(min, max)| min == 0 || max.map_or(amount == min, |max| (min..=max).contains(&amount)))
}

impl Query<'_> {
    /// The rows among which they are.
    pub fn scan(&self) -> Scan {
        let (start, end) = self.options.window();
        let clusters = match &self.options.clusters {
            Clusters::Own => vec![self.cluster.to_owned()],
            Clusters::All => Vec::new(),
            Clusters::Named(names) => names.clone(),
        };
        let numbers = self.options.selected.numbers().union(&self.hets).copied().collect();
        // A job may have been eligible only after the window, but never before it was submitted.
        let submitted_before = Some(end.saturating_add(1));
        Scan {
            clusters,
            ended_from: Some(start),
            submitted_before,
            numbers,
            users: self.users.clone().unwrap_or_default(),
        }
    }

    /// Whether the job is shown.
    pub fn takes(&self, job: &Job) -> bool {
        self.is_selected(job)
            && self.is_of_users(job)
            && self.is_listed(job)
            && self.is_sized(job)
            && self.is_in_window(job)
            && (self.options.duplicates || job.state != JobState::Revoked)
            && self.is_on_nodes(&job.nodes)
    }

    fn is_selected(&self, job: &Job) -> bool {
        let (selected, whole) = (&self.options.selected, self.options.whole_het);
        selected.is_empty() || selected.finds(job, whole, &self.hets)
    }

    fn is_of_users(&self, job: &Job) -> bool {
        self.users.as_ref().is_none_or(|users| users.iter().any(|user| Scan::is_of(job, user)))
            && (self.options.groups.is_empty() || job.gid.is_some_and(|gid| self.options.groups.contains(&gid)))
    }

    fn is_listed(&self, job: &Job) -> bool {
        let options = self.options;
        named(&options.accounts, &job.account)
            && (options.associations.is_empty() || job.association.is_some_and(|id| options.associations.contains(&id)))
            && options.constraints.iter().all(|one| job.constraints.to_lowercase().contains(one.as_str()))
            && options.flags.is_none_or(|flags| if flags.0 == 0 { job.flags.0 == 0 } else { job.flags.has(flags) })
            && named(&options.names, &job.name)
            && named(&options.partitions, &job.partition)
            && named(&options.reasons, &job.reason)
            && named(&options.wckeys, &job.wckey)
            && (self.qos.is_empty() || job.qos.is_some_and(|id| self.qos.contains(&id)))
    }

    fn is_sized(&self, job: &Job) -> bool {
        let limit = match (job.limit, self.options.limit) {
            (_, (None, _)) => return self.has_size(job),
            (slurm::records::TimeLimit::Minutes(minutes), _) => u64::from(minutes),
            (slurm::records::TimeLimit::Unlimited, _) => u64::from(u32::MAX),
            (slurm::records::TimeLimit::Partition, _) => u64::from(u32::MAX) - 1,
        };
        within(limit, self.options.limit.0.map(|min| (min, self.options.limit.1))) && self.has_size(job)
    }

    fn has_size(&self, job: &Job) -> bool {
        let amount = |id: TresId| job.tres_allocated.get(id).unwrap_or(0);
        within(amount(CPU), self.options.cpus) && within(job.node_count.into(), self.options.nodes)
    }

    /// The states and times together decide.
    fn is_in_window(&self, job: &Job) -> bool {
        let (start, end) = self.options.window();
        if !self.options.states.is_empty() {
            return self.options.states.iter().any(|state| in_state(job, *state, start, end));
        }
        let not_over = job.end.is_none_or(|over| over >= start);
        if self.options.selected.is_empty() {
            job.eligible.is_some_and(|eligible| eligible < end) && not_over
        } else {
            job.submit < end && not_over
        }
    }

    fn is_on_nodes(&self, list: &str) -> bool {
        let Some(asked) = &self.options.node_list else { return true };
        nodes(list).iter().any(|node| asked.contains(node))
    }

    /// Whether the step is shown, when its job is.
    pub fn takes_step(&self, step: &Step) -> bool {
        let (start, end) = self.options.window();
        step.start.unwrap_or(0) <= end && step.end.is_none_or(|over| over >= start) && self.is_on_nodes(&step.nodes)
    }

    /// Whether no step is looked at.
    pub fn without_steps(&self) -> bool {
        self.options.no_steps || self.options.states == [JobState::Pending]
    }
}

/// Whether the job was in the state in that time (sacct(1), "--state").
fn in_state(job: &Job, state: JobState, from: i64, to: i64) -> bool {
    match state {
        JobState::Pending => {
            let waited = match (job.start, job.end) {
                (Some(start), _) => from < start,
                (None, Some(end)) => from < end,
                (None, None) => job.state == JobState::Pending,
            };
            waited && job.eligible.is_some_and(|eligible| to > eligible)
        }
        JobState::Running => {
            let runs = job.end.map_or(job.state == JobState::Running, |end| from < end);
            runs && job.start.is_some_and(|start| to > start)
        }
        // When it was suspended is not known, only for how long.
        JobState::Suspended => {
            let suspended = job.suspended > 0 || job.state == JobState::Suspended;
            suspended && job.start.is_some_and(|start| start <= to) && job.end.is_none_or(|end| end >= from)
        }
        ended => job.state == ended && job.end.is_some_and(|end| (from..=to).contains(&end)),
    }
}
