//! [`LiveJob`]: a job that waits, runs, or ended a short while ago.

use crate::array::{ArraySpec, TaskSet};
use crate::demand::Demand;
use crate::dependency::Dependencies;
use crate::id::{AssociationId, Attempt, Gid, JobId, NodeName, QosId, Time, Uid};
use crate::step::LiveStep;
use crate::units::Units;
use serde::{Deserialize, Serialize};
use slurm::records::{Details, ExitCode, JobState, StepId};
use std::sync::Arc;

/// What was submitted. It stays as it is, also over a requeue, unless an update changes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Whose job it is.
    pub user: Submitter,
    /// The job's name.
    pub name: String,
    /// `--account`; `None` is the user's default.
    pub account: Option<String>,
    /// `--qos`; `None` is the association's default.
    pub qos: Option<String>,
    /// `--partition`: it starts in the first that has room; empty is the default one.
    pub partitions: Vec<String>,
    /// What it needs.
    pub demand: Arc<Demand>,
    /// `--time` in minutes; `None` is as long as the partition says.
    pub minutes: Option<u32>,
    /// `--begin`: not before.
    pub begin: Option<Time>,
    /// `--deadline`: removed when it cannot end by then.
    pub deadline: Option<Time>,
    /// `--dependency`: what it waits for when it is submitted.
    pub dependencies: Dependencies,
    /// `--nice`: taken from its priority.
    pub nice: i32,
    /// `--hold`.
    pub hold: Option<Hold>,
    /// `--requeue`: whether it may run again when a node fails.
    pub requeue: bool,
    /// `--array`; `None` is one job.
    #[serde(default)]
    pub array: Option<ArraySpec>,
    /// Whether it has no script, and runs steps alone.
    #[serde(default)]
    pub allocation: Option<Allocating>,
    /// `--wckey`; `*name` is the user's default one, which nobody named.
    #[serde(default)]
    pub wckey: Option<String>,
    /// `--signal`.
    #[serde(default)]
    pub warning: Option<Warning>,
    /// Texts that only listings show.
    pub details: Details,
}

/// How an allocation without a script depends on who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allocating {
    /// `salloc`: until it is given back, cancelled, or its time is over.
    Kept,
    /// `srun`: it is over when its first step is, or when who asked has gone.
    ForOneStep,
}

/// A signal that a job gets a while before its time is over (sbatch(1), `--signal`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The signal's number.
    pub signal: u8,
    /// So many seconds before the end.
    pub seconds: u32,
    /// `B:`: the script's own process, and nothing that it started; else its steps.
    pub to: SignalTarget,
}

/// Which processes of a run get a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignalTarget {
    /// All of them, those of its steps too.
    #[default]
    All,
    /// The script's own, and nothing that it started.
    Script,
    /// Those of its steps.
    Steps,
    /// All of them, and the last word counts: 19 (SIGSTOP) is that they stand still, 18 (SIGCONT) that they go on.
    Standstill,
}

/// Who submits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitter {
    /// The user's name.
    pub name: String,
    /// The user's number.
    pub uid: Uid,
    /// The number of the group it runs as.
    pub gid: Gid,
    /// Names of all groups that the user is in.
    pub groups: Vec<String>,
}

/// Who or what keeps a job from starting until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// The user.
    User,
    /// An operator; the user cannot release it.
    Admin,
    /// A node could not start it.
    LaunchFailed,
    /// It was requeued after too many starts that failed.
    MaxRequeue,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveJob {
    /// Its number.
    pub id: JobId,
    /// What was submitted.
    pub submission: Arc<Submission>,
    /// Where its use is counted; `None` where nothing demands an association and there is none.
    pub association: Option<AssociationId>,
    /// The account's name.
    pub account: Arc<str>,
    /// The QOS; `None` when there is none.
    pub qos: Option<QosId>,
    /// When it was submitted, or last requeued.
    pub submit: Time,
    /// Since when it could have started, once it can.
    pub eligible: Option<Time>,
    /// Not before this time: `--begin`, or a while after a requeue.
    pub begin: Option<Time>,
    /// Jobs that it still waits for.
    pub dependencies: Dependencies,
    /// What keeps it; of a running job: once it waits again.
    pub hold: Option<Hold>,
    /// A priority that somebody set; else it is computed.
    pub priority: Option<u32>,
    /// Its place in an array, if it is in one.
    #[serde(default)]
    pub array: Option<InArray>,
    /// Which run this is.
    pub attempt: Attempt,
    /// What it does.
    pub phase: JobPhase,
}

/// The place of a job in an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InArray {
    /// The array's number.
    pub of: JobId,
    /// What of it.
    pub part: ArrayPart,
}

