//! Selection: which nodes a job gets, and what of each (select/cons_tres).
//!
//! As few nodes as hold it; of those that would do the ones of lower weight, and of these the one where least is left
//! over. Tasks fill one node after the other, each node having at least one.

use crate::config::{Config, PartitionLine};
use crate::demand::{Demand, MemoryDemand};
use crate::job::NodeShare;
use crate::pool::{NodeIndex, NodePool, Pools, Room};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A demand as a partition takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) demand: Arc<Demand>,
    memory: MemoryDemand,
    exclusive: bool,
}

/// A node, and how many tasks of the job it gets.
pub(crate) type Placed = (NodeIndex, u32);

impl Fit {
    pub(crate) fn new(config: &Config, partition: &PartitionLine, demand: Arc<Demand>) -> Self {
        let said = demand.memory.or(partition.default_memory).or(MemoryDemand::Whole);
        let memory = if config.counts_memory { said } else { MemoryDemand::PerNode(0) };
        let exclusive = demand.exclusive || partition.exclusive;
        Self { demand, memory, exclusive }
    }

    /// How many tasks a node holds with so much free; 0 if it will not do.
    pub(crate) fn capacity(&self, node: &NodePool, room: &Room) -> u32 {
        let demand = &*self.demand;
        // Most nodes of a busy cluster are full.
        if room.cpus < demand.cpus_per_task {
            return 0;
        }
        let is_free = !self.exclusive || room.shares == 0;
        if !is_free || !demand.features.are_in(&node.features) || demand.excluded.contains(&node.name) {
            return 0;
        }
        let has_gres = demand.gres.iter().all(|gres| {
            let stock = node.hardware.gres.iter().zip(&room.gres).filter(|(stock, _)| gres.is_met_by(stock));
            stock.map(|(_, free)| *free).sum::<u32>() >= gres.count
        });
        let cpus = room.cpus.min(self.cpus_by_memory(node, room));
        let tasks = cpus / demand.cpus_per_task;
        if has_gres { tasks.min(demand.tasks_per_node.unwrap_or(u32::MAX)) } else { 0 }
    }

    /// Whether a node holds so many tasks, 1 or more, with so much free.
    pub(crate) fn holds(&self, node: &NodePool, room: &Room, tasks: u32) -> bool {
        // What most are turned away by is looked at first.
        let cpus = u64::from(tasks) * u64::from(self.demand.cpus_per_task);
        u64::from(room.cpus) >= cpus && self.capacity(node, room) >= tasks
    }

    /// CPUs that the free memory is enough for.
    fn cpus_by_memory(&self, node: &NodePool, room: &Room) -> u32 {
        let is_enough = match self.memory {
            MemoryDemand::PerNode(each) => room.memory >= each,
            MemoryDemand::Whole | MemoryDemand::Unsaid => room.memory == node.hardware.memory,
            MemoryDemand::PerCpu(each) => {
                let cpus =
                    room.memory.checked_div(each).map_or(u32::MAX, |cpus| u32::try_from(cpus).unwrap_or(u32::MAX));
                let threads = node.hardware.threads_per_core;
                return cpus / threads * threads;
            }
        };
        if is_enough { u32::MAX } else { 0 }
    }

    /// Memory that so many tasks take of a node. Who has the node alone has its CPUs, and memory as asked.
    fn memory_of(&self, node: &NodePool, tasks: u32) -> u64 {
        match self.memory {
            MemoryDemand::PerNode(each) => each,
            MemoryDemand::PerCpu(each) => each * u64::from(self.cpus_for(node, tasks)),
            MemoryDemand::Whole | MemoryDemand::Unsaid => node.hardware.memory,
        }
    }

    /// CPUs that so many tasks need of a node: whole cores.
    fn cpus_for(&self, node: &NodePool, tasks: u32) -> u32 {
        (tasks * self.demand.cpus_per_task).next_multiple_of(node.hardware.threads_per_core)
    }

    /// CPUs that so many tasks take of a node.
    fn cpus_of(&self, node: &NodePool, tasks: u32) -> u32 {
        if self.exclusive { node.hardware.cpus } else { self.cpus_for(node, tasks) }
    }

