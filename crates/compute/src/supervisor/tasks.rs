//! What a run or step starts on this node: one script, the tasks of a step, or nothing, each with its standard streams.

use super::streams::{Engine, set_size};
use crate::directory::Work;
use crate::environment::{Surroundings, of_batch, of_step};
use crate::file_names::{self, Naming, StepTask};
use crate::interpreter;
use crate::launcher::{Channel, Program, Task};
use crate::protocol::StepLaunch;
use crate::stream::FrameKind;
use nix::pty::openpty;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::fchown;
use scheduling::request::{BatchJob, OpenMode, RankedProgram, StepInput, StepOutput, TerminalSize};
use std::fs::File;
use std::io::{self, Read, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use words::raw::RawText;

/// The standard streams of a task, with the ends that it is given.
pub struct Standard {
    input: Channel,
    output: Channel,
    error: Option<Channel>,
    has_terminal: bool,
    /// What [`Channel::Given`] counts.
    pub files: Vec<OwnedFd>,
}

/// What a stream is connected to.
enum Way {
    Streamed,
    File(RawText),
}

impl Way {
    fn nothing() -> Self {
        Way::File("/dev/null".into())
    }
}

/// Opens the streams of all tasks, in their order; of a step with what flows through them.
pub fn open(work: &Work) -> Result<(Vec<Standard>, Option<Engine>), String> {
    let Some(step) = &work.step else {
        let script = work.script.is_some().then(|| of_script(work)).transpose()?;
        return Ok((script.into_iter().collect(), None));
    };
    let mut engine = Engine::new(work.node.as_str(), &step.share.ranks, work.room);
    let open = |local| open_one(work, step, local, &mut engine).map_err(|error| format!("streams of tasks: {error}"));
    let opened = (0..step.share.ranks.len()).map(open).collect::<Result<_, _>>()?;
    Ok((opened, Some(engine)))
}

fn of_script(work: &Work) -> Result<Standard, String> {
    let batch = work.launch.batch.as_ref().ok_or("there is no script")?;
    let file = |pattern: &RawText| Channel::File(path_of(work, &batch.directory, pattern, None));
    let usual = || file_names::output_of(work.launch.array.as_ref()).into();
    Ok(Standard {
        input: batch.input.as_ref().map_or_else(Channel::nothing, file),
        output: file(&batch.output.clone().unwrap_or_else(usual)),
        error: batch.error.as_ref().map(file),
        has_terminal: false,
        files: Vec::new(),
    })
}

fn open_one(work: &Work, step: &StepLaunch, local: usize, engine: &mut Engine) -> io::Result<Standard> {
    let rank = step.share.ranks[local];
    if let Some(size) = step.program.terminal {
        return if rank == 0 { terminal(work, size, engine) } else { Ok(silent()) };
    }
    let mut files = Vec::new();
    let input = match input_way(work, step, local) {
        Way::File(path) => Channel::File(path),
        Way::Streamed => {
            let (reader, writer) = pipe()?;
            engine.add_sink(writer)?;
            given(&mut files, reader)
        }
    };
    let (output, error) = output_ways(work, step, local);
    let output = open_output(output, rank, FrameKind::Output, engine, &mut files)?;
    let error = error.map(|way| open_output(way, rank, FrameKind::Errors, engine, &mut files)).transpose()?;
    Ok(Standard { input, output, error, has_terminal: false, files })
}

fn given(files: &mut Vec<OwnedFd>, file: impl Into<OwnedFd>) -> Channel {
    files.push(file.into());
    Channel::Given(files.len() - 1)
}

fn open_output(
    way: Way,
    rank: u32,
    kind: FrameKind,
    engine: &mut Engine,
    files: &mut Vec<OwnedFd>,
) -> io::Result<Channel> {
    match way {
        Way::File(path) => Ok(Channel::File(path)),
        Way::Streamed => {
            let (reader, writer) = pipe()?;
            engine.add_source(rank, kind, reader)?;
            Ok(given(files, writer))
        }
    }
}

/// The user's own, as login(1) makes them.
fn terminal(work: &Work, size: TerminalSize, engine: &mut Engine) -> io::Result<Standard> {
    let pair = openpty(None, None)?;
    let uid = nix::unistd::Uid::from_raw(work.launch.user.uid.0);
    fchown(&pair.slave, Some(uid), None)?;
    fchmod(&pair.slave, Mode::from_bits_truncate(0o620))?;
    set_size(&pair.master, size)?;
    engine.add_terminal(0, pair.master)?;
    let (input, output) = (Channel::Given(0), Channel::Given(0));
    Ok(Standard { input, output, error: None, has_terminal: true, files: vec![pair.slave] })
}

fn silent() -> Standard {
    let (input, output) = (Channel::nothing(), Channel::nothing());
    Standard { input, output, error: None, has_terminal: false, files: Vec::new() }
}

fn input_way(work: &Work, step: &StepLaunch, local: usize) -> Way {
    match &step.program.input {
        StepInput::Streamed => Way::Streamed,
        StepInput::StreamedTo(rank) if *rank == step.share.ranks[local] => Way::Streamed,
        StepInput::StreamedTo(_) | StepInput::Nothing => Way::nothing(),
        StepInput::File(pattern) => Way::File(step_path(work, step, local, pattern)),
    }
}

/// Where output and errors go; `None` is where the output goes.
fn output_ways(work: &Work, step: &StepLaunch, local: usize) -> (Way, Option<Way>) {
    let way = |output: &StepOutput| match output {
        StepOutput::Streamed | StepOutput::WithOutput => Way::Streamed,
        StepOutput::StreamedOf(rank) if *rank == step.share.ranks[local] => Way::Streamed,
        StepOutput::StreamedOf(_) | StepOutput::Nothing => Way::nothing(),
        StepOutput::File(pattern) => Way::File(step_path(work, step, local, pattern)),
    };
    let error = (step.program.error != StepOutput::WithOutput).then(|| way(&step.program.error));
    (way(&step.program.output), error)
}

fn step_path(work: &Work, step: &StepLaunch, local: usize, pattern: &RawText) -> RawText {
    let node = step.nodes.iter().position(|it| it.node == work.node).unwrap_or_default() as u32;
    let task = StepTask { step: step.step, rank: step.share.ranks[local], node };
    path_of(work, &step.program.directory, pattern, Some(task))
}

fn path_of(work: &Work, directory: &RawText, pattern: &RawText, task: Option<StepTask>) -> RawText {
    let launch = &work.launch;
    let naming = Naming {
        job: work.job,
        task,
        array: launch.array.as_ref(),
        name: &launch.name,
        user: &launch.user.name,
        node: work.node.as_str(),
    };
    RawText(file_names::path(&directory.0, &pattern.0, naming))
}

/// What the launcher of the task at this place is to become.
pub fn task(work: &Work, local: usize, standard: &Standard) -> Result<Task, String> {
    let at = Surroundings {
        job: work.job,
        attempt: work.attempt,
        node: &work.node,
        gpus: &work.gpus,
        hides_gpus: work.hides_gpus,
    };
    match &work.step {
        Some(step) => step_task(work, step, local, standard, at),
        None => script_task(work, standard, at),
    }
}

fn step_task(
    work: &Work,
    step: &StepLaunch,
    local: usize,
    standard: &Standard,
    at: Surroundings,
) -> Result<Task, String> {
    let program = &step.program;
    Ok(Task {
        user: work.launch.user.clone(),
        directory: program.directory.clone(),
        program: Program::Named(argv(&program.programs, step.share.ranks[local])?),
        notes: String::new(),
        environment: of_step(&work.launch, step, at, local),
        input: standard.input.clone(),
        output: standard.output.clone(),
        error: standard.error.clone(),
        has_terminal: standard.has_terminal,
        open_mode: program.open_mode,
        namespace: None,
        umask: program.umask,
        limits: program.limits.clone(),
    })
}

/// What the task of this rank runs. Of a program for some ranks, `%t` in its arguments is the rank, and `%o` its place among them
/// (srun(1), `--multi-prog`).
fn argv(programs: &[RankedProgram], rank: u32) -> Result<Vec<RawText>, String> {
    let is_its = |it: &&RankedProgram| it.ranks.is_none_or(|(first, last)| (first..=last).contains(&rank));
    let program = programs.iter().rfind(is_its).ok_or_else(|| format!("task {rank} has no program"))?;
    let Some((first, _)) = program.ranks else { return Ok(program.argv.clone()) };
    let place = rank - first;
    Ok(program.argv.iter().map(|argument| RawText(numbered(&argument.0, rank, place))).collect())
}

fn numbered(argument: &[u8], rank: u32, place: u32) -> Vec<u8> {
    let (mut filled, mut bytes) = (Vec::new(), argument.iter().peekable());
    while let Some(byte) = bytes.next() {
        let number = match bytes.peek() {
            Some(b't') if *byte == b'%' => Some(rank),
            Some(b'o') if *byte == b'%' => Some(place),
            _ => None,
        };
        match number {
            Some(number) => {
                filled.extend(number.to_string().bytes());
                bytes.next();
            }
            None => filled.push(*byte),
        }
    }
    filled
}

fn script_task(work: &Work, standard: &Standard, at: Surroundings) -> Result<Task, String> {
    let launch = &work.launch;
    let (Some(script), Some(batch)) = (&work.script, &launch.batch) else {
        return Err("there is no script".to_owned());
    };
    Ok(Task {
        user: launch.user.clone(),
        directory: batch.directory.clone(),
        program: script_program(script, batch)?,
        notes: String::new(),
        environment: of_batch(launch, at),
        input: standard.input.clone(),
        output: standard.output.clone(),
        error: standard.error.clone(),
        has_terminal: false,
        // What an earlier run of the job wrote is not lost.
        open_mode: if work.attempt.0 > 0 { OpenMode::Append } else { batch.open_mode },
        namespace: None,
        umask: batch.umask,
        limits: batch.limits.clone(),
    })
}

/// By what the script's first line says.
fn script_program(script: &Path, batch: &BatchJob) -> Result<Program, String> {
    let mut head = Vec::new();
    let opened = File::open(script).and_then(|file| file.take(4096).read_to_end(&mut head));
    opened.map_err(|error| format!("cannot read {}: {error}", script.display()))?;
    let interpreter = interpreter::of(&head).ok_or("the script's first line is not `#!` and a program")?;
    let path = RawText(script.as_os_str().as_bytes().to_vec());
    Ok(Program::script(interpreter, path, batch.arguments.clone()))
}

/// What writes lines for the user behind the errors of the first task; `None` where these go into no file.
pub fn note(work: &Work, lines: String) -> Result<Option<Task>, String> {
    let standard = match &work.step {
        None => of_script(work)?,
        Some(step) if step.program.terminal.is_some() => return Ok(None),
        Some(step) => {
            let (output, error) = output_ways(work, step, 0);
            let Way::File(output) = error.unwrap_or(output) else { return Ok(None) };
            Standard { output: Channel::File(output), ..silent() }
        }
    };
    Ok(Some(task(work, 0, &standard)?.note(lines)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rank_runs_the_last_program_that_names_it() {
        let program = |ranks, line: &str| RankedProgram { ranks, argv: line.split(' ').map(RawText::from).collect() };
        let all = [program(Some((0, 9)), "a %t %o 50%"), program(Some((2, 3)), "b %%t-%o")];
        let line =
            |rank| argv(&all, rank).unwrap().iter().map(|it| it.shown().into_owned()).collect::<Vec<_>>().join(" ");
        assert_eq!((line(1), line(3)), ("a 1 1 50%".into(), "b %3-1".into()));
        assert_eq!(argv(&all, 10).unwrap_err(), "task 10 has no program");
        let one = [program(None, "c %t")];
        assert_eq!(argv(&one, 7).unwrap(), one[0].argv);
    }
}
