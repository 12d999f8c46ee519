//! [`LiveTables`]: what must be durable, as rows that remember what changed since the last commit.

use crate::id::{JobId, NodeName};
use crate::job::LiveJob;
use crate::node::NodeStanding;
use slurm::records::{Job as Record, Step};
use slurm::table::{Journal, Table};

/// Jobs that live or ended a short while ago, and the standing of nodes. A copy is cheap, so that readers have their own.
#[derive(Clone, Debug, Default)]
pub struct LiveTables {
    /// By number.
    pub jobs: Table<JobId, LiveJob>,
    /// By name.
    pub nodes: Table<NodeName, NodeStanding>,
    /// The number that was given last; 0 before the first.
    pub last_job: u32,
    committed_last_job: u32,
}

/// One row to write.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveRow<'a> {
    /// A job as it is now; `None` when it is forgotten.
    Job(JobId, Option<&'a LiveJob>),
    /// A node's standing.
    Node(&'a NodeName, &'a NodeStanding),
    /// The number that was given last.
    LastJob(u32),
    /// What the accounting keeps of a run; it replaces an earlier one of the same job and submission.
    Record(Box<Record>),
    /// … of a step, with the key of the record that it belongs to.
    Step(Box<(Record, Step)>),
}

impl LiveTables {
    /// As a store has them.
    pub fn loaded(
        jobs: impl IntoIterator<Item = LiveJob>,
        nodes: impl IntoIterator<Item = (NodeName, NodeStanding)>,
        last_job: u32,
    ) -> Self {
        let jobs = Table::loaded(jobs.into_iter().map(|job| (job.id, job)));
        Self { jobs, nodes: Table::loaded(nodes), last_job, committed_last_job: last_job }
    }

    /// The rows that changed.
    pub(crate) fn changes(&self) -> impl Iterator<Item = LiveRow<'_>> {
        let jobs = self.jobs.changes().map(|(id, job)| LiveRow::Job(*id, job));
        let nodes = self.nodes.changes().filter_map(|(name, node)| node.map(|node| LiveRow::Node(name, node)));
        let last = (self.last_job != self.committed_last_job).then_some(LiveRow::LastJob(self.last_job));
        last.into_iter().chain(nodes).chain(jobs)
    }

    pub(crate) fn commit(&mut self) {
        self.jobs.commit();
        self.nodes.commit();
        self.committed_last_job = self.last_job;
    }

    pub(crate) fn rollback(&mut self) {
        self.jobs.rollback();
        self.nodes.rollback();
        self.last_job = self.committed_last_job;
    }
}
