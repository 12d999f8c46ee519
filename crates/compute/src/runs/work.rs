//! What a run or step may have on this node, by the master's word and, for a step, within what its run has.

use super::Site;
use crate::cgroup::{Limits, RunGroup};
use crate::directory::{Part, RunDirectory, WholeRun, Work};
use crate::private::PrivatePlace;
use crate::protocol::{Launch, StepLaunch};
use scheduling::units::Units;

/// Processes and threads that a run may have for each of its CPUs, and the least that any may have: far more than
/// programs have, far less than a kernel can.
const PROCESSES_PER_CPU: u32 = 1024;
const FEWEST_PROCESSES: u32 = 4096;

/// What steps keep of what was not read is a node's memory, and no job's: so many bytes for one step, and for all steps of a node's
/// jobs together half as many as they may come to.
const OF_A_STEP: usize = 256 << 20;
const OF_A_NODE: usize = 1 << 30;

const MEGABYTE: u64 = 1024 * 1024;

/// All control groups of a run, or those of a step.
pub fn group(site: &Site, part: Part) -> RunGroup {
    let run = site.layer.run(&format!("job_{}", Part::from(part.run)));
    part.step.map_or(run.clone(), |step| run.below(&format!("step_{step}")))
}

/// The directories that a run has for itself, where jobs have some.
pub fn private(site: &Site, part: Part) -> Option<PrivatePlace> {
    let directories = site.private.as_ref()?;
    Some(directories.of_run(site.node.as_str(), &Part::from(part.run).to_string()))
}

/// A run that is to start. The error says which of its devices is none.
pub fn of_run(site: &Site, part: Part, launch: Launch) -> Result<Work, String> {
    let Site { node, boot, inventory, layer, .. } = site;
    let share = &launch.share;
    let hides_gpus = layer.holds().contains(&"devices");
    let whole = group(site, part);
    let limits = Limits {
        cpus: inventory.real_cpus(&share.cpus),
        memory: share.memory.saturating_mul(MEGABYTE),
        processes: FEWEST_PROCESSES.max(share.cpus.count().saturating_mul(PROCESSES_PER_CPU)),
        denied: if hides_gpus { inventory.denied(&share.gres)? } else { Vec::new() },
    };
    Ok(Work {
        job: part.run.0,
        attempt: part.run.1,
        node: node.clone(),
        boot: *boot,
        step: None,
        script: None,
        group: whole.below("batch"),
        // Beside steps the script may have all; that it ran out of memory is counted where the limit is.
        limits: Limits { memory: limits.memory, ..Limits::default() },
        whole: Some(WholeRun { group: whole, limits }),
        gpus: inventory.gpu_numbers(&share.gres),
        hides_gpus,
        room: 0,
        private: private(site, part),
        launch,
    })
}

/// A step that is to start in a run. The error says what of it is not the run's, or cannot be.
pub fn of_step(site: &Site, part: Part, run: &RunDirectory, step: StepLaunch) -> Result<Work, String> {
    let unread = |error| format!("its job's record cannot be read: {error}");
    let beside = run.steps().map_err(unread)?.len();
    let mut run = run.work().map_err(unread)?;
    check(&run, &step)?;
    // What the script was sent is not its steps', and need not be kept once for each.
    run.launch.batch.iter_mut().for_each(|batch| {
        batch.environment.clear();
        batch.arguments.clear();
    });
    let Site { inventory, .. } = site;
    let room = room(run.launch.share.cpus.count(), inventory.cpus.len(), beside + 1);
    let share = &step.share;
    let memory = if share.memory == 0 { run.launch.share.memory } else { share.memory };
    let limits = Limits {
        cpus: inventory.real_cpus(&share.cpus),
        memory: memory.saturating_mul(MEGABYTE),
        processes: 0,
        denied: if run.hides_gpus { inventory.denied(&share.gres)? } else { Vec::new() },
    };
    Ok(Work {
        group: group(site, part),
        limits,
        whole: None,
        script: None,
        room,
        gpus: inventory.gpu_numbers(&share.gres),
        step: Some(step),
        ..run
    })
}

/// What a step keeps of what was not read: its job's part of the node's, by the square of how many steps the job has there, so that all
/// of them come to twice that part at the most.
fn room(job_cpus: u32, node_cpus: usize, steps: usize) -> usize {
    let steps = steps.clamp(1, 1 << 12);
    let of_job = OF_A_NODE / node_cpus.max(1) * (job_cpus as usize).min(node_cpus).max(1);
    of_job.min(OF_A_STEP) / (steps * steps)
}

/// A step has nothing that its run has not.
fn check(run: &Work, step: &StepLaunch) -> Result<(), String> {
    let (of_run, of_step) = (&run.launch.share, &step.share);
    let is_within = |inner: &Units, outer: &Units| inner.iter().all(|unit| outer.contains(unit));
    let has = |gres: &scheduling::job::GresShare| {
        let alike = of_run.gres.iter().filter(|it| (&it.name, &it.kind) == (&gres.name, &gres.kind));
        alike.into_iter().any(|it| is_within(&gres.devices, &it.devices))
    };
    let what = if of_step.node != run.node {
        format!("it is for {}", of_step.node)
    } else if of_step.ranks.is_empty() {
        "it has no task here".to_owned()
    } else if !is_within(&of_step.cpus, &of_run.cpus) {
        format!("it is given CPUs {}, where its job has {}", of_step.cpus, of_run.cpus)
    } else if of_run.memory > 0 && of_step.memory > of_run.memory {
        format!("it is given {} MB of memory, where its job has {}", of_step.memory, of_run.memory)
    } else if let Some(gres) = of_step.gres.iter().find(|gres| !has(gres)) {
        format!("it is given devices of {} that its job has not", gres.name)
    } else {
        return Ok(());
    };
    Err(format!("the step is refused on {}: {what}", run.node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_of_all_jobs_keep_no_more_than_twice_the_nodes_part() {
        assert_eq!((room(64, 64, 1), room(1, 128, 1), room(64, 64, 2)), (OF_A_STEP, OF_A_NODE / 128, OF_A_STEP / 4));
        let of_one_job: usize = (1..=2000).map(|steps| room(1, 128, steps)).sum();
        assert!(128 * of_one_job <= 2 * OF_A_NODE, "{of_one_job}");
    }
}
