//! What runs on a master and on login nodes: the store, the daemon over it, the forwarder to it.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 3 engines | [`daemon`] |
//! | 2 ports | [`store`] |

pub mod daemon;
pub mod store;
