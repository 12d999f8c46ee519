//! Backfill: when each waiting job can start at the latest, and who can start now without delaying any before it.
//!
//! Jobs are taken in the order of the queue. Each gets the earliest time at which enough of enough nodes is free for as
//! long as it may run, and keeps that place against all that come later. It goes by CPUs, memory and devices of each
//! node, not by whole nodes.

use crate::id::{JobId, Time};
use crate::pool::{NodeIndex, Pools};
use crate::selection::{Fit, Placed, choose};
use crate::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// When jobs start as far as it is known now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackfillPlan {
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
    /// Grows with each place that is kept on a node.
    versions: Vec<u32>,
    /// Of jobs that ask for the same: the earliest time for each node, and the version at which that was so.
    known: HashMap<(u64, u32), Vec<(Time, u32)>>,
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

/// Never, as far as is known.
const NEVER: Time = Time::MAX;

impl<'a> Outlook<'a> {
    pub(crate) fn new(now: Time, pools: &'a Pools, lines: Vec<Timeline>) -> Self {
        let versions = vec![0; lines.len()];
        Self { now, pools, lines, versions, known: HashMap::new() }
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
        let tasks = job.fit.demand.task_count();
        let times = self.times(job, tasks);
        let at = *times.iter().min().filter(|at| **at < NEVER)?;
        let able = job.nodes.iter().zip(&times).filter(|(_, time)| **time <= at).map(|(index, _)| *index);
        let chosen = choose(self.pools, job.fit, self.able(job, at, able))?;
        Some((at, chosen))
    }

    /// For each node the earliest time at which it holds so many tasks; what has not changed is not sought again.
    fn times(&mut self, job: &Candidate, tasks: u32) -> Vec<Time> {
        let mut known =
            self.known.remove(&(job.lane, tasks)).unwrap_or_else(|| vec![(self.now, u32::MAX); job.nodes.len()]);
        for (index, (time, version)) in job.nodes.iter().zip(&mut known) {
            if *version != self.versions[*index] {
                // Places are only ever taken: it cannot be earlier than it was.
                (*time, *version) = (self.node_time(*index, job, tasks, *time), self.versions[*index]);
            }
        }
        let times = known.iter().map(|(time, _)| *time).collect();
        self.known.insert((job.lane, tasks), known);
        times
    }

    fn node_time(&self, index: NodeIndex, job: &Candidate, tasks: u32, from: Time) -> Time {
        let node = self.pools.node(index);
        if from == NEVER || job.fit.capacity(node, &node.whole()) < tasks {
            return NEVER;
        }
        let holds = |at: &Time| {
            let line = &self.lines[index];
            line.between(*at, at.saturating_add(job.seconds), |room| job.fit.capacity(node, room)) >= tasks
        };
        if holds(&from) {
            return from;
        }
        self.lines[index].changes(from).find(holds).unwrap_or(NEVER)
    }

    /// On several nodes, before a time.
    fn on_several(&mut self, job: &Candidate, before: Time) -> Option<(Time, Vec<Placed>)> {
        let times = self.times(job, 1);
        let mut sorted: Vec<Time> = times.iter().copied().filter(|time| *time < before).collect();
        sorted.sort_unstable();
        // Before so many nodes have something free there is no use in looking.
        let first = *sorted.get(job.fit.demand.min_nodes.saturating_sub(1) as usize)?;
        let mut moments: BTreeSet<Time> = [first].into();
        for index in job.nodes {
            moments.extend(self.lines[*index].changes(first).filter(|at| *at < before));
        }
        moments.into_iter().find_map(|at| {
            let able = job.nodes.iter().zip(&times).filter(|(_, time)| **time <= at).map(|(index, _)| *index);
            choose(self.pools, job.fit, self.able(job, at, able)).map(|chosen| (at, chosen))
        })
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
            self.versions[*index] += 1;
        }
    }
}
