//! The roster: who works here. `roster.yml` as a value, and what is wrong with it.
//!
//! The model says what was written and nothing more: a field that was left out is `None` and means "leave alone";
//! leaving out a whole person means nothing at all. Removing is always written down, as `state: absent`. The schema
//! for people is `docs/roster.md`.

pub mod adoption;
pub mod checks;
pub mod claims;
mod directories;
pub mod edit;
pub mod excerpt;
pub mod guards;
pub mod homes;
pub mod keys;
pub mod limits;
pub mod load;
mod model;
pub mod names;
pub mod proposals;
mod reader;

pub use checks::{CHECKS, Check};
pub use directories::DirectoryEntry;
pub use load::load;
pub use model::{Account, Coordinator, Expiry, Group, Key, Leavers, Member, Qos, Roster, State, User, Written};

#[cfg(test)]
mod tests;
