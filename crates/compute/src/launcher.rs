//! The process that becomes a script: it is root when it begins, and the user from then on.
//!
//! It is a program of its own, and not the child of a fork, since only safe calls are allowed here and nothing may run between
//! fork and exec in a process with threads. It reads its [`Task`] from standard input, which comes only when its number and
//! its control groups are on disk; so nothing of a script runs before. What goes wrong goes to standard output, a pipe.

use crate::interpreter::Interpreter;
use crate::protocol::RunAs;
use nix::fcntl::OFlag;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{User, chdir, dup2_stderr, dup2_stdin, dup2_stdout, initgroups, setgid, setsid, setuid};
use scheduling::request::{OpenMode, ProcessLimit};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use words::people::{People, Sought};
use words::raw::RawText;

/// What to become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Whose process it is.
    pub user: RunAs,
    /// Where it runs.
    pub directory: RawText,
    /// The script's file.
    pub script: RawText,
    /// What runs the script, and the one argument of its line; `None` where the notes are all there is to do.
    pub program: Option<(RawText, Option<RawText>)>,
    /// Lines for the user, which go where errors go.
    pub notes: String,
    /// The script's arguments.
    pub arguments: Vec<RawText>,
    /// Names and values.
    pub environment: Vec<(RawText, RawText)>,
    /// Where it reads from.
    pub input: RawText,
    /// Where its output goes.
    pub output: RawText,
    /// Where its errors go; `None` is where the output goes.
    pub error: Option<RawText>,
    /// What becomes of files that are there.
    pub open_mode: OpenMode,
    /// Bits that new files do not get.
    pub umask: u32,
    /// Soft limits of resources.
    pub limits: Vec<ProcessLimit>,
}

impl Task {
    /// With the interpreter of its script.
    pub fn program(interpreter: Interpreter) -> (RawText, Option<RawText>) {
        (RawText(interpreter.program), interpreter.argument.map(RawText))
    }

    /// The same task, but only to write these lines behind its errors.
    pub fn note(self, notes: String) -> Self {
        Self { program: None, notes, input: "/dev/null".into(), open_mode: OpenMode::Append, ..self }
    }
}

/// What a launcher says on its pipe just before it becomes the script.
const READY: u8 = b'+';

/// What stands before the reason for which it could not.
const WRONG: u8 = b'!';

/// What a launcher's pipe said in all: whether the script runs. The error says why it does not.
pub fn outcome(said: &[u8]) -> Result<(), String> {
    match said.iter().position(|byte| *byte == WRONG) {
        Some(at) => Err(String::from_utf8_lossy(&said[at + 1..]).into_owned()),
        None if said.first() == Some(&READY) => Ok(()),
        None => Err("it was killed before the script could run".to_owned()),
    }
}

/// Reads a task from standard input and becomes it; comes back only if that failed, after it has said why.
pub fn run(people: &dyn People) {
    let [Ok(input), Ok(pipe)] = [duplicate(Stream::Input), duplicate(Stream::Output)] else { return };
    let mut pipe = pipe;
    let Err(why) = begin(people, input, &mut pipe);
    // Nobody is there to hear of it if the supervisor died.
    let _ = pipe.write_all(&[&[WRONG], why.as_bytes()].concat());
}

/// A standard stream of this process.
enum Stream {
    Input,
    Output,
    Errors,
}

/// Another descriptor of a stream, which ends when a program is started.
#[expect(clippy::disallowed_methods, reason = "descriptors of other programs, on which nothing is printed")]
fn duplicate(stream: Stream) -> io::Result<File> {
    let descriptor = match stream {
        Stream::Input => io::stdin().as_fd().try_clone_to_owned(),
        Stream::Output => io::stdout().as_fd().try_clone_to_owned(),
        Stream::Errors => io::stderr().as_fd().try_clone_to_owned(),
    };
    descriptor.map(File::from)
}

fn begin(people: &dyn People, mut input: File, pipe: &mut File) -> Result<Infallible, String> {
    let mut text = Vec::new();
    input.read_to_end(&mut text).map_err(of("cannot read what to become"))?;
    drop(input);
    let task: Task = serde_json::from_slice(&text).map_err(|error| format!("cannot read what to become: {error}"))?;
    // Its own session and process group: signals of a terminal or of the daemon's group are not the script's.
    setsid().map_err(of("setsid"))?;
    let mut notes = become_user(people, &task)?;
    notes.extend(enter(&task.directory.0)?);
    open_files(&task)?;
    notes.push(task.notes.clone());
    if notes.iter().any(|note| !note.is_empty()) {
        // A full disk is no reason not to run.
        let _ = duplicate(Stream::Errors).and_then(|mut errors| errors.write_all(notes.concat().as_bytes()));
    }
    pipe.write_all(&[READY]).map_err(of("nobody waits for it"))?;
    let Some(program) = &task.program else { return Err("there is nothing to run".to_owned()) };
    let error = command(&task, program)?.exec();
    Err(format!("cannot run {}, which the script's first line names: {error}", program.0.shown()))
}

fn of<E: Display>(what: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}

