//! One host: what is on it, and what changes it. The agent, the small static program that runs on hosts, is this
//! library's binary.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 3 engines | [`modules`] |
//! | 2 ports | [`protocol`], [`system`], [`books`] |
//! | 1 domain | [`change`], [`identity`] |

// Floor 1: pure. Functions of values, tested without a host.
pub mod change;
pub mod identity;

// Floor 2: ports. A trait, its real forms, its fake.
pub mod books;
pub mod protocol;
pub mod system;

// Floor 3: they put domain and ports together.
pub mod modules;
