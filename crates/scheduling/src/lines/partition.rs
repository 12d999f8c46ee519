//! What a `PartitionName=…` line says to the scheduler (slurm.conf(5), "PARTITION CONFIGURATION").

use super::number;
use crate::config::PartitionLine;
use crate::demand::MemoryDemand;
use crate::id::NodeName;
use words::text::duration;

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
    set: fn(&mut PartitionWords, &str) -> Result<(), String>,
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
        set: |it, text| number(text, 0, 65_533).map(|tier| it.tier = Some(tier)),
        get: |it| it.tier.map(|tier| tier.to_string()),
    },
    PartitionWord {
        name: "PriorityJobFactor",
        meaning: "What the partition counts in a job's priority, next to the greatest of all; 1 unless it is said.",
        set: |it, text| number(text, 0, 65_533).map(|factor| it.job_factor = Some(factor)),
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
pub fn megabytes(text: &str) -> Result<u64, String> {
    number(text, 1, u64::MAX >> 20)
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
    pub fn take(&mut self, key: &str, value: &str) -> Option<Result<(), String>> {
        let word = WORDS.iter().find(|word| word.name.eq_ignore_ascii_case(key))?;
        Some((word.set)(self, value))
    }

    /// Makes a partition as these say; `members` are the nodes of a list.
    pub fn change(&self, line: &mut PartitionLine, members: impl Fn(&str) -> Vec<NodeName>) {
        line.nodes = self.nodes.as_deref().map_or_else(|| std::mem::take(&mut line.nodes), members);
        line.default_minutes = self.default_minutes.or(line.default_minutes);
        line.tier = self.tier.unwrap_or(line.tier);
        line.job_factor = self.job_factor.unwrap_or(line.job_factor);
        line.says_memory |= self.memory != MemoryDemand::Unsaid;
        line.default_memory = self.memory.or(line.default_memory);
        line.exclusive = self.exclusive.unwrap_or(line.exclusive);
    }

    /// The words that read as these.
    pub fn written(&self) -> String {
        WORDS.iter().filter_map(|word| Some(format!(" {}={}", word.name, (word.get)(self)?))).collect()
    }
}
