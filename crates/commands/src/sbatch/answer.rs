//! What the scheduler's answer to a submission is in sbatch's words.

use super::{Order, values};
use ::words::text::hostlist;
use ::words::text::slurm_time::TimeFormat;
use scheduling::config::Config;
use scheduling::event::{Accepted, Denial, SchedulerEvent};
use scheduling::id::JobId;
use scheduling::job::Submission;
use scheduling::{Core, Present};
use slurm::State;
use slurm::admission::Reason;

impl Order {
    /// What is printed of a job that was taken.
    pub fn submitted(&self, job: JobId, cluster: &str) -> String {
        let named = self.cluster.as_ref().map(|_| cluster);
        match (self.quiet && !self.parsable, self.parsable, named) {
            (true, ..) => String::new(),
            (_, true, Some(cluster)) => format!("{job};{cluster}\n"),
            (_, true, None) => format!("{job}\n"),
            (_, _, Some(cluster)) => format!("Submitted batch job {job} on cluster {cluster}\n"),
            (_, _, None) => format!("Submitted batch job {job}\n"),
        }
    }

    /// What is printed of one that was not.
    pub fn refused(&self, why: &str) -> String {
        if why.starts_with(NO_CLUSTER) {
            return away("sbatch", why);
        }
        // Slurm's own sbatch looks at devices itself.
        match (self.test_only, why == values::BAD_GRES) {
            (true, _) => format!("allocation failure: {why}\n"),
            (_, true) => format!("sbatch: error: {why}\n"),
            _ => format!("sbatch: error: Batch job submission failed: {why}\n"),
        }
    }

    /// Lines for standard error that the client knows by itself, or that came with the answer.
    pub fn noted(&self, notes: &[String]) -> String {
        self.notes.iter().chain(notes).map(|note| format!("sbatch: {note}\n")).collect()
    }
}

/// Why a job for another cluster is not taken here; `None` where it is for this one.
pub fn elsewhere(here: &str, named: Option<&str>) -> Option<String> {
    let unknown = named?.split(',').find(|name| *name != here && *name != "all")?;
    Some(format!("{NO_CLUSTER}{unknown}' known by database."))
}

const NO_CLUSTER: &str = "No cluster '";

/// What a program prints of [`elsewhere`].
pub fn away(program: &str, why: &str) -> String {
    let name = why.trim_start_matches(NO_CLUSTER).split('\'').next().unwrap_or_default();
    format!(
        "{program}: error: {why}\n{program}: error: '{name}' can't be reached now, or it is an invalid entry for --cluster.  \
         Use 'sacctmgr list clusters' to see available clusters.\n"
    )
}

/// What a program prints where a cluster is named that is not this one.
pub fn not_here(program: &str, here: &str, named: &str) -> Option<String> {
    Some(away(program, &elsewhere(here, Some(named))?))
}

/// What is worth saying of a refusal, before its reason; for [`Order::noted`].
pub fn remarks(config: &Config, accounts: &State, submission: &Submission, denial: Denial) -> Vec<String> {
    match denial {
        Denial::InvalidPartition => {
            let unknown = submission.partitions.iter().find(|name| config.partition(name).is_none() || name.is_empty());
            unknown.map(|name| format!("error: invalid partition specified: {name}")).into_iter().collect()
        }
        // Which limit it is.
        Denial::Refused(reason @ Reason::Limit(..)) => vec![format!("error: {}", reason.named(accounts))],
        Denial::NodeConfiguration => too_large(config, submission).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Which of the things that a node must have none has, where it is one that Slurm names.
fn too_large(config: &Config, submission: &Submission) -> Option<String> {
    let demand = &submission.demand;
    let names = if submission.partitions.is_empty() { vec![String::new()] } else { submission.partitions.clone() };
    let lines: Vec<_> = names.iter().filter_map(|name| config.partition(name)).collect();
    let is_in = |name: &str| lines.iter().any(|line| line.nodes.iter().any(|node| node.as_str() == name));
    let nodes = || config.nodes.iter().filter(|node| is_in(&node.name));
    let cpus = demand.cpus_per_task.saturating_mul(demand.tasks_per_node.unwrap_or(1));
    if nodes().all(|node| node.hardware.cpus < cpus) {
        return Some("error: CPU count per node can not be satisfied".to_owned());
    }
    let each = match demand.memory {
        scheduling::demand::MemoryDemand::PerNode(each) => each,
        _ => return None,
    };
    let none_has = nodes().all(|node| node.hardware.memory < each);
    none_has.then(|| "error: Memory specification can not be satisfied".to_owned())
}

/// `--test-only`: what would be, tried on a copy of the core.
pub fn test_only(core: &Core, present: Present, submission: Submission, zone: &jiff::Zoned) -> Result<String, Denial> {
    let mut core = core.clone();
    let submission = Submission { hold: None, ..submission };
    let Accepted::Submitted(id) = core.on(present, SchedulerEvent::Submit(Box::new(submission))).answer? else {
        return Err(Denial::NodeConfiguration);
    };
    core.pass(present);
    let planned = core.plan(present, usize::MAX);
    core.on(present, SchedulerEvent::Planned(planned));
    let job = core.job(id).ok_or(Denial::InvalidJob)?;
    let (nodes, cpus, partition, at) = match job.allocation() {
        Some(own) => {
            let names = own.shares.iter().map(|share| share.node.as_str());
            (hostlist::compress(names), own.cpus(), own.partition.to_string(), Some(own.start))
        }
        None => {
            let nodes = core.expected_nodes(id);
            let line = core.partitions_of(job).first().map(|line| line.rules.name.clone());
            let names = hostlist::compress(nodes.iter().map(|name| name.as_str()));
            (names, job.submission.demand.cpus(), line.unwrap_or_default(), core.expected_start(id))
        }
    };
    let at = at.map_or_else(|| "some time that nobody knows yet".to_owned(), |at| TimeFormat::Standard.show(at, zone));
    Ok(format!("Job {id} to start at {at} using {cpus} processors on nodes {nodes} in partition {partition}"))
}
