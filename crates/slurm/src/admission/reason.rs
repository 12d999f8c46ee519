//! [`Reason`]: why a job is refused or waits, with Slurm's name for it.

use crate::State;
use crate::model::tres::{CPU, MEM, NODE};
use crate::model::{Limit, Tres, TresId};

/// Where a limit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// On the user's association or one above.
    Association,
    /// On the partition's or the job's QOS.
    Qos,
}

/// Why a job may not be submitted or started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No association of this user, account and partition.
    InvalidAccount,
    /// The association may not use the QOS.
    InvalidQos,
    /// The partition takes no jobs.
    PartitionDrained,
    /// The partition starts no jobs.
    PartitionDown,
    /// The partition is root's.
    PartitionRootOnly,
    /// The partition is not for the user's groups.
    PartitionGroup,
    /// The partition is not for the account.
    PartitionAccount,
    /// The partition is not for the QOS.
    PartitionQos,
    /// The partition's own limit of time.
    PartitionTime,
    /// The partition's own limits of nodes.
    PartitionNodes,
    /// A limit; the TRES is 0 for one that is no TRES limit.
    Limit(Level, Limit, Option<TresId>),
}

/// Limits that are no TRES limits: on an association, on a QOS.
const COUNTS: &[(Limit, &str, &str)] = &[
    (Limit::GrpJobs, "AssocGrpJobsLimit", "QOSGrpJobsLimit"),
    (Limit::GrpSubmitJobs, "AssocGrpSubmitJobsLimit", "QOSGrpSubmitJobsLimit"),
    (Limit::GrpWall, "AssocGrpWallLimit", "QOSGrpWallLimit"),
    (Limit::MaxWall, "AssocMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"),
    (Limit::MaxJobs, "AssocMaxJobsLimit", "AssocMaxJobsLimit"),
    (Limit::MaxSubmitJobs, "AssocMaxSubmitJobLimit", "AssocMaxSubmitJobLimit"),
    (Limit::MaxJobsPerUser, "", "QOSMaxJobsPerUserLimit"),
    (Limit::MaxJobsPerAccount, "", "MaxJobsPerAccount"),
    (Limit::MaxSubmitJobsPerUser, "", "QOSMaxSubmitJobPerUserLimit"),
    (Limit::MaxSubmitJobsPerAccount, "", "MaxSubmitJobsPerAccount"),
];

/// What comes before and after the word for the TRES, and what follows `Cpu` and `Node` instead.
const TRES: &[(Limit, [&str; 2], &str, [&str; 2])] = &[
    (Limit::GrpTres, ["AssocGrp", "QOSGrp"], "", ["Limit", "Limit"]),
    (Limit::GrpTresMins, ["AssocGrp", "QOSGrp"], "Minutes", ["MinutesLimit", "Minutes"]),
    (Limit::GrpTresRunMins, ["AssocGrp", "QOSGrp"], "RunMinutes", ["RunMinutesLimit", "RunMinutes"]),
    (Limit::MaxTresPerJob, ["AssocMax", "QOSMax"], "PerJob", ["PerJobLimit", "PerJobLimit"]),
    (Limit::MaxTresMinsPerJob, ["AssocMax", "QOSMax"], "MinutesPerJob", ["MinutesPerJobLimit", "MinutesPerJob"]),
    (Limit::MaxTresPerNode, ["AssocMax", "QOSMax"], "PerNode", ["PerNode", "PerNode"]),
    (Limit::MaxTresPerUser, ["", "QOSMax"], "PerUser", ["PerUserLimit", "PerUserLimit"]),
    (Limit::MaxTresPerAccount, ["", "Max"], "PerAccount", ["PerAccount", "PerAccount"]),
    (Limit::MaxTresRunMinsPerUser, ["", "QOSMax"], "PerUser", ["PerUserLimit", "PerUserLimit"]),
    (Limit::MaxTresRunMinsPerAccount, ["", "Max"], "PerAccount", ["PerAccount", "PerAccount"]),
    (Limit::MinTresPerJob, ["", "QOSMin"], "", ["NotSatisfied", ""]),
];

