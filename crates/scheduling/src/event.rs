//! What the core is told and what it says: [`SchedulerEvent`] in, [`Decision`] out.

use crate::array::TaskSet;
use crate::backfill::BackfillPlan;
use crate::config::{Config, PartitionLine};
use crate::demand::{Features, GresDemand, MemoryDemand};
use crate::dependency::Dependencies;
use crate::id::{AssociationId, Attempt, Boot, JobId, NodeName, NodeSession, Time, Uid};
use crate::job::{LiveJob, SignalTarget, Submission};
use crate::node::{Hardware, NodeLine};
use crate::request::StepProgram;
use crate::step::{RunUsage, StepRequest};
use crate::tally::UsedUp;
use serde::{Deserialize, Serialize};
use slurm::admission::Reason;
use slurm::records::{ExitCode, JobState, StepId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happened, or that somebody asks for.
#[derive(Clone, Debug)]
pub enum SchedulerEvent {
    /// A job is submitted.
    Submit(Box<Submission>),
    /// Somebody wants something of a job.
    Control(Requester, JobId, JobCommand),
    /// Somebody wants something of some tasks of an array.
    ControlTasks(Requester, JobId, TaskSet, JobCommand),
    /// A node connects; it is to register then.
    NodeConnects(NodeName),
    /// A node says what it is and what it has, once in each session.
    NodeRegisters(NodeName, NodeSession, Registration),
    /// A node says what became of a run.
    NodeReports(NodeName, NodeSession, NodeReport),
    /// A node says what became of its part of a step, and what it used there up to its end.
    NodeReportsStep(NodeName, NodeSession, StepId, NodeReport, Option<RunUsage>),
    /// Somebody starts a step of a job.
    CreateStep(Requester, JobId, Box<StepRequest>, Arc<StepProgram>),
    /// Somebody wants something of a step.
    ControlStep(Requester, JobId, StepId, StepCommand),
    /// An allocation without a script is given back, with what its command ended with.
    Finish(Requester, JobId, ExitCode),
    /// A text of the service's own about a job, which listings show (`SystemComment`).
    Remarked(JobId, String),
    /// A node is there.
    NodeHeard(NodeName, NodeSession),
    /// Somebody wants something of a node.
    NodeControl(Requester, NodeName, NodeCommand),
    /// Somebody changes nodes or partitions, until the configuration is read again.
    Reshape(Requester, ClusterChange),
    /// The configuration was read again.
    Configure(Arc<Config>),
    /// Accounts, limits or QOS have changed.
    AccountsChanged,
    /// What ended jobs used up, and everybody's fairshare.
    UsageKnown(UsageKnown),
    /// A plan is made.
    Planned(BackfillPlan),
    /// Nothing but that time went by.
    TimePasses,
}

/// Who asks. Whoever takes requests in knows it from the kernel or a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The user's number.
    pub uid: Uid,
    /// Whether operators' rights come with it.
    pub is_operator: bool,
    /// Accounts whose jobs it may act on as a coordinator.
    pub coordinates: Vec<String>,
}

/// What may be asked of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobCommand {
    /// `scancel`: ends it.
    Cancel,
    /// `scancel --signal`: sends processes of it a signal.
    Signal(u8, SignalTarget),
    /// `scontrol hold`: an operator's hold unless it is `uhold`.
    Hold {
        /// As the user would.
        as_user: bool,
    },
    /// `scontrol release`.
    Release,
    /// `scontrol suspend`: operators alone.
    Suspend,
    /// `scontrol resume`.
    Resume,
    /// `scontrol requeue`, `requeuehold`.
    Requeue {
        /// Held then.
        hold: bool,
    },
    /// `scontrol update`.
    Update(JobChange),
}

/// What may be asked of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepCommand {
    /// `scancel JOB.STEP`: ends it.
    Cancel,
    /// Sends its tasks a signal.
    Signal(u8),
    /// Who reads what it writes goes, and it goes on.
    LeaveAlone,
}

