//! This machine as a host (`ansible_connection: local`): the same agents, over a socket pair instead of ssh.

use super::LinkError;
use super::link::{Machine, Program};
use crate::diag::{Diagnostic, ErrorKind};
use nix::unistd::{Uid, User};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The machine that the controller runs on.
pub struct ThisMachine {
    user: String,
}

impl ThisMachine {
    /// Finds out who runs the controller.
    pub fn new() -> Result<Self, LinkError> {
        let uid = Uid::current();
        let user = User::from_uid(uid).ok().flatten().ok_or_else(|| {
            let error = Diagnostic::new(ErrorKind::Host, format!("this machine has no account for uid {uid}"));
            LinkError::Failed(Box::new(error))
        })?;
        Ok(Self { user: user.name })
    }
}

impl Machine for ThisMachine {
    type Program = LocalProgram;
    const IS_HERE: bool = true;

    fn login(&self) -> &str {
        &self.user
    }

    fn start(&mut self, command: &str, patience: Duration) -> io::Result<LocalProgram> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(patience))?;
        ours.set_write_timeout(Some(patience))?;
        let theirs = OwnedFd::from(theirs);
        let child = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::from(theirs.try_clone()?))
            .stdout(Stdio::from(theirs.try_clone()?))
            .stderr(Stdio::from(theirs))
            .spawn()?;
        Ok(LocalProgram { socket: ours, child })
    }

    fn hang_up(&mut self) {}
}

/// A child process behind a socket.
pub struct LocalProgram {
    socket: UnixStream,
    child: Child,
}

impl Program for LocalProgram {
    fn wait_forever(&mut self) -> io::Result<()> {
        self.socket.set_read_timeout(None)?;
        self.socket.set_write_timeout(None)
    }

    fn ending(&mut self) -> String {
        self.child.wait().map_or_else(|error| error.to_string(), describe)
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

impl Drop for LocalProgram {
    /// An agent whose input ends, ends. It is idle or gone by now, so this does not take long.
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = self.child.wait();
    }
}

impl Read for LocalProgram {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for LocalProgram {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
