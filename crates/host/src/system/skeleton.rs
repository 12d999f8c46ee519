//! What new homes are filled with, read once for all of a request.

use super::{FileKind, Result, System};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Longest content that is kept between homes, in bytes.
const KEPT: u64 = 1 << 20;

/// One name in a skeleton directory.
#[derive(Debug)]
pub struct SkeletonEntry {
    /// The name in its directory.
    pub name: OsString,
    /// Permission bits.
    pub mode: u32,
    /// When it was last modified, in seconds since 1970.
    pub mtime: i64,
    /// What it is.
    pub body: SkeletonBody,
}

/// What an entry of a skeleton is; devices, pipes and sockets are none.
#[derive(Debug)]
pub enum SkeletonBody {
    /// A directory with these entries.
    Directory(Vec<SkeletonEntry>),
    /// A file with this content.
    File(Vec<u8>),
    /// A file that is too long to be kept; it is here.
    LongFile(PathBuf),
    /// A link with this target.
    Link(PathBuf),
}

/// The entries of `directory`; none when it is no directory.
pub fn read(system: &(impl System + ?Sized), directory: &Path) -> Result<Vec<SkeletonEntry>> {
    match system.stat(directory, true)? {
        Some(stat) if stat.kind == FileKind::Directory => entries(system, directory),
        _ => Ok(Vec::new()),
    }
}

fn entries(system: &(impl System + ?Sized), directory: &Path) -> Result<Vec<SkeletonEntry>> {
    let mut found = Vec::new();
    for name in system.list(directory)? {
        let path = directory.join(&name);
        let Some(stat) = system.stat(&path, false)? else { continue };
        let body = match stat.kind {
            FileKind::Directory => SkeletonBody::Directory(entries(system, &path)?),
            FileKind::File if stat.size > KEPT => SkeletonBody::LongFile(path),
            FileKind::File => SkeletonBody::File(system.read(&path)?.unwrap_or_default()),
            FileKind::Link => SkeletonBody::Link(system.read_link(&path)?.unwrap_or_default()),
            FileKind::Other => continue,
        };
        found.push(SkeletonEntry { name, mode: stat.mode, mtime: stat.mtime, body });
    }
    Ok(found)
}
