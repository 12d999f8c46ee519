//! From options to a [`Demand`]: how tasks, nodes and devices that were said or not said make one another.

use super::options::Options;
use super::{Stop, complaint};
use scheduling::demand::{Demand, GresDemand, MemoryDemand};

/// The demand, and what is worth saying about it.
pub fn demand(options: &Options) -> Result<(Demand, Vec<String>), Stop> {
    let mut notes = Vec::new();
    let (mut least, mut most) = nodes(options);
    if let Some(tasks) = options.ntasks.filter(|tasks| *tasks < least && options.nodes.is_some()) {
        notes.push(format!("Warning: can't run {tasks} processes on {least} nodes, setting nnodes to {tasks}"));
        least = tasks;
        most = most.map(|most| most.max(1).min(tasks));
    }
    if options.mincpus > options.cpus_per_task.or(Some(1)) {
        return Err(complaint(1, "--mincpus: say --cpus-per-task or --ntasks-per-node instead"));
    }
    let per_node = options.ntasks_per_node.unwrap_or(1);
    if options.ntasks_per_node.is_some() && options.ntasks.is_none() {
        // So many tasks on each node, and not one node more.
        most = most.or(Some(least));
    }
    let mut demand = Demand {
        min_nodes: least,
        max_nodes: most,
        tasks: options.ntasks.unwrap_or_else(|| per_node.saturating_mul(least)),
        tasks_per_node: options.ntasks_per_node,
        cpus_per_task: options.cpus_per_task.unwrap_or(1),
        memory: memory(options)?,
        gres: options.gres.clone(),
        exclusive: options.exclusive,
        required: options.nodelist.clone(),
        excluded: options.exclude.clone(),
        features: options.constraint.clone(),
        licenses: options.licenses.clone(),
    };
    demand.gres.extend(options.gpus_per_node.iter().cloned());
    add_gpus_of_tasks(options, &mut demand)?;
    add_gpus(options, &mut demand)?;
    demand.memory = of_gpus(options, &demand)?.unwrap_or(demand.memory);
    Ok((demand, notes))
}

/// Least and most nodes; nodes that must be there are counted.
fn nodes(options: &Options) -> (u32, Option<u32>) {
    let named = u32::try_from(options.nodelist.len()).unwrap_or(u32::MAX);
    match options.nodes {
        None => (named.max(1), None),
        Some((0, _)) => (named.max(1), None),
        Some((least, most)) => (least.max(named), Some(most.max(named))),
    }
}

fn memory(options: &Options) -> Result<MemoryDemand, Stop> {
    let said = [options.mem, options.mem_per_cpu, options.mem_per_gpu];
    if said.iter().flatten().count() > 1 {
        let text = "sbatch: fatal: --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.\n";
        return Err(Stop::said(1, text.to_owned()));
    }
    Ok(match (options.mem, options.mem_per_cpu) {
        (Some(0), _) | (_, Some(0)) => MemoryDemand::Whole,
        (Some(each), _) => MemoryDemand::PerNode(each),
        (_, Some(each)) => MemoryDemand::PerCpu(each),
        (None, None) => MemoryDemand::Unsaid,
    })
}

/// `--gpus-per-task`: as many as the tasks of a node have. Where nodes are not told apart, all are on one.
fn add_gpus_of_tasks(options: &Options, demand: &mut Demand) -> Result<(), Stop> {
    let Some(each) = &options.gpus_per_task else { return Ok(()) };
    if options.ntasks.is_none() && options.gpus.is_none() && options.ntasks_per_node.is_none() {
        let why =
            "Failed to validate job spec. --gpus-per-task used without either --gpus or -n/--ntasks is not allowed.";
        return Err(super::lines(1, &[why, super::values::BAD_GRES]));
    }
    if options.gpus.is_some() {
        return Err(complaint(1, "--gpus-per-task with --gpus: say --ntasks and --gpus-per-task"));
    }
    let tasks = match (options.ntasks_per_node, even(demand.tasks, demand)) {
        (Some(per_node), _) => per_node,
        (None, Some(per_node)) => per_node,
        (None, None) => return Err(complaint(1, "--gpus-per-task: say --ntasks-per-node too")),
    };
    stay(demand);
    let more = |gres: &GresDemand| GresDemand { count: gres.count.saturating_mul(tasks), ..gres.clone() };
    demand.gres.extend(each.iter().map(more));
    Ok(())
}

