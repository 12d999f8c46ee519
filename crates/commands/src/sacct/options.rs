//! The command line of sacct(1), and what it asks for.

use super::Surroundings;
use super::fields::{self, Column};
use super::reason;
use super::units::Convert;
use crate::columns::Parsable;
use crate::data::Structured;
use slurm::model::AssociationId;
use slurm::records::{Flags, JobState};
use std::str::FromStr;
use words::people::{Gid, People, Sought, Uid};
use words::text::getopt::{Known, Opt, Takes};
use words::text::slurm_time;
use words::text::{duration, hostlist};

use slurm::records::selection::{Selected, Selection};

/// Text of an error as Slurm's programs log it.
pub fn error(what: &str) -> String {
    format!("sacct: error: {what}\n")
}

/// Text of an error that ends the program.
pub fn fatal(what: &str) -> String {
    format!("sacct: fatal: {what}\n")
}

/// Which clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Clusters {
    /// The service's own.
    #[default]
    Own,
    /// Every one (`-L`, `-M all`).
    All,
    /// These (`-M`).
    Named(Vec<String>),
}

/// What is printed instead of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// `-h`
    Help,
    /// `-e`
    Fields,
    /// `--usage`
    Usage,
    /// `-V`
    Version,
}

/// Everything that was asked for. Lists are empty, and the rest `None`, when nothing was said.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each is sacct's option of its name")]
pub struct Options {
    pub accounts: Vec<String>,
    pub all_users: bool,
    pub associations: Vec<AssociationId>,
    pub brief: bool,
    pub clusters: Clusters,
    pub constraints: Vec<String>,
    pub convert: Convert,
    pub delimiter: Option<String>,
    pub duplicates: bool,
    pub end: Option<i64>,
    pub flags: Option<Flags>,
    pub format: Option<String>,
    pub groups: Vec<Gid>,
    pub instead: Option<Instead>,
    pub long: bool,
    pub names: Vec<String>,
    pub cpus: Option<(u64, Option<u64>)>,
    pub nodes: Option<(u64, Option<u64>)>,
    pub no_header: bool,
    pub no_steps: bool,
    pub node_list: Option<Vec<String>>,
    pub parsable: Parsable,
    pub partitions: Vec<String>,
    pub qos: Option<String>,
    pub reasons: Vec<String>,
    pub script: bool,
    pub environment: bool,
    pub selected: Selection,
    pub start: Option<i64>,
    pub structured: Option<Structured>,
    pub states: Vec<JobState>,
    pub limit: (Option<u64>, Option<u64>),
    pub truncate: bool,
    pub users: Vec<Uid>,
    pub local_uid: bool,
    pub verbose: bool,
    pub wckeys: Vec<String>,
    pub whole_het: Option<bool>,
}

const DELIMITER: char = '\u{1}';
const FEDERATION: char = '\u{2}';
const ENV: char = '\u{3}';
const LOCAL: char = '\u{4}';
const NAME: char = '\u{5}';
const NOCONVERT: char = '\u{6}';
const UNITS: char = '\u{7}';
const LOCAL_UID: char = '\u{8}';
const WHOLE: char = '\u{e}';
const JSON: char = '\u{f}';
const YAML: char = '\u{10}';

use Takes::{Maybe, Nothing as No, Value as Yes};

static KNOWN: Known = Known { program: "sacct", hint: false, options: OPTIONS };

const OPTIONS: &[Opt] = &[
    ("allusers", 'a', No),
    ("accounts", 'A', Yes),
    ("allocations", 'X', No),
    ("brief", 'b', No),
    ("batch-script", 'B', No),
    ("completion", 'c', No),
    ("constraints", 'C', Yes),
    ("delimiter", DELIMITER, Yes),
    ("duplicates", 'D', No),
    ("federation", FEDERATION, No),
    ("helpformat", 'e', No),
    ("help-fields", 'e', No),
    ("endtime", 'E', Yes),
    ("env-vars", ENV, No),
    ("file", 'f', Yes),
    ("flags", 'F', Yes),
    ("gid", 'g', Yes),
    ("group", 'g', Yes),
    ("help", 'h', No),
    ("local", LOCAL, No),
    ("name", NAME, Yes),
    ("nnodes", 'i', Yes),
    ("ncpus", 'I', Yes),
    ("jobs", 'j', Yes),
    ("timelimit-min", 'k', Yes),
    ("timelimit-max", 'K', Yes),
    ("long", 'l', No),
    ("allclusters", 'L', No),
    ("cluster", 'M', Yes),
    ("clusters", 'M', Yes),
    ("nodelist", 'N', Yes),
    ("noconvert", NOCONVERT, No),
    ("units", UNITS, Yes),
    ("noheader", 'n', No),
    ("fields", 'o', Yes),
    ("format", 'o', Yes),
    ("parsable", 'p', No),
    ("parsable2", 'P', No),
    ("qos", 'q', Yes),
    ("partition", 'r', Yes),
    ("reason", 'R', Yes),
    ("state", 's', Yes),
    ("starttime", 'S', Yes),
    ("truncate", 'T', No),
    ("uid", 'u', Yes),
    ("use-local-uid", LOCAL_UID, No),
    ("usage", 'U', No),
    ("user", 'u', Yes),
    ("verbose", 'v', No),
    ("version", 'V', No),
    ("wckeys", 'W', Yes),
    ("whole-hetjob", WHOLE, Maybe),
    ("associations", 'x', Yes),
    ("json", JSON, No),
    ("yaml", YAML, No),
    ("", 't', No),
];

