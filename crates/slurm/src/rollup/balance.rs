//! [`ClusterUse`]: where the time of a cluster went.

use super::add_up;

/// How one TRES of a cluster was used, in seconds of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterUse {
    /// How much of it there was, at the end.
    pub count: u64,
    /// By jobs and reservations.
    pub allocated: u64,
    /// Not there though it should have been.
    pub down: u64,
    /// Not there as planned.
    pub planned_down: u64,
    /// Not used though nobody waited.
    pub idle: u64,
    /// Not used while jobs waited for it ("planned", formerly "reserved").
    pub planned: u64,
    /// Asked for beyond what there was.
    pub overcommitted: u64,
}

impl ClusterUse {
    /// Everything but the overcommitted: the time that there was.
    pub fn reported(&self) -> u64 {
        [self.down, self.planned_down, self.idle, self.planned].into_iter().fold(self.allocated, u64::saturating_add)
    }

    /// Adds another record's figures.
    pub fn add(&mut self, more: &ClusterUse) {
        for (sum, more) in [
            (&mut self.count, more.count),
            (&mut self.allocated, more.allocated),
            (&mut self.down, more.down),
            (&mut self.planned_down, more.planned_down),
            (&mut self.idle, more.idle),
            (&mut self.planned, more.planned),
            (&mut self.overcommitted, more.overcommitted),
        ] {
            add_up(sum, more);
        }
    }

    /// Makes the parts fit into `total` seconds, as slurmdbd does: first what was used, then down, then planned down
    /// time; waiting jobs take what is left, and what they wanted beyond it is overcommitted. Without a total (nobody
    /// said how much there is) nothing is cut.
    pub(super) fn balance(&mut self, total: u64) {
        if total > 0 {
            self.allocated = self.allocated.min(total);
            self.down = self.down.min(total.saturating_sub(self.allocated));
            self.planned_down = self.planned_down.min(total.saturating_sub(self.allocated).saturating_sub(self.down));
        }
        let wanted = [self.down, self.planned_down, self.planned];
        let wanted = wanted.into_iter().fold(self.allocated, u64::saturating_add);
        match total.checked_sub(wanted) {
            Some(idle) => self.idle = idle,
            None => {
                let missing = wanted - total;
                self.planned = self.planned.saturating_sub(missing);
                add_up(&mut self.overcommitted, missing);
                self.idle = 0;
            }
        }
    }
}
