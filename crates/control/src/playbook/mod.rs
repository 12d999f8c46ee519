//! Playbooks as they are written: plays, blocks, tasks and handlers, every piece with its place.
//!
//! Parsing is pure; imported files come through [`Files`]. Nothing here knows which modules exist.

mod include;
mod keywords;
pub mod model;
mod parse;
mod reader;
mod search;
mod task;
#[cfg(test)]
mod tests;

pub use include::{TaskFile, read_tasks};
pub use keywords::Keywords;
pub use model::{Action, Block, Expr, Include, Item, Loop, Play, Playbook, Task};
pub use parse::parse;
pub use reader::Files;
pub use search::Search;
