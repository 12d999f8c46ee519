//! The controller's half: from files that people write to tasks on hosts.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 3 engines | [`runner`], [`sync`] |
//! | 2 ports | [`connection`], [`fleet`], [`local_node`], [`variables`] |
//! | 1 domain | [`audit_log`], [`plan`], [`roster`], [`inventory`], [`playbook`] |
//! | 0 words | [`yaml`], [`template`] |

// Floor 0: reading and rendering.
pub mod template;
pub mod yaml;

// Floor 1: the domain. Functions of values, tested without a host.
pub mod inventory;
pub mod plan;
pub mod playbook;
pub mod roster;

// Floor 2: the way to hosts, and to the machine itself.
pub mod audit_log;
pub mod connection;
pub mod fleet;
pub mod local_node;
pub mod variables;

// Floor 3: engines. They put domain and ports together.
pub mod runner;
pub mod sync;
