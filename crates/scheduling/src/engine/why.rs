//! What a job waits for, at length: for whoever asks why and when.

use super::{Core, Present};
use crate::dependency::Dependency;
use crate::id::{JobId, NodeName, Time};
use crate::job::{JobPhase, LiveJob};
use crate::queue::Rank;
use crate::reason::PendingReason;
use slurm::admission::{Check, Stage, trace};
use std::collections::BTreeSet;

/// So many jobs are named of those that are before another, or that end first.
const NAMED: usize = 5;

/// What a job waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// In one word.
    pub reason: PendingReason,
    /// Conditions on other jobs that are not met.
    pub dependencies: Vec<Dependency>,
    /// Limits that stand in the way.
    pub limits: Vec<Check>,
    /// How many jobs are before it where it waits.
    pub ahead: usize,
    /// The first of them, in their order.
    pub first_ahead: Vec<JobId>,
    /// Jobs on nodes that it might get, those that must end first; with the time at which they must.
    pub next_ends: Vec<(JobId, Time)>,
    /// Nodes of its partitions that take no work.
    pub unusable: Vec<NodeName>,
    /// When it starts at the latest, as the last plan knew.
    pub starts_by: Option<Time>,
}

impl Core {
    /// What a job waits for; `None` for one that does not wait, or is not known.
    pub fn wait(&self, present: Present, id: JobId) -> Option<Wait> {
        let (job, reason) = (self.job(id)?, self.reason(id)?);
        let ahead = self.ahead_of(job);
        Some(Wait {
            reason,
            dependencies: job.dependencies.unmet.clone(),
            limits: self.limits_before(present, job),
            ahead: ahead.len(),
            first_ahead: ahead.into_iter().take(NAMED).map(|rank| rank.job).collect(),
            next_ends: self.next_ends(job),
            unusable: self.unusable(job),
            starts_by: self.expected_start(id),
        })
    }

    /// Jobs that are before a job in the partitions in which it waits, each once.
    fn ahead_of(&self, job: &LiveJob) -> BTreeSet<Rank> {
        let places = self.queue.places(job.id);
        let own = |(rank, lane)| self.queue.lane(lane).map(|it| (it.key.partition.clone(), rank));
        let own: Vec<_> = places.iter().copied().filter_map(own).collect();
        let before = |(partition, rank)| self.queue.before(partition, rank);
        let all = own.iter().flat_map(|(partition, rank)| before((partition, *rank)));
        let mut seen = BTreeSet::new();
        all.filter(|rank| rank.job != job.id && seen.insert(rank.job)).collect()
    }

    fn limits_before(&self, present: Present, job: &LiveJob) -> Vec<Check> {
        let Some(line) = self.lines(&self.config, job).first().copied() else { return Vec::new() };
        let asked = self.asked(present.accounts, job, line);
        let said = trace(present.accounts, self.config.settings.enforce, self.tally.counts(), &asked);
        let stands = |(stage, check): &(Stage, Check)| *stage != Stage::Submit && check.reason.is_some();
        said.checks.into_iter().filter(stands).map(|(_, check)| check).collect()
    }

    fn next_ends(&self, job: &LiveJob) -> Vec<(JobId, Time)> {
        let nodes = self.members_of(job);
        let on_them = nodes.iter().flat_map(|index| self.pools.node(*index).jobs.iter()).collect::<BTreeSet<_>>();
        let end = |id: &&JobId| match &self.live.jobs.get(id)?.phase {
            JobPhase::Running(run) => Some((**id, run.allocation.due()?)),
            _ => None,
        };
        let mut ends: Vec<(JobId, Time)> = on_them.iter().filter_map(end).collect();
        ends.sort_unstable_by_key(|(id, at)| (*at, *id));
        ends.truncate(NAMED);
        ends
    }

    fn unusable(&self, job: &LiveJob) -> Vec<NodeName> {
        let nodes = self.members_of(job);
        let nodes = nodes.into_iter().map(|index| self.pools.node(index));
        nodes.filter(|node| !node.takes_work).map(|node| node.name.clone()).collect()
    }

    /// The nodes of all partitions of a job.
    fn members_of(&self, job: &LiveJob) -> BTreeSet<crate::pool::NodeIndex> {
        let lines = self.lines(&self.config, job).into_iter();
        let members = lines.filter_map(|line| self.members.get(line.rules.name.as_str()));
        members.flat_map(|nodes| nodes.iter().copied()).collect()
    }
}
