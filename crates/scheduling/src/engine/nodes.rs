//! Nodes: they connect, register, report, and fall silent.
//!
//! A node's word counts only in its present session. When it registers it says which runs it has: those that are not its
//! own any more are ended before it gets anything new.

use super::{Core, Present};
use crate::event::{Denial, NodeCommand, NodeReport, Registration, Reported, Requester, RunStage, ScriptEnd};
use crate::id::{JobId, NodeName, NodeSession, Time, Uid};
use crate::job::*;
use crate::node::{DownCause, Hardware, NodeHealth, NodeStanding, Remark};
use crate::timers::Timer;
use slurm::records::JobState;
use std::collections::BTreeSet;

impl Core {
    /// A new session; the node is to register in it.
    pub(super) fn connect(&mut self, present: Present, node: &NodeName) -> Result<NodeSession, Denial> {
        self.pools.place(node).ok_or(Denial::InvalidNode)?;
        let mut standing = self.standing(node);
        standing.session = NodeSession(standing.session.0 + 1);
        let session = standing.session;
        self.registered.remove(node);
        self.connected.insert(node.clone(), session);
        self.put_node(node, standing);
        self.note_heard(present, node);
        Ok(session)
    }

    pub(super) fn register(
        &mut self,
        present: Present,
        node: &NodeName,
        session: NodeSession,
        registration: Registration,
    ) -> Result<(), Denial> {
        let configured = self.pools.get(node).ok_or(Denial::InvalidNode)?.hardware.clone();
        if self.connected.get(node) != Some(&session) {
            return Err(Denial::Denied);
        }
        if self.registered.contains_key(node) {
            return Ok(());
        }
        let mut standing = self.standing(node);
        self.note_heard(present, node);
        self.registered.insert(node.clone(), session);
        if !matches!(standing.health, NodeHealth::Down(_, DownCause::Ordered)) {
            standing.health = NodeHealth::Up;
        }
        let rebooted = standing.boot.is_some_and(|boot| boot != registration.boot);
        standing.boot = Some(registration.boot);
        if let Some(reason) = shortage(&configured, &registration.hardware) {
            standing.drain.get_or_insert(Remark { reason, uid: Uid::ROOT, since: present.now });
        }
        standing.strays = self.strays(node, &registration);
        self.put_node(node, standing);
        self.reconcile(present, node, &registration, rebooted);
        self.reconcile_steps(present, node, &registration.steps);
        self.touch_node(node);
        Ok(())
    }

    /// Runs that a node has and should not have.
    fn strays(&self, node: &NodeName, registration: &Registration) -> BTreeSet<(JobId, crate::id::Attempt)> {
        let owns = |id: &JobId, attempt| {
            let job = self.live.jobs.get(id).filter(|job| job.attempt == attempt);
            job.is_some_and(|job| job.held().any(|share| share.node == *node))
        };
        let present = registration.runs.iter().filter(|(.., stage)| *stage != RunStage::Left);
        present.filter(|(id, attempt, _)| !owns(id, *attempt)).map(|(id, attempt, _)| (*id, *attempt)).collect()
    }

    /// Compares what a node has with what it should have.
    fn reconcile(&mut self, present: Present, node: &NodeName, registration: &Registration, rebooted: bool) {
        let jobs: Vec<JobId> = self.pools.get(node).map(|pool| pool.jobs.iter().copied().collect()).unwrap_or_default();
        for id in jobs {
            let Some(job) = self.live.jobs.shared(&id).cloned() else { continue };
            let said = registration.runs.iter().find(|(other, attempt, _)| *other == id && *attempt == job.attempt);
            match said {
                Some((.., stage)) => self.advance(present, &job, node, *stage),
                None if !rebooted && is_untold(&job, node) => {}
                None => self.lose(present, id, node),
            }
        }
    }

    pub(super) fn report(
        &mut self,
        present: Present,
        node: &NodeName,
        session: NodeSession,
        report: NodeReport,
    ) -> Result<(), Denial> {
        if self.registered.get(node) != Some(&session) {
            return Err(Denial::Denied);
        }
        self.note_heard(present, node);
        let NodeReport { job: id, attempt, what } = report;
        let is_gone = matches!(what, Reported::Stage(RunStage::Left) | Reported::LaunchFailed);
        let mut standing = self.standing(node);
        if is_gone && standing.strays.remove(&(id, attempt)) {
            self.put_node(node, standing);
            self.touch_node(node);
        }
        let Some(job) = self.live.jobs.shared(&id).filter(|job| job.attempt == attempt).cloned() else { return Ok(()) };
        if !job.held().any(|share| share.node == *node) {
            return Ok(());
        }
        match what {
            Reported::Stage(stage) => self.advance(present, &job, node, stage),
            Reported::LaunchFailed => self.launch_failed(present, &job, node),
            Reported::Delivered(serial) => self.delivered(present, &job, node, serial),
        }
        Ok(())
    }