/// From here on this process may do what the user may. Gives words for the user about limits that are not theirs.
fn become_user(people: &dyn People, task: &Task) -> Result<Vec<String>, String> {
    let RunAs { name, uid, gid } = &task.user;
    match people.user(name) {
        Sought::There(person) if person.uid == *uid => {}
        Sought::There(person) => {
            return Err(format!("user {name} has number {} on this node, and {uid} on the master", person.uid));
        }
        Sought::Absent => return Err(format!("user {name} is not known on this node")),
        Sought::CannotSay(why) => return Err(why.to_string()),
    }
    let (uid, gid) = (nix::unistd::Uid::from_raw(uid.0), nix::unistd::Gid::from_raw(gid.0));
    let known = CString::new(name.as_str()).map_err(of("the user's name"))?;
    initgroups(&known, gid).map_err(of(format!("cannot take on the groups of {name}")))?;
    // After groups are looked up: the user's limits may be too narrow for that.
    let notes = task.limits.iter().filter_map(|limit| set_limit(limit).err()).collect();
    setgid(gid).map_err(of(format!("cannot take on group {gid}")))?;
    setuid(uid).map_err(of(format!("cannot become {name}")))?;
    umask(Mode::from_bits_truncate(task.umask));
    Ok(notes)
}

/// Sets a soft limit. Where this node allows less, that is what holds, and the error says so.
fn set_limit(limit: &ProcessLimit) -> Result<(), String> {
    let Some(resource) = resource(&limit.name) else { return Ok(()) };
    let wanted = limit.soft.unwrap_or(RLIM_INFINITY);
    let set = getrlimit(resource).and_then(|(_, hard)| {
        setrlimit(resource, wanted.min(hard), hard)?;
        Ok(hard)
    });
    match set {
        Ok(hard) if hard < wanted && limit.soft.is_some() => {
            Err(format!("slurmstepd: error: RLIMIT_{} is {hard} here, not {wanted}\n", limit.name))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("slurmstepd: error: Can't propagate RLIMIT_{}: {error}\n", limit.name)),
    }
}

/// Limits that slurm.conf(5) knows in `PropagateResourceLimits`.
fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "AS" => Resource::RLIMIT_AS,
        "CORE" => Resource::RLIMIT_CORE,
        "CPU" => Resource::RLIMIT_CPU,
        "DATA" => Resource::RLIMIT_DATA,
        "FSIZE" => Resource::RLIMIT_FSIZE,
        "MEMLOCK" => Resource::RLIMIT_MEMLOCK,
        "NOFILE" => Resource::RLIMIT_NOFILE,
        "NPROC" => Resource::RLIMIT_NPROC,
        "RSS" => Resource::RLIMIT_RSS,
        "STACK" => Resource::RLIMIT_STACK,
        _ => return None,
    })
}

/// Goes to the script's directory; where that cannot be, to `/tmp` with a word about it, as slurmd does.
fn enter(directory: &[u8]) -> Result<Option<String>, String> {
    let path = Path::new(OsStr::from_bytes(directory));
    let Err(error) = chdir(path) else { return Ok(None) };
    chdir("/tmp").map_err(of("neither the job's directory nor /tmp can be entered"))?;
    let why = error.desc();
    Ok(Some(format!("slurmstepd: error: couldn't chdir to `{}': {why}: going to /tmp instead\n", path.display())))
}

fn open_files(task: &Task) -> Result<(), String> {
    let mut reading = OpenOptions::new();
    reading.read(true).custom_flags(OFlag::O_NOCTTY.bits());
    let input = open(&task.input, reading)?;
    let output = open(&task.output, writing(task.open_mode))?;
    let error = match &task.error {
        Some(error) if *error != task.output => Some(open(error, writing(task.open_mode))?),
        _ => None,
    };
    dup2_stdin(&input).map_err(of("standard input"))?;
    dup2_stdout(&output).map_err(of("standard output"))?;
    dup2_stderr(error.as_ref().unwrap_or(&output)).map_err(of("standard error"))
}

/// Always behind what is there, also where a file is emptied first: script and supervisor write to the same one.
fn writing(mode: OpenMode) -> OpenOptions {
    let emptied = if mode == OpenMode::Truncate { OFlag::O_TRUNC } else { OFlag::empty() };
    let mut options = OpenOptions::new();
    options.create(true).append(true).custom_flags((emptied | OFlag::O_NOCTTY).bits());
    options
}

/// The path is part of the reason: the user sees it where they look for why the job did not run.
fn open(path: &RawText, options: OpenOptions) -> Result<File, String> {
    options.open(OsStr::from_bytes(&path.0)).map_err(of(format!("cannot open {}", path.shown())))
}

fn command(task: &Task, (program, argument): &(RawText, Option<RawText>)) -> Result<Command, String> {
    let text = |raw: &RawText| OsString::from_vec(raw.0.clone());
    let mut command = Command::new(text(program));
    command.args(argument.iter().chain([&task.script]).chain(&task.arguments).map(text));
    command.env_clear().envs(login(task)?);
    command.envs(task.environment.iter().map(|(name, value)| (text(name), text(value))));
    command.env("SLURM_TASK_PID", std::process::id().to_string());
    Ok(command)
}

/// What every login has, for jobs whose user sent nothing of it.
fn login(task: &Task) -> Result<[(&'static str, OsString); 5], String> {
    let user =
        User::from_uid(nix::unistd::Uid::from_raw(task.user.uid.0)).map_err(of("users cannot be looked up now"))?;
    let user = user.ok_or_else(|| format!("user {} is not known on this node", task.user.name))?;
    Ok([
        ("HOME", user.dir.into()),
        ("SHELL", user.shell.into()),
        ("USER", user.name.clone().into()),
        ("LOGNAME", user.name.into()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipe_says_how_it_went() {
        assert_eq!(outcome(b"+"), Ok(()));
        assert_eq!(outcome(b"!cannot open /x"), Err("cannot open /x".into()));
        assert_eq!(outcome(b"+!cannot run /bin/no"), Err("cannot run /bin/no".into()));
        assert_eq!(outcome(b""), Err("it was killed before the script could run".into()));
    }
}