    /// What a node has left once it holds so many tasks.
    pub(crate) fn taken_from(&self, node: &NodePool, room: &Room, tasks: u32) -> Room {
        let cpus = self.cpus_of(node, tasks);
        let mut left = room.clone();
        left.cpus = left.cpus.saturating_sub(cpus);
        left.memory = left.memory.saturating_sub(self.memory_of(node, tasks));
        left.shares += 1;
        if self.exclusive {
            left.gres.fill(0);
        }
        for gres in &self.demand.gres {
            let mut missing = gres.count;
            let stock = node.hardware.gres.iter().zip(&mut left.gres).filter(|(stock, _)| gres.is_met_by(stock));
            for (_, free) in stock {
                let taken = missing.min(*free);
                (*free, missing) = (*free - taken, missing - taken);
            }
        }
        left
    }

    /// What it gets of a node; `None` when the node has not so much.
    fn share(&self, node: &NodePool, tasks: u32) -> Option<NodeShare> {
        let count = self.cpus_of(node, tasks);
        let gres = if self.exclusive {
            node.all_gres()
        } else {
            let picked = self.demand.gres.iter().map(|gres| node.pick_gres(gres));
            picked.collect::<Option<Vec<_>>>()?.concat()
        };
        let memory = self.memory_of(node, tasks);
        (node.room.memory >= memory).then_some(())?;
        Some(NodeShare { node: node.name.clone(), tasks, cpus: node.pick_cpus(count)?, memory, gres })
    }
}

/// The nodes for a job of those that hold some of its tasks; `None` when they are not enough.
pub(crate) fn choose(pools: &Pools, fit: &Fit, mut able: Vec<Placed>) -> Option<Vec<Placed>> {
    let demand = &*fit.demand;
    let must: BTreeSet<NodeIndex> = demand.required.iter().map(|name| pools.place(name)).collect::<Option<_>>()?;
    let holds_all = must.iter().all(|index| able.iter().any(|(at, _)| at == index));
    let least = (demand.min_nodes as usize).max(must.len());
    let most = demand.max_nodes.map_or(usize::MAX, |most| most as usize);
    if !holds_all || able.len() < least || most < least {
        return None;
    }
    let tasks = demand.task_count().max(u32::try_from(least).ok()?);
    if least == 1 {
        let enough = able.iter().filter(|(index, held)| *held >= tasks && (must.is_empty() || must.contains(index)));
        let tightest = |(index, held): &&Placed| (pools.node(*index).weight, *held, *index);
        if let Some((index, _)) = enough.min_by_key(tightest) {
            return Some(vec![(*index, tasks)]);
        }
    }
    able.sort_by_key(|(index, held)| (!must.contains(index), pools.node(*index).weight, Reverse(*held), *index));
    if let Some(chosen) = fill(&able, tasks, least, most) {
        return Some(chosen);
    }
    // Lighter nodes alone are too small: then the largest.
    able.sort_by_key(|(index, held)| (!must.contains(index), Reverse(*held), *index));
    fill(&able, tasks, least, most)
}

/// The first nodes that hold all tasks together, and how many each gets.
fn fill(able: &[Placed], tasks: u32, least: usize, most: usize) -> Option<Vec<Placed>> {
    let mut held = 0u64;
    let sums = able.iter().map(|(_, tasks)| {
        held += u64::from(*tasks);
        held
    });
    let count = (1..).zip(sums).find(|(count, held)| *count >= least && *held >= u64::from(tasks))?.0;
    if count > most {
        return None;
    }
    let mut missing = tasks - u32::try_from(count).ok().filter(|count| *count <= tasks)?;
    let give = |(index, held): &Placed| {
        let more = missing.min(held - 1);
        missing -= more;
        (*index, 1 + more)
    };
    Some(able[..count].iter().map(give).collect())
}

/// The nodes of a list that hold some of a job's tasks, with so much free on each.
pub(crate) fn able<'a>(
    pools: &'a Pools,
    fit: &Fit,
    nodes: impl IntoIterator<Item = NodeIndex>,
    room: impl Fn(&'a NodePool) -> &'a Room,
) -> Vec<Placed> {
    let held = |index| (index, fit.capacity(pools.node(index), room(pools.node(index))));
    nodes.into_iter().map(held).filter(|(_, tasks)| *tasks > 0).collect()
}

/// What a job gets of the nodes chosen for it, in the order of the configuration.
pub(crate) fn shares(pools: &Pools, fit: &Fit, chosen: &[Placed]) -> Option<Vec<NodeShare>> {
    let mut chosen = chosen.to_vec();
    chosen.sort_unstable();
    chosen.iter().map(|(index, tasks)| fit.share(pools.node(*index), *tasks)).collect()
}
