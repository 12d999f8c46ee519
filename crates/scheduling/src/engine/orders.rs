//! Orders to nodes. They are not kept: what a node still has to be told follows from the jobs, and is told again until
//! the node has confirmed it.

use super::Core;
use crate::event::{NodeOrder, OrderTask};
use crate::id::{Attempt, JobId, NodeName, Time};
use crate::job::{JobPhase, LiveJob, Run, SentSignal};
use crate::step::LiveStep;
use crate::timers::Timer;
use slurm::records::StepId;
use std::sync::Arc;

impl Core {
    /// Something is to be said to the nodes of a job if this change is news to them.
    pub(super) fn touch(&mut self, old: &LiveJob, new: &LiveJob) {
        let signals = |job: &LiveJob| match &job.phase {
            JobPhase::Running(run) => run.signals.last().map_or(0, |last| last.serial),
            _ => 0,
        };
        let is_news =
            std::mem::discriminant(&old.phase) != std::mem::discriminant(&new.phase) || signals(old) != signals(new);
        if is_news {
            self.touched.extend(new.held().map(|share| (share.node.clone(), new.id)));
        }
        if let (JobPhase::Running(before), JobPhase::Running(run)) = (&old.phase, &new.phase) {
            self.touched.extend(news_of_steps(before, run).into_iter().map(|node| (node, new.id)));
        }
    }

    /// Everything that a node has not confirmed is to be said to it.
    pub(super) fn touch_node(&mut self, node: &NodeName) {
        let of_jobs = self.pools.get(node).into_iter().flat_map(|pool| &pool.jobs).copied();
        let strays = self.live.nodes.get(node).into_iter().flat_map(|it| &it.strays).map(|(id, _)| *id);
        let all: Vec<JobId> = of_jobs.chain(strays).collect();
        self.touched.extend(all.into_iter().map(|id| (node.clone(), id)));
    }

    pub(super) fn resend(&mut self, node: &NodeName) {
        self.touch_node(node);
    }

    /// The orders that are due.
    pub(super) fn orders(&mut self, now: Time) -> Vec<NodeOrder> {
        let mut orders = Vec::new();
        for (node, id) in std::mem::take(&mut self.touched) {
            let before = orders.len();
            self.order(&node, id, &mut orders);
            if orders.len() > before {
                let again = now.saturating_add(i64::from(self.config.bounds.resend.max(1)));
                self.timers.set(again, Timer::Resend(node));
            }
        }
        orders
    }

    /// What a node has to be told of a job.
    fn order(&self, node: &NodeName, id: JobId, orders: &mut Vec<NodeOrder>) {
        let Some(session) = self.registered.get(node).copied() else { return };
        let order = |attempt, task| NodeOrder { node: node.clone(), session, job: id, attempt, task };
        let terminate = || OrderTask::Terminate { kill_wait: self.config.bounds.kill_wait };
        let strays = self.live.nodes.get(node).into_iter().flat_map(|it| &it.strays);
        orders.extend(strays.filter(|(stray, _)| *stray == id).map(|(_, attempt)| order(*attempt, terminate())));
        let Some(job) = self.live.jobs.shared(&id) else { return };
        if !job.held().any(|share| share.node == *node) {
            return;
        }
        let has_strays = self.live.nodes.get(node).is_some_and(|it| !it.strays.is_empty());
        match &job.phase {
            // First what should not be there has to go.
            JobPhase::Running(_) if has_strays => {}
            JobPhase::Running(run) => {
                let tasks = self.tasks(job, run, node);
                orders.extend(tasks.into_iter().map(|task| order(job.attempt, task)));
            }
            JobPhase::Completing(_) => orders.push(order(job.attempt, terminate())),
            JobPhase::Pending | JobPhase::Over(..) => {}
        }
    }

    /// What a node has not confirmed of a run that goes on.
    fn tasks(&self, job: &Arc<LiveJob>, run: &Run, node: &NodeName) -> Vec<OrderTask> {
        let Some(place) = run.allocation.place(node) else { return Vec::new() };
        if !run.launched.contains(place) {
            return vec![OrderTask::Launch(job.clone())];
        }
        let kill_wait = self.config.bounds.kill_wait;
        let is_own = |it: &&(JobId, Attempt, StepId)| it.0 == job.id && it.1 == job.attempt;
        let strays = self.stray_steps.get(node).into_iter().flatten().filter(is_own);
        let strays: Vec<_> = strays.map(|it| OrderTask::TerminateStep { step: it.2, kill_wait }).collect();
        // First what should not be there has to go.
        if !strays.is_empty() {
            return strays;
        }
        let missing = run.signals.iter().filter(|signal| !signal.delivered.contains(place));
        let order =
            |signal: &SentSignal| OrderTask::Signal { serial: signal.serial, number: signal.number, to: signal.to };
        let signals = missing.map(order);
        signals.chain(run.steps.iter().flat_map(|step| self.step_tasks(job, step, node))).collect()
    }

    /// What a node has not confirmed of a step.
    fn step_tasks(&self, job: &Arc<LiveJob>, step: &LiveStep, node: &NodeName) -> Vec<OrderTask> {
        let Some(at) = step.place(node).filter(|at| !step.left.contains(*at)) else { return Vec::new() };
        let id = step.id;
        if step.is_stopped || step.ended.contains(at) {
            return vec![OrderTask::TerminateStep { step: id, kill_wait: self.config.bounds.kill_wait }];
        }
        if !step.launched.contains(at) {
            if job.is_suspended() {
                return Vec::new();
            }
            let program = self.programs.get(&(job.id, id)).cloned();
            return program.map(|program| OrderTask::LaunchStep(job.clone(), id, program)).into_iter().collect();
        }
        let missing = step.signals.iter().filter(|signal| !signal.delivered.contains(at));
        let order =
            |signal: &SentSignal| OrderTask::SignalStep { step: id, serial: signal.serial, number: signal.number };
        missing.map(order).collect()
    }
}

/// Nodes that have something to learn of the steps of a run.
fn news_of_steps(before: &Run, run: &Run) -> Vec<NodeName> {
    let nodes = |step: &LiveStep| step.shares.iter().map(|share| share.node.clone()).collect::<Vec<_>>();
    // Steps may have waited for the run itself.
    if before.launched != run.launched {
        return run.steps.iter().flat_map(nodes).collect();
    }
    let is_news = |step: &&LiveStep| {
        let old = before.steps.iter().find(|old| old.id == step.id);
        let signals = |step: &LiveStep| step.signals.last().map_or(0, |last| last.serial);
        old.is_none_or(|old| old.is_stopped != step.is_stopped || signals(old) != signals(step))
    };
    run.steps.iter().filter(is_news).flat_map(nodes).collect()
}
