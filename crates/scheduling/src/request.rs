//! [`JobRequest`]: a job as its user asks for it. The client makes it of a command line, a script and an environment; who asks
//! is not in it, for that is known to the master alone.

use crate::array::ArraySpec;
use crate::demand::Demand;
use crate::dependency::Dependencies;
use crate::id::Time;
use crate::job::{Hold, Submission, Submitter};
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
    /// `--array`; `None` is one job.
    pub array: Option<ArraySpec>,
    /// Texts that only listings show.
    pub details: Details,
    /// What runs.
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
            requeue: self.requeue.unwrap_or(requeue),
            array: self.array,
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
