//! `scontrol show step`.

use super::{Format, Said, show_others};
use crate::cluster::Cluster;
use crate::job::{JobFacts, TASKS_SHOWN};
use crate::sacct::units::Convert;
use crate::step::{StepFacts, script_lines};
use scheduling::event::Denial;
use scheduling::id::JobId;
use scheduling::job::LiveJob;
use slurm::privacy::View;
use slurm::records::{JobState, StepId};

/// Steps that run, scripts among them: of a job, one, or all; the error is what scontrol says where there is none.
pub fn show(cluster: &Cluster, format: &Format, which: Option<&str>) -> Result<String, Said> {
    let view = View::new(cluster.accounts, cluster.caller, cluster.settings);
    let sees = |job: &&LiveJob| view.job(&job.account, &job.submission.user.name);
    let none = |text: String| Said { code: 1, ..Said::told(text) };
    let Some(text) = which else {
        let all: String =
            cluster.core.live().jobs.values().filter(sees).map(|job| of_job(cluster, format, job, None)).collect();
        return if all.is_empty() { Err(none("No job steps in the system\n".to_owned())) } else { Ok(all) };
    };
    let (id, step) = text.split_once('.').map_or((text, None), |(id, step)| (id, Some(step)));
    let job = id.parse().ok().and_then(|id| cluster.core.job(JobId(id))).filter(sees);
    let Some(job) = job else {
        return Err(Said::failed(&format!("slurm_get_job_steps error: {}\n", Denial::InvalidJob)));
    };
    let shown = match step.map(str::parse).transpose() {
        Ok(step) => of_job(cluster, format, job, step),
        Err(_) => String::new(),
    };
    if shown.is_empty() { Err(none(format!("Job step {text} not found\n"))) } else { Ok(shown) }
}

fn of_job(cluster: &Cluster, format: &Format, job: &LiveJob, which: Option<StepId>) -> String {
    let facts =
        JobFacts { cluster: *cluster, job, times: &format.times, convert: Convert::Exact, tasks_shown: TASKS_SHOWN };
    let is_wanted = |id: StepId| which.is_none_or(|which| which == id);
    let started = job.steps().iter().filter(|step| is_wanted(step.id));
    let mut shown: String =
        started.map(|step| show_others::joined(&StepFacts { job: &facts, step }.lines(), format)).collect();
    let has_script = facts.is_batch() && matches!(facts.state(), JobState::Running | JobState::Suspended);
    if has_script && is_wanted(StepId::Batch) {
        shown += &show_others::joined(&script_lines(&facts), format);
    }
    shown
}
