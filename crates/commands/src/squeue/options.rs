//! The options of `squeue` (squeue(1)), and the variables that say the same.

use crate::cluster::Cluster;
use crate::data::Structured;
use crate::job::TASKS_SHOWN;
use crate::sacct::units::Convert;
use scheduling::array::TaskSet;
use scheduling::id::{JobId, Uid};
use slurm::records::JobState;
use std::collections::BTreeMap;
use words::people::Sought;
use words::text::getopt::Takes::{Maybe, Nothing as No, Value as Yes};
use words::text::getopt::{Found, Known};
use words::text::hostlist;
use words::text::slurm_time::TimeFormat;

const HELP: char = '\u{e001}';
const USAGE: char = '\u{e002}';
const START: char = '\u{e003}';
const ME: char = '\u{e004}';
const NOCONVERT: char = '\u{e005}';
const JSON: char = '\u{e006}';
const NOTHING: char = '\u{e007}';
const YAML: char = '\u{e008}';

/// All options.
pub static KNOWN: Known = Known {
    program: "squeue",
    hint: true,
    options: &[
        ("account", 'A', Yes),
        ("all", 'a', No),
        ("array", 'r', No),
        ("array-unique", NOTHING, No),
        ("clusters", 'M', Yes),
        ("federation", NOTHING, No),
        ("Format", 'O', Yes),
        ("format", 'o', Yes),
        ("help", HELP, No),
        ("hide", NOTHING, No),
        ("iterate", 'i', Yes),
        ("jobs", 'j', Maybe),
        ("json", JSON, Maybe),
        ("licenses", 'L', Yes),
        ("local", NOTHING, No),
        ("long", 'l', No),
        ("me", ME, No),
        ("name", 'n', Yes),
        ("noconvert", NOCONVERT, No),
        ("node", 'w', Yes),
        ("nodelist", 'w', Yes),
        ("nodes", 'w', Yes),
        ("noheader", 'h', No),
        ("partition", 'p', Yes),
        ("priority", 'P', No),
        ("qos", 'q', Yes),
        ("reservation", 'R', Yes),
        ("sib", NOTHING, No),
        ("sibling", NOTHING, No),
        ("sort", 'S', Yes),
        ("start", START, No),
        ("state", 't', Yes),
        ("states", 't', Yes),
        ("steps", 's', Maybe),
        ("usage", USAGE, No),
        ("user", 'u', Yes),
        ("users", 'u', Yes),
        ("verbose", 'v', No),
        ("version", 'V', No),
        ("yaml", YAML, Maybe),
    ],
};

/// Variables that squeue heeds.
pub const VARIABLES: &[(&str, char)] = &[
    ("SQUEUE_ACCOUNT", 'A'),
    ("SQUEUE_ALL", 'a'),
    ("SQUEUE_ARRAY", 'r'),
    ("SQUEUE_FORMAT", 'o'),
    ("SQUEUE_FORMAT2", 'O'),
    ("SQUEUE_LICENSES", 'L'),
    ("SQUEUE_NAMES", 'n'),
    ("SQUEUE_PARTITION", 'p'),
    ("SQUEUE_PRIORITY", 'P'),
    ("SQUEUE_QOS", 'q'),
    ("SQUEUE_SORT", 'S'),
    ("SQUEUE_STATES", 't'),
    ("SQUEUE_USERS", 'u'),
];

/// What is shown of which jobs. An empty list lets everything through.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each is the option of its name")]
pub struct Options {
    pub accounts: Vec<String>,
    pub format: Option<String>,
    pub long_format: Option<String>,
    pub each_task: bool,
    pub jobs: Option<Vec<Wish>>,
    pub licenses: Vec<String>,
    pub long: bool,
    pub names: Vec<String>,
    /// Whether the cluster is named above the list, since one was asked for.
    pub names_cluster: bool,
    pub convert: Convert,
    pub tasks_shown: usize,
    pub nodes: Vec<String>,
    pub header: bool,
    pub partitions: Vec<String>,
    pub by_priority: bool,
    pub qos: Vec<String>,
    pub reservation: Option<String>,
    pub sort: Option<String>,
    pub start: bool,
    pub states: Option<Vec<Wanted>>,
    pub steps: bool,
    pub structured: Option<Structured>,
    pub users: Option<Vec<Uid>>,
    /// What was wrong and keeps nothing from being shown.
    pub complaints: String,
    pub times: TimeFormat,
}

/// A job that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its number.
    pub job: JobId,
    /// These tasks of it alone.
    pub tasks: Option<TaskSet>,
}

/// A state that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any at all.
    All,
    /// This one.
    State(JobState),
    /// Nodes clean up behind it.
    Completing,
    /// One that no job has here.
    Nowhere,
}

/// What ends a command before it lists anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A text to print.
    Text(String),
    /// A complaint; the exit code is 1.
    Complaint(String),
    /// The same, with a word on how it is used.
    Usage(String),
}

