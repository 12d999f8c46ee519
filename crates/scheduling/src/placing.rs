//! What a step gets of its job: nodes, ranks, CPUs, memory, devices (srun(1); src/slurmctld/step_mgr.c).
//!
//! A step has all CPUs of the job on its nodes and shares them with no other, unless it is `exact` (then only what it asks for)
//! or `overlap`s (then it takes nothing away from others). Nodes are taken in the job's order.

use crate::demand::{GresDemand, MemoryDemand};
use crate::id::NodeName;
use crate::job::{GresShare, NodeShare};
use crate::step::{LiveStep, StepLayout, StepRequest, StepShare};
use crate::units::Units;

/// Why a step gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unplaced {
    /// Other steps have what it needs.
    Busy,
    /// The job has not so many CPUs.
    TooManyCpus,
    /// The job has no such nodes, or not so many.
    NoSuchNodes,
    /// The job has not so much memory on a node.
    TooMuchMemory,
    /// The job has no such devices, or not so many.
    NoSuchGres,
}

/// A node of the job, and what of the job's part is free for the step.
struct Room<'a> {
    share: &'a NodeShare,
    threads: u32,
    cpus: Units,
    memory: u64,
    gres: Vec<GresShare>,
}

/// What a step gets now. `threads` is how many a core of a node has.
pub(crate) fn place(
    shares: &[NodeShare],
    threads: impl Fn(&NodeName) -> u32,
    live: &[LiveStep],
    request: &StepRequest,
) -> Result<Vec<StepShare>, Unplaced> {
    let rooms: Vec<Room> = shares.iter().map(|share| Room::whole(share, threads(&share.node))).collect();
    let could = fit(&rooms, shares, request)?;
    if !request.holds() {
        return Ok(could);
    }
    let mut free = rooms;
    free.iter_mut().for_each(|room| live.iter().for_each(|step| room.take(step)));
    fit(&free, shares, request).map_err(|_| Unplaced::Busy)
}

impl<'a> Room<'a> {
    fn whole(share: &'a NodeShare, threads: u32) -> Self {
        let threads = threads.max(1);
        Self { share, threads, cpus: share.cpus.clone(), memory: share.memory, gres: share.gres.clone() }
    }

    /// Takes out what a step has here.
    fn take(&mut self, step: &LiveStep) {
        let place = step.place(&self.share.node).filter(|at| step.holds() && !step.left.contains(*at));
        let Some(taken) = place.and_then(|at| step.shares.get(at as usize)) else { return };
        self.cpus.remove(&taken.cpus);
        self.memory = self.memory.saturating_sub(taken.memory);
        for gres in &taken.gres {
            let same = self.gres.iter_mut().filter(|own| own.name == gres.name && own.kind == gres.kind);
            same.for_each(|own| own.devices.remove(&gres.devices));
        }
    }

    /// How many of the step's tasks it holds.
    fn capacity(&self, request: &StepRequest) -> u32 {
        let is_taken = !request.exact && self.cpus != self.share.cpus;
        let has_gres = request.gres.iter().flatten().all(|demand| self.devices(demand) >= demand.count);
        if is_taken || !has_gres {
            return 0;
        }
        let tasks = self.cpus.count() / cpus_per_task(request);
        tasks.min(self.tasks_by_memory(request)).min(request.tasks_per_node.unwrap_or(u32::MAX))
    }

    fn devices(&self, demand: &GresDemand) -> u32 {
        self.gres.iter().filter(|own| meets(own, demand)).map(|own| own.devices.count()).sum()
    }

    fn tasks_by_memory(&self, request: &StepRequest) -> u32 {
        if self.share.memory == 0 {
            return u32::MAX;
        }
        let is_enough = match request.memory {
            MemoryDemand::PerNode(each) => self.memory >= each,
            MemoryDemand::Unsaid => self.memory == self.share.memory,
            MemoryDemand::Whole => true,
            MemoryDemand::PerCpu(each) => {
                let task = each.saturating_mul(cpus_per_task(request).into());
                return self
                    .memory
                    .checked_div(task)
                    .map_or(u32::MAX, |tasks| u32::try_from(tasks).unwrap_or(u32::MAX));
            }
        };
        if is_enough { u32::MAX } else { 0 }
    }

