//! [`Notebook`]: how a supervisor writes down what must not be lost, and says that there is news.

use crate::directory::RunDirectory;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// So long is waited before what could not be written at the end is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Writes something down in the run's directory.
type Write = Box<dyn Fn(&RunDirectory) -> io::Result<()>>;

/// The directory of a run or step, as its supervisor writes it.
pub struct Notebook {
    pub directory: RunDirectory,
    watchers: Vec<UnixStream>,
    /// What is not on disk yet, in the order in which it happened, each with words for what it is.
    unwritten: VecDeque<(&'static str, Write)>,
    /// Whether it was said that something cannot be written.
    is_said: bool,
}

impl Notebook {
    /// Nothing is written down yet.
    pub fn new(directory: RunDirectory) -> Self {
        Self { directory, watchers: Vec::new(), unwritten: VecDeque::new(), is_said: false }
    }

    /// Somebody wants to hear of news. What was news before they were heard of is news to them: they are told to look.
    pub fn watch(&mut self, mut watcher: UnixStream) {
        if watcher.write_all(b"\n").is_ok() {
            self.watchers.push(watcher);
        }
    }

    /// Writes down something that must not be lost. What a full disk does not take is tried again as time goes on; nothing
    /// else waits for it.
    pub fn keep(&mut self, what: &'static str, write: impl Fn(&RunDirectory) -> io::Result<()> + 'static) {
        self.unwritten.push_back((what, Box::new(write)));
        self.write_down();
    }

    /// Tries again what is not on disk yet.
    pub fn catch_up(&mut self) {
        if !self.unwritten.is_empty() && self.write_down() {
            self.say_news();
        }
    }

    /// Comes back when all is on disk.
    pub fn write_all(&mut self) {
        while !self.write_down() {
            std::thread::sleep(AGAIN);
        }
    }

    /// Tries what is not on disk yet, in its order; says whether all is. Where the directory itself was taken away, nobody
    /// would read it.
    fn write_down(&mut self) -> bool {
        while let Some((what, write)) = self.unwritten.front() {
            if let Err(error) = write(&self.directory)
                && error.kind() != io::ErrorKind::NotFound
            {
                let line = format!("cannot write down {what}, and try again: {error}");
                if !self.is_said {
                    self.log(&line);
                    self.is_said = true;
                }
                return false;
            }
            self.unwritten.pop_front();
        }
        true
    }

    /// Tells those who listen that there is something new here.
    pub fn say_news(&mut self) {
        self.watchers.retain_mut(|watcher| watcher.write_all(b"\n").is_ok());
    }

    /// Nothing depends on the log: where it cannot be written, nobody is told.
    pub fn log(&self, line: &str) {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(self.directory.log());
        let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    }
}