/// States and flags that Slurm has and nothing here.
const ELSEWHERE: &[&str] = &[
    "CONFIGURING",
    "CF",
    "STOPPED",
    "ST",
    "REQUEUE_HOLD",
    "RH",
    "SPECIAL_EXIT",
    "SE",
    "SIGNALING",
    "SI",
    "STAGE_OUT",
    "SO",
    "RESV_DEL_HOLD",
    "RD",
    "REQUEUE_FED",
    "RF",
];

impl Options {
    /// Reads variables, then the command line.
    pub fn read(cluster: &Cluster, environment: &BTreeMap<String, String>, argv: &[String]) -> Result<Self, End> {
        let mut options = Self { header: true, ..Self::default() };
        let format = environment.get("SLURM_TIME_FORMAT").and_then(|text| TimeFormat::named(text));
        options.times = format.unwrap_or_default();
        let length = environment.get("SLURM_BITSTR_LEN").map(|text| text.parse().unwrap_or(TASKS_SHOWN));
        // 0 is no bound.
        options.tasks_shown = length.map_or(TASKS_SHOWN, |length| if length == 0 { usize::MAX } else { length });
        for (variable, letter) in VARIABLES {
            if let Some(value) = environment.get(*variable) {
                options.set(cluster, (*letter, value))?;
            }
        }
        let mut getopt = KNOWN.read(argv);
        let (mut wants_jobs, mut wants_steps, mut has_format) = (false, false, false);
        for found in getopt.by_ref() {
            let (letter, value) = found.map_err(End::Complaint)?;
            has_format |= matches!(letter, 'o' | 'O');
            if letter == 'l' && !has_format {
                // It is stronger than a format of the environment.
                (options.format, options.long_format) = (None, None);
            }
            wants_jobs |= letter == 'j' && value.is_empty();
            wants_steps |= letter == 's' && value.is_empty();
            options.set(cluster, (letter, value))?;
        }
        if options.long && options.format.is_some() {
            let why = "Options -o(--format) and -l(--long) are mutually exclusive. Please remove one and retry.";
            return Err(End::Complaint(format!("squeue: fatal: {why}\n")));
        }
        for word in getopt.words() {
            if !(wants_jobs || wants_steps) {
                return Err(End::Usage(format!("squeue: error: Unrecognized option: {word}\n")));
            }
            // An empty list has no jobs.
            if word.is_empty() && wants_jobs {
                options.jobs = Some(Vec::new());
            }
            options.set(cluster, ('j', word))?;
            (wants_jobs, wants_steps) = (false, false);
        }
        Ok(options)
    }

    fn set(&mut self, cluster: &Cluster, (letter, value): Found) -> Result<(), End> {
        let list = || value.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        match letter {
            'A' => self.accounts = list(),
            'M' => {
                elsewhere("squeue", cluster, value)?;
                self.names_cluster = true;
            }
            'O' => (self.long_format, self.format) = (Some(value.to_owned()), None),
            'o' => (self.format, self.long_format) = (Some(value.to_owned()), None),
            'h' => self.header = false,
            'j' if !value.is_empty() => self.jobs = Some(job_ids(value)?),
            'L' => self.licenses = list(),
            'l' => self.long = true,
            'n' => self.names = list(),
            'P' => self.by_priority = true,
            'p' => self.partitions = list(),
            'q' => self.qos = list(),
            'R' => self.reservation = Some(value.to_owned()),
            'S' => self.sort = Some(value.to_owned()),
            's' => self.steps = true,
            't' => self.states = Some(states(value)?),
            'u' => {
                let (users, complaints) = users("squeue", cluster, value);
                (self.users, self.complaints) = (Some(users), complaints);
            }
            'w' => self.nodes = nodes(cluster, value)?,
            'V' => return Err(End::Text(crate::sreport::VERSION.to_owned())),
            HELP => return Err(End::Text(HELP_TEXT.to_owned())),
            USAGE => return Err(End::Text(USAGE_TEXT.to_owned())),
            ME => self.users = Some(vec![cluster.caller.uid]),
            NOCONVERT => self.convert = Convert::Never,
            START => self.start = true,
            'i' if value.parse::<u32>().is_err() => {
                return Err(End::Complaint(format!("squeue: error: --iterate={value}\n\n")));
            }
            'i' => return Err(complaint("--iterate: run squeue again as often as you want, by watch(1) for example")),
            'r' => self.each_task = true,
            // Which version of the form is asked for makes no difference: there is one.
            JSON => self.structured = Some(Structured::Json),
            YAML => self.structured = Some(Structured::Yaml),
            _ => {}
        }
        Ok(())
    }
}

/// Complains about clusters that are not this one.
fn elsewhere(program: &str, cluster: &Cluster, named: &str) -> Result<(), End> {
    let why = crate::sbatch::elsewhere(&cluster.core.config().cluster, Some(named));
    why.map_or(Ok(()), |why| Err(End::Complaint(crate::sbatch::away(program, &why))))
}

fn complaint(text: &str) -> End {
    End::Complaint(format!("squeue: error: {text}\n"))
}

