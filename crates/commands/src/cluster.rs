//! [`Cluster`] and [`Controller`]: what commands about jobs and nodes work with, as the service gives it to them.

use jiff::Zoned;
use scheduling::Core;
use scheduling::event::{Accepted, Denial, Requester, SchedulerEvent};
use scheduling::id::JobId;
use scheduling::request::BatchJob;
use slurm::State;
use slurm::authority::Caller;
use slurm::settings::Settings;
use words::people::People;

/// The cluster as somebody sees it who only asks.
#[derive(Clone, Copy)]
pub struct Cluster<'a> {
    /// Jobs, nodes, partitions.
    pub core: &'a Core,
    /// Accounts, QOS, TRES.
    pub accounts: &'a State,
    /// What accounting obeys; `PrivateData` above all.
    pub settings: &'a Settings,
    /// Who is who.
    pub people: &'a dyn People,
    /// Who asks.
    pub caller: &'a Caller,
    /// The time, in the zone of who asks.
    pub now: &'a Zoned,
    /// Scripts and what surrounds them.
    pub scripts: &'a dyn Scripts,
}

/// What jobs run, which the core does not keep.
pub trait Scripts {
    /// Of a job that is known; `None` when it runs no script. The error says why nobody can tell now.
    fn batch(&self, job: JobId) -> Result<Option<BatchJob>, String>;
}

/// The cluster for commands that change something: all of it is in one transaction.
pub trait Controller {
    /// As it is after what was changed so far.
    fn cluster(&self) -> Cluster<'_>;

    /// Tells the core.
    fn on(&mut self, event: SchedulerEvent) -> Result<Accepted, Denial>;
}

impl Cluster<'_> {
    /// Who asks, as the core wants to know it.
    pub fn requester(&self) -> Requester {
        Requester {
            uid: self.caller.uid,
            is_operator: self.caller.is_operator(self.accounts),
            coordinates: self.caller.coordinated(self.accounts).into_iter().collect(),
        }
    }

    /// The records of a number: of an array all that are known, else the job's own. None where there is no such job.
    pub fn records(&self, id: JobId) -> Vec<JobId> {
        let mut records: Vec<JobId> = self.core.array_records(id).collect();
        if records.is_empty() && self.core.job(id).is_some() {
            records.push(id);
        }
        records
    }
}
