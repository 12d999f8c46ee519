//! Lines of a file or of standard input, which can be read twice in bounded memory.

use nix::libc::O_TMPFILE;
use slurm::records::import::record::{Joiner, NumberedLine};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use words::diag::{Diagnostic, ErrorKind, Place, Source};

/// What some editors put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The longest line, in bytes; a record has some hundred.
const LONGEST: u64 = 1 << 20;

/// What was read from the input, told with its name.
pub struct Lines {
    name: String,
    input: BufReader<File>,
    number: u64,
}

impl Lines {
    /// Opens a file, or, for `-`, keeps standard input in a file that has no name. So with everything that is not a
    /// plain file: it could not be read a second time.
    pub fn open(path: &Path) -> Result<Self, Diagnostic> {
        let (name, source) = if path.as_os_str() == "-" {
            ("standard input".to_owned(), std::io::stdin().as_fd().try_clone_to_owned().map(File::from))
        } else {
            (path.display().to_string(), File::open(path))
        };
        let cannot = |error: std::io::Error| unusable(format!("cannot read {name}: {error}"));
        let file = source.map_err(cannot)?;
        let plain = file.metadata().map_err(cannot)?.is_file();
        let file =
            if plain { file } else { kept(file).map_err(|error| unusable(format!("cannot keep {name}: {error}")))? };
        Ok(Self { name, input: BufReader::with_capacity(1 << 16, file), number: 0 })
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A place in it; what stands there is not shown, since records may be long and are told in words.
    pub fn place(&self, number: u64, column: usize) -> Place {
        let (line, column) = (u32::try_from(number).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX));
        Place::new(&Source::new(self.name.clone(), ""), line, column)
    }

    /// The number of the line last read, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Begins again.
    pub fn rewind(&mut self) -> Result<(), Diagnostic> {
        self.number = 0;
        self.input.rewind().map_err(|error| unusable(format!("cannot read {} again: {error}", self.name)))
    }

    /// Reads the next line without its end; `None` after the last. A line that is no text is told as its place.
    pub fn next(&mut self) -> Result<Option<Result<String, String>>, Diagnostic> {
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(LONGEST + 1).read_until(b'\n', &mut bytes);
        let count = read.map_err(|error| unusable(format!("cannot read {}: {error}", self.name)))?;
        if count == 0 {
            return Ok(None);
        }
        self.number += 1;
        if count as u64 > LONGEST {
            let error = Diagnostic::input(&self.place(self.number, 1), "the line is longer than a megabyte");
            return Err(error.hint("is this a list of records?"));
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())))
    }

    /// Reads up to the heading, which is the first line that is not blank: its number and text.
    pub fn heading(&mut self) -> Result<Option<(u64, String)>, Diagnostic> {
        while let Some(line) = self.next()? {
            match line {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => return Ok(Some((self.number, text))),
                Err(what) => return Err(Diagnostic::input(&self.place(self.number, 1), format!("it {what}"))),
            }
        }
        Ok(None)
    }

    /// Reads the next record, which may have several lines, with the number of its first; `None` after the last.
    pub fn record(&mut self, joiner: &mut Joiner) -> Result<Option<NumberedLine>, Diagnostic> {
        joiner.record(&mut || Ok(self.next()?.map(|line| (self.number, line))))
    }
}

fn unusable(message: String) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, message)
}

fn kept(mut source: File) -> std::io::Result<File> {
    let mut open = OpenOptions::new();
    let mut file = open.read(true).write(true).custom_flags(O_TMPFILE).mode(0o600).open(std::env::temp_dir())?;
    std::io::copy(&mut source, &mut file)?;
    file.rewind()?;
    Ok(file)
}