/// Reads the command line. The error is what Slurm says to it.
pub fn parse(argv: &[String], around: &Surroundings) -> Result<Options, String> {
    let mut options = Options::default();
    let mut getopt = KNOWN.read(argv);
    for found in getopt.by_ref() {
        let (letter, value) = found?;
        if !options.flag(letter) {
            options.value(letter, value, around)?;
        }
        if options.instead == Some(Instead::Version) {
            return Ok(options);
        }
    }
    options.check()?;
    options.default_times(around);
    if options.end.is_some_and(|end| options.start.unwrap_or(0) > end) {
        return Err(options.backwards(around));
    }
    match getopt.words().as_slice() {
        [] => Ok(options),
        words => {
            let words: String = words.iter().map(|word| error(&format!(" {word}"))).collect();
            Err(error("Unknown arguments:") + &words)
        }
    }
}

impl Options {
    /// Options without a value; whether the letter is one.
    fn flag(&mut self, letter: char) -> bool {
        match letter {
            'a' => self.all_users = true,
            'b' => self.brief = true,
            'B' => (self.script, self.no_steps) = (true, true),
            ENV => (self.environment, self.no_steps) = (true, true),
            'D' => self.duplicates = true,
            'e' => self.instead = Some(Instead::Fields),
            'h' => self.instead = Some(Instead::Help),
            'U' => self.instead = Some(Instead::Usage),
            'V' => self.instead = Some(Instead::Version),
            'l' => self.long = true,
            'L' => self.clusters = Clusters::All,
            // There are no federated queries: every cluster is in this service.
            FEDERATION | LOCAL => self.clusters = Clusters::Own,
            NOCONVERT if matches!(self.convert, Convert::To(_)) => {}
            NOCONVERT => self.convert = Convert::Never,
            'n' => self.no_header = true,
            'p' => self.parsable = Parsable::Ending,
            'P' => self.parsable = Parsable::NoEnding,
            'T' => self.truncate = true,
            JSON => self.structured = Some(Structured::Json),
            YAML => self.structured = Some(Structured::Yaml),
            LOCAL_UID => self.local_uid = true,
            'v' => self.verbose = true,
            'X' | 't' => self.no_steps = true,
            _ => return false,
        }
        true
    }

