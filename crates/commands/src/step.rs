//! [`StepFacts`]: a live step, as listings show it.

use crate::job::{JobFacts, limit};
use crate::sacct::units::Convert;
use crate::tres;
use scheduling::id::JobId;
use scheduling::step::{LiveStep, StepLayout};
use slurm::admission::Amounts;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::records::StepId;
use words::text::hostlist;

/// A step of a job.
#[derive(Clone, Copy)]
pub struct StepFacts<'a> {
    /// Its job.
    pub job: &'a JobFacts<'a>,
    /// The step.
    pub step: &'a LiveStep,
}

/// `JOB.STEP`; the error is a text that is none.
pub fn of_job(text: &str) -> Option<(JobId, StepId)> {
    let (job, step) = text.split_once('.')?;
    let job = job.parse::<u32>().ok().filter(|job| *job > 0)?;
    Some((JobId(job), step.parse().ok()?))
}

impl StepFacts<'_> {
    /// `JOB.STEP`, with the index of a task.
    pub fn number(&self) -> String {
        format!("{}.{}", self.job.number(), self.step.id)
    }

    /// Its nodes.
    pub fn nodes(&self) -> String {
        hostlist::compress(self.step.shares.iter().map(|share| share.node.as_str()))
    }

    /// Seconds since its start.
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.job.now() - self.step.start).unwrap_or(0)
    }

    /// CPUs that it has.
    pub fn cpus(&self) -> u64 {
        self.step.shares.iter().map(|share| u64::from(share.cpus.count())).sum()
    }

    /// `scontrol show step`, line by line.
    pub fn lines(&self) -> Vec<String> {
        let step = self.step;
        let minutes = step.request.minutes.filter(|minutes| *minutes != u32::MAX);
        let memory: u64 = step.shares.iter().map(|share| share.memory).sum();
        let nodes = step.shares.len() as u64;
        let amounts = Amounts::from([(CPU, self.cpus()), (MEM, memory), (NODE, nodes)]);
        let state = if step.is_stopped { "COMPLETING" } else { "RUNNING" };
        vec![
            format!(
                "StepId={} UserId={} StartTime={} TimeLimit={}",
                self.number(),
                step.uid,
                self.job.shown(Some(step.start), "Unknown"),
                limit_of(minutes)
            ),
            format!("State={state} Partition={} NodeList={}", self.job.partition(), self.nodes()),
            format!(
                "Nodes={nodes} CPUs={} Tasks={} Name={} Network=(null)",
                self.cpus(),
                step.tasks(),
                step.request.name
            ),
            format!("TRES={}", tres::list(self.job.cluster.accounts, &amounts, Convert::Exact)),
            "ResvPorts=(null)".to_owned(),
            format!("CPUFreqReq=Default Dist={}", self.layout()),
            "SrunHost:Pid=N/A".to_owned(),
        ]
    }

    fn layout(&self) -> String {
        match self.step.request.layout {
            StepLayout::Usual if self.step.tasks() as usize > self.step.shares.len() => "Block".to_owned(),
            StepLayout::Usual | StepLayout::Cyclic => "Cyclic".to_owned(),
            StepLayout::Block => "Block".to_owned(),
            StepLayout::Plane(count) => format!("Plane={count}"),
        }
    }
}

/// `scontrol show step` of a job's script, line by line. It has what its job has, and no limit of its own.
pub fn script_lines(job: &JobFacts) -> Vec<String> {
    let host = job.host().map(ToString::to_string).unwrap_or_default();
    vec![
        format!(
            "StepId={}.{} UserId={} StartTime={} TimeLimit=UNLIMITED",
            job.number(),
            StepId::Batch,
            job.job.submission.user.uid,
            job.shown(job.start(), "Unknown")
        ),
        format!("State=RUNNING Partition={} NodeList={host}", job.partition()),
        format!("Nodes=1 CPUs=0 Tasks=1 Name={} Network=(null)", StepId::Batch),
        "TRES=(null)".to_owned(),
        "ResvPorts=(null)".to_owned(),
        "CPUFreqReq=Default".to_owned(),
        "SrunHost:Pid=(null):0".to_owned(),
    ]
}

/// A step's own limit is without parts of days alone.
fn limit_of(minutes: Option<u32>) -> String {
    let Some(minutes) = minutes else { return limit(None) };
    words::text::duration::format_seconds(u64::from(minutes) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_steps() {
        assert_eq!(of_job("17.3"), Some((JobId(17), StepId::Number(3))));
        assert_eq!(of_job("17.batch"), Some((JobId(17), StepId::Batch)));
        assert!(["17", "0.1", "x.1", "17.", "17.+1", "17.x"].iter().all(|text| of_job(text).is_none()));
    }
}
