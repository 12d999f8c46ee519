//! The fields of `sinfo` (sinfo(1), "--format" and "--Format").

use crate::cluster::Cluster;
use crate::job::{clock, limit};
use crate::layout::{Field, Listed};
use crate::node::NodeFacts;
use scheduling::config::PartitionLine;
use scheduling::node::Remark;
use slurm::settings::PartitionState;
use words::text::hostlist;
use words::text::slurm_time::TimeFormat;

/// A listing of nodes.
pub struct Nodes;

/// Nodes of one partition that look the same.
pub struct Row<'a> {
    /// The cluster.
    pub cluster: Cluster<'a>,
    /// The partition; `None` where nodes of several are put together.
    pub partition: Option<&'a PartitionLine>,
    /// None where a partition has none that is asked for.
    pub nodes: Vec<&'a NodeFacts<'a>>,
    /// The place of the first of its partitions in the configuration.
    pub place: usize,
    /// How times are shown.
    pub times: &'a TimeFormat,
}

impl Listed for Nodes {
    type Row<'a> = Row<'a>;

    fn has_whole_heading(header: &str) -> bool {
        header == "NODELIST"
    }

    /// The star of the default partition stays.
    fn kept_end(header: &str) -> Option<char> {
        (header == "PARTITION").then_some('*')
    }
}

/// What of a node must be the same for nodes to stand in one row, where it is shown.
pub fn must_be_same(header: &str) -> bool {
    let kinds = [
        "ACTIVE_FEATURES",
        "ALLOCMEM",
        "AVAIL_FEATURES",
        "GRES",
        "GRES_USED",
        "HOSTNAMES",
        "NODE_ADDR",
        "REASON",
        "STATE",
        "STATECOMPLETE",
        "TIMESTAMP",
        "USER",
    ];
    kinds.contains(&header)
}

/// Whether a field tells something of the partition.
pub fn is_of_partition(header: &str) -> bool {
    let kinds = [
        "ALLOCNODES",
        "AVAIL",
        "DEFAULTTIME",
        "GROUPS",
        "JOB_SIZE",
        "MAX_CPUS_PER_NODE",
        "OVERSUBSCRIBE",
        "PARTITION",
        "PREEMPT_MODE",
        "PRIO_JOB_FACTOR",
        "PRIO_TIER",
        "ROOT",
        "TIMELIMIT",
    ];
    kinds.contains(&header)
}

impl<'a> Row<'a> {
    /// What all its nodes have in common, of the first.
    fn first(&self, text: impl Fn(&NodeFacts) -> String) -> String {
        self.nodes.first().map_or_else(|| "n/a".to_owned(), |node| text(node))
    }

    fn remark(&self) -> Option<&'a Remark> {
        let node: &'a NodeFacts = self.nodes.first()?;
        node.remark()
    }

    fn sum(&self, counted: fn(&NodeFacts) -> [u32; 4]) -> [u32; 4] {
        self.nodes.iter().map(|node| counted(node)).fold([0; 4], |mut sums, counts| {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sums
        })
    }

    /// A number of each node: the least, with `+` where others have more.
    fn least(&self, number: impl Fn(&NodeFacts) -> u64) -> String {
        let numbers = || self.nodes.iter().map(|node| number(node));
        let (least, most) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
        if least == most { least.to_string() } else { format!("{least}+") }
    }

    fn part(&self, text: impl Fn(&PartitionLine) -> String) -> String {
        self.partition.map_or_else(|| "n/a".to_owned(), text)
    }

    /// The names of its nodes as a list.
    pub fn names(&self) -> String {
        hostlist::compress(self.nodes.iter().map(|node| node.line.name.as_str()))
    }

    fn user(&self, with_number: bool) -> String {
        let Some(remark) = self.remark() else { return "Unknown".to_owned() };
        let uid = words::people::Uid(remark.uid.0);
        let name = self.cluster.people.user_numbered(uid).map(|user| user.name).or_kept(&uid.to_string(), uid);
        if with_number { format!("{name}({uid})") } else { name }
    }
}

fn slashes(counts: [u32; 4]) -> String {
    counts.map(|count| count.to_string()).join("/")
}

fn avail(line: &PartitionLine) -> String {
    match line.rules.state {
        PartitionState::Up => "up",
        PartitionState::Down => "down",
        PartitionState::Drain => "drain",
        PartitionState::Inactive => "inact",
    }
    .to_owned()
}

fn time_limit(line: &PartitionLine) -> String {
    let minutes = line.rules.max_minutes.map(|minutes| u32::try_from(minutes).unwrap_or(u32::MAX));
    minutes.map_or_else(|| "infinite".to_owned(), |minutes| limit(Some(minutes)))
}

fn default_time(line: &PartitionLine) -> String {
    line.default_minutes.map_or_else(|| "n/a".to_owned(), |minutes| clock(u64::from(minutes) * 60))
}

fn size(line: &PartitionLine) -> String {
    let most = line.rules.max_nodes.map_or_else(|| "infinite".to_owned(), |most| most.to_string());
    let least = line.rules.min_nodes.max(1).to_string();
    if most == least { least } else { format!("{least}-{most}") }
}

fn groups(line: &PartitionLine) -> String {
    line.rules.groups.as_ref().map_or_else(|| "all".to_owned(), |groups| groups.join(","))
}

/// The partition's name, with a star where it is the default one.
pub fn starred(line: &PartitionLine) -> String {
    format!("{}{}", line.rules.name, if line.rules.is_default { "*" } else { "" })
}

