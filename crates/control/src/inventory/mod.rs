//! Which hosts exist, in which groups, with which variables: Ansible's inventories as they are.
//!
//! [`load`] reads every source and the `group_vars` and `host_vars` beside them. The parsers are pure (text in,
//! [`Inventory`] out); what they need of the disk comes through [`files::Files`].
//!
//! Where this differs from Ansible on purpose: a source that cannot be read or parsed is an error with its place, not
//! a warning that leaves hosts out; an executable file is only run if it is a program or starts with `#!`; a numeric
//! range that counts down is an error, not zero hosts.

pub mod files;
mod hostname;
mod ini;
mod line_words;
mod model;
mod pattern;
mod script;
mod source;
#[cfg(test)]
mod tests;
mod vars;
mod yaml;

pub use model::{Group, Host, Inventory};
pub use pattern::{Selection, matches_glob};
pub use vars::Layer;

use files::{Disk, Files};
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// Reads all sources in order (files, directories, scripts, `h1,h2,` lists), later ones over earlier ones, and the
/// variable files beside them and in each of `playbook_dirs`; the first is the one that counts where no play is meant.
///
/// Warnings are collected in [`Inventory::warnings`]. Without any source there is only the implicit localhost.
pub fn load(sources: &[String], playbook_dirs: &[PathBuf]) -> Result<Inventory, Diagnostic> {
    load_from(&Disk, sources, playbook_dirs)
}

/// As [`load`], from other files than the disk's.
pub fn load_from(files: &dyn Files, sources: &[String], playbook_dirs: &[PathBuf]) -> Result<Inventory, Diagnostic> {
    let mut inventory = Inventory::default();
    for name in sources.iter().filter(|name| !name.is_empty()) {
        source::read(&mut inventory, name, files)?;
        let path = Path::new(name);
        let is_list = matches!(files.kind(path), files::Kind::Missing);
        let absolute = std::path::absolute(path).ok().filter(|_| !is_list);
        inventory.sources.push(absolute.map_or_else(|| name.clone(), |path| path.display().to_string()));
    }
    if sources.is_empty() {
        inventory.warn("No inventory was parsed, only implicit localhost is available");
    }
    inventory.reconcile();
    vars::read_beside(&mut inventory, sources, playbook_dirs, files)?;
    Ok(inventory)
}

/// The patterns of `--limit` options, with `@FILE` replaced by the file's lines. Options that are given but say nothing
/// (an empty text or file) are refused: they would select every host.
pub fn limit_patterns(limits: &[String]) -> Result<Vec<String>, Diagnostic> {
    pattern::limit(limits, &Disk)
}

/// The warning about a pattern of [`Selection::unmatched`].
pub fn unmatched(pattern: &str) -> Diagnostic {
    Diagnostic::new(ErrorKind::Input, format!("Could not match supplied host pattern, ignoring: {pattern}"))
}
