//! Archive files: lines of JSON, first a [`Head`], then [`Record`]s, last a [`Tail`] with the SHA-256 of what is before it.
//!
//! A file is written under another name, synced, and gets its name only when it is whole.

use sha2::{Digest, Sha256};
use slurm::archive::{Head, Record, Tail};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The version of the format.
pub const VERSION: u32 = 1;

/// The longest line, in bytes: a job with a hundred thousand steps.
const LONGEST: u64 = 64 << 20;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The operating system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// It begins with something else.
    #[error(
        "{} is no archive of enlist. Archives of slurmdbd have a format of their own: load such a file there, with Slurm's \
         sacctmgr, list its jobs with sacct, and bring them in with `enlist import jobs`", .0.display()
    )]
    Foreign(PathBuf),
    /// It is of a version that is not known.
    #[error("{} is an archive of version {version}; this enlist knows version {VERSION}: use a newer release", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It was cut off or changed.
    #[error("{}:{line}: {what}; the file is damaged, nothing more of it is taken", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// What was to be done with a record failed.
    #[error("{0}")]
    Refused(String),
}

impl From<rusqlite::Error> for ArchiveError {
    fn from(error: rusqlite::Error) -> Self {
        ArchiveError::Refused(format!("the store cannot be read: {error}"))
    }
}

fn part(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file that is being written; dropped before its end, it is as if it had never been.
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
    records: u64,
    is_whole: bool,
}

impl Writer {
    /// Begins a file that will have this name.
    pub fn create(path: &Path, head: &Head) -> Result<Self, ArchiveError> {
        let mut open = OpenOptions::new();
        let file = open.write(true).create(true).truncate(true).mode(0o600).open(part(path));
        let file = file.map_err(|source| ArchiveError::Io { path: part(path), source })?;
        let file = BufWriter::with_capacity(1 << 16, file);
        let mut writer = Self { path: path.to_owned(), file, digest: Sha256::new(), records: 0, is_whole: false };
        writer.line(head)?;
        Ok(writer)
    }

    /// Adds a record.
    pub fn put(&mut self, record: &Record) -> Result<(), ArchiveError> {
        self.records += 1;
        self.line(record)
    }

    /// Ends it and waits until it is on disk; [`settle`] gives it its name. The number of its records.
    pub fn finish(mut self) -> Result<u64, ArchiveError> {
        let tail = Tail { records: self.records, sha256: hex(&self.digest.clone().finalize()) };
        self.line(&tail)?;
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|source| self.cannot(source))?;
        self.is_whole = true;
        Ok(self.records)
    }

    fn line(&mut self, content: &impl serde::Serialize) -> Result<(), ArchiveError> {
        let mut line = serde_json::to_vec(content).map_err(|error| self.cannot(error.into()))?;
        line.push(b'\n');
        self.digest.update(&line);
        self.file.write_all(&line).map_err(|source| self.cannot(source))
    }

    fn cannot(&self, source: std::io::Error) -> ArchiveError {
        ArchiveError::Io { path: part(&self.path), source }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_whole {
            // It is worth nothing, and may be what fills the disk.
            let _ = std::fs::remove_file(part(&self.path));
        }
    }
}

/// Gives a finished file its name, for good. Done again it changes nothing; false when there is no such file.
pub fn settle(path: &Path) -> Result<bool, ArchiveError> {
    let cannot = |source| ArchiveError::Io { path: path.to_owned(), source };
    match path.try_exists().map_err(cannot)? || part(path).try_exists().map_err(cannot)? {
        false => return Ok(false),
        true if part(path).exists() => std::fs::rename(part(path), path).map_err(cannot)?,
        true => {}
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(cannot)?;
    Ok(true)
}

/// Whether a file of this name is there, whole or on the way.
pub fn is_taken(path: &Path) -> bool {
    path.exists() || part(path).exists()
}

/// Reads the whole file and checks every line and the sum.
pub fn verify(path: &Path) -> Result<Head, ArchiveError> {
    each(path, |_| Ok(()))
}

/// Shows every record. The sum can be known only at the end, so [`verify`] first whatever is to be believed.
pub fn each(path: &Path, mut see: impl FnMut(Record) -> Result<(), ArchiveError>) -> Result<Head, ArchiveError> {
    let file = File::open(path).map_err(|source| ArchiveError::Io { path: path.to_owned(), source })?;
    let mut reading = Reading { path, input: BufReader::with_capacity(1 << 16, file), line: 0 };
    let first = reading.next()?.unwrap_or_default();
    let head = reading.head(&first)?;
    let mut digest = Sha256::new();
    digest.update(&first);
    let (mut records, mut last) = (0, reading.next()?.unwrap_or_default());
    while let Some(next) = reading.next()? {
        digest.update(&last);
        let record: Record = serde_json::from_slice(&last).map_err(|error| reading.damaged(error.to_string()))?;
        if let Some(fault) = record.fault() {
            return Err(reading.damaged(fault.to_owned()));
        }
        records += 1;
        see(record)?;
        last = next;
    }
    let tail: Tail = serde_json::from_slice(&last)
        .map_err(|_| reading.damaged("the last line is missing: it was cut off".into()))?;
    match tail == (Tail { records, sha256: hex(&digest.finalize()) }) {
        true => Ok(head),
        false => Err(reading.damaged("the sum in the last line is another one".into())),
    }
}

struct Reading<'a> {
    path: &'a Path,
    input: BufReader<File>,
    line: u64,
}

