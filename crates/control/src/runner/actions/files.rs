//! Finding the controller's files that tasks name.

use crate::runner::actions::Context;
use host::change::outcome::Failure;
use std::path::{Path, PathBuf};

/// Reads the file that a task calls `name`; `kind` is the folder of such files beside the playbook.
pub fn read(name: &str, kind: &str, context: &Context) -> Result<(PathBuf, Vec<u8>), Failure> {
    let path = find(name, kind, context)?;
    if path.is_dir() {
        return Err(Failure::new(format!("{} is a directory, and a file is needed", path.display())));
    }
    let content = std::fs::read(&path)
        .map_err(|error| Failure::new(format!("cannot read {} on the controller: {error}", path.display())))?;
    Ok((path, content))
}

/// Where the file or directory is that a task calls `name`, on the same search.
pub fn find(name: &str, kind: &str, context: &Context) -> Result<PathBuf, Failure> {
    let candidates: Vec<PathBuf> = if Path::new(name).is_absolute() {
        vec![PathBuf::from(name)]
    } else {
        context.directories.iter().flat_map(|dir| [dir.join(kind).join(name), dir.join(name)]).collect()
    };
    if let Some(found) = candidates.iter().find(|path| path.exists()) {
        return Ok(found.clone());
    }
    let searched: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
    Err(Failure::new(format!("Could not find or access '{name}' on the controller."))
        .hint(format!("searched in: {}", searched.join(", "))))
}
