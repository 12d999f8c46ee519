//! Jobs that run: on this machine, and on compute nodes of the lab.

mod cluster;
mod onboarding;
pub mod runs;
mod scripted;
pub mod steps_node;
mod told;
