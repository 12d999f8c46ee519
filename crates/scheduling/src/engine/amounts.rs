//! What a job asks for and has, as admission counts it.

use super::{Core, Present};
use crate::config::PartitionLine;
use crate::demand::add_gres;
use crate::id::QosId;
use crate::job::{Allocation, JobPhase, LiveJob, NextPhase};
use crate::tally::{Charge, Standing};
use slurm::State;
use slurm::admission::{Amounts, Job, Needs};
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::settings::Partition;

/// What a job asks for altogether in a partition: memory too, where it or the partition says how much.
pub(super) fn asked_amounts(accounts: &State, job: &LiveJob, line: &PartitionLine) -> Amounts {
    let demand = &*job.submission.demand;
    demand.amounts(accounts, demand.memory.or(line.default_memory))
}

/// Minutes of a job without a time limit (`INFINITE` of slurm/slurm.h).
const ENDLESS: u64 = u32::MAX as u64;

impl Core {
    /// The job as admission looks at it, in a partition.
    pub(super) fn asked<'a>(&'a self, accounts: &State, job: &'a LiveJob, line: &'a PartitionLine) -> Job<'a> {
        let amounts = asked_amounts(accounts, job, line);
        let minutes = line.minutes(job.submission.minutes).map_or(ENDLESS, u64::from);
        Job {
            tres: Needs::derived(accounts, &amounts, &line.rules, &self.config.settings.priority.flags),
            minutes,
            ..self.asker(job, &line.rules)
        }
    }

    /// The job as admission looks at it once it is known what it gets.
    pub(super) fn placed<'a>(
        &'a self,
        accounts: &State,
        job: &'a LiveJob,
        line: &'a PartitionLine,
        allocation: &Allocation,
    ) -> Job<'a> {
        let tres = self.allocated(accounts, job, allocation).into();
        Job { tres, minutes: allocation.minutes.map_or(ENDLESS, u64::from), ..self.asker(job, &line.rules) }
    }

    fn asker<'a>(&'a self, job: &'a LiveJob, partition: &'a Partition) -> Job<'a> {
        let submission = &*job.submission;
        Job {
            account: Some(&*job.account).filter(|account| !account.is_empty()),
            qos: job.qos,
            groups: &submission.user.groups,
            tasks: u64::from(job.task_count()),
            ..Job::new(&self.config.cluster, &submission.user.name, partition)
        }
    }

    /// What a job has, by TRES.
    pub(super) fn allocated(&self, accounts: &State, job: &LiveJob, allocation: &Allocation) -> Amounts {
        let memory = allocation.shares.iter().map(|share| share.memory).sum();
        let nodes = allocation.shares.len() as u64;
        let mut amounts = Amounts::from([(CPU, allocation.cpus()), (MEM, memory), (NODE, nodes)]);
        for gres in allocation.shares.iter().flat_map(|share| &share.gres) {
            let count = u64::from(gres.devices.count());
            add_gres(&mut amounts, accounts, &gres.name, gres.kind.as_deref(), count);
        }
        for (name, count) in &job.submission.demand.licenses {
            if let Some(tres) = accounts.tres_named(&format!("license/{name}")) {
                amounts.insert(tres.id, u64::from(*count));
            }
        }
        let none = Partition::default();
        let rules = self.config.partition(&allocation.partition).map_or(&none, |line| &line.rules);
        let flags = &self.config.settings.priority.flags;
        Needs::derived(accounts, &amounts, rules, flags).known().clone()
    }

    /// What a job counts as, and where; `None` for one that is over.
    pub(super) fn charge_of(&self, accounts: &State, job: &LiveJob) -> Option<(Standing, Charge)> {
        let running = match &job.phase {
            JobPhase::Running(run) => Some((self.allocated(accounts, job, &run.allocation), run.allocation.due())),
            JobPhase::Completing(clearing) if clearing.next == NextPhase::Over => return None,
            JobPhase::Over(..) => return None,
            JobPhase::Pending | JobPhase::Completing(_) => None,
        };
        let standing = Standing {
            association: job.association,
            qos: [job.qos, self.partition_qos(accounts, job)],
            user: job.submission.user.name.as_str().into(),
            account: job.account.clone(),
        };
        Some((standing, Charge { submitted: u64::from(job.task_count()), running }))
    }

    /// The QOS of the partition that a job runs in; of several that it waits for, of the first.
    fn partition_qos(&self, accounts: &State, job: &LiveJob) -> Option<QosId> {
        let line = match job.allocation() {
            Some(allocation) => self.config.partition(&allocation.partition),
            None => self.lines(&self.config, job).first().copied(),
        };
        let name = line?.rules.qos.as_ref()?;
        accounts.qos_named(name).map(|qos| qos.id)
    }

    /// Adds what a run used to what limits of usage count, until the records tell it.
    pub(super) fn spend(&mut self, present: Present, job: &LiveJob, allocation: &Allocation) {
        let elapsed = allocation.elapsed(present.now);
        let factor = job.qos.and_then(|qos| present.accounts.qos.get(&qos)).map_or(1.0, |qos| qos.usage_factor);
        let seconds = (elapsed as f64 * factor.max(0.0)) as u64;
        let amounts = self.allocated(present.accounts, job, allocation);
        self.tally.spend(job.id, &amounts, seconds);
    }
}
