//! [`ComputeLines`]: nodes, and how jobs get onto them, as the configuration says it.

use super::Config;
use scheduling::config::{Bounds, Config as Cluster, PartitionLine};
use scheduling::demand::MemoryDemand;
use scheduling::id::NodeName;
use scheduling::lines::{FirstState, NodeWords, PartitionWords};
use slurm::settings::Partition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind};
use words::text::hostlist;

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
        let mut line = PartitionLine { rules: rules.clone(), ..PartitionLine::new("", Vec::new()) };
        line.default_memory = self.default_memory;
        words.change(&mut line, |list| self.members(list));
        line
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
