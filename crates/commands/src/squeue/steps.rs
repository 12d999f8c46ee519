//! `squeue -s`: the fields of steps (squeue(1), "--format", those "valid for job steps").

use crate::job::{JobFacts, clock};
use crate::layout::{Field, Listed};
use crate::step::StepFacts;
use scheduling::id::NodeName;
use scheduling::step::LiveStep;
use slurm::records::StepId;

/// How steps are listed where nobody says.
pub const USUAL: &str = "%.15i %.8j %.9P %.8u %.9M %N";

/// A listing of steps.
pub struct Steps;

/// A row: a step that `srun` started, or else the job's script.
pub struct StepRow<'a> {
    job: &'a JobFacts<'a>,
    step: Option<&'a LiveStep>,
}

impl Listed for Steps {
    type Row<'a> = StepRow<'a>;
}

/// The steps of a job that runs, its script last.
pub fn rows<'a>(job: &'a JobFacts<'a>) -> impl Iterator<Item = StepRow<'a>> {
    let started = job.job.steps().iter().map(move |step| StepRow { job, step: Some(step) });
    started.chain(job.is_batch().then_some(StepRow { job, step: None }))
}

impl StepRow<'_> {
    fn facts(&self) -> Option<StepFacts<'_>> {
        self.step.map(|step| StepFacts { job: self.job, step })
    }

    fn number(&self) -> String {
        self.facts().map_or_else(|| format!("{}.{}", self.job.number(), StepId::Batch), |facts| facts.number())
    }

    fn name(&self) -> String {
        self.step.map_or_else(|| StepId::Batch.to_string(), |step| step.request.name.clone())
    }

    fn nodes(&self) -> String {
        let host = || self.job.host().map(NodeName::to_string).unwrap_or_default();
        self.facts().map_or_else(host, |facts| facts.nodes())
    }

    fn elapsed(&self) -> u64 {
        self.facts().map_or_else(|| self.job.elapsed(), |facts| facts.elapsed())
    }

    fn tasks(&self) -> u32 {
        self.step.map_or(1, LiveStep::tasks)
    }

    fn begin(&self) -> String {
        self.job.shown(self.step.map(|step| step.start).or_else(|| self.job.start()), "N/A")
    }
}

/// All of them.
pub static FIELDS: &[Field<Steps>] = &[
    Field { name: "NumTasks", letter: 'A', header: "TASKS", cell: |it| it.tasks().to_string() },
    Field { name: "StepID", letter: 'i', header: "STEPID", cell: |it| it.number() },
    Field { name: "StepName", letter: 'j', header: "NAME", cell: |it| it.name() },
    Field { name: "TimeUsed", letter: 'M', header: "TIME", cell: |it| clock(it.elapsed()) },
    Field { name: "Nodes", letter: 'N', header: "NODELIST", cell: |it| it.nodes() },
    Field { name: "Partition", letter: 'P', header: "PARTITION", cell: |it| it.job.partition() },
    Field { name: "StartTime", letter: 'S', header: "START_TIME", cell: |it| it.begin() },
    Field { name: "UserID", letter: 'U', header: "UID", cell: |it| it.job.job.submission.user.uid.to_string() },
    Field { name: "UserName", letter: 'u', header: "USER", cell: |it| it.job.job.submission.user.name.clone() },
];
