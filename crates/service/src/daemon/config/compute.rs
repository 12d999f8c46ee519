//! [`ComputeLines`]: nodes, and how jobs get onto them, as the configuration says it.

use super::Config;
use super::nodes::{FirstState, NodeWords};
use super::values::Read;
use scheduling::config::{Bounds, Config as Cluster, PartitionLine};
use scheduling::demand::MemoryDemand;
use scheduling::id::NodeName;
use slurm::settings::Partition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind};
use words::text::{duration, hostlist};

/// What the scheduler goes by. Without any node there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputeLines {
    /// `NodeName=…`, in their order.
    pub nodes: Vec<NodeWords>,
    /// What `NodeName=DEFAULT` said last.
    pub default_node: NodeWords,
    /// What partition lines say to the scheduler, by the partition's name; of `DEFAULT` what it said last.
    pub partitions: BTreeMap<String, PartitionWords>,
    /// `NodeSet=…`: nodes and features of each.
    pub sets: BTreeMap<String, (String, String)>,
    /// `Licenses`
    pub licenses: BTreeMap<String, u32>,
    /// `GresTypes`
    pub gres_types: Vec<String>,
    /// `KillWait` and the like.
    pub bounds: Bounds,
    /// `SelectTypeParameters`
    pub select: String,
    /// `LaunchParameters`; empty for none.
    pub launch: String,
    /// `DefMemPerNode`, `DefMemPerCPU`
    pub default_memory: MemoryDemand,
    /// `JobRequeue`: jobs that do not say run again after a node failed.
    pub requeues: bool,
    /// `DisableRootJobs`
    pub refuses_root: bool,
}

impl Default for ComputeLines {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            default_node: NodeWords::default(),
            partitions: BTreeMap::new(),
            sets: BTreeMap::new(),
            licenses: BTreeMap::new(),
            gres_types: Vec::new(),
            bounds: Bounds { max_jobs: 10_000, ..Bounds::default() },
            select: "CR_Core_Memory".into(),
            launch: String::new(),
            default_memory: MemoryDemand::Unsaid,
            requeues: true,
            refuses_root: false,
        }
    }
}

/// What a partition line says to the scheduler; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionWords {
    nodes: Option<String>,
    default_minutes: Option<u32>,
    tier: Option<u16>,
    job_factor: Option<u16>,
    memory: MemoryDemand,
    exclusive: Option<bool>,
}

/// A word of a partition line that the scheduler heeds.
pub struct PartitionWord {
    /// As it is written.
    pub name: &'static str,
    /// What it means, in Markdown, units included.
    pub meaning: &'static str,
    set: fn(&mut PartitionWords, &str) -> Read<()>,
    get: fn(&PartitionWords) -> Option<String>,
}

/// All of them.
pub const WORDS: &[PartitionWord] = &[
    PartitionWord {
        name: "Nodes",
        meaning: "Its nodes: a list such as `n[1-8],big`, names of `NodeSet` lines, or `ALL`.",
        set: |it, text| {
            it.nodes = Some(text.to_owned());
            Ok(())
        },
        get: |it| it.nodes.clone(),
    },
    PartitionWord {
        name: "DefaultTime",
        meaning: "The time limit of jobs that name none: minutes or a time; `MaxTime` unless it is said.",
        set: |it, text| {
            let minutes = duration::parse_minutes(text).and_then(|minutes| u32::try_from(minutes).ok());
            it.default_minutes = Some(minutes.ok_or("a number of minutes or a time is needed")?);
            Ok(())
        },
        get: |it| it.default_minutes.map(|minutes| minutes.to_string()),
    },
    PartitionWord {
        name: "PriorityTier",
        meaning: "Jobs in a partition of a higher tier go first; 1 unless it is said.",
        set: |it, text| super::values::number(text, 0, 65_533).map(|tier| it.tier = Some(tier)),
        get: |it| it.tier.map(|tier| tier.to_string()),
    },
    PartitionWord {
        name: "PriorityJobFactor",
        meaning: "What the partition counts in a job's priority, next to the greatest of all; 1 unless it is said.",
        set: |it, text| super::values::number(text, 0, 65_533).map(|factor| it.job_factor = Some(factor)),
        get: |it| it.job_factor.map(|factor| factor.to_string()),
    },
    PartitionWord {
        name: "DefMemPerNode",
        meaning: "Memory of jobs that ask for none, in megabytes of each node.",
        set: |it, text| megabytes(text).map(|amount| it.memory = MemoryDemand::PerNode(amount)),
        get: |it| per_node(it.memory),
    },
    PartitionWord {
        name: "DefMemPerCPU",
        meaning: "Memory of jobs that ask for none, in megabytes for each CPU.",
        set: |it, text| megabytes(text).map(|amount| it.memory = MemoryDemand::PerCpu(amount)),
        get: |it| per_cpu(it.memory),
    },
    PartitionWord {
        name: "OverSubscribe",
        meaning: "`EXCLUSIVE`: jobs have whole nodes alone. `NO`: they share nodes; `YES` and `FORCE` are taken as that, \
                  since no two jobs get the same CPU.",
        set: |it, text| {
            let word = text.split(':').next().unwrap_or_default().to_ascii_uppercase();
            it.exclusive = Some(word == "EXCLUSIVE");
            let is_known = ["EXCLUSIVE", "NO", "YES", "FORCE"].contains(&word.as_str());
            if is_known { Ok(()) } else { Err("EXCLUSIVE or NO is needed".into()) }
        },
        get: |it| it.exclusive.map(|yes| if yes { "EXCLUSIVE" } else { "NO" }.into()),
    },
];

