//! What a `NodeName=…` line says (slurm.conf(5), "NODE CONFIGURATION").

use super::{number, quote};
use crate::node::{GresStock, Hardware, NodeLine};
use slurm::settings::partition::Taken;

/// A node as a line says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeWords {
    /// `NodeName`: one of the names.
    pub name: String,
    cpus: Option<u32>,
    boards: Option<u32>,
    /// `Sockets`: on all boards.
    sockets: Option<u32>,
    sockets_per_board: Option<u32>,
    cores: Option<u32>,
    threads: Option<u32>,
    memory: Option<u64>,
    gres: Vec<GresStock>,
    features: Vec<String>,
    weight: Option<u32>,
    /// `State`: what a node that was never there before begins with.
    pub state: FirstState,
}

/// `State` of a node line: slurm.conf(5) lets it count for nodes that the scheduler does not know yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstState {
    /// It can be used when it registers.
    #[default]
    Unknown,
    /// Nothing new starts there until somebody resumes it.
    Drain,
    /// It is not used until somebody resumes it.
    Down,
}

/// A word of the line.
pub struct NodeKey {
    /// As it is written; other spellings after it.
    names: &'static [&'static str],
    /// What it means, in Markdown, units included.
    pub meaning: &'static str,
    set: fn(&mut NodeWords, &str) -> Result<(), String>,
    get: fn(&NodeWords) -> Option<String>,
}

impl NodeKey {
    /// As it is written.
    pub fn name(&self) -> &'static str {
        self.names[0]
    }
}

macro_rules! count {
    ($names:expr, $field:ident, $most:expr, $meaning:literal) => {
        NodeKey {
            names: $names,
            meaning: $meaning,
            set: |it, text| number(text, 1, $most).map(|count| it.$field = Some(count)),
            get: |it| it.$field.map(|count| count.to_string()),
        }
    };
}

/// Those that mean something here.
pub const KEYS: &[NodeKey] = &[
    count!(&["CPUs", "Procs"], cpus, 0xffff, "CPUs: hardware threads; what the next ones come to unless it is said."),
    count!(&["Boards"], boards, 0xffff, "Boards; 1 unless it is said."),
    count!(&["Sockets"], sockets, 0xffff, "Sockets on all boards together."),
    count!(&["SocketsPerBoard"], sockets_per_board, 0xffff, "Sockets on each board."),
    count!(&["CoresPerSocket"], cores, 0xffff, "Cores of each socket; 1 unless it is said."),
    count!(
        &["ThreadsPerCore"],
        threads,
        0xff,
        "Hardware threads of each core; 1 unless it is said. Jobs get whole cores."
    ),
    count!(&["RealMemory"], memory, u64::MAX >> 20, "Memory that jobs may have, in megabytes; 1 unless it is said."),
    NodeKey {
        names: &["Gres"],
        meaning: "Devices, such as `gpu:a100:4` or `gpu:2`: a comma list of name, kind and count.",
        set: |it, text| gres(text).map(|gres| it.gres = gres),
        get: |it| (!it.gres.is_empty()).then(|| it.gres.iter().map(written).collect::<Vec<_>>().join(",")),
    },
    NodeKey {
        names: &["Features", "Feature"],
        meaning: "A comma list of words that jobs may ask for (`--constraint`).",
        set: |it, text| {
            it.features = text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
            Ok(())
        },
        get: |it| (!it.features.is_empty()).then(|| it.features.join(",")),
    },
    NodeKey {
        names: &["Weight"],
        meaning: "Nodes of a lower weight are used first; 1 unless it is said.",
        set: |it, text| number(text, 0, u32::MAX.into()).map(|weight| it.weight = Some(weight)),
        get: |it| it.weight.map(|weight| weight.to_string()),
    },
    NodeKey {
        names: &["State"],
        meaning: "What a node that was never there before begins with: `UNKNOWN`, `DOWN` or `DRAIN`.",
        set: |it, text| first_state(text).map(|state| it.state = state),
        get: |it| match it.state {
            FirstState::Unknown => None,
            FirstState::Down => Some("DOWN".into()),
            FirstState::Drain => Some("DRAIN".into()),
        },
    },
];

/// Those of Slurm that have no effect here.
const OTHERS: &str = "BcastAddr CertToken CoreSpecCount CpuBind CPUSpecList MemSpecLimit NodeAddr NodeHostname \
    Parameters Port Reason RestrictedCoresPerGPU TmpDisk Topology";

