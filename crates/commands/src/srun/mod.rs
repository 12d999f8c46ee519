//! `srun`, pure: a command line and an environment become a step and the job that it is for, and what comes of its tasks becomes
//! lines and an exit code, in the words of Slurm 22.05.8.

pub mod lines;
mod multi;
mod options;
pub mod streams;
mod table;
pub mod tasks;

use crate::sbatch::environment::{self, Variable};
use crate::sbatch::{self, Given, Source, Stop, absolute, complaint, job_request};
use options::Options;
use scheduling::id::JobId;
use scheduling::request::{Allocating, JobRequest, RankedProgram, StepProgram, TerminalSize};
use scheduling::step::StepRequest;
use streams::{OwnInput, OwnOutput};
pub use table::VARIABLES;
use words::raw::RawText;

/// What is to be run, and how `srun` behaves meanwhile.
#[derive(Clone, Debug)]
pub struct Run {
    /// In which job.
    pub place: Place,
    /// What of it.
    pub step: StepRequest,
    /// What runs.
    pub program: StepProgram,
    /// What `srun` sends to the tasks.
    pub input: OwnInput,
    /// Where it writes their output.
    pub output: OwnOutput,
    /// Where it writes their errors.
    pub error: OwnOutput,
    /// `--label`
    pub label: bool,
    /// `--unbuffered`
    pub unbuffered: bool,
    /// `--pty`: task 0 has a terminal.
    pub pty: bool,
    /// `--immediate`: so many seconds it waits for what it needs; `None` is as long as it takes.
    pub immediate: Option<u32>,
    /// `--wait`: so many seconds after its first task's end a step is ended; `None` is never.
    pub wait: Option<u32>,
    /// `--disable-status`: Ctrl-C is the tasks' at once.
    pub disable_status: bool,
    /// `--quit-on-interrupt`: the first Ctrl-C ends the step.
    pub quit_on_interrupt: bool,
    /// `--quiet`: nothing but errors.
    pub quiet: bool,
    /// `--test-only`
    pub test_only: bool,
    /// `--clusters`
    pub cluster: Option<String>,
    /// Lines for standard error, which keep nobody from running.
    pub notes: Vec<String>,
}

/// Where a step runs.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a job of its own.
    New(Box<JobRequest>),
    /// In one that is there.
    In(JobId),
}

/// What `srun` says when it gets no nodes.
pub const FAILED: &str = "Unable to allocate resources";

/// Reads a command line (without the program's name).
pub fn read(argv: &[String], given: &Given) -> Result<Run, Stop> {
    run(argv, given).map_err(|stop| stop.of("srun", FAILED))
}

fn run(argv: &[String], given: &Given) -> Result<Run, Stop> {
    let mut options = Options::default();
    take_variables(&mut options, given)?;
    // What only the environment says changes nothing that is worth a word.
    options.job.idle.clear();
    let words = sbatch::take(&table::KNOWN, argv, [USAGE, HELP], |name, value| options.set(name, value, given.now))?;
    let Some(command) = words.first() else {
        return Err(Stop::said(1, "sbatch: fatal: No command given to execute.\n".to_owned()));
    };
    let base = command.rsplit('/').next().unwrap_or(command).to_owned();
    let source = Source { name: base.clone(), command: words.join(" "), ..Source::default() };
    let mut notes = Vec::new();
    let mut request = job_request(given, &mut options.job, source, &mut notes)?;
    let step = step(&options, &request, base)?;
    let mut streams = Streams::new(&options);
    if let Some(tasks) = step.tasks {
        streams::check(tasks, &streams.input.0, [&streams.output.0, &streams.error.0])?;
    }
    let program = program(given, &options, &words, &step, &mut streams, &request)?;
    let place = match options.jobid {
        Some(job) => Place::In(job),
        None => {
            request.allocation = Some(Allocating::ForOneStep);
            request.batch.environment.clear();
            Place::New(Box::new(request))
        }
    };
    let job = options.job;
    Ok(Run {
        place,
        step,
        program,
        input: streams.input.1,
        output: streams.output.1,
        error: streams.error.1,
        label: options.label && !options.pty,
        unbuffered: options.unbuffered || options.pty,
        pty: options.pty,
        immediate: options.immediate,
        wait: options.wait.filter(|seconds| *seconds > 0),
        disable_status: options.disable_status,
        quit_on_interrupt: options.quit_on_interrupt,
        quiet: job.quiet,
        test_only: job.test_only,
        cluster: job.cluster,
        notes,
    })
}

