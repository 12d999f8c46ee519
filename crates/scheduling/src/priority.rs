//! Multifactor priority (priority_multifactor.shtml; src/plugins/priority/multifactor/priority_multifactor.c).

use crate::id::TresId;
use slurm::settings::{Priority, PriorityFlag};

/// The factors of a job's priority, each already times its weight, as `sprio` lists them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Factors {
    /// How long it could have started.
    pub age: f64,
    /// The priority of its association.
    pub association: f64,
    /// How much less than its share its user had.
    pub fairshare: f64,
    /// How large it is.
    pub job_size: f64,
    /// The factor of the partition.
    pub partition: f64,
    /// The priority of its QOS.
    pub qos: f64,
    /// What it asks for, by TRES; only those that it asks for and that have a weight.
    pub tres: Vec<TresFactor>,
    /// Taken away.
    pub nice: i32,
}

/// What a job asks for of a TRES, as a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TresFactor {
    /// Which.
    pub tres: TresId,
    /// Its part of what the partition has, or the count itself with `NO_NORMAL_TRES`.
    pub factor: f64,
    /// What it counts (`PriorityWeightTRES`).
    pub weight: f64,
}

impl TresFactor {
    /// The factor times its weight.
    pub fn weighted(&self) -> f64 {
        self.factor * self.weight
    }
}

impl Factors {
    /// The priority before it is cut off: at least 1, since 0 is for held jobs.
    pub fn sum(&self) -> f64 {
        let Self { age, association, fairshare, job_size, partition, qos, tres, nice } = self;
        let tres: f64 = tres.iter().map(TresFactor::weighted).sum();
        (age + association + fairshare + job_size + partition + qos + tres - f64::from(*nice)).max(1.0)
    }

    /// The priority.
    pub fn priority(&self) -> u32 {
        // `as` cuts off what is behind the point, as Slurm does, and saturates.
        self.sum() as u32
    }
}

/// A job beside its cluster: from 0 to 1. `minutes` is its time limit.
pub(crate) fn job_size(settings: &Priority, job: Size, cluster: Size, minutes: u32) -> f64 {
    let (nodes, cpus) = (f64::from(job.nodes), job.cpus as f64);
    let (all_nodes, all_cpus) = (f64::from(cluster.nodes.max(1)), cluster.cpus.max(1) as f64);
    let size = if settings.flags.has(PriorityFlag::SmallRelativeToTime) {
        let large = (nodes * all_cpus / all_nodes).max(cpus) / f64::from(minutes.max(1)) / all_cpus;
        if settings.favor_small { 1.0 - large } else { large }
    } else if settings.favor_small {
        ((all_nodes - nodes) / all_nodes + (all_cpus - cpus) / all_cpus) / 2.0
    } else {
        (nodes / all_nodes + cpus / all_cpus) / 2.0
    };
    size.clamp(0.0, 1.0)
}

/// How large a job or a cluster is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) nodes: u32,
    pub(crate) cpus: u64,
}

/// Part of a maximum; itself when `raw`.
pub(crate) fn normal(value: u32, most: u32, raw: bool) -> f64 {
    match (raw, most) {
        (true, _) => f64::from(value),
        (false, 0) => 0.0,
        (false, most) => f64::from(value) / f64::from(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slurm::settings::Words;

    #[test]
    fn sizes_are_as_the_page_says() {
        let (job, cluster) = (Size { nodes: 1, cpus: 4 }, Size { nodes: 4, cpus: 64 });
        let mut settings = Priority::default();
        assert_eq!(job_size(&settings, job, cluster, 60), (0.25 + 0.0625) / 2.0);
        settings.favor_small = true;
        assert_eq!(job_size(&settings, job, cluster, 60), (0.75 + 0.9375) / 2.0);
        settings.favor_small = false;
        settings.flags = Words::parse("SMALL_RELATIVE_TO_TIME").unwrap();
        assert_eq!(job_size(&settings, job, cluster, 10), 16.0 / 10.0 / 64.0);
    }

    #[test]
    fn a_priority_is_cut_off_and_never_below_one() {
        let factors = Factors { age: 1.9, fairshare: 10.05, ..Factors::default() };
        assert_eq!(factors.priority(), 11);
        assert_eq!(Factors { nice: 100, ..factors.clone() }.priority(), 1);
        assert_eq!(Factors { nice: -100, ..factors }.priority(), 111);
    }
}
