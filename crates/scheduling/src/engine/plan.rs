//! Planning: when waiting jobs can start, and who may pass those before it.

use super::{Core, Present};
use crate::backfill::{BackfillPlan, Candidate, Outlook, Reserved};
use crate::id::{JobId, Time};
use crate::job::{JobPhase, LiveJob, NodeShare};
use crate::pool::NodePool;
use crate::queue::QueuePlace;
use crate::selection::{Placed, choose, shares};
use crate::timeline::Timeline;
use std::collections::HashSet;
use std::sync::Arc;

/// Seconds for which a job without a time limit is taken to run: a year.
const YEAR: i64 = 365 * 86_400;

impl Core {
    /// Plans so many jobs of the queue, the first ones. It changes nothing, so that it may work on a copy in another
    /// thread; what it says is checked again when it comes back as [`crate::event::SchedulerEvent::Planned`].
    pub fn plan(&self, present: Present, most: usize) -> BackfillPlan {
        let mut outlook = Outlook::new(present.now, &self.pools, self.timelines(present.now));
        let mut plan = BackfillPlan { layout: self.layout, ..BackfillPlan::default() };
        let mut seen = HashSet::new();
        for place in self.queue.in_order(most) {
            self.plan_one(present, &mut outlook, &mut plan, &mut seen, place);
        }
        plan
    }

    /// A job has its place in the first of its partitions, and may start at once in any.
    fn plan_one(
        &self,
        present: Present,
        outlook: &mut Outlook,
        plan: &mut BackfillPlan,
        seen: &mut HashSet<JobId>,
        (rank, id): QueuePlace,
    ) {
        let Some(lane) = self.queue.lane(id) else { return };
        let Some(line) = self.config.partition(&lane.key.partition) else { return };
        let Some(job) = self.live.jobs.get(&rank.job) else { return };
        let is_first = seen.insert(rank.job);
        if !self.may_be_planned(present, job, lane.blocked.is_some(), line) {
            return;
        }
        let minutes = line.minutes(job.submission.minutes);
        let before = self.expected.get(&rank.job).filter(|kept| kept.partition == lane.key.partition);
        let candidate = Candidate {
            lane: id,
            fit: &lane.fit,
            nodes: self.members.get(&lane.key.partition).map(|nodes| &**nodes).unwrap_or_default(),
            seconds: minutes.map_or(YEAR, |minutes| i64::from(minutes) * 60),
            before: before.map(|kept| kept.nodes.as_slice()),
        };
        let Some((at, chosen)) = outlook.earliest(&candidate) else { return };
        let starts_now = at == present.now && !plan.starts.iter().any(|(other, ..)| *other == rank.job);
        if !starts_now && !is_first {
            return;
        }
        outlook.keep(&candidate, at, &chosen);
        if starts_now {
            plan.expected.remove(&rank.job);
            plan.starts.push((rank.job, lane.key.partition.clone(), chosen));
        } else {
            let partition = lane.key.partition.clone();
            plan.expected.insert(rank.job, Reserved { at, partition, nodes: chosen });
        }
    }

    /// Who waits for something else than nodes keeps no place on them.
    fn may_be_planned(
        &self,
        present: Present,
        job: &LiveJob,
        is_blocked: bool,
        line: &crate::config::PartitionLine,
    ) -> bool {
        let may_start = || self.may_start(present, &self.asked(present.accounts, job, line)).is_ok();
        !is_blocked && self.has_licenses(job).is_ok() && may_start()
    }

    /// What each node will have free when.
    fn timelines(&self, now: Time) -> Vec<Timeline> {
        let line = |node: &NodePool| {
            let mut line = Timeline::new(now, if node.takes_work { node.room.clone() } else { node.nothing() });
            for job in node.jobs.iter().filter(|_| node.takes_work).filter_map(|id| self.live.jobs.get(id)) {
                let share = job.held().find(|share| share.node == node.name);
                share.into_iter().for_each(|share| self.give_at(&mut line, node, (job, share), self.free_at(job, now)));
            }
            line
        };
        self.pools.iter().map(line).collect()
    }

    fn give_at(&self, line: &mut Timeline, node: &NodePool, (job, share): (&LiveJob, &NodeShare), at: Time) {
        line.give(at, |room| node.give_counts(room, job, share));
    }

    /// When a job's nodes are free again, at the latest as far as is known.
    fn free_at(&self, job: &LiveJob, now: Time) -> Time {
        let end = match &job.phase {
            JobPhase::Running(run) => run.allocation.due().unwrap_or(now.saturating_add(YEAR)),
            _ => now.saturating_add(i64::from(self.config.bounds.kill_wait)),
        };
        end.max(now.saturating_add(1))
    }

    /// Takes a plan: starts who can still start as it says, and remembers when the others are expected to.
    pub(super) fn planned(&mut self, present: Present, plan: BackfillPlan) {
        // The nodes that it names by place are others now.
        if plan.layout != self.layout {
            return;
        }
        self.tally.set_time(present.now);
        for (id, partition, chosen) in &plan.starts {
            if self.queue.contains(*id) {
                self.start_planned(present, *id, partition, chosen);
            }
        }
        self.expected = plan.expected;
    }

    fn start_planned(&mut self, present: Present, id: JobId, partition: &Arc<str>, chosen: &[Placed]) {
        let config = self.config.clone();
        let place = self.queue.places(id).iter().find_map(|(_, lane)| {
            let lane = self.queue.lane(*lane)?;
            (lane.key.partition == *partition).then(|| lane.fit.clone())
        });
        let Some(((fit, line), job)) = place.zip(config.partition(partition)).zip(self.live.jobs.shared(&id).cloned())
        else {
            return;
        };
        let still_holds = |(index, tasks): &Placed| {
            let node = self.pools.node(*index);
            node.takes_work && fit.capacity(node, &node.room) >= *tasks
        };
        if !chosen.iter().all(still_holds) {
            return;
        }
        // What it asks for may have changed since the plan was made.
        let Some(chosen) = choose(&self.pools, &fit, chosen.to_vec()) else { return };
        let Some(shares) = shares(&self.pools, &fit, &chosen) else { return };
        if let Ok(allocation) = self.allowed(present, &job, line, shares) {
            self.start(present, &job, allocation);
        }
    }

    /// When a job can start at the latest, as far as the last plan knew.
    pub fn expected_start(&self, id: JobId) -> Option<Time> {
        self.expected.get(&id).filter(|_| self.queue.contains(id)).map(|kept| kept.at)
    }
}
