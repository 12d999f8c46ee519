//! Directories: people and groups kept in LDAP instead of in each host's account files.
//!
//! To the roster a directory is a place as a host is one: it takes the same calls (`group`, `user`, `authorized_key`,
//! `accounts`), predicts them in a dry run, and carries them out. So plan, guards, conflicts and apply know nothing of LDAP.
//!
//! Imports look down only; `tests/it/floors.rs` enforces this table:
//!
//! | floor | modules |
//! |---|---|
//! | 4 port's forms | [`ldap`] |
//! | 3 rules | [`accounts`] |
//! | 2 kinds of servers | [`dialects`] |
//! | 1 values | [`schema`], [`settings`] |
//! | 0 words | [`dn`], [`entry`] |

// Floor 0: what LDAP is made of.
pub mod dn;
pub mod entry;

// Floor 1: what one directory is like.
pub mod schema;
pub mod settings;

// Floor 2: what each kind of server calls things, and wants.
pub mod dialects;

// Floor 3: what a call would change. Pure.
pub mod accounts;

// Floor 4: the way to a server.
pub mod ldap;

use host::change::outcome::ItemResult;
use settings::Settings;
use words::diag::Diagnostic;
use words::value::Map;

/// A directory as the roster's engine sees it.
pub trait Directory: Send + Sync {
    /// What the roster says about it.
    fn settings(&self) -> &Settings;

    /// One of the roster's modules over `items`, one result an item, in order.
    ///
    /// With `check` nothing is written, and what earlier items would have written is seen by later ones. Without it, each
    /// write holds only if the entry still is as it was when it was last looked at. `accounts` looks anew at everything.
    ///
    /// An error means that the directory cannot be asked, or that what it says is not all of it: then nothing is known of it.
    fn call(&self, module: &str, items: &[Map], check: bool) -> Result<Vec<ItemResult>, Diagnostic>;
}
