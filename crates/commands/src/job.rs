//! [`JobFacts`]: what commands tell of one job, in the words that `squeue` and `scontrol` share.

use crate::cluster::Cluster;
use crate::sacct::units::{self, Convert};
use scheduling::Present;
use scheduling::array::TaskSet;
use scheduling::demand::{GresDemand, MemoryDemand};
use scheduling::dependency::DependencyKind;
use scheduling::id::{JobId, NodeName, Time};
use scheduling::job::{Allocation, ArrayPart, JobPhase, LiveJob};
use scheduling::reason::PendingReason;
use scheduling::request::BatchJob;
use slurm::records::JobState;
use words::text::duration;
use words::text::hostlist;
use words::text::slurm_time::TimeFormat;

/// How long a list of tasks is shown where nobody says otherwise.
pub const TASKS_SHOWN: usize = 64;

/// `UNLIMITED`, in minutes.
pub const UNLIMITED: u32 = u32::MAX;

/// One job, and the cluster that it is in.
#[derive(Clone, Copy)]
pub struct JobFacts<'a> {
    /// The cluster.
    pub cluster: Cluster<'a>,
    /// The job.
    pub job: &'a LiveJob,
    /// How times are shown.
    pub times: &'a TimeFormat,
    /// Whether amounts get larger units.
    pub convert: Convert,
    /// How long a list of tasks is shown.
    pub tasks_shown: usize,
}

impl<'a> JobFacts<'a> {
    /// Told as where nobody says how: times as Slurm writes them, amounts exact, lists of tasks cut short.
    pub fn plain(cluster: Cluster<'a>, job: &'a LiveJob) -> Self {
        Self { cluster, job, times: &TimeFormat::Standard, convert: Convert::Exact, tasks_shown: TASKS_SHOWN }
    }

    /// Its number as people know it: `12`, `12_3`, `12_[4-7]`.
    pub fn number(&self) -> String {
        let Some(place) = &self.job.array else { return self.job.id.to_string() };
        match &place.part {
            ArrayPart::Task(_) => format!("{}_{}", place.of, self.tasks()),
            ArrayPart::Waiting(_) if self.last_task().is_some() => format!("{}_{}", place.of, self.tasks()),
            ArrayPart::Waiting(_) => format!("{}_[{}]", place.of, self.tasks()),
        }
    }

    /// The task that waits alone, where all others of its array have gone on.
    fn last_task(&self) -> Option<u32> {
        let all = self.job.submission.array.as_ref().map_or(0, |all| all.tasks.count());
        match self.job.array.as_ref().map(|place| &place.part) {
            Some(ArrayPart::Waiting(tasks)) if tasks.count() == 1 && all > 1 => tasks.first(),
            _ => None,
        }
    }

    /// The number of its array, or its own.
    pub fn array(&self) -> JobId {
        self.job.array.as_ref().map_or(self.job.id, |place| place.of)
    }

    /// Which tasks of its array it is: `3`, `4-7%2`; `N/A` for none.
    pub fn tasks(&self) -> String {
        let limit = self.job.array_limit().map_or_else(String::new, |limit| format!("%{limit}"));
        match self.job.array.as_ref().map(|place| &place.part) {
            None => "N/A".to_owned(),
            Some(ArrayPart::Task(index)) => index.to_string(),
            Some(ArrayPart::Waiting(_)) if self.last_task().is_some() => {
                self.last_task().map_or_else(String::new, |index| index.to_string())
            }
            Some(ArrayPart::Waiting(tasks)) => shortened(&spelled(tasks), self.tasks_shown) + &limit,
        }
    }

    /// By what it is sorted among its array's: those that wait come last.
    pub fn first_task(&self) -> u32 {
        match self.job.array.as_ref().map(|place| &place.part) {
            Some(ArrayPart::Task(index)) => *index,
            _ => self.last_task().unwrap_or(u32::MAX),
        }
    }

    /// The time, in seconds.
    pub fn now(&self) -> Time {
        self.cluster.now.timestamp().as_second()
    }

