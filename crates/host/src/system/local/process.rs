//! Runs programs.

use crate::system::{Command, ProgramOutput, Result, SystemError};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};

/// How many milliseconds to wait for output before asking whether the program has ended and left its pipes to others.
const PATIENCE_MS: u8 = 100;

/// How much of each stream is kept: more than any list that is asked for here, less than what would hurt a host.
const MOST: usize = 64 << 20;

/// Runs a program to its end, with `environment` beside what this process and the command have.
///
/// A program that leaves a child in the background is over when it ends itself, also when the child keeps its output
/// open. One that prints more than 64 MiB on a stream runs to its end, too, and is an error: its output is not known.
pub fn run(command: &Command, environment: &[(String, String)]) -> Result<ProgramOutput> {
    let [program, arguments @ ..] = command.argv.as_slice() else {
        return Err(SystemError::Refused("no program to run was given".into()));
    };
    let mut process = prepare(program, environment);
    process.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.envs(command.environment.iter().map(|(name, value)| (name, value)));
    process.stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    if let Some(directory) = &command.chdir {
        process.current_dir(directory);
    }
    let failed = |error| SystemError::io(format!("run {}", program.to_string_lossy()), error);
    let child = process.spawn().map_err(failed)?;
    let output = converse(child, command.stdin.as_deref().unwrap_or_default()).map_err(failed)?;
    if output.stdout.len().max(output.stderr.len()) > MOST {
        let (name, code) = (program.to_string_lossy(), output.code);
        let why = format!("{name} ended with code {code} and printed more than {} MiB, which are not kept", MOST >> 20);
        return Err(SystemError::TooMuch(why));
    }
    Ok(output)
}

/// A program with `environment` beside what this process has.
pub(super) fn prepare(program: &OsStr, environment: &[(String, String)]) -> std::process::Command {
    let mut process = std::process::Command::new(program);
    settle_locale(&mut process);
    process.envs(environment.iter().map(|(name, value)| (name, value)));
    process
}

/// How a process ended: its exit code, or minus the number of the signal that killed it.
pub(super) fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(1))
}

/// The login's language is not the programs': whoever runs the playbook, and by which way it came, sorting, dates and
/// messages are the same. Where the login has one, it is C with UTF-8; where it has none, there is none.
fn settle_locale(process: &mut std::process::Command) {
    let is_locale = |name: &str| name == "LANG" || name == "LANGUAGE" || name.starts_with("LC_");
    let set: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    let set: Vec<&String> = set.iter().filter(|name| is_locale(name)).collect();
    if set.is_empty() {
        return;
    }
    for name in set {
        process.env_remove(name);
    }
    // Libraries before glibc 2.35 know it where the distribution has made it.
    let made = ["C.utf8", "C.UTF-8"].iter().find(|name| std::path::Path::new("/usr/lib/locale").join(name).exists());
    let locale = made.unwrap_or(&"C");
    process.envs(["LANG", "LC_ALL", "LC_MESSAGES"].map(|name| (name, locale)));
}

/// The open pipes to a program.
struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    unsent: &'a [u8],
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    output: ProgramOutput,
}

fn converse(mut child: Child, stdin: &[u8]) -> io::Result<ProgramOutput> {
    let mut pipes = Pipes {
        stdin: child.stdin.take(),
        unsent: stdin,
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        output: ProgramOutput::default(),
    };
    pipes.make_nonblocking()?;
    while pipes.stdout.is_some() || pipes.stderr.is_some() {
        let waited = pipes.wait()?;
        pipes.send()?;
        drain(&mut pipes.stdout, &mut pipes.output.stdout)?;
        drain(&mut pipes.stderr, &mut pipes.output.stderr)?;
        if waited == 0 && child.try_wait()?.is_some() {
            break;
        }
    }
    pipes.stdin = None;
    pipes.output.code = code(child.wait()?);
    Ok(pipes.output)
}

impl Pipes<'_> {
    fn make_nonblocking(&self) -> io::Result<()> {
        for pipe in self.open() {
            fcntl(pipe.0, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(())
    }

    /// The open pipes and what to wait for.
    fn open(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let stdin = self.stdin.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::POLLOUT));
        let stdout = self.stdout.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::POLLIN));
        let stderr = self.stderr.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::POLLIN));
        [stdin, stdout, stderr].into_iter().flatten()
    }

    /// Waits until something can be read or written; the number of pipes that are ready.
    fn wait(&self) -> io::Result<i32> {
        let mut ready: Vec<_> = self.open().map(|(pipe, flags)| PollFd::new(pipe, flags)).collect();
        match poll(&mut ready, PollTimeout::from(PATIENCE_MS)) {
            Err(nix::errno::Errno::EINTR) => Ok(1),
            other => Ok(other?),
        }
    }

    /// Writes what the program takes of its input; a program that does not want it is no error.
    fn send(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.stdin else { return Ok(()) };
        match pipe.write(self.unsent) {
            Ok(written) => self.unsent = &self.unsent[written..],
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.unsent = &[],
            Err(error) if is_not_yet(&error) => {}
            Err(error) => return Err(error),
        }
        if self.unsent.is_empty() {
            self.stdin = None;
        }
        Ok(())
    }
}

/// Reads some of what there is, keeps no more than tells that it is too much, and closes the pipe at its end.
fn drain<R: Read>(pipe: &mut Option<R>, into: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; 64 << 10];
    for _ in 0..16 {
        let Some(open) = pipe else { break };
        match open.read(&mut piece) {
            Ok(0) => *pipe = None,
            Ok(length) => {
                let room = (MOST + 1).saturating_sub(into.len());
                into.extend_from_slice(&piece[..length.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_not_yet(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