    /// A run has come so far on a node; what is behind that is known already.
    fn advance(&mut self, present: Present, job: &LiveJob, node: &NodeName, stage: RunStage) {
        match (&job.phase, stage) {
            (JobPhase::Running(_), RunStage::Launched) => self.launched(present, job, node),
            // An allocation without a script ends when somebody says so.
            (JobPhase::Running(_), RunStage::Ended(_)) if job.submission.allocation.is_some() => {}
            (JobPhase::Running(run), RunStage::Ended(end)) if run.allocation.place(node) == Some(0) => {
                self.end_run(present, job, ending(end, present.now), NextPhase::Over);
            }
            // A part of the job is gone although nobody ended it.
            (JobPhase::Running(_), RunStage::Left) => self.lose(present, job.id, node),
            (JobPhase::Completing(_), RunStage::Left) => self.node_left(present, job, node),
            _ => {}
        }
    }

    fn launched(&mut self, present: Present, job: &LiveJob, node: &NodeName) {
        let JobPhase::Running(mut run) = job.phase.clone() else { return };
        let place = run.allocation.place(node);
        if place.is_some_and(|at| run.launched.insert(at)) {
            self.put(present, LiveJob { phase: JobPhase::Running(run), ..job.clone() });
        }
    }

    fn delivered(&mut self, present: Present, job: &LiveJob, node: &NodeName, serial: u32) {
        let JobPhase::Running(mut run) = job.phase.clone() else { return };
        let Some(place) = run.allocation.place(node) else { return };
        for signal in run.signals.iter_mut().filter(|signal| signal.serial == serial) {
            signal.delivered.insert(place);
        }
        let (all, last) = (super::control::nodes(&run), run.signals.last().map(|signal| signal.serial));
        // The last one says which serial number comes next.
        run.signals.retain(|signal| signal.delivered.count() < all || Some(signal.serial) == last);
        self.put(present, LiveJob { phase: JobPhase::Running(run), ..job.clone() });
    }

    /// A node could not start its part: the job waits again, held (`launch failed requeued held`).
    fn launch_failed(&mut self, present: Present, job: &LiveJob, node: &NodeName) {
        let (hold, next) = if job.attempt.0 >= self.config.bounds.max_requeue {
            (Hold::MaxRequeue, self.again(present))
        } else {
            (Hold::LaunchFailed, self.again(present))
        };
        let next = if job.submission.requeue { next } else { NextPhase::Over };
        let held = LiveJob { hold: job.hold.or(Some(hold)), ..job.clone() };
        self.end_run(present, &held, Ending::new(JobState::NodeFail, present.now), next);
        if let Some(job) = self.live.jobs.shared(&job.id).cloned() {
            self.node_left(present, &job, node);
        }
    }

    pub(super) fn hear(&mut self, present: Present, node: &NodeName, session: NodeSession) -> Result<(), Denial> {
        if self.registered.get(node) != Some(&session) {
            return Err(Denial::Denied);
        }
        self.note_heard(present, node);
        Ok(())
    }

    /// A node was there at a time, which is told without an event: nothing else follows from it.
    pub fn note(&mut self, node: &NodeName, session: NodeSession, at: Time) {
        if self.registered.get(node) == Some(&session) {
            let heard = self.heard.entry(node.clone()).or_insert(at);
            *heard = (*heard).max(at);
        }
    }

    fn note_heard(&mut self, present: Present, node: &NodeName) {
        let before = self.heard.insert(node.clone(), present.now);
        if before.is_none() {
            self.timers.set(self.silent_from(present.now), Timer::Silence(node.clone()));
        }
    }

    fn silent_from(&self, heard: Time) -> Time {
        heard.saturating_add(i64::from(self.config.bounds.node_timeout))
    }

    /// After a start nodes have their whole time to come back.
    pub(super) fn watch_nodes(&mut self, present: Present) {
        let up: Vec<NodeName> = self.live.nodes.iter().map(|(name, _)| name.clone()).collect();
        for node in up {
            let heard = *self.heard.entry(node.clone()).or_insert(present.now);
            self.timers.set(self.silent_from(heard), Timer::Silence(node));
        }
        let gone = |share: &&NodeShare| self.pools.place(&share.node).is_none();
        let lost: Vec<(JobId, NodeName)> = (self.live.jobs.iter())
            .flat_map(|(id, job)| job.held().filter(gone).map(|share| (*id, share.node.clone())))
            .collect();
        for (id, node) in lost {
            self.lose(present, id, &node);
        }
    }

