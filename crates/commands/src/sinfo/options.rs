//! The options of `sinfo` (sinfo(1)), and the variables that say the same.

use crate::data::Structured;
use crate::node::NodeFacts;
use scheduling::config::PartitionLine;
use scheduling::node::NodeState;
use std::collections::BTreeMap;
use words::text::getopt::Takes::{Maybe, Nothing as No, Value as Yes};
use words::text::getopt::{Found, Known};
use words::text::hostlist;
use words::text::slurm_time::TimeFormat;

const HELP: char = '\u{e001}';
const USAGE: char = '\u{e002}';
const NOTHING: char = '\u{e003}';
const JSON: char = '\u{e004}';
const YAML: char = '\u{e005}';

/// All options.
pub static KNOWN: Known = Known {
    program: "sinfo",
    hint: true,
    options: &[
        ("all", 'a', No),
        ("bg", 'b', No),
        ("cluster", 'M', Yes),
        ("clusters", 'M', Yes),
        ("dead", 'd', No),
        ("exact", 'e', No),
        ("federation", NOTHING, No),
        ("Format", 'O', Yes),
        ("format", 'o', Yes),
        ("help", HELP, No),
        ("hide", NOTHING, No),
        ("iterate", 'i', Yes),
        ("json", JSON, Maybe),
        ("list-reasons", 'R', No),
        ("local", NOTHING, No),
        ("long", 'l', No),
        ("node", 'N', No),
        ("Node", 'N', No),
        ("noconvert", NOTHING, No),
        ("noheader", 'h', No),
        ("nodes", 'n', Yes),
        ("partition", 'p', Yes),
        ("reservation", 'T', No),
        ("responding", 'r', No),
        ("sort", 'S', Yes),
        ("states", 't', Yes),
        ("summarize", 's', No),
        ("usage", USAGE, No),
        ("verbose", 'v', No),
        ("version", 'V', No),
        ("yaml", YAML, Maybe),
    ],
};

/// Variables that sinfo heeds.
pub const VARIABLES: &[(&str, char)] = &[
    ("SINFO_ALL", 'a'),
    ("SINFO_FORMAT", 'o'),
    ("SINFO_PARTITION", 'p'),
    ("SINFO_SORT", 'S'),
    ("SINFO_STATES", 't'),
    ("SINFO_NODES", 'n'),
];

/// What is shown of which nodes. An empty list lets everything through.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each is the option of its name")]
pub struct Options {
    pub cluster: Option<String>,
    pub dead: bool,
    pub exact: bool,
    pub long_format: Option<String>,
    pub format: Option<String>,
    pub reasons: bool,
    pub long: bool,
    pub by_node: bool,
    pub header: bool,
    pub nodes: Option<Vec<String>>,
    pub partitions: Vec<String>,
    pub reservations: bool,
    pub responding: bool,
    pub sort: Option<String>,
    /// Lists of words of which one must fit, each with words that all must fit.
    pub states: Vec<Vec<String>>,
    pub structured: Option<Structured>,
    pub summary: bool,
    pub times: TimeFormat,
}

/// What ends a command before it lists anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A text to print.
    Text(String),
    /// A complaint; the exit code is 1.
    Complaint(String),
}

fn complaint(text: &str) -> End {
    End::Complaint(format!("sinfo: error: {text}\n"))
}

impl Options {
    /// Reads variables, then the command line.
    pub fn read(environment: &BTreeMap<String, String>, argv: &[String]) -> Result<Self, End> {
        let mut options = Self { header: true, ..Self::default() };
        let format = environment.get("SLURM_TIME_FORMAT").and_then(|text| TimeFormat::named(text));
        options.times = format.unwrap_or_default();
        for (variable, letter) in VARIABLES {
            if let Some(value) = environment.get(*variable) {
                options.set((*letter, value))?;
            }
        }
        let mut getopt = KNOWN.read(argv);
        for found in getopt.by_ref() {
            options.set(found.map_err(End::Complaint)?)?;
        }
        Ok(options)
    }

    fn set(&mut self, (letter, value): Found) -> Result<(), End> {
        match letter {
            'M' => self.cluster = Some(value.to_owned()),
            'd' => self.dead = true,
            'e' => self.exact = true,
            'O' => (self.long_format, self.format) = (Some(value.to_owned()), None),
            'o' => (self.format, self.long_format) = (Some(value.to_owned()), None),
            'R' => self.reasons = true,
            'l' => self.long = true,
            'N' => self.by_node = true,
            'h' => self.header = false,
            'n' => self.nodes = Some(hostlist::expand_all(value).unwrap_or_default()),
            'p' => self.partitions = value.split(',').map(str::to_owned).collect(),
            'T' => self.reservations = true,
            'r' => self.responding = true,
            'S' => self.sort = Some(value.to_owned()),
            's' => self.summary = true,
            't' => self.states = states(value)?,
            'V' => return Err(End::Text(crate::sreport::VERSION.to_owned())),
            HELP => return Err(End::Text(HELP_TEXT.to_owned())),
            USAGE => return Err(End::Text(USAGE_TEXT.to_owned())),
            'i' => return Err(complaint("--iterate: run sinfo again as often as you want, by watch(1) for example")),
            JSON => self.structured = Some(Structured::Json),
            YAML => self.structured = Some(Structured::Yaml),
            _ => {}
        }
        Ok(())
    }

