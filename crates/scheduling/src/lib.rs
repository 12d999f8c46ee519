//! The scheduler's core, pure: jobs, nodes, partitions, the queue, priority, selection and backfill. Events go in; rows,
//! orders to nodes and answers come out ([`Core`]). Nothing here does I/O or reads a clock; `docs/scheduling.md` is how it
//! works.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 4 the core | [`engine`] |
//! | 3 what goes in and out | [`event`], [`live`], [`request`] |
//! | 2 rules | [`backfill`], [`lines`], `placing`, `pool`, [`priority`], `queue`, `selection`, [`tally`], `timeline`, `timers` |
//! | 1 values | [`array`], [`config`], [`demand`], [`dependency`], [`job`], [`node`], [`reason`], [`step`] |
//! | 0 words | [`id`], [`measured`], [`units`] |

pub mod array;
pub mod backfill;
pub mod config;
pub mod demand;
pub mod dependency;
pub mod engine;
pub mod event;
pub mod id;
pub mod job;
pub mod lines;
pub mod live;
pub mod measured;
pub mod node;
mod placing;
mod pool;
pub mod priority;
mod queue;
pub mod reason;
pub mod request;
mod selection;
pub mod step;
pub mod tally;
mod timeline;
mod timers;
pub mod units;

pub use engine::{Core, NodeUse, Present, Wait};