    /// A node that was silent for too long is down.
    pub(super) fn check_silence(&mut self, present: Present, node: &NodeName) {
        let Some(heard) = self.heard.get(node).copied() else { return };
        let from = self.silent_from(heard);
        if from > present.now {
            return self.timers.set(from, Timer::Silence(node.clone()));
        }
        self.heard.remove(node);
        self.connected.remove(node);
        self.registered.remove(node);
        if self.standing(node).health == NodeHealth::Up {
            let remark = Remark { reason: "Not responding".into(), uid: Uid::ROOT, since: present.now };
            self.take_down(present, node, remark, DownCause::Silent);
        }
    }

    fn take_down(&mut self, present: Present, node: &NodeName, remark: Remark, cause: DownCause) {
        let standing = NodeStanding { health: NodeHealth::Down(remark, cause), ..self.standing(node) };
        self.put_node(node, standing);
        let jobs: Vec<JobId> = self.pools.get(node).map(|pool| pool.jobs.iter().copied().collect()).unwrap_or_default();
        for id in jobs {
            if let Some(job) = self.live.jobs.get(&id).filter(|_| cause == DownCause::Ordered) {
                let attempt = job.attempt;
                let mut standing = self.standing(node);
                standing.strays.insert((id, attempt));
                self.put_node(node, standing);
            }
            self.lose(present, id, node);
        }
        self.touch_node(node);
    }

    pub(super) fn control_node(
        &mut self,
        present: Present,
        who: &Requester,
        node: &NodeName,
        command: NodeCommand,
    ) -> Result<(), Denial> {
        if !who.is_operator {
            return Err(Denial::Denied);
        }
        self.pools.place(node).ok_or(Denial::InvalidNode)?;
        let remark = |reason| Remark { reason, uid: who.uid, since: present.now };
        let mut standing = self.standing(node);
        match command {
            NodeCommand::Drain(reason) => (standing.drain, standing.is_failing) = (Some(remark(reason)), false),
            NodeCommand::Fail(reason) => (standing.drain, standing.is_failing) = (Some(remark(reason)), true),
            NodeCommand::Comment(text) => standing.comment = text,
            NodeCommand::Extra(text) => standing.extra = text,
            NodeCommand::Down(reason) => {
                self.take_down(present, node, remark(reason), DownCause::Ordered);
                return Ok(());
            }
            NodeCommand::Reason(reason) => {
                if let NodeHealth::Down(said, _) = &mut standing.health {
                    *said = remark(reason.clone());
                }
                standing.drain = standing.drain.map(|_| remark(reason));
            }
            NodeCommand::Resume => {
                (standing.drain, standing.is_failing) = (None, false);
                if let NodeHealth::Down(..) = standing.health {
                    let is_there = self.registered.contains_key(node);
                    standing.health = if is_there { NodeHealth::Up } else { NodeHealth::Unknown };
                }
            }
        }
        self.put_node(node, standing);
        Ok(())
    }
}

/// Whether a node may not know of a run yet: the order to start it is on its way.
fn is_untold(job: &LiveJob, node: &NodeName) -> bool {
    let JobPhase::Running(run) = &job.phase else { return false };
    run.allocation.place(node).is_some_and(|at| !run.launched.contains(at))
}

fn ending(end: ScriptEnd, at: Time) -> Ending {
    Ending { exit: end.exit, ..Ending::new(end.state(), at) }
}

/// What a node has less than configured, in Slurm's words.
fn shortage(configured: &Hardware, found: &Hardware) -> Option<String> {
    if found.cpus < configured.cpus {
        return Some("Low socket*core*thread count, Low CPUs".into());
    }
    if found.memory < configured.memory {
        let (is, should) = (found.memory, configured.memory);
        return Some(format!("Low RealMemory (reported:{is} < 100.00% of configured:{should})"));
    }
    let count = |hardware: &Hardware, name: &str, kind: &Option<String>| {
        let same = hardware.gres.iter().filter(|stock| stock.name == name && stock.kind == *kind);
        same.map(|stock| stock.count).sum::<u32>()
    };
    let is_low = |stock: &&crate::node::GresStock| count(found, &stock.name, &stock.kind) < stock.count;
    let low = configured.gres.iter().find(is_low)?;
    let (name, is) = (&low.name, count(found, &low.name, &low.kind));
    Some(format!("gres/{name} count reported lower than configured ({is} < {})", low.count))
}
