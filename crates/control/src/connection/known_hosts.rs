//! Is it the right host? known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), checked strictly.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// One line of a known_hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    marker: Marker,
    names: Names,
    /// Key type, such as `ssh-ed25519`.
    pub kind: String,
    key: Vec<u8>,
    /// Where it stands.
    pub place: Place,
}

/// A line of a known_hosts file, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
    CertAuthority,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    /// `|1|salt|hash`: HMAC-SHA1 of one name.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
    /// Comma-separated patterns; true for a negated one.
    Patterns(Vec<(bool, String)>),
}

/// What the files say about a host's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the key that they name.
    Known,
    /// They do not name the host. Another port's key does not count.
    Unknown,
    /// They name another key of the same type.
    Changed(Place),
    /// They name only keys of other types, the first of them here.
    OtherTypes(Place),
    /// The key must never be accepted.
    Revoked(Place),
    /// They name a certificate authority for the host, and no plain key; certificates of hosts cannot be verified.
    OnlyCertified(Place),
}

/// The lines of one file; blank lines, comments and lines that make no sense are left out, as ssh does.
pub fn parse(text: &str, file: &Path) -> Vec<Entry> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| parse_line(line, Place { file: file.to_owned(), line: index + 1 })).collect()
}

fn parse_line(line: &str, place: Place) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace().peekable();
    let first = words.peek().filter(|word| !word.starts_with('#'))?;
    let marker = match *first {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::CertAuthority,
        other if other.starts_with('@') => return None,
        _ => Marker::None,
    };
    if marker != Marker::None {
        words.next();
    }
    let names = parse_names(words.next()?)?;
    let kind = words.next()?.to_owned();
    let key = STANDARD.decode(words.next()?).ok()?;
    Some(Entry { marker, names, kind, key, place })
}

fn parse_names(word: &str) -> Option<Names> {
    if let Some(hashed) = word.strip_prefix("|1|") {
        let (salt, hash) = hashed.split_once('|')?;
        return Some(Names::Hashed { salt: STANDARD.decode(salt).ok()?, hash: STANDARD.decode(hash).ok()? });
    }
    let pattern = |word: &str| match word.strip_prefix('!') {
        Some(rest) => (true, rest.to_ascii_lowercase()),
        None => (false, word.to_ascii_lowercase()),
    };
    Some(Names::Patterns(word.split(',').map(pattern).collect()))
}

impl Entry {
    fn is_for(&self, name: &str) -> bool {
        match &self.names {
            Names::Hashed { salt, hash } => hmac_sha1(salt, name.as_bytes())[..] == hash[..],
            Names::Patterns(patterns) => {
                let hit = |negated: bool| patterns.iter().any(|(n, pattern)| *n == negated && glob(pattern, name));
                hit(false) && !hit(true)
            }
        }
    }
}

/// RFC 2104 with SHA-1 (block of 64 bytes); salts are 20 bytes.
fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut block = [0; 64];
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..20].copy_from_slice(&Sha1::digest(key)),
    }
    let inner = Sha1::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha1::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

/// `*` is any text, `?` any character.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((star_p, star_t)) => {
                    (p, t) = (star_p + 1, star_t + 1);
                    star = Some((star_p, star_t + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// The name that files know a host by: `host`, or `[host]:port` off port 22; in lower case.
pub fn file_name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// Judges the key that a host has shown.
pub fn check(entries: &[Entry], host: &str, port: u16, kind: &str, key: &[u8]) -> Verdict {
    let verdict = check_name(entries, &file_name(host, port), kind, key);
    if verdict == Verdict::Unknown
        && port != 22
        && check_name(entries, &file_name(host, 22), kind, key) == Verdict::Known
    {
        return Verdict::Known;
    }
    verdict
}

fn check_name(entries: &[Entry], name: &str, kind: &str, key: &[u8]) -> Verdict {
    let ours: Vec<_> = entries.iter().filter(|entry| entry.is_for(name)).collect();
    let first = |wanted: &dyn Fn(&Entry) -> bool| ours.iter().find(|entry| wanted(entry)).map(|e| e.place.clone());
    let plain = |entry: &Entry| entry.marker == Marker::None;
    if let Some(place) = first(&|entry| entry.marker == Marker::Revoked && entry.key == key) {
        return Verdict::Revoked(place);
    }
    if first(&|entry| plain(entry) && entry.key == key).is_some() {
        return Verdict::Known;
    }
    if let Some(place) = first(&|entry| plain(entry) && entry.kind == kind) {
        return Verdict::Changed(place);
    }
    if let Some(place) = first(&plain) {
        return Verdict::OtherTypes(place);
    }
    first(&|entry| entry.marker == Marker::CertAuthority).map_or(Verdict::Unknown, Verdict::OnlyCertified)
}

/// The key types that the files have for a host, in their order: ask the host for one of these.
pub fn known_kinds(entries: &[Entry], host: &str, port: u16) -> Vec<String> {
    let mut names = vec![file_name(host, port), file_name(host, 22)];
    names.dedup();
    let mut kinds: Vec<String> = Vec::new();
    for name in names {
        let ours = entries.iter().filter(|entry| entry.marker == Marker::None && entry.is_for(&name));
        for entry in ours {
            if !kinds.contains(&entry.kind) {
                kinds.push(entry.kind.clone());
            }
        }
        if !kinds.is_empty() {
            break;
        }
    }
    kinds
}

/// Adds a line to a file; one write, so that several hosts at once do not mix.
pub fn append(file: &Path, name: &str, kind: &str, key: &[u8]) -> io::Result<()> {
    let line = format!("{name} {kind} {}\n", STANDARD.encode(key));
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?.write_all(line.as_bytes())
}

/// A public key's type, read from its own bytes (RFC 4253, 6.6).
pub fn kind_of(key: &[u8]) -> Option<&str> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    std::str::from_utf8(rest.get(..u32::from_be_bytes(*length) as usize)?).ok()
}

/// `SHA256:…` as ssh-keygen prints it.
pub fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// The files, each read once a run. A file that is not there or not readable has no lines.
#[derive(Debug, Default)]
pub struct Files(Mutex<HashMap<PathBuf, Arc<Vec<Entry>>>>);

impl Files {
    /// The lines about one host, in the order of the files.
    pub fn about(&self, files: &[PathBuf], host: &str, port: u16) -> Vec<Entry> {
        let names = [file_name(host, port), file_name(host, 22)];
        let ours = |entry: &&Entry| names.iter().any(|name| entry.is_for(name));
        files.iter().flat_map(|file| self.of(file).iter().filter(ours).cloned().collect::<Vec<_>>()).collect()
    }

    fn of(&self, file: &Path) -> Arc<Vec<Entry>> {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || {
            let bytes = std::fs::read(file).unwrap_or_default();
            Arc::new(parse(&String::from_utf8_lossy(&bytes), file))
        };
        read.entry(file.to_owned()).or_insert_with(load).clone()
    }
}

#[cfg(test)]
mod tests;
