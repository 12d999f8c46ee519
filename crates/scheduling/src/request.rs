//! [`JobRequest`]: a job as its user asks for it. The client makes it of a command line, a script and an environment; who asks
//! is not in it, for that is known to the master alone.

use crate::array::ArraySpec;
use crate::demand::Demand;
use crate::dependency::Dependencies;
use crate::id::Time;
pub use crate::job::Allocating;
use crate::job::{Hold, Submission, Submitter, Warning};
use serde::{Deserialize, Serialize};
use slurm::records::Details;
use std::sync::Arc;
use words::raw::RawText;

/// What `sbatch` asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobRequest {
    /// `--job-name`
    pub name: String,
    /// `--account`; `None` is the user's default.
    pub account: Option<String>,
    /// `--qos`; `None` is the association's default.
    pub qos: Option<String>,
    /// `--partition`; empty is the default one.
    pub partitions: Vec<String>,
    /// What it needs.
    pub demand: Demand,
    /// `--time` in minutes; `None` is as long as the partition says.
    pub minutes: Option<u32>,
    /// `--begin`: not before.
    pub begin: Option<Time>,
    /// `--deadline`
    pub deadline: Option<Time>,
    /// `--dependency`
    pub dependencies: Dependencies,
    /// `--nice`
    pub nice: i32,
    /// `--hold`
    pub hold: bool,
    /// `--requeue`, `--no-requeue`; `None` is as `JobRequeue` says.
    pub requeue: Option<bool>,
    /// `--wckey`; `None` is the user's default.
    pub wckey: Option<String>,
    /// `--signal`
    pub warning: Option<Warning>,
    /// `--array`; `None` is one job.
    pub array: Option<ArraySpec>,
    /// Texts that only listings show.
    pub details: Details,
    /// Whether there is no script: `salloc` and `srun` get nodes, and start steps on them.
    pub allocation: Option<Allocating>,
    /// What runs; of an allocation all but the script counts.
    pub batch: BatchJob,
}

impl JobRequest {
    /// What is submitted for somebody, and what it runs. `requeue` is `JobRequeue`. `--hold` is the user's, whoever that is.
    pub fn submission(self, user: Submitter, requeue: bool) -> (Submission, BatchJob) {
        let submission = Submission {
            user,
            name: self.name,
            account: self.account,
            qos: self.qos,
            partitions: self.partitions,
            demand: Arc::new(self.demand),
            minutes: self.minutes,
            begin: self.begin,
            deadline: self.deadline,
            dependencies: self.dependencies,
            nice: self.nice,
            hold: self.hold.then_some(Hold::User),
            // Who waits for nodes has gone when others would come.
            requeue: self.allocation.is_none() && self.requeue.unwrap_or(requeue),
            array: self.array,
            allocation: self.allocation,
            wckey: self.wckey,
            warning: self.warning,
            details: self.details,
        };
        (submission, self.batch)
    }
}

/// A script, and what surrounds it where it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchJob {
    /// The whole script; it begins with `#!`.
    pub script: RawText,
    /// Its arguments.
    pub arguments: Vec<RawText>,
    /// Names and values, as `--export` left them; without what the scheduler sets.
    pub environment: Vec<(RawText, RawText)>,
    /// The script's path, as `scontrol show job` has it in `Command=`; empty when it came by standard input or `--wrap`.
    pub command: RawText,
    /// `--mail-type`, as it was written.
    pub mail_types: String,
    /// `--mail-user`
    pub mail_user: String,
    /// The session of the process that submitted it (`AllocNode:Sid=`).
    pub session: u32,
    /// `--chdir`: where it runs.
    pub directory: RawText,
    /// `--input`; `None` is `/dev/null`.
    pub input: Option<RawText>,
    /// `--output`, patterns and all; `None` is `slurm-%j.out`.
    pub output: Option<RawText>,
    /// `--error`; `None` is where the output goes.
    pub error: Option<RawText>,
    /// `--open-mode`
    pub open_mode: OpenMode,
    /// Bits that new files do not get.
    pub umask: u32,
    /// Limits of the process that submitted it (slurm.conf(5), `PropagateResourceLimits`).
    pub limits: Vec<ProcessLimit>,
    /// `SLURM_SUBMIT_DIR`
    pub submit_directory: RawText,
    /// `SLURM_SUBMIT_HOST`
    pub submit_host: String,
}

/// What becomes of output that is there already (sbatch(1), `--open-mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenMode {
    /// It goes; after a requeue the job's own stays all the same (`JobFileAppend`).
    #[default]
    Truncate,
    /// It stays, and more is written behind it.
    Append,
}

/// A limit of getrlimit(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessLimit {
    /// `NOFILE`, `STACK` and so on, without `RLIMIT_`.
    pub name: String,
    /// The soft limit; `None` is none.
    pub soft: Option<u64>,
}

/// What a step runs, and what surrounds it: it is the same on all its nodes, and needed until they have launched it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepProgram {
    /// Programs with their arguments by rank; the last whose ranks have the task's runs. One for all without `--multi-prog`.
    pub programs: Vec<RankedProgram>,
    /// Names and values, as `--export` left them; without what the scheduler sets.
    pub environment: Vec<(RawText, RawText)>,
    /// Where it runs.
    pub directory: RawText,
    /// Bits that new files do not get.
    pub umask: u32,
    /// Limits of the process that asks for it.
    pub limits: Vec<ProcessLimit>,
    /// Where the tasks read from.
    pub input: StepInput,
    /// Where their output goes.
    pub output: StepOutput,
    /// Where their errors go.
    pub error: StepOutput,
    /// What becomes of output that is there already.
    pub open_mode: OpenMode,
    /// `--pty`: task 0 has a terminal of this size, and the others no output.
    pub terminal: Option<TerminalSize>,
    /// `SLURM_SUBMIT_HOST`
    pub submit_host: String,
}

/// What some of a step's tasks run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankedProgram {
    /// From and to this rank; `None` is all.
    pub ranks: Option<(u32, u32)>,
    /// The program and its arguments; looked for along the `PATH` of the step's environment, on the node.
    pub argv: Vec<RawText>,
}

/// Where the tasks of a step read from (srun(1), `--input`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepInput {
    /// What `srun` reads goes to all of them.
    #[default]
    Streamed,
    /// … to this one; the others read nothing.
    StreamedTo(u32),
    /// `none`: the end at once.
    Nothing,
    /// A file on the node, with patterns, opened as the user.
    File(RawText),
}

/// Where the output of a step's tasks goes (srun(1), `--output`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepOutput {
    /// `srun` prints it.
    #[default]
    Streamed,
    /// `srun` prints this task's; the others' is lost.
    StreamedOf(u32),
    /// `none`
    Nothing,
    /// A file on the node, with patterns, opened as the user.
    File(RawText),
    /// Of errors alone: where the output goes.
    WithOutput,
}

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}
