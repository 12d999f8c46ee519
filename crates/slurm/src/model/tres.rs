//! [`Tres`]: a trackable resource, such as `cpu` or `gres/gpu` (tres.shtml).

/// Slurm's number of a TRES; the fixed ones are 1 to 8, configured ones start at 1001.
pub type TresId = u32;

/// `cpu`.
pub const CPU: TresId = 1;
/// `mem`, counted in megabytes.
pub const MEM: TresId = 2;
/// `node`.
pub const NODE: TresId = 4;
/// `billing`.
pub const BILLING: TresId = 5;
/// The first id of a configured TRES.
pub const FIRST_CONFIGURED: TresId = 1001;

/// The TRES that exist on every cluster.
pub const FIXED: [(TresId, &str, &str); 8] = [
    (1, "cpu", ""),
    (2, "mem", ""),
    (3, "energy", ""),
    (4, "node", ""),
    (5, "billing", ""),
    (6, "fs", "disk"),
    (7, "vmem", ""),
    (8, "pages", ""),
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
