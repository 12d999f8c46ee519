//! Words and values that all parts share. No I/O; stands on nothing else here.
//!
//! [`diag`] says what is wrong and where; [`value`] is plain data; [`text`] holds the small grammars (limits, host lists,
//! times of Slurm) and the widths of what people read; [`ids`] are numbers that name things; [`people`] is the port through which users and groups are asked for.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 1 words | [`diag`], [`people`], [`value`] |
//! | 0 letters | [`ids`], [`raw`], [`text`] |

pub mod diag;
pub mod ids;
pub mod people;
pub mod raw;
pub mod text;
pub mod value;
