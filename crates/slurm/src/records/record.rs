//! [`Job`] and [`Step`]: one record each, with the fields that sacct(1) shows.

use super::{JobState, TresCounts};
use crate::model::{AssociationId, JobId, JobRow, QosId, ReservationId, TresId, or_zero};
use crate::rollup::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use words::people::{Gid, Uid};

/// One run of a job. What sacct calculates (elapsed time, CPU time) is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Its row, when it is stored.
    #[serde(with = "or_zero")]
    pub row: Option<JobRow>,
    /// The cluster it ran on.
    pub cluster: String,
    /// The job's own number (sacct's `JobIDRaw`); with cluster and `submit` it names this record.
    pub job_id: JobId,
    /// Its place in a job array.
    pub array: Option<ArrayPlace>,
    /// Its place in a heterogeneous job.
    pub het: Option<HetPlace>,
    /// The job's name.
    pub name: String,
    /// The account.
    pub account: String,
    /// The user's name; empty when only the number is known.
    pub user: String,
    /// The user's number.
    pub uid: Option<Uid>,
    /// The number of the group it ran as.
    pub gid: Option<Gid>,
    /// The partition, or those it waits for with commas between.
    pub partition: String,
    /// The QOS, if it is known.
    #[serde(with = "or_zero")]
    pub qos: Option<QosId>,
    /// The association it is counted on.
    #[serde(with = "or_zero")]
    pub association: Option<AssociationId>,
    /// The workload characterization key; `*` before it says that it was a default.
    pub wckey: String,
    /// The reservation's name.
    pub reservation: String,
    /// The reservation's number.
    #[serde(with = "or_zero")]
    pub reservation_id: Option<ReservationId>,
    /// When it was submitted.
    pub submit: i64,
    /// When it could first have started.
    pub eligible: Option<i64>,
    /// When it started.
    pub start: Option<i64>,
    /// When it ended.
    pub end: Option<i64>,
    /// For how many seconds it was suspended.
    pub suspended: u64,
    /// Its time limit.
    pub limit: TimeLimit,
    /// What it does, or how it ended.
    pub state: JobState,
    /// Who cancelled it.
    pub cancelled_by: Option<Uid>,
    /// How the job script ended.
    pub exit: ExitCode,
    /// The highest exit code of its steps.
    pub derived_exit: ExitCode,
    /// What was asked for.
    pub tres_requested: TresCounts,
    /// What it got; empty while it waits.
    pub tres_allocated: TresCounts,
    /// How many CPUs were asked for.
    pub cpus_requested: u32,
    /// How many nodes it got.
    pub node_count: u32,
    /// Which nodes it got, as a hostlist.
    pub nodes: String,
    /// Its priority.
    pub priority: u32,
    /// The last reason why it had to wait, in Slurm's word.
    pub reason: String,
    /// Who started it.
    pub flags: Flags,
    /// Features asked for.
    pub constraints: String,
    /// Texts that only listings show.
    pub details: Details,
}

impl Job {
    /// Seconds for which it ran, suspended ones left out; up to `now` while it runs.
    pub fn elapsed(&self, now: i64) -> u64 {
        let Some(start) = self.start else { return 0 };
        Span { start, end: self.end.unwrap_or(now) }.seconds().saturating_sub(self.rested(now))
    }

    /// Seconds for which it was suspended, up to `now` while it is.
    pub fn rested(&self, now: i64) -> u64 {
        let since = self.details.suspended_since.map_or(0, |since| now.saturating_sub(since).max(0));
        self.suspended.saturating_add(since.unsigned_abs())
    }
}

/// A job's place in an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayPlace {
    /// The array's number.
    pub job: JobId,
    /// Which of its tasks.
    pub tasks: Tasks,
}

/// Tasks of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tasks {
    /// One.
    One(u32),
    /// Those that have not started yet, as listed: `5-9%2`.
    Waiting(String),
}

/// A component's place in a heterogeneous job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HetPlace {
    /// The number of the first component.
    pub job: JobId,
    /// Which component, from 0.
    pub offset: u32,
}

/// How long a job may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeLimit {
    /// As long as the partition lets it.
    #[default]
    Partition,
    /// Without end.
    Unlimited,
    /// So many minutes.
    Minutes(u32),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCode {
    /// The exit code.
    pub code: u8,
    /// The signal that ended it; 0 for none.
    pub signal: u8,
}

impl ExitCode {
    /// By what the worst of several is found, whoever compares them: as Slurm and the kernel number them (wait(2)), any code
    /// is above any signal. So what failed by itself stands before what was ended for it.
    pub fn height(self) -> u32 {
        u32::from(self.code) << 8 | u32::from(self.signal)
    }
}

/// Which part of the scheduler started a job, in Slurm's bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags(pub u32);

impl Flags {
    /// Started when it was submitted.
    pub const SUBMIT: Flags = Flags(1 << 1);
    /// Started by the main scheduler.
    pub const MAIN: Flags = Flags(1 << 2);
    /// Started by the backfill scheduler.
    pub const BACKFILL: Flags = Flags(1 << 3);
    /// The job's start was announced; one that ended without a start never ran.
    pub const START_RECEIVED: Flags = Flags(1 << 4);

