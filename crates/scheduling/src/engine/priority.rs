//! A job's priority in a partition (priority_multifactor.shtml).

use super::{Core, Present};
use crate::config::PartitionLine;
use crate::id::JobId;
use crate::job::LiveJob;

impl Core {
    pub(super) fn priority(&self, _present: Present, job: &LiveJob, _line: &PartitionLine) -> u32 {
        job.priority.unwrap_or(1)
    }

    /// The priority with which a job stands in the queue: the highest of its partitions.
    pub(super) fn queued_priority(&self, id: JobId) -> Option<u32> {
        self.queue.places(id).iter().map(|(rank, _)| rank.priority.0).max()
    }
}
