//! What the accounting keeps of a step: the lines that `sacct` shows below those of jobs.

use super::{Core, Present};
use crate::demand::add_gres;
use crate::id::Time;
use crate::job::{Allocation, LiveJob};
use crate::step::{LiveStep, StepLayout};
use slurm::State;
use slurm::admission::Amounts;
use slurm::model::tres::{CPU, MEM, NODE};
use slurm::records::{JobState, Step, StepDetails, TresCounts};
use words::text::hostlist;

impl Core {
    /// Notes what the records have to say of a step; one that is gone has ended.
    pub(super) fn note_step(&mut self, present: Present, job: &LiveJob, allocation: &Allocation, step: &LiveStep) {
        if step.is_gone() || job.is_completing() {
            return self.note_ended_step(present, job, allocation, step);
        }
        let record = begun(present.accounts, allocation, step);
        self.step_records.insert((job.id, job.submit, step.id), record);
    }

    /// … of a step that has ended, also where a node still cleans up behind it.
    pub(super) fn note_ended_step(
        &mut self,
        present: Present,
        job: &LiveJob,
        allocation: &Allocation,
        step: &LiveStep,
    ) {
        let begun = begun(present.accounts, allocation, step);
        let ending = step.ending.as_ref();
        let sum =
            |of: fn(&crate::step::RunUsage) -> Option<u64>| step.used.iter().filter_map(|(_, used)| of(used)).sum();
        let (usage_in, usage_out) = step.usage(&step.used);
        let record = Step {
            state: ending.map_or(JobState::Cancelled, |it| it.state),
            cancelled_by: ending.and_then(|it| it.cancelled_by),
            exit: ending.map(|it| it.exit).unwrap_or_default(),
            end: Some(ending.map_or(present.now, |it| it.at)),
            suspended: rested(allocation, step, ending.map_or(present.now, |it| it.at)),
            user_cpu: sum(|used| used.user_cpu),
            system_cpu: sum(|used| used.system_cpu),
            details: StepDetails { usage_in, usage_out, ..begun.details },
            ..begun
        };
        self.step_records.insert((job.id, job.submit, step.id), record);
    }
}

fn begun(accounts: &State, allocation: &Allocation, step: &LiveStep) -> Step {
    let layout = match step.request.layout {
        StepLayout::Usual if step.tasks() as usize > step.shares.len() => "Block",
        StepLayout::Block => "Block",
        StepLayout::Usual | StepLayout::Cyclic => "Cyclic",
        StepLayout::Plane(_) => "Plane",
    };
    Step {
        id: step.id,
        name: step.request.name.clone(),
        state: if allocation.suspended.since.is_some() { JobState::Suspended } else { JobState::Running },
        start: Some(step.start),
        suspended: step.suspended.max(0).unsigned_abs(),
        node_count: u32::try_from(step.shares.len()).unwrap_or(u32::MAX),
        nodes: hostlist::compress(step.shares.iter().map(|share| share.node.as_str())),
        tasks: step.tasks(),
        tres_allocated: allocated(accounts, allocation, step),
        details: StepDetails { layout: layout.to_owned(), ..StepDetails::default() },
        ..Step::default()
    }
}

/// Seconds for which a step stood still with its job, up to a time.
fn rested(allocation: &Allocation, step: &LiveStep, at: Time) -> u64 {
    let now = allocation.suspended.since.map_or(0, |since| at.saturating_sub(since.max(step.start)).max(0));
    step.suspended.saturating_add(now).max(0).unsigned_abs()
}

/// What it has; memory that is not limited is the job's.
fn allocated(accounts: &State, allocation: &Allocation, step: &LiveStep) -> TresCounts {
    let cpus = step.shares.iter().map(|share| u64::from(share.cpus.count())).sum();
    let of_job = |node| allocation.shares.iter().find(|share| share.node == node).map_or(0, |share| share.memory);
    let each = step.shares.iter().map(|share| match share.memory {
        0 => of_job(share.node.clone()),
        own => own,
    });
    let mut amounts = Amounts::from([(CPU, cpus), (MEM, each.sum()), (NODE, step.shares.len() as u64)]);
    for gres in step.shares.iter().flat_map(|share| &share.gres) {
        add_gres(&mut amounts, accounts, &gres.name, gres.kind.as_deref(), u64::from(gres.devices.count()));
    }
    amounts.iter().filter(|(_, count)| **count > 0).map(|(id, count)| (*id, *count)).collect()
}
