//! `scontrol show step`.

use super::{Format, show_others};
use crate::cluster::Cluster;
use crate::job::JobFacts;
use crate::sacct::units::Convert;
use crate::step::StepFacts;
use scheduling::id::JobId;
use scheduling::job::LiveJob;
use slurm::privacy::View;
use slurm::records::StepId;

/// Steps that run: of a job, one, or all; the error is what scontrol says where there is none.
pub fn show(cluster: &Cluster, format: &Format, which: Option<&str>) -> Result<String, String> {
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let sees = |job: &&LiveJob| view.job(&job.account, &job.submission.user.name);
    let jobs = cluster.core.live().jobs.values().filter(sees);
    let Some(text) = which else {
        let all: String = jobs.map(|job| of_job(cluster, format, job, None)).collect();
        return if all.is_empty() { Err("No job steps in the system\n".to_owned()) } else { Ok(all) };
    };
    let (id, step) = text.split_once('.').map_or((text, None), |(id, step)| (id, Some(step)));
    let job = id.parse().ok().and_then(|id| cluster.core.job(JobId(id))).filter(sees);
    let shown = match (job, step.map(str::parse).transpose()) {
        (Some(job), Ok(step)) => of_job(cluster, format, job, step),
        _ => String::new(),
    };
    if shown.is_empty() { Err(format!("Job step {text} not found\n")) } else { Ok(shown) }
}

fn of_job(cluster: &Cluster, format: &Format, job: &LiveJob, which: Option<StepId>) -> String {
    let facts = JobFacts { cluster: *cluster, job, times: &format.times, convert: Convert::Exact };
    let wanted = job.steps().iter().filter(|step| which.is_none_or(|which| which == step.id));
    wanted.map(|step| show_others::joined(&StepFacts { job: &facts, step }.lines(), format)).collect()
}