/// `12`, `12_3`, `12_[1-3,7]`. Slurm 22.05 reads lists of tasks as task 0; here they are what they say.
fn job_ids(text: &str) -> Result<Vec<Wish>, End> {
    let one = |part: &str| {
        let bad = || complaint(&format!("Invalid job id: {part}"));
        let (id, tasks) = part.split_once('_').map_or((part, None), |(id, tasks)| (id, Some(tasks)));
        let job = id.parse::<u32>().ok().filter(|id| *id > 0).map(JobId).ok_or_else(bad)?;
        let tasks = tasks.map(str::parse::<TaskSet>).transpose().map_err(|_| bad())?;
        Ok(Wish { job, tasks })
    };
    hostlist::parts(text).into_iter().filter(|part| !part.is_empty()).map(one).collect()
}

fn states(text: &str) -> Result<Vec<Wanted>, End> {
    let one = |word: &str| {
        let is = |known: &str| known.eq_ignore_ascii_case(word);
        if is("all") {
            return Ok(Wanted::All);
        }
        if is("COMPLETING") || is("CG") {
            return Ok(Wanted::Completing);
        }
        if ELSEWHERE.iter().any(|known| is(known)) {
            return Ok(Wanted::Nowhere);
        }
        JobState::named(word).map(Wanted::State).ok_or_else(|| {
            let valid = "Valid job states include: PENDING,RUNNING,SUSPENDED,COMPLETED,CANCELLED,FAILED,TIMEOUT,NODE_FAIL,\
                PREEMPTED,BOOT_FAIL,DEADLINE,OUT_OF_MEMORY,COMPLETING,CONFIGURING,RESIZING,RESV_DEL_HOLD,REQUEUED,REQUEUE_FED,\
                REQUEUE_HOLD,REVOKED,SIGNALING,SPECIAL_EXIT,STAGE_OUT,STOPPED\n";
            End::Complaint(format!("squeue: error: Invalid job state specified: {word}\nsqueue: error: {valid}\n"))
        })
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}

/// The numbers of users; who is none is complained about, and has no jobs.
pub fn users(program: &str, cluster: &Cluster, text: &str) -> (Vec<Uid>, String) {
    let (mut found, mut complaints) = (Vec::new(), String::new());
    for name in text.split(',').filter(|part| !part.is_empty()) {
        let by_number = || name.parse().map_or(Sought::Absent, |uid| cluster.people.user_numbered(Uid(uid)));
        let sought = match cluster.people.user(name) {
            Sought::Absent => by_number(),
            sought => sought,
        };
        match sought {
            Sought::There(person) => found.push(person.uid),
            Sought::Absent => complaints.push_str(&format!("{program}: error: Invalid user: {name}\n\n")),
            Sought::CannotSay(why) => complaints.push_str(&format!("{program}: error: user {name}: {why}\n")),
        }
    }
    (found, complaints)
}

fn nodes(cluster: &Cluster, text: &str) -> Result<Vec<String>, End> {
    let names = hostlist::expand_all(text).unwrap_or_default();
    let config = cluster.core.config();
    match names.iter().find(|name| !config.nodes.iter().any(|node| node.name == **name)) {
        Some(unknown) => Err(complaint(&format!("Invalid node name {unknown}"))),
        None if names.is_empty() => Err(complaint(&format!("Invalid node name {text}"))),
        None => Ok(names),
    }
}

/// How it is used, in short.
pub const USAGE_TEXT: &str = "Usage: squeue [-A account] [--clusters names] [-i seconds] [--job jobid]\n\
    \u{20}             [-n name] [-o format] [-p partitions] [--qos qos]\n\
    \u{20}             [--reservation reservation] [--sort fields] [--start]\n\
    \u{20}             [--step step_id] [-t states] [-u user_name] [--usage]\n\
    \u{20}             [-L licenses] [-w nodes] [--federation] [--local] [--sibling]\n\
    \t      [-ahjlrsv]\n";

const HELP_TEXT: &str = "\
Usage: squeue [OPTION]...
    -A, --account=NAMES    jobs of these accounts
    -a, --all              of all partitions
    -h, --noheader         no heading
    -j, --jobs=NUMBERS     these jobs; 12_3 and 12_[1-3] are tasks of an array
        --json             as JSON; --yaml as YAML
    -L, --licenses=NAMES   jobs that take these licences
    -l, --long             more columns
        --me               one's own jobs
    -n, --name=NAMES       jobs of these names
        --noconvert        amounts as they are
    -o, --format=FORMAT    these columns, by letters
    -O, --Format=FIELDS    these columns, by names
    -p, --partition=NAMES  jobs in these partitions
    -q, --qos=NAMES        jobs of these QOS
    -r, --array            a row for each task of an array
    -S, --sort=LETTERS     in this order
        --start            when jobs are expected to start
    -t, --states=STATES    jobs in these states
    -u, --user=NAMES       jobs of these users
    -V, --version          version
    -w, --nodelist=NODES   jobs on these nodes
";
