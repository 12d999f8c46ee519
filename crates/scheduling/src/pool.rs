//! [`Pools`]: what each node has free, kept by increments from the shares that jobs hold.

use crate::config::Config;
use crate::demand::GresDemand;
use crate::id::{JobId, NodeName};
use crate::job::{GresShare, LiveJob, NodeShare};
use crate::node::{GresStock, Hardware, NodeState};
use crate::units::Units;
use std::collections::{BTreeSet, HashMap};

/// Place of a node in the configuration.
pub(crate) type NodeIndex = usize;

/// How much is free on a node, in counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// CPUs.
    pub(crate) cpus: u32,
    /// Memory in megabytes.
    pub(crate) memory: u64,
    /// Devices, in the order of the node's [`Hardware::gres`].
    pub(crate) gres: Vec<u32>,
    /// Shares of jobs there, without those that stand still.
    pub(crate) shares: u32,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodePool {
    pub(crate) name: NodeName,
    pub(crate) hardware: Hardware,
    pub(crate) features: Vec<String>,
    pub(crate) weight: u32,
    /// Whether new work may go there.
    pub(crate) takes_work: bool,
    /// Jobs that hold something there.
    pub(crate) jobs: BTreeSet<JobId>,
    pub(crate) room: Room,
    whole: Room,
    cpus: Units,
    gres: Vec<Units>,
}

/// All nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pools {
    nodes: Vec<NodePool>,
    places: HashMap<NodeName, NodeIndex>,
}

impl Pools {
    /// As configured, with nothing taken and no node in use.
    pub(crate) fn new(config: &Config) -> Self {
        let nodes: Vec<NodePool> = config
            .nodes
            .iter()
            .map(|line| NodePool {
                name: line.name.as_str().into(),
                room: whole(&line.hardware),
                whole: whole(&line.hardware),
                cpus: Units::first(line.hardware.cpus),
                gres: line.hardware.gres.iter().map(|stock| Units::first(stock.count)).collect(),
                hardware: line.hardware.clone(),
                features: line.features.clone(),
                weight: line.weight,
                takes_work: false,
                jobs: BTreeSet::new(),
            })
            .collect();
        let places = nodes.iter().enumerate().map(|(index, node)| (node.name.clone(), index)).collect();
        Self { nodes, places }
    }

    pub(crate) fn place(&self, name: &NodeName) -> Option<NodeIndex> {
        self.places.get(name).copied()
    }

    pub(crate) fn get(&self, name: &NodeName) -> Option<&NodePool> {
        self.place(name).map(|index| &self.nodes[index])
    }

    pub(crate) fn node(&self, index: NodeIndex) -> &NodePool {
        &self.nodes[index]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &NodePool> {
        self.nodes.iter()
    }

    /// Says whether new work may go to a node.
    pub(crate) fn set_takes_work(&mut self, name: &NodeName, takes_work: bool) {
        if let Some(index) = self.place(name) {
            self.nodes[index].takes_work = takes_work;
        }
    }

    /// Takes a job's share out of what is free: of one that stands still, what that keeps.
    pub(crate) fn take(&mut self, job: &LiveJob, share: &NodeShare) {
        let Some(index) = self.place(&share.node) else { return };
        let node = &mut self.nodes[index];
        node.jobs.insert(job.id);
        node.each_gres(share, |free, devices| free.remove(devices));
        let runs = !job.is_suspended();
        if runs {
            node.cpus.remove(&share.cpus);
        }
        node.recount(node.room.memory.saturating_sub(share.memory), node.room.shares + u32::from(runs));
    }

    /// Gives a job's share back.
    pub(crate) fn give(&mut self, job: &LiveJob, share: &NodeShare) {
        let Some(index) = self.place(&share.node) else { return };
        let node = &mut self.nodes[index];
        node.jobs.remove(&job.id);
        node.each_gres(share, Units::add);
        let runs = !job.is_suspended();
        if runs {
            node.cpus.add(&share.cpus);
        }
        node.forget_what_is_gone();
        let memory = (node.room.memory + share.memory).min(node.hardware.memory);
        node.recount(memory, node.room.shares - u32::from(runs));
    }
}

impl Room {
    /// Nothing more of anything than another has.
    pub(crate) fn shrink_to(&mut self, other: &Room) {
        self.cpus = self.cpus.min(other.cpus);
        self.memory = self.memory.min(other.memory);
        self.shares = self.shares.max(other.shares);
        self.gres.iter_mut().zip(&other.gres).for_each(|(own, most)| *own = (*own).min(*most));
    }
}

impl NodePool {
    /// No room at all.
    pub(crate) fn nothing(&self) -> Room {
        Room { cpus: 0, memory: 0, gres: vec![0; self.hardware.gres.len()], shares: 1 }
    }

