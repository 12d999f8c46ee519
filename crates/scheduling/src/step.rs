//! Steps: parts of a running job that `srun` starts, with what each has of the job's nodes (srun(1)).

use crate::demand::{GresDemand, MemoryDemand};
use crate::id::{NodeName, Time, Uid};
use crate::job::{GresShare, SentSignal};
pub use crate::measured::RunUsage;
use crate::measured::{NodeUsage, summed};
use crate::units::Units;
use serde::{Deserialize, Serialize};
use slurm::records::{ExitCode, JobState, StepId, Usage};

/// What a step asks its job for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepRequest {
    /// `--job-name`; what `sacct` shows.
    pub name: String,
    /// `interactive` for the shell of `salloc`, else the next number.
    pub is_interactive: bool,
    /// `--ntasks`; `None` follows from nodes and job.
    pub tasks: Option<u32>,
    /// `--ntasks-per-node`: at most so many on one node.
    pub tasks_per_node: Option<u32>,
    /// `--nodes`: at least and at most; `None` is as many as it takes, for a step without `--ntasks` all of the job's.
    pub nodes: Option<(u32, Option<u32>)>,
    /// `--cpus-per-task`; 1 or more.
    pub cpus_per_task: Option<u32>,
    /// `--mem`, `--mem-per-cpu`; unsaid is all that the job has on its nodes.
    pub memory: MemoryDemand,
    /// `--gres`, `--gpus-per-node`; `None` is all of the job's, an empty list (`none`) is nothing.
    pub gres: Option<Vec<GresDemand>>,
    /// `--nodelist`
    pub required: Vec<NodeName>,
    /// `--exclude`
    pub excluded: Vec<NodeName>,
    /// `--relative`: the first of the job's nodes to use, from 0.
    pub relative: Option<u32>,
    /// `--distribution`, between nodes.
    pub layout: StepLayout,
    /// `--exact` and what implies it: only what was asked for, beside other steps.
    pub exact: bool,
    /// `--overlap`: shares all it has with other steps.
    pub overlap: bool,
    /// `--time` in minutes.
    pub minutes: Option<u32>,
    /// `--kill-on-bad-exit`: one task that fails ends the others.
    pub kill_on_bad_exit: bool,
}

impl StepRequest {
    /// What of it is kept of a step that has its place: not the lists of what it wanted, which may be long.
    pub fn placed(self) -> Self {
        Self { required: Vec::new(), excluded: Vec::new(), gres: None, ..self }
    }

    /// Whether such a step keeps what it gets from other steps of the job.
    pub fn holds(&self) -> bool {
        !self.overlap && !self.is_interactive
    }
}

/// One task's worth of anything that the job has.
impl Default for StepRequest {
    fn default() -> Self {
        Self {
            name: String::new(),
            is_interactive: false,
            tasks: None,
            tasks_per_node: None,
            nodes: None,
            cpus_per_task: None,
            memory: MemoryDemand::Unsaid,
            gres: None,
            required: Vec::new(),
            excluded: Vec::new(),
            relative: None,
            layout: StepLayout::default(),
            exact: false,
            overlap: false,
            minutes: None,
            kill_on_bad_exit: false,
        }
    }
}

/// How ranks go to nodes (srun(1), `--distribution`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepLayout {
    /// `block` where there are more tasks than nodes, else `cyclic`.
    #[default]
    Usual,
    /// Neighbours on one node.
    Block,
    /// One a node, round and round.
    Cyclic,
    /// So many neighbours on one node, round and round.
    Plane(u32),
}

/// A step that runs, or of which a node is not done yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveStep {
    /// Which of its job's.
    pub id: StepId,
    /// What was asked for.
    pub request: StepRequest,
    /// Who started it.
    pub uid: Uid,
    /// Since when it runs.
    pub start: Time,
    /// By node, in the job's order; never empty.
    pub shares: Vec<StepShare>,
    /// On which of its nodes it has started, by place among the shares.
    pub launched: Units,
    /// Which nodes have nothing left of it, by place among the shares.
    pub left: Units,
    /// How it ends, once that is decided or a node has said that its part did; the greatest exit code of all.
    pub ending: Option<StepEnding>,
    /// Signals that nodes have not confirmed.
    pub signals: Vec<SentSignal>,
    /// On which nodes all its tasks have ended, by place among the shares.
    #[serde(default)]
    pub ended: Units,
    /// Whether nodes are told to end what is left of it.
    #[serde(default)]
    pub is_stopped: bool,
    /// Whether it goes on though nobody reads what it writes.
    #[serde(default)]
    pub is_left_alone: bool,
    /// What it used on the nodes where it has ended, by place among the shares.
    #[serde(default)]
    pub used: Vec<(u32, RunUsage)>,
    /// Seconds for which it stood still with its job, up to the last time that this went on.
    #[serde(default)]
    pub suspended: i64,
}

impl LiveStep {
    /// One that no node has heard of yet. It has its shares, which are never none.
    pub fn new(id: StepId, request: StepRequest, uid: Uid, start: Time, shares: Vec<StepShare>) -> Self {
        Self {
            id,
            request,
            uid,
            start,
            shares,
            launched: Units::default(),
            left: Units::default(),
            ending: None,
            signals: Vec::new(),
            ended: Units::default(),
            is_stopped: false,
            is_left_alone: false,
            used: Vec::new(),
            suspended: 0,
        }
    }

    /// The place of a node among its shares.
    pub fn place(&self, node: &NodeName) -> Option<u32> {
        self.shares.iter().zip(0..).find(|(share, _)| share.node == *node).map(|(_, at)| at)
    }

    /// When its own time is over.
    pub fn end(&self) -> Option<Time> {
        let end = |minutes| self.start.saturating_add(i64::from(minutes) * 60).saturating_add(self.suspended);
        self.request.minutes.map(end)
    }

    /// How many tasks it has.
    pub fn tasks(&self) -> u32 {
        self.shares.iter().map(|share| u32::try_from(share.ranks.len()).unwrap_or(u32::MAX)).sum()
    }

    /// What it took in and gave out, by what was measured on its nodes, each by its place among the shares.
    pub fn usage(&self, used: &[(u32, RunUsage)]) -> (Usage, Usage) {
        let of_node = |(at, used): &(u32, RunUsage)| {
            let StepShare { node, ranks, .. } = self.shares.get(*at as usize)?;
            Some(NodeUsage { node, ranks, used: *used })
        };
        summed(&used.iter().filter_map(of_node).collect::<Vec<_>>())
    }

    /// Whether it keeps what it has from other steps of the job.
    pub fn holds(&self) -> bool {
        self.request.holds()
    }

    /// Whether nothing is left of it on any node.
    pub fn is_gone(&self) -> bool {
        self.left.count() as usize == self.shares.len()
    }
}

/// What a step has on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepShare {
    /// The node.
    pub node: NodeName,
    /// Ranks of its tasks there, rising.
    pub ranks: Vec<u32>,
    /// CPUs, in the node's numbers.
    pub cpus: Units,
    /// Memory in megabytes; 0 is not limited below the job's.
    pub memory: u64,
    /// Devices.
    pub gres: Vec<GresShare>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEnding {
    /// `COMPLETED`, `FAILED`, `CANCELLED`, `OUT_OF_MEMORY` and so on.
    pub state: JobState,
    /// The greatest of its tasks'.
    pub exit: ExitCode,
    /// When.
    pub at: Time,
    /// Who cancelled it.
    pub cancelled_by: Option<Uid>,
}
