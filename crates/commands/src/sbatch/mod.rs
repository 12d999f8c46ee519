//! `sbatch`, pure: a command line, a script and an environment become a [`JobRequest`], or sbatch's own complaint, in the words
//! of Slurm 22.05.8. What is said later counts: the script, then `SBATCH_*` variables, then the command line.

mod answer;
pub(crate) mod demand;
pub(crate) mod environment;
pub(crate) mod options;
mod script;
pub(crate) mod table;
pub(crate) mod values;
mod words;

use crate::Reply;
use ::words::raw::RawText;
use ::words::text::getopt::Known;
pub use answer::{away, elsewhere, not_here, remarks, test_only};
use jiff::Zoned;
use options::Options;
use scheduling::request::{BatchJob, JobRequest, ProcessLimit};
use slurm::records::Details;

/// What is around a command, as its process finds it.
pub struct Given<'a> {
    /// All variables.
    pub environment: Vec<(RawText, RawText)>,
    /// Where it was called.
    pub directory: RawText,
    /// The name of this host.
    pub host: String,
    /// Bits that new files do not get.
    pub umask: u32,
    /// Soft limits of the process.
    pub limits: Vec<ProcessLimit>,
    /// The session of the process.
    pub session: u32,
    /// The time, in the zone of who asks.
    pub now: &'a Zoned,
    /// Files that options and words name.
    pub files: &'a dyn Files,
}

/// How files are read.
pub trait Files {
    /// A file's bytes; an empty path is standard input. The error says why it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// Where a program of this name is, looked for as a shell does; `None` if nowhere.
    fn find(&self, name: &str) -> Option<String>;
}

/// What is to be submitted, and what the user wants to hear of it.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is asked for.
    pub request: JobRequest,
    /// `--test-only`
    pub test_only: bool,
    /// `--wait`: until the job is over.
    pub wait: bool,
    /// `--parsable`: the number alone.
    pub parsable: bool,
    /// `--quiet`: nothing but complaints.
    pub quiet: bool,
    /// `--clusters`: the cluster that is meant.
    pub cluster: Option<String>,
    /// Lines for standard error, which keep nobody from submitting.
    pub notes: Vec<String>,
}

/// A command that ends before anything is submitted, as it ends.
#[derive(Clone, Debug)]
pub struct Stop(pub Box<Reply>);

impl Stop {
    pub(crate) fn said(code: u8, stderr: String) -> Self {
        Self(Box::new(Reply { stderr, code, ..Reply::default() }))
    }

    pub(crate) fn told(text: &str) -> Self {
        Self(Box::new(Reply { stdout: text.to_owned(), ..Reply::default() }))
    }

    /// The same of another program that takes these options; `failed` is what it says when nothing was allocated.
    pub(crate) fn of(mut self, program: &str, failed: &str) -> Self {
        let renamed = |line: &str| match line.strip_prefix("sbatch: ") {
            Some(rest) => format!("{program}: {}\n", rest.replace("Batch job submission failed", failed)),
            None => format!("{line}\n"),
        };
        self.0.stderr = self.0.stderr.lines().map(renamed).collect();
        self
    }
}

pub(crate) fn complaint(code: u8, text: &str) -> Stop {
    lines(code, &[text])
}

pub(crate) fn lines(code: u8, lines: &[&str]) -> Stop {
    Stop::said(code, lines.iter().map(|line| format!("sbatch: error: {line}\n")).collect())
}

pub(crate) fn invalid(option: &str) -> Stop {
    complaint(255, &format!("Invalid --{option} specification"))
}

/// Reads a command line (without the program's name). The script is read when all else is known to be in order.
pub fn read(argv: &[String], given: &Given) -> Result<Order, Stop> {
    let (early, words) = first_look(argv, given.now)?;
    let source = Source::new(&early, &words, given)?;
    script::check(&source.script)?;
    let (in_script, is_old) = script::options(&source.script, &source.name)?;
    let mut options = Options::default();
    let mut notes: Vec<String> = Vec::new();
    if is_old {
        notes.push(
            "error: Change from #SLURM to #SBATCH in your script and verify the options are valid in sbatch".into(),
        );
    }
    take_script(&mut options, &in_script, &notes, given.now)?;
    take_variables(table::VARIABLES, given, |_, option, value| options.set(option, value, given.now))?;
    take_words(&mut options, argv, given.now)?;
    order(given, options, source, notes)
}