/// Megabytes, at least one.
pub fn megabytes(text: &str) -> Read<u64> {
    super::values::number(text, 1, u64::MAX >> 20)
}

/// As `DefMemPerNode` says it.
pub fn per_node(memory: MemoryDemand) -> Option<String> {
    if let MemoryDemand::PerNode(amount) = memory { Some(amount.to_string()) } else { None }
}

/// As `DefMemPerCPU` says it.
pub fn per_cpu(memory: MemoryDemand) -> Option<String> {
    if let MemoryDemand::PerCpu(amount) = memory { Some(amount.to_string()) } else { None }
}

impl PartitionWords {
    /// Takes one word; `None` when it is not the scheduler's.
    pub fn take(&mut self, key: &str, value: &str) -> Option<Read<()>> {
        let word = WORDS.iter().find(|word| word.name.eq_ignore_ascii_case(key))?;
        Some((word.set)(self, value))
    }

    /// The words that read as these.
    pub fn written(&self) -> String {
        WORDS.iter().filter_map(|word| Some(format!(" {}={}", word.name, (word.get)(self)?))).collect()
    }
}

impl Config {
    /// What the scheduler is to go by; `None` where there are no nodes, and so no scheduler.
    pub fn cluster(&self) -> Option<Arc<Cluster>> {
        if self.compute.nodes.is_empty() {
            return None;
        }
        let lines = &self.compute;
        let partitions = self.accounting.partitions.iter().map(|rules| lines.partition(rules));
        Some(Arc::new(Cluster {
            cluster: self.cluster_name.clone(),
            settings: self.accounting.clone(),
            nodes: lines.nodes.iter().map(NodeWords::line).collect(),
            partitions: partitions.collect(),
            licenses: lines.licenses.clone(),
            bounds: lines.bounds,
            counts_memory: lines.select.to_ascii_lowercase().contains("memory"),
            launch: lines.launch.clone(),
        }))
    }

    /// Whether nodes and partitions fit together. Without nodes nobody asks.
    pub(super) fn check_cluster(&mut self) -> Result<(), Diagnostic> {
        let Some(cluster) = self.cluster() else { return Ok(()) };
        cluster.check().map_err(|error| Diagnostic::new(ErrorKind::Input, error.to_string()))?;
        let known: BTreeSet<&String> = self.compute.gres_types.iter().collect();
        let used = cluster.nodes.iter().flat_map(|node| &node.hardware.gres).map(|stock| &stock.name);
        let unsaid: BTreeSet<&String> = used.filter(|name| !known.contains(name)).collect();
        self.warnings.extend(
            unsaid
                .iter()
                .map(|name| format!("Gres={name}: GresTypes does not name it; jobs may ask for it all the same")),
        );
        Ok(())
    }

    /// Nodes that begin otherwise than unknown.
    pub fn first_states(&self) -> Vec<(NodeName, FirstState)> {
        let nodes = self.compute.nodes.iter().filter(|node| node.state != FirstState::Unknown);
        nodes.map(|node| (node.name.as_str().into(), node.state)).collect()
    }
}

impl ComputeLines {
    /// What only the lines after it need.
    pub(super) fn forget_defaults(&mut self) {
        self.default_node = NodeWords::default();
        self.partitions.remove(super::partition::DEFAULT);
    }

    fn partition(&self, rules: &Partition) -> PartitionLine {
        let words = self.partitions.get(&rules.name).cloned().unwrap_or_default();
        let memory = if words.memory == MemoryDemand::Unsaid { self.default_memory } else { words.memory };
        PartitionLine {
            rules: rules.clone(),
            nodes: self.members(words.nodes.as_deref().unwrap_or_default()),
            default_minutes: words.default_minutes,
            tier: words.tier.unwrap_or(1),
            job_factor: words.job_factor.unwrap_or(1),
            default_memory: memory,
            exclusive: words.exclusive.unwrap_or(false),
        }
    }

    /// The nodes of a list, each once. A name that is none of ours stays, so that the check names it.
    fn members(&self, list: &str) -> Vec<NodeName> {
        let mut seen = BTreeSet::new();
        let parts = hostlist::parts(list).into_iter().map(str::trim).filter(|part| !part.is_empty());
        let names = parts.flat_map(|part| self.part(part));
        names.filter(|name| seen.insert(name.clone())).map(|name| name.as_str().into()).collect()
    }

    fn part(&self, part: &str) -> Vec<String> {
        if part.eq_ignore_ascii_case("ALL") {
            return self.nodes.iter().map(|node| node.name.clone()).collect();
        }
        let Some((nodes, features)) = self.sets.get(part) else {
            return hostlist::expand(part).unwrap_or_else(|| vec![part.to_owned()]);
        };
        let wanted: Vec<&str> = features.split(',').filter(|word| !word.is_empty()).collect();
        let has = |node: &&NodeWords| node.line().features.iter().any(|word| wanted.contains(&word.as_str()));
        let listed = if nodes.is_empty() { Vec::new() } else { hostlist::expand_all(nodes).unwrap_or_default() };
        listed.into_iter().chain(self.nodes.iter().filter(has).map(|node| node.name.clone())).collect()
    }

    /// The lines that read as these.
    pub fn written(&self) -> String {
        let sets = self.sets.iter().map(|(name, (nodes, features))| {
            let word = |key: &str, value: &str| {
                if value.is_empty() { String::new() } else { format!(" {key}={value}") }
            };
            format!("NodeSet={name}{}{}\n", word("Nodes", nodes), word("Feature", features))
        });
        let nodes = self.nodes.iter().map(|node| node.written() + "\n");
        nodes.chain(sets).collect()
    }
}
