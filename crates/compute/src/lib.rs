//! One compute node: what master and node tell each other ([`protocol`]), and the processes of jobs on it.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 0 words | [`protocol`] |

pub mod protocol;