    /// Whether these CPUs are all free.
    pub(crate) fn has_cpus(&self, cpus: &Units) -> bool {
        let mut missing = cpus.clone();
        missing.remove(&self.cpus);
        missing.is_empty()
    }

    /// Adds what a job's share has to what is free.
    pub(crate) fn give_counts(&self, room: &mut Room, job: &LiveJob, share: &NodeShare) {
        if !job.is_suspended() {
            room.cpus += share.cpus.count();
            room.shares = room.shares.saturating_sub(1);
        }
        room.memory += share.memory;
        for given in &share.gres {
            let is_it = |stock: &GresStock| stock.name == given.name && stock.kind == given.kind;
            if let Some(at) = self.hardware.gres.iter().position(is_it) {
                room.gres[at] += given.devices.count();
            }
        }
    }

    /// What it has with no job on it.
    pub(crate) fn whole(&self) -> &Room {
        &self.whole
    }

    /// The lowest CPUs that are free.
    pub(crate) fn pick_cpus(&self, count: u32) -> Option<Units> {
        self.cpus.clone().take(count)
    }

    /// The lowest devices that are free and meet a demand.
    pub(crate) fn pick_gres(&self, demand: &GresDemand) -> Option<Vec<GresShare>> {
        let (mut missing, mut picked) = (demand.count, Vec::new());
        for (stock, free) in self.hardware.gres.iter().zip(&self.gres).filter(|(stock, _)| demand.is_met_by(stock)) {
            let devices = free.clone().take(missing.min(free.count())).unwrap_or_default();
            missing -= devices.count();
            if !devices.is_empty() {
                picked.push(GresShare { name: stock.name.clone(), kind: stock.kind.clone(), devices });
            }
        }
        (missing == 0).then_some(picked)
    }

    /// All devices that are free.
    pub(crate) fn all_gres(&self) -> Vec<GresShare> {
        let stock = self.hardware.gres.iter().zip(&self.gres).filter(|(_, free)| !free.is_empty());
        let share = |(stock, free): (&GresStock, &Units)| GresShare {
            name: stock.name.clone(),
            kind: stock.kind.clone(),
            devices: free.clone(),
        };
        stock.map(share).collect()
    }

    /// How much of it is taken, in Slurm's word: of a node that is up.
    pub(crate) fn use_state(&self) -> NodeState {
        if self.room.cpus == 0 {
            NodeState::Allocated
        } else if self.room.shares == 0 {
            NodeState::Idle
        } else {
            NodeState::Mixed
        }
    }

    fn each_gres(&mut self, share: &NodeShare, change: impl Fn(&mut Units, &Units)) {
        for taken in &share.gres {
            let is_it = |stock: &GresStock| stock.name == taken.name && stock.kind == taken.kind;
            if let Some(at) = self.hardware.gres.iter().position(is_it) {
                change(&mut self.gres[at], &taken.devices);
            }
        }
    }

    /// A job may have had CPUs and devices that the configuration has no more.
    fn forget_what_is_gone(&mut self) {
        self.cpus.keep_below(self.hardware.cpus);
        let stock = self.hardware.gres.iter().map(|stock| stock.count);
        self.gres.iter_mut().zip(stock).for_each(|(free, count)| free.keep_below(count));
    }

    fn recount(&mut self, memory: u64, shares: u32) {
        let gres = self.gres.iter().map(Units::count).collect();
        self.room = Room { cpus: self.cpus.count(), memory, gres, shares };
    }
}

impl GresDemand {
    /// Whether devices of this stock will do.
    pub(crate) fn is_met_by(&self, stock: &GresStock) -> bool {
        stock.name == self.name && self.kind.as_ref().is_none_or(|kind| stock.kind.as_ref() == Some(kind))
    }
}

fn whole(hardware: &Hardware) -> Room {
    let gres = hardware.gres.iter().map(|stock| stock.count).collect();
    Room { cpus: hardware.cpus, memory: hardware.memory, gres, shares: 0 }
}