impl NodeWords {
    /// The same, of a node of this name.
    pub fn named(&self, name: String) -> Self {
        Self { name, ..self.clone() }
    }

    /// As the scheduler takes it.
    pub fn line(&self) -> NodeLine {
        let threads = self.threads.unwrap_or(1);
        let (boards, each) = (self.boards.unwrap_or(1), self.sockets_per_board.unwrap_or(1));
        let sockets = self.sockets.unwrap_or(boards.saturating_mul(each));
        let cores = sockets.saturating_mul(self.cores.unwrap_or(1));
        let cpus = self.cpus.unwrap_or(cores.saturating_mul(threads));
        // slurm.conf(5), "CPUs": as many as there are cores means that threads are not told apart.
        let threads_per_core = if cpus == cores { 1 } else { threads };
        let memory = self.memory.unwrap_or(1);
        let hardware = Hardware { cpus, threads_per_core, memory, gres: self.gres.clone() };
        let features = self.features.clone();
        NodeLine { name: self.name.clone(), hardware, features, weight: self.weight.unwrap_or(1) }
    }

    /// The line that reads as this node.
    pub fn written(&self) -> String {
        let words = KEYS.iter().filter_map(|key| Some(format!(" {}={}", key.name(), quote(&(key.get)(self)?))));
        format!("NodeName={}{}", self.name, words.collect::<String>())
    }

    /// Takes one word. An error says what would be right; `None` is a word that Slurm has not either.
    pub fn take(&mut self, key: &str, value: &str) -> Result<Option<Taken>, String> {
        let is = |name: &&str| name.eq_ignore_ascii_case(key);
        if OTHERS.split(' ').any(|name| is(&name)) {
            return Ok(Some(Taken::NoEffect));
        }
        match KEYS.iter().find(|key| key.names.iter().any(is)) {
            Some(key) => (key.set)(self, value).map(|()| Some(Taken::Set)),
            None => Ok(None),
        }
    }

    /// All words that a line may have.
    pub fn words() -> impl Iterator<Item = &'static str> {
        KEYS.iter().flat_map(|key| key.names).copied().chain(OTHERS.split(' '))
    }
}

/// Letters, digits, `-`, `_` and `.`: what a certificate may say, too.
pub fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && !name.starts_with(['-', '.']) && name.chars().all(fits)
}

fn first_state(text: &str) -> Result<FirstState, String> {
    match text.to_ascii_uppercase().as_str() {
        "UNKNOWN" | "IDLE" | "CLOUD" => Ok(FirstState::Unknown),
        "DOWN" | "FUTURE" => Ok(FirstState::Down),
        "DRAIN" | "FAIL" => Ok(FirstState::Drain),
        _ => Err("UNKNOWN, DOWN or DRAIN is needed".into()),
    }
}

/// `gpu:a100:4(S:0-1),shard:8`: where devices are, and that they are not consumed, does not count.
fn gres(text: &str) -> Result<Vec<GresStock>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| stock(part).ok_or_else(|| format!("`{part}` is no name[:kind][:count]"))).collect()
}

fn stock(part: &str) -> Option<GresStock> {
    let part = part.split('(').next().unwrap_or_default();
    let mut words: Vec<&str> = part.split(':').filter(|word| *word != "no_consume").collect();
    let count = words.last().filter(|_| words.len() > 1).and_then(|word| amount(word));
    if count.is_some() {
        words.pop();
    }
    let is_word = |word: &&str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let (name, kind) = match words[..] {
        [name] => (name, None),
        [name, kind] => (name, Some(kind.to_owned())),
        _ => return None,
    };
    let is_good = words.iter().all(is_word);
    is_good.then(|| GresStock { name: name.to_owned(), kind, count: count.unwrap_or(1) })
}

/// A number, with K, M or G behind it for 1024 and so on.
fn amount(text: &str) -> Option<u32> {
    let times = [('k', 10), ('m', 20), ('g', 30)];
    let suffix = times.iter().find(|(letter, _)| text.to_ascii_lowercase().ends_with(*letter));
    let digits = suffix.map_or(text, |_| &text[..text.len() - 1]);
    let number: u32 = digits.parse().ok()?;
    number.checked_mul(1 << suffix.map_or(0, |(_, bits)| *bits))
}

fn written(stock: &GresStock) -> String {
    match &stock.kind {
        Some(kind) => format!("{}:{kind}:{}", stock.name, stock.count),
        None => format!("{}:{}", stock.name, stock.count),
    }
}