impl Reason {
    /// What submission says to a partition that there is not.
    pub const NO_PARTITION: &str = "Invalid partition name specified";

    /// The name as squeue shows it (job_reason_codes.shtml; the strings of release 22.05.8). `tres` is the one that the
    /// reason names, if any.
    pub fn name(self, tres: Option<&Tres>) -> String {
        let (level, limit, id) = match self {
            Reason::InvalidAccount | Reason::PartitionAccount => return "InvalidAccount".to_owned(),
            Reason::InvalidQos | Reason::PartitionQos => return "InvalidQOS".to_owned(),
            Reason::PartitionDrained => return "PartitionInactive".to_owned(),
            Reason::PartitionDown => return "PartitionDown".to_owned(),
            // Jobs are refused for these, and never wait.
            Reason::PartitionRootOnly | Reason::PartitionGroup => return "PartitionAccess".to_owned(),
            Reason::PartitionTime => return "PartitionTimeLimit".to_owned(),
            Reason::PartitionNodes => return "PartitionNodeLimit".to_owned(),
            Reason::Limit(level, limit, id) => (level, limit, id),
        };
        if let Some((_, association, qos)) = COUNTS.iter().find(|row| row.0 == limit) {
            return if level == Level::Qos { qos } else { association }.to_string();
        }
        let Some((_, stems, tail, [cpu, node])) = TRES.iter().find(|row| row.0 == limit) else {
            return limit.column().to_owned();
        };
        let tail = match id {
            Some(CPU) => cpu,
            Some(NODE) => node,
            Some(MEM) if limit == Limit::GrpTres => "Limit",
            _ => tail,
        };
        format!("{}{}{tail}", stems[usize::from(level == Level::Qos)], word(level, limit, id, tres))
    }

    /// [`Reason::name`], with the TRES as `state` names it.
    pub fn named(self, state: &State) -> String {
        self.name(if let Reason::Limit(_, _, Some(id)) = self { state.tres.get(&id) } else { None })
    }

    /// What submission says, word for word.
    pub fn refusal(self) -> &'static str {
        match self {
            Reason::InvalidAccount | Reason::PartitionAccount => {
                "Invalid account or account/partition combination specified"
            }
            Reason::InvalidQos | Reason::PartitionQos => "Invalid qos specification",
            Reason::PartitionDrained | Reason::PartitionDown => "Required partition not available (inactive or drain)",
            Reason::PartitionRootOnly => "Access/permission denied",
            Reason::PartitionGroup => "User's group not permitted to use this partition",
            Reason::PartitionTime => "Requested time limit is invalid (missing or exceeds some limit)",
            Reason::PartitionNodes => "Node count specification invalid",
            Reason::Limit(..) => {
                "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
            }
        }
    }
}

/// The word for a TRES; QOS limits other than GrpTRES write memory out.
fn word(level: Level, limit: Limit, id: Option<TresId>, tres: Option<&Tres>) -> &'static str {
    match (id, tres.map(|tres| tres.kind.as_str())) {
        (Some(CPU), _) if matches!(limit, Limit::GrpTresMins | Limit::GrpTresRunMins) => "CPU",
        (Some(CPU), _) => "Cpu",
        (Some(MEM), _) if level == Level::Qos && limit != Limit::GrpTres => "Memory",
        (Some(MEM), _) => "Mem",
        (Some(NODE), _) if limit == Limit::MaxTresPerNode => "Unknown",
        (Some(NODE), _) => "Node",
        (_, Some("gres")) => "GRES",
        (_, Some("billing")) => "Billing",
        (_, Some("energy")) => "Energy",
        (_, Some("license")) => "License",
        (_, Some("bb")) => "BB",
        _ => "Unknown",
    }
}
