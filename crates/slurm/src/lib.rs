//! Slurm's accounting, pure: what is true. The model, the tree of associations, limits, admission, fairshare, usage, and
//! the records of past jobs. Nothing here does I/O, and nothing knows how a command is typed or a table printed.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 2 rules | [`admission`], [`archive`], [`authority`], [`fairshare`], [`privacy`], [`settings`] |
//! | 1 what is kept | [`state`], [`table`], [`tree`], [`record`], [`records`], [`rollup`], [`founding`] |
//! | 0 words | [`model`], [`runs`] |

pub mod admission;
pub mod archive;
pub mod authority;
pub mod fairshare;
pub mod founding;
pub mod model;
pub mod privacy;
pub mod record;
pub mod records;
pub mod rollup;
pub mod runs;
pub mod settings;
pub mod state;
pub mod table;
pub mod tree;

pub use state::State;
