//! Slurm's command lines, pure: what is typed and what is printed.
//!
//! [`sacctmgr::run`] takes a [`slurm::State`], a caller and a command line, changes the state and gives the text that
//! sacctmgr would print. The service commits the change to its store or takes it back.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 1 programs | [`job`], [`live_data`], [`migrate`], [`node`], [`sacct`], [`sacctmgr`], [`salloc`], [`sattach`], [`sbatch`], [`sbcast`], [`scancel`], [`scontrol`], [`sdiag`], [`sinfo`], [`sprio`], [`squeue`], [`sreport`], [`srun`], [`sshare`], [`sstat`], [`step`], `tres`, [`why`] |
//! | 0 what they print | [`cluster`], [`columns`], [`data`], [`layout`], [`output`], [`program`], [`reply`], [`signals`] |

pub mod cluster;
pub mod columns;
pub mod data;
pub mod job;
pub mod layout;
pub mod live_data;
pub mod migrate;
pub mod node;
pub mod output;
mod program;
mod reply;
pub mod sacct;
pub mod sacctmgr;
pub mod salloc;
pub mod sattach;
pub mod sbatch;
pub mod sbcast;
pub mod scancel;
pub mod scontrol;
pub mod sdiag;
pub mod signals;
pub mod sinfo;
pub mod sprio;
pub mod squeue;
pub mod sreport;
pub mod srun;
pub mod sshare;
pub mod sstat;
pub mod step;
mod tres;
pub mod why;

pub use output::Output;
pub use program::{LocalProgram, SlurmProgram};
pub use reply::{Reply, Then};