    /// What a step with these tasks gets here.
    fn give(&self, request: &StepRequest, ranks: Vec<u32>) -> StepShare {
        let tasks = u32::try_from(ranks.len()).unwrap_or(u32::MAX);
        let wanted = tasks.saturating_mul(cpus_per_task(request));
        let exact = wanted.next_multiple_of(self.threads).min(self.cpus.count());
        let cpus = if request.exact { self.cpus.clone().take(exact).unwrap_or_default() } else { self.cpus.clone() };
        let memory = match request.memory {
            MemoryDemand::PerNode(each) => each,
            MemoryDemand::PerCpu(each) => each.saturating_mul(wanted.into()),
            MemoryDemand::Unsaid if request.holds() => self.share.memory,
            MemoryDemand::Unsaid | MemoryDemand::Whole => 0,
        };
        let gres = match &request.gres {
            None if request.exact => Vec::new(),
            None => self.gres.clone(),
            Some(demands) => demands.iter().flat_map(|demand| self.pick(demand)).collect(),
        };
        StepShare { node: self.share.node.clone(), ranks, cpus, memory, gres }
    }

    fn pick(&self, demand: &GresDemand) -> Vec<GresShare> {
        let mut missing = demand.count;
        let mut picked = Vec::new();
        for own in self.gres.iter().filter(|own| meets(own, demand)) {
            let devices = own.devices.clone().take(missing.min(own.devices.count())).unwrap_or_default();
            missing -= devices.count();
            if !devices.is_empty() {
                picked.push(GresShare { devices, ..own.clone() });
            }
        }
        picked
    }
}

fn meets(own: &GresShare, demand: &GresDemand) -> bool {
    own.name == demand.name && (demand.kind.is_none() || demand.kind == own.kind)
}

fn cpus_per_task(request: &StepRequest) -> u32 {
    request.cpus_per_task.unwrap_or(1).max(1)
}

/// How many tasks on how many nodes: at least and at most.
struct Size {
    tasks: u32,
    least: usize,
    most: usize,
}

impl Size {
    fn of(shares: &[NodeShare], request: &StepRequest, usable: usize) -> Self {
        if request.is_interactive {
            return Self { tasks: 1, least: 1, most: 1 };
        }
        let (least, most) = match request.nodes {
            Some((least, most)) => (least.max(1), most.unwrap_or(u32::MAX)),
            None if request.tasks.is_none() => (u32::try_from(usable).unwrap_or(u32::MAX), u32::MAX),
            None => (1, u32::MAX),
        };
        let of_job: u32 = shares.iter().map(|share| share.tasks).sum();
        let tasks = match (request.tasks, request.nodes) {
            (Some(tasks), _) => tasks.max(1),
            (None, None) if usable == shares.len() && request.tasks_per_node.is_none() => of_job.max(least),
            (None, _) => least.saturating_mul(request.tasks_per_node.unwrap_or(1)),
        };
        // No node goes without a task.
        let tasks = tasks.max(1);
        Self { tasks, least: least.min(tasks) as usize, most: most.min(tasks) as usize }
    }
}

/// The shares of a step where so much is free.
fn fit(rooms: &[Room], shares: &[NodeShare], request: &StepRequest) -> Result<Vec<StepShare>, Unplaced> {
    let is_known = |name: &NodeName| shares.iter().any(|share| share.node == *name);
    if !request.required.iter().all(is_known) {
        return Err(Unplaced::NoSuchNodes);
    }
    let skipped = request.relative.unwrap_or(0) as usize;
    let is_wanted = |room: &&Room| !request.excluded.contains(&room.share.node);
    let wanted: Vec<&Room> = rooms.iter().skip(skipped).filter(is_wanted).collect();
    let size = Size::of(shares, request, wanted.len());
    let able: Vec<(&Room, u32)> = wanted.iter().map(|room| (*room, room.capacity(request))).collect();
    let chosen = choose(&able, request, &size).ok_or_else(|| why_not(&wanted, request, &size))?;
    let capacities: Vec<u32> = chosen.iter().map(|(_, capacity)| *capacity).collect();
    let ranks = deal(&capacities, size.tasks, request.layout);
    // Planes may be so large that the last nodes get none.
    let used = chosen.iter().zip(ranks).filter(|(_, ranks)| !ranks.is_empty());
    Ok(used.map(|((room, _), ranks)| room.give(request, ranks)).collect())
}

