//! What a host is to its link: somewhere programs can be started, over SSH or on this machine.

use std::io::{self, Read, Write};
use std::time::Duration;

/// Where programs can be started.
pub trait Machine: Send {
    /// A running program: what it prints (standard error mixed in) and what it reads.
    type Program: Program;

    /// Whom one is on it without becoming anyone.
    fn login(&self) -> &str;

    /// Whether the controller's own files are its files.
    const IS_HERE: bool;

    /// Starts a command line by the login shell; that takes no longer than `patience`.
    fn start(&mut self, command: &str, patience: Duration) -> io::Result<Self::Program>;

    /// Whether the host is known to be the one that is meant; one that is not gets no password.
    fn is_trusted(&self) -> bool {
        true
    }

    /// Whether bytes get there faster than they could be compressed and unpacked again.
    fn is_near(&self) -> bool {
        true
    }

    /// Ends the connection at once; its programs see their input end.
    fn hang_up(&mut self);
}

/// A program that runs on a [`Machine`].
pub trait Program: Read + Write + Send {
    /// How long the next read or write may wait; `None` is as long as it takes.
    fn be_patient(&mut self, limit: Option<Duration>) -> io::Result<()>;

    /// How it ended, in words such as "exit code 1"; only asked after its output ended.
    fn ending(&mut self) -> String;
}
