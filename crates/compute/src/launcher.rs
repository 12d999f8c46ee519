//! The process that becomes a script or a task of a step: it is root when it begins, and the user from then on.
//!
//! It is a program of its own, and not the child of a fork, since only safe calls are allowed here and nothing may run between
//! fork and exec in a process with threads. It reads its [`Task`] from standard input, which comes only when its number and
//! its control groups are on disk; so nothing of a script runs before. What goes wrong goes to standard output, a pipe.
//! Standard input is a socket: with its first byte come the ends of pipes and terminals that the task is to have.

use crate::descriptors;
use crate::interpreter::Interpreter;
use crate::private;
use crate::protocol::RunAs;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    AccessFlags, User, access, chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, initgroups, setgid, setsid, setuid,
};
use scheduling::request::{OpenMode, ProcessLimit};
use serde::{Deserialize, Serialize};
use std::ffi::{CString, OsStr, OsString};
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
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
    /// What runs.
    pub program: Program,
    /// Lines for the user, which go where errors go.
    pub notes: String,
    /// Names and values.
    pub environment: Vec<(RawText, RawText)>,
    /// Where it reads from.
    pub input: Channel,
    /// Where its output goes.
    pub output: Channel,
    /// Where its errors go; `None` is where the output goes.
    pub error: Option<Channel>,
    /// Whether what it reads from is a terminal, which becomes its own (credentials(7), "controlling terminal").
    pub has_terminal: bool,
    /// What becomes of files that are there.
    pub open_mode: OpenMode,
    /// Which of those that came with it is the mount namespace that it is in; `None` is the node's own.
    pub namespace: Option<usize>,
    /// Bits that new files do not get.
    pub umask: u32,
    /// Soft limits of resources.
    pub limits: Vec<ProcessLimit>,
}

/// What a launcher starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// Nothing: the notes are all there is to do.
    Nothing,
    /// A script, by the program of its first line.
    Script {
        /// What runs the script.
        interpreter: RawText,
        /// The one argument of its line.
        argument: Option<RawText>,
        /// The script's file.
        script: RawText,
        /// The script's arguments.
        arguments: Vec<RawText>,
    },
    /// A program and its arguments, looked for along the task's `PATH` (execvp(3)). Where it is not found, the task says so
    /// among its errors and ends with the error's number, as with slurmstepd.
    Named(Vec<RawText>),
}

/// What a standard stream of a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// A file, which is opened as the user.
    File(RawText),
    /// One of those that came with the task, by its place.
    Given(usize),
}

impl Channel {
    /// `/dev/null`
    pub fn nothing() -> Self {
        Channel::File("/dev/null".into())
    }
}

impl Program {
    /// A script by its interpreter.
    pub fn script(interpreter: Interpreter, script: RawText, arguments: Vec<RawText>) -> Self {
        let Interpreter { program, argument } = interpreter;
        Program::Script { interpreter: RawText(program), argument: argument.map(RawText), script, arguments }
    }
}

