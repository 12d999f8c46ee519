//! Who may do what (slurm_reference, "Who may do what").

use super::State;
use super::model::{AdminLevel, AssociationKey};

/// Who asks, as the kernel says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller's user number.
    pub uid: u32,
    /// The name that the number has on this host; empty when it has none.
    pub name: String,
}

impl Caller {
    /// root on this host.
    pub fn root() -> Self {
        Self { uid: 0, name: "root".into() }
    }

    /// What the caller may administer: root everything, others what their user row says.
    pub fn level(&self, state: &State) -> AdminLevel {
        match self.uid {
            0 => AdminLevel::Administrator,
            _ => state.user(&self.name).map_or(AdminLevel::None, |user| user.admin_level),
        }
    }

    /// Whether the caller is at least an operator.
    pub fn is_operator(&self, state: &State) -> bool {
        self.level(state) >= AdminLevel::Operator
    }

    /// Whether the caller is an administrator.
    pub fn is_administrator(&self, state: &State) -> bool {
        self.level(state) == AdminLevel::Administrator
    }

    /// Whether the caller coordinates the account on the cluster, or one above it.
    pub fn coordinates(&self, state: &State, cluster: &str, account: &str) -> bool {
        let mut next = state.find(&AssociationKey::account(cluster, account));
        while let Some(row) = next {
            if state.coordinators.get(&(row.key.account.clone(), self.name.clone())).is_some() {
                return true;
            }
            next = row.parent.and_then(|id| state.association(id));
        }
        false
    }
}