/// One field of `scontrol update JobId=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobChange {
    /// `TimeLimit` in minutes.
    Minutes(u32),
    /// `Priority`.
    Priority(u32),
    /// `Nice`.
    Nice(i32),
    /// `JobName`.
    Name(String),
    /// `Comment`.
    Comment(String),
    /// `AdminComment`: operators alone.
    AdminComment(String),
    /// `WorkDir`.
    WorkDir(String),
    /// `Partition`: one or several.
    Partitions(Vec<String>),
    /// `Account`.
    Account(String),
    /// `QOS`.
    Qos(String),
    /// `StartTime`: not before.
    Begin(Time),
    /// `Deadline`; `None` is none.
    Deadline(Option<Time>),
    /// `Dependency`: in place of all that it still waits for.
    Dependencies(Dependencies),
    /// `Requeue`.
    Requeue(bool),
    /// `WCKey`; `None` is the user's default one.
    Wckey(Option<String>),
    /// `ArrayTaskThrottle`; `None` is no limit.
    Throttle(Option<u32>),
    /// `NumNodes`: at least, and at most.
    Nodes(u32, Option<u32>),
    /// `NumTasks`.
    Tasks(u32),
    /// `CPUsPerTask`.
    CpusPerTask(u32),
    /// `MinMemoryNode`, `MinMemoryCPU`.
    Memory(MemoryDemand),
    /// `Features`.
    Features(Features),
    /// `Gres`.
    Gres(Vec<GresDemand>),
    /// `Licenses`.
    Licenses(Vec<(String, u32)>),
    /// `ReqNodeList`.
    Required(Vec<NodeName>),
    /// `ExcNodeList`.
    Excluded(Vec<NodeName>),
}

/// What may be asked of a node (`scontrol update NodeName= State=`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeCommand {
    /// `DRAIN`: nothing new starts; a reason is needed.
    Drain(String),
    /// `FAIL`: the same, and it is told that it is about to fail.
    Fail(String),
    /// `DOWN`: its jobs end; a reason is needed.
    Down(String),
    /// `RESUME`.
    Resume,
    /// Another reason for its state, where that has one.
    Reason(String),
    /// `Comment`; an empty one is none.
    Comment(String),
    /// `Extra`; an empty one is none.
    Extra(String),
}

/// What may be made, changed and taken away of nodes and partitions (`scontrol create`, `update`, `delete`).
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterChange {
    /// A new partition.
    AddPartition(Box<PartitionLine>),
    /// A partition is like this now.
    SetPartition(Box<PartitionLine>),
    /// One that no job waits for or runs in.
    RemovePartition(String),
    /// New nodes, which then register.
    AddNodes(Vec<NodeLine>),
    /// Nodes are like this now.
    SetNodes(Vec<NodeLine>),
    /// Nodes without jobs.
    RemoveNodes(Vec<NodeName>),
}

/// What a node says when it registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Since when its kernel runs.
    pub boot: Boot,
    /// What it found.
    pub hardware: Hardware,
    /// All runs that it knows of, also those that are over and were not confirmed.
    pub runs: Vec<(JobId, Attempt, RunStage)>,
    /// Steps of these runs that it knows of and that were not confirmed as left: the master forgets what steps run when it
    /// starts again, and fails those that no node says it has.
    #[serde(default)]
    pub steps: Vec<(JobId, Attempt, StepId, RunStage)>,
}

/// How far a run has come on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunStage {
    /// Its processes run.
    Launched,
    /// The script ended.
    Ended(ScriptEnd),
    /// Nothing of it is left on the node.
    Left,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptEnd {
    /// Its exit code, or the signal that killed it.
    pub exit: ExitCode,
    /// Whether it ran out of memory.
    pub out_of_memory: bool,
}

impl ScriptEnd {
    /// What became of it, unless somebody ended it.
    pub fn state(self) -> JobState {
        match (self.out_of_memory, self.exit) {
            (true, _) => JobState::OutOfMemory,
            (false, ExitCode { code: 0, signal: 0 }) => JobState::Completed,
            _ => JobState::Failed,
        }
    }
}

/// What a node says of a run. Each may come twice, late, or not in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Of which job.
    pub job: JobId,
    /// Of which run.
    pub attempt: Attempt,
    /// What became of it.
    pub what: Reported,
}

/// What became of a run on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reported {
    /// It has come so far.
    Stage(RunStage),
    /// It could not be started, and nothing of it is left.
    LaunchFailed,
    /// A signal was delivered.
    Delivered(u32),
}

/// What only the records of past jobs tell. Not durable: it is told anew after each start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageKnown {
    /// Minutes that limits count.
    pub used: UsedUp,
    /// The fairshare factor of each user's association, 0 to 1.
    pub fairshare: BTreeMap<AssociationId, f64>,
}

/// What the core says to an event. To be acted on when the rows of the batch are durable, and not before.
#[derive(Clone, Debug)]
pub struct Decision {
    /// To whoever asked.
    pub answer: Result<Accepted, Denial>,
    /// To nodes.
    pub orders: Vec<NodeOrder>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A job has this number.
    Submitted(JobId),
    /// A node's connection is this one.
    Connected(NodeSession),
    /// A step has this number.
    StepCreated(StepId),
    /// It is so now. A node that reported something need not say it again.
    Done,
}

