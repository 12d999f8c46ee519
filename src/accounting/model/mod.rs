//! What the accounting service keeps, in Slurm's words: one file an idea (slurm_reference, "The accounting data model").

pub mod association;
pub mod entities;
pub mod limits;
pub mod qos;
pub mod tres;

pub use association::{Association, AssociationId, AssociationKey, QosSet, Shares};
pub use entities::{Account, Action, AdminLevel, Cluster, Coordinator, Transaction, User};
pub use limits::{Limit, Limits};
pub use qos::{Qos, QosId};
pub use tres::{Tres, TresId};
