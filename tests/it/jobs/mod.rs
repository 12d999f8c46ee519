//! Jobs that run: on this machine, and on compute nodes of the lab.

mod clients;
pub mod cluster;
mod faults;
mod leavers;
mod onboarding;
mod private;
pub mod runs;
mod scripted;
mod site;
mod sstat;
mod steps;
mod steps_login;
pub mod steps_node;
mod suspended;
mod told;
