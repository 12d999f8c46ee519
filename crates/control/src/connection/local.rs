//! This machine as a host (`ansible_connection: local`): the same agents, over a socket pair instead of ssh.

use crate::connection::LinkError;
use crate::connection::machine::{Machine, Program};
use nix::unistd::{Uid, User};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use words::diag::{Diagnostic, ErrorKind};

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

/// How long a program gets to end by itself.
const GOODBYE: Duration = Duration::from_secs(5);

impl LocalProgram {
    /// How it ended, if it did so in time.
    fn wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let limit = Instant::now() + GOODBYE;
        loop {
            match self.child.try_wait()? {
                None if Instant::now() < limit => std::thread::sleep(Duration::from_millis(2)),
                ended => return Ok(ended),
            }
        }
    }
}

impl Program for LocalProgram {
    fn be_patient(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let limit = limit.map(|limit| limit.max(Duration::from_millis(1)));
        self.socket.set_read_timeout(limit)?;
        self.socket.set_write_timeout(limit)
    }

    fn ending(&mut self) -> String {
        match self.wait() {
            Ok(Some(status)) => describe(status),
            Ok(None) => "it runs on without its output".into(),
            Err(error) => error.to_string(),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

impl Drop for LocalProgram {
    /// An agent whose input ends, ends. It is idle or gone by now, so this does not take long; what is no agent of ours is
    /// killed, where that is allowed, and not waited for.
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        if matches!(self.wait(), Ok(None)) {
            let _ = self.child.kill();
        }
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
