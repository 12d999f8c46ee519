//! [`Partition`]: what a partition allows (slurm.conf(5), "PARTITION CONFIGURATION").

mod keys;
mod weights;

pub use keys::{KEYS, PartitionKey, Taken};

/// A partition, as far as admission looks at it. The default one lets everybody in and limits nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    /// Its name; empty where none is known.
    pub name: String,
    /// `Default=YES`: jobs that name none go here.
    pub is_default: bool,
    /// `State`.
    pub state: PartitionState,
    /// `QOS`: the name of its own.
    pub qos: Option<String>,
    /// `AllowAccounts` or `DenyAccounts`.
    pub accounts: Admits,
    /// `AllowQos` or `DenyQos`.
    pub job_qos: Admits,
    /// `AllowGroups`; `None` lets all groups in.
    pub groups: Option<Vec<String>>,
    /// `RootOnly`: only root submits.
    pub root_only: bool,
    /// `MaxTime`, in minutes.
    pub max_minutes: Option<u64>,
    /// `MinNodes`.
    pub min_nodes: u64,
    /// `MaxNodes`.
    pub max_nodes: Option<u64>,
    /// `TRESBillingWeights`: names of TRES in lower case, and what one of its unit (a megabyte of memory) is billed.
    pub billing_weights: Option<Vec<(String, f64)>>,
}

/// What may be done in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartitionState {
    /// Jobs are submitted and started.
    #[default]
    Up,
    /// Jobs are submitted, and wait.
    Down,
    /// Jobs that wait are started.
    Drain,
    /// Neither.
    Inactive,
}

/// Whom a list lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Admits {
    /// Everybody.
    #[default]
    All,
    /// Those alone.
    Only(Vec<String>),
    /// Everybody else.
    AllBut(Vec<String>),
}

impl Admits {
    /// Whether it lets a name in. The names of accounts and QOS are lower case.
    pub fn admits(&self, name: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|one| one == name);
        match self {
            Admits::All => true,
            Admits::Only(list) => is_in(list),
            Admits::AllBut(list) => !is_in(list),
        }
    }

    /// Why a partition does not let it in, in squeue's words: `gpu allows a,b not c`.
    pub fn denial(&self, partition: &str, name: &str) -> String {
        match self {
            Admits::All => String::new(),
            Admits::Only(list) => format!("{partition} allows {} not {name}", list.join(",")),
            Admits::AllBut(list) => format!("{partition} denies {} including {name}", list.join(",")),
        }
    }
}
