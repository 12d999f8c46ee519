//! Whether what is kept by increments is what a recount gives.

use super::{Core, Present};
use crate::id::JobId;
use std::collections::{BTreeMap, BTreeSet};

impl Core {
    /// What of all that is kept by increments differs from what the tables give; nothing, unless the core has a fault.
    /// Costs as much as a restart.
    pub fn drift(&self, present: Present) -> Vec<String> {
        let (own, mut fresh) = (self, self.clone());
        fresh.rebuild(present);
        fresh.tally.set_time(own.tally.time());
        let mut drift: Vec<String> = own.tally.differs(&fresh.tally).into_iter().collect();
        let nodes = own.pools.iter().zip(fresh.pools.iter()).filter(|(kept, counted)| kept != counted);
        drift.extend(nodes.map(|(kept, counted)| format!("kept is {kept:?}, and a recount gives {counted:?}")));
        let queued = |core: &Core| -> BTreeSet<(JobId, usize)> {
            core.queue.jobs().map(|id| (id, core.queue.places(id).len())).collect()
        };
        if queued(own) != queued(&fresh) {
            drift.push(format!("the queue has {:?}, and should have {:?}", queued(own), queued(&fresh)));
        }
        let (kept, counted) = (licenses(own), licenses(&fresh));
        if kept != counted {
            drift.push(format!("licences are {kept:?}, and a recount gives {counted:?}"));
        }
        if own.namesakes != fresh.namesakes {
            drift.push(format!("of one name are {:?}, and should be {:?}", own.namesakes, fresh.namesakes));
        }
        if own.arrays != fresh.arrays {
            drift.push(format!("arrays are {:?}, and should be {:?}", own.arrays, fresh.arrays));
        }
        fresh.forget_programs();
        if own.programs.len() != fresh.programs.len() {
            let (kept, needed) = (own.programs.keys(), fresh.programs.keys());
            drift.push(format!("programs are kept of {kept:?}, and needed of {needed:?}"));
        }
        if own.known_jobs != fresh.known_jobs {
            drift.push(format!("{} jobs are counted, and there are {}", own.known_jobs, fresh.known_jobs));
        }
        drift
    }
}

fn licenses(core: &Core) -> BTreeMap<&str, u32> {
    let taken = core.licenses.iter().filter(|(_, taken)| **taken > 0);
    taken.map(|(name, taken)| (name.as_str(), *taken)).collect()
}
