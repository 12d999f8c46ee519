//! Numbers and names of things; the ones that accounting gives are named here alone.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

pub use slurm::model::{AssociationId, JobId, QosId, TresId};
pub use words::people::{Gid, Uid};

/// Seconds since 1970.
pub type Time = i64;

/// Which run of a job, from 0 (squeue's `Restarts`). What a node says of an earlier one is not about this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The run after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Name of a node (slurm.conf(5), `NodeName`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NodeName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One connection of a node to the master; later ones have greater numbers. What comes in an earlier one is too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeSession(pub u64);

/// From one start of a node's kernel to the next: what ran in an earlier one is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot(pub u128);