    fn present(&self) -> Present<'a> {
        Present { accounts: self.cluster.accounts, now: self.now() }
    }

    /// What it has or had.
    pub fn allocation(&self) -> Option<&'a Allocation> {
        self.job.allocation()
    }

    /// Whether it has nodes of a run that counts: one that waits again has not.
    pub fn has_run(&self) -> bool {
        self.allocation().is_some() && self.state() != JobState::Pending
    }

    /// Slurm's state.
    pub fn state(&self) -> JobState {
        self.job.state()
    }

    /// `RUNNING`, `COMPLETING` and so on.
    pub fn state_name(&self) -> &'static str {
        if self.job.is_completing() { "COMPLETING" } else { self.state().name() }
    }

    /// `R`, `CG` and so on.
    pub fn state_letters(&self) -> &'static str {
        if self.job.is_completing() { "CG" } else { self.state().short_name() }
    }

    /// The group's name.
    pub fn group(&self) -> String {
        let gid = self.job.submission.user.gid;
        self.cluster.people.group_numbered(gid).map(|group| group.name).or_kept(&gid.to_string(), gid)
    }

    /// The QOS; `(null)` without one.
    pub fn qos(&self) -> String {
        let row = self.job.qos.and_then(|id| self.cluster.accounts.qos.get(&id));
        row.map_or_else(|| "(null)".to_owned(), |qos| qos.name.clone())
    }

    /// The partition that it runs in, or those that it waits for.
    pub fn partition(&self) -> String {
        if let Some(allocation) = self.allocation() {
            return allocation.partition.to_string();
        }
        let names: Vec<&str> = self.job.submission.partitions.iter().map(String::as_str).collect();
        if !names.is_empty() {
            return names.join(",");
        }
        let default = self.cluster.core.config().partition("");
        default.map_or_else(String::new, |line| line.rules.name.clone())
    }

    /// Its priority; 0 while it is held.
    pub fn priority(&self) -> u32 {
        if self.job.hold.is_some() || self.state() == JobState::Suspended {
            return 0;
        }
        let queued = self.cluster.core.priority_of(self.job.id).or(self.job.priority);
        let computed = || self.cluster.core.factors(self.present(), self.job.id).map(|factors| factors.priority());
        queued.or_else(computed).unwrap_or(0)
    }

    /// Slurm's word for why it waits, or why it ended badly.
    pub fn reason(&self) -> String {
        if let Some(reason) = self.cluster.core.reason(self.job.id) {
            let named = self.unavailable().filter(|_| reason == PendingReason::NodesUnavailable);
            if let Some(nodes) = named {
                return format!("ReqNodeNotAvail, UnavailableNodes:{nodes}");
            }
            return reason.named(self.cluster.accounts);
        }
        let word = match self.state() {
            JobState::Cancelled if self.job.hold.is_some() && self.allocation().is_none() => {
                let hold = self.job.hold.map(PendingReason::Held);
                return hold.map_or_else(String::new, |reason| reason.named(self.cluster.accounts));
            }
            // As release 22.05 says it; later ones have a word for the signal.
            JobState::Failed if self.job.ending().is_some_and(|ending| ending.exit.signal != 0) => "JobLaunchFailure",
            JobState::Failed => "NonZeroExitCode",
            JobState::Running | JobState::Suspended if self.job.hold.is_some() => {
                let hold = self.job.hold.map(PendingReason::Held);
                return hold.map_or_else(String::new, |reason| reason.named(self.cluster.accounts));
            }
            JobState::Timeout => "TimeLimit",
            JobState::OutOfMemory => "OutOfMemory",
            JobState::NodeFail => "NodeDown",
            JobState::Deadline => "DeadLine",
            _ => "None",
        };
        word.to_owned()
    }

    /// Those of the nodes that it asks for by name on which nothing starts now.
    fn unavailable(&self) -> Option<String> {
        let nodes = &self.cluster.core.live().nodes;
        let is_out = |name: &&NodeName| nodes.get(name).is_none_or(|standing| !standing.takes_work());
        let out = self.job.submission.demand.required.iter().filter(is_out).map(NodeName::as_str);
        Some(hostlist::compress(out)).filter(|list| !list.is_empty())
    }

    /// Its nodes, or in parentheses why it has none.
    pub fn nodes_or_reason(&self) -> String {
        let tells_why =
            [JobState::Pending, JobState::Timeout, JobState::OutOfMemory, JobState::Deadline, JobState::Failed];
        if tells_why.contains(&self.state()) { format!("({})", self.reason()) } else { self.nodes() }
    }

    /// Its nodes as a list.
    pub fn nodes(&self) -> String {
        if !self.has_run() {
            return String::new();
        }
        let shares = self.allocation().into_iter().flat_map(|it| &it.shares);
        hostlist::compress(shares.map(|share| share.node.as_str()))
    }

    /// How many nodes it has, or will take as it looks.
    pub fn node_count(&self) -> u32 {
        match self.allocation().filter(|_| self.has_run()) {
            Some(allocation) => count(allocation.shares.len()),
            None => self.least_nodes(),
        }
    }

    /// As many nodes as its tasks need, and its CPUs of the largest that its partition has.
    fn least_nodes(&self) -> u32 {
        let demand = &self.job.submission.demand;
        let config = self.cluster.core.config();
        let lines = self.cluster.core.partitions_of(self.job);
        let is_there = |name: &str| lines.first().is_some_and(|line| line.nodes.iter().any(|own| own.as_str() == name));
        let largest = config.nodes.iter().filter(|node| is_there(&node.name)).map(|node| node.hardware.cpus).max();
        let needed = demand.cpus().div_ceil(u64::from(largest.unwrap_or(u32::MAX).max(1)));
        let by_tasks = demand.tasks_per_node.map_or(0, |each| demand.tasks.div_ceil(each.max(1)));
        demand.min_nodes.max(by_tasks).max(u32::try_from(needed).unwrap_or(u32::MAX))
    }

    /// CPUs that it has or asks for.
    pub fn cpus(&self) -> u64 {
        match self.allocation().filter(|_| self.has_run()) {
            Some(allocation) => allocation.cpus(),
            None => self.job.submission.demand.cpus(),
        }
    }

    /// CPUs that each node must have for it.
    pub fn least_cpus(&self) -> u32 {
        let demand = &self.job.submission.demand;
        demand.cpus_per_task.saturating_mul(demand.tasks_per_node.unwrap_or(1))
    }

    /// Memory for each node or CPU, and whether it is for each CPU.
    pub fn least_memory(&self) -> (String, bool) {
        let shown = |megabytes: u64| units::amount(megabytes as f64, units::MEGA, 1024, self.convert);
        match self.cluster.core.memory_of(self.job) {
            MemoryDemand::PerCpu(each) => (shown(each), true),
            MemoryDemand::PerNode(each) => (shown(each), false),
            MemoryDemand::Unsaid | MemoryDemand::Whole => ("0".to_owned(), false),
        }
    }

    /// `gres:gpu:a100:2`; `N/A` for none.
    pub fn devices(&self) -> Option<String> {
        let one = |gres: &GresDemand| match &gres.kind {
            Some(kind) => format!("gres:{}:{kind}:{}", gres.name, gres.count),
            None => format!("gres:{}:{}", gres.name, gres.count),
        };
        let list = self.job.submission.demand.gres.iter().map(one).collect::<Vec<_>>().join(",");
        Some(list).filter(|list| !list.is_empty())
    }

    /// `matlab:2`
    pub fn licenses(&self) -> Option<String> {
        let one = |(name, count): &(String, u32)| format!("{name}:{count}");
        let list = self.job.submission.demand.licenses.iter().map(one).collect::<Vec<_>>().join(",");
        Some(list).filter(|list| !list.is_empty())
    }

    /// What it has or asks for, as `cpu=2,mem=200M,…`.
    pub fn tres(&self) -> String {
        crate::tres::list(
            self.cluster.accounts,
            &self.cluster.core.tres_of(self.cluster.accounts, self.job),
            self.convert,
        )
    }

    /// Its wckey; of a user's default one without the mark.
    pub fn wckey(&self) -> Option<&'a str> {
        self.job.submission.wckey.as_deref().map(|name| name.trim_start_matches('*'))
    }

    /// What it asked for, whatever it got.
    pub fn tres_asked(&self) -> String {
        let asked = self.cluster.core.tres_asked(self.cluster.accounts, self.job);
        crate::tres::list(self.cluster.accounts, &asked, self.convert)
    }

    /// What it waits for, as `afterok:12(unfulfilled)`.
    pub fn dependency(&self) -> Option<String> {
        let dependencies = &self.job.dependencies;
        let one = |one: &scheduling::dependency::Dependency| {
            let kind = match one.kind {
                DependencyKind::After => "after",
                DependencyKind::AfterAny => "afterany",
                DependencyKind::AfterOk => "afterok",
                DependencyKind::AfterNotOk => "afternotok",
                DependencyKind::AfterCorr => "aftercorr",
            };
            let state = if one.failed { "failed" } else { "unfulfilled" };
            let is_array = self.cluster.core.array_records(one.job).next().is_some();
            let task = match one.task {
                Some(task) => format!("_{task}"),
                None => (if is_array { "_*" } else { "" }).to_owned(),
            };
            let later = if one.minutes > 0 { format!("+{}", one.minutes) } else { String::new() };
            format!("{kind}:{}{task}{later}({state})", one.job)
        };
        let mut list: Vec<String> = dependencies.unmet.iter().map(one).collect();
        let waits = self.state() == JobState::Pending;
        if dependencies.singleton && waits {
            list.push("singleton(unfulfilled)".to_owned());
        }
        Some(list.join(if dependencies.any { "?" } else { "," })).filter(|list| !list.is_empty())
    }

    /// Its time limit in minutes; `None` is without end.
    pub fn minutes(&self) -> Option<u32> {
        self.cluster.core.minutes_of(self.job).filter(|minutes| *minutes != UNLIMITED)
    }

    /// Seconds for which it has run.
    pub fn elapsed(&self) -> u64 {
        let end = self.job.ending().map_or_else(|| self.now(), |ending| ending.at);
        self.allocation().filter(|_| self.has_run()).map_or(0, |it| it.elapsed(end))
    }

    /// When it was last suspended or resumed.
    pub fn suspended_at(&self) -> Option<Time> {
        self.allocation().filter(|_| self.has_run()).and_then(|it| it.suspended.changed)
    }

    /// Seconds for which it had run by then.
    pub fn ran_before(&self) -> u64 {
        self.suspended_at().zip(self.allocation()).map_or(0, |(at, allocation)| allocation.elapsed(at))
    }

    /// When it started, or is expected to.
    pub fn start(&self) -> Option<Time> {
        let ended = || self.job.ending().map(|ending| ending.at).filter(|_| self.state() != JobState::Pending);
        match self.allocation().filter(|_| self.has_run()) {
            Some(allocation) => Some(allocation.start),
            None => ended().or_else(|| self.cluster.core.expected_start(self.job.id)).or(self.job.begin),
        }
    }

    /// When it ended, will be ended, or may end as it looks.
    pub fn end(&self) -> Option<Time> {
        if let Some(ending) = self.job.ending().filter(|_| self.state() != JobState::Pending) {
            return Some(ending.at);
        }
        if let Some(allocation) = self.allocation().filter(|_| self.has_run()) {
            self.minutes()?;
            return allocation.end();
        }
        let minutes = i64::from(self.minutes()?);
        self.start().map(|start| start.saturating_add(minutes * 60))
    }

    /// Since when it could start: a time to come if it waits for one.
    pub fn eligible(&self) -> Option<Time> {
        // Tasks that their array's limit holds back could not.
        let is_held_back = self.cluster.core.reason(self.job.id) == Some(PendingReason::ArrayTaskLimit);
        self.job.eligible.or(self.job.begin).filter(|_| !is_held_back)
    }

    /// Since when its age counts.
    pub fn accrue(&self) -> Option<Time> {
        // Slurm begins anew with a task that gets a record of its own, and that starts then.
        let is_started_task = self.job.array.is_some() && self.has_run();
        self.eligible().filter(|_| self.job.eligible.is_some() && self.job.hold.is_none() && !is_started_task)
    }

    /// A moment as it is shown.
    pub fn shown(&self, moment: Option<Time>, none: &str) -> String {
        moment.map_or_else(|| none.to_owned(), |moment| self.times.show(moment, self.cluster.now))
    }

    /// The first of its nodes.
    pub fn host(&self) -> Option<&'a NodeName> {
        self.allocation().filter(|_| self.has_run()).and_then(|it| it.shares.first()).map(|share| &share.node)
    }

    /// The nodes that are planned for it.
    pub fn planned(&self) -> Option<String> {
        let nodes = self.cluster.core.expected_nodes(self.job.id);
        let list = hostlist::compress(nodes.iter().map(NodeName::as_str));
        Some(list).filter(|list| !list.is_empty() && self.state() == JobState::Pending)
    }

    /// Whether it has a script, and with it the step `batch`; an allocation of `salloc` or `srun` has none.
    pub fn is_batch(&self) -> bool {
        self.job.submission.allocation.is_none()
    }

    /// What it runs. Where nobody can tell, an empty one: the row is shown all the same.
    pub fn batch(&self) -> BatchJob {
        self.cluster.scripts.batch(self.job.id).ok().flatten().unwrap_or_default()
    }

    /// Whether it shares its nodes, in squeue's word.
    pub fn sharing(&self) -> &'static str {
        let lines = self.cluster.core.partitions_of(self.job);
        let is_alone = self.job.submission.demand.exclusive || lines.first().is_some_and(|line| line.exclusive);
        if is_alone { "NO" } else { "OK" }
    }

    /// Whether it waits.
    pub fn is_pending(&self) -> bool {
        self.job.phase == JobPhase::Pending
    }

    /// Paths of its output, errors and input, as they are told: patterns filled in where that is known.
    pub fn paths(&self, batch: &BatchJob) -> [String; 3] {
        let directory = &self.job.submission.details.work_dir;
        let absolute = |path: String| {
            if path.starts_with('/') { path } else { format!("{}/{path}", directory.trim_end_matches('/')) }
        };
        let usual = if self.job.array.is_some() { "slurm-%A_%a.out" } else { "slurm-%j.out" };
        let output = batch.output.as_ref().map_or_else(|| usual.to_owned(), |path| path.shown().into_owned());
        let error = batch.error.as_ref().map_or_else(|| output.clone(), |path| path.shown().into_owned());
        let input = batch.input.as_ref().map_or_else(|| "/dev/null".to_owned(), |path| path.shown().into_owned());
        [output, error, input].map(absolute)
    }

    /// A path with the job's number and name for `%j`, `%A` and `%x`.
    pub fn filled(&self, path: &str) -> String {
        if path.contains('\\') {
            return path.to_owned();
        }
        let id = self.job.id.to_string();
        let user = &self.job.submission.user.name;
        // Of tasks that wait together Slurm shows its number for none.
        let task = match self.job.array.as_ref().map(|place| &place.part) {
            Some(ArrayPart::Task(index)) => index.to_string(),
            _ => "4294967294".to_owned(),
        };
        path.replace("%a", &task)
            .replace("%j", &id)
            .replace("%A", &self.array().to_string())
            .replace("%x", &self.job.submission.name)
            .replace("%u", user)
    }
}