impl Task {
    /// The same task, but only to write these lines behind its errors. For those whose errors go to a file.
    pub fn note(self, notes: String) -> Self {
        let output = self.error.unwrap_or(self.output);
        let (input, has_terminal, open_mode) = (Channel::nothing(), false, OpenMode::Append);
        Self { program: Program::Nothing, notes, input, output, error: None, has_terminal, open_mode, ..self }
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

/// Reads a task from standard input and becomes it; comes back only if that failed, after it has said why, with its exit code.
pub fn run(people: &dyn People) -> u8 {
    let [Ok(input), Ok(pipe)] = [duplicate(Stream::Input), duplicate(Stream::Output)] else { return 1 };
    let mut pipe = pipe;
    let why = match begin(people, input, &mut pipe) {
        Ok(code) => return code,
        Err(why) => why,
    };
    // Nobody is there to hear of it if the supervisor died.
    let _ = pipe.write_all(&[&[WRONG], why.as_bytes()].concat());
    1
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

/// The exit code of a task whose program could not be run, or the reason why the task itself could not.
fn begin(people: &dyn People, mut input: File, pipe: &mut File) -> Result<u8, String> {
    let mut text = Vec::new();
    let given = descriptors::take(&input).map_err(of("cannot read what to become"))?;
    input.read_to_end(&mut text).map_err(of("cannot read what to become"))?;
    drop(input);
    let task: Task = serde_json::from_slice(&text).map_err(|error| format!("cannot read what to become: {error}"))?;
    if let Some(place) = task.namespace {
        let namespace = given.get(place).ok_or("the job's namespace did not come with the task")?;
        private::enter(namespace).map_err(of("the job's own directories"))?;
    }
    // Its own session and process group: signals of a terminal or of the daemon's group are not the script's.
    setsid().map_err(of("setsid"))?;
    let mut notes = become_user(people, &task)?;
    notes.extend(enter(&task.directory.0)?);
    open_files(&task, given)?;
    notes.push(task.notes.clone());
    say(&notes.concat());
    pipe.write_all(&[READY]).map_err(of("nobody waits for it"))?;
    match &task.program {
        Program::Nothing => Err("there is nothing to run".to_owned()),
        Program::Script { interpreter, argument, script, arguments } => {
            let line = argument.iter().chain([script]).chain(arguments);
            let error = command(&task, interpreter, line)?.exec();
            Err(format!("cannot run {}, which the script's first line names: {error}", interpreter.shown()))
        }
        Program::Named(argv) => Ok(run_named(&task, argv)?),
    }
}

/// Writes lines for the user where errors go. A full disk is no reason not to run.
fn say(lines: &str) {
    if !lines.is_empty() {
        let _ = duplicate(Stream::Errors).and_then(|mut errors| errors.write_all(lines.as_bytes()));
    }
}

/// Comes back only with the number of the error for which a program cannot be run, which is said among the task's own errors.
fn run_named(task: &Task, argv: &[RawText]) -> Result<u8, String> {
    let name = argv.first().ok_or("there is nothing to run")?;
    let environment = whole_environment(task)?;
    let along = environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
    let error = match found(OsStr::from_bytes(&name.0), along.as_deref().unwrap_or_default()) {
        Ok(program) => exec(&program, argv, &environment),
        Err(error) => error,
    };
    // slurmstepd's words and code (src/slurmd/slurmstepd/task.c).
    say(&format!("slurmstepd: error: execve(): {}: {}\n", name.shown(), error.desc()));
    Ok(u8::try_from(error as i32).unwrap_or(1))
}

/// Not by `execvp`, which runs what is no program by a shell.
fn exec(program: &Path, argv: &[RawText], environment: &[(OsString, OsString)]) -> Errno {
    let text = |bytes: &[u8]| CString::new(bytes);
    let entry = |(name, value): &(OsString, OsString)| text(&[name.as_bytes(), b"=", value.as_bytes()].concat());
    let program = text(program.as_os_str().as_bytes());
    let argv = argv.iter().map(|argument| text(&argument.0)).collect::<Result<Vec<_>, _>>();
    let environment = environment.iter().map(entry).collect::<Result<Vec<_>, _>>();
    let (Ok(program), Ok(argv), Ok(environment)) = (program, argv, environment) else { return Errno::EINVAL };
    let Err(error) = execve(&program, &argv, &environment);
    error
}

/// Where a program is: as it is named, or in the first directory of `along` that has one of its name that may be run.
fn found(name: &OsStr, along: &OsStr) -> Result<PathBuf, Errno> {
    if name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let mut error = Errno::ENOENT;
    for directory in std::env::split_paths(along) {
        // An empty entry is the working directory.
        let path = Path::new(".").join(directory).join(name);
        match access(&path, AccessFlags::X_OK) {
            Ok(()) if path.is_file() => return Ok(path),
            Err(Errno::EACCES) => error = Errno::EACCES,
            _ => {}
        }
    }
    Err(error)
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

fn open_files(task: &Task, given: Vec<OwnedFd>) -> Result<(), String> {
    let mut reading = OpenOptions::new();
    reading.read(true).custom_flags(OFlag::O_NOCTTY.bits());
    let input = open(&task.input, reading, &given)?;
    let output = open(&task.output, writing(task.open_mode), &given)?;
    let error = match &task.error {
        Some(error) if *error != task.output => Some(open(error, writing(task.open_mode), &given)?),
        _ => None,
    };
    if task.has_terminal {
        rustix::process::ioctl_tiocsctty(&input).map_err(of("the terminal"))?;
    }
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
fn open(channel: &Channel, options: OpenOptions, given: &[OwnedFd]) -> Result<File, String> {
    match channel {
        Channel::File(path) => {
            options.open(OsStr::from_bytes(&path.0)).map_err(of(format!("cannot open {}", path.shown())))
        }
        Channel::Given(place) => {
            let file = given.get(*place).ok_or("what the task is to have did not come with it")?;
            file.try_clone().map(File::from).map_err(of("standard streams"))
        }
    }
}

fn text(raw: &RawText) -> OsString {
    OsString::from_vec(raw.0.clone())
}

fn command<'a>(
    task: &Task,
    program: &RawText,
    arguments: impl Iterator<Item = &'a RawText>,
) -> Result<Command, String> {
    let mut command = Command::new(text(program));
    command.args(arguments.map(text)).env_clear().envs(whole_environment(task)?);
    Ok(command)
}

/// What every login has, then what was sent and what the scheduler sets; what is later counts.
fn whole_environment(task: &Task) -> Result<Vec<(OsString, OsString)>, String> {
    let login = login(task)?.map(|(name, value)| (OsString::from(name), value));
    let is_sent = |name: &OsString| task.environment.iter().any(|(sent, _)| sent.0 == name.as_bytes());
    let mut all: Vec<_> = login.into_iter().filter(|(name, _)| !is_sent(name)).collect();
    let own = task.environment.iter().filter(|(name, _)| name.0 != b"SLURM_TASK_PID");
    all.extend(own.map(|(name, value)| (text(name), text(value))));
    all.push(("SLURM_TASK_PID".into(), std::process::id().to_string().into()));
    Ok(all)
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
    fn programs_are_found_along_the_path_of_the_task() {
        let files = tempfile::TempDir::new().unwrap();
        let directory = |name: &str| files.path().join(name);
        for (name, mode) in [("a", 0o644), ("b", 0o755)] {
            std::fs::create_dir_all(directory(name).join("d")).unwrap();
            let mut options = OpenOptions::new();
            options.create(true).write(true).mode(mode).open(directory(name).join("x")).unwrap();
        }
        let along = std::env::join_paths([directory("none"), directory("a"), directory("b")]).unwrap();
        assert_eq!(found("x".as_ref(), &along), Ok(directory("b").join("x")));
        assert_eq!(
            (found("d".as_ref(), &along), found("y".as_ref(), &along)),
            (Err(Errno::ENOENT), Err(Errno::ENOENT))
        );
        assert_eq!(found("./x".as_ref(), &along), Ok("./x".into()));
        assert_eq!(found("x".as_ref(), directory("a").as_ref()), Err(Errno::EACCES));
    }

    #[test]
    fn the_pipe_says_how_it_went() {
        assert_eq!(outcome(b"+"), Ok(()));
        assert_eq!(outcome(b"!cannot open /x"), Err("cannot open /x".into()));
        assert_eq!(outcome(b"+!cannot run /bin/no"), Err("cannot run /bin/no".into()));
        assert_eq!(outcome(b""), Err("it was killed before the script could run".into()));
    }
}
