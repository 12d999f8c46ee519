//! One play: batches of hosts, sections of tasks, blocks with rescue and always, handlers.
//!
//! Tasks run in lockstep: a task on all hosts that are left, then the next. A list of tasks takes the hosts that begin
//! it and gives back those that came through; a block hands the others to its rescue section.

use crate::fleet;
use crate::playbook::model::{Action, Vars};
use crate::playbook::{Block, Expr, Item, Keywords, Play, Task};
use crate::runner::actions::Runs;
use crate::runner::events::{Consent, Event, Stats, Status};
use crate::runner::task::{HostDone, TaskRun, task_args};
use crate::runner::{Runner, tags, usage};
use crate::variables::{HostScope, PLAYBOOK_DIR, PlayVars, texts};
use crate::yaml;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use words::diag::{Diagnostic, Source};
use words::value::{Shared, Value, shared};

/// A play under way, for one batch of hosts.
pub(super) struct Batch<'p> {
    pub(super) play: &'p Play,
    pub(super) vars: Arc<PlayVars>,
    /// All hosts of the batch.
    pub(super) hosts: Vec<String>,
    /// All hosts of the play.
    all: Vec<String>,
    /// Handlers that each host notified, by position.
    pub(super) notified: BTreeMap<usize, BTreeSet<String>>,
    /// `meta: end_play`, or too many failures.
    pub(super) ended: bool,
    /// Hosts that `meta: end_host` took out; they did not fail.
    pub(super) finished: BTreeSet<String>,
}

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