fn take_variables(options: &mut Options, given: &Given) -> Result<(), Stop> {
    let is_inside = given.environment.iter().any(|(name, _)| name.0 == b"SLURM_JOB_ID");
    sbatch::take_variables(table::VARIABLES, given, |variable, option, value| {
        // In a job that is its own name, and the step has the program's.
        let is_of_job = is_inside && variable == "SLURM_JOB_NAME";
        if is_of_job || !is_meant(option, value) { Ok(()) } else { options.set(option, value, given.now) }
    })
}

/// A flag that is 0 is none.
fn is_meant(option: &str, value: &str) -> bool {
    !(["label", "unbuffered", "exact", "overlap", "whole", "disable-status", "multi-prog"].contains(&option)
        && value == "0")
}

fn step(options: &Options, request: &JobRequest, base: String) -> Result<StepRequest, Stop> {
    let (job, demand) = (&options.job, &request.demand);
    let is_inside = options.jobid.is_some();
    let counts_cpus = job.cpus_per_task.is_some() || job.exclusive;
    Ok(StepRequest {
        name: job.job_name.clone().unwrap_or(base),
        is_interactive: false,
        tasks: job.ntasks,
        tasks_per_node: job.ntasks_per_node,
        nodes: job.nodes.map(|_| (demand.min_nodes, demand.max_nodes)),
        cpus_per_task: job.cpus_per_task,
        // A job of its own is all the step's.
        memory: if is_inside { demand.memory } else { Default::default() },
        gres: (is_inside && options.has_gres).then(|| demand.gres.clone()),
        required: job.nodelist.clone(),
        excluded: job.exclude.clone(),
        relative: options.relative,
        layout: options.layout,
        exact: is_inside && !options.whole && (options.exact || counts_cpus),
        overlap: options.overlap,
        minutes: job.time.filter(|minutes| is_inside && *minutes != sbatch::values::UNLIMITED),
        kill_on_bad_exit: options.kill_on_bad_exit,
    })
}

/// The three streams: what the node does, and what `srun` does.
struct Streams {
    input: (scheduling::request::StepInput, OwnInput),
    output: (scheduling::request::StepOutput, OwnOutput),
    error: (scheduling::request::StepOutput, OwnOutput),
}

impl Streams {
    fn new(options: &Options) -> Self {
        let job = &options.job;
        let output = streams::output(job.output.as_deref());
        let error = streams::error(job.error.as_deref(), &output);
        Self { input: streams::input(job.input.as_deref(), options.pty), output, error }
    }
}

fn program(
    given: &Given,
    options: &Options,
    words: &[String],
    step: &StepRequest,
    streams: &mut Streams,
    request: &JobRequest,
) -> Result<StepProgram, Stop> {
    let programs = if options.multi_prog {
        // Without a number of tasks there is one for each node that was asked for.
        let tasks = step.tasks.unwrap_or(request.demand.tasks);
        let file = absolute(given, &words[0]);
        let text = given.files.read(&file);
        let text = text.map_err(|_| complaint(1, &format!("Could not open multi_prog config file {}", words[0])))?;
        multi::programs(&words[0], &String::from_utf8_lossy(&text), tasks)?
    } else {
        vec![RankedProgram { ranks: None, argv: words.iter().map(|word| RawText::from(word.as_str())).collect() }]
    };
    let batch = &request.batch;
    Ok(StepProgram {
        programs,
        environment: variables(given, options)?,
        directory: batch.directory.clone(),
        umask: batch.umask,
        limits: batch.limits.clone(),
        input: streams.input.0.clone(),
        output: streams.output.0.clone(),
        error: streams.error.0.clone(),
        open_mode: batch.open_mode,
        terminal: options.pty.then(TerminalSize::default),
        submit_host: batch.submit_host.clone(),
    })
}

