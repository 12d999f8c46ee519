//! [`RunUsage`]: what processes used, as nodes measure it, and what `sacct` and `sstat` make of it.

use crate::id::NodeName;
use serde::{Deserialize, Serialize};
use slurm::model::TresId;
use slurm::model::tres::{CPU, DISK, MEM};
use slurm::records::{TresCounts, Usage};
use std::collections::BTreeSet;

/// What the processes of a run or a step used on a node. `None` is what nobody measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUsage {
    /// Microseconds in user mode.
    pub user_cpu: Option<u64>,
    /// Microseconds in the kernel.
    pub system_cpu: Option<u64>,
    /// The most bytes of memory at one time.
    pub peak_memory: Option<u64>,
    /// Bytes read.
    pub read: Option<u64>,
    /// Bytes written.
    pub written: Option<u64>,
}

/// What processes have used since they were started, and which there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// What they used, also those that have ended.
    pub usage: RunUsage,
    /// Their numbers on their node, rising; no more than [`MOST_PIDS`].
    pub pids: Vec<i32>,
}

/// So many processes of a run or step are named.
pub const MOST_PIDS: usize = 1000;

/// What was measured on a node where some tasks of a step are.
#[derive(Clone, Copy, Debug)]
pub struct NodeUsage<'a> {
    /// The node.
    pub node: &'a NodeName,
    /// The ranks of its tasks.
    pub ranks: &'a [u32],
    /// What they used.
    pub used: RunUsage,
}

/// What a step took in (CPU time in milliseconds, memory, bytes read), and what it gave out (bytes written). What was measured is
/// of nodes: the most and the least of a task are those of its node, the average is over tasks.
pub fn summed(nodes: &[NodeUsage]) -> (Usage, Usage) {
    let cpu = |used: &RunUsage| used.user_cpu.map(|user| user.saturating_add(used.system_cpu.unwrap_or(0)) / 1000);
    let taken = |used: &RunUsage| vec![(CPU, cpu(used)), (MEM, used.peak_memory), (DISK, used.read)];
    (usage(nodes, taken), usage(nodes, |used| vec![(DISK, used.written)]))
}

fn usage(nodes: &[NodeUsage], of: impl Fn(&RunUsage) -> Vec<(TresId, Option<u64>)>) -> Usage {
    let mut all: Vec<(TresId, u64, &NodeUsage)> = Vec::new();
    for it in nodes {
        all.extend(of(&it.used).into_iter().filter_map(|(tres, count)| Some((tres, count?, it))));
    }
    let kinds: BTreeSet<TresId> = all.iter().map(|(tres, ..)| *tres).collect();
    let task = |it: &NodeUsage| u64::from(it.ranks.first().copied().unwrap_or(0));
    let mut usage = Usage::default();
    let (mut average, mut max, mut min, mut total) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut max_task, mut min_task) = (Vec::new(), Vec::new());
    for kind in kinds {
        let of_kind = || all.iter().filter(|(tres, ..)| *tres == kind);
        let sum = of_kind().fold(0_u64, |sum, (_, count, _)| sum.saturating_add(*count));
        let tasks: usize = of_kind().map(|(.., it)| it.ranks.len()).sum();
        let (most, least) = (of_kind().max_by_key(|it| it.1), of_kind().min_by_key(|it| it.1));
        let (Some((_, most, most_at)), Some((_, least, least_at))) = (most, least) else { continue };
        average.push((kind, sum / tasks.max(1) as u64));
        max.push((kind, *most));
        min.push((kind, *least));
        total.push((kind, sum));
        max_task.push((kind, task(most_at)));
        min_task.push((kind, task(least_at)));
        usage.max_node.insert(kind, most_at.node.to_string());
        usage.min_node.insert(kind, least_at.node.to_string());
    }
    let counts = |of: Vec<(TresId, u64)>| of.into_iter().collect::<TresCounts>();
    Usage {
        average: counts(average),
        max: counts(max),
        max_task: counts(max_task),
        min: counts(min),
        min_task: counts(min_task),
        total: counts(total),
        ..usage
    }
}
