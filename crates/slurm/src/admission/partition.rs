//! What the partition itself says to a job (slurm.conf(5), "PARTITION CONFIGURATION"; tests/cases/admission has the order).

use super::checks::Place;
use super::{Job, Reason};
use crate::model::qos::QosFlag;
use crate::model::tres::NODE;
use crate::settings::PartitionState::{Down, Drain, Inactive};

/// Whether jobs are taken at all.
pub(super) fn takes_jobs(job: &Job) -> Result<(), Reason> {
    match job.partition.state {
        Drain | Inactive => Err(Reason::PartitionDrained),
        _ => Ok(()),
    }
}

/// Whether this user may submit there: root may everywhere.
pub(super) fn lets_in(job: &Job) -> Result<(), Reason> {
    if job.user == "root" {
        return Ok(());
    }
    if job.partition.root_only {
        return Err(Reason::PartitionRootOnly);
    }
    match &job.partition.groups {
        Some(groups) if !groups.iter().any(|group| job.groups.contains(group)) => Err(Reason::PartitionGroup),
        _ => Ok(()),
    }
}

/// Whether jobs start there at all.
pub(super) fn starts_jobs(job: &Job) -> Result<(), Reason> {
    match job.partition.state {
        Down | Inactive => Err(Reason::PartitionDown),
        _ => Ok(()),
    }
}

/// Its limits of nodes and time, which a QOS may lift (qos.shtml, "PartitionMaxNodes" and its like).
pub(super) fn fits(place: Option<&Place>, job: &Job) -> Result<(), Reason> {
    let lifts = |flag| place.is_some_and(|place| place.has_flag(flag));
    let (partition, nodes) = (job.partition, job.tres.get(NODE).unwrap_or(0));
    if nodes < partition.min_nodes && !lifts(QosFlag::PartitionMinNodes)
        || partition.max_nodes.is_some_and(|most| nodes > most) && !lifts(QosFlag::PartitionMaxNodes)
    {
        return Err(Reason::PartitionNodes);
    }
    if partition.max_minutes.is_some_and(|most| job.minutes > most) && !lifts(QosFlag::PartitionTimeLimit) {
        Err(Reason::PartitionTime)
    } else {
        Ok(())
    }
}

/// Its lists of QOS and accounts. A job without an association has neither, so nothing is held against it.
pub(super) fn admits(place: Option<&Place>, job: &Job) -> Result<(), Reason> {
    let Some(place) = place else { return Ok(()) };
    if !place.qos_name().is_some_and(|qos| job.partition.job_qos.admits(qos)) {
        return Err(Reason::PartitionQos);
    }
    if job.partition.accounts.admits(place.account()) { Ok(()) } else { Err(Reason::PartitionAccount) }
}

/// What squeue shows of a job that waits, in the words of the partition.
pub(super) fn words(reason: Reason, place: &Place, job: &Job) -> Option<String> {
    let (partition, name) = (job.partition, &job.partition.name);
    let (what, denial) = match reason {
        Reason::PartitionAccount => ("account", partition.accounts.denial(name, place.account())),
        Reason::PartitionQos => ("QOS", partition.job_qos.denial(name, place.qos_name().unwrap_or_default())),
        _ => return None,
    };
    Some(format!("Job's {what} not permitted to use this partition ({denial})"))
}
