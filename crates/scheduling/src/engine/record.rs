//! What the accounting keeps of a job: the record that `sacct` reads.

use super::Core;
use crate::array::ArraySpec;
use crate::id::Time;
use crate::job::{Allocation, ArrayPart, Ending, InArray, JobPhase, LiveJob, Suspension};
use slurm::State;
use slurm::admission::Amounts;
use slurm::records::{ArrayPlace, Details, ExitCode, Flags, Job as Record, JobState, Tasks, TimeLimit, TresCounts};
use words::text::hostlist;

impl Core {
    /// The record of a job's present run, or of the one that just ended.
    pub(super) fn record(&self, accounts: &State, job: &LiveJob) -> Record {
        let submission = &*job.submission;
        let (allocation, ending) = (job.allocation(), job.ending());
        let asked = submission.demand.amounts(accounts, self.memory_of(job));
        let minutes = allocation.map(|it| it.minutes).or_else(|| {
            let lines = self.lines(&self.config, job);
            lines.first().map(|line| line.minutes(submission.minutes))
        });
        let amounts = allocation.map(|it| self.allocated(accounts, job, it)).unwrap_or_default();
        Record {
            cluster: self.config.cluster.clone(),
            job_id: job.id,
            name: submission.name.clone(),
            account: job.account.to_string(),
            user: submission.user.name.clone(),
            uid: Some(submission.user.uid),
            gid: Some(submission.user.gid),
            partition: partition(job, allocation),
            qos: job.qos,
            association: job.association,
            submit: job.submit,
            eligible: job.eligible,
            start: allocation.map(|it| it.start),
            end: ending.map(|it| it.at),
            suspended: suspended(allocation, ending),
            limit: limit(minutes),
            state: state(job),
            cancelled_by: ending.and_then(|it| it.cancelled_by),
            exit: ending.map_or_else(ExitCode::default, |it| it.exit),
            tres_requested: counts(&asked),
            tres_allocated: counts(&amounts),
            cpus_requested: u32::try_from(submission.demand.cpus()).unwrap_or(u32::MAX),
            node_count: allocation.map_or(0, |it| u32::try_from(it.shares.len()).unwrap_or(u32::MAX)),
            nodes: nodes(allocation),
            priority: self.queued_priority(job.id).unwrap_or_default(),
            array: job.array.as_ref().map(|part| place(job, part)),
            flags: if allocation.is_some() { Flags::START_RECEIVED } else { Flags::default() },
            wckey: submission.wckey.clone().unwrap_or_default(),
            details: Details {
                resumed: allocation.and_then(|it| resumed(&it.suspended)),
                suspended_since: allocation.and_then(|it| it.suspended.since).filter(|_| ending.is_none()),
                ..submission.details.clone()
            },
            ..Record::default()
        }
    }
}

/// Seconds for which a run stood still: of one that goes on, those before now.
fn suspended(allocation: Option<&Allocation>, ending: Option<&Ending>) -> u64 {
    let seconds = allocation.map_or(0, |it| ending.map_or(it.suspended.seconds, |end| it.suspended.until(end.at)));
    u64::try_from(seconds).unwrap_or(0)
}

/// When a run went on the last time, as far as that is known.
fn resumed(suspended: &Suspension) -> Option<Time> {
    suspended.changed.filter(|_| suspended.since.is_none() && suspended.seconds > 0)
}

fn place(job: &LiveJob, part: &InArray) -> ArrayPlace {
    let tasks = match &part.part {
        ArrayPart::Task(index) => Tasks::One(*index),
        ArrayPart::Waiting(tasks) => {
            Tasks::Waiting(ArraySpec { tasks: tasks.clone(), limit: job.array_limit() }.to_string())
        }
    };
    ArrayPlace { job: part.of, tasks }
}

/// Of a run that is over its own state, also when the job waits again.
fn state(job: &LiveJob) -> JobState {
    match (&job.phase, job.ending()) {
        (JobPhase::Completing(_), Some(Ending { state, .. })) => *state,
        _ => job.state(),
    }
}

fn partition(job: &LiveJob, allocation: Option<&Allocation>) -> String {
    allocation.map_or_else(|| job.submission.partitions.join(","), |it| it.partition.to_string())
}

fn nodes(allocation: Option<&Allocation>) -> String {
    let names = allocation.into_iter().flat_map(|it| &it.shares).map(|share| share.node.as_str());
    hostlist::compress(names)
}

fn limit(minutes: Option<Option<u32>>) -> TimeLimit {
    match minutes {
        None => TimeLimit::Partition,
        Some(None) => TimeLimit::Unlimited,
        Some(Some(minutes)) => TimeLimit::Minutes(minutes),
    }
}

fn counts(amounts: &Amounts) -> TresCounts {
    amounts.iter().filter(|(_, count)| **count > 0).map(|(id, count)| (*id, *count)).collect()
}