/// What of an array has one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArrayPart {
    /// All that wait, or waited when they were cancelled together; never none.
    Waiting(TaskSet),
    /// One task, from its start on or from when it was changed alone.
    Task(u32),
}

impl InArray {
    /// Whether a task is in it.
    pub fn has(&self, index: u32) -> bool {
        match &self.part {
            ArrayPart::Waiting(tasks) => tasks.contains(index),
            ArrayPart::Task(own) => *own == index,
        }
    }

    /// How many tasks are in it.
    pub fn count(&self) -> u32 {
        match &self.part {
            ArrayPart::Waiting(tasks) => tasks.count(),
            ArrayPart::Task(_) => 1,
        }
    }
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum JobPhase {
    /// It waits.
    Pending,
    /// It has its nodes.
    Running(Run),
    /// How it ended is decided; not all nodes are done with it.
    Completing(Clearing),
    /// It is over, and stays known for a while (slurm.conf(5), `MinJobAge`).
    Over(Option<Allocation>, Ending),
}

/// What a job has got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// In which partition.
    pub partition: Arc<str>,
    /// Since when.
    pub start: Time,
    /// Its time limit in minutes; `None` is without.
    pub minutes: Option<u32>,
    /// By node; the first one runs the script. Never empty.
    pub shares: Vec<NodeShare>,
    /// For how long it stood still.
    #[serde(default)]
    pub suspended: Suspension,
}

/// When a run stood still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Since when it does; also of a run that ended so.
    pub since: Option<Time>,
    /// Seconds of all the times before.
    pub seconds: i64,
    /// When it was last suspended or resumed.
    #[serde(default)]
    pub changed: Option<Time>,
}

impl Suspension {
    /// Seconds altogether up to a time, which is that of the end for a run that is over.
    pub fn until(&self, at: Time) -> i64 {
        let now = self.since.map_or(0, |since| at.saturating_sub(since).max(0));
        self.seconds.saturating_add(now)
    }
}

impl Allocation {
    /// When its time is over. Of one that stands still it is when it would have been (src/slurmctld/job_mgr.c).
    pub fn end(&self) -> Option<Time> {
        let end = |minutes| self.start.saturating_add(i64::from(minutes) * 60).saturating_add(self.suspended.seconds);
        self.minutes.map(end)
    }

    /// … `None` while it stands still.
    pub fn due(&self) -> Option<Time> {
        self.end().filter(|_| self.suspended.since.is_none())
    }

    /// Seconds for which it ran, up to a time.
    pub fn elapsed(&self, at: Time) -> u64 {
        let ran = at.saturating_sub(self.start).saturating_sub(self.suspended.until(at));
        u64::try_from(ran).unwrap_or(0)
    }

    /// When a warning is due; at the start where its time is shorter than that.
    pub fn warned_at(&self, warning: &Warning) -> Option<Time> {
        self.due().map(|end| end.saturating_sub(i64::from(warning.seconds)).max(self.start))
    }

    /// The place of a node among its shares.
    pub fn place(&self, node: &NodeName) -> Option<u32> {
        self.shares.iter().zip(0..).find(|(share, _)| share.node == *node).map(|(_, at)| at)
    }

    /// CPUs on all its nodes.
    pub fn cpus(&self) -> u64 {
        self.shares.iter().map(|share| u64::from(share.cpus.count())).sum()
    }
}

/// What a job has got on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeShare {
    /// The node.
    pub node: NodeName,
    /// Tasks of it there.
    pub tasks: u32,
    /// CPUs, in the node's numbers.
    pub cpus: Units,
    /// Memory in megabytes.
    pub memory: u64,
    /// Devices.
    pub gres: Vec<GresShare>,
}

/// Devices of one kind that a job has got on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GresShare {
    /// `gpu`
    pub name: String,
    /// `a100`; `None` where the node does not tell kinds apart.
    pub kind: Option<String>,
    /// Which, in the order in which the node has those of this kind.
    pub devices: Units,
}

/// A run that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What it has.
    pub allocation: Allocation,
    /// On which of its nodes it has started, by place among the shares.
    pub launched: Units,
    /// Signals that nodes have not confirmed.
    pub signals: Vec<SentSignal>,
    /// Its steps that are not over.
    #[serde(default)]
    pub steps: Vec<LiveStep>,
    /// The number of the next one.
    #[serde(default)]
    pub next_step: u32,
    /// Whether its warning was sent.
    #[serde(default)]
    pub warned: bool,
}

