//! What people see. Code says *labels* ([`styles::Style`]); colours come from one table and only reach a terminal.

pub mod audit;
pub mod calendar;
pub mod diff;
pub mod doc;
pub mod explain;
pub mod fold;
#[cfg(test)]
mod generations;

pub mod live;
pub mod log;
pub mod page;
pub mod plan;
pub mod play;
pub mod play_json;
pub mod proof;
pub mod review;
pub mod status;
pub mod styled;
pub mod styles;
pub mod user;
pub mod ways_in;
pub mod why;
