//! The options of `scancel` (scancel(1)), and the variables that say the same.

use crate::cluster::Cluster;
use crate::signals;
use scheduling::array::TaskSet;
use scheduling::id::{JobId, Uid};
use slurm::records::{JobState, StepId};
use std::collections::BTreeMap;
use words::people::Sought;
use words::text::getopt::Takes::{Nothing as No, Value as Yes};
use words::text::getopt::{Found, Known};
use words::text::hostlist;

const HELP: char = '\u{e001}';
const USAGE: char = '\u{e002}';
const ME: char = '\u{e003}';
const WCKEY: char = '\u{e004}';
const NOTHING: char = '\u{e005}';

/// All options.
pub static KNOWN: Known = Known {
    program: "scancel",
    hint: true,
    options: &[
        ("account", 'A', Yes),
        ("batch", 'b', No),
        ("clusters", 'M', Yes),
        ("cron", NOTHING, No),
        ("ctld", NOTHING, No),
        ("full", 'f', No),
        ("help", HELP, No),
        ("hurry", 'H', No),
        ("interactive", 'i', No),
        ("jobname", 'n', Yes),
        ("me", ME, No),
        ("name", 'n', Yes),
        ("nodelist", 'w', Yes),
        ("partition", 'p', Yes),
        ("qos", 'q', Yes),
        ("quiet", 'Q', No),
        ("reservation", 'R', Yes),
        ("sibling", NOTHING, Yes),
        ("signal", 's', Yes),
        ("state", 't', Yes),
        ("usage", USAGE, No),
        ("user", 'u', Yes),
        ("verbose", 'v', No),
        ("version", 'V', No),
        ("wckey", WCKEY, Yes),
    ],
};

/// Variables that scancel heeds.
pub const VARIABLES: &[(&str, char)] = &[
    ("SCANCEL_ACCOUNT", 'A'),
    ("SCANCEL_BATCH", 'b'),
    ("SCANCEL_FULL", 'f'),
    ("SCANCEL_HURRY", 'H'),
    ("SCANCEL_INTERACTIVE", 'i'),
    ("SCANCEL_NAME", 'n'),
    ("SCANCEL_PARTITION", 'p'),
    ("SCANCEL_QOS", 'q'),
    ("SCANCEL_STATE", 't'),
    ("SCANCEL_USER", 'u'),
    ("SCANCEL_VERBOSE", 'v'),
    ("SCANCEL_WCKEY", WCKEY),
];

/// Those of the variables that say whether: by a word that begins with `t` or `f`.
const SWITCHES: &[char] = &['b', 'f', 'H', 'i', 'v'];

/// Which jobs, and what of them.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each is the option of its name")]
pub struct Options {
    pub account: Option<String>,
    pub batch: bool,
    pub cluster: Option<String>,
    pub full: bool,
    pub interactive: bool,
    pub name: Option<String>,
    pub nodes: Option<Vec<String>>,
    pub named_nodes: Option<String>,
    pub partition: Option<String>,
    pub qos: Option<String>,
    pub quiet: bool,
    pub reservation: Option<String>,
    pub signal: Option<u8>,
    pub state: Option<JobState>,
    pub user: Option<Uid>,
    pub verbose: bool,
    pub wckey: Option<String>,
    /// What was wrong with variables and keeps nothing from being done.
    pub complaints: String,
    /// Jobs that are named, each with its tasks if they are.
    pub jobs: Vec<Named>,
}

/// A job that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As it was typed.
    pub text: String,
    /// Its number.
    pub job: JobId,
    /// Tasks of its array.
    pub tasks: Option<TaskSet>,
    /// A step of it alone. The script's is the job.
    pub step: Option<StepId>,
    /// `+N`: a part of a heterogeneous job, which none is here.
    pub is_part: bool,
}

/// What ends a command before it does anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A text to print.
    Text(String),
    /// A complaint; the exit code is 1.
    Complaint(String),
}

