//! Whether what is kept by increments is what a recount gives.

use super::{Core, Present};
use crate::id::JobId;
use std::collections::BTreeSet;

impl Core {
    /// What of all that is kept by increments differs from what the tables give; nothing, unless the core has a fault.
    /// Costs as much as a restart.
    pub fn drift(&self, present: Present) -> Vec<String> {
        let (mut own, mut fresh) = (self.clone(), self.clone());
        fresh.rebuild(present);
        own.tally.set_time(present.now);
        fresh.tally.set_time(present.now);
        let mut drift: Vec<String> = own.tally.differs(&fresh.tally).into_iter().collect();
        let nodes = own.pools.iter().zip(fresh.pools.iter()).filter(|(kept, counted)| kept != counted);
        drift.extend(nodes.map(|(kept, counted)| format!("kept is {kept:?}, and a recount gives {counted:?}")));
        let queued = |core: &Core| -> BTreeSet<(JobId, usize)> {
            core.queue.jobs().map(|id| (id, core.queue.places(id).len())).collect()
        };
        if queued(&own) != queued(&fresh) {
            drift.push(format!("the queue has {:?}, and should have {:?}", queued(&own), queued(&fresh)));
        }
        own.licenses.retain(|_, taken| *taken > 0);
        if own.licenses != fresh.licenses {
            drift.push(format!("licences are {:?}, and a recount gives {:?}", own.licenses, fresh.licenses));
        }
        if own.known_jobs != fresh.known_jobs {
            drift.push(format!("{} jobs are counted, and there are {}", own.known_jobs, fresh.known_jobs));
        }
        drift
    }
}
