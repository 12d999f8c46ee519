//! What goes over the socket.

use compute::protocol::{NodeTasks, StepNode};
use scheduling::demand::Demand;
use scheduling::id::{JobId, Time};
use scheduling::request::{JobRequest, StepProgram};
use scheduling::step::StepRequest;
use serde::{Deserialize, Serialize};
use slurm::records::{ExitCode, JobState, StepId};
use std::collections::BTreeMap;
use std::path::Path;

/// Where the service listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/enlist/enlist.sock";

/// Environment variable that names another socket.
pub const SOCKET_VARIABLE: &str = "ENLIST_SOCKET";

pub use host::system::predicted::REHEARSE as REHEARSE_VARIABLE;

/// The socket to use.
pub fn socket() -> std::path::PathBuf {
    std::env::var_os(SOCKET_VARIABLE).map_or_else(|| Path::new(DEFAULT_SOCKET).to_owned(), Into::into)
}

/// `POST /v1/slurm/COMMAND`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The arguments, without the program's name.
    pub argv: Vec<String>,
    /// Answers to the questions asked so far.
    #[serde(default)]
    pub answers: Vec<bool>,
    /// `asked` of the answer with the last question: what those answers are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// A dry run: commands (arguments without the program's name) to replay first; nothing is kept.
    #[serde(default)]
    pub rehearse: Option<Vec<Vec<String>>>,
    /// In a dry run: numbers of users whose jobs are taken as over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_jobs_of: Vec<u32>,
    /// Commands to carry out before `argv` in one transaction with it: all of them, or none when one is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together: Vec<Vec<String>>,
    /// Files of the caller's that the answer asked for in `reads`. The service itself never opens a path.
    #[serde(default)]
    pub files: Vec<CallerFile>,
    /// The caller's environment, of it those that the command heeds: `TZ`, `SLURM_TIME_FORMAT`, `SACCT_FORMAT`,
    /// `SREPORT_TRES` and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
}

/// A file that the client read: its text, or why it could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerFile {
    /// As the caller named it.
    pub path: String,
    /// What it holds.
    #[serde(default)]
    pub text: String,
    /// The operating system's words for why it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A file to write for the caller, by the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileToWrite {
    /// As the caller named it.
    pub path: String,
    /// What it shall hold.
    pub text: String,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// Standard output, from the beginning.
    pub stdout: String,
    /// Standard error, from the beginning.
    pub stderr: String,
    /// Exit code.
    pub code: u8,
    /// A question to answer first: ask, then send the request again with the answer and `asked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Stands for all that was said up to the question. If it would not be the same when the answer comes, nothing is
    /// done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// A file to read first: send the request again with it in `files`. Only ever one that the caller named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<String>,
    /// Files to write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<FileToWrite>,
    /// Counts the changes of the state.
    pub revision: u64,
    /// Whether this command changed something; for the service's own log.
    #[serde(skip)]
    pub is_change: bool,
}

impl Response {
    /// Nothing was done, because …
    pub fn refused(why: &str) -> Self {
        Self { stderr: format!("{why}\n"), code: 1, ..Self::default() }
    }
}

/// `POST /v1/jobs/submit`: one job. The client sends it once and never again by itself, since a job whose answer was lost may be
/// there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitJob {
    /// What is asked for.
    pub request: JobRequest,
    /// `sbatch --test-only`: say what would be, and keep nothing.
    #[serde(default)]
    pub test_only: bool,
    /// `--clusters`: for which cluster it is; `None` is the service's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubmittedJob {
    /// Its number; the job is on disk. `None` when it was refused, or only tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Why it is not taken, in Slurm's words (what sbatch prints behind "Batch job submission failed: ").
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Further lines for people, without the program's name: what was tested, or what is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The cluster's name.
    pub cluster: String,
}

/// `POST /v1/why`: what a job waits for is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskWhy {
    /// Its number; `ARRAY_INDEX` for a task of an array.
    pub job: String,
}

/// `POST /v1/import/jobs`: lines of `sacct -P`, all of which are taken in or none. Administrators only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportJobs {
    /// The heading.
    pub heading: String,
    /// What separates columns.
    pub delimiter: String,
    /// The time zone of the times, as in `TZ`.
    pub zone: String,
    /// The cluster of lines that name none; the service's own when empty.
    #[serde(default)]
    pub cluster: String,
    /// The lines. Steps come after their job, in the same request.
    pub lines: Vec<String>,
    /// Take in what can be read even when other lines cannot.
    #[serde(default)]
    pub skip_bad: bool,
    /// Change nothing, only say what would happen.
    #[serde(default)]
    pub check: bool,
}