/// The options of the command line alone, and the words behind them: they say which script is meant.
fn first_look(argv: &[String], now: &Zoned) -> Result<(Options, Vec<String>), Stop> {
    let mut options = Options::default();
    let words = take_words(&mut options, argv, now)?;
    Ok((options, words))
}

/// Gives each option of a command line by its long name, and then the words from the first that is none on. Refuses what
/// getopt refuses, and ends with what `--help` and its like print.
pub(crate) fn take(
    known: &'static Known,
    argv: &[String],
    [usage, help]: [&str; 2],
    mut set: impl FnMut(&'static str, &str) -> Result<(), Stop>,
) -> Result<Vec<String>, Stop> {
    let mut getopt = known.read_until_word(argv);
    for found in getopt.by_ref() {
        let (letter, value) = found.map_err(|text| Stop::said(255, text))?;
        match known.name(letter) {
            "help" => return Err(Stop::told(help)),
            "usage" => return Err(Stop::told(usage)),
            "version" => return Err(Stop::told(crate::sreport::VERSION)),
            name => set(name, value)?,
        }
    }
    Ok(getopt.words().into_iter().map(str::to_owned).collect())
}

/// Gives each variable of the environment that stands for an option: its name, the option's, and its value.
pub(crate) fn take_variables(
    known: &'static [(&'static str, &'static str)],
    given: &Given,
    mut set: impl FnMut(&'static str, &'static str, &str) -> Result<(), Stop>,
) -> Result<(), Stop> {
    for (variable, option) in known {
        let value = given.environment.iter().find(|(name, _)| name.0 == variable.as_bytes());
        if let Some((_, value)) = value {
            set(variable, option, &value.shown())?;
        }
    }
    Ok(())
}

fn take_words(options: &mut Options, words: &[String], now: &Zoned) -> Result<Vec<String>, Stop> {
    take(&table::KNOWN, words, [USAGE, HELP], |name, value| options.set(name, value, now))
}

fn take_script(options: &mut Options, words: &[String], notes: &[String], now: &Zoned) -> Result<(), Stop> {
    match take_words(options, words, now)?.first() {
        None => Ok(()),
        Some(word) => {
            let bad = format!("error: Invalid directive found in batch script: {word}");
            let said = notes.iter().chain([&bad]).map(|note| format!("sbatch: {note}\n"));
            Err(Stop::said(255, said.collect()))
        }
    }
}

/// The script, and what it is called.
#[derive(Default)]
pub(crate) struct Source {
    pub(crate) script: Vec<u8>,
    /// The name that the job has if nothing else is said.
    pub(crate) name: String,
    /// The script's path; empty where it came otherwise.
    pub(crate) command: String,
    pub(crate) arguments: Vec<String>,
}

impl Source {
    fn new(early: &Options, words: &[String], given: &Given) -> Result<Self, Stop> {
        let words = words.to_vec();
        if let Some(text) = &early.wrap {
            if !words.is_empty() {
                return Err(complaint(1, "Script arguments not permitted with --wrap option"));
            }
            let script = format!("#!/bin/sh\n# This script was created by sbatch --wrap.\n\n{text}\n");
            return Ok(Self { script: script.into(), name: "wrap".into(), command: String::new(), arguments: words });
        }
        let Some((file, arguments)) = words.split_first() else {
            let script = given.files.read("").map_err(|why| complaint(1, &format!("standard input: {why}")))?;
            let (name, command) = ("sbatch".to_owned(), String::new());
            return Ok(Self { script, name, command, arguments: Vec::new() });
        };
        let command = path(file, early, given);
        let script = given.files.read(&command);
        let script = script.map_err(|_| complaint(1, &format!("Unable to open file {file}")))?;
        let name = file.rsplit('/').next().unwrap_or(file).to_owned();
        // Slurm shows a path as it was typed, and the arguments behind it.
        let shown = if file.contains('/') { file } else { &command };
        let shown = std::iter::once(shown.as_str()).chain(arguments.iter().map(String::as_str)).collect::<Vec<_>>();
        let command = shown.join(" ");
        Ok(Self { script, name, command, arguments: arguments.to_vec() })
    }
}

/// Where a script is: as it is named, else on PATH (sbatch(1), "DESCRIPTION").
fn path(file: &str, early: &Options, given: &Given) -> String {
    if file.starts_with('/') {
        return file.to_owned();
    }
    let here = early.chdir.as_deref().map_or_else(|| given.directory.shown().into_owned(), |it| absolute(given, it));
    let beside = format!("{}/{}", here.trim_end_matches('/'), file.strip_prefix("./").unwrap_or(file));
    if file.contains('/') || given.files.read(&beside).is_ok() {
        return beside;
    }
    given.files.find(file).unwrap_or(beside)
}

pub(crate) fn absolute(given: &Given, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    format!("{}/{path}", given.directory.shown().trim_end_matches('/'))
}

/// The nodes that a file names (`--nodefile`).
fn nodes_in(given: &Given, file: &str) -> Result<Vec<scheduling::id::NodeName>, Stop> {
    let bytes = given.files.read(file).map_err(|why| {
        let open = format!("slurm_allocate_resources error opening file {file}, {why}");
        lines(255, &[&open, "Invalid --nodefile node file"])
    })?;
    let text = String::from_utf8_lossy(&bytes);
    values::node_names(&text.split_whitespace().collect::<Vec<_>>().join(","))
}

/// Puts everything together.
fn order(given: &Given, mut options: Options, source: Source, mut notes: Vec<String>) -> Result<Order, Stop> {
    let request = job_request(given, &mut options, source, &mut notes)?;
    let Options { test_only, wait, parsable, quiet, cluster, .. } = options;
    Ok(Order { request, test_only, wait, parsable, quiet, cluster, notes })
}

/// What is asked for, and in `notes` what is worth saying about it.
pub(crate) fn job_request(
    given: &Given,
    options: &mut Options,
    source: Source,
    notes: &mut Vec<String>,
) -> Result<JobRequest, Stop> {
    if let Some(file) = options.nodefile.take() {
        options.nodelist = nodes_in(given, &file)?;
    }
    if options.time_min > options.time.or(options.time_min) {
        let why = "Invalid time-min specification (exceeds job's time or other limits)";
        return Err(complaint(1, &format!("Batch job submission failed: {why}")));
    }
    if options.reservation.is_some() {
        return Err(complaint(1, "Batch job submission failed: Requested reservation is invalid"));
    }
    let (demand, said) = demand::demand(options)?;
    notes.extend(said);
    if !options.idle.is_empty() {
        let names: Vec<String> = options.idle.iter().map(|name| format!("--{name}")).collect();
        notes.push(format!("{} changes nothing here", names.join(", ")));
    }
    let environment = environment::environment(given, options, &demand)?;
    let directory =
        options.chdir.as_deref().map_or_else(|| given.directory.shown().into_owned(), |it| absolute(given, it));
    let raw = |text: &Option<String>| text.as_deref().map(RawText::from);
    let batch = BatchJob {
        script: RawText(source.script),
        arguments: source.arguments.iter().map(|word| RawText::from(word.as_str())).collect(),
        environment,
        command: source.command.into(),
        mail_types: options.mail_types.clone(),
        mail_user: options.mail_user.clone(),
        session: given.session,
        directory: directory.clone().into(),
        input: raw(&options.input),
        output: raw(&options.output),
        error: raw(&options.error),
        open_mode: options.open_mode,
        umask: given.umask,
        limits: limits(options, given),
        submit_directory: given.directory.clone(),
        submit_host: given.host.clone(),
    };
    let details = Details { comment: options.comment.clone(), work_dir: directory, ..Details::default() };
    Ok(JobRequest {
        name: options.job_name.clone().unwrap_or(source.name),
        account: options.account.clone(),
        qos: options.qos.clone(),
        partitions: options.partition.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect(),
        demand,
        minutes: options.time,
        begin: options.begin,
        deadline: options.deadline,
        dependencies: options.dependency.clone(),
        nice: options.nice,
        hold: options.hold,
        requeue: options.requeue,
        wckey: options.wckey.clone(),
        warning: options.warning,
        array: options.array.clone(),
        details,
        allocation: None,
        batch,
    })
}

/// Limits that go along (`--propagate`): all unless names say which.
pub(crate) fn limits(options: &Options, given: &Given) -> Vec<ProcessLimit> {
    let list = options.propagate.as_deref().unwrap_or_default();
    let wanted = |limit: &&ProcessLimit| {
        let says = |word: &str| list.split(',').any(|said| said.eq_ignore_ascii_case(word));
        list.is_empty() || says("ALL") || says(&limit.name)
    };
    given.limits.iter().filter(wanted).cloned().collect()
}

const USAGE: &str = "Usage: sbatch [-N NODES] [-n TASKS] [-c CPUS] [-t TIME] [-p PARTITION] [-A ACCOUNT] [--mem=MB]\n\
    \u{20}             [--gres=LIST] [-o FILE] [-e FILE] [-J NAME] [OPTION...] SCRIPT [ARGUMENT...]\n";

const HELP: &str = "\
Usage: sbatch [OPTION]... SCRIPT [ARGUMENT]...
    -A, --account=NAME         the account that is charged
    -b, --begin=TIME           not before this time
        --comment=TEXT         a text that is kept
    -c, --cpus-per-task=N      CPUs for each task
    -C, --constraint=FEATURES  nodes that have these features
    -d, --dependency=LIST      other jobs first: afterok:JOB and the like
        --deadline=TIME        not at all if it cannot end by then
    -D, --chdir=DIRECTORY      where it runs
    -e, --error=FILE           where standard error goes
        --exclusive            nodes that it has alone
        --export=NAMES         variables that go along: ALL, NONE, names, NAME=VALUE
        --export-file=FILE     variables from a file
    -G, --gpus=[KIND:]N        GPUs of the whole job
        --gpus-per-node=N      GPUs of each node
        --gpus-per-task=N      GPUs of each task
        --gres=LIST            devices of each node, such as gpu:2
    -H, --hold                 it waits until it is released
    -i, --input=FILE           where standard input comes from
    -J, --job-name=NAME        its name
    -L, --licenses=LIST        licences that it takes
    -M, --clusters=NAME        the cluster
        --mail-type=LIST       what mail is sent for
        --mail-user=NAME       to whom
        --mem=SIZE             memory of each node
        --mem-per-cpu=SIZE     memory for each CPU
        --mem-per-gpu=SIZE     memory for each GPU
    -n, --ntasks=N             tasks
    -N, --nodes=N[-M]          nodes
        --nice[=N]             behind others
        --no-requeue           it does not run a second time
        --ntasks-per-node=N    tasks on each node
    -o, --output=FILE          where standard output goes
        --open-mode=MODE       append or truncate
    -p, --partition=NAMES      in one of these partitions
        --parsable             print the number alone
        --propagate[=LIST]     limits that go along
    -q, --qos=NAME             the QOS
    -Q, --quiet                print nothing
        --requeue              it may run a second time
    -t, --time=TIME            how long it may run
        --test-only            say what would be
    -V, --version              version
    -w, --nodelist=NODES       these nodes
    -W, --wait                 wait until it is over; exit as it did
        --wckey=NAME           the wckey
        --wrap=COMMAND         a script of this one command
    -x, --exclude=NODES        none of these nodes
";
