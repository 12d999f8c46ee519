//! Power cuts: what is on the disk then is the file and some beginning of its log, perhaps with a torn end.

use super::*;
use std::fs::{copy, read, write};

const COMMITS: usize = 40;

fn user(name: &str) -> User {
    User { name: name.into(), admin_level: AdminLevel::None, deleted: false }
}

/// `u00`, `u01`, …: as many as a store has, which must be the first ones.
fn prefix(path: &Path) -> usize {
    let state = Store::open(path).unwrap().load().unwrap();
    let names: Vec<_> = state.users.values().map(|user| user.name.clone()).collect();
    let expected: Vec<_> = (0..names.len()).map(|n| format!("u{n:02}")).collect();
    assert_eq!(names, expected, "what is there is a beginning of what was written");
    names.len()
}

struct Written {
    directory: tempfile::TempDir,
    store: Store,
    /// Length of the log after each commit, when it was said to be on disk.
    synced: Vec<usize>,
}

fn written() -> Written {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("a.db")).unwrap();
    let mut state = State::default();
    let mut synced = Vec::new();
    for n in 0..COMMITS {
        let name = format!("u{n:02}");
        state.users.put(name.clone(), user(&name));
        save(&mut store, &state).unwrap();
        state.commit();
        synced.push(read(directory.path().join("a.db-wal")).unwrap().len());
    }
    Written { directory, store, synced }
}

impl Written {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// How many commits a copy has whose log ends like this.
    fn cut(&self, log: &[u8]) -> usize {
        copy(self.path("a.db"), self.path("cut.db")).unwrap();
        write(self.path("cut.db-wal"), log).unwrap();
        let _ = std::fs::remove_file(self.path("cut.db-shm"));
        prefix(&self.path("cut.db"))
    }
}

#[test]
fn a_log_cut_anywhere_keeps_every_commit_that_was_synced() {
    let written = written();
    let log = read(written.path("a.db-wal")).unwrap();
    let first = written.synced[0];
    for cut in (first..=log.len()).step_by((log.len() - first) / 61) {
        let synced = written.synced.iter().filter(|length| **length <= cut).count();
        assert_eq!(written.cut(&log[..cut]), synced, "cut at {cut}");
        // The last sectors were being written: they hold something else.
        let mut torn = log[..cut].to_vec();
        torn.extend([0xa5; 700]);
        assert_eq!(written.cut(&torn), synced, "torn at {cut}");
    }
}

#[test]
fn a_checkpoint_cut_anywhere_loses_nothing() {
    let written = written();
    let before = read(written.path("a.db")).unwrap();
    let passive = "PRAGMA wal_checkpoint(PASSIVE)";
    written.store.connection.query_row(passive, [], |_| Ok(())).unwrap();
    let (after, log) = (read(written.path("a.db")).unwrap(), read(written.path("a.db-wal")).unwrap());
    assert_ne!(before, after);
    for keep in 1..8 {
        // Some sectors have reached the disk and some have not, in no order.
        let mut torn = after.clone();
        for (index, sector) in torn.chunks_mut(512).enumerate().filter(|(index, _)| index % keep == 0) {
            let old = before.get(index * 512..).unwrap_or_default();
            let length = old.len().min(sector.len());
            sector[..length].copy_from_slice(&old[..length]);
        }
        write(written.path("torn.db"), &torn).unwrap();
        write(written.path("torn.db-wal"), &log).unwrap();
        let _ = std::fs::remove_file(written.path("torn.db-shm"));
        assert_eq!(prefix(&written.path("torn.db")), COMMITS);
    }
}
