//! Orders as nodes get them: what the core says, with names and the script.

use super::super::service::Service;
use super::submit::bytes;
use crate::store::StoredBatch;
use compute::protocol::{ArrayTask, Launch, NodeTasks, Order, OrderedTask, Orders, RunAs, StepLaunch, StepNode};
use scheduling::event::{NodeOrder, OrderTask};
use scheduling::id::NodeName;
use scheduling::job::{ArrayPart, LiveJob, NodeShare};
use scheduling::request::{BatchJob, StepInput, StepOutput, StepProgram};
use scheduling::step::{LiveStep, StepShare};
use slurm::State;
use slurm::records::StepId;
use words::raw::RawText;

/// The most bytes of scripts and environments in one answer: more come with the next.
const MOST_BYTES: usize = 8 << 20;

impl Service {
    /// Makes orders complete. Those that are too many for one answer, or whose script cannot be read now, are told again
    /// by the core.
    pub(super) fn complete(&self, orders: Vec<NodeOrder>) -> Orders {
        let (state, mut room, mut complete) = (self.kept().state, MOST_BYTES, Vec::new());
        for NodeOrder { node, job, attempt, task, .. } in orders {
            let task = match task {
                OrderTask::Launch(live) => {
                    let Some(share) = live.held().find(|share| share.node == node).cloned() else { continue };
                    let stored = match self.readers().batch(job) {
                        Ok(stored) => stored,
                        Err(error) => {
                            tracing::error!(job = job.0, "what the job runs cannot be read: {error}");
                            continue;
                        }
                    };
                    let size = stored.as_ref().map_or(0, |stored| bytes(&stored.batch));
                    if size > room && room < MOST_BYTES {
                        continue;
                    }
                    room = room.saturating_sub(size);
                    OrderedTask::Launch(Box::new(launch(&state, self.cluster_name(), &live, share, stored)))
                }
                OrderTask::LaunchStep(live, step, program) => {
                    let size = step_bytes(&program);
                    if size > room && room < MOST_BYTES {
                        continue;
                    }
                    room = room.saturating_sub(size);
                    match step_launch(&live, step, &node, &program) {
                        Some(launch) => OrderedTask::LaunchStep(Box::new(launch)),
                        None => continue,
                    }
                }
                OrderTask::TerminateStep { step, kill_wait } => OrderedTask::TerminateStep { step, kill_wait },
                OrderTask::SignalStep { step, serial, number } => OrderedTask::SignalStep { step, serial, number },
                OrderTask::Terminate { kill_wait } => OrderedTask::Terminate { kill_wait },
                OrderTask::Signal { serial, number, to } => OrderedTask::Signal { serial, number, to },
            };
            complete.push(Order { job, attempt, task });
        }
        Orders { orders: complete, ..Orders::default() }
    }
}

/// Which task of an array it is.
fn task(job: &LiveJob) -> Option<ArrayTask> {
    let (part, spec) = job.array.as_ref().zip(job.submission.array.as_ref())?;
    let ArrayPart::Task(index) = part.part else { return None };
    Some(ArrayTask { job: part.of, index, tasks: spec.tasks.clone() })
}

/// A node's part of a step.
fn step_launch(job: &LiveJob, id: StepId, node: &NodeName, program: &StepProgram) -> Option<StepLaunch> {
    let step = job.step(id)?;
    let share = step.shares.iter().find(|share| share.node == *node)?.clone();
    Some(StepLaunch {
        step: id,
        name: step.request.name.clone(),
        nodes: step_nodes(step),
        share,
        cpus_per_task: step.request.cpus_per_task,
        kill_on_bad_exit: step.request.kill_on_bad_exit,
        end: step.end(),
        program: program.clone(),
    })
}

/// The nodes of a step, with the ranks of its tasks.
pub(super) fn step_nodes(step: &LiveStep) -> Vec<StepNode> {
    let node = |share: &StepShare| StepNode { node: share.node.clone(), ranks: share.ranks.clone() };
    step.shares.iter().map(node).collect()
}

fn launch(state: &State, cluster: &str, job: &LiveJob, share: NodeShare, stored: Option<StoredBatch>) -> Launch {
    let (submission, allocation) = (&job.submission, job.allocation());
    let shares = allocation.map(|it| it.shares.as_slice()).unwrap_or_default();
    let is_first = shares.first().is_some_and(|first| first.node == share.node);
    let (login, batch) = stored.map_or((None, None), |it| (Some(it.login), Some(it.batch)));
    let work_dir = &submission.details.work_dir;
    let tasks =
        |share: &NodeShare| NodeTasks { node: share.node.clone(), cpus: share.cpus.count(), tasks: share.tasks };
    let user = &submission.user;
    Launch {
        cluster: cluster.to_owned(),
        user: RunAs { name: login.unwrap_or_else(|| user.name.clone()), uid: user.uid, gid: user.gid },
        name: submission.name.clone(),
        account: job.account.to_string(),
        qos: job.qos.and_then(|id| state.qos.get(&id)).map_or_else(String::new, |qos| qos.name.clone()),
        partition: allocation.map_or_else(String::new, |it| it.partition.to_string()),
        nodes: shares.iter().map(tasks).collect(),
        cpus_per_task: submission.demand.cpus_per_task,
        share,
        start: allocation.map_or(job.submit, |it| it.start),
        end: allocation.and_then(|it| it.end()),
        array: task(job),
        // An allocation has none, whatever else was sent with it.
        batch: batch.filter(|_| is_first && submission.allocation.is_none()).map(|batch| in_place(batch, work_dir)),
    }
}

/// A script runs where the job is said to run now: `scontrol update JobId=… WorkDir=` moves one that waits. What was written
/// at submission holds where the bytes of a path are no text.
fn in_place(batch: BatchJob, work_dir: &str) -> BatchJob {
    let is_moved = !work_dir.is_empty() && batch.directory.shown() != work_dir;
    let directory = if is_moved { work_dir.into() } else { batch.directory };
    BatchJob { directory, ..batch }
}

/// All words of what a step runs.
pub(super) fn step_texts(program: &StepProgram) -> impl Iterator<Item = &RawText> {
    let words = program.programs.iter().flat_map(|one| &one.argv);
    let variables = program.environment.iter().flat_map(|(name, value)| [name, value]);
    let input = if let StepInput::File(path) = &program.input { Some(path) } else { None };
    let outputs = [&program.output, &program.error].into_iter();
    let outputs = outputs.filter_map(|output| if let StepOutput::File(path) = output { Some(path) } else { None });
    words.chain(variables).chain([&program.directory]).chain(input).chain(outputs)
}

/// How much memory what a step runs takes, in bytes.
pub(super) fn step_bytes(program: &StepProgram) -> usize {
    let limits = program.limits.iter().map(|limit| limit.name.len());
    step_texts(program).map(|text| text.0.len()).chain(limits).sum::<usize>() + program.submit_host.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_runs_where_its_job_was_moved_to() {
        let odd = RawText(b"/scratch/\xff".to_vec());
        let directory = |from: &RawText, work_dir: &str| {
            in_place(BatchJob { directory: from.clone(), ..BatchJob::default() }, work_dir).directory
        };
        assert_eq!(directory(&"/home/gildong".into(), "/scratch/new"), "/scratch/new".into());
        assert_eq!(directory(&odd, &odd.shown()), odd);
        assert_eq!(directory(&odd, ""), odd);
    }
}