fn complaint(text: &str) -> End {
    End::Complaint(format!("scancel: error: {text}\n"))
}

impl Options {
    /// Reads variables, then the command line.
    pub fn read(cluster: &Cluster, environment: &BTreeMap<String, String>, argv: &[String]) -> Result<Self, End> {
        let mut options = Self::default();
        for (variable, letter) in VARIABLES {
            match environment.get(*variable) {
                Some(value) if SWITCHES.contains(letter) => options.turn(variable, *letter, value),
                Some(value) => options.set(cluster, (*letter, value))?,
                None => {}
            }
        }
        let mut getopt = KNOWN.read(argv);
        for found in getopt.by_ref() {
            options.set(cluster, found.map_err(End::Complaint)?)?;
        }
        for word in getopt.words() {
            for part in hostlist::parts(word) {
                options.jobs.push(named(part)?);
            }
        }
        if options.jobs.is_empty() && !options.chooses() {
            return Err(complaint("No job identification provided"));
        }
        Ok(options)
    }

    /// A variable that says whether.
    fn turn(&mut self, variable: &str, letter: char, value: &str) {
        let is = match value.chars().next().map(|first| first.to_ascii_lowercase()) {
            Some('t') => true,
            Some('f') => false,
            _ => {
                let why = format!("scancel: error: Unrecognized {variable} value: {value}\n");
                return self.complaints.push_str(&why);
            }
        };
        match letter {
            'b' => self.batch = is,
            'f' => self.full = is,
            'i' => self.interactive = is,
            'v' => self.verbose = is,
            _ => {}
        }
    }

    /// What is asked for beside numbers, as it is told where no job is so.
    pub fn filters(&self) -> String {
        let user = self.user.map(|uid| uid.to_string());
        let state = self.state.map(|state| state.name().to_owned());
        let all = [
            ("account", &self.account),
            ("job_name", &self.name),
            ("nodelist", &self.named_nodes),
            ("partition", &self.partition),
            ("qos", &self.qos),
            ("reservation", &self.reservation),
            ("state", &state),
            ("user_name", &user),
            ("wckey", &self.wckey),
        ];
        let told = all.iter().filter_map(|(name, value)| Some(format!("{name}={} ", value.as_ref()?)));
        told.collect()
    }

    /// Whether anything says which jobs are meant, numbers aside.
    fn chooses(&self) -> bool {
        let texts = [&self.account, &self.name, &self.partition, &self.qos, &self.reservation, &self.wckey];
        texts.iter().any(|text| text.is_some()) || self.nodes.is_some() || self.state.is_some() || self.user.is_some()
    }

    fn set(&mut self, cluster: &Cluster, (letter, value): Found) -> Result<(), End> {
        let text = || Some(value.to_owned());
        match letter {
            'A' => self.account = text(),
            'b' => self.batch = true,
            'M' => self.cluster = text(),
            'f' => self.full = true,
            'i' => self.interactive = true,
            'n' => self.name = text(),
            'w' => {
                self.nodes = Some(hostlist::expand_all(value).unwrap_or_default());
                self.named_nodes = text();
            }
            'p' => self.partition = text(),
            'q' => self.qos = text(),
            'Q' => self.quiet = true,
            'R' => self.reservation = text(),
            's' => {
                let unknown = || End::Complaint(format!("Unknown job signal: {value}\n"));
                self.signal = Some(signals::number(value).ok_or_else(unknown)?);
            }
            't' => self.state = Some(state(value)?),
            'u' => self.user = Some(user(cluster, value)?),
            'v' => self.verbose = true,
            'V' => return Err(End::Text(crate::sreport::VERSION.to_owned())),
            HELP => return Err(End::Text(HELP_TEXT.to_owned())),
            USAGE => return Err(End::Text(USAGE_TEXT.to_owned())),
            ME => self.user = Some(cluster.caller.uid),
            WCKEY => self.wckey = text(),
            _ => {}
        }
        Ok(())
    }
}

