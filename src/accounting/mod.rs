//! Slurm's accounting, pure: the model, the association tree, and `sacctmgr` as a function of state.
//!
//! Nothing here does I/O: [`command::run`] takes a [`State`], a caller and a command line, changes the state and gives
//! the text that sacctmgr would print. The daemon commits the change to a store or takes it back.

pub mod admission;
pub mod archive;
pub mod authority;
pub mod columns;
pub mod command;
pub mod fairshare;
pub mod founding;
pub mod jobs;
pub mod migrate;
pub mod model;
pub mod output;
pub mod privacy;
pub mod record;
mod reply;
pub mod rollup;
pub mod runs;
pub mod sacct;
pub mod settings;
pub mod sreport;
pub mod sshare;
pub mod state;
pub mod table;
pub mod tree;

pub use output::Output;
pub use reply::{Reply, Then};
pub use state::State;
