//! Small pieces of text that people and Slurm write: display width, tables, host lists, TRES, durations.

pub mod glob;
pub mod limit;
pub mod width;
pub mod words;
