//! [`Demand`]: what a job asks nodes for (sbatch(1)).

use crate::id::NodeName;
use serde::{Deserialize, Serialize};
use slurm::State;
use slurm::admission::Amounts;
use slurm::model::tres::{CPU, MEM, NODE};
use std::collections::BTreeSet;
use std::fmt;

/// What a job asks for. Jobs that ask for the same are planned as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Demand {
    /// `--nodes`: at least; 1 or more.
    pub min_nodes: u32,
    /// `--nodes`: at most; `None` is as many as it takes.
    pub max_nodes: Option<u32>,
    /// `--ntasks`; 1 or more.
    pub tasks: u32,
    /// `--ntasks-per-node`: at most so many on one node.
    pub tasks_per_node: Option<u32>,
    /// `--cpus-per-task`; 1 or more.
    pub cpus_per_task: u32,
    /// `--mem`, `--mem-per-cpu`.
    pub memory: MemoryDemand,
    /// `--gres`, `--gpus-per-node`: of each node.
    pub gres: Vec<GresDemand>,
    /// `--exclusive`: nodes that it has alone, with all their CPUs and devices.
    pub exclusive: bool,
    /// `--nodelist`: these must be among its nodes.
    pub required: Vec<NodeName>,
    /// `--exclude`: none of these.
    pub excluded: Vec<NodeName>,
    /// `--constraint`.
    pub features: Features,
    /// `--licenses`: by name, each once.
    pub licenses: Vec<(String, u32)>,
}

/// One task of one CPU on any node.
impl Default for Demand {
    fn default() -> Self {
        Self {
            min_nodes: 1,
            max_nodes: None,
            tasks: 1,
            tasks_per_node: None,
            cpus_per_task: 1,
            memory: MemoryDemand::Unsaid,
            gres: Vec::new(),
            exclusive: false,
            required: Vec::new(),
            excluded: Vec::new(),
            features: Features::default(),
            licenses: Vec::new(),
        }
    }
}

/// How much memory, in megabytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MemoryDemand {
    /// What the partition says, else all that the node has (slurm.conf(5), `DefMemPerNode`).
    #[default]
    Unsaid,
    /// `--mem=0`: all that the node has.
    Whole,
    /// `--mem`: of each node.
    PerNode(u64),
    /// `--mem-per-cpu`: for each CPU that it gets.
    PerCpu(u64),
}

impl MemoryDemand {
    /// This, or what a partition says if nothing was said.
    pub fn or(self, default: Self) -> Self {
        if self == Self::Unsaid { default } else { self }
    }
}

/// Devices of a kind, such as `gpu` or `gpu:a100`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GresDemand {
    /// `gpu`
    pub name: String,
    /// `a100`; `None` is any.
    pub kind: Option<String>,
    /// How many of each node.
    pub count: u32,
}

/// Features that each node must have: one of these lists, with all that is in it. No list at all asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Features(Vec<Vec<String>>);

impl Features {
    /// Reads `a&b|c`, where `&` binds closer; a comma is an `&`. `None` for what is no such expression: counts
    /// (`a*2`) and brackets are not.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "_-.=:/+".contains(c));
        let list = |part: &str| {
            let words: Vec<String> = part.split(['&', ',']).map(|word| word.trim().to_owned()).collect();
            words.iter().all(|word| is_word(word)).then_some(words)
        };
        text.split('|').map(list).collect::<Option<_>>().map(Self)
    }

    /// How many words it has.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a node with these features will do.
    pub fn are_in(&self, of_node: &[String]) -> bool {
        self.0.is_empty() || self.0.iter().any(|all| all.iter().all(|one| of_node.contains(one)))
    }
}

/// As it is written.
impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = self.0.iter().map(|all| all.join("&"));
        f.write_str(&lists.collect::<Vec<_>>().join("|"))
    }
}

impl Demand {
    /// Whether the numbers can be meant: nothing is asked for zero times, and the most is not below the least.
    pub fn is_sound(&self) -> bool {
        let counts = [self.min_nodes, self.tasks, self.cpus_per_task, self.tasks_per_node.unwrap_or(1)];
        counts.iter().all(|count| *count > 0)
            && self.max_nodes.is_none_or(|most| most >= self.min_nodes)
            && self.tasks.checked_mul(self.cpus_per_task).is_some()
            && self.has_clear_licenses()
    }

    /// Whether each licence is there once.
    fn has_clear_licenses(&self) -> bool {
        let names: BTreeSet<&str> = self.licenses.iter().map(|(name, _)| name.as_str()).collect();
        names.len() == self.licenses.len()
    }

    /// Whether its devices are told apart: each kind once, or the name alone (sbatch(1), `--gres`).
    pub fn has_clear_gres(&self) -> bool {
        self.gres.iter().enumerate().all(|(at, gres)| {
            let others = self.gres[..at].iter().filter(|other| other.name == gres.name);
            others.into_iter().all(|other| other.kind.is_some() && gres.kind.is_some() && other.kind != gres.kind)
        })
    }

    /// Tasks that it has: at least one for each node.
    pub fn task_count(&self) -> u32 {
        self.tasks.max(self.min_nodes)
    }

    /// What it asks for altogether, by TRES, as admission counts it, with so much memory; how much all of a node is
    /// is not known before it has one.
    pub fn amounts(&self, state: &State, memory: MemoryDemand) -> Amounts {
        let (nodes, cpus) = (u64::from(self.min_nodes), self.cpus());
        let mut amounts = Amounts::from([(NODE, nodes), (CPU, cpus)]);
        match memory {
            MemoryDemand::PerNode(each) => _ = amounts.insert(MEM, each.saturating_mul(nodes)),
            MemoryDemand::PerCpu(each) => _ = amounts.insert(MEM, each.saturating_mul(cpus)),
            MemoryDemand::Unsaid | MemoryDemand::Whole => {}
        }
        for gres in &self.gres {
            add_gres(&mut amounts, state, &gres.name, gres.kind.as_deref(), u64::from(gres.count) * nodes);
        }
        for (name, count) in &self.licenses {
            if let Some(tres) = state.tres_named(&format!("license/{name}")) {
                amounts.insert(tres.id, u64::from(*count));
            }
        }
        amounts
    }

    /// CPUs that it asks for altogether.
    pub fn cpus(&self) -> u64 {
        u64::from(self.task_count()) * u64::from(self.cpus_per_task)
    }
}

/// Counts devices as TRES: those of a type as `gres/gpu:a100` too, where that is one.
pub(crate) fn add_gres(amounts: &mut Amounts, state: &State, name: &str, kind: Option<&str>, count: u64) {
    let whole = state.tres_named(&format!("gres/{name}"));
    let of_type = kind.and_then(|kind| state.tres_named(&format!("gres/{name}:{kind}")));
    for tres in [whole, of_type].into_iter().flatten() {
        *amounts.entry(tres.id).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_lists_of_lists() {
        let has = |text: &str, of_node: &[&str]| {
            let of_node: Vec<String> = of_node.iter().map(|word| word.to_string()).collect();
            Features::parse(text).unwrap().are_in(&of_node)
        };
        assert!(has("", &[]) && has("a&b|c", &["c"]) && has("a,b", &["b", "a"]));
        assert!(!has("a&b|c", &["a"]) && !has("a", &[]));
        for bad in ["a&", "|", "a*2", "[a|b]", "(a)", "a&&b"] {
            assert_eq!(Features::parse(bad), None, "{bad}");
        }
    }
}
