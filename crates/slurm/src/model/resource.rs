//! [`Resource`]: licences that the accounting service deals out to clusters (licenses.shtml, "Remote Licenses").

use super::ids::ResourceId;
use std::collections::BTreeMap;

/// What is told apart by name and server. Licences are the only type that Slurm 22.05 has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its number.
    pub id: ResourceId,
    /// Lower-case name.
    pub name: String,
    /// The server that hands them out; `slurmdb` unless said otherwise.
    pub server: String,
    /// Free text, lower-cased as Slurm does.
    pub description: String,
    /// The kind of server, such as `flexlm`; empty when not said.
    pub server_type: String,
    /// How many there are in all.
    pub count: u32,
    /// Percent of them that each cluster may use; 100 in all at most.
    pub allowed: BTreeMap<String, u16>,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

impl Resource {
    /// `name@server`.
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.name, self.server)
    }

    /// Percent dealt out to all clusters together.
    pub fn allocated(&self) -> u32 {
        self.allowed.values().map(|percent| u32::from(*percent)).sum()
    }
}
