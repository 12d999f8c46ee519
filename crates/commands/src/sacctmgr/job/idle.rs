//! What may be removed: associations and QOS for which no job runs or waits. slurmdbd refuses to take away others.

use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::qos_name;
use slurm::State;
use slurm::model::{AssociationId, QosId};
use slurm::records::{Job, JobState, Scan};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Associations without running, waiting or suspended jobs: only such are taken away.
pub struct Idle(BTreeSet<AssociationId>);

impl Idle {
    /// Which they are.
    pub fn ids(&self) -> &BTreeSet<AssociationId> {
        &self.0
    }
}

/// Refuses associations that jobs still need, naming the jobs as slurmdbd does.
pub fn idle(session: &mut Session, ids: BTreeSet<AssociationId>) -> Done<Idle> {
    let clusters = ids.iter().filter_map(|id| session.state.association(*id)).map(|row| row.key.cluster.clone());
    let active = active(session, clusters.collect(), &|job| job.association.is_some_and(|id| ids.contains(&id)))?;
    if active.is_empty() {
        return Ok(Idle(ids));
    }
    let lines: Vec<_> = active.iter().map(|job| format!("  {}", told(session.state, job))).collect();
    session.refuse(format!("{ACTIVE}{}", lines.join("\n")))
}

/// Refuses QOS that jobs still need, as slurmdbd does since release 25.11 (`as_mysql_remove_qos`); it names one job of each
/// cluster, and all are named here.
pub fn qos_is_idle(session: &mut Session, ids: &[QosId]) -> Done {
    let clusters = session.state.cluster_names().into_iter().collect();
    let active = active(session, clusters, &|job| job.qos.is_some_and(|id| ids.contains(&id)))?;
    if active.is_empty() {
        return Ok(());
    }
    let name = |job: &Job| job.qos.map_or_else(String::new, |id| qos_name(session.state, id));
    let line = |job: &Job| format!(" {} Q = {:<9}", told(session.state, job), name(job));
    let lines: Vec<_> = active.iter().map(line).collect();
    session.refuse(format!("{ACTIVE}{}", lines.join("\n")))
}

const ACTIVE: &str = " Error with request: Job(s) active, cancel job(s) before remove\n";

fn active(session: &mut Session, clusters: BTreeSet<String>, needs: &dyn Fn(&Job) -> bool) -> Done<Vec<Job>> {
    if clusters.is_empty() {
        return Ok(Vec::new());
    }
    // Only jobs without an end have not ended by the end of time.
    let scan = Scan { clusters: clusters.into_iter().collect(), ended_from: Some(i64::MAX), ..Scan::default() };
    let mut found = Vec::new();
    let mut see = |job: Job| {
        let waits_or_runs = matches!(job.state, JobState::Pending | JobState::Running | JobState::Suspended);
        if waits_or_runs && job.end.is_none() && needs(&job) {
            found.push(job);
        }
        ControlFlow::Continue(())
    };
    if let Err(error) = session.world.jobs(&scan, &mut see) {
        return session.refuse(format!("sacctmgr: error: {error}"));
    }
    found.sort_by(|a, b| (&a.cluster, a.job_id).cmp(&(&b.cluster, b.job_id)));
    Ok(found)
}

/// The account, user and partition are the association's, as in slurmdbd.
fn told(state: &State, job: &Job) -> String {
    let Some(key) = job.association.and_then(|id| state.association(id)).map(|row| &row.key) else {
        return String::new();
    };
    let line =
        format!("JobID = {:<10} C = {:<10} A = {:<10} U = {:<9}", job.job_id, key.cluster, key.account, key.user);
    if key.partition.is_empty() { line } else { format!("{line} P = {}", key.partition) }
}
