//! Accounts (sacctmgr(1), "SPECIFICATIONS FOR ACCOUNTS").

pub mod add;
pub mod delete;
pub mod modify;
pub mod show;
pub mod words;