/// What became of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportedJobs {
    /// Why nothing was done, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Jobs that are new.
    pub added: u64,
    /// Jobs that were there, with something changed.
    pub changed: u64,
    /// Jobs that were there as they are.
    pub unchanged: u64,
    /// Steps of all of them.
    pub steps: u64,
    /// Jobs that belong to no association.
    pub without_association: u64,
    /// Jobs whose QOS is not known.
    pub without_qos: u64,
    /// Lines that cannot be read; when there are any and `skip_bad` was not said, nothing was changed.
    pub bad: Vec<BadLine>,
}

/// `POST /v1/import/events`: lines of `sacctmgr -P show event`, all of which are taken in or none. Administrators only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportEvents {
    /// The heading.
    pub heading: String,
    /// The time zone of the times, as in `TZ`.
    pub zone: String,
    /// The cluster of lines that name none; the service's own when empty.
    #[serde(default)]
    pub cluster: String,
    /// The lines.
    pub lines: Vec<String>,
    /// Take in what can be read even when other lines cannot.
    #[serde(default)]
    pub skip_bad: bool,
    /// Change nothing, only say what would happen.
    #[serde(default)]
    pub check: bool,
}

/// What became of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportedEvents {
    /// Why nothing was done, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Events that are new.
    pub added: u64,
    /// Events that were there, with something changed.
    pub changed: u64,
    /// Events that were there as they are.
    pub unchanged: u64,
    /// Lines that cannot be read and were passed over, as `skip_bad` asks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<BadLine>,
    /// The line that cannot be read, if it is one that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad: Option<BadLine>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// Which of the lines, from 0.
    pub line: usize,
    /// The column in it, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// `POST /v1/jobs/wait`: answered when the job has started or is over, or after a while as it is then. Of an allocation for one
/// step ([`scheduling::request::Allocating::ForOneStep`]) that waits: it is cancelled when this connection ends before an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitForJob {
    /// Which.
    pub job: JobId,
    /// Until it is over, not only started.
    #[serde(default)]
    pub over: bool,
}

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobStanding {
    /// Which.
    pub job: JobId,
    /// Slurm's name of its state, long.
    pub state: String,
    /// Why it waits, in Slurm's word.
    pub reason: String,
    /// What it has; `None` while it waits.
    pub allocation: Option<Allocated>,
    /// How it ended, if it has.
    pub exit: Option<ExitCode>,
}

impl JobStanding {
    /// Whether it waits.
    pub fn is_pending(&self) -> bool {
        JobState::named(&self.state) == Some(JobState::Pending)
    }

    /// Whether it has nodes that can be used.
    pub fn has_nodes(&self) -> bool {
        let state = JobState::named(&self.state);
        self.allocation.is_some() && matches!(state, Some(JobState::Running | JobState::Suspended))
    }
}

/// What a job has got, as its user's programs are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Allocated {
    /// The cluster.
    pub cluster: String,
    /// The job's name.
    pub name: String,
    /// Its account.
    pub account: String,
    /// Its QOS.
    pub qos: String,
    /// In which partition.
    pub partition: String,
    /// Its nodes in their order, with CPUs and tasks.
    pub nodes: Vec<NodeTasks>,
    /// Memory on its first node, in megabytes.
    pub memory: u64,
    /// What was asked for.
    pub demand: Demand,
    /// Since when.
    pub start: Time,
    /// When its time is over.
    pub end: Option<Time>,
}

/// `POST /v1/jobs/finish`: an allocation is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishJob {
    /// Which.
    pub job: JobId,
    /// What its command ended with.
    pub exit: ExitCode,
}

/// `POST /v1/steps/create`: answered when the step has its part of the job, or after a while with `None` and the reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateStep {
    /// Of which job.
    pub job: JobId,
    /// What it needs.
    pub request: StepRequest,
    /// What it runs.
    pub program: StepProgram,
    /// `--immediate`: does not wait.
    #[serde(default)]
    pub immediate: bool,
}

/// A step, or why there is none yet: then the client asks again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreatedStep {
    /// Which, with its nodes and ranks.
    pub step: Option<(StepId, Vec<StepNode>)>,
    /// In Slurm's words why it waits.
    pub waits: Option<String>,
    /// Its job, as its tasks are told.
    pub job: JobStanding,
}

/// `POST /v1/steps/stream` with `Upgrade: enlist-step/1`: from there on [`compute::stream`]'s frames go both ways. Whoever created the
/// step opens it once as `owner`, and again when it was lost; others only listen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamStep {
    /// Of which job.
    pub job: JobId,
    /// Which step.
    pub step: StepId,
    /// Whether the step ends when this connection is gone without a `Bye`.
    pub owner: bool,
}
