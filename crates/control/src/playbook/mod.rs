//! Playbooks as they are written: plays, blocks, tasks and handlers, every piece with its place.
//!
//! Parsing is pure; imported files come through [`Files`]. Nothing here knows which modules exist.

mod keywords;
pub mod model;
mod parse;
mod task;
#[cfg(test)]
mod tests;

pub use keywords::Keywords;
pub use model::{Action, Block, Expr, Item, Loop, Play, Playbook, Task};
pub use parse::{Files, parse};
