//! The map of the house.
//!
//! `enlist` onboards people onto HPC/AI clusters. Everything that it changes is a *resource* with three steps and a
//! value between each: observe → state, diff (pure) → [`change::Change`], apply. Check mode and `plan` stop before the
//! last step; see `docs/architecture.md`.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 4 people | [`cli`], [`view`] |
//! | 3 engines | [`runner`], [`modules`], [`sync`], [`daemon`] |
//! | 2 ports | [`connection`], [`system`], [`scheduler`], [`store`] |
//! | 1 domain | [`change`], [`roster`], [`identity`], [`accounting`], [`inventory`], [`playbook`] |
//! | 0 words | [`diag`], [`value`], [`text`], [`template`] |
//!
//! What is not behind the `controller` feature is also compiled into `enlist-agent`, the small static program that
//! runs on hosts.

// Floor 0: words and values. No I/O, no other floor.
pub mod diag;
#[cfg(feature = "controller")]
pub mod template;
pub mod text;
pub mod value;

// Floor 1: the domain, pure. Functions of values, tested without a host.
#[cfg(feature = "controller")]
pub mod accounting;
pub mod change;
pub mod identity;
#[cfg(feature = "controller")]
pub mod inventory;
#[cfg(feature = "controller")]
pub mod playbook;
#[cfg(feature = "controller")]
pub mod roster;

// Floor 2: ports. A trait, its real forms, its fake.
pub mod connection;
pub mod scheduler;
#[cfg(feature = "controller")]
pub mod store;
pub mod system;

// Floor 3: engines. They put domain and ports together.
#[cfg(feature = "controller")]
pub mod daemon;
pub mod modules;
#[cfg(feature = "controller")]
pub mod runner;
#[cfg(feature = "controller")]
pub mod sync;

// Floor 4: the people's side.
#[cfg(feature = "controller")]
pub mod cli;
#[cfg(feature = "controller")]
pub mod view;