/// The first nodes that hold all tasks, those that must be among them in any case; in the job's order.
fn choose<'r, 'a>(
    able: &[(&'r Room<'a>, u32)],
    request: &StepRequest,
    size: &Size,
) -> Option<Vec<(&'r Room<'a>, u32)>> {
    let must = |room: &Room| request.required.contains(&room.share.node);
    let required = able.iter().filter(|(room, _)| must(room)).count();
    if able.iter().any(|(room, capacity)| must(room) && *capacity == 0) || required < request.required.len() {
        return None;
    }
    let mut order: Vec<usize> = (0..able.len()).filter(|at| able[*at].1 > 0).collect();
    order.sort_by_key(|at| !must(able[*at].0));
    let (mut held, mut count) = (0u64, 0);
    while held < u64::from(size.tasks) || count < size.least.max(required) {
        held += u64::from(able[*order.get(count)?].1);
        count += 1;
    }
    if count > size.most.max(required) {
        return None;
    }
    order.truncate(count);
    order.sort_unstable();
    Some(order.into_iter().map(|at| able[at]).collect())
}

/// What is missing in a job of which nothing is taken.
fn why_not(wanted: &[&Room], request: &StepRequest, size: &Size) -> Unplaced {
    if wanted.len() < size.least || wanted.is_empty() {
        return Unplaced::NoSuchNodes;
    }
    if wanted.iter().all(|room| room.tasks_by_memory(request) == 0) {
        return Unplaced::TooMuchMemory;
    }
    let lacks = |room: &&Room| request.gres.iter().flatten().any(|demand| room.devices(demand) < demand.count);
    if wanted.iter().all(lacks) { Unplaced::NoSuchGres } else { Unplaced::TooManyCpus }
}

