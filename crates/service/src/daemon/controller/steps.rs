//! The `batch` step of a run: what `sacct` shows of its script.

use compute::protocol::{RunReport, RunUsage};
use scheduling::Core;
use scheduling::event::{NodeReport, Reported, RunStage, ScriptEnd};
use scheduling::id::{NodeName, Time};
use scheduling::job::{Allocation, JobPhase, LiveJob, NodeShare};
use slurm::model::TresId;
use slurm::model::tres::{CPU, DISK, MEM, NODE};
use slurm::records::{Job as Record, JobState, Step, StepDetails, StepId, TresCounts, Usage};

/// The step that a report tells of, and the key of the record that it belongs to; `None` for reports of other things, of
/// other runs, and of nodes that do not run the script.
pub fn told(core: &Core, node: &NodeName, report: &RunReport, now: Time) -> Option<(Record, Step)> {
    let NodeReport { job, attempt, what: Reported::Stage(RunStage::Ended(end)) } = &report.report else { return None };
    let job = core.job(*job).filter(|job| job.attempt == *attempt)?;
    let allocation = match &job.phase {
        JobPhase::Running(run) => &run.allocation,
        JobPhase::Completing(clearing) => &clearing.allocation,
        JobPhase::Pending | JobPhase::Over(..) => return None,
    };
    let share = allocation.shares.first().filter(|share| share.node == *node)?;
    let cluster = core.config().cluster.clone();
    let record = Record { cluster, job_id: job.id, submit: job.submit, ..Record::default() };
    Some((record, step(job, allocation, share, *end, report.usage.unwrap_or_default(), now)))
}

fn step(job: &LiveJob, allocation: &Allocation, share: &NodeShare, end: ScriptEnd, used: RunUsage, now: Time) -> Step {
    let details = StepDetails {
        usage_in: of_one_task(
            share,
            counts([
                (CPU, used.user_cpu.map(|user| (user + used.system_cpu.unwrap_or(0)) / 1000)),
                (MEM, used.peak_memory),
                (DISK, used.read),
            ]),
        ),
        usage_out: of_one_task(share, counts([(DISK, used.written)])),
        ..StepDetails::default()
    };
    Step {
        id: StepId::Batch,
        name: "batch".into(),
        state: state(job, end),
        cancelled_by: job.ending().and_then(|it| it.cancelled_by),
        exit: end.exit,
        start: Some(allocation.start),
        end: Some(job.ending().map_or(now, |ending| ending.at.max(allocation.start))),
        node_count: 1,
        nodes: share.node.to_string(),
        tasks: 1,
        user_cpu: used.user_cpu.unwrap_or(0),
        system_cpu: used.system_cpu.unwrap_or(0),
        tres_allocated: counts([
            (CPU, Some(share.cpus.count().into())),
            (MEM, Some(share.memory).filter(|memory| *memory > 0)),
            (NODE, Some(1)),
        ]),
        details,
        ..Step::default()
    }
}

/// A script that was ended with its job is cancelled, whatever became of it.
fn state(job: &LiveJob, end: ScriptEnd) -> JobState {
    match (job.ending(), end) {
        (Some(ending), _) if ending.state != JobState::Completed => JobState::Cancelled,
        (_, ScriptEnd { out_of_memory: true, .. }) => JobState::OutOfMemory,
        (_, ScriptEnd { exit, .. }) if exit.code == 0 && exit.signal == 0 => JobState::Completed,
        _ => JobState::Failed,
    }
}

fn counts<const N: usize>(of: [(TresId, Option<u64>); N]) -> TresCounts {
    of.into_iter().filter_map(|(tres, count)| Some((tres, count?))).collect()
}

/// What the only task used is the most, the least and the average.
fn of_one_task(share: &NodeShare, used: TresCounts) -> Usage {
    let places = || used.iter().map(|(tres, _)| (tres, share.node.to_string())).collect();
    let task: TresCounts = used.iter().map(|(tres, _)| (tres, 0)).collect();
    Usage {
        average: used.clone(),
        max: used.clone(),
        max_node: places(),
        max_task: task.clone(),
        min: used.clone(),
        min_node: places(),
        min_task: task,
        total: used.clone(),
    }
}
