//! What a file that is replaced leaves to the one that takes its place: owner, mode, access control list, label and all
//! other extended attributes. Access never becomes wider by a change of content.

use super::Attributes;
use rustix::fs::{Gid, Mode, Uid, XattrFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The access control list of acl(5).
const ACCESS_LIST: &str = "system.posix_acl_access";
/// Largest list of names and largest value, in bytes: XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel.
const LARGEST: usize = 65_536;

/// Attributes that belong to the old content or to the file system, not to the file: capabilities (a new program did
/// not get them), signatures of the content, and what XFS, overlayfs and Lustre keep in extended attributes for
/// themselves, as attr(5)'s xattr.conf lists it.
const NOT_KEPT: [&str; 8] = [
    "security.capability",
    "security.ima",
    "security.evm",
    "trusted.SGI_",
    "trusted.overlay.",
    "lustre.",
    "afs.",
    "xfsroot.",
];
/// Lustre's own, which have no prefix in common.
const LUSTRE: [&str; 9] = ["lov", "lma", "lmv", "link", "fid", "hsm", "som", "dmv", "version"];

/// Gives `new`, which nobody else can open yet, what `wanted` says, and for the rest what `old` has; `default_mode` is
/// for a file that replaces nothing. `old` may have been opened with O_PATH.
///
/// An access list or another attribute that cannot be kept is an error: without its list, the group's bits of the mode,
/// which are the list's mask, would let the whole group in.
pub fn take_over(new: &File, old: Option<BorrowedFd>, wanted: Attributes, default_mode: u32) -> io::Result<()> {
    let stat = old.map(rustix::fs::fstat).transpose()?;
    let uid = wanted.uid.map(|uid| uid.0).or(stat.as_ref().map(|stat| stat.st_uid));
    let gid = wanted.gid.map(|gid| gid.0).or(stat.as_ref().map(|stat| stat.st_gid));
    // Owner before mode: a change of owner clears set-user-id bits.
    rustix::fs::fchown(new, uid.map(Uid::from_raw), gid.map(Gid::from_raw))?;
    if let Some(old) = old {
        copy_attributes(old, new)?;
    }
    let mode = wanted.mode.or(stat.map(|stat| stat.st_mode & 0o7777)).unwrap_or(default_mode);
    Ok(rustix::fs::fchmod(new, Mode::from_raw_mode(mode))?)
}

fn copy_attributes(old: BorrowedFd, new: &File) -> io::Result<()> {
    // The magic link leads to what was opened; calls that take a descriptor refuse one with O_PATH.
    let path = format!("/proc/self/fd/{}", old.as_raw_fd());
    let names = names(&path)?;
    if !names.iter().any(|name| name == ACCESS_LIST) {
        drop_inherited_list(new)?;
    }
    for name in names.iter().filter(|name| is_kept(name)) {
        copy_attribute(&path, new, name).map_err(|error| {
            io::Error::new(error.kind(), format!("the attribute {name} of the old file cannot be kept: {error}"))
        })?;
    }
    Ok(())
}

/// A directory's default list has been given to the new file; the old one did not have it.
fn drop_inherited_list(new: &File) -> io::Result<()> {
    match rustix::fs::fremovexattr(new, ACCESS_LIST) {
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        other => Ok(other?),
    }
}

/// The names of all attributes that this process may see; none where the file system has none.
fn names(path: &str) -> io::Result<Vec<String>> {
    let mut list = vec![0; LARGEST];
    match rustix::fs::listxattr(path, &mut list[..]) {
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        length => list.truncate(length?),
    }
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

fn is_kept(name: &str) -> bool {
    let is_lustre = name.strip_prefix("trusted.").is_some_and(|own| LUSTRE.contains(&own));
    !is_lustre && !NOT_KEPT.iter().any(|other| name.starts_with(other))
}

fn copy_attribute(path: &str, new: &File, name: &str) -> io::Result<()> {
    let mut value = vec![0; LARGEST];
    match rustix::fs::getxattr(path, name, &mut value[..]) {
        // Taken away meanwhile.
        Err(Errno::NODATA) => return Ok(()),
        length => value.truncate(length?),
    }
    match rustix::fs::fsetxattr(new, name, &value, XattrFlags::empty()) {
        Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP | Errno::INVAL) if may_be_lost(name) => Ok(()),
        other => Ok(other?),
    }
}

/// What only root, or only the file system itself, can set: a label that the kernel gives anyway, and the unknown.
fn may_be_lost(name: &str) -> bool {
    let is_for_users = ["system.", "user."].iter().any(|known| name.starts_with(known));
    let is_label_as_root = name.starts_with("security.") && nix::unistd::geteuid().is_root();
    !is_for_users && !is_label_as_root
}
