//! The ledger of numbers as a file: held while numbers are given out, and only added to.

use std::fs::File;
use std::io::{ErrorKind as ErrorOf, Read, Write};
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// A ledger that nobody else adds to as long as this lives.
pub struct Ledger {
    file: File,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger to add to it, and locks it. One that is not there is an error unless a new one is wanted: with a name that
    /// is misspelt, all numbers would begin anew.
    pub fn hold(path: &Path, new: bool) -> Result<Self, Diagnostic> {
        let opened = File::options().read(true).append(true).create(new).open(path);
        let file = opened.map_err(|error| match error.kind() {
            ErrorOf::NotFound => missing(path),
            _ => cannot(path, &error.to_string()),
        })?;
        file.lock().map_err(|error| cannot(path, &format!("it cannot be locked: {error}")))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Refuses one that has not what was read of it: the same number could be given twice.
    pub fn refuse_other_than(&mut self, read: &str) -> Result<(), Diagnostic> {
        let mut there = Vec::new();
        self.file.read_to_end(&mut there).map_err(|error| cannot(&self.path, &error.to_string()))?;
        if there == read.as_bytes() {
            return Ok(());
        }
        Err(cannot(&self.path, "somebody else has added to it meanwhile").hint("run the command again"))
    }

    /// Adds lines at the end, and waits until they are on the disk.
    pub fn add(&mut self, lines: &str) -> Result<(), Diagnostic> {
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| cannot(&self.path, &error.to_string()))
    }
}

/// That there is none where there must be one.
pub fn missing(path: &Path) -> Diagnostic {
    let hint = "if this roster never had one: enlist roster number --new; else get it from git";
    cannot(path, "there is none").hint(hint)
}

fn cannot(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::new(ErrorKind::Input, format!("cannot write the ledger {}: {why}", path.display()))
}
