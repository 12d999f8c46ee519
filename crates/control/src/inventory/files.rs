//! The little that inventories need of the disk, behind a trait so that everything else is tested without one.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind, Place, Source};

/// What a path leads to, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, or nothing that may be seen.
    Missing,
    /// A directory.
    Directory,
    /// Anything else.
    File {
        /// Whether someone may execute it.
        executable: bool,
    },
}

/// Where inventories and variable files are read from.
pub trait Files {
    /// What `path` leads to.
    fn kind(&self, path: &Path) -> Kind;
    /// The whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The names in a directory, sorted.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Runs an inventory script to its end.
    fn run(&self, program: &Path, args: &[&str]) -> io::Result<Output>;
}

/// This machine's disk.
pub struct Disk;

impl Files for Disk {
    fn kind(&self, path: &Path) -> Kind {
        match std::fs::metadata(path) {
            Err(_) => Kind::Missing,
            Ok(found) if found.is_dir() => Kind::Directory,
            Ok(found) => Kind::File { executable: found.permissions().mode() & 0o111 != 0 },
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(directory)?;
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<String>>>()?;
        names.sort();
        Ok(names)
    }

    fn run(&self, program: &Path, args: &[&str]) -> io::Result<Output> {
        // An absolute path, since a bare name would be looked up in PATH.
        Command::new(std::path::absolute(program)?).args(args).stdin(Stdio::null()).output()
    }
}

/// A file as text for diagnostics to quote; its first byte that is no UTF-8 is the error's place.
pub(super) fn text(path: &Path, files: &dyn Files) -> Result<Arc<Source>, Diagnostic> {
    let name = path.display().to_string();
    let bytes = files.read(path).map_err(|error| unreadable(&name, &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text.trim_start_matches('\u{feff}'))),
        Err(error) => Err(not_utf8(&name, error.as_bytes(), error.utf8_error().valid_up_to())),
    }
}

/// As [`text`], but comment lines may hold any bytes, as in Ansible's INI inventories.
pub(super) fn text_with_any_comments(path: &Path, files: &dyn Files) -> Result<Arc<Source>, Diagnostic> {
    let name = path.display().to_string();
    let bytes = files.read(path).map_err(|error| unreadable(&name, &error))?;
    let (mut text, mut start) = (String::with_capacity(bytes.len()), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(line) => text += line,
            Err(_) if matches!(line.first(), Some(b'#' | b';')) => text += &String::from_utf8_lossy(line),
            Err(error) => return Err(not_utf8(&name, &bytes, start + error.valid_up_to())),
        }
        start += line.len();
    }
    Ok(Source::new(name, text.trim_start_matches('\u{feff}')))
}

pub(super) fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, format!("cannot read {name}")).note(error.to_string())
}

fn not_utf8(name: &str, bytes: &[u8], at: usize) -> Diagnostic {
    let source = Source::new(name, String::from_utf8_lossy(bytes));
    let before = String::from_utf8_lossy(&bytes[..at]).into_owned();
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
    Diagnostic::input(&Place::new(&source, line, column), "this file is not UTF-8")
        .hint("convert it, for example with `iconv -f EUC-KR -t UTF-8`")
}
