//! The quick pass: what can start now, starts.
//!
//! In the order of the queue over all partitions. The first job of a partition for which there is no room ends the pass
//! for it, and keeps its nodes from partitions that come later; a job that a limit holds back is passed over
//! (src/slurmctld/job_scheduler.c). Jobs that are alike are tried once.

use super::{Core, Present};
use crate::config::PartitionLine;
use crate::event::{Accepted, Decision};
use crate::job::{Allocation, LiveJob, NodeShare, Suspension};
use crate::pool::NodeIndex;
use crate::queue::QueuePlace;
use crate::reason::PendingReason;
use crate::selection::{Fit, Placed, able, choose, shares};
use slurm::admission::{Job, admit};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

/// What came of a try.
enum Tried {
    Started,
    /// It has to wait, and others need not.
    Passed,
    /// There is no room for it, and who comes later must not take what there is.
    Full,
}

impl Core {
    /// Starts what can start now. The orders are to be sent when the rows are durable.
    pub fn pass(&mut self, present: Present) -> Decision {
        self.pass_time(present);
        self.wants_pass = false;
        self.tally.set_time(present.now);
        self.blocked.clear();
        let partitions: Vec<Arc<str>> = self.queue.partitions().cloned().collect();
        let first = |name: Arc<str>| self.queue.after(&name, None).map(|place| Reverse((place, name)));
        let mut heads: BinaryHeap<_> = partitions.into_iter().filter_map(first).collect();
        let mut closed = HashSet::new();
        while let Some(Reverse((place, name))) = heads.pop() {
            let next = match self.attempt(present, place, &name, &mut closed) {
                Tried::Full => None,
                Tried::Started => self.rest_of_array(place, &name).or_else(|| self.queue.after(&name, Some(place))),
                Tried::Passed => self.queue.after(&name, Some(place)),
            };
            heads.extend(next.map(|next| Reverse((next, name))));
        }
        Decision { answer: Ok(Accepted::Done), orders: self.orders(present.now) }
    }

    /// Where an array that has started a task stands with the others.
    fn rest_of_array(&self, (rank, _): QueuePlace, partition: &str) -> Option<QueuePlace> {
        let is_here =
            |(_, lane): &&QueuePlace| self.queue.lane(*lane).is_some_and(|it| *it.key.partition == *partition);
        self.queue.places(rank.job).iter().find(is_here).copied()
    }

    fn attempt(
        &mut self,
        present: Present,
        place: QueuePlace,
        name: &Arc<str>,
        closed: &mut HashSet<NodeIndex>,
    ) -> Tried {
        let (rank, lane) = place;
        let Some(found) = self.queue.lane(lane) else { return Tried::Passed };
        if found.blocked.is_some_and(|(version, _)| version == self.version) {
            return Tried::Passed;
        }
        let (fit, config) = (found.fit.clone(), self.config.clone());
        let Some((job, line)) = self.live.jobs.shared(&rank.job).cloned().zip(config.partition(name)) else {
            return Tried::Passed;
        };
        let reason = match self.chosen(present, &job, line, &fit, closed) {
            Ok(allocation) => {
                self.start(present, &job, allocation);
                return Tried::Started;
            }
            Err(reason) => reason,
        };
        if reason == PendingReason::Resources {
            self.blocked.insert(name.clone(), rank);
            closed.extend(self.members.get(name).into_iter().flat_map(|nodes| nodes.iter().copied()));
            return Tried::Full;
        }
        self.queue.block(lane, self.version, reason);
        Tried::Passed
    }

    /// What a job gets if it starts now, or why it cannot.
    fn chosen(
        &self,
        present: Present,
        job: &LiveJob,
        line: &PartitionLine,
        fit: &Fit,
        closed: &HashSet<NodeIndex>,
    ) -> Result<Allocation, PendingReason> {
        self.may_start(present, &self.asked(present.accounts, job, line))?;
        self.may_start_task(job)?;
        self.has_licenses(job)?;
        let chosen = self.choose_now(line, fit, closed)?;
        let shares = shares(&self.pools, fit, &chosen).ok_or(PendingReason::Resources)?;
        self.allowed(present, job, line, shares)
    }

    /// The allocation of these shares, if the job may have it now.
    pub(super) fn allowed(
        &self,
        present: Present,
        job: &LiveJob,
        line: &PartitionLine,
        shares: Vec<NodeShare>,
    ) -> Result<Allocation, PendingReason> {
        self.may_start_task(job)?;
        self.has_licenses(job)?;
        let minutes = line.minutes(job.submission.minutes);
        let partition = line.rules.name.as_str().into();
        let suspended = Suspension::default();
        let allocation = Allocation { partition, start: present.now, minutes, shares, suspended };
        self.may_start(present, &self.placed(present.accounts, job, line, &allocation))?;
        Ok(allocation)
    }

    pub(super) fn may_start(&self, present: Present, asked: &Job) -> Result<(), PendingReason> {
        let enforce = self.config.settings.enforce;
        admit(present.accounts, enforce, self.tally.counts(), asked).start.map_err(PendingReason::Admission)
    }

    pub(super) fn has_licenses(&self, job: &LiveJob) -> Result<(), PendingReason> {
        let is_there = |(name, count): &(String, u32)| {
            let all = self.config.licenses.get(name).copied().unwrap_or(0);
            self.licenses.get(name).copied().unwrap_or(0).saturating_add(*count) <= all
        };
        let all_there = job.submission.demand.licenses.iter().all(is_there);
        if all_there { Ok(()) } else { Err(PendingReason::Licenses) }
    }

    fn choose_now(
        &self,
        line: &PartitionLine,
        fit: &Fit,
        closed: &HashSet<NodeIndex>,
    ) -> Result<Vec<Placed>, PendingReason> {
        let members = self.members.get(line.rules.name.as_str()).map(|nodes| &**nodes).unwrap_or_default();
        let usable = members.iter().copied().filter(|index| self.pools.node(*index).takes_work);
        let open = usable.clone().filter(|index| !closed.contains(index));
        let now = able(&self.pools, fit, open, |node| &node.room);
        if let Some(chosen) = choose(&self.pools, fit, now) {
            return Ok(chosen);
        }
        let empty = usable.map(|index| (index, fit.capacity(self.pools.node(index), self.pools.node(index).whole())));
        let could = choose(&self.pools, fit, empty.filter(|(_, tasks)| *tasks > 0).collect()).is_some();
        Err(if could { PendingReason::Resources } else { PendingReason::NodesUnavailable })
    }
}
