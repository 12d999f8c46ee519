//! Federations: clusters that schedule together (federation.shtml).

use std::collections::BTreeSet;

/// A federation. Who is in it is said by the clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// Lower-case name.
    pub name: String,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

/// A cluster's place in a federation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The federation; empty for none.
    pub federation: String,
    /// The cluster's number in it, from 1; 0 for none.
    pub id: u32,
    /// What the cluster does with federated jobs.
    pub state: FederationState,
    /// Words that jobs may ask for.
    pub features: BTreeSet<String>,
}

/// What a cluster does with federated jobs (sacctmgr(1), "FedState").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FederationState {
    /// In no federation.
    #[default]
    None,
    /// Takes and runs them.
    Active,
    /// Neither takes nor runs them.
    Inactive,
    /// Takes no new ones.
    Drain,
    /// Takes no new ones and leaves the federation when the last one has ended.
    DrainRemove,
}

impl FederationState {
    /// All of them.
    pub const ALL: [FederationState; 5] = [Self::None, Self::Active, Self::Inactive, Self::Drain, Self::DrainRemove];

    /// As `show federation` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NA",
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Drain => "DRAIN",
            Self::DrainRemove => "DRAIN+REMOVE",
        }
    }

    /// Slurm's number (`FedStateRaw`): a state in the lower four bits, 0x10 for drain, 0x20 for remove.
    pub fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Active => 1,
            Self::Inactive => 2,
            Self::Drain => 0x11,
            Self::DrainRemove => 0x31,
        }
    }

    /// From [`FederationState::number`].
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }
}