/// A signal on its way to a job's processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentSignal {
    /// Which of the job's signals, so that a node delivers it once.
    pub serial: u32,
    /// Its number.
    pub number: u8,
    /// Who gets it.
    #[serde(default)]
    pub to: SignalTarget,
    /// On which nodes it was delivered, by place among the shares.
    pub delivered: Units,
}

/// A run that is over while nodes still clean up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clearing {
    /// What it had.
    pub allocation: Allocation,
    /// Which nodes are done with it, by place among the shares.
    pub left: Units,
    /// How it ended.
    pub ending: Ending,
    /// What becomes of the job then.
    pub next: NextPhase,
    /// Steps that ended with it.
    #[serde(default)]
    pub steps: Vec<LiveStep>,
}

/// What becomes of a job when its nodes are done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NextPhase {
    /// It is over.
    Over,
    /// It waits again, not before this time.
    Again(Time),
}

/// How a run ended; decided once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// `COMPLETED`, `FAILED`, `TIMEOUT` and so on.
    pub state: JobState,
    /// How the script ended.
    pub exit: ExitCode,
    /// When.
    pub at: Time,
    /// Who cancelled it.
    pub cancelled_by: Option<Uid>,
}

impl Ending {
    /// With exit code 0 and nobody who cancelled it.
    pub fn new(state: JobState, at: Time) -> Self {
        Self { state, exit: ExitCode::default(), at, cancelled_by: None }
    }
}

impl LiveJob {
    /// Slurm's state of the job; `COMPLETING` is a flag beside it.
    pub fn state(&self) -> JobState {
        match &self.phase {
            JobPhase::Pending => JobState::Pending,
            JobPhase::Running(_) if self.is_suspended() => JobState::Suspended,
            JobPhase::Running(_) => JobState::Running,
            JobPhase::Completing(clearing) if clearing.next != NextPhase::Over => JobState::Pending,
            JobPhase::Completing(clearing) => clearing.ending.state,
            JobPhase::Over(_, ending) => ending.state,
        }
    }

    /// Whether nodes still clean up behind it.
    pub fn is_completing(&self) -> bool {
        matches!(self.phase, JobPhase::Completing(_))
    }

    /// Whether it stands still, or did when it ended: then its CPUs are not its own.
    pub fn is_suspended(&self) -> bool {
        self.allocation().is_some_and(|it| it.suspended.since.is_some())
    }

    /// What it has or had.
    pub fn allocation(&self) -> Option<&Allocation> {
        match &self.phase {
            JobPhase::Pending => None,
            JobPhase::Running(run) => Some(&run.allocation),
            JobPhase::Completing(clearing) => Some(&clearing.allocation),
            JobPhase::Over(allocation, _) => allocation.as_ref(),
        }
    }

    /// What nodes keep for it now: of a run that is over, where they are not done yet.
    pub fn held(&self) -> impl Iterator<Item = &NodeShare> {
        let (allocation, left) = match &self.phase {
            JobPhase::Running(run) => (Some(&run.allocation), None),
            JobPhase::Completing(clearing) => (Some(&clearing.allocation), Some(&clearing.left)),
            JobPhase::Pending | JobPhase::Over(..) => (None, None),
        };
        let shares = allocation.map(|it| it.shares.as_slice()).unwrap_or_default().iter().zip(0u32..);
        shares.filter(move |(_, at)| !left.is_some_and(|left| left.contains(*at))).map(|(share, _)| share)
    }

    /// How it ended, if it has.
    pub fn ending(&self) -> Option<&Ending> {
        match &self.phase {
            JobPhase::Completing(Clearing { ending, .. }) | JobPhase::Over(_, ending) => Some(ending),
            JobPhase::Pending | JobPhase::Running(_) => None,
        }
    }

    /// Its steps that are not over, or ended with it.
    pub fn steps(&self) -> &[LiveStep] {
        match &self.phase {
            JobPhase::Running(run) => &run.steps,
            JobPhase::Completing(clearing) => &clearing.steps,
            JobPhase::Pending | JobPhase::Over(..) => &[],
        }
    }

    /// One of its steps.
    pub fn step(&self, id: StepId) -> Option<&LiveStep> {
        self.steps().iter().find(|step| step.id == id)
    }

    /// How many jobs it counts as: all tasks that wait.
    pub fn task_count(&self) -> u32 {
        self.array.as_ref().map_or(1, InArray::count)
    }

    /// So many tasks of its array run at one time.
    pub fn array_limit(&self) -> Option<u32> {
        self.submission.array.as_ref().and_then(|array| array.limit)
    }

    /// Whether it counts as submitted: it waits, runs, or will wait again.
    pub fn is_live(&self) -> bool {
        !self.state().is_over()
    }
}
