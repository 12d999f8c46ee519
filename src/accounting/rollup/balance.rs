//! [`ClusterUse`]: where the time of a cluster went.

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
        self.allocated + self.down + self.planned_down + self.idle + self.planned
    }

    /// Makes the parts fit into `total` seconds, as slurmdbd does: first what was used, then down, then planned down
    /// time; waiting jobs take what is left, and what they wanted beyond it is overcommitted. Without a total (nobody
    /// said how much there is) nothing is cut.
    pub(super) fn balance(&mut self, total: u64) {
        if total > 0 {
            self.allocated = self.allocated.min(total);
            self.down = self.down.min(total - self.allocated);
            self.planned_down = self.planned_down.min(total - self.allocated - self.down);
        }
        let used = self.allocated + self.down + self.planned_down;
        match total.checked_sub(used + self.planned) {
            Some(idle) => self.idle = idle,
            None => {
                let missing = used + self.planned - total;
                self.planned = self.planned.saturating_sub(missing);
                self.overcommitted += missing;
                self.idle = 0;
            }
        }
    }
}
