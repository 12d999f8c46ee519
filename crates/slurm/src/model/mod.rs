//! What the accounting service keeps, in Slurm's words: one file an idea (slurm_reference, "The accounting data model").

pub mod association;
pub mod entities;
pub mod event;
pub mod federation;
pub mod ids;
pub mod limits;
pub mod qos;
pub mod resource;
pub mod tres;
pub mod wckey;

pub use association::{Association, AssociationKey, QosSet, Shares, UsageReset};
pub use entities::{Account, Action, AdminLevel, Classification, Cluster, Coordinator, Transaction, User};
pub use event::{Event, Reservation, ReservationKey, TresCounts};
pub use federation::{Federation, FederationState, Membership};
pub use ids::{AssociationId, JobId, JobRow, QosId, ReservationId, ResourceId, TresId, WckeyId};
pub use limits::{Limit, LimitChange, LimitKey, Limits};
pub use qos::Qos;
pub use resource::Resource;
pub use tres::Tres;
pub use wckey::{Wckey, WckeyKey};
pub use words::ids::or_zero;
