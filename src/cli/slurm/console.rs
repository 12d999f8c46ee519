//! [`Console`]: where a Slurm command says what it has to say.

use crate::view::styles::{stderr, stdout};
use words::text::visible::visible;

/// Standard output and standard error of a command.
pub trait Console {
    /// More of its standard output.
    fn out(&mut self, text: &str);

    /// More of its standard error.
    fn err(&mut self, text: &str);
}

/// This process's own streams: each text is there at once.
pub struct Streams;

impl Console for Streams {
    fn out(&mut self, text: &str) {
        stdout().text(text);
    }

    fn err(&mut self, text: &str) {
        stderr().text(text);
    }
}

/// The bytes that [`Streams`] would have written, for who reads them in another process.
#[derive(Debug, Default)]
pub struct Collected {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Console for Collected {
    fn out(&mut self, text: &str) {
        self.stdout.push_str(&visible(text));
    }

    fn err(&mut self, text: &str) {
        self.stderr.push_str(&visible(text));
    }
}
