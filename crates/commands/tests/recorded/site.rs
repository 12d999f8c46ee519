//! The clusters of recorded cases: those of `tests/lab/real_slurm.py`, with what the scripts that record add to it.

use scheduling::config::{Bounds, Config, PartitionLine};
use scheduling::demand::MemoryDemand;
use scheduling::id::NodeName;
use scheduling::node::{GresStock, Hardware, NodeLine};
use slurm::settings::{Enforce, JobIds, Partition, Priority, Settings, Weights};

/// A cluster before its first job.
pub struct Site {
    pub settings: Settings,
    pub config: Config,
    /// Lines of sacctmgr.
    pub accounts: Vec<String>,
}

fn settings(weights: Weights) -> Settings {
    Settings {
        enforce: Enforce { associations: true, limits: true, qos: true, ..Enforce::default() },
        job_ids: JobIds { first: 1001, ..JobIds::default() },
        priority: Priority { weights, ..Priority::default() },
        ..Settings::default()
    }
}

/// A partition that takes jobs of at most so many minutes.
pub fn partition(name: &str, nodes: Vec<NodeName>, most: u64) -> PartitionLine {
    let mut line = PartitionLine::new(name, nodes);
    line.rules = Partition { max_minutes: Some(most), is_default: name == "cpu", ..line.rules };
    (line.default_minutes, line.default_memory) = (Some(60), MemoryDemand::PerCpu(100));
    line
}

/// `c1` and on.
pub fn cpu_nodes(count: u32) -> Vec<NodeName> {
    (1..=count).map(|number| NodeName::from(format!("c{number}").as_str())).collect()
}

impl Site {
    /// So many nodes c1… with 8 CPUs each, and g1 with 16 and 4 GPUs; `accounts` has a line of sacctmgr a line.
    pub fn new(nodes: u32, weights: Weights, accounts: &str) -> Self {
        let gpus = GresStock { name: "gpu".into(), kind: Some("a100".into()), count: 4 };
        let node = |name: &str, hardware| NodeLine { name: name.into(), hardware, features: Vec::new(), weight: 1 };
        let cpus = cpu_nodes(nodes);
        let mut lines: Vec<NodeLine> = cpus.iter().map(|name| node(name.as_str(), Hardware::new(8, 16000))).collect();
        lines.push(node("g1", Hardware { gres: vec![gpus], ..Hardware::new(16, 64000) }));
        let settings = settings(weights);
        let config = Config {
            cluster: "ref".into(),
            settings: settings.clone(),
            nodes: lines,
            partitions: vec![partition("cpu", cpus, 7 * 1440), partition("gpu", vec!["g1".into()], 2 * 1440)],
            licenses: [("matlab".to_owned(), 4)].into(),
            bounds: Bounds { kill_wait: 2, max_jobs: 10_000, ..Bounds::default() },
            counts_memory: true,
            launch: String::new(),
        };
        let accounts = accounts.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Self { settings, config, accounts }
    }
}