/// What a node is to do. It obeys those of its present session alone.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeOrder {
    /// Which node.
    pub node: NodeName,
    /// In which of its sessions.
    pub session: NodeSession,
    /// For which job.
    pub job: JobId,
    /// For which run.
    pub attempt: Attempt,
    /// What.
    pub task: OrderTask,
}

/// What a node does with a run.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderTask {
    /// Starts it, unless it did before or was told that it is over.
    Launch(Arc<LiveJob>),
    /// Ends it: SIGTERM, so many seconds later SIGKILL; says when nothing is left. Also of a run it never heard of.
    Terminate {
        /// `KillWait`.
        kill_wait: u32,
    },
    /// Delivers a signal, once for each serial number.
    Signal {
        /// Which of the job's signals.
        serial: u32,
        /// Its number.
        number: u8,
        /// Who gets it.
        to: SignalTarget,
    },
    /// Starts its part of a step, unless it did before or was told that it is over.
    LaunchStep(Arc<LiveJob>, StepId, Arc<StepProgram>),
    /// Ends a step as `Terminate` ends a run. Also of a step it never heard of.
    TerminateStep {
        /// Which.
        step: StepId,
        /// `KillWait`.
        kill_wait: u32,
    },
    /// Delivers a signal to a step, once for each serial number.
    SignalStep {
        /// Which.
        step: StepId,
        /// Which of the step's signals.
        serial: u32,
        /// Its number.
        number: u8,
    },
}

/// Why something is not done, in Slurm's words (src/common/slurm_errno.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// Accounts, limits or the partition do not allow it.
    #[error("{}", .0.refusal())]
    Refused(Reason),
    /// There is no such partition.
    #[error("Invalid partition name specified")]
    InvalidPartition,
    /// None was named, and there is no default one.
    #[error("No partition specified or system default partition")]
    NoPartition,
    /// There is no such QOS.
    #[error("Invalid qos specification")]
    InvalidQos,
    /// Counts that cannot be meant.
    #[error("CPU count specification invalid")]
    InvalidCounts,
    /// A negative one is operators' alone.
    #[error("Invalid --nice value")]
    InvalidNice,
    /// No node has such a device, or kinds are mixed.
    #[error("Invalid generic resource (gres) specification")]
    InvalidGres,
    /// No node has such a feature.
    #[error("Invalid feature specification")]
    InvalidFeature,
    /// There is no such licence, or not so many.
    #[error("Invalid license specification")]
    InvalidLicense,
    /// The nodes that there are could never hold it.
    #[error("Requested node configuration is not available")]
    NodeConfiguration,
    /// Its deadline comes before it could end.
    #[error("Requested time limit is invalid (missing or exceeds some limit)")]
    InvalidTime,
    /// It waits for the end of a job that nobody knows.
    #[error("Job dependency problem")]
    DependencyProblem,
    /// It would wait for one that waits for it.
    #[error("Circular job dependency")]
    CircularDependency,
    /// Tasks that cannot be.
    #[error("Invalid job array specification")]
    InvalidArray,
    /// Too many jobs are known.
    #[error("MaxJobCount limit reached")]
    MaxJobCount,
    /// There is no such job.
    #[error("Invalid job id specified")]
    InvalidJob,
    /// There is no such node.
    #[error("Invalid node name specified")]
    InvalidNode,
    /// Who asks may not.
    #[error("Access/permission denied")]
    Denied,
    /// It is over.
    #[error("Job/step already completing or completed")]
    AlreadyDone,
    /// It is held.
    #[error("Job is in held state, pending scheduler release")]
    IsHeld,
    /// Only of jobs that wait.
    #[error("Job is no longer pending execution")]
    NotPending,
    /// Only of jobs that run.
    #[error("Job is pending execution")]
    IsPending,
    /// It stands still: no step of it starts until it goes on.
    #[error("Requested operation is presently disabled")]
    Suspended,
    /// It does not stand still.
    #[error("Job is not suspended")]
    NotSuspended,
    /// Other steps of the job, or other jobs, have what it needs.
    #[error("Requested nodes are busy")]
    NodesBusy,
    /// The job has not so many CPUs.
    #[error("More processors requested than permitted")]
    TooManyCpus,
    /// The job has not so much memory on a node.
    #[error("Memory required by task is not available")]
    StepMemory,
    /// The job has had as many steps as it may.
    #[error("Step limit reached for this job")]
    StepLimit,
    /// The job was submitted with `--no-requeue`.
    #[error("Requested operation is presently disabled")]
    Disabled,
    /// Jobs wait for it, or run in it.
    #[error("Partition is in use")]
    PartitionInUse,
    /// The configuration cannot be used.
    #[error("the configuration cannot be used as it is; Config::check says why")]
    BadConfig,
}
