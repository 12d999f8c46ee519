//! The scheduler's core inside the service: how it meets accounting, nodes and people.
//!
//! The writer's thread alone changes the core ([`CoreTurn`]); readers get copies of what is kept
//! ([`CoreCell::view`]), and nodes their orders from mailboxes when the rows behind them are on disk. Without a
//! `NodeName` line there is no core.

mod attendance;
mod begin;
mod bells;
mod cell;
mod clock;
mod commands;
mod figures;
pub mod interactive;
mod launch;
mod live_usage;
mod mailbox;
pub mod nodes;
pub mod peer;
mod planner;
mod steps;
pub mod submit;
#[cfg(test)]
mod tests;
mod turn;
mod usage;

pub use attendance::{Attendance, Presence, owner};
pub use begin::restored;
pub use bells::JobBell;
pub use cell::CoreCell;
pub use cell::lock;
pub use clock::{now, until};
pub use mailbox::SessionOver;
pub use planner::Planner;
pub use turn::CoreTurn;
pub use usage::UsageFeed;
