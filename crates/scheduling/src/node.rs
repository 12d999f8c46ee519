//! [`NodeStanding`]: what is known of a node beside its configuration.

use crate::id::{Attempt, Boot, JobId, NodeSession, Time, Uid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// A node line of the configuration (slurm.conf(5), "NODE CONFIGURATION").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLine {
    /// `NodeName`: one of the names.
    pub name: String,
    /// What it has.
    pub hardware: Hardware,
    /// `Feature`.
    pub features: Vec<String>,
    /// `Weight`: lower ones are used first.
    pub weight: u32,
}

/// What a node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// CPUs: hardware threads.
    pub cpus: u32,
    /// `ThreadsPerCore`; whole cores are given.
    pub threads_per_core: u32,
    /// `RealMemory` in megabytes.
    pub memory: u64,
    /// `Gres`: name, kind, count.
    pub gres: Vec<GresStock>,
}

impl Hardware {
    /// Cores of one thread, without devices.
    pub fn new(cpus: u32, memory: u64) -> Self {
        Self { cpus, threads_per_core: 1, memory, gres: Vec::new() }
    }
}

/// Devices of one kind in a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GresStock {
    /// `gpu`
    pub name: String,
    /// `a100`; `None` where kinds are not told apart.
    pub kind: Option<String>,
    /// How many.
    pub count: u32,
}

/// What is known of a node; the configuration has the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStanding {
    /// Whether it can be used.
    pub health: NodeHealth,
    /// `DRAIN`: nothing new starts there.
    pub drain: Option<Remark>,
    /// `FAIL` instead of `DRAIN`: it is expected to fail.
    #[serde(default)]
    pub is_failing: bool,
    /// `Comment`, of whoever looks after it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// `Extra`, for programs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub extra: String,
    /// Its latest connection.
    pub session: NodeSession,
    /// The boot that it told last.
    pub boot: Option<Boot>,
    /// Runs that it still has and should not have: it gets nothing new until they are gone.
    pub strays: BTreeSet<(JobId, Attempt)>,
    /// Its line, where that is in no file: `scontrol` made it, or the file lost it while something was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<NodeLine>,
}

/// Whether a node can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeHealth {
    /// It never registered.
    #[default]
    Unknown,
    /// It registered.
    Up,
    /// It is not used; jobs on it were ended.
    Down(Remark, DownCause),
}

/// Why a node is down: it decides what brings it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DownCause {
    /// It did not answer: the next registration brings it back (slurm.conf(5), `ReturnToService=1`).
    Silent,
    /// Somebody said so: only `RESUME` brings it back.
    Ordered,
}

/// Why, by whom, since when (`sinfo -R`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// In words.
    pub reason: String,
    /// The number of the user who said so.
    pub uid: Uid,
    /// Since when.
    pub since: Time,
}

/// Slurm's state of a node, which its flags stand beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeState {
    /// It never registered.
    Unknown,
    /// It is not used.
    Down,
    /// No job is there.
    Idle,
    /// Some of its CPUs, or all of its memory, are taken.
    Mixed,
    /// All of its CPUs are taken.
    Allocated,
}

/// As `scontrol show node` writes it.
impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NodeState::Unknown => "UNKNOWN",
            NodeState::Down => "DOWN",
            NodeState::Idle => "IDLE",
            NodeState::Mixed => "MIXED",
            NodeState::Allocated => "ALLOCATED",
        })
    }
}

impl NodeStanding {
    /// Whether new work may go there.
    pub fn takes_work(&self) -> bool {
        self.health == NodeHealth::Up && self.drain.is_none() && self.strays.is_empty()
    }
}