/// `12`, `12_3`, `12_[3-5]`, `12.0`, `12.batch`.
fn named(text: &str) -> Result<Named, End> {
    let bad = || complaint(&format!("Invalid job id {text}"));
    let (rest, step) = text.split_once('.').map_or((text, None), |(rest, step)| (rest, Some(step)));
    let step = step.map(|step| step.parse::<StepId>().map_err(|_| bad())).transpose()?;
    let step = step.filter(|step| *step != StepId::Batch);
    let (rest, part) = rest.split_once('+').map_or((rest, None), |(rest, part)| (rest, Some(part)));
    if part.is_some_and(|part| part.parse::<u32>().is_err()) {
        return Err(bad());
    }
    let (id, tasks) = rest.split_once('_').map_or((rest, None), |(id, tasks)| (id, Some(tasks)));
    let job = number(id).filter(|id| *id > 0).map(JobId).ok_or_else(bad)?;
    let tasks = tasks.map(|tasks| some_tasks(tasks).ok_or_else(bad)).transpose()?;
    Ok(Named { text: text.to_owned(), job, tasks, step, is_part: part.is_some() })
}

/// A number, which is no job's where it is too great for one.
fn number(text: &str) -> Option<u32> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().unwrap_or(u32::MAX))
}

/// `3`, `[1-3,7]`; no number at all is 0, as strtol(3) has it.
fn some_tasks(text: &str) -> Option<TaskSet> {
    if text.is_empty() {
        return Some(TaskSet::one(0));
    }
    match text.strip_prefix('[') {
        Some(list) => list.strip_suffix(']')?.parse().ok(),
        None => number(text).map(TaskSet::one),
    }
}

fn state(text: &str) -> Result<JobState, End> {
    JobState::named(text).ok_or_else(|| {
        let valid = "Valid job states are PENDING, RUNNING, and SUSPENDED";
        End::Complaint(format!("Invalid job state specified: {text}\n{valid}\n"))
    })
}

fn user(cluster: &Cluster, name: &str) -> Result<Uid, End> {
    match (cluster.people.user(name), name.parse::<u32>()) {
        (Sought::There(person), _) => Ok(person.uid),
        (_, Ok(number)) => Ok(Uid(number)),
        (Sought::Absent, Err(_)) => Err(complaint(&format!("Invalid user name: {name}"))),
        (Sought::CannotSay(why), Err(_)) => Err(complaint(&format!("user {name}: {why}"))),
    }
}

const USAGE_TEXT: &str = "Usage: scancel [-A account] [--batch] [--full] [--interactive] [-n job_name]\n\
    \u{20}              [-p partition] [-Q] [-q qos] [-R reservation] [-s signal | integer]\n\
    \u{20}              [-t PENDING | RUNNING | SUSPENDED] [--usage] [-u user_name]\n\
    \u{20}              [--hurry] [-V] [-v] [-w hosts...] [--wckey=wckey]\n\
    \u{20}              [job_id[_array_id][.step_id]]\n";

const HELP_TEXT: &str = "\
Usage: scancel [OPTION]... [JOB[_TASKS]]...
    -A, --account=NAME     jobs of this account
    -b, --batch            a signal for the script alone
    -f, --full             a signal for the script and all that it runs
    -i, --interactive      ask for each job
        --me               one's own jobs
    -n, --name=NAME        jobs of this name
    -p, --partition=NAME   jobs in this partition
    -q, --qos=NAME         jobs of this QOS
    -Q, --quiet            say nothing of jobs that are over
    -s, --signal=SIGNAL    send this signal
    -t, --state=STATE      PENDING, RUNNING or SUSPENDED
    -u, --user=NAME        jobs of this user
    -v, --verbose          say what is done
    -V, --version          version
    -w, --nodelist=NODES   jobs on these nodes
";
