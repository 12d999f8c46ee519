//! [`OwnCommands`]: enlist's own `sacctmgr`, started once for the commands of a loop. To start a program two hundred times
//! takes longer than what it is told to do.
//!
//! It is the very program that the name leads to, as the same user, with the same environment and directory, so that what
//! it does and says is what a process for each command would. Whatever is not certain to be the same gets one.

use super::process;
use crate::protocol::{receive, send};
use crate::system::coprocess::{Asked, LANGUAGE, Ready, Said, VARIABLE};
use crate::system::{Command, ProgramOutput};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{AccessFlags, access};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// The name under which enlist is started as Slurm's.
const NAME: &str = "sacctmgr";

/// The file that this name must lead to.
const PROGRAM: &str = "enlist";

/// How many milliseconds a program may take to say that it is ready.
const PATIENCE_MS: u16 = 10_000;

/// The commands of one request, which all have the same environment.
#[derive(Default)]
pub(super) enum OwnCommands {
    /// None came yet.
    #[default]
    None,
    /// One came, and had a process of its own: most tasks have no other.
    One,
    /// Further ones go to this process.
    Started(Box<Coprocess>),
    /// The program does not do it.
    Refused,
}

impl OwnCommands {
    /// Carries a command out. `None` when it needs a process of its own; then nothing was done.
    pub(super) fn run(&mut self, command: &Command, environment: &[(String, String)]) -> Option<ProgramOutput> {
        let (found, argv) = (Found::by(command, environment)?, arguments(command)?);
        match self {
            OwnCommands::None => {
                *self = OwnCommands::One;
                return None;
            }
            OwnCommands::Refused => return None,
            OwnCommands::Started(there) if there.file == found.file => {}
            // The name leads to another program by now.
            OwnCommands::One | OwnCommands::Started(_) => {
                *self = match Coprocess::start(&command.argv[0], &found, environment) {
                    Some(started) => OwnCommands::Started(Box::new(started)),
                    None => OwnCommands::Refused,
                };
            }
        }
        let OwnCommands::Started(coprocess) = self else { return None };
        match coprocess.ask(argv) {
            Told::Ended(output) => Some(output),
            Told::NotHere => None,
            Told::NotAsked => {
                *self = OwnCommands::Refused;
                None
            }
            Told::Died(output) => {
                *self = OwnCommands::One;
                Some(output)
            }
        }
    }
}

/// The words behind the name, if all are text and nothing else is asked for.
fn arguments(command: &Command) -> Option<Vec<String>> {
    let is_plain = command.stdin.is_none() && command.chdir.is_none() && command.environment.is_empty();
    let words = command.argv.iter().skip(1).map(|word| word.to_str().map(str::to_owned));
    is_plain.then(|| words.collect()).flatten()
}

/// The program that a command's name leads to.
struct Found {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
}

impl Found {
    /// As the system would find it; `None` unless that is certain and it can be enlist.
    fn by(command: &Command, environment: &[(String, String)]) -> Option<Self> {
        let name = Path::new(command.argv.first()?);
        if name.file_name() != Some(OsStr::new(NAME)) {
            return None;
        }
        if name.is_absolute() {
            return Self::at(name.to_owned()).ok()?;
        }
        if name.components().count() > 1 {
            return None;
        }
        let added = environment.iter().rev().find(|(key, _)| key == "PATH").map(|(_, value)| OsString::from(value));
        let path = added.or_else(|| std::env::var_os("PATH"))?;
        for directory in std::env::split_paths(&path) {
            // What depends on the directory of now is left to the system.
            if !directory.is_absolute() {
                return None;
            }
            match Self::at(directory.join(name)) {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                found => return found.ok()?,
            }
        }
        None
    }

    fn at(path: PathBuf) -> io::Result<Option<Self>> {
        let stat = fs::metadata(&path)?;
        let is_program = stat.is_file() && access(&path, AccessFlags::X_OK).is_ok();
        Ok(is_program.then(|| Self { file: (stat.dev(), stat.ino()), path }))
    }

    fn is_called_enlist(&self) -> bool {
        fs::canonicalize(&self.path).is_ok_and(|real| real.file_name() == Some(OsStr::new(PROGRAM)))
    }
}

/// What became of a command that was given to a coprocess.
enum Told {
    Ended(ProgramOutput),
    /// It takes a process of its own.
    NotHere,
    /// The coprocess had ended before.
    NotAsked,
    /// The coprocess ended over it, as a process of its own would have.
    Died(ProgramOutput),
}

/// A running `sacctmgr` that waits for commands. It ends when this is dropped.
pub(super) struct Coprocess {
    file: (u64, u64),
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Coprocess {
    /// Starts the program that was found. `None` when it does not say that it is ready, or when something else answers: a
    /// script of the same name that leads on to enlist wants to be asked for each command.
    fn start(program: &OsStr, found: &Found, environment: &[(String, String)]) -> Option<Self> {
        if !found.is_called_enlist() {
            return None;
        }
        let mut process = process::prepare(program, environment);
        process.arg("-V").env(VARIABLE, "1");
        let mut child = process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
        let (input, output) = (child.stdin.take(), child.stdout.take()?);
        let mut started = Self { file: found.file, child, input, output };
        let is_it = started.says_ready() && started.is_running(found.file);
        is_it.then_some(started)
    }

    fn says_ready(&mut self) -> bool {
        let mut waiting = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
        let says = matches!(poll(&mut waiting, PollTimeout::from(PATIENCE_MS)), Ok(1..));
        if !says {
            // It may not heed the end of its input either; that it is gone already is all right.
            let _ = self.child.kill();
        }
        says && matches!(receive(&mut self.output), Ok(Some(Ready { language: LANGUAGE })))
    }

    /// Whether the process runs this very file, and not what the file had started in its place.
    fn is_running(&self, file: (u64, u64)) -> bool {
        let running = fs::metadata(format!("/proc/{}/exe", self.child.id()));
        running.is_ok_and(|stat| (stat.dev(), stat.ino()) == file)
    }

    fn ask(&mut self, argv: Vec<String>) -> Told {
        let Some(input) = &mut self.input else { return Told::NotAsked };
        // A frame that is not whole is no command.
        if send(input, &Asked { argv }).is_err() {
            return Told::NotAsked;
        }
        match receive(&mut self.output) {
            Ok(Some(Said::Ended { code, stdout, stderr })) => {
                let output = ProgramOutput { code: code.into(), stdout: stdout.into(), stderr: stderr.into() };
                Told::Ended(output)
            }
            Ok(Some(Said::NotHere)) => Told::NotHere,
            Ok(None) | Err(_) => Told::Died(self.last_words()),
        }
    }

    /// How it ended in the middle of a command, and what it had to say to that.
    fn last_words(&mut self) -> ProgramOutput {
        self.input = None;
        let mut stderr = Vec::new();
        if let Some(mut pipe) = self.child.stderr.take()
            && let Err(error) = pipe.read_to_end(&mut stderr)
        {
            stderr.extend(format!("what it said last cannot be read: {error}\n").bytes());
        }
        let code = self.child.wait().map_or(1, process::code);
        ProgramOutput { code, stdout: Vec::new(), stderr }
    }
}

impl Drop for Coprocess {
    fn drop(&mut self) {
        drop(self.input.take()); // this is what ends it
        // It is not in the middle of anything.
        let _ = self.child.wait();
    }
}
