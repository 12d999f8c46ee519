//! [`Options`]: what options of all three sources say; what is read later stands above what was read before.

use super::{Stop, complaint, invalid, values, words};
use jiff::Zoned;
use scheduling::array::ArraySpec;
use scheduling::demand::{Features, GresDemand};
use scheduling::dependency::Dependencies;
use scheduling::id::{NodeName, Time};
use scheduling::job::{SignalTarget, Warning};
use scheduling::request::OpenMode;

/// What is asked for; `None` where nothing was said.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each is the option of its name")]
pub struct Options {
    pub account: Option<String>,
    pub array: Option<ArraySpec>,
    pub begin: Option<Time>,
    pub chdir: Option<String>,
    pub cluster: Option<String>,
    pub comment: String,
    pub constraint: Features,
    pub cpus_per_task: Option<u32>,
    pub deadline: Option<Time>,
    pub dependency: Dependencies,
    pub error: Option<String>,
    pub exclude: Vec<NodeName>,
    pub exclusive: bool,
    pub export: Option<String>,
    pub export_file: Option<String>,
    pub get_user_env: bool,
    pub gpus: Option<Vec<GresDemand>>,
    pub gpus_per_node: Vec<GresDemand>,
    pub gpus_per_task: Option<Vec<GresDemand>>,
    pub gres: Vec<GresDemand>,
    pub hold: bool,
    pub input: Option<String>,
    pub job_name: Option<String>,
    pub licenses: Vec<(String, u32)>,
    pub mail_types: String,
    pub mail_user: String,
    pub mem: Option<u64>,
    pub mem_per_cpu: Option<u64>,
    pub mem_per_gpu: Option<u64>,
    pub mincpus: Option<u32>,
    pub nice: i32,
    pub nodefile: Option<String>,
    pub nodelist: Vec<NodeName>,
    pub nodes: Option<(u32, u32)>,
    pub ntasks: Option<u32>,
    pub ntasks_per_node: Option<u32>,
    pub open_mode: OpenMode,
    pub output: Option<String>,
    pub parsable: bool,
    pub partition: Option<String>,
    pub propagate: Option<String>,
    pub qos: Option<String>,
    pub quiet: bool,
    pub requeue: Option<bool>,
    pub reservation: Option<String>,
    pub test_only: bool,
    pub time: Option<u32>,
    pub time_min: Option<u32>,
    pub wait: bool,
    pub warning: Option<Warning>,
    pub wckey: Option<String>,
    pub wrap: Option<String>,
    /// Options that are read and do nothing here, by name.
    pub idle: Vec<&'static str>,
}

/// Options that would make a difference which nothing here makes, and why that is no job to be taken.
const REFUSED: &[(&str, &str)] = &[
    ("bb", "there are no burst buffers"),
    ("bbf", "there are no burst buffers"),
    ("container", "there are no containers"),
    ("cpus-per-gpu", "say --cpus-per-task instead"),
    ("gid", "a job runs as the group that submits it"),
    ("gpus-per-socket", "say --gpus-per-node instead"),
    ("ntasks-per-gpu", "say --ntasks and --gpus-per-node instead"),
    ("ntasks-per-tres", "say --ntasks and --gpus-per-node instead"),
    ("priority", "an operator sets it with scontrol update"),
    ("reboot", "nodes are not booted for jobs"),
];

impl Options {
    /// Takes an option in. `is_early` is the first look at the command line, which finds where the script is.
    pub fn set(&mut self, option: &'static str, value: &str, now: &Zoned) -> Result<(), Stop> {
        if option == "uid" {
            return Err(complaint(255, "--uid only permitted by root user"));
        }
        if let Some((_, why)) = REFUSED.iter().find(|(name, _)| *name == option) {
            return Err(complaint(1, &format!("--{option}: {why}")));
        }
        let text = || value.to_owned();
        let some = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match option {
            "account" => self.account = some(),
            // As Slurm takes it: no array at all.
            "array" if value.is_empty() => self.array = None,
            "array" => self.array = Some(array(value)?),
            "begin" => self.begin = Some(values::moment(option, value, now)?),
            "chdir" => self.chdir = some(),
            "clusters" => self.cluster = some(),
            "comment" => self.comment = text(),
            "constraint" => self.constraint = features(value)?,
            "cpus-per-task" => self.cpus_per_task = Some(values::count(option, value)?),
            "deadline" => self.deadline = Some(values::moment(option, value, now)?),
            "dependency" => self.dependency = values::dependencies(value)?,
            "error" => self.error = some(),
            "exclude" => self.exclude = values::node_names(value)?,
            "exclusive" => self.exclusive = exclusive(value)?,
            "export" => self.export = Some(text()),
            "export-file" => self.export_file = some(),
            "get-user-env" => self.get_user_env = true,
            "gpus" => self.gpus = Some(values::gpus(value)?),
            "gpus-per-node" => self.gpus_per_node = values::gpus(value)?,
            "gpus-per-task" => self.gpus_per_task = Some(values::gpus(value)?),
            "gres" => self.gres = values::gres(value)?,
            "hold" => self.hold = true,
            "input" => self.input = some(),
            "job-name" => self.job_name = Some(text()),
            "licenses" => self.licenses = values::licenses(value)?,
            "mail-type" => self.mail_types = values::mail_types(value)?,
            "mail-user" => self.mail_user = text(),
            "mem" => self.mem = Some(values::megabytes(option, value)?),
            "mem-per-cpu" => self.mem_per_cpu = Some(values::megabytes(option, value)?),
            "mem-per-gpu" => self.mem_per_gpu = Some(values::megabytes(option, value)?),
            "mincpus" => self.mincpus = Some(values::count(option, value)?),
            "nice" => self.nice = values::nice(value)?,
            "no-requeue" => self.requeue = Some(false),
            "nodelist" => self.nodelist = values::node_names(value)?,
            "nodefile" => self.nodefile = Some(text()),
            "nodes" => self.nodes = Some(values::nodes(value)?),
            "ntasks" => self.ntasks = Some(values::count(option, value)?),
            "ntasks-per-node" => self.ntasks_per_node = Some(values::count(option, value)?),
            "open-mode" => self.open_mode = open_mode(value)?,
            "output" => self.output = some(),
            "parsable" => self.parsable = true,
            "partition" => self.partition = some(),
            "qos" => self.qos = some(),
            "quiet" => self.quiet = true,
            "requeue" => self.requeue = Some(true),
            "reservation" => self.reservation = some(),
            "signal" => self.signal(value)?,
            "test-only" => self.test_only = true,
            "time" => self.time = Some(values::minutes(option, value)?),
            "propagate" => self.propagate = Some(values::limits(value)?),
            "wait" => self.wait = true,
            "wckey" => self.wckey = some(),
            "wrap" => self.wrap = Some(text()),
            _ => self.pass_over(option, value)?,
        }
        Ok(())
    }