    /// Whether a partition is asked for.
    pub fn takes_partition(&self, line: &PartitionLine) -> bool {
        self.partitions.is_empty() || self.partitions.contains(&line.rules.name)
    }

    /// Whether a node is asked for.
    pub fn takes_node(&self, node: &NodeFacts) -> bool {
        let is_named = self.nodes.as_ref().is_none_or(|nodes| nodes.contains(&node.line.name));
        let fits = |words: &Vec<String>| words.iter().all(|word| is_in_state(node, word));
        is_named
            && (!self.dead || node.is_silent())
            && (!self.responding || !node.is_silent())
            && (!self.reasons || node.remark().is_some())
            && (self.states.is_empty() || self.states.iter().any(fits))
    }
}

/// Words for states that nodes have here, and for those that none has.
const STATES: &[&str] = &[
    "alloc",
    "allocated",
    "comp",
    "completing",
    "down",
    "drain",
    "drained",
    "draining",
    "drng",
    "idle",
    "mix",
    "mixed",
    "no_respond",
    "unk",
    "unknown",
    "planned",
    "plnd",
    "all",
    "blocked",
    "cloud",
    "fail",
    "failing",
    "future",
    "maint",
    "perfctrs",
    "power_down",
    "powered_down",
    "powering_down",
    "power_up",
    "powering_up",
    "reboot_issued",
    "reboot_requested",
    "resv",
    "reserved",
    "err",
    "error",
    "inval",
    "invalid_reg",
];

fn states(text: &str) -> Result<Vec<Vec<String>>, End> {
    let one = |word: &str| {
        let word = word.to_lowercase();
        if STATES.contains(&word.as_str()) {
            return Ok(word);
        }
        let valid = "valid states: unknown,down,idle,allocated,?,mixed,future,drain,drained,draining,no_respond,reserved,\
            perfctrs,cloud,completing,powering_down,powered_down,power_down,powering_up,fail,maint,reboot,reboot^,unknown";
        Err(End::Complaint(format!("sinfo: error: Bad state string: \"{word}\"\nsinfo: error: {valid}\n")))
    };
    // No state at all is no node's.
    if text.is_empty() {
        return Ok(vec![vec![String::new()]]);
    }
    text.split(',').map(|part| part.split(['&', '+']).map(one).collect()).collect()
}

fn is_in_state(node: &NodeFacts, word: &str) -> bool {
    let is_used = node.is_completing || matches!(node.state, NodeState::Allocated | NodeState::Mixed);
    let drains = node.is_draining() && !node.is_failing();
    match word {
        "all" => true,
        "alloc" | "allocated" => matches!(node.state, NodeState::Allocated | NodeState::Mixed),
        "comp" | "completing" => node.is_completing,
        "fail" => node.is_failing() && !is_used,
        "failing" | "failg" => node.is_failing() && is_used,
        "down" => node.state == NodeState::Down,
        "drain" => drains,
        "drained" => drains && !is_used,
        "draining" | "drng" => drains && is_used,
        "idle" => node.state == NodeState::Idle && !node.is_completing,
        "mix" | "mixed" => node.state == NodeState::Mixed,
        "no_respond" => node.is_silent(),
        "planned" | "plnd" => node.is_planned,
        "unk" | "unknown" => node.state == NodeState::Unknown,
        _ => false,
    }
}

const USAGE_TEXT: &str = "Usage: sinfo [-abdelNRrsTv] [-i seconds] [-t states] [-p partition] [-n nodes]\n\
    \u{20}            [-S fields] [-o format] [-O Format] [--federation] [--local]\n";

const HELP_TEXT: &str = "\
Usage: sinfo [OPTION]...
    -a, --all              all partitions
    -d, --dead             nodes that do not answer
    -e, --exact            nodes that differ in any number stand apart
    -h, --noheader         no heading
        --json             all nodes that are asked for, as JSON; --yaml as YAML
    -l, --long             more columns
    -n, --nodes=NODES      these nodes
    -N, --Node             a row for each node
    -o, --format=FORMAT    these columns, by letters
    -O, --Format=FIELDS    these columns, by names
    -p, --partition=NAMES  these partitions
    -r, --responding       nodes that answer
    -R, --list-reasons     why nodes are not used
    -s, --summarize        a row for each partition
    -S, --sort=LETTERS     in this order
    -t, --states=STATES    nodes in these states
    -T, --reservation      reservations
    -V, --version          version
";