/// `--gpus`: of the whole job, and so the same on each of its nodes; on one node if no number of nodes is said.
fn add_gpus(options: &Options, demand: &mut Demand) -> Result<(), Stop> {
    for gres in options.gpus.iter().flatten() {
        let Some(count) = even(gres.count, demand) else {
            let nodes = demand.min_nodes;
            let text = format!("--gpus={}: not the same on each of {nodes} nodes: say --gpus-per-node", gres.count);
            return Err(complaint(1, &text));
        };
        demand.gres.push(GresDemand { count, ..gres.clone() });
    }
    if options.gpus.is_some() {
        stay(demand);
    }
    Ok(())
}

/// A part of a count for each node, if it is the same for all.
fn even(count: u32, demand: &Demand) -> Option<u32> {
    let nodes = demand.min_nodes.max(1);
    (count.is_multiple_of(nodes) && demand.max_nodes.is_none_or(|most| most == nodes)).then(|| count / nodes)
}

/// What was counted for so many nodes holds for so many alone.
fn stay(demand: &mut Demand) {
    demand.max_nodes = Some(demand.min_nodes);
}

/// `--mem-per-gpu`.
fn of_gpus(options: &Options, demand: &Demand) -> Result<Option<MemoryDemand>, Stop> {
    let Some(each) = options.mem_per_gpu else { return Ok(None) };
    let gpus: u32 = demand.gres.iter().filter(|gres| gres.name == "gpu").map(|gres| gres.count).sum();
    if gpus == 0 {
        let why = format!("Requested mem_per_tres=gres:gpu:{each} but did not request any GPU.");
        return Err(super::lines(1, &[&why, super::values::BAD_GRES]));
    }
    Ok(Some(MemoryDemand::PerNode(each.saturating_mul(u64::from(gpus)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(count: u32) -> Vec<GresDemand> {
        vec![GresDemand { name: "gpu".into(), kind: None, count }]
    }

    #[test]
    fn tasks_and_nodes_make_one_another() {
        let (two, notes) = demand(&Options { nodes: Some((2, 2)), ..Options::default() }).ok().unwrap();
        assert_eq!((two.tasks, two.max_nodes, notes.len()), (2, Some(2), 0));
        let options = Options { nodes: Some((4, 4)), ntasks: Some(2), ..Options::default() };
        let (fewer, notes) = demand(&options).ok().unwrap();
        assert_eq!((fewer.min_nodes, fewer.max_nodes, fewer.tasks, notes.len()), (2, Some(2), 2, 1));
        let options = Options { nodes: Some((2, 2)), ntasks_per_node: Some(3), ..Options::default() };
        assert_eq!(demand(&options).ok().unwrap().0.tasks, 6);
    }

    #[test]
    fn gpus_are_counted_for_each_node() {
        let of = |options: Options| demand(&options).ok().map(|(demand, _)| (demand.gres[0].count, demand.max_nodes));
        assert_eq!(of(Options { gpus: Some(gpu(4)), nodes: Some((2, 2)), ..Options::default() }), Some((2, Some(2))));
        assert_eq!(of(Options { gpus: Some(gpu(4)), ..Options::default() }), Some((4, Some(1))));
        assert_eq!(of(Options { gpus: Some(gpu(3)), nodes: Some((2, 2)), ..Options::default() }), None);
        let tasks = Options { gpus_per_task: Some(gpu(2)), ntasks: Some(3), ..Options::default() };
        assert_eq!(of(tasks), Some((6, Some(1))));
    }
}
