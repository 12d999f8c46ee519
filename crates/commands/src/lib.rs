//! Slurm's command lines, pure: what is typed and what is printed.
//!
//! [`sacctmgr::run`] takes a [`slurm::State`], a caller and a command line, changes the state and gives the text that
//! sacctmgr would print. The service commits the change to its store or takes it back.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 1 programs | [`sacctmgr`], [`sacct`], [`sreport`], [`sshare`], [`migrate`] |
//! | 0 what they print | [`cluster`], [`columns`], [`output`], [`program`], [`reply`] |

pub mod cluster;
pub mod columns;
pub mod migrate;
pub mod output;
mod program;
mod reply;
pub mod sacct;
pub mod sacctmgr;
pub mod sreport;
pub mod sshare;

pub use output::Output;
pub use program::SlurmProgram;
pub use reply::{Reply, Then};
