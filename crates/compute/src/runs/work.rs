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

/// So many steps of a job may be on a node at a time: each has a process of root's that watches it.
const MOST_STEPS: usize = 512;

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
        steps_beside: 0,
        private: private(site, part),
        launch,
    })
}

/// A step that is to start in a run. The error says what of it is not the run's, or cannot be.
pub fn of_step(site: &Site, part: Part, run: &RunDirectory, step: StepLaunch) -> Result<Work, String> {
    let unread = |error| format!("its job's record cannot be read: {error}");
    let beside = run.steps().map_err(unread)?.len();
    if beside >= MOST_STEPS {
        return Err(format!("the job has {beside} steps on {} already, and no more at a time", site.node));
    }
    let mut run = run.work().map_err(unread)?;
    check(&run, &step)?;
    // What the script was sent is not its steps', and need not be kept once for each.
    run.launch.batch.iter_mut().for_each(|batch| {
        batch.environment.clear();
        batch.arguments.clear();
    });
    let Site { inventory, .. } = site;
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
        steps_beside: beside,
        gpus: inventory.gpu_numbers(&share.gres),
        step: Some(step),
        ..run
    })
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
