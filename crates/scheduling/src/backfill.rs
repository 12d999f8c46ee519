//! Backfill: when each waiting job can start at the latest, and who can start now without delaying any before it.
//!
//! Jobs are taken in the order of the queue. Each gets the earliest time at which enough of enough nodes is free for as
//! long as it may run, and keeps that place against all that come later. It goes by CPUs, memory and devices of each
//! node, not by whole nodes.

use crate::id::{JobId, Time};
use crate::pool::{NodeIndex, Pools};
use crate::selection::{Fit, Placed, choose};
use crate::timeline::Timeline;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// When jobs start as far as it is known now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackfillPlan {
    /// Of which configuration its nodes are.
    pub(crate) layout: u64,
    /// Who can start now, in order, and where.
    pub(crate) starts: Vec<(JobId, Arc<str>, Vec<Placed>)>,
    /// When the others can at the latest, if every job runs as long as it may.
    pub(crate) expected: BTreeMap<JobId, Reserved>,
}

/// The place that is kept for a job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reserved {
    pub(crate) at: Time,
    pub(crate) partition: Arc<str>,
    pub(crate) nodes: Vec<Placed>,
}

impl BackfillPlan {
    /// Who cannot start now, and when they can at the latest.
    pub fn waiting(&self) -> impl Iterator<Item = (JobId, Time)> + '_ {
        self.expected.iter().map(|(job, kept)| (*job, kept.at))
    }

    /// Who can start now.
    pub fn starts(&self) -> impl Iterator<Item = JobId> + '_ {
        self.starts.iter().map(|(job, ..)| *job)
    }
}

/// The nodes as they will be.
pub(crate) struct Outlook<'a> {
    now: Time,
    pools: &'a Pools,
    lines: Vec<Timeline>,
    /// For the jobs of a lane: before which time each of their nodes does not hold all tasks. Since places are only ever
    /// taken, what was found for one holds for the next.
    bounds: HashMap<u64, Vec<Time>>,
}

/// What is to be placed.
pub(crate) struct Candidate<'a> {
    /// Who asks for the same has the same number.
    pub(crate) lane: u64,
    pub(crate) fit: &'a Fit,
    pub(crate) nodes: &'a [NodeIndex],
    /// For how many seconds.
    pub(crate) seconds: i64,
    /// Where the plan before this one had it.
    pub(crate) before: Option<&'a [Placed]>,
}

/// A moment at which a node may hold another number of tasks.
#[derive(Clone, Copy)]
struct Change {
    at: Time,
    place: usize,
    /// Whether something may become free: between these nothing can start that could not before.
    is_moment: bool,
}

/// Never, as far as is known.
const NEVER: Time = Time::MAX;

impl<'a> Outlook<'a> {
    pub(crate) fn new(now: Time, pools: &'a Pools, lines: Vec<Timeline>) -> Self {
        Self { now, pools, lines, bounds: HashMap::new() }
    }

    /// The earliest time for a job, and where: where it was to be before if that is still possible, since who moves may
    /// take the place of another.
    pub(crate) fn earliest(&mut self, job: &Candidate) -> Option<(Time, Vec<Placed>)> {
        let (at, chosen) = self.earliest_anywhere(job)?;
        let still_holds = |before: &&[Placed]| {
            let able = self.able(job, at, before.iter().map(|(index, _)| *index));
            before.iter().all(|(index, tasks)| able.iter().any(|(other, held)| other == index && held >= tasks))
        };
        let before = job.before.filter(|before| before.len() <= chosen.len()).filter(still_holds);
        Some((at, before.map_or(chosen, <[Placed]>::to_vec)))
    }

    fn earliest_anywhere(&mut self, job: &Candidate) -> Option<(Time, Vec<Placed>)> {
        let needs_one = job.fit.demand.min_nodes == 1 && job.fit.demand.required.len() <= 1;
        let on_one = if needs_one { self.on_one_node(job) } else { None };
        let may_spread = job.fit.demand.max_nodes != Some(1);
        let best = on_one.as_ref().map_or(NEVER, |(at, _)| *at);
        if best == self.now || !may_spread || needs_one && job.fit.demand.task_count() == 1 {
            return on_one;
        }
        self.on_several(job, best).or(on_one)
    }

    /// On one node, for all tasks.
    fn on_one_node(&mut self, job: &Candidate) -> Option<(Time, Vec<Placed>)> {
        let mut bounds = self.bounds.remove(&job.lane).unwrap_or_else(|| self.first_bounds(job));
        let promising = (0..bounds.len()).min_by_key(|at| bounds[*at])?;
        let mut best = NEVER;
        for at in [promising].into_iter().chain(0..bounds.len()) {
            if bounds[at] <= best {
                bounds[at] = self.node_time(job.nodes[at], job, bounds[at], best);
                best = best.min(bounds[at]);
            }
        }
        let able = job.nodes.iter().zip(&bounds).filter(|(_, bound)| **bound <= best).map(|(index, _)| *index);
        let able = self.able(job, best, able);
        self.bounds.insert(job.lane, bounds);
        if best == NEVER { None } else { Some((best, choose(self.pools, job.fit, able)?)) }
    }

