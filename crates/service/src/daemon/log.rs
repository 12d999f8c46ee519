//! The log: text or JSON lines, to standard error or a file that is opened anew on reload.

use super::config::{Level, Log};
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};
use words::text::visible;

/// The running log.
pub struct Logger {
    output: Output,
    level: reload::Handle<LevelFilter, Registry>,
}

impl Logger {
    /// Starts logging for the whole process; the error says which file cannot be opened.
    pub fn start(log: &Log) -> Result<Self, String> {
        let output = Output::default();
        output.turn_to(log.file.as_deref())?;
        let (level, handle) = reload::Layer::new(filter(log.level));
        let lines = tracing_subscriber::fmt::layer().with_writer(output.clone()).with_ansi(false).with_target(false);
        let lines = if log.json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
        // Whoever embeds the service (a test) may log already.
        let _ = tracing_subscriber::registry().with(lines.with_filter(level)).try_init();
        Ok(Self { output, level: handle })
    }

    /// Takes a new level and file. With the same file it is opened anew, as log rotation needs.
    pub fn reload(&self, log: &Log) -> Result<(), String> {
        self.output.turn_to(log.file.as_deref())?;
        self.level.reload(filter(log.level)).map_err(|error| error.to_string())
    }
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Quiet => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Info => LevelFilter::INFO,
        Level::Verbose => LevelFilter::DEBUG,
        Level::Debug => LevelFilter::TRACE,
    }
}

/// Standard error, or a file.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Option<File>>>);

impl Output {
    fn turn_to(&self, path: Option<&Path>) -> Result<(), String> {
        let open = |path: &Path| {
            let file = OpenOptions::new().append(true).create(true).open(path);
            file.map_err(|error| format!("cannot open the log {}: {error}", path.display()))
        };
        let file = path.map(open).transpose()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

impl Write for Output {
    /// Takes an event, which comes whole.
    #[expect(clippy::disallowed_methods, reason = "the log writes out what is hidden itself")]
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = one_line(event);
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(file) => file.write_all(&line)?,
            None => io::stderr().write_all(&line)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An event as one line of the log: whatever a message quotes from outside, no part of it looks like an event of its own,
/// or orders a terminal about.
fn one_line(event: &[u8]) -> Cow<'_, [u8]> {
    let (text, end) = event.strip_suffix(b"\n").map_or((event, ""), |text| (text, "\n"));
    let text = String::from_utf8_lossy(text);
    // In JSON's form, since the log may be JSON.
    match visible::json(&text) {
        Cow::Borrowed(same) if !same.contains(['\n', '\t']) => Cow::Borrowed(event),
        shown => Cow::Owned((shown.replace(['\n', '\t'], "?") + end).into_bytes()),
    }
}

impl MakeWriter<'_> for Output {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let forged = b"lost: a\n2026-11-23T00:00:00Z INFO change uid=0\x1b[2J\r\n";
        assert_eq!(&*one_line(forged), b"lost: a?2026-11-23T00:00:00Z INFO change uid=0\\u001b[2J\\u000d\n");
        assert_eq!(&*one_line("가\n".as_bytes()), "가\n".as_bytes());
    }

    #[test]
    fn a_file_is_opened_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (directory.path().join("log"), directory.path().join("log.1"));
        let mut output = Output::default();
        output.turn_to(Some(&path)).unwrap();
        output.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &old).unwrap();
        output.write_all(b"two\n").unwrap();
        output.turn_to(Some(&path)).unwrap();
        output.write_all(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(old).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        assert!(output.turn_to(Some(directory.path())).unwrap_err().contains("cannot open the log"));
        output.write_all(b"four\n").unwrap();
        assert!(std::fs::read_to_string(path).unwrap().ends_with("four\n"), "a bad new file leaves the old one");
    }
}