    /// Options that say how something is done that is done otherwise here. Their values are looked at all the same.
    fn pass_over(&mut self, option: &'static str, value: &str) -> Result<(), Stop> {
        match option {
            "cores-per-socket" | "ntasks-per-core" | "ntasks-per-socket" | "sockets-per-node" | "switches"
            | "threads-per-core" | "wait-all-nodes" => _ = values::count_or_zero(option, value)?,
            "time-min" => self.time_min = Some(values::minutes(option, value)?),
            "delay-boot" => _ = values::minutes(option, value)?,
            "tmp" => _ = values::megabytes(option, value)?,
            "hint" => hint(value)?,
            "kill-on-invalid-dep" if !["yes", "no"].contains(&value) => return Err(invalid(option)),
            _ => words::check(option, value)?,
        }
        // Shared nodes are what there is anyway, and these four change nothing about that.
        let is_so_anyway = ["oversubscribe", "ignore-pbs", "verbose", "use-min-nodes"].contains(&option);
        let is_off = matches!(value, "none" | "no" | "off");
        if !is_so_anyway && !is_off && !self.idle.contains(&option) {
            self.idle.push(option);
        }
        Ok(())
    }

    /// `[R|B][:]SIGNAL[@seconds]`: to the script's own process with `B`, else to the job's steps. `R` is about
    /// reservations, of which there are none.
    fn signal(&mut self, value: &str) -> Result<(), Stop> {
        let (to, rest) = value.split_once(':').unwrap_or(("", value));
        let (signal, seconds) = rest.split_once('@').unwrap_or((rest, "60"));
        let is_whom = to.chars().all(|c| "RB".contains(c));
        // Nothing behind the `@` is 0 to Slurm.
        let seconds = if seconds.is_empty() { Some(0) } else { seconds.parse::<u16>().ok() };
        let (Some(signal), Some(seconds), true) = (crate::signals::number(signal), seconds, is_whom) else {
            return Err(invalid("signal"));
        };
        let to = if to.contains('B') { SignalTarget::Script } else { SignalTarget::Steps };
        self.warning = Some(Warning { signal, seconds: seconds.into(), to });
        Ok(())
    }
}

fn features(text: &str) -> Result<Features, Stop> {
    let counted =
        || complaint(1, &format!("--constraint {text}: counts, brackets and parentheses are not understood yet"));
    match Features::parse(text) {
        Some(features) => Ok(features),
        None if text.contains(['*', '[', '(']) => Err(counted()),
        None => Err(complaint(1, "Batch job submission failed: Invalid feature specification")),
    }
}

fn array(text: &str) -> Result<ArraySpec, Stop> {
    text.parse().map_err(|_| complaint(1, "Batch job submission failed: Invalid job array specification"))
}

fn exclusive(value: &str) -> Result<bool, Stop> {
    match value {
        "" => Ok(true),
        "user" | "mcs" => {
            Err(complaint(1, &format!("--exclusive={value}: nodes are alone or shared, not shared by {value}")))
        }
        _ => Err(invalid("exclusive")),
    }
}

fn open_mode(value: &str) -> Result<OpenMode, Stop> {
    match value.chars().next() {
        Some('a' | 'A') => Ok(OpenMode::Append),
        Some('t' | 'T') => Ok(OpenMode::Truncate),
        _ => Err(invalid("open-mode")),
    }
}

fn hint(value: &str) -> Result<(), Stop> {
    let known = ["compute_bound", "memory_bound", "multithread", "nomultithread"];
    if value.split(',').all(|word| known.contains(&word)) {
        return Ok(());
    }
    Err(complaint(1, &format!("unrecognized --hint argument \"{value}\", see --hint=help")))
}
