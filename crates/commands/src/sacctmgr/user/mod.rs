//! Users (sacctmgr(1), "SPECIFICATIONS FOR USERS").

pub mod add;
pub mod delete;
pub mod modify;
pub mod show;
pub mod words;
