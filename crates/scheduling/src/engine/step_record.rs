//! What the accounting keeps of a step: the lines that `sacct` shows below those of jobs.

use super::{Core, Present};
use crate::demand::add_gres;
use crate::job::{Allocation, LiveJob};
use crate::step::{LiveStep, StepLayout};
use slurm::State;
use slurm::admission::Amounts;
use slurm::model::TresId;
use slurm::model::tres::{CPU, DISK, MEM, NODE};
use slurm::records::{JobState, Step, StepDetails, TresCounts, Usage};
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
        let record = Step {
            state: ending.map_or(JobState::Cancelled, |it| it.state),
            cancelled_by: ending.and_then(|it| it.cancelled_by),
            exit: ending.map(|it| it.exit).unwrap_or_default(),
            end: Some(ending.map_or(present.now, |it| it.at)),
            user_cpu: sum(|used| used.user_cpu),
            system_cpu: sum(|used| used.system_cpu),
            details: StepDetails { usage_in: usage_in(step), usage_out: usage_out(step), ..begun.details },
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
        state: JobState::Running,
        start: Some(step.start),
        node_count: u32::try_from(step.shares.len()).unwrap_or(u32::MAX),
        nodes: hostlist::compress(step.shares.iter().map(|share| share.node.as_str())),
        tasks: step.tasks(),
        tres_allocated: allocated(accounts, allocation, step),
        details: StepDetails { layout: layout.to_owned(), ..StepDetails::default() },
        ..Step::default()
    }
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

/// CPU time in seconds, memory, bytes read.
fn usage_in(step: &LiveStep) -> Usage {
    usage(step, |used| {
        let cpu = used.user_cpu.map(|user| (user + used.system_cpu.unwrap_or(0)) / 1000);
        [(CPU, cpu), (MEM, used.peak_memory), (DISK, used.read)]
    })
}

fn usage_out(step: &LiveStep) -> Usage {
    usage(step, |used| [(DISK, used.written)])
}

/// What was measured is of nodes: the most and the least of a task are those of its node, the average is over tasks.
fn usage<const N: usize>(step: &LiveStep, of: impl Fn(&crate::step::RunUsage) -> [(TresId, Option<u64>); N]) -> Usage {
    let mut all: Vec<(TresId, u64, u32)> = Vec::new();
    for (at, used) in &step.used {
        all.extend(of(used).into_iter().filter_map(|(tres, count)| Some((tres, count?, *at))));
    }
    let kinds: std::collections::BTreeSet<TresId> = all.iter().map(|(tres, ..)| *tres).collect();
    let share = |at: u32| step.shares.get(at as usize);
    let node = |at: u32| share(at).map_or_else(String::new, |share| share.node.to_string());
    let task = |at: u32| share(at).and_then(|share| share.ranks.first()).copied().unwrap_or(0);
    let mut usage = Usage::default();
    let (mut average, mut max, mut min, mut total) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut max_task, mut min_task) = (Vec::new(), Vec::new());
    for kind in kinds {
        let of_kind = || all.iter().filter(|(tres, ..)| *tres == kind);
        let sum: u64 = of_kind().map(|(_, count, _)| count).sum();
        let tasks: usize = of_kind().filter_map(|(.., at)| share(*at)).map(|share| share.ranks.len()).sum();
        let (most, least) = (of_kind().max_by_key(|it| it.1), of_kind().min_by_key(|it| it.1));
        let (Some((_, most, most_at)), Some((_, least, least_at))) = (most, least) else { continue };
        average.push((kind, sum / tasks.max(1) as u64));
        max.push((kind, *most));
        min.push((kind, *least));
        total.push((kind, sum));
        max_task.push((kind, u64::from(task(*most_at))));
        min_task.push((kind, u64::from(task(*least_at))));
        usage.max_node.insert(kind, node(*most_at));
        usage.min_node.insert(kind, node(*least_at));
    }
    let counts = |of: Vec<(TresId, u64)>| of.into_iter().collect::<TresCounts>();
    Usage {
        average: counts(average),
        max: counts(max),
        max_task: counts(max_task),
        min: counts(min),
        min_task: counts(min_task),
        total: counts(total),
        ..usage
    }
}
