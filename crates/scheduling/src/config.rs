//! [`Config`]: the cluster as configured (slurm.conf(5)): nodes, partitions, and how jobs are scheduled.

use crate::demand::MemoryDemand;
use crate::id::NodeName;
use crate::node::NodeLine;
use slurm::settings::{Partition, Settings};
use std::collections::{BTreeMap, BTreeSet};

/// The cluster as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Its name, as accounting knows it.
    pub cluster: String,
    /// What admission and priorities go by.
    pub settings: Settings,
    /// Its nodes.
    pub nodes: Vec<NodeLine>,
    /// Its partitions.
    pub partitions: Vec<PartitionLine>,
    /// `Licenses`: how many of each there are.
    pub licenses: BTreeMap<String, u32>,
    /// Seconds and counts.
    pub bounds: Bounds,
    /// Whether `SelectTypeParameters` makes memory something that jobs take.
    pub counts_memory: bool,
    /// `LaunchParameters`, a comma list; clients go by it, not the scheduler.
    pub launch: String,
}

/// A partition line, with what scheduling looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionLine {
    /// Name, state, and what admission looks at.
    pub rules: Partition,
    /// `Nodes`.
    pub nodes: Vec<NodeName>,
    /// `DefaultTime` in minutes; `None` is `MaxTime`.
    pub default_minutes: Option<u32>,
    /// `PriorityTier`: jobs in higher ones go first.
    pub tier: u16,
    /// `PriorityJobFactor`.
    pub job_factor: u16,
    /// `DefMemPerNode`, `DefMemPerCPU`.
    pub default_memory: MemoryDemand,
    /// Whether its own line says that, and not the configuration for all.
    pub says_memory: bool,
    /// `OverSubscribe=EXCLUSIVE`: jobs have nodes alone.
    pub exclusive: bool,
}

impl PartitionLine {
    /// A partition of these nodes, with Slurm's defaults.
    pub fn new(name: &str, nodes: Vec<NodeName>) -> Self {
        Self {
            rules: Partition { name: name.to_owned(), ..Partition::default() },
            nodes,
            default_minutes: None,
            tier: 1,
            job_factor: 1,
            default_memory: MemoryDemand::Unsaid,
            says_memory: false,
            exclusive: false,
        }
    }

    /// The time limit in minutes of a job that says this; `None` is without end.
    pub fn minutes(&self, said: Option<u32>) -> Option<u32> {
        let most = self.rules.max_minutes.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
        said.or(self.default_minutes).or(most)
    }
}

/// Seconds and counts of slurm.conf(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `KillWait`: from SIGTERM to SIGKILL.
    pub kill_wait: u32,
    /// `SlurmdTimeout`: a node that is silent for longer is down.
    pub node_timeout: u32,
    /// `MinJobAge`: for so long jobs stay known after their end.
    pub min_job_age: u32,
    /// Seconds after which nodes are told again what they have not confirmed.
    pub resend: u32,
    /// Seconds that a job waits after it was requeued.
    pub requeue_delay: u32,
    /// `max_batch_requeue`: after so many starts that failed a job is held.
    pub max_requeue: u32,
    /// `MaxJobCount`: no more jobs are taken.
    pub max_jobs: u32,
    /// `MaxArraySize`: no task of an array has a number so great.
    pub max_array: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            kill_wait: 30,
            node_timeout: 300,
            min_job_age: 300,
            resend: 10,
            requeue_delay: 5,
            max_requeue: 5,
            max_jobs: 1_000_000,
            max_array: 1001,
        }
    }
}

/// What a configuration says that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name twice.
    #[error("NodeName={0} is there twice; a node has one line")]
    NodeTwice(String),
    /// A name twice.
    #[error("PartitionName={0} is there twice; a partition has one line")]
    PartitionTwice(String),
    /// A node that has no line.
    #[error("PartitionName={partition}: there is no NodeName={node}; add its line or take it out of Nodes")]
    UnknownNode {
        /// Which partition names it.
        partition: String,
        /// Its name.
        node: String,
    },
    /// A node that cannot run anything.
    #[error("NodeName={0}: CPUs must be at least 1 and a multiple of ThreadsPerCore")]
    BadCpus(String),
}

impl Config {
    /// Whether it can be. The scheduler refuses one that cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (mut nodes, mut partitions) = (BTreeSet::new(), BTreeSet::new());
        for line in &self.nodes {
            if !nodes.insert(line.name.as_str()) {
                return Err(ConfigError::NodeTwice(line.name.clone()));
            }
            let hardware = &line.hardware;
            let threads = hardware.threads_per_core;
            if hardware.cpus == 0 || threads == 0 || !hardware.cpus.is_multiple_of(threads) {
                return Err(ConfigError::BadCpus(line.name.clone()));
            }
        }
        for line in &self.partitions {
            let name = &line.rules.name;
            if !partitions.insert(name.as_str()) {
                return Err(ConfigError::PartitionTwice(name.clone()));
            }
            if let Some(node) = line.nodes.iter().find(|node| !nodes.contains(node.as_str())) {
                return Err(ConfigError::UnknownNode { partition: name.clone(), node: node.to_string() });
            }
        }
        Ok(())
    }

    /// A partition by name; without a name the default one.
    pub fn partition(&self, name: &str) -> Option<&PartitionLine> {
        let is_it = |line: &&PartitionLine| {
            if name.is_empty() { line.rules.is_default } else { line.rules.name == name }
        };
        self.partitions.iter().find(is_it)
    }
}
