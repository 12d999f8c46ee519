//! The `batch` step of a run: what `sacct` shows of its script.

use compute::protocol::{RunReport, RunUsage};
use scheduling::Core;
use scheduling::event::{NodeReport, Reported, RunStage, ScriptEnd};
use scheduling::id::{NodeName, Time};
use scheduling::job::{Allocation, JobPhase, LiveJob, NodeShare};
use scheduling::measured::{NodeUsage, summed};
use slurm::model::TresId;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::records::{Job as Record, JobState, Step, StepDetails, StepId, TresCounts};

/// The step that a report tells of, and the key of the record that it belongs to; `None` for reports of other things, of
/// other runs, and of nodes that do not run the script.
pub fn told(core: &Core, node: &NodeName, report: &RunReport, now: Time) -> Option<(Record, Step)> {
    let NodeReport { job, attempt, what: Reported::Stage(stage) } = &report.report else { return None };
    let job = core.job(*job).filter(|job| job.attempt == *attempt && job.submission.allocation.is_none())?;
    let (allocation, end) = match (&job.phase, stage) {
        (JobPhase::Running(run), RunStage::Launched) => (&run.allocation, None),
        (JobPhase::Running(run), RunStage::Ended(end)) => (&run.allocation, Some(*end)),
        (JobPhase::Completing(clearing), RunStage::Ended(end)) => (&clearing.allocation, Some(*end)),
        _ => return None,
    };
    let share = allocation.shares.first().filter(|share| share.node == *node)?;
    let cluster = core.config().cluster.clone();
    let record = Record { cluster, job_id: job.id, submit: job.submit, ..Record::default() };
    let begun = begun(allocation, share);
    Some((record, end.map_or(begun.clone(), |end| ended(begun, job, end, report.usage.unwrap_or_default(), now))))
}

/// A script that runs.
fn begun(allocation: &Allocation, share: &NodeShare) -> Step {
    Step {
        id: StepId::Batch,
        name: "batch".into(),
        state: JobState::Running,
        start: Some(allocation.start),
        node_count: 1,
        nodes: share.node.to_string(),
        tasks: 1,
        tres_allocated: counts([
            (CPU, Some(share.cpus.count().into())),
            (MEM, Some(share.memory).filter(|memory| *memory > 0)),
            (NODE, Some(1)),
        ]),
        ..Step::default()
    }
}

fn ended(begun: Step, job: &LiveJob, end: ScriptEnd, used: RunUsage, now: Time) -> Step {
    let node = NodeName::from(begun.nodes.as_str());
    let (usage_in, usage_out) = summed(&[NodeUsage { node: &node, ranks: &[0], used }]);
    let details = StepDetails { usage_in, usage_out, ..StepDetails::default() };
    let ending = job.ending();
    Step {
        state: state(job, end),
        cancelled_by: ending.and_then(|it| it.cancelled_by),
        exit: end.exit,
        end: Some(ending.map_or(now, |ending| ending.at)),
        suspended: job.allocation().map_or(0, |it| it.suspended.until(ending.map_or(now, |it| it.at))).unsigned_abs(),
        user_cpu: used.user_cpu.unwrap_or(0),
        system_cpu: used.system_cpu.unwrap_or(0),
        details,
        ..begun
    }
}

/// A script that was ended with its job is cancelled, whatever became of it. A node may say more than once how it ended by itself.
fn state(job: &LiveJob, end: ScriptEnd) -> JobState {
    let own = [JobState::Completed, JobState::Failed, JobState::OutOfMemory];
    match (job.ending(), end) {
        (Some(ending), _) if !own.contains(&ending.state) => JobState::Cancelled,
        (_, ScriptEnd { out_of_memory: true, .. }) => JobState::OutOfMemory,
        (_, ScriptEnd { exit, .. }) if exit.code == 0 && exit.signal == 0 => JobState::Completed,
        _ => JobState::Failed,
    }
}

fn counts<const N: usize>(of: [(TresId, Option<u64>); N]) -> TresCounts {
    of.into_iter().filter_map(|(tres, count)| Some((tres, count?))).collect()
}
