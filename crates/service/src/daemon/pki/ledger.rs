//! The list of certificates that the authority made: `issued`, one line each,
//! `SERIAL ROLE NAME FROM UNTIL REVOKED`, times in UTC, `-` for not revoked.

use super::{Certificate, Directory, host, shown};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::SystemTime;
use words::diag::Diagnostic;

/// The list's file.
const FILE: &str = "issued";

const HEAD: &str = "# Certificates made by `enlist cert`. Revoke with `enlist cert revoke NAME`, not by hand.\n";

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Serial number, hexadecimal.
    pub serial: String,
    /// `server` or `node`.
    pub role: String,
    /// Whose it is.
    pub name: String,
    /// Holds from, in seconds since 1970.
    pub from: i64,
    /// Holds until.
    pub until: i64,
    /// Revoked at.
    pub revoked: Option<i64>,
}

impl Entry {
    /// A certificate as it was just made.
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            serial: certificate.serial.clone(),
            role: certificate.role.map_or("none", |role| role.name()).to_owned(),
            name: certificate.name().to_owned(),
            from: certificate.from,
            until: certificate.until,
            revoked: None,
        }
    }

    fn line(&self) -> String {
        let revoked = self.revoked.map_or_else(|| "-".to_owned(), shown);
        let Self { serial, role, name, .. } = self;
        format!("{serial} {role} {name} {} {} {revoked}\n", shown(self.from), shown(self.until))
    }

    fn parse(line: &str) -> Option<Self> {
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|time| time.as_second());
        let [serial, role, name, from, until, revoked] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return None;
        };
        let revoked = if revoked == "-" { None } else { Some(time(revoked)?) };
        let [serial, role, name] = [serial, role, name].map(str::to_owned);
        Some(Self { serial, role, name, from: time(from)?, until: time(until)?, revoked })
    }
}

/// The whole list, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Its lines.
    pub entries: Vec<Entry>,
}

impl Ledger {
    /// Reads it; one that is not there is empty. A line that cannot be read is an error: it could be a revocation.
    pub fn read(directory: &Directory) -> Result<Self, Diagnostic> {
        let text = directory.read(FILE)?.unwrap_or_default();
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let path = directory.file(FILE);
            let entry = Entry::parse(line).ok_or_else(|| {
                host(format!("{}:{}: not a line of this list: `{line}`", path.display(), number + 1))
                    .note("until it can be read, no login node is let in")
                    .hint("put the line right: SERIAL ROLE NAME FROM UNTIL REVOKED, `-` for not revoked")
            })?;
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// Writes it.
    pub fn write(&self, directory: &Directory) -> Result<(), Diagnostic> {
        let text: String = self.entries.iter().map(Entry::line).collect();
        directory.write(FILE, &format!("{HEAD}{text}"), false)
    }

    /// Revokes every certificate of a name, or the one of a serial number; returns those that were not revoked before.
    pub fn revoke(&mut self, which: &str, now: i64) -> Vec<Entry> {
        let mut done = Vec::new();
        for entry in &mut self.entries {
            if entry.revoked.is_none() && (entry.name == which || entry.serial.eq_ignore_ascii_case(which)) {
                entry.revoked = Some(now);
                done.push(entry.clone());
            }
        }
        done
    }
}

/// The revoked serial numbers as the running service sees them: read again whenever the file has changed.
#[derive(Debug)]
pub struct Revocations {
    directory: Directory,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    stamp: Option<(SystemTime, u64)>,
    revoked: BTreeSet<String>,
}

impl Revocations {
    /// Those of this directory.
    pub fn of(directory: Directory) -> Self {
        Self { directory, seen: Mutex::default() }
    }

    /// Whether the certificate is revoked; an error when the list cannot be read, so that nobody is let in by a doubt.
    pub fn is_revoked(&self, serial: &str) -> Result<bool, Diagnostic> {
        use std::os::unix::fs::MetadataExt;
        let path = self.directory.file(FILE);
        let meta =
            std::fs::metadata(&path).map_err(|error| host(format!("cannot read {}: {error}", path.display())))?;
        let stamp = meta.modified().ok().map(|time| (time, meta.ino()));
        let mut seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if stamp.is_none() || seen.stamp != stamp {
            let ledger = Ledger::read(&self.directory)?;
            let revoked = ledger.entries.into_iter().filter(|entry| entry.revoked.is_some());
            *seen = Seen { stamp, revoked: revoked.map(|entry| entry.serial).collect() };
        }
        Ok(seen.revoked.contains(serial))
    }
}
