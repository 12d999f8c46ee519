//! What people may ask of the core without changing anything.

use super::Core;
use crate::id::JobId;
use crate::id::NodeName;
use crate::job::{JobPhase, LiveJob};
use crate::node::{NodeHealth, NodeState};
use crate::queue::QueuePlace;
use crate::reason::PendingReason;
use crate::tally::Tally;

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

    /// A node's state; flags such as `DRAIN` are in its standing.
    pub fn node_state(&self, node: &NodeName) -> Option<NodeState> {
        let pool = self.pools.get(node)?;
        Some(match self.live.nodes.get(node).map(|standing| &standing.health) {
            None | Some(NodeHealth::Unknown) => NodeState::Unknown,
            Some(NodeHealth::Down(..)) => NodeState::Down,
            Some(NodeHealth::Up) => pool.use_state(),
        })
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
}
