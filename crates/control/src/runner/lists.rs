//! Lists of tasks: one after another, each on all hosts that are left; blocks with rescue and always.
//!
//! A list takes the hosts that begin it and gives back those that came through; a block hands the others to its rescue
//! section.

use crate::playbook::{Block, Item, Task};
use crate::runner::play::Batch;
use crate::runner::{Runner, tags};
use words::diag::Diagnostic;

/// What a failure in a list of tasks means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// The host is out.
    Gone,
    /// It failed, and is out once an `always` section around the task has run.
    Later,
    /// A rescue section will take care of it.
    Rescue,
}

/// How a list of tasks is run.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// What a failure means.
    pub(super) on_failure: OnFailure,
    /// Whether its tasks are handlers.
    pub(super) is_handler: bool,
}

impl Way {
    /// The tasks of a play.
    pub(super) const TASKS: Way = Way { on_failure: OnFailure::Gone, is_handler: false };
    /// Its handlers.
    pub(super) const HANDLERS: Way = Way { on_failure: OnFailure::Gone, is_handler: true };
}

impl Runner<'_> {
    /// Runs a list of tasks; gives the hosts that came through.
    pub(super) fn run_items(
        &mut self,
        batch: &mut Batch,
        items: &[Item],
        mut hosts: Vec<String>,
        way: Way,
    ) -> Result<Vec<String>, Diagnostic> {
        for item in items {
            hosts.retain(|host| !batch.finished.contains(host));
            if hosts.is_empty() || batch.ended {
                break;
            }
            hosts = match item {
                Item::Task(task) if self.is_before_the_start(task) => hosts,
                Item::Task(task) => self.run_task(batch, task, hosts, way)?,
                Item::Block(block) => self.run_block(batch, block, hosts, way)?,
            };
        }
        Ok(hosts)
    }

    /// Whether `--start-at-task` leaves the task out. Facts are gathered all the same.
    fn is_before_the_start(&mut self, task: &Task) -> bool {
        let is_reached = self.start_at.is_none_or(|start| tags::is_called(task, start));
        if is_reached {
            self.start_at = None;
        }
        !is_reached
    }

    fn run_block(
        &mut self,
        batch: &mut Batch,
        block: &Block,
        hosts: Vec<String>,
        way: Way,
    ) -> Result<Vec<String>, Diagnostic> {
        let (on_failure, on) = (way.on_failure, |on_failure| Way { on_failure, ..way });
        let rescue = match on_failure {
            OnFailure::Gone if !block.always.is_empty() => OnFailure::Later,
            _ => on_failure,
        };
        let inner = if block.rescue.is_empty() { rescue } else { OnFailure::Rescue };
        let mut through = self.run_items(batch, &block.tasks, hosts.clone(), on(inner))?;
        let mut failed = self.without(batch, &hosts, &through);
        if !block.rescue.is_empty() && !failed.is_empty() {
            let rescued = self.run_items(batch, &block.rescue, failed.clone(), on(rescue))?;
            failed = self.without(batch, &failed, &rescued);
            through.extend(rescued);
            through = in_the_order_of(&hosts, &through);
        }
        if !block.always.is_empty() {
            let reachable = in_the_order_of(&hosts, &[through.clone(), failed.clone()].concat());
            let still = self.run_items(batch, &block.always, reachable, way)?;
            through.retain(|host| still.contains(host));
        }
        if on_failure == OnFailure::Gone {
            self.gone.extend(failed);
        }
        Ok(through)
    }

    /// Hosts that began and did not come through, and can still be reached.
    fn without(&self, batch: &Batch, began: &[String], through: &[String]) -> Vec<String> {
        let lost = |host: &&String| {
            !through.contains(host) && !self.gone.contains(*host) && !batch.finished.contains(*host) && !batch.ended
        };
        began.iter().filter(lost).cloned().collect()
    }
}

fn in_the_order_of(all: &[String], some: &[String]) -> Vec<String> {
    all.iter().filter(|host| some.contains(host)).cloned().collect()
}
