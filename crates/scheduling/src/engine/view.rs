//! What people may ask of the core without changing anything.

use super::Core;
use crate::config::PartitionLine;
use crate::demand::MemoryDemand;
use crate::id::{JobId, NodeName, NodeSession, Time};
use crate::job::{GresShare, JobPhase, LiveJob};
use crate::node::{NodeHealth, NodeState};
use crate::queue::QueuePlace;
use crate::reason::PendingReason;
use crate::tally::Tally;
use crate::units::Units;
use slurm::State;
use slurm::admission::{Amounts, Counts, Needs};
use slurm::model::tres::MEM;

/// How much of a node jobs have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeUse {
    /// CPUs.
    pub cpus: u32,
    /// Memory in megabytes.
    pub memory: u64,
    /// Devices: all that are taken of each kind.
    pub gres: Vec<GresShare>,
    /// Jobs that have something there, in the order of their numbers.
    pub jobs: Vec<JobId>,
}

impl Core {
    /// A job that is known.
    pub fn job(&self, id: JobId) -> Option<&LiveJob> {
        self.live.jobs.get(&id)
    }

    /// Why a job waits; `None` for one that does not.
    pub fn reason(&self, id: JobId) -> Option<PendingReason> {
        let job = self.job(id)?;
        match &job.phase {
            JobPhase::Pending => {}
            JobPhase::Completing(_) if job.is_live() => return Some(PendingReason::Cleaning),
            _ => return None,
        }
        if let Some(hold) = job.hold {
            return Some(PendingReason::Held(hold));
        }
        if job.dependencies.have_failed() {
            return Some(PendingReason::DependencyNeverSatisfied);
        }
        if !self.has_leave(job) {
            return Some(PendingReason::Dependency);
        }
        if job.begin.is_some() && !self.queue.contains(id) {
            return Some(PendingReason::BeginTime);
        }
        let first = self.queue.places(id).first();
        Some(first.map_or(PendingReason::PartitionConfig, |place| self.reason_at(place)))
    }

    /// Why a job waits in one partition, as the last pass found it.
    fn reason_at(&self, (rank, lane): &QueuePlace) -> PendingReason {
        let Some(lane) = self.queue.lane(*lane) else { return PendingReason::None };
        if let Some((_, reason)) = lane.blocked {
            return reason;
        }
        match self.blocked.get(&lane.key.partition) {
            Some(blocked) if blocked == rank => PendingReason::Resources,
            Some(blocked) if blocked < rank => PendingReason::Priority,
            _ => PendingReason::None,
        }
    }

    /// The session in which a node has registered since the start; `None` while it has not.
    pub fn registered(&self, node: &NodeName) -> Option<NodeSession> {
        self.registered.get(node).copied()
    }

    /// A node's state; flags such as `DRAIN` are in its standing.
    pub fn node_state(&self, node: &NodeName) -> Option<NodeState> {
        let pool = self.pools.get(node)?;
        Some(match self.live.nodes.get(node).map(|standing| &standing.health) {
            None | Some(NodeHealth::Unknown) => NodeState::Unknown,
            Some(NodeHealth::Down(..)) => NodeState::Down,
            Some(NodeHealth::Up) => pool.use_state(),
        })
    }

    /// What jobs have at a time, as admission counts it.
    pub fn counts(&self, now: Time) -> Counts {
        let mut tally = self.tally.clone();
        tally.set_time(now);
        tally.counts().clone()
    }

    /// What jobs have, as admission counts it.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Jobs that could start, and the lanes in which they stand.
    pub fn queue_lengths(&self) -> (usize, usize) {
        (self.queue.len(), self.queue.lane_count())
    }

    /// The priority of a job that could start: the highest of its partitions.
    pub fn priority_of(&self, id: JobId) -> Option<u32> {
        self.queued_priority(id)
    }

    /// The partitions that a job may run in, as far as they are there.
    pub fn partitions_of(&self, job: &LiveJob) -> Vec<&PartitionLine> {
        self.lines(&self.config, job)
    }

    /// A job's time limit in minutes; while it waits, in the first of its partitions. `None` is without end.
    pub fn minutes_of(&self, job: &LiveJob) -> Option<u32> {
        match job.allocation() {
            Some(allocation) => allocation.minutes,
            None => self.partitions_of(job).first().and_then(|line| line.minutes(job.submission.minutes)),
        }
    }

    /// The memory that a job asks for, with what its partition says if it says nothing itself.
    pub fn memory_of(&self, job: &LiveJob) -> MemoryDemand {
        let default = self.partitions_of(job).first().map_or(MemoryDemand::Unsaid, |line| line.default_memory);
        job.submission.demand.memory.or(default)
    }

    /// What a job has, by TRES; while it waits, what it asks for.
    pub fn tres_of(&self, accounts: &State, job: &LiveJob) -> Amounts {
        if let Some(allocation) = job.allocation() {
            return self.allocated(accounts, job, allocation);
        }
        self.tres_asked(accounts, job)
    }

    /// What a job asks for, by TRES.
    pub fn tres_asked(&self, accounts: &State, job: &LiveJob) -> Amounts {
        let demand = &job.submission.demand;
        let lines = self.partitions_of(job);
        let mut amounts = demand.amounts(accounts, self.memory_of(job));
        let all = || self.whole_memory(&lines).saturating_mul(u64::from(demand.min_nodes));
        amounts.entry(MEM).or_insert_with(all);
        let Some(line) = lines.first() else { return amounts };
        Needs::derived(accounts, &amounts, &line.rules, &self.config.settings.priority.flags).known().clone()
    }

    /// The memory of the smallest node of a partition.
    fn whole_memory(&self, lines: &[&PartitionLine]) -> u64 {
        let nodes = lines.first().into_iter().flat_map(|line| &line.nodes).filter_map(|name| self.pools.get(name));
        nodes.map(|node| node.hardware.memory).min().unwrap_or(0)
    }

    /// How much of a node jobs have.
    pub fn node_use(&self, node: &NodeName) -> Option<NodeUse> {
        let pool = self.pools.get(node)?;
        let mut used = NodeUse { jobs: pool.jobs.iter().copied().collect(), ..NodeUse::default() };
        for stock in &pool.hardware.gres {
            let kind = stock.kind.clone();
            used.gres.push(GresShare { name: stock.name.clone(), kind, devices: Units::default() });
        }
        let jobs = pool.jobs.iter().filter_map(|id| self.job(*id));
        let shares = jobs.flat_map(|job| job.held().map(move |share| (job, share)));
        for (job, share) in shares.filter(|(_, share)| share.node == *node) {
            used.cpus += if job.is_suspended() { 0 } else { share.cpus.count() };
            used.memory += share.memory;
            for taken in &share.gres {
                let is_it = |own: &&mut GresShare| own.name == taken.name && own.kind == taken.kind;
                if let Some(own) = used.gres.iter_mut().find(is_it) {
                    own.devices.add(&taken.devices);
                }
            }
        }
        Some(used)
    }

    /// The nodes that the last plan keeps for a job that waits.
    pub fn expected_nodes(&self, id: JobId) -> Vec<NodeName> {
        let kept = self.expected.get(&id).filter(|_| self.queue.contains(id));
        kept.into_iter().flat_map(|kept| &kept.nodes).map(|placed| self.pools.node(placed.0).name.clone()).collect()
    }
}
