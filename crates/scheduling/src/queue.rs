//! [`Queue`]: the jobs that could start, in lanes.
//!
//! Jobs of one association, QOS and partition that ask for the same stand in one lane: if its first cannot start, the
//! others cannot either, so that a pass looks at lanes and not at jobs. A job that may run in several partitions
//! stands in a lane of each.

use crate::id::{AssociationId, JobId, QosId, Time, Uid};
use crate::reason::PendingReason;
use crate::selection::Fit;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// What the jobs of a lane have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LaneKey {
    pub(crate) partition: Arc<str>,
    pub(crate) uid: Uid,
    pub(crate) association: Option<AssociationId>,
    pub(crate) qos: Option<QosId>,
    pub(crate) demand: Arc<crate::demand::Demand>,
    pub(crate) minutes: Option<u32>,
    /// The array, where its tasks have a limit of their own.
    pub(crate) array: Option<JobId>,
}

/// Place of a job in the order of the queue: tier of the partition, priority, submission, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) tier: Reverse<u16>,
    pub(crate) priority: Reverse<u32>,
    pub(crate) submit: Time,
    pub(crate) job: JobId,
}

/// Number of a lane.
pub(crate) type LaneId = u64;

/// A place in the queue.
pub(crate) type QueuePlace = (Rank, LaneId);

/// Jobs that are alike.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) key: LaneKey,
    pub(crate) fit: Fit,
    pub(crate) jobs: BTreeSet<Rank>,
    /// Why its jobs wait, as found at a version of the world.
    pub(crate) blocked: Option<(u64, PendingReason)>,
}

/// The queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    lanes: HashMap<LaneId, Lane>,
    by_key: HashMap<LaneKey, LaneId>,
    heads: BTreeMap<Arc<str>, BTreeSet<QueuePlace>>,
    places: HashMap<JobId, Vec<QueuePlace>>,
    last_lane: LaneId,
}

impl Queue {
    /// Jobs in it.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn lane_count(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn contains(&self, job: JobId) -> bool {
        self.places.contains_key(&job)
    }

    pub(crate) fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(&id)
    }

    /// Where a job stands, once for each of its partitions.
    pub(crate) fn places(&self, job: JobId) -> &[QueuePlace] {
        self.places.get(&job).map(Vec::as_slice).unwrap_or_default()
    }

    /// Puts a job in; `fit` is asked for when no other of its kind is there.
    pub(crate) fn insert(&mut self, key: LaneKey, rank: Rank, fit: impl FnOnce() -> Fit) {
        let next = self.last_lane + 1;
        let id = *self.by_key.entry(key.clone()).or_insert(next);
        self.last_lane = self.last_lane.max(id);
        let lane = || Lane { key, fit: fit(), jobs: BTreeSet::new(), blocked: None };
        self.lanes.entry(id).or_insert_with(lane);
        self.change(id, |jobs| _ = jobs.insert(rank));
        self.places.entry(rank.job).or_default().push((rank, id));
    }

    /// Takes a job out of all its lanes.
    pub(crate) fn remove(&mut self, job: JobId) {
        for (rank, id) in self.places.remove(&job).unwrap_or_default() {
            self.change(id, |jobs| _ = jobs.remove(&rank));
            if let Some(lane) = self.lanes.get(&id).filter(|lane| lane.jobs.is_empty()) {
                self.by_key.remove(&lane.key);
                self.lanes.remove(&id);
            }
        }
    }

    /// Gives a job another priority in one of its lanes.
    pub(crate) fn set_priority(&mut self, (rank, id): QueuePlace, priority: u32) {
        let new = Rank { priority: Reverse(priority), ..rank };
        self.change(id, |jobs| {
            jobs.remove(&rank);
            jobs.insert(new);
        });
        let places = self.places.get_mut(&rank.job).into_iter().flatten();
        places.filter(|place| **place == (rank, id)).for_each(|place| place.0 = new);
    }

    /// Changes who stands in a lane, and so perhaps who is its first.
    fn change(&mut self, id: LaneId, change: impl FnOnce(&mut BTreeSet<Rank>)) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let before = lane.jobs.first().copied();
        change(&mut lane.jobs);
        let after = lane.jobs.first().copied();
        if before == after {
            return;
        }
        let heads = self.heads.entry(lane.key.partition.clone()).or_default();
        before.map(|rank| heads.remove(&(rank, id)));
        heads.extend(after.map(|rank| (rank, id)));
        if heads.is_empty() {
            self.heads.remove(&lane.key.partition);
        }
    }

    /// Remembers why the jobs of a lane wait.
    pub(crate) fn block(&mut self, lane: LaneId, version: u64, reason: PendingReason) {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.blocked = Some((version, reason));
        }
    }

    /// Partitions that have jobs.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &Arc<str>> {
        self.heads.keys()
    }

    /// The first of a lane's jobs that comes after a place, in a partition.
    pub(crate) fn after(&self, partition: &str, place: Option<QueuePlace>) -> Option<QueuePlace> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.heads.get(partition)?.range((from, Bound::Unbounded)).next().copied()
    }

    /// The first places of the whole queue, in order: of a job in several partitions, all of its places.
    pub(crate) fn in_order(&self, most: usize) -> Vec<QueuePlace> {
        let first = |(id, lane): (&LaneId, &Lane)| lane.jobs.first().map(|rank| Reverse((*rank, *id)));
        let mut heads: BinaryHeap<_> = self.lanes.iter().filter_map(first).collect();
        let mut places = Vec::new();
        while let Some(Reverse((rank, id))) = heads.pop().filter(|_| places.len() < most) {
            places.push((rank, id));
            let rest = self.lanes[&id].jobs.range((Bound::Excluded(rank), Bound::Unbounded));
            heads.extend(rest.take(1).map(|next| Reverse((*next, id))));
        }
        places
    }

    /// All that stand before a place of a partition, in no order.
    pub(crate) fn before<'a>(&'a self, partition: &'a str, rank: Rank) -> impl Iterator<Item = Rank> + 'a {
        let lanes = self.heads.get(partition).into_iter().flatten().filter_map(|(_, id)| self.lanes.get(id));
        lanes.flat_map(move |lane| lane.jobs.range(..rank).copied())
    }

    /// All jobs, each once.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.places.keys().copied()
    }
}