/// Beginnings of names that a task has from its own step: of the one in which `srun` runs they would be wrong.
const OF_STEPS: &[&str] = &[
    "SLURMD_NODENAME",
    "SLURM_CPUS_ON_NODE",
    "SLURM_GTIDS",
    "SLURM_LOCALID",
    "SLURM_NODEID",
    "SLURM_PROCID",
    "SLURM_STEP",
    "SLURM_TASK_PID",
];

fn variables(given: &Given, options: &Options) -> Result<Vec<Variable>, Stop> {
    let is_of_step = |name: &RawText| OF_STEPS.iter().any(|begin| name.0.starts_with(begin.as_bytes()));
    let own: Vec<Variable> = given.environment.iter().filter(|(name, _)| !is_of_step(name)).cloned().collect();
    let mut kept = environment::exported(given, &options.job, &own)?;
    let mut set = |name: &str, value: &str| environment::put(&mut kept, name, value);
    if options.jobid.is_none() {
        set("SLURM_SUBMIT_DIR", &given.directory.shown());
        set("SLURM_SUBMIT_HOST", &given.host);
    }
    set("SLURM_UMASK", &format!("{:04o}", given.umask));
    set("SLURM_PRIO_PROCESS", "0");
    set("SLURM_LABELIO", if options.label { "1" } else { "0" });
    set("SLURM_CPU_BIND", "none");
    set("SRUN_DEBUG", "3");
    if options.unbuffered {
        set("SLURM_UNBUFFEREDIO", "1");
    }
    let is_none = options.has_gres && options.job.gres.is_empty() && options.job.gpus.is_none();
    if is_none {
        kept.retain(|(name, _)| !OF_DEVICES.iter().any(|own| name.0 == own.as_bytes()));
    }
    Ok(kept)
}

/// Variables that say which devices one has: of a step that wants none, none.
const OF_DEVICES: &[&str] = &[
    "CUDA_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "ROCR_VISIBLE_DEVICES",
    "SLURM_GPUS_ON_NODE",
    "SLURM_JOB_GPUS",
    "ZE_AFFINITY_MASK",
];

const USAGE: &str = "Usage: srun [-N NODES] [-n TASKS] [-c CPUS] [-t TIME] [-p PARTITION] [-A ACCOUNT] [--mem=MB]\n\
    \u{20}           [--gres=LIST] [-o FILE] [-e FILE] [-i FILE] [--jobid=JOB] [--pty] [OPTION...] PROGRAM [ARGUMENT...]\n";

const HELP: &str = "\
Usage: srun [OPTION]... PROGRAM [ARGUMENT]...
In a job it runs PROGRAM on what the job has; else it gets a job first. sbatch's options about jobs are understood, and:
        --cpu-bind=...         (tasks may use all CPUs of their step on a node)
    -e, --error=FILE           where errors go: a file, none, or a task's number
        --exact                only what was asked for, beside other steps
    -i, --input=FILE           what tasks read: a file, none, or for one task
    -I, --immediate[=SECONDS]  do not wait longer for nodes
        --jobid=JOB            in this job
    -K, --kill-on-bad-exit     one task that fails ends the others
    -l, --label                each line with its task's number
    -m, --distribution=LAYOUT  block, cyclic, plane=N
        --mpi=none             nothing is set up for MPI programs
        --multi-prog           PROGRAM is a file that says which task runs what
    -o, --output=FILE          where output goes: a file, none, or a task's number
        --overlap              share what the step has with other steps
        --pty                  a terminal for task 0
        --quit-on-interrupt    the first Ctrl-C ends the step
    -r, --relative=N           from this one of the job's nodes on
    -u, --unbuffered           not line by line
    -W, --wait=SECONDS         end the step so long after its first task's end
    -X, --disable-status       Ctrl-C is for the tasks
";

#[cfg(test)]
mod tests;
