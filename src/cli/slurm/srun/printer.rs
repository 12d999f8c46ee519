//! [`Printer`]: a thread that writes what tasks wrote, and what `srun` has to say, in the order in which they came. A terminal
//! that stands still stops it and nothing else.

use crate::cli::slurm::news::News;
use crate::view::styles::{stderr, stdout};
use commands::srun::lines::Lines;
use compute::stream::FrameKind;
use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use words::text::visible::visible;

/// Where one stream goes.
pub enum Sink {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
    /// A file.
    File(File),
    /// Standard error, with this before each line, by task.
    Named(Vec<String>),
}

impl Sink {
    fn write(&mut self, task: u32, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Named(names) => {
                let name = names.get(task as usize).map_or("", String::as_str);
                let lines = bytes.split_inclusive(|byte| *byte == b'\n');
                let named: Vec<u8> = lines.flat_map(|line| [name.as_bytes(), line].concat()).collect();
                stderr().raw(&named)
            }
            Self::Output => stdout().raw(bytes),
            Self::Errors => stderr().raw(bytes),
            Self::File(file) => file.write_all(bytes),
        }
    }
}

/// A stream: where it goes, and its lines.
pub struct Stream {
    /// Where it goes.
    pub sink: Sink,
    /// How.
    pub lines: Lines,
    /// Of this task alone.
    pub only: Option<u32>,
}

impl Stream {
    /// Takes in what a task wrote; so many bytes of it are not written yet.
    fn take(&mut self, task: u32, bytes: &[u8]) -> std::io::Result<u64> {
        if self.only.is_some_and(|only| only != task) {
            return Ok(0);
        }
        let shown = self.lines.take(task, bytes);
        self.sink.write(task, &shown)?;
        Ok(self.lines.held(task))
    }

    fn end(&mut self, task: u32) -> std::io::Result<()> {
        let shown = self.lines.end(task);
        self.sink.write(task, &shown)
    }
}

enum Job {
    /// A task wrote this, which ends at this place of its stream.
    Write(FrameKind, u32, Vec<u8>, u64),
    /// A task writes no more; this is where its stream ends.
    End(FrameKind, u32, u64),
    /// A line for standard error.
    Say(String),
}

/// The thread's handle.
pub struct Printer {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
    /// What stands before each line of its own.
    program: &'static str,
}

impl Printer {
    /// Begins; tells what was written, and what cannot be. `is_raw`: the terminal needs to be told to begin a line.
    pub fn start(program: &'static str, is_raw: bool, output: Stream, errors: Stream, tell: Sender<News>) -> Self {
        let (jobs, to_do) = mpsc::channel();
        let thread = std::thread::spawn(move || work(output, errors, is_raw, &to_do, &tell));
        Self { jobs, thread, program }
    }

    /// What a task wrote, which ends at this place of its stream.
    pub fn write(&self, kind: FrameKind, task: u32, bytes: Vec<u8>, end: u64) {
        let _ = self.jobs.send(Job::Write(kind, task, bytes, end));
    }

    /// The task writes no more; this is where its stream ends.
    pub fn end(&self, kind: FrameKind, task: u32, place: u64) {
        let _ = self.jobs.send(Job::End(kind, task, place));
    }

    /// A line of the program's own.
    pub fn say(&self, text: &str) {
        self.line(format!("{}: {text}", self.program));
    }

    /// A line as it is.
    pub fn line(&self, text: String) {
        let _ = self.jobs.send(Job::Say(text));
    }

    /// Waits until all is written.
    pub fn finish(self) {
        drop(self.jobs);
        let _ = self.thread.join();
    }
}

fn work(mut output: Stream, mut errors: Stream, is_raw: bool, jobs: &Receiver<Job>, tell: &Sender<News>) {
    for job in jobs {
        let done = match job {
            Job::Say(text) if is_raw => {
                // Who cannot read it now has no use for it later.
                let _ = stderr().raw(format!("{}\r\n", visible(&text)).as_bytes());
                Ok(None)
            }
            Job::Say(text) => {
                stderr().line(text);
                Ok(None)
            }
            Job::Write(kind, task, bytes, end) => {
                let stream = if kind == FrameKind::Output { &mut output } else { &mut errors };
                stream.take(task, &bytes).map(|held| Some(News::Written(kind, task, end - held)))
            }
            Job::End(kind, task, place) => {
                let stream = if kind == FrameKind::Output { &mut output } else { &mut errors };
                // A last line without an end was written only now.
                stream.end(task).map(|()| Some(News::Written(kind, task, place)))
            }
        };
        match done {
            Ok(news) => news.into_iter().for_each(|news| _ = tell.send(news)),
            Err(error) => {
                let _ = tell.send(News::Unwritable(error));
                return;
            }
        }
    }
}