    fn value(&mut self, letter: char, value: &str, around: &Surroundings) -> Result<(), String> {
        match letter {
            'A' => add(&mut self.accounts, value),
            'C' => add(&mut self.constraints, value),
            'M' if value.eq_ignore_ascii_case("all") || value == "-1" => self.clusters = Clusters::All,
            'M' => self.clusters.add(value),
            NAME => add(&mut self.names, value),
            'r' => add(&mut self.partitions, value),
            'W' => add(&mut self.wckeys, value),
            DELIMITER => self.delimiter = Some(value.to_owned()),
            'q' => self.qos = Some(value.to_owned()),
            'o' => self.format.get_or_insert_default().push_str(&format!("{value},")),
            'x' => self.associations.extend(list(value).iter().filter_map(|id| id.parse::<AssociationId>().ok())),
            'N' => self.node_list = Some(nodes(value)),
            'S' => self.start = Some(time(value, around)?).filter(|time| *time != 0),
            'E' => self.end = Some(time(value, around)?).filter(|time| *time != 0),
            'F' => self.flags = Some(flags(value)?),
            'g' => numbers(&mut self.groups, value, "group", |name| group(around.people, name))?,
            'u' if value == "-1" => self.all_users = true,
            'u' => {
                self.all_users = false;
                numbers(&mut self.users, value, "user", |name| user(around.people, name))?;
            }
            'i' => self.nodes = Some(range(value, "requested node range")?),
            'I' => self.cpus = Some(range(value, "requested cpu range")?),
            'j' => list(value).iter().try_for_each(|text| {
                let selected = Selected::parse(text).map_err(|what| fatal(&what))?;
                self.selected.push(selected);
                Ok::<_, String>(())
            })?,
            'k' => self.limit.0 = Some(minutes(value)?),
            'K' => self.limit.1 = Some(minutes(value)?),
            'R' => self.reasons.extend(reasons(value)?),
            's' => self.states.extend(states(value)?),
            UNITS => self.convert = Convert::To(unit(value)?),
            WHOLE => self.whole_het = Some(yes_or_no(value)?),
            'c' | 'f' => return Err("Slurm job completion is disabled\n".into()),
            other => unreachable!("option {other:?} is in the table and has no meaning"),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let text = if self.environment { "job environment" } else { "job scripts" };
        if (self.script || self.environment) && self.selected.is_empty() {
            let what = "you must also request specific jobs with the '-j' option.";
            return Err(fatal(&format!("When requesting {text} {what}")));
        }
        if self.script && self.environment {
            return Err(fatal("Options --batch-script and --env-vars are mutually exclusive"));
        }
        if self.long && self.format.is_some() {
            let what = "Options -o(--format) and -l(--long) are mutually exclusive. Please remove one and retry.";
            return Err(fatal(what));
        }
        Ok(())
    }

    /// sacct(1), "DEFAULT TIME WINDOW".
    fn default_times(&mut self, around: &Surroundings) {
        let now = around.now.timestamp().as_second();
        let midnight = || around.now.start_of_day().map_or(now, |day| day.timestamp().as_second());
        match (self.states.is_empty(), self.selected.is_empty()) {
            (false, jobs) => {
                self.start = self.start.or(jobs.then_some(now));
                self.end = self.end.or(self.start);
            }
            (true, true) => self.start = self.start.or_else(|| Some(midnight())),
            (true, false) => {}
        }
        self.end = self.end.or(Some(now));
    }

    fn backwards(&self, around: &Surroundings) -> String {
        let show = |time: Option<i64>| around.time_format.show(time.unwrap_or(0), &around.now);
        let (start, end) = (show(self.start), show(self.end));
        error(&format!("Start time ({start}) requested is after end time ({end})."))
    }

    /// Start and end of the time that is asked about; 0 is the beginning of time.
    pub fn window(&self) -> (i64, i64) {
        (self.start.unwrap_or(0), self.end.unwrap_or(i64::MAX))
    }

    /// The columns to show.
    pub fn columns(&self, environment_format: Option<&str>) -> Result<Vec<Column>, String> {
        let mut chosen = self.format.clone().unwrap_or_default();
        for (asked, fields) in [(self.brief, fields::BRIEF), (self.long, fields::LONG)] {
            if asked {
                chosen.push_str(&format!("{fields},"));
            }
        }
        if chosen.is_empty() {
            chosen = environment_format.unwrap_or(fields::DEFAULT).to_owned();
        }
        fields::parse(&chosen)
    }
}

impl Clusters {
    fn add(&mut self, value: &str) {
        let mut named = match std::mem::take(self) {
            Clusters::Named(named) => named,
            Clusters::Own | Clusters::All => Vec::new(),
        };
        add(&mut named, value);
        *self = Clusters::Named(named);
    }
}

/// The parts of a list, without quotes and empty parts.
fn list(text: &str) -> Vec<&str> {
    text.split(',').map(|part| part.trim_matches(['"', '\''])).filter(|part| !part.is_empty()).collect()
}

fn add(to: &mut Vec<String>, text: &str) {
    to.extend(list(text).into_iter().map(str::to_lowercase));
}

/// The host names of a list such as `n[1-3],m1`.
pub fn nodes(text: &str) -> Vec<String> {
    let mut depth = 0;
    let parts = text.split(|c: char| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ',' && depth == 0
    });
    parts.flat_map(|part| hostlist::expand(part).unwrap_or_default()).collect()
}

fn time(text: &str, around: &Surroundings) -> Result<i64, String> {
    slurm_time::parse(text, &around.now).map_err(|bad| format!("{bad}\n"))
}

fn flags(text: &str) -> Result<Flags, String> {
    const NAMES: &[(&str, Flags)] = &[
        ("None", Flags(0)),
        ("SchedSubmit", Flags::SUBMIT),
        ("SchedMain", Flags::MAIN),
        ("SchedBackfill", Flags::BACKFILL),
        ("StartRecieved", Flags::START_RECEIVED),
    ];
    let mut flags = Flags::default();
    for word in list(text) {
        let found = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        let (_, flag) = found.ok_or_else(|| error(&format!("str_2_job_flags: Invalid job flag {word}")))?;
        flags.0 |= flag.0;
    }
    Ok(flags)
}