/// Tasks as Slurm lists them: with a step only where that saves much (src/common/slurm_protocol_pack.c).
fn spelled(tasks: &TaskSet) -> String {
    let span = tasks.last().unwrap_or(0) - tasks.first().unwrap_or(0);
    if span > 10 { tasks.to_string() } else { tasks.ranges() }
}

/// A list of tasks as long as it is to be shown. Slurm writes as many numbers as fit, the end of the text with them.
fn shortened(list: &str, length: usize) -> String {
    // It writes a comma behind each and a zero at the end, and takes both back.
    if list.len().saturating_add(2) <= length {
        return list.to_owned();
    }
    let fits = length.saturating_sub("...".len() + 1);
    let end = list.char_indices().rfind(|(at, c)| *c == ',' && *at < fits).map_or(0, |(at, _)| at + 1);
    format!("{}...", &list[..end])
}

/// Seconds as `squeue` shows them: `5:00`, `1:00:00`, `2-00:00:00`.
pub fn clock(seconds: u64) -> String {
    let full = duration::format_seconds(seconds);
    match full.strip_prefix("00:") {
        Some(rest) => rest.strip_prefix('0').unwrap_or(rest).to_owned(),
        None if full.contains('-') => full,
        None => full.strip_prefix('0').unwrap_or(&full).to_owned(),
    }
}

/// A limit in minutes; `UNLIMITED` without one.
pub fn limit(minutes: Option<u32>) -> String {
    minutes.map_or_else(|| "UNLIMITED".to_owned(), |minutes| clock(u64::from(minutes) * 60))
}

/// Nodes that were named, as a list.
pub fn node_list(nodes: &[NodeName]) -> String {
    hostlist::compress(nodes.iter().map(NodeName::as_str))
}

/// A length as a count.
pub fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_as_short_as_they_can_be() {
        for (seconds, text) in [(0, "0:00"), (65, "1:05"), (600, "10:00"), (3600, "1:00:00"), (172_800, "2-00:00:00")] {
            assert_eq!(clock(seconds), text);
        }
        assert_eq!((limit(None).as_str(), limit(Some(30)).as_str()), ("UNLIMITED", "30:00"));
    }
}
