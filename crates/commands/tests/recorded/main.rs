//! What the real Slurm said, recorded in `tests/cases`, is what enlist says.

mod admission;
mod fairshare;
mod json;
mod live;
mod site;
mod sprio;
mod stage;
mod workload;