impl Runner<'_> {
    /// Runs a play; false when no host is left for later ones.
    pub(super) fn run_play(&mut self, play: &Play) -> Result<bool, Diagnostic> {
        let directory = play.place.source.directory();
        self.look_beside(&directory);
        let vars = self.play_vars(play, &directory)?;
        let hosts = self.play_hosts(play, &vars)?;
        let title = self.title(play, &vars);
        if hosts.is_empty() {
            self.observer.on(&Event::Play { name: title });
            self.observer.on(&Event::NoHostsMatched);
            return Ok(true);
        }
        for batch in self.batches(play, &hosts)? {
            self.observer.on(&Event::Play { name: title.clone() });
            let before = self.gone.len();
            let mut batch = self.batch(play, &vars, batch, &hosts);
            self.run_batch(&mut batch)?;
            if batch.ended {
                break;
            }
            let lost = self.gone.len().saturating_sub(before);
            if lost == batch.hosts.len() && lost > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn title(&self, play: &Play, vars: &Arc<PlayVars>) -> String {
        let title = play.title();
        let scope = HostScope::of_play(&self.world, vars).shared();
        self.templar.render_str(&title, &scope).map_or(title, |name| name.to_string())
    }

    fn play_hosts(&mut self, play: &Play, vars: &Arc<PlayVars>) -> Result<Vec<String>, Diagnostic> {
        let value = self.templar.render(&play.hosts.value, &HostScope::of_play(&self.world, vars).shared());
        let patterns = match value.map_err(|error| Diagnostic::input(&play.hosts.place, error.to_string()))? {
            Value::List(patterns) => patterns.iter().map(Value::to_string).collect(),
            pattern => vec![pattern.to_string()],
        };
        let matched = self.inventory.hosts_matching(&patterns, &self.options.limit);
        let matched = matched.map_err(|error| error.at(&play.hosts.place))?;
        for pattern in matched.unmatched {
            let message = format!("Could not match supplied host pattern, ignoring: {pattern}");
            self.observer.on(&Event::Warning(message));
        }
        Ok(matched.hosts)
    }

    /// The variables of the play, with those of its files, and where it is.
    fn play_vars(&mut self, play: &Play, directory: &Path) -> Result<Arc<PlayVars>, Diagnostic> {
        let absolute = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let place = (PLAYBOOK_DIR.to_owned(), Arc::new(absolute.display().to_string().into()));
        let mut vars =
            PlayVars { vars: play.keywords.vars.clone(), files: Vec::new(), magic: [place].into_iter().collect() };
        for entry in &play.vars_files {
            let file = self.vars_file(entry, &vars, directory)?;
            vars.files.push(file);
        }
        Ok(Arc::new(vars))
    }

    /// One entry of `vars_files`; of a list, the first file that exists.
    fn vars_file(&mut self, entry: &Expr, vars: &PlayVars, directory: &Path) -> Result<Vars, Diagnostic> {
        let scope = HostScope::of_play(&self.world, &Arc::new(vars.clone())).shared();
        let rendered = self.templar.render(&entry.value, &scope);
        let names = match rendered.map_err(|error| Diagnostic::input(&entry.place, error.to_string()))? {
            Value::List(names) => names.iter().map(Value::to_string).collect(),
            name => vec![name.to_string()],
        };
        let path = names.iter().map(|name| directory.join(name)).find(|path| path.exists());
        let path = path.ok_or_else(|| {
            Diagnostic::input(&entry.place, format!("vars file {} was not found", names.join(" or ")))
        })?;
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Diagnostic::input(&entry.place, format!("cannot read {}: {error}", path.display())))?;
        let source = Source::new(path.display().to_string(), text);
        let mut parsed = yaml::read(&source)?;
        for warning in parsed.warnings.drain(..) {
            self.observer.on(&Event::Warning(warning.to_string()));
        }
        match parsed.single()?.map(|node| (node.to_value(), node)) {
            Some((Value::Map(map), _)) => Ok(Arc::new(shared(map))),
            None | Some((Value::Null, _)) => Ok(Vars::default()),
            Some((_, node)) => Err(node.error("a file of variables holds a mapping of names to values")),
        }
    }

    /// The hosts cut into batches by `serial`.
    fn batches(&self, play: &Play, hosts: &[String]) -> Result<Vec<Vec<String>>, Diagnostic> {
        let mut sizes = Vec::new();
        for expr in &play.serial {
            sizes.push(batch_size(expr, hosts.len())?);
        }
        let mut sizes = sizes.into_iter().peekable();
        let mut rest = hosts;
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let size = match sizes.next() {
                Some(size) if sizes.peek().is_none() => {
                    batches.extend(rest.chunks(size).map(<[String]>::to_vec));
                    break;
                }
                Some(size) => size.min(rest.len()),
                None => rest.len(),
            };
            batches.push(rest[..size].to_vec());
            rest = &rest[size..];
        }
        Ok(batches)
    }

    fn batch<'p>(&self, play: &'p Play, vars: &PlayVars, hosts: Vec<String>, all: &[String]) -> Batch<'p> {
        let mut vars = vars.clone();
        vars.magic.insert("ansible_play_hosts_all".into(), Arc::new(texts(all)));
        vars.magic.insert("ansible_play_name".into(), Arc::new(play.title().into()));
        let mut batch = Batch {
            play,
            vars: Arc::new(vars),
            hosts,
            all: all.to_vec(),
            notified: BTreeMap::new(),
            ended: false,
            finished: BTreeSet::new(),
        };
        self.tell_who_is_left(&mut batch);
        batch
    }

    /// The magic variables that say which hosts have not failed.
    fn tell_who_is_left(&self, batch: &mut Batch) {
        let left = |hosts: &[String]| {
            let left: Vec<_> = hosts.iter().filter(|host| !self.gone.contains(*host)).cloned().collect();
            Arc::new(texts(&left))
        };
        let (all, own) = (left(&batch.all), left(&batch.hosts));
        let magic = &mut Arc::make_mut(&mut batch.vars).magic;
        magic.insert("ansible_play_hosts".into(), all);
        magic.insert("ansible_play_batch".into(), own.clone());
        magic.insert("play_hosts".into(), own);
    }

    fn run_batch(&mut self, batch: &mut Batch) -> Result<(), Diagnostic> {
        let mut hosts: Vec<_> = batch.hosts.iter().filter(|host| !self.gone.contains(*host)).cloned().collect();
        if batch.play.gather_facts.unwrap_or(true) {
            let task = gather_facts(batch.play);
            hosts = self.run_task(batch, &task, hosts, OnFailure::Gone, false)?;
        }
        for section in batch.play.sections() {
            hosts = self.run_items(batch, section, hosts, OnFailure::Gone)?;
            hosts = self.flush_handlers(batch, hosts)?;
        }
        Ok(())
    }

    /// Runs a list of tasks; gives the hosts that came through.
    fn run_items(
        &mut self,
        batch: &mut Batch,
        items: &[Item],
        mut hosts: Vec<String>,
        on_failure: OnFailure,
    ) -> Result<Vec<String>, Diagnostic> {
        for item in items {
            hosts.retain(|host| !batch.finished.contains(host));
            if hosts.is_empty() || batch.ended {
                break;
            }
            hosts = match item {
                Item::Task(task) if self.is_before_the_start(task) => hosts,
                Item::Task(task) => self.run_task(batch, task, hosts, on_failure, false)?,
                Item::Block(block) => self.run_block(batch, block, hosts, on_failure)?,
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
        on_failure: OnFailure,
    ) -> Result<Vec<String>, Diagnostic> {
        let rescue = match on_failure {
            OnFailure::Gone if !block.always.is_empty() => OnFailure::Later,
            _ => on_failure,
        };
        let inner = if block.rescue.is_empty() { rescue } else { OnFailure::Rescue };
        let mut through = self.run_items(batch, &block.tasks, hosts.clone(), inner)?;
        let mut failed = self.without(batch, &hosts, &through);
        if !block.rescue.is_empty() && !failed.is_empty() {
            let rescued = self.run_items(batch, &block.rescue, failed.clone(), rescue)?;
            failed = self.without(batch, &failed, &rescued);
            through.extend(rescued);
            through = in_the_order_of(&hosts, &through);
        }
        if !block.always.is_empty() {
            let reachable = in_the_order_of(&hosts, &[through.clone(), failed.clone()].concat());
            let still = self.run_items(batch, &block.always, reachable, on_failure)?;
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

    fn stats_of(&mut self, host: &str) -> &mut Stats {
        self.stats.entry(host.to_owned()).or_default()
    }

    /// Runs one task on all of `hosts`; gives those that go on.
    pub(super) fn run_task(
        &mut self,
        batch: &mut Batch,
        task: &Task,
        hosts: Vec<String>,
        on_failure: OnFailure,
        handler: bool,
    ) -> Result<Vec<String>, Diagnostic> {
        if !self.options.tags.selects(&task.keywords.tags) {
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
        self.announce(batch, task, &hosts, handler);
        let directories = directories(task, batch.play);
        let run = TaskRun {
            task,
            runs,
            args: &args,
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
        let workers = if once { &hosts[..1] } else { &hosts[..] };
        let mut done = Vec::with_capacity(workers.len());
        let observer = &mut *self.observer;
        fleet::in_order(
            workers,
            run.throttle(&hosts[0]).min(self.options.forks),
            |host| run.on_host(host),
            |host, host_done| {
                let host_done = host_done.unwrap_or_else(|why| run.broken_off(host, &why));
                observer.on(&Event::Host(&host_done.report));
                done.push(host_done);
            },
        );
        self.settle(batch, task, hosts, done, once, on_failure)
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
    fn settle(
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

fn in_the_order_of(all: &[String], some: &[String]) -> Vec<String> {
    all.iter().filter(|host| some.contains(host)).cloned().collect()
}

/// One entry of `serial`: a number, or a share of all hosts; at least 1.
fn batch_size(expr: &Expr, all: usize) -> Result<usize, Diagnostic> {
    let text = expr.value.to_string();
    let size = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok().map(|percent| (percent / 100.0 * all as f64) as usize),
        None => text.parse().ok(),
    };
    match size {
        Some(0) if !text.ends_with('%') => Ok(all.max(1)),
        Some(size) => Ok(size.max(1)),
        None => Err(Diagnostic::input(&expr.place, format!("`serial` takes a number or a percentage, not `{text}`"))),
    }
}

/// The task that a play begins with.
fn gather_facts(play: &Play) -> Task {
    let mut keywords = Keywords { tags: vec!["always".into()], vars: Vec::new(), ..play.keywords.clone() };
    keywords.when.clear();
    keywords.run_once = None;
    Task {
        name: Some("Gathering Facts".into()),
        action: Action {
            name: "setup".into(),
            place: play.place.clone(),
            free_form: None,
            args: Vec::new(),
            more_args: None,
        },
        keywords,
        looped: None,
        register: None,
        changed_when: None,
        failed_when: None,
        notify: Vec::new(),
        listen: Vec::new(),
        until: None,
        retries: None,
        delay: None,
        place: play.place.clone(),
    }
}
