//! A control node in memory.

use super::{ControlNode, Decide, Entry, EntryKind};
use jiff::Zoned;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use words::text::login_name::LoginName;

/// Files by path, and what else a test puts there. It was started in `/start`, and its clock stands.
pub(crate) struct FakeNode {
    pub files: Mutex<BTreeMap<PathBuf, String>>,
    pub variables: BTreeMap<String, String>,
    pub homes: BTreeMap<String, String>,
    pub now: Zoned,
    /// Whether looking up users fails.
    pub users_are_down: bool,
    /// How often randomness was asked for.
    pub drawn: AtomicU64,
}

impl Default for FakeNode {
    fn default() -> Self {
        FakeNode {
            files: Mutex::default(),
            variables: BTreeMap::new(),
            homes: BTreeMap::new(),
            now: "2031-02-03T04:05:06+09:00[+09:00]".parse().unwrap(),
            users_are_down: false,
            drawn: AtomicU64::new(0),
        }
    }
}

impl FakeNode {
    /// With these files.
    pub(crate) fn with_files(files: &[(&str, &str)]) -> FakeNode {
        let files = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
        FakeNode { files: Mutex::new(files.collect()), ..FakeNode::default() }
    }

    /// What a file holds.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        self.files.lock().unwrap().get(Path::new(path)).cloned()
    }

    fn full(path: &Path) -> PathBuf {
        let full = Path::new("/start").join(path);
        full.components().filter(|part| part.as_os_str() != ".").collect()
    }
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl ControlNode for FakeNode {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let files = self.files.lock().unwrap();
        files.get(&Self::full(path)).map(|text| text.clone().into_bytes()).ok_or_else(missing)
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let (files, path) = (self.files.lock().unwrap(), Self::full(path));
        let inode = files.keys().position(|known| known.starts_with(&path)).ok_or_else(missing)? as u64;
        let kind = if files.contains_key(&path) { EntryKind::File } else { EntryKind::Directory };
        Ok(Entry { kind, device: 1, inode })
    }

    fn entry_or_link(&self, path: &Path) -> io::Result<Entry> {
        self.entry(path)
    }

    fn names_in(&self, directory: &Path) -> io::Result<Vec<String>> {
        let directory = Self::full(directory);
        let files = self.files.lock().unwrap();
        let below = files.keys().filter_map(|path| path.strip_prefix(&directory).ok()?.iter().next()?.to_str());
        Ok(below.map(str::to_owned).collect::<std::collections::BTreeSet<_>>().into_iter().collect())
    }

    fn resolved(&self, path: &Path) -> io::Result<PathBuf> {
        self.entry(path).map(|_| Self::full(path))
    }

    fn directory(&self) -> io::Result<PathBuf> {
        Ok("/start".into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn home_of(&self, user: &LoginName) -> io::Result<Option<String>> {
        if self.users_are_down { Err(missing()) } else { Ok(self.homes.get(user.as_str()).cloned()) }
    }

    /// Says what it was asked; `false` fails.
    fn shell(&self, command: &str, directory: Option<&Path>) -> Result<String, String> {
        if command == "false" {
            return Err("`false` failed".into());
        }
        Ok(format!("{command}\nin {}\n", directory.unwrap_or(Path::new("/start")).display()))
    }

    fn now(&self) -> Zoned {
        self.now.clone()
    }

    /// Different each time, and the same in each test.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let turn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut state = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        Ok(())
    }

    fn settle(&self, path: &Path, decide: Decide<'_>) -> Result<(), String> {
        let (mut files, path) = (self.files.lock().unwrap(), Self::full(path));
        if let Some(text) = decide(files.get(&path).map(String::as_str))? {
            files.insert(path, text);
        }
        Ok(())
    }
}