/// The number of the user whom a text stands for, a name or else a number that somebody has.
fn user(people: &dyn People, text: &str) -> Sought<Uid> {
    let numbered = |uid| people.user_numbered(uid).map(|user| user.uid);
    number(text, people.user(text).map(|user| user.uid), numbered)
}

/// The number of the group that a text stands for.
fn group(people: &dyn People, text: &str) -> Sought<Gid> {
    let numbered = |gid| people.group_numbered(gid).map(|group| group.gid);
    number(text, people.group(text).map(|group| group.gid), numbered)
}

/// What a name stands for, else the digits themselves if they are somebody's, or nobody can say.
fn number<T: Copy + FromStr>(text: &str, named: Sought<T>, numbered: impl Fn(T) -> Sought<T>) -> Sought<T> {
    match (named, text.parse()) {
        (Sought::There(number), _) => Sought::There(number),
        (named, Err(_)) => named,
        (_, Ok(number)) => match numbered(number) {
            Sought::CannotSay(_) => Sought::There(number),
            known => known,
        },
    }
}

fn numbers<T>(to: &mut Vec<T>, text: &str, what: &str, find: impl Fn(&str) -> Sought<T>) -> Result<(), String> {
    for name in list(text) {
        match find(name) {
            Sought::There(number) => to.push(number),
            Sought::Absent => return Err(error(&format!("Invalid {what} id: {name}"))),
            Sought::CannotSay(why) => return Err(error(&format!("{why}; ask by number"))),
        }
    }
    Ok(())
}

/// `MIN` or `MIN-MAX`, each with `k` or `m`; `*` is any.
fn range(text: &str, what: &str) -> Result<(u64, Option<u64>), String> {
    if text.is_empty() || text.starts_with('*') {
        return Ok((1, Some(i32::MAX as u64)));
    }
    let one = |text: &str| {
        let digits = text.trim_end_matches(['k', 'K', 'm', 'M']);
        let scale = match &text[digits.len()..] {
            "" => 1,
            "k" | "K" => 1 << 10,
            "m" | "M" => 1 << 20,
            _ => return None,
        };
        digits.parse::<u64>().ok()?.checked_mul(scale).filter(|number| *number <= i32::MAX as u64)
    };
    let bad = || error(&format!("Invalid numeric value \"{text}\" for {what}."));
    match text.split_once('-') {
        None => Ok((one(text).ok_or_else(bad)?, None)),
        Some((min, max)) => Ok((one(min).ok_or_else(bad)?, Some(one(max).filter(|max| *max > 0).ok_or_else(bad)?))),
    }
}

fn minutes(text: &str) -> Result<u64, String> {
    match text.to_ascii_lowercase().as_str() {
        "-1" | "infinite" | "unlimited" => Ok(u64::from(u32::MAX)),
        _ => match duration::parse_minutes(text) {
            Some(minutes) if minutes > 0 => Ok(minutes),
            _ => Err(fatal("Invalid time limit specification")),
        },
    }
}

fn reasons(text: &str) -> Result<Vec<String>, String> {
    let known = |word: &str| match reason::named(word) {
        Some(name) => Ok(name.to_owned()),
        None => Err(fatal(&format!("unrecognized job reason value '{word}'"))),
    };
    list(text).into_iter().map(known).collect()
}

/// States that a job can be in, but that accounting does not keep.
const NOT_KEPT: &[&str] = &[
    "COMPLETING",
    "CG",
    "CONFIGURING",
    "CF",
    "RESV_DEL_HOLD",
    "RD",
    "REQUEUE_FED",
    "RF",
    "REQUEUE_HOLD",
    "RH",
    "SIGNALING",
    "SI",
    "SPECIAL_EXIT",
    "SE",
    "STAGE_OUT",
    "SO",
    "STOPPED",
    "ST",
];

fn states(text: &str) -> Result<Vec<JobState>, String> {
    let known = |word: &str| match JobState::named(word) {
        Some(state) => Ok(state),
        None if NOT_KEPT.iter().any(|name| name.eq_ignore_ascii_case(word)) => {
            Err(fatal(&format!("job state {word} is not supported / accounted")))
        }
        None => Err(fatal(&format!("unrecognized job state value '{word}'"))),
    };
    list(text).into_iter().map(known).collect()
}

fn unit(text: &str) -> Result<usize, String> {
    let letter = text.chars().next().unwrap_or(' ');
    let upper = letter.to_ascii_uppercase().to_string();
    super::units::LETTERS[1..6].iter().position(|known| *known == upper).map(|at| at + 1).ok_or_else(|| {
        error(&format!("Invalid unit type '{letter}'. Possible options are 'KMGTP'")) + &fatal("Invalid unit type")
    })
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        _ => Err(error(&format!("Invalid --whole-hetjob value \"{text}\". Valid values: [yes|no]."))),
    }
}