    /// Now for nodes that could hold all tasks if they were empty, and never for the others.
    fn first_bounds(&self, job: &Candidate) -> Vec<Time> {
        let tasks = job.fit.demand.task_count();
        let could = |index: &NodeIndex| job.fit.holds(self.pools.node(*index), self.pools.node(*index).whole(), tasks);
        job.nodes.iter().map(|index| if could(index) { self.now } else { NEVER }).collect()
    }

    /// The earliest time, up to a last one, at which a node holds all tasks; a time after the last if there is none.
    fn node_time(&self, index: NodeIndex, job: &Candidate, from: Time, last: Time) -> Time {
        if from == NEVER {
            return NEVER;
        }
        let found = self.holds_from(index, job, job.fit.demand.task_count(), from, last);
        found.unwrap_or(last.saturating_add(1))
    }

    /// The first time in a span from which on a node holds so many tasks for as long as the job runs.
    fn holds_from(&self, index: NodeIndex, job: &Candidate, tasks: u32, from: Time, last: Time) -> Option<Time> {
        let node = self.pools.node(index);
        self.lines[index].first_fit(from, last, job.seconds, |room| job.fit.holds(node, room, tasks))
    }

    /// On several nodes, before a time. Not before so many of them hold something of it; from then on it goes through the
    /// moments at which something becomes free, and looks again at those nodes alone where something changes.
    fn on_several(&self, job: &Candidate, before: Time) -> Option<(Time, Vec<Placed>)> {
        let first = self.enough_nodes_from(job)?;
        let capacity = |at: Time, place: usize| {
            let (index, end) = (job.nodes[place], at.saturating_add(job.seconds));
            self.lines[index].between(at, end, |room| job.fit.capacity(self.pools.node(index), room))
        };
        let mut held: Vec<u32> = (0..job.nodes.len()).map(|place| capacity(first, place)).collect();
        if first >= before {
            return None;
        }
        if let Some(chosen) = self.enough(job, &held) {
            return Some((first, chosen));
        }
        let changes = self.changes(job, first, before);
        for at_once in changes.chunk_by(|a, b| a.at == b.at) {
            let at = at_once[0].at;
            at_once.iter().for_each(|change| held[change.place] = capacity(at, change.place));
            let is_moment = at_once.iter().any(|change| change.is_moment);
            if let Some(chosen) = Some(&held).filter(|_| is_moment).and_then(|held| self.enough(job, held)) {
                return Some((at, chosen));
            }
        }
        None
    }

    /// Before this time fewer nodes than the job needs hold a task of it.
    fn enough_nodes_from(&self, job: &Candidate) -> Option<Time> {
        let first = |index: &NodeIndex| self.holds_from(*index, job, 1, self.now, NEVER);
        let mut times: Vec<Time> = job.nodes.iter().filter_map(first).collect();
        let least = job.fit.demand.min_nodes.max(1) as usize;
        if times.len() < least { None } else { Some(*times.select_nth_unstable(least - 1).1) }
    }

    /// When which node may hold another number of tasks: something changes there, or within the time of the job.
    fn changes(&self, job: &Candidate, after: Time, before: Time) -> Vec<Change> {
        let mut changes = Vec::new();
        for (place, index) in job.nodes.iter().enumerate() {
            for at in self.lines[*index].changes(after) {
                let met = at.saturating_sub(job.seconds).saturating_add(1);
                let both = [Change { at, place, is_moment: true }, Change { at: met, place, is_moment: false }];
                changes.extend(both.into_iter().filter(|change| change.at > after && change.at < before));
            }
        }
        changes.sort_unstable_by_key(|change| change.at);
        changes
    }

    /// The nodes for a job, where so many tasks are held on each.
    fn enough(&self, job: &Candidate, held: &[u32]) -> Option<Vec<Placed>> {
        let demand = &job.fit.demand;
        let (mut nodes, mut tasks) = (0, 0u64);
        for held in held.iter().filter(|held| **held > 0) {
            (nodes, tasks) = (nodes + 1, tasks + u64::from(*held));
        }
        if nodes < demand.min_nodes || tasks < u64::from(demand.task_count()) {
            return None;
        }
        let able = job.nodes.iter().zip(held).filter(|(_, held)| **held > 0);
        choose(self.pools, job.fit, able.map(|(index, held)| (*index, *held)).collect())
    }

    fn able(&self, job: &Candidate, at: Time, nodes: impl Iterator<Item = NodeIndex>) -> Vec<Placed> {
        let held = |index: NodeIndex| {
            let node = self.pools.node(index);
            let capacity = |room: &_| job.fit.capacity(node, room);
            (index, self.lines[index].between(at, at.saturating_add(job.seconds), capacity))
        };
        nodes.map(held).filter(|(_, tasks)| *tasks > 0).collect()
    }

    /// Keeps a place.
    pub(crate) fn keep(&mut self, job: &Candidate, at: Time, chosen: &[Placed]) {
        for (index, tasks) in chosen {
            let node = self.pools.node(*index);
            let taken = |room: &_| job.fit.taken_from(node, room, *tasks);
            self.lines[*index].take(at, at.saturating_add(job.seconds), taken);
        }
    }
}
