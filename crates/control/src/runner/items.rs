//! A task's items on one host, in order.
//!
//! What can go to the host together goes as one request. An item that reads what the items before it write (the result
//! under its registered name, facts) waits until they are done, and sees what they wrote.

use crate::playbook::Loop;
use crate::runner::loops;
use crate::runner::result::Finished;
use crate::runner::task::{Plan, TaskRun, Unit};
use crate::variables::{HostScope, Watch};
use std::sync::Arc;
use words::value::{Map, Shared, Value, shared};

/// Items under way.
pub(super) struct Items<'r, 't> {
    run: &'r TaskRun<'t>,
    /// The variables as the next item sees them, without the item.
    scope: HostScope,
    watch: Arc<Watch>,
    units: Vec<Unit>,
    /// How the first of the units ended.
    finished: Vec<Finished>,
    /// What is to be done for the others.
    planned: Vec<Plan>,
}

impl<'r, 't> Items<'r, 't> {
    /// For a host whose variables are `scope`.
    pub(super) fn new(run: &'r TaskRun<'t>, scope: HostScope) -> Self {
        let watch = Watch::new(run.task.register.as_deref(), run.runs.spec().facts);
        let scope = scope.watched(&watch);
        Self { run, scope, watch, units: Vec::new(), finished: Vec::new(), planned: Vec::new() }
    }

    /// The task without a loop.
    pub(super) fn run_alone(self) -> Finished {
        let unit = Unit { scope: self.scope.shared(), vars: Map::new(), label: String::new() };
        self.run.run_one(&self.scope, &unit)
    }

    /// Every item, and how it ended.
    pub(super) fn run(mut self, looped: &Loop, items: &[Value]) -> (Vec<Unit>, Vec<Finished>) {
        for index in 0..items.len() {
            if self.run.is_one_by_one() {
                self.one(looped, items, index);
            } else {
                self.plan(looped, items, index);
            }
        }
        self.carry_out();
        (self.units, self.finished)
    }

    fn one(&mut self, looped: &Loop, items: &[Value], index: usize) {
        let unit = self.unit(looped, items, index);
        let finished = self.run.run_one(&self.scope, &unit);
        self.learn(&finished);
        self.units.push(unit);
        self.finished.push(finished);
    }

    /// Plans an item. When it reads what the items before it write, these are carried out, and it is planned again.
    fn plan(&mut self, looped: &Loop, items: &[Value], index: usize) {
        if self.watch.has_seen() {
            self.carry_out();
        }
        let mut unit = self.unit(looped, items, index);
        let mut plan = self.run.plan(&self.scope, &unit);
        if self.watch.has_seen() && !self.planned.is_empty() {
            self.carry_out();
            unit = self.unit(looped, items, index);
            plan = self.run.plan(&self.scope, &unit);
        }
        self.units.push(unit);
        self.planned.push(plan);
    }

    /// Does what is planned; neighbouring items for the same host and user go as one request.
    fn carry_out(&mut self) {
        let units = &self.units[self.finished.len()..];
        let mut finished = self.run.execute(std::mem::take(&mut self.planned), units);
        for (finished, unit) in finished.iter_mut().zip(units) {
            self.run.conclude(finished, unit);
        }
        if self.watch.has_seen() {
            finished.iter().for_each(|finished| self.learn(finished));
        }
        self.finished.append(&mut finished);
    }

    /// Lets later items see what this one wrote.
    fn learn(&mut self, finished: &Finished) {
        let is_elsewhere = self.run.task.keywords.delegate_facts.is_some();
        let host = self.scope.host_mut();
        if !is_elsewhere && !finished.facts.is_empty() {
            let layer = if self.run.is_include() { &mut host.included } else { &mut host.registered };
            Arc::make_mut(layer).extend(shared(finished.facts.clone()));
        }
        if !is_elsewhere && !finished.gathered.is_empty() {
            Arc::make_mut(&mut host.facts).extend(&finished.gathered);
        }
        if let Some(name) = &self.run.task.register {
            let registered: &mut Shared = Arc::make_mut(&mut host.registered);
            registered.insert(name.clone(), Arc::new(Value::Map(finished.result.clone())));
        }
    }

    fn unit(&self, looped: &Loop, items: &[Value], index: usize) -> Unit {
        let mut vars = Map::new();
        vars.insert(looped.variable.clone(), items[index].clone());
        vars.insert("ansible_loop_var".into(), looped.variable.as_str().into());
        if let Some(name) = &looped.index {
            vars.insert(name.clone(), Value::Int(index as i64));
            vars.insert("ansible_index_var".into(), name.as_str().into());
        }
        if looped.extended {
            vars.insert("ansible_loop".into(), loops::extended(items, index));
        }
        let scope = self.scope.of_item(vars.clone()).shared();
        let label = looped.label.as_ref().and_then(|label| self.run.templar.render(&label.value, &scope).ok());
        let label = label.unwrap_or_else(|| items[index].clone()).to_string();
        Unit { scope, vars, label }
    }
}
