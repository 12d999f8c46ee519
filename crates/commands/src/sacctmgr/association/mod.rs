//! Associations: cluster, account, user and partition, with limits (sacctmgr(1), "GENERAL SPECIFICATIONS FOR
//! ASSOCIATION BASED ENTITIES"). They are changed and deleted through accounts and users.

pub mod delete;
pub mod modify;
pub mod raw_usage;
pub mod rows;
pub mod show;
