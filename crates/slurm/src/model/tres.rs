//! [`Tres`]: a trackable resource, such as `cpu` or `gres/gpu` (tres.shtml).

use super::ids::TresId;

/// `cpu`.
pub const CPU: TresId = TresId(1);
/// `mem`, counted in megabytes.
pub const MEM: TresId = TresId(2);
/// `energy`, counted in joules.
pub const ENERGY: TresId = TresId(3);
/// `node`.
pub const NODE: TresId = TresId(4);
/// `billing`.
pub const BILLING: TresId = TresId(5);
/// `fs/disk`.
pub const DISK: TresId = TresId(6);
/// `vmem`, counted in megabytes.
pub const VMEM: TresId = TresId(7);
/// `pages`.
pub const PAGES: TresId = TresId(8);
/// The first id of a configured TRES.
pub const FIRST_CONFIGURED: TresId = TresId(1001);

/// The TRES that exist on every cluster.
pub const FIXED: [(TresId, &str, &str); 8] = [
    (CPU, "cpu", ""),
    (MEM, "mem", ""),
    (ENERGY, "energy", ""),
    (NODE, "node", ""),
    (BILLING, "billing", ""),
    (DISK, "fs", "disk"),
    (VMEM, "vmem", ""),
    (PAGES, "pages", ""),
];

/// A trackable resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tres {
    /// Its number.
    pub id: TresId,
    /// `cpu`, `gres`, `license` ….
    pub kind: String,
    /// What comes after the slash; empty for `cpu` and the like.
    pub name: String,
}

impl Tres {
    /// From `type` or `type/name`.
    pub fn new(id: TresId, full: &str) -> Self {
        let (kind, name) = full.split_once('/').unwrap_or((full, ""));
        Self { id, kind: kind.to_owned(), name: name.to_owned() }
    }

    /// `type` or `type/name`.
    pub fn full_name(&self) -> String {
        if self.name.is_empty() { self.kind.clone() } else { format!("{}/{}", self.kind, self.name) }
    }
}
