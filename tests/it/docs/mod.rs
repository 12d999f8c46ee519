//! What the documentation says is what the product does: pages made from tables are up to date, and what a reader would
//! type or save is typed and saved here. `UPDATE=1` writes the made parts anew.

mod cluster;
pub mod compute;
mod desk;
mod developers;
mod directories;
mod jobs;
mod migration;
mod modules;
pub mod page;
mod readme;
mod roster;
mod service;

use std::path::{Path, PathBuf};

/// A file below `docs/`.
fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// Whether made parts are to be written instead of compared.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some()
}
