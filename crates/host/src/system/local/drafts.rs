//! What has been written and is not on the disk yet: many new files share one sync, see [`System::draft`].
//!
//! [`System::draft`]: crate::system::System::draft

use super::place::{Place, directory_to_read};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::os::fd::OwnedFd;

/// The file systems that hold drafts: of each, by its device number, one directory held open.
#[derive(Default)]
pub(super) struct Drafts(BTreeMap<u64, OwnedFd>);

impl Drafts {
    /// Something was made or named at a place, without a sync of its own.
    pub fn note(&mut self, place: &Place) -> io::Result<()> {
        let device = rustix::fs::fstat(&place.directory)?.st_dev;
        if let Entry::Vacant(free) = self.0.entry(device) {
            free.insert(directory_to_read(&place.directory)?);
        }
        Ok(())
    }

    /// Waits until all of it is on the disk. Every file system is tried; the first failure is told.
    ///
    /// What else waits to be written on these file systems is written, too. Since Linux 5.8 syncfs(2) tells what the disk
    /// could not write; before, a disk that fails is told by the kernel's log and by what is read later.
    pub fn sync(&mut self) -> io::Result<()> {
        let synced: Vec<_> = std::mem::take(&mut self.0).into_values().map(rustix::fs::syncfs).collect();
        Ok(synced.into_iter().collect::<rustix::io::Result<()>>()?)
    }
}