fn sct(row: &Row) -> String {
    let of = |node: &NodeFacts| (node.sockets(), node.line.hardware.threads_per_core);
    let Some((sockets, threads)) = row.nodes.first().map(|node| of(node)) else { return "n/a".to_owned() };
    // Each number has a mark of its own where nodes differ in it.
    let mark = |is_same: bool| if is_same { "" } else { "+" };
    let same_sockets = mark(row.nodes.iter().all(|node| of(node).0 == sockets));
    let same_threads = mark(row.nodes.iter().all(|node| of(node).1 == threads));
    format!("{sockets}{same_sockets}:1:{threads}{same_threads}")
}

fn since(row: &Row) -> String {
    row.remark().map_or_else(|| "Unknown".to_owned(), |remark| row.times.show(remark.since, row.cluster.now))
}

fn reason(row: &Row) -> String {
    row.remark().map_or_else(|| "none".to_owned(), |remark| remark.reason.clone())
}

fn gres_used(row: &Row) -> String {
    let used = row.first(|node| node.gres_used());
    if used.is_empty() { "gpu:0".to_owned() } else { used }
}

fn name(row: &Row) -> String {
    row.first(|node| node.line.name.clone())
}

macro_rules! fields {
    ($($name:literal $letter:literal $header:literal $cell:expr;)*) => {
        /// All of them.
        pub static FIELDS: &[Field<Nodes>] =
            &[$(Field { name: $name, letter: $letter, header: $header, cell: $cell },)*];
    };
}

fields! {
    "AllocMem" ' ' "ALLOCMEM" |it| it.least(|node| node.used.memory);
    "AllocNodes" 'S' "ALLOCNODES" |_| "all".to_owned();
    "Available" 'a' "AVAIL" |it| it.part(avail);
    "Cluster" 'V' "CLUSTER" |_| "N/A".to_owned();
    "Comment" ' ' "COMMENT" |it| it.first(|node| node.comment());
    "Cores" 'Y' "CORES" |_| "1".to_owned();
    "CPUs" 'c' "CPUS" |it| it.least(|node| u64::from(node.line.hardware.cpus));
    "CPUsLoad" 'O' "CPU_LOAD" |_| "N/A".to_owned();
    "CPUsState" 'C' "CPUS(A/I/O/T)" |it| slashes(it.sum(|node| node.cpus()));
    "DefaultTime" 'L' "DEFAULTTIME" |it| it.part(default_time);
    "Disk" 'd' "TMP_DISK" |_| "0".to_owned();
    "Extra" ' ' "EXTRA" |it| it.first(|node| node.extra());
    "Features" 'f' "AVAIL_FEATURES" |it| it.first(|node| node.features());
    "features_act" 'b' "ACTIVE_FEATURES" |it| it.first(|node| node.features());
    "FreeMem" 'e' "FREE_MEM" |_| "N/A".to_owned();
    "Gres" 'G' "GRES" |it| it.first(|node| node.gres());
    "GresUsed" ' ' "GRES_USED" gres_used;
    "Groups" 'g' "GROUPS" |it| it.part(groups);
    "MaxCPUsPerNode" 'B' "MAX_CPUS_PER_NODE" |_| "UNLIMITED".to_owned();
    "Memory" 'm' "MEMORY" |it| it.least(|node| node.line.hardware.memory);
    "NodeAddr" 'o' "NODE_ADDR" name;
    "NodeAI" 'A' "NODES(A/I)" |it| {
        let [taken, idle, ..] = it.sum(|node| node.counted());
        format!("{taken}/{idle}")
    };
    "NodeAIOT" 'F' "NODES(A/I/O/T)" |it| slashes(it.sum(|node| node.counted()));
    "NodeHost" 'n' "HOSTNAMES" name;
    "NodeList" 'N' "NODELIST" |it| it.names();
    "Nodes" 'D' "NODES" |it| it.nodes.len().to_string();
    "OverSubscribe" 'h' "OVERSUBSCRIBE" |it| it.part(|line| {
        if line.exclusive { "EXCLUSIVE" } else { "NO" }.to_owned()
    });
    "Partition" 'P' "PARTITION" |it| it.part(starred);
    "PartitionName" 'R' "PARTITION" |it| it.part(|line| line.rules.name.clone());
    "PreemptMode" 'M' "PREEMPT_MODE" |_| "OFF".to_owned();
    "PriorityJobFactor" 'I' "PRIO_JOB_FACTOR" |it| it.part(|line| line.job_factor.to_string());
    "PriorityTier" 'p' "PRIO_TIER" |it| it.part(|line| line.tier.to_string());
    "Reason" 'E' "REASON" reason;
    "Root" 'r' "ROOT" |it| it.part(|line| if line.rules.root_only { "yes" } else { "no" }.to_owned());
    "Size" 's' "JOB_SIZE" |it| it.part(size);
    "SocketCoreThread" 'z' "S:C:T" sct;
    "Sockets" 'X' "SOCKETS" |it| it.least(|node| u64::from(node.sockets()));
    "StateCompact" 't' "STATE" |it| it.first(|node| node.words().1);
    "StateComplete" ' ' "STATECOMPLETE" |it| it.first(|node| node.state_and_flags().to_lowercase());
    "StateLong" 'T' "STATE" |it| it.first(|node| node.words().0);
    "Threads" 'Z' "THREADS" |it| it.least(|node| u64::from(node.line.hardware.threads_per_core));
    "Time" 'l' "TIMELIMIT" |it| it.part(time_limit);
    "TimeStamp" 'H' "TIMESTAMP" since;
    "User" 'u' "USER" |it| it.user(false);
    "UserLong" 'U' "USER" |it| it.user(true);
    "Version" 'v' "VERSION" |_| "22.05.8".to_owned();
    "Weight" 'w' "WEIGHT" |it| it.least(|node| u64::from(node.line.weight));
}
