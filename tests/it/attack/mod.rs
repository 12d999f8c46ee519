//! What a hostile host, user or file tries: one file for each kind of attacker. `make test` runs the short form of each,
//! `make attack` the long one, with figures; docs/security.md says what is promised and against whom.

pub mod hostile_agent;
mod injection;
mod jobs;
mod killed;
mod last_door;
mod long_files;
mod master_killed;
mod plans;
mod planted;
mod races;
mod reowned;
mod replies;
mod service;
mod silent;
mod steps;
mod swapped;
mod terminal;

use std::fmt::Display;

/// Whether this is `make attack`, some minutes, rather than `make test`.
pub fn is_long() -> bool {
    std::env::var_os("ENLIST_ATTACK").is_some()
}

/// How often to try: `short` in `make test`, `long` in `make attack`.
pub fn rounds(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// A line of the figures that `make attack` prints, for docs/security.md.
pub fn figure(attack: &str, figures: impl Display) {
    if is_long() {
        println!("attack: {attack}: {figures}");
    }
}
