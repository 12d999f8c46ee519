//! [`CoreTurn`]: the core in one batch of the writer's: decide, write, publish, send.

use super::cell::CoreCell;
use crate::store::{Draft, StoreError};
use scheduling::config::Config;
use scheduling::event::{Accepted, Denial, NodeOrder, SchedulerEvent};
use scheduling::id::{JobId, NodeName, NodeSession, Time};
use scheduling::{Core, Present};
use slurm::State;
use std::sync::{Arc, RwLockWriteGuard};
use std::time::Instant;

/// The core in one batch. It is locked from the first look at it until the batch is kept or taken back, which has to be
/// said: [`CoreTurn::commit`] or [`CoreTurn::rollback`].
pub struct CoreTurn<'c> {
    cell: &'c CoreCell,
    core: Option<RwLockWriteGuard<'c, Option<Core>>>,
    now: Time,
    /// What is sent once the batch is on disk.
    orders: Vec<NodeOrder>,
    opened: Vec<(NodeName, NodeSession)>,
    /// Whether nodes may have gone: those have no session any more.
    may_lack_nodes: bool,
}

impl<'c> CoreTurn<'c> {
    pub(super) fn new(cell: &'c CoreCell, now: Time) -> Self {
        Self { cell, core: None, now, orders: Vec::new(), opened: Vec::new(), may_lack_nodes: false }
    }

    /// The time of this batch.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The core as it is after what was done so far.
    pub fn core(&mut self) -> Option<&mut Core> {
        if self.core.is_none() && self.cell.exists() {
            self.core = Some(self.cell.lock());
            self.hear();
        }
        self.core.as_mut()?.as_mut()
    }

    /// What nodes said since is known before anything falls due by time.
    fn hear(&mut self) {
        let Some(core) = self.core.as_mut().and_then(|core| core.as_mut()) else { return };
        for (node, (session, at)) in self.cell.take_heard() {
            core.note(&node, session, at.min(self.now));
        }
    }

    /// The core, once [`CoreTurn::core`] has locked it.
    pub fn seen(&self) -> Option<&Core> {
        self.core.as_ref()?.as_ref()
    }

    /// Tells the core. Where there is none, no partition takes jobs, and there are no nodes.
    pub fn on(&mut self, accounts: &State, event: SchedulerEvent) -> Result<Accepted, Denial> {
        let present = Present { accounts, now: self.now };
        let connecting = if let SchedulerEvent::NodeConnects(node) = &event { Some(node.clone()) } else { None };
        let Some(core) = self.core() else {
            return Err(if connecting.is_some() { Denial::InvalidNode } else { Denial::NoPartition });
        };
        let changes_nodes = matches!(event, SchedulerEvent::Configure(_) | SchedulerEvent::Reshape(..));
        let decision = core.on(present, event);
        self.may_lack_nodes |= changes_nodes;
        self.orders.extend(decision.orders);
        if let (Some(node), Ok(Accepted::Connected(session))) = (connecting, decision.answer) {
            self.opened.push((node, session));
        }
        decision.answer
    }

    /// Takes on a configuration. The first one with nodes makes a core, of what the store has; one without nodes leaves
    /// those jobs that there are.
    pub fn configure(
        &mut self,
        accounts: &State,
        draft: &Draft,
        config: Option<Arc<Config>>,
    ) -> Result<Result<Accepted, Denial>, StoreError> {
        if let Some(core) = self.core() {
            let emptied = || Config { nodes: Vec::new(), partitions: Vec::new(), ..core.config().clone() };
            let config = config.unwrap_or_else(|| Arc::new(emptied()));
            return Ok(self.on(accounts, SchedulerEvent::Configure(config)));
        }
        let Some(config) = config else { return Ok(Ok(Accepted::Done)) };
        let live = draft.live()?.tables;
        let present = Present { accounts, now: self.now };
        Ok(match Core::restore(config, live, present) {
            Ok(core) => {
                let place = self.core.insert(self.cell.lock());
                self.cell.put(place, Some(core));
                Ok(Accepted::Done)
            }
            Err(_) => Err(Denial::BadConfig),
        })
    }

    /// After the works of a batch: the core learns of changed accounts and of the time, and starts what can start.
    pub fn finish(&mut self, accounts: &State, has_changed: bool, due: Option<Time>) {
        let is_due = due.is_some_and(|due| due <= self.now);
        if (self.core.is_none() && !has_changed && !is_due) || self.core().is_none() {
            return;
        }
        if has_changed {
            self.tell(accounts, self.now, SchedulerEvent::AccountsChanged);
        }
        if is_due {
            self.tell(accounts, self.now, SchedulerEvent::TimePasses);
        }
        let present = Present { accounts, now: self.now };
        let cell = self.cell;
        if let Some(core) = self.core().filter(|core| core.wants_pass()) {
            let begun = Instant::now();
            let orders = core.pass(present).orders;
            cell.figures().passed(begun, core.queue_lengths().0);
            self.orders.extend(orders);
        }
    }

    /// Nobody waits for the answer.
    fn tell(&mut self, accounts: &State, now: Time, event: SchedulerEvent) {
        if let Some(core) = self.core() {
            let orders = core.on(Present { accounts, now }, event).orders;
            self.orders.extend(orders);
        }
    }

    /// Writes what changed.
    pub fn save(&mut self, accounts: &State, draft: &Draft) -> Result<(), StoreError> {
        match &self.core {
            Some(core) => core.as_ref().map_or(Ok(()), |core| draft.save_live(core.changes(accounts))),
            None => Ok(()),
        }
    }

    /// The batch is on disk: readers see it, and orders go out. Gives the time at which something is due next, when the core
    /// was looked at.
    pub fn commit(self) -> Option<Option<Time>> {
        let mut core = self.core?;
        let place = core.as_mut()?;
        let changed: Vec<JobId> = place.live().jobs.changes().map(|(id, _)| *id).collect();
        let changes = place.live().jobs.changes().map(|(id, job)| (*id, job));
        self.cell.figures().kept(&self.cell.kept_jobs(), changes);
        place.commit();
        self.cell.publish(place);
        let next = if place.wants_pass() { Some(self.now) } else { place.next_due() };
        self.cell.changed();
        if self.may_lack_nodes {
            self.cell.mailboxes().retain(|node| place.has_session(node));
        }
        drop(core);
        self.cell.mailboxes().open(self.opened);
        self.cell.mailboxes().deliver(self.orders);
        self.cell.bells().ring(&changed);
        Some(next)
    }

    /// The batch is not kept: the core is as it was before, and nodes connect again.
    pub fn rollback(self, accounts: &State) {
        let Some(mut core) = self.core else { return };
        if let Some(core) = core.as_mut() {
            core.rollback(Present { accounts, now: self.now });
            self.cell.changed();
            self.cell.take_heard();
            self.cell.mailboxes().close_all();
        }
    }
}
