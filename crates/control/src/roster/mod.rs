//! The roster: who works here. `roster.yml` as a value, and what is wrong with it.
//!
//! The model says what was written and nothing more: a field that was left out is `None` and means "leave alone";
//! leaving out a whole person means nothing at all. Removing is always written down, as `state: absent`. The schema
//! for people is `docs/roster.md`.

pub mod adoption;
pub mod calendar;
pub mod checks;
pub mod claims;
mod directories;
pub mod edit;
mod engagements;
pub mod excerpt;
pub mod files;
pub mod guards;
pub mod homes;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod load;
mod model;
pub mod names;
mod nis;
mod person;
pub mod proposals;
mod reader;
pub mod schema;
pub mod shape;
pub mod standing;
mod table;

pub use checks::{CHECKS, Check};
pub use directories::DirectoryEntry;
pub use engagements::{Engagement, EngagementKind};
pub use load::{load, load_files, today};
pub use model::{
    Account, Coordinator, FirstPassword, Group, Key, Leavers, Member, Qos, Roster, State, SudoRight, User, Written,
};
pub use nis::NisEntry;
pub(crate) use person::{is_hash, sudo_problem};
pub use standing::{Expiry, PersonState, Tenure};

#[cfg(test)]
mod tests;
