//! The priority of each job in the queue.

use super::amounts::asked_amounts;
use super::{Core, Present};
use crate::config::{Config, PartitionLine};
use crate::id::{JobId, TresId};
use crate::job::LiveJob;
use crate::priority::{Factors, Size, TresFactor, job_size, normal};
use slurm::State;
use slurm::admission::Amounts;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::settings::PriorityFlag::{
    AccrueAlways, NoNormalAll, NoNormalAssoc, NoNormalPart, NoNormalQos, NoNormalTres,
};
use slurm::tree::effective;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What `priority/basic` begins with: each later job has one less.
const BASIC: u32 = 4_294_901_760;

/// What factors are parts of.
#[derive(Clone, Debug, Default)]
pub(super) struct Scale {
    cluster: Size,
    association: u32,
    qos: u32,
    partition: u32,
    /// What each partition has, by TRES; only where TRES have weights.
    tres: BTreeMap<Arc<str>, Amounts>,
}

impl Scale {
    pub(super) fn of(config: &Config, accounts: &State) -> Self {
        let weights = &config.settings.priority.weights;
        let cpus = config.nodes.iter().map(|node| u64::from(node.hardware.cpus)).sum();
        let associations = accounts.associations().values().filter(|row| !row.deleted && weights.association > 0);
        let by_tres = config.partitions.iter().filter(|_| !weights.tres.is_empty());
        let amounts = |line: &PartitionLine| (line.rules.name.as_str().into(), amounts(config, accounts, line));
        Self {
            cluster: Size { nodes: u32::try_from(config.nodes.len()).unwrap_or(u32::MAX), cpus },
            association: associations.filter_map(|row| row.priority).max().unwrap_or(0),
            qos: accounts.qos.values().filter(|qos| !qos.deleted).map(|qos| qos.priority).max().unwrap_or(0),
            partition: config.partitions.iter().map(|line| u32::from(line.job_factor)).max().unwrap_or(0),
            tres: by_tres.map(amounts).collect(),
        }
    }
}

/// What a partition's nodes have.
fn amounts(config: &Config, accounts: &State, line: &PartitionLine) -> Amounts {
    let nodes = || config.nodes.iter().filter(|node| line.nodes.iter().any(|name| name.as_str() == node.name));
    let mut sums = Amounts::new();
    for node in nodes() {
        let hardware = &node.hardware;
        for (tres, count) in [(CPU, u64::from(hardware.cpus)), (MEM, hardware.memory), (NODE, 1)] {
            *sums.entry(tres).or_default() += count;
        }
        for stock in &hardware.gres {
            let count = u64::from(stock.count);
            crate::demand::add_gres(&mut sums, accounts, &stock.name, stock.kind.as_deref(), count);
        }
    }
    sums
}

impl Core {
    /// A job's priority in a partition: what was set, else what its factors come to.
    pub(super) fn priority(&self, present: Present, job: &LiveJob, line: &PartitionLine) -> u32 {
        match job.priority {
            Some(priority) => priority,
            None if !self.config.settings.priority.multifactor => BASIC.saturating_sub(job.id.0),
            None => self.factors_in(present, job, line).priority(),
        }
    }

    /// What a job's priority is made of, in the first of its partitions.
    pub fn factors(&self, present: Present, id: JobId) -> Option<Factors> {
        let job = self.live.jobs.get(&id)?;
        let line = self.lines(&self.config, job).first().copied()?;
        Some(self.factors_in(present, job, line))
    }

    /// The same in a partition that it names.
    pub fn factors_of(&self, present: Present, id: JobId, partition: &str) -> Option<Factors> {
        let job = self.live.jobs.get(&id)?;
        let line = self.config.partition(partition)?;
        Some(self.factors_in(present, job, line))
    }

    fn factors_in(&self, present: Present, job: &LiveJob, line: &PartitionLine) -> Factors {
        let settings = &self.config.settings.priority;
        let (weights, accounts) = (&settings.weights, present.accounts);
        let is_raw = |flag| settings.flags.has(flag) || settings.flags.has(NoNormalAll);
        let weigh =
            |weight: u32, factor: &dyn Fn() -> f64| if weight == 0 { 0.0 } else { f64::from(weight) * factor() };
        let demand = &job.submission.demand;
        let qos = || job.qos.and_then(|id| accounts.qos.get(&id)).map_or(0, |qos| qos.priority);
        let row = || job.association.and_then(|id| accounts.association(id));
        let of_row = || row().and_then(|row| effective(accounts, row).priority).unwrap_or(0);
        let own = Size { nodes: demand.min_nodes, cpus: demand.cpus() };
        // A job's size is one, whichever partition is looked at: its time is that of the first.
        let first = self.lines(&self.config, job).first().copied().unwrap_or(line);
        let minutes = first.minutes(job.submission.minutes).unwrap_or(u32::MAX);
        let fairshare = || job.association.and_then(|id| self.usage.fairshare.get(&id)).copied().unwrap_or(0.0);
        Factors {
            age: weigh(weights.age, &|| self.age(present, job)),
            association: weigh(weights.association, &|| {
                normal(of_row(), self.scale.association, is_raw(NoNormalAssoc))
            }),
            fairshare: weigh(weights.fairshare, &fairshare),
            job_size: weigh(weights.job_size, &|| job_size(settings, own, self.scale.cluster, minutes)),
            partition: weigh(weights.partition, &|| {
                normal(u32::from(line.job_factor), self.scale.partition, is_raw(NoNormalPart))
            }),
            qos: weigh(weights.qos, &|| normal(qos(), self.scale.qos, is_raw(NoNormalQos))),
            tres: self.tres_factors(accounts, job, line, is_raw(NoNormalTres)),
            nice: job.submission.nice,
        }
    }

    /// From 0 to 1 at `PriorityMaxAge`; it begins when the job could start.
    fn age(&self, present: Present, job: &LiveJob) -> f64 {
        let settings = &self.config.settings.priority;
        let since = if settings.flags.has(AccrueAlways) { Some(job.submit) } else { job.eligible };
        let waited = since.map_or(0, |since| present.now.saturating_sub(since).max(0));
        (waited as f64 / settings.max_age.as_secs_f64().max(1.0)).min(1.0)
    }

    fn tres_factors(&self, accounts: &State, job: &LiveJob, line: &PartitionLine, raw: bool) -> Vec<TresFactor> {
        let weights = &self.config.settings.priority.weights.tres;
        if weights.is_empty() {
            return Vec::new();
        }
        let asked = asked_amounts(accounts, job, line);
        let all = self.scale.tres.get(line.rules.name.as_str());
        let part = |tres: TresId| {
            let count = asked.get(&tres).copied().unwrap_or(0) as f64;
            let whole = all.and_then(|all| all.get(&tres)).copied().unwrap_or(0) as f64;
            if raw {
                count
            } else if whole > 0.0 {
                count / whole
            } else {
                0.0
            }
        };
        let known = weights.iter().filter_map(|(name, weight)| Some((accounts.tres_named(name)?.id, *weight)));
        let mut factors: Vec<_> = known.map(|(tres, weight)| TresFactor { tres, factor: part(tres), weight }).collect();
        factors.retain(|it| it.factor > 0.0);
        factors.sort_by_key(|it| it.tres);
        factors
    }

    /// The priority with which a job stands in the queue: the highest of its partitions.
    pub(super) fn queued_priority(&self, id: JobId) -> Option<u32> {
        self.queue.places(id).iter().map(|(rank, _)| rank.priority.0).max()
    }
}
