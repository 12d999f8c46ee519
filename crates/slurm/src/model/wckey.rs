//! [`Wckey`]: a workload characterization key, a word that groups jobs across accounts (sacctmgr(1), "wckeys").

use super::ids::WckeyId;

/// What identifies a wckey: (user, cluster, name). By user first, since that is how they are looked up.
pub type WckeyKey = (String, String, String);

/// One user's permission to use one key on one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wckey {
    /// Its number.
    pub id: WckeyId,
    /// Who.
    pub user: String,
    /// Where.
    pub cluster: String,
    /// The key, lower case; may be empty.
    pub name: String,
    /// Whether the user's jobs on the cluster get it when they name none.
    pub is_default: bool,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

impl Wckey {
    /// What identifies it.
    pub fn key(&self) -> WckeyKey {
        (self.user.clone(), self.cluster.clone(), self.name.clone())
    }
}
