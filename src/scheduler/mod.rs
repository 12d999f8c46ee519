//! How a scheduler's accounting is seen and changed: from its master, by the one interface that the built-in service and
//! real Slurm share (docs/decisions.md, 8).
//!
//! What is here speaks to a host through [`crate::system::System`], so it works in the agent, in a dry run (the built-in
//! service rehearses) and on a fake.

pub mod sacctmgr;
