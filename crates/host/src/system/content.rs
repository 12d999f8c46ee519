//! [`Content`]: what a file shall hold.

use std::path::PathBuf;

/// What a file shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What a regular file of the host holds, which may be longer than memory.
    Copy {
        /// The file.
        from: PathBuf,
        /// Its length in bytes when it was looked at.
        size: u64,
        /// The SHA-1 of its content when it was looked at, in hex: whoever changes it meanwhile is found out.
        sha1: String,
    },
}

impl Content {
    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Copy { size, .. } => *size,
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::Bytes(bytes)
    }
}