    /// Whether any bit of `other` is set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}

/// Texts of a job that only listings show; each is empty when unset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "each is sacct's field of its name")]
pub struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub admin_comment: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub block_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub extra: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mcs_label: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub submit_line: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_comment: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub work_dir: String,
    /// Joules, where that is not in what the job had; `None` when nobody measured them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<u64>,
    /// Since when it is suspended, if it is: the seconds since then are not counted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended_since: Option<i64>,
    /// When it went on the last time, if it was suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<i64>,
}

/// One step of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Which step.
    pub id: StepId,
    /// The component of a heterogeneous step.
    pub het_component: Option<u32>,
    /// Its name.
    pub name: String,
    /// What it does, or how it ended.
    pub state: JobState,
    /// Who cancelled it.
    pub cancelled_by: Option<Uid>,
    /// How it ended.
    pub exit: ExitCode,
    /// When it started.
    pub start: Option<i64>,
    /// When it ended.
    pub end: Option<i64>,
    /// For how many seconds it was suspended.
    pub suspended: u64,
    /// How many nodes it had.
    pub node_count: u32,
    /// Which, as a hostlist.
    pub nodes: String,
    /// How many tasks it had.
    pub tasks: u32,
    /// CPU time outside the kernel, in microseconds.
    pub user_cpu: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_cpu: u64,
    /// What it had.
    pub tres_allocated: TresCounts,
    /// What only listings show.
    pub details: StepDetails,
}

/// Which step of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StepId {
    /// `interactive`
    Interactive,
    /// `batch`: the job script.
    Batch,
    /// `extern`: what ran outside of steps.
    Extern,
    /// A step made by `srun`.
    Number(u32),
}

impl Default for StepId {
    fn default() -> Self {
        StepId::Number(0)
    }
}

impl StepId {
    /// Slurm's number: negative for the special ones.
    pub fn number(self) -> i64 {
        match self {
            StepId::Interactive => -6,
            StepId::Batch => -5,
            StepId::Extern => -4,
            StepId::Number(number) => number.into(),
        }
    }

    /// The step with Slurm's number.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            -6 => Some(StepId::Interactive),
            -5 => Some(StepId::Batch),
            -4 => Some(StepId::Extern),
            number => u32::try_from(number).ok().map(StepId::Number),
        }
    }
}

/// As it stands behind the job's number: `0`, `batch`.
impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StepId::Interactive => f.write_str("interactive"),
            StepId::Batch => f.write_str("batch"),
            StepId::Extern => f.write_str("extern"),
            StepId::Number(number) => number.fmt(f),
        }
    }
}

/// A text that is no step's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step is a number, `batch`, `extern` or `interactive`")]
pub struct NoStepName;

/// As it stands behind the job's number.
impl std::str::FromStr for StepId {
    type Err = NoStepName;

    fn from_str(text: &str) -> Result<Self, NoStepName> {
        match text {
            "interactive" => Ok(StepId::Interactive),
            "batch" => Ok(StepId::Batch),
            "extern" => Ok(StepId::Extern),
            // Rust would read a sign, too.
            number if number.starts_with(|c: char| c.is_ascii_digit()) => {
                number.parse().map(StepId::Number).map_err(|_| NoStepName)
            }
            _ => Err(NoStepName),
        }
    }
}

/// What of a step only listings show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepDetails {
    /// How tasks were spread over nodes: `Block`, `Cyclic` …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub layout: String,
    /// The average CPU frequency in kHz.
    pub cpu_frequency: u64,
    /// What it asked for.
    #[serde(skip_serializing_if = "Frequencies::is_empty")]
    pub requested_frequency: Frequencies,
    /// Energy used, in joules; `None` when nobody measured it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<u64>,
    /// The container's bundle.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// How it was started.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub submit_line: String,
    /// What came in: memory, CPU time, bytes read.
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage_in: Usage,
    /// What went out: bytes written.
    #[serde(skip_serializing_if = "Usage::is_empty")]
    pub usage_out: Usage,
}

/// CPU frequencies that a step asked for, as listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequencies {
    /// The lowest.
    pub min: String,
    /// The highest.
    pub max: String,
    /// The governor.
    pub governor: String,
}

impl Frequencies {
    fn is_empty(&self) -> bool {
        *self == Frequencies::default()
    }
}

/// What the tasks of a step used, by TRES: CPU in milliseconds, memory and disk in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// The average over tasks.
    #[serde(skip_serializing_if = "TresCounts::is_empty")]
    pub average: TresCounts,
    /// The highest of a task.
    #[serde(skip_serializing_if = "TresCounts::is_empty")]
    pub max: TresCounts,
    /// On which node that was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub max_node: BTreeMap<TresId, String>,
    /// Which task that was.
    #[serde(skip_serializing_if = "TresCounts::is_empty")]
    pub max_task: TresCounts,
    /// The lowest of a task.
    #[serde(skip_serializing_if = "TresCounts::is_empty")]
    pub min: TresCounts,
    /// On which node that was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub min_node: BTreeMap<TresId, String>,
    /// Which task that was.
    #[serde(skip_serializing_if = "TresCounts::is_empty")]
    pub min_task: TresCounts,
    /// All tasks together.
    #[serde(skip_serializing_if = "TresCounts::is_empty")]
    pub total: TresCounts,
}

impl Usage {
    fn is_empty(&self) -> bool {
        *self == Usage::default()
    }
}
