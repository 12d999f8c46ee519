//! One host: what is on it, and what changes it. The agent, the small static program that runs on hosts, is this
//! library's binary.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 5 programs | [`agent`] |
//! | 4 modules | [`modules`] |
//! | 3 engines | [`engine`] |
//! | 2 ports | [`protocol`], [`system`], [`books`] |
//! | 1 domain | [`change`], [`identity`], [`parameters`] |

// Floor 1: pure. Functions of values, tested without a host.
pub mod change;
pub mod identity;
pub mod parameters;

// Floor 2: ports. A trait, its real forms, its fake.
pub mod books;
pub mod protocol;
pub mod system;

// Floor 3: what a module is, and how it runs.
pub mod engine;

// Floor 4: they put domain and ports together.
pub mod modules;

// Floor 5: what answers a controller.
pub mod agent;