impl Reading<'_> {
    /// The next line with its end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ArchiveError> {
        let mut line = Vec::new();
        let count = (&mut self.input).take(LONGEST).read_until(b'\n', &mut line);
        let count = count.map_err(|source| ArchiveError::Io { path: self.path.to_owned(), source })?;
        if count as u64 == LONGEST {
            return Err(self.damaged("the line is too long".into()));
        }
        self.line += u64::from(count > 0);
        Ok((count > 0).then_some(line))
    }

    fn head(&self, line: &[u8]) -> Result<Head, ArchiveError> {
        #[derive(serde::Deserialize)]
        struct Version {
            enlist_archive: u32,
        }
        let foreign = |_| ArchiveError::Foreign(self.path.to_owned());
        let Version { enlist_archive: version } = serde_json::from_slice(line).map_err(foreign)?;
        if version != VERSION {
            return Err(ArchiveError::Version { path: self.path.to_owned(), version });
        }
        serde_json::from_slice(line).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, what: String) -> ArchiveError {
        ArchiveError::Damaged { path: self.path.to_owned(), line: self.line, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slurm::archive::{Cell, Kind, UsageOf};
    use slurm::model::tres::CPU;
    use slurm::model::{AssociationId, Qos};
    use slurm::records::{Job, Step, StepDetails, Usage};

    fn head() -> Head {
        let (tres, qos) = ([(CPU, "cpu".to_owned())].into(), [(Qos::NORMAL, "normal".to_owned())].into());
        Head { enlist_archive: VERSION, kind: Kind::Usage, cluster: String::new(), until: 9, made: 10, tres, qos }
    }

    fn row(start: i64) -> Record {
        let row = [0, start, 1, 1, 60].map(Cell::Number).to_vec();
        Record::Usage { of: UsageOf::Wckey, row }
    }

    fn written(directory: &Path) -> PathBuf {
        let path = directory.join("a.jsonl");
        let mut writer = Writer::create(&path, &head()).unwrap();
        (0..3).for_each(|start| writer.put(&row(start)).unwrap());
        assert_eq!(writer.finish().unwrap(), 3);
        assert!(!path.exists(), "it has its name only when it is settled");
        assert!(settle(&path).unwrap() && settle(&path).unwrap());
        path
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = written(directory.path());
        let mut seen = Vec::new();
        let read = each(&path, |record| {
            seen.push(record);
            Ok(())
        });
        assert_eq!((read.unwrap(), seen), (head(), (0..3).map(row).collect()));
        assert!(!settle(&directory.path().join("other")).unwrap());
    }

    #[test]
    fn what_was_cut_off_or_changed_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = written(directory.path());
        let whole = std::fs::read_to_string(&path).unwrap();
        let says = |text: &str| {
            std::fs::write(&path, text).unwrap();
            verify(&path).unwrap_err().to_string()
        };
        for end in 0..whole.len() - 1 {
            says(&whole[..end]);
        }
        assert!(says(&whole.replacen("60", "61", 1)).contains("sum"));
        assert!(says(&whole.replacen("\"usage\":{", "\"usage\":{\"x\":1,", 1)).contains(":3: unknown field"));
        assert!(says("&\u{0}\u{0}").contains("`enlist import jobs`"));
        assert!(says(&whole.replacen("archive\":1", "archive\":2", 1)).contains("version 2"));
        assert!(says(&whole.replacen("[0,", "[7,", 1)).contains("damaged"));
    }

    #[test]
    fn what_was_not_finished_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        drop(Writer::create(&directory.path().join("a"), &head()).unwrap());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn numbers_are_plain_and_none_is_0_as_in_archives_of_old() {
        let usage_in = Usage { max_node: [(CPU, "n1".to_owned())].into(), ..Usage::default() };
        let details = StepDetails { usage_in, ..StepDetails::default() };
        let job = Job { association: Some(AssociationId(7)), ..Job::default() };
        let record = Record::Job { job, steps: vec![Step { details, ..Step::default() }] };
        let text = serde_json::to_string(&record).unwrap();
        for part in [r#""qos":0,"association":7,"#, r#""reservation_id":0"#, r#""max_node":{"1":"n1"}"#] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        let head = serde_json::to_string(&head()).unwrap();
        assert!(head.ends_with(r#""tres":{"1":"cpu"},"qos":{"1":"normal"}}"#), "{head}");
    }
}
