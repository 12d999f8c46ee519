//! `srun`: a job if it is in none, a step, and the way between this terminal and its tasks.

pub mod attach;
mod create;
mod input;
pub mod link;
mod printer;
mod record;
mod session;

use super::granted::{self, Asking};
use super::news::News;
use super::terminal::{self, RawTerminal};
use super::{complain, given, printed, texts};
use crate::cli::exit::Exit;
use commands::sbatch::Stop;
use commands::srun::lines::Lines;
use commands::srun::streams::{Naming, OwnOutput};
use commands::srun::tasks::Tasks;
use commands::srun::{self, Place, Run};
use compute::protocol::StepNode;
use input::Input;
use jiff::Zoned;
use nix::sys::signal::Signal;
use printer::{Printer, Sink, Stream};
use scheduling::id::JobId;
use scheduling::request::{OpenMode, StepInput};
use service::daemon::api::{JobStanding, StreamStep};
use session::{Manners, Session};
use slurm::records::{ExitCode, StepId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// Signals that are passed on to tasks, or end them.
const SIGNALS: &[Signal] = &[
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGCONT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

// What is held back until a line is whole is not acknowledged: a node must keep as much, or the task waits for ever.
const _: () = assert!(commands::srun::lines::LONGEST <= compute::stream::FEWEST_KEPT);

/// `srun`
pub fn run(args: Vec<OsString>) -> Exit {
    let now = Zoned::now();
    let argv = match texts(args) {
        Ok(argv) => argv,
        Err(error) => return complain("srun", &error),
    };
    let given = match given::given(&now) {
        Ok(given) => given,
        Err(error) => return complain("srun", &error),
    };
    match srun::read(&argv, &given) {
        Err(Stop(reply)) => Exit(super::sbatch::or_chosen(printed(*reply))),
        Ok(run) => begin(run).unwrap_or_else(|exit| exit),
    }
}

/// Gets a job if need be, and runs the step in it. The error is how `srun` ends without one, all being said.
fn begin(mut run: Run) -> Result<Exit, Exit> {
    let asking = Asking { program: "srun", failed: srun::FAILED, quiet: run.quiet, immediate: run.immediate };
    run.notes.iter().for_each(|note| asking.say(note));
    let (tell, news) = asking.listen(SIGNALS)?;
    if run.pty {
        run.program.terminal = Some(terminal::size());
    }
    match run.place.clone() {
        Place::In(job) => in_job(&asking, job, &run, &How::default(), &news, &tell),
        Place::New(request) => {
            let job = asking.submit(*request, run.test_only, run.cluster.clone())?;
            asking.wait(job, &news, &tell)?;
            let ends = in_job(&asking, job, &run, &How::default(), &news, &tell);
            if let Err(Exit(code)) = ends {
                // The job is there for the step that is not to be.
                let _ = granted::finish(job, ExitCode { code, signal: 0 });
            }
            ends
        }
    }
}

/// How a program differs from `srun` that runs a step for its own ends.
#[derive(Default)]
pub struct How {
    /// What errors of tasks are about: they are said as errors of their nodes, and how tasks end is not.
    pub errors_of: Option<&'static str>,
}

/// Runs a step in a job. The error is how the program ends without one, all being said.
pub fn in_job(
    asking: &Asking,
    job: JobId,
    run: &Run,
    how: &How,
    news: &Receiver<News>,
    tell: &Sender<News>,
) -> Result<Exit, Exit> {
    let (step, nodes, standing) = create::step(asking, job, run, news, tell)?;
    stream(asking, run, how, (job, step), (&nodes, &standing), news, tell)
}

/// The session over a step that is there.
fn stream(
    asking: &Asking,
    run: &Run,
    how: &How,
    (job, step): (JobId, StepId),
    (nodes, standing): (&[StepNode], &JobStanding),
    news: &Receiver<News>,
    tell: &Sender<News>,
) -> Result<Exit, Exit> {
    let by_name = nodes.iter().map(|node| (node.node.to_string(), node.ranks.clone()));
    let tasks = Tasks::new(&format!("{job}.{step}"), by_name);
    let user = std::env::var("USER").unwrap_or_default();
    let name = standing.allocation.as_ref().map_or("", |it| it.name.as_str());
    let naming = Naming { job: job.0, array: array(job), step, name, user: &user };
    let (output, mut errors) = sinks(run, &naming, tasks.count()).map_err(|why| asking.fail(&why))?;
    if let Some(about) = how.errors_of {
        errors.sink = Sink::Named(names(asking.program, about, nodes));
    }
    let task = if let StepInput::StreamedTo(task) = run.program.input { Some(task) } else { None };
    let reads = |node: &&StepNode| task.is_none_or(|task| node.ranks.contains(&task));
    let firsts: Vec<u32> = nodes.iter().filter(reads).filter_map(|node| node.ranks.first().copied()).collect();
    let input = Input::begin(&named(run, &naming), task, &firsts, tell.clone()).map_err(|why| asking.fail(&why))?;
    let raw = if run.pty { RawTerminal::new() } else { None };
    let printer = Printer::start(asking.program, raw.is_some(), output, errors, tell.clone());
    let session = Session {
        manners: Manners {
            pty: run.pty,
            wait: run.wait.map(|seconds| Duration::from_secs(seconds.into())),
            disable_status: run.disable_status,
            quit_on_interrupt: run.quit_on_interrupt,
            kill_on_bad_exit: run.step.kill_on_bad_exit,
            quiet: run.quiet || how.errors_of.is_some(),
            tells_ends: how.errors_of.is_none(),
            owner: true,
        },
        tasks,
        step: StreamStep { job, step, owner: true },
        input,
        printer,
        news,
        tell: tell.clone(),
        link: None,
        backlog: Vec::new(),
        had: BTreeMap::new(),
        written: BTreeMap::new(),
        times: session::Times::default(),
    };
    let code = session.run();
    drop(raw);
    Ok(Exit(code))
}

/// The array of a job and its index there, if it is the one around this process.
fn array(job: JobId) -> Option<(u32, u32)> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    (number("SLURM_JOB_ID")? == job.0).then_some(())?;
    Some((number("SLURM_ARRAY_JOB_ID")?, number("SLURM_ARRAY_TASK_ID")?))
}

/// What is said before an error of each task, by rank.
fn names(program: &str, about: &str, nodes: &[StepNode]) -> Vec<String> {
    let last = nodes.iter().flat_map(|node| &node.ranks).max().map_or(0, |last| *last as usize + 1);
    let mut names = vec![String::new(); last];
    for node in nodes {
        for rank in &node.ranks {
            names[*rank as usize] = format!("{program}: error: {about}({}): ", node.node);
        }
    }
    names
}

/// The input, with its file's name made.
fn named(run: &Run, naming: &Naming) -> srun::streams::OwnInput {
    match &run.input {
        srun::streams::OwnInput::File(name) => srun::streams::OwnInput::File(naming.file(name)),
        other => other.clone(),
    }
}

/// Where output and errors go.
fn sinks(run: &Run, naming: &Naming, tasks: u32) -> Result<(Stream, Stream), String> {
    let open = |name: &str, what: &str| {
        let path = naming.file(name);
        let mut how = File::options();
        let how = match run.program.open_mode {
            OpenMode::Truncate => how.write(true).create(true).truncate(true),
            OpenMode::Append => how.append(true).create(true),
        };
        how.open(&path).map_err(|error| format!("Could not open {what} file: {path}: {error}"))
    };
    let output = match &run.output {
        OwnOutput::File(name) => Sink::File(open(name, "stdout")?),
        _ => Sink::Output,
    };
    let errors = match (&run.error, &output) {
        (OwnOutput::File(name), _) => Sink::File(open(name, "stderr")?),
        (OwnOutput::WithOutput, Sink::File(file)) => Sink::File(file.try_clone().map_err(|error| error.to_string())?),
        _ => Sink::Errors,
    };
    let lines = || Lines::new(tasks, run.label, !run.unbuffered);
    Ok((Stream { sink: output, lines: lines(), only: None }, Stream { sink: errors, lines: lines(), only: None }))
}

/// A shell with a terminal on a job's first node (slurm.conf(5), `use_interactive_step`); its exit code.
pub fn interactive(job: JobId, shell: OsString, news: &Receiver<News>, tell: &Sender<News>) -> Exit {
    let words = texts(vec![shell]).map(|shell| {
        let own =
            [format!("--jobid={job}"), "--pty".to_owned(), "--overlap".to_owned(), "-N1".to_owned(), "-n1".to_owned()];
        own.into_iter().chain(shell).collect::<Vec<_>>()
    });
    let run = words.map_err(|error| complain("salloc", &error)).and_then(|words| step("salloc", &words, &[]));
    let mut run = match run {
        Ok(run) => run,
        Err(exit) => return exit,
    };
    run.step.is_interactive = true;
    run.step.relative = Some(0);
    run.program.terminal = Some(terminal::size());
    let asking = Asking { program: "salloc", failed: srun::FAILED, quiet: false, immediate: None };
    in_job(&asking, job, &run, &How::default(), news, tell).unwrap_or_else(|exit| exit)
}

/// What `srun` would make of these words, without these of its variables; the error is how the program ends, all being said.
pub fn step(program: &str, words: &[String], unheeded: &[(&str, &str)]) -> Result<Run, Exit> {
    let now = Zoned::now();
    let mut given = given::given(&now).map_err(|error| complain(program, &error))?;
    let is_unheeded = |name: &[u8]| unheeded.iter().any(|(variable, _)| variable.as_bytes() == name);
    given.environment.retain(|(name, _)| !is_unheeded(&name.0));
    srun::read(words, &given).map_err(|Stop(reply)| Exit(super::sbatch::or_chosen(printed(*reply))))
}