/// Which ranks each node gets, where they hold so many. How many is the same for `block` and `cyclic`: as even as the nodes allow
/// (src/slurmctld/step_layout.c).
fn deal(capacities: &[u32], tasks: u32, layout: StepLayout) -> Vec<Vec<u32>> {
    let is_block = match layout {
        StepLayout::Usual => tasks as usize > capacities.len(),
        StepLayout::Block => true,
        StepLayout::Cyclic | StepLayout::Plane(_) => false,
    };
    let at_once = if let StepLayout::Plane(size) = layout { size.max(1) } else { 1 };
    let mut ranks: Vec<Vec<u32>> = vec![Vec::new(); capacities.len()];
    let mut next = 0;
    while next < tasks {
        let before = next;
        for (own, capacity) in ranks.iter_mut().zip(capacities) {
            let room = capacity.saturating_sub(u32::try_from(own.len()).unwrap_or(u32::MAX));
            let end = next.saturating_add(at_once.min(room)).min(tasks);
            own.extend(next..end);
            next = end;
        }
        if next == before {
            break;
        }
    }
    if is_block {
        let mut first = 0;
        for own in &mut ranks {
            let end = first + u32::try_from(own.len()).unwrap_or(u32::MAX);
            *own = (first..end).collect();
            first = end;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(nodes: &[(&str, u32)]) -> Vec<NodeShare> {
        let share = |(name, cpus): &(&str, u32)| NodeShare {
            node: (*name).into(),
            tasks: *cpus,
            cpus: Units::first(*cpus),
            memory: 1000,
            gres: vec![GresShare { name: "gpu".into(), kind: None, devices: Units::first(2) }],
        };
        nodes.iter().map(share).collect()
    }

    fn live(shares: Vec<StepShare>, request: StepRequest) -> LiveStep {
        LiveStep::new(slurm::records::StepId::Number(0), request, crate::id::Uid(1), 0, shares)
    }

    fn get(shares: &[NodeShare], steps: &[LiveStep], request: &StepRequest) -> Result<Vec<StepShare>, Unplaced> {
        place(shares, |_| 1, steps, request)
    }

    #[test]
    fn ranks_are_dealt_as_slurm_does() {
        let dealt = |capacities: &[u32], tasks, layout| deal(capacities, tasks, layout);
        assert_eq!(dealt(&[2, 2, 2], 4, StepLayout::Usual), [vec![0, 1], vec![2], vec![3]], "srun(1)'s example");
        assert_eq!(dealt(&[4, 4], 5, StepLayout::Block), [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!(dealt(&[4, 4], 5, StepLayout::Cyclic), [vec![0, 2, 4], vec![1, 3]]);
        assert_eq!(dealt(&[1, 4], 5, StepLayout::Cyclic), [vec![0], vec![1, 2, 3, 4]]);
        assert_eq!(dealt(&[4, 4], 6, StepLayout::Plane(2)), [vec![0, 1, 4, 5], vec![2, 3]]);
        assert_eq!(dealt(&[4, 4], 2, StepLayout::Usual), [vec![0], vec![1]]);
    }

    #[test]
    fn a_step_has_all_cpus_of_its_nodes_unless_it_is_exact() {
        let job = job(&[("a", 4), ("b", 4)]);
        let one = StepRequest { tasks: Some(1), ..StepRequest::default() };
        let first = get(&job, &[], &one).unwrap();
        assert_eq!((first.len(), first[0].cpus.count(), first[0].memory), (1, 4, 1000));
        let running = [live(first.clone(), one.clone())];
        assert_eq!(get(&job, &running, &one).unwrap()[0].node.as_str(), "b", "the other node is free");
        let both = [live(first, one.clone()), live(get(&job, &running, &one).unwrap(), one.clone())];
        assert_eq!(get(&job, &both, &one), Err(Unplaced::Busy));
        let beside = StepRequest { overlap: true, ..one.clone() };
        assert_eq!(get(&job, &both, &beside).unwrap()[0].memory, 0, "it takes nothing away");
        let exact = StepRequest { exact: true, memory: MemoryDemand::PerNode(300), ..one };
        let mut steps = Vec::new();
        for _ in 0..6 {
            let shares = get(&job, &steps, &exact).unwrap();
            assert_eq!((shares[0].cpus.count(), shares[0].gres.len()), (1, 0));
            steps.push(live(shares, exact.clone()));
        }
        assert_eq!(get(&job, &steps, &exact), Err(Unplaced::Busy), "memory is for three on each node");
        steps[0].left.insert(0);
        assert!(get(&job, &steps, &exact).is_ok());
    }

    #[test]
    fn what_a_job_has_not_is_never_given() {
        let job = job(&[("a", 4), ("b", 4)]);
        let with = |change: &dyn Fn(&mut StepRequest)| {
            let mut request = StepRequest { tasks: Some(1), ..StepRequest::default() };
            change(&mut request);
            get(&job, &[], &request)
        };
        let gpus = |count| Some(vec![GresDemand { name: "gpu".into(), kind: None, count }]);
        let plane = with(&|it| (it.tasks, it.nodes, it.layout) = (Some(2), Some((2, None)), StepLayout::Plane(2)));
        assert_eq!(plane.unwrap().len(), 1, "no node goes without a task");
        assert_eq!(with(&|it| it.tasks = Some(9)), Err(Unplaced::TooManyCpus));
        assert_eq!(with(&|it| (it.tasks, it.nodes) = (Some(3), Some((3, None)))), Err(Unplaced::NoSuchNodes));
        assert_eq!(with(&|it| it.required = vec!["c".into()]), Err(Unplaced::NoSuchNodes));
        assert_eq!(with(&|it| it.memory = MemoryDemand::PerNode(1001)), Err(Unplaced::TooMuchMemory));
        assert_eq!(with(&|it| it.gres = gpus(3)), Err(Unplaced::NoSuchGres));
        assert_eq!(with(&|it| it.gres = gpus(1)).unwrap()[0].gres[0].devices.count(), 1);
        assert_eq!(with(&|it| it.required = vec!["b".into()]).unwrap()[0].node.as_str(), "b");
        assert_eq!(with(&|it| it.relative = Some(1)).unwrap()[0].node.as_str(), "b");
        assert_eq!(with(&|it| it.excluded = vec!["a".into()]).unwrap()[0].node.as_str(), "b");
    }

    #[test]
    fn a_step_that_says_nothing_is_as_large_as_its_job() {
        let job = job(&[("a", 1), ("b", 2)]);
        let all = get(&job, &[], &StepRequest::default()).unwrap();
        assert_eq!(all.iter().map(|share| share.ranks.clone()).collect::<Vec<_>>(), [vec![0], vec![1, 2]]);
        let nodes = StepRequest { nodes: Some((2, None)), ..StepRequest::default() };
        assert_eq!(get(&job, &[], &nodes).unwrap().iter().map(|share| share.ranks.len()).collect::<Vec<_>>(), [1, 1]);
        let shell = StepRequest { is_interactive: true, ..StepRequest::default() };
        let shell = get(&job, &[], &shell).unwrap();
        assert_eq!((shell.len(), shell[0].ranks.clone()), (1, vec![0]));
    }
}
