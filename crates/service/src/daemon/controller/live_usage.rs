//! [`LiveUsages`]: what runs and steps use now, as their nodes said it last. Nodes are asked when somebody wants to know; nothing of
//! it is kept on disk.

use super::cell::{CoreCell, lock};
use commands::sstat::Usages;
use compute::protocol::PartUsage;
use scheduling::id::{Attempt, JobId, NodeName};
use scheduling::measured::{MOST_PIDS, Measured};
use slurm::records::StepId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So long nodes that were asked are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is no older need not be asked again.
const FRESH: Duration = Duration::from_secs(1);

/// A run, or a step of it.
type Key = (JobId, Attempt, Option<StepId>);

/// By node, what it said last, and when.
#[derive(Debug, Default)]
pub struct LiveUsages {
    told: Mutex<BTreeMap<NodeName, Told>>,
    rings: Condvar,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    parts: BTreeMap<Key, Measured>,
}

impl LiveUsages {
    fn take(&self, node: NodeName, parts: BTreeMap<Key, Measured>) {
        lock(&self.told).insert(node, Told { at: Instant::now(), parts });
        self.rings.notify_all();
    }

    /// A node has a new session, or none: what it said before is of no use.
    pub fn forget(&self, node: &NodeName) {
        lock(&self.told).remove(node);
    }

    /// Which of these have said nothing for longer than that.
    fn stale(&self, nodes: &BTreeSet<NodeName>, age: Duration) -> BTreeSet<NodeName> {
        let told = lock(&self.told);
        let is_fresh = |node: &NodeName| told.get(node).is_some_and(|it| it.at.elapsed() < age);
        nodes.iter().filter(|node| !is_fresh(node)).cloned().collect()
    }

    /// Waits until all of these have said something since then, or for too long.
    fn wait(&self, nodes: &BTreeSet<NodeName>, since: Instant) {
        let is_missing = |told: &mut BTreeMap<NodeName, Told>| {
            nodes.iter().any(|node| told.get(node).is_none_or(|it| it.at < since))
        };
        let told = self.rings.wait_timeout_while(lock(&self.told), PATIENCE, is_missing);
        drop(told.unwrap_or_else(PoisonError::into_inner));
    }
}

impl CoreCell {
    /// A node says what its runs and steps use. What the master does not have there is left out, so no node fills the memory, and
    /// none speaks for another.
    pub fn take_usage(&self, node: &NodeName, parts: Vec<PartUsage>) {
        let is_there = |part: &PartUsage| {
            let job = self.kept_job(part.job).filter(|job| job.attempt == part.attempt);
            job.is_some_and(|job| match part.step {
                None => job.held().any(|share| share.node == *node),
                Some(step) => job.step(step).is_some_and(|step| step.place(node).is_some()),
            })
        };
        let kept = parts.into_iter().filter(|part| part.measured.pids.len() <= MOST_PIDS && is_there(part));
        let kept = kept.map(|PartUsage { job, attempt, step, measured }| ((job, attempt, step), measured));
        self.usages().take(node.clone(), kept.collect());
    }
}

impl Usages for CoreCell {
    fn measure(&self, nodes: &BTreeSet<NodeName>) -> BTreeSet<NodeName> {
        let (usages, since) = (self.usages(), Instant::now());
        let stale = usages.stale(nodes, FRESH);
        let asked = stale.iter().filter(|node| self.mailboxes().ask_for_usage(node)).cloned().collect();
        usages.wait(&asked, since);
        // What a node said long ago is not what is used now.
        let silent = usages.stale(&stale, since.elapsed());
        nodes.difference(&silent).cloned().collect()
    }

    fn used(&self, node: &NodeName, job: JobId, attempt: Attempt, step: StepId) -> Option<Measured> {
        let part = Some(step).filter(|step| *step != StepId::Batch);
        lock(&self.usages().told).get(node)?.parts.get(&(job, attempt, part)).cloned()
    }
}
