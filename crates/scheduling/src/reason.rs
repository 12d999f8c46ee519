//! [`PendingReason`]: why a job waits, in Slurm's word (src/common/job_state_reason.c).

use crate::job::Hold;
use slurm::State;
use slurm::admission::Reason;

/// Why a job waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingReason {
    /// It was not looked at yet, or is about to start.
    None,
    /// It is held.
    Held(Hold),
    /// Its time has not come.
    BeginTime,
    /// Another job must start or end before.
    Dependency,
    /// What it waits for can never be.
    DependencyNeverSatisfied,
    /// Nodes still clean up behind its earlier run.
    Cleaning,
    /// It is the first that its partition has no room for.
    Resources,
    /// Another one is before it.
    Priority,
    /// Too few of its licences are free.
    Licenses,
    /// The nodes that it needs are down, drained or unknown.
    NodesUnavailable,
    /// Its partition is not there any more.
    PartitionConfig,
    /// As many tasks of its array run as may.
    ArrayTaskLimit,
    /// Accounts, limits or the partition do not let it start.
    Admission(Reason),
}

impl PendingReason {
    /// As squeue shows it.
    pub fn named(self, accounts: &State) -> String {
        let word = match self {
            PendingReason::None => "None",
            PendingReason::Held(Hold::User) => "JobHeldUser",
            PendingReason::Held(Hold::Admin) => "JobHeldAdmin",
            PendingReason::Held(Hold::LaunchFailed) => "launch failed requeued held",
            PendingReason::Held(Hold::MaxRequeue) => "JobHoldMaxRequeue",
            PendingReason::BeginTime => "BeginTime",
            PendingReason::Dependency => "Dependency",
            PendingReason::DependencyNeverSatisfied => "DependencyNeverSatisfied",
            PendingReason::Cleaning => "Cleaning",
            PendingReason::Resources => "Resources",
            PendingReason::Priority => "Priority",
            PendingReason::Licenses => "Licenses",
            PendingReason::NodesUnavailable => {
                "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"
            }
            PendingReason::ArrayTaskLimit => "JobArrayTaskLimit",
            PendingReason::PartitionConfig => "PartitionConfig",
            PendingReason::Admission(reason) => return reason.named(accounts),
        };
        word.to_owned()
    }
}
