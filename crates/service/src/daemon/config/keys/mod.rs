//! The table of keys: what each means, how it is read and written.

mod accounting;
mod compute;
mod jobs;
pub(super) mod network;
mod priority;
mod service;

use super::Config;
use super::values::Read;

/// One setting.
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// The file of Slurm that it is from; `None` is our own.
    pub from: Option<&'static str>,
    /// When a change of it takes effect.
    pub applies: Applies,
    /// What it means, in Markdown, units included.
    pub meaning: &'static str,
    /// Reads it; the error says what would be right.
    pub set: fn(&mut Config, &str) -> Read<()>,
    /// Writes it as it is read.
    pub get: fn(&Config) -> String,
}

impl Key {
    /// Whether it is called so, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// When the configuration is read again (SIGHUP).
    OnReload,
    /// When the service starts.
    AtStart,
    /// It is checked and kept for the scheduler.
    Scheduler,
    /// It is checked and kept; nothing acts on it yet, and a warning says so.
    NotYet,
}

/// A part of the table.
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// The whole table.
pub const SECTIONS: &[Section] = &[
    Section { title: "Service", keys: service::KEYS },
    Section { title: "Login nodes", keys: network::KEYS },
    Section { title: "Compute nodes", keys: compute::KEYS },
    Section { title: "Accounting", keys: accounting::KEYS },
    Section { title: "Jobs and nodes", keys: jobs::KEYS },
    Section { title: "Fairshare and priority", keys: priority::KEYS },
    Section { title: "How long records are kept", keys: accounting::RETENTION },
];

/// All keys.
pub fn all() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

const SLURM: Option<&str> = Some("slurm.conf");
const SLURMDBD: Option<&str> = Some("slurmdbd.conf");
