//! One task on all hosts that are left: doing it, and remembering, counting and telling what came of it.

use crate::fleet;
use crate::playbook::{Play, Task};
use crate::runner::actions::Runs;
use crate::runner::arguments::Arguments;
use crate::runner::events::{Consent, Event, Stats, Status};
use crate::runner::include;
use crate::runner::lists::{OnFailure, Way};
use crate::runner::play::Batch;
use crate::runner::task::{HostDone, TaskRun, task_args};
use crate::runner::{Runner, usage};
use crate::variables::HostScope;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use words::diag::Diagnostic;
use words::value::{Shared, Value, shared};

impl Runner<'_> {
    pub(super) fn stats_of(&mut self, host: &str) -> &mut Stats {
        self.stats.entry(host.to_owned()).or_default()
    }

    /// Runs one task on all of `hosts`; gives those that go on.
    pub(super) fn run_task(
        &mut self,
        batch: &mut Batch,
        task: &Task,
        hosts: Vec<String>,
        way: Way,
    ) -> Result<Vec<String>, Diagnostic> {
        // Handlers run whatever their tags.
        if !way.is_handler && !self.options.tags.selects(&task.keywords.tags) {
            return Ok(hosts);
        }
        let runs = Runs::find(&task.action.name).ok_or_else(|| usage(format!("no module `{}`", task.action.name)))?;
        if matches!(runs, Runs::Meta) {
            return self.run_meta(batch, task, hosts);
        }
        let args = task_args(task, runs)?;
        if self.is_declined(task)? {
            return Ok(hosts);
        }
        self.announce(batch, task, &hosts, way.is_handler);
        let (done, once) = self.perform(batch, task, runs, &args, &hosts);
        let groups = include::groups(&done);
        let through = self.settle(batch, task, hosts, done, once, way.on_failure)?;
        match &task.include {
            Some(include) => self.run_included(batch, task, include, groups, through, way),
            None => Ok(through),
        }
    }

    /// Does a task on all of `hosts`, or with `run_once` on the first; gives what came of it, and whether it was once.
    fn perform(
        &mut self,
        batch: &Batch,
        task: &Task,
        runs: Runs,
        args: &Arguments,
        hosts: &[String],
    ) -> (Vec<HostDone>, bool) {
        let directories = directories(task, batch.play);
        let run = TaskRun {
            task,
            runs,
            args,
            world: &self.world,
            play: &batch.vars,
            options: self.options,
            login: self.login,
            templar: &self.templar,
            templars: &self.templars,
            links: &self.links,
            directories: &directories,
        };
        let once = task.keywords.run_once.as_ref().is_some_and(|expr| run.flag_for(expr, &hosts[0]));
        let workers = if once { &hosts[..1] } else { hosts };
        let mut done = Vec::with_capacity(workers.len());
        let observer = &mut *self.observer;
        fleet::in_order(
            workers,
            run.throttle(&hosts[0]).min(self.options.forks),
            |host| run.on_host(host),
            |host, host_done| {
                let host_done = host_done.unwrap_or_else(|why| run.broken_off(host, &why));
                if task.include.is_none() || !host_done.is_included() {
                    observer.on(&Event::Host(&host_done.report));
                }
                done.push(host_done);
            },
        );
        (done, once)
    }

    /// Whether somebody who is asked before each task says no to this one.
    fn is_declined(&mut self, task: &Task) -> Result<bool, Diagnostic> {
        if !self.is_stepping {
            return Ok(false);
        }
        let said = self.observer.ask(task.title());
        let said = said.ok_or_else(|| {
            let message =
                format!("nobody answers whether the task `{}` is to be done; the run ends here", task.title());
            usage(message).hint("--step asks on standard input: answer y, n or c, or leave it out")
        })?;
        self.is_stepping = said != Consent::YesToAll;
        Ok(said == Consent::No)
    }

    pub(super) fn announce(&mut self, batch: &Batch, task: &Task, hosts: &[String], handler: bool) {
        let first = hosts.first().map_or("", String::as_str);
        let scope = HostScope::of_task(&self.world, &batch.vars, first, task).shared();
        let title = task.title();
        // As with ansible-core, the title of a meta task is as written.
        let is_meta = matches!(Runs::find(&task.action.name), Some(Runs::Meta));
        let rendered = if is_meta { None } else { self.templar.render_str(title, &scope).ok() };
        let name = rendered.map_or(title.to_owned(), |name| name.to_string());
        self.observer.on(&Event::Task { name, handler, place: Some(task.place.clone()) });
    }

    /// Remembers what came of a task, and tells who goes on.
    pub(super) fn settle(
        &mut self,
        batch: &mut Batch,
        task: &Task,
        hosts: Vec<String>,
        done: Vec<HostDone>,
        once: bool,
        on_failure: OnFailure,
    ) -> Result<Vec<String>, Diagnostic> {
        let fatal = done.iter().any(|d| d.is_lost() && (d.any_errors_fatal || once));
        let lost: BTreeSet<String> = done.iter().filter(|d| d.is_lost()).map(|d| d.report.host.clone()).collect();
        for host_done in done {
            self.count(&host_done, on_failure);
            self.notify(batch, &host_done);
            let own = [host_done.report.host.clone()];
            let keepers: &[String] = if once { &hosts } else { &own };
            self.remember(task, &host_done, keepers, on_failure);
        }
        let mut through: Vec<_> = hosts.iter().filter(|host| !lost.contains(*host)).cloned().collect();
        let too_many = self.is_too_many(batch, lost.len())?;
        if too_many {
            self.observer.on(&Event::NoMoreHosts);
        }
        if fatal || too_many {
            batch.is_stopped = true;
            for host in through.drain(..) {
                if on_failure == OnFailure::Gone {
                    self.gone.insert(host);
                }
            }
        }
        if !lost.is_empty() {
            self.tell_who_is_left(batch);
        }
        Ok(through)
    }

    fn count(&mut self, done: &HostDone, on_failure: OnFailure) {
        let (status, ignored, host) = (done.report.status, done.report.ignored, done.report.host.clone());
        let stats = self.stats_of(&host);
        match status {
            // An include counts once for each file that is read for it.
            Status::Ok if !done.wanted.is_empty() => {}
            Status::Ok => stats.ok += 1,
            Status::Changed => {
                stats.ok += 1;
                stats.changed += 1;
            }
            Status::Skipped => stats.skipped += 1,
            Status::Failed | Status::Unreachable if ignored => {
                stats.ok += 1;
                stats.ignored += 1;
                stats.changed += u32::from(done.is_changed());
            }
            Status::Unreachable => stats.unreachable += 1,
            Status::Failed if on_failure == OnFailure::Rescue => stats.rescued += 1,
            Status::Failed => stats.failed += 1,
        }
        let out = status == Status::Unreachable || (status == Status::Failed && on_failure == OnFailure::Gone);
        if out && !ignored {
            self.gone.insert(host);
        }
    }

    fn is_too_many(&self, batch: &Batch, lost: usize) -> Result<bool, Diagnostic> {
        let Some(expr) = batch.play.max_fail_percentage.as_ref().filter(|_| lost > 0) else { return Ok(false) };
        let limit = expr.value.to_string().trim_end_matches('%').parse::<f64>();
        let limit = limit.map_err(|_| Diagnostic::input(&expr.place, "max_fail_percentage takes a number"))?;
        let gone = batch.hosts.iter().filter(|host| self.gone.contains(*host)).count();
        Ok(gone as f64 * 100.0 / batch.hosts.len() as f64 > limit)
    }

    /// Puts results into the variables of `hosts`. Facts stay with the host that gave them, also with `run_once`.
    fn remember(&mut self, task: &Task, done: &HostDone, hosts: &[String], on_failure: OnFailure) {
        let registered = registered(task, done, on_failure);
        if registered.is_empty() && done.facts.is_empty() && done.gathered.is_empty() {
            return;
        }
        let world = Arc::make_mut(&mut self.world);
        for host in hosts {
            let vars = world.hosts.entry(host.clone()).or_default();
            Arc::make_mut(&mut vars.registered).extend(registered.clone());
        }
        let is_include = done.report.module == "include_vars";
        let facts = shared(done.facts.clone());
        let delegate = done.facts_for.as_ref().map(std::slice::from_ref);
        for host in delegate.unwrap_or(hosts) {
            let vars = world.hosts.entry(host.clone()).or_default();
            let layer = if is_include { &mut vars.included } else { &mut vars.registered };
            Arc::make_mut(layer).extend(facts.clone());
        }
        if !done.gathered.is_empty() {
            let giver = done.facts_for.as_ref().unwrap_or(&done.report.host);
            Arc::make_mut(&mut world.hosts.entry(giver.clone()).or_default().facts).extend(&done.gathered);
        }
    }
}

/// What a task leaves under registered names.
fn registered(task: &Task, done: &HostDone, on_failure: OnFailure) -> Shared {
    let mut registered = Shared::new();
    if let Some(name) = &task.register {
        registered.insert(name.clone(), done.registered.clone());
    }
    if done.is_lost() && on_failure == OnFailure::Rescue {
        registered.insert("ansible_failed_result".into(), done.registered.clone());
        let failed = [("name", Value::from(task.title())), ("action", task.action.name.as_str().into())];
        registered.insert("ansible_failed_task".into(), Arc::new(failed.into_iter().collect()));
    }
    registered
}

/// Where a task looks for files of the controller: beside its own file, then beside its play's.
fn directories(task: &Task, play: &Play) -> Vec<PathBuf> {
    let mut directories = vec![task.place.source.directory(), play.place.source.directory()];
    directories.dedup();
    directories
}
