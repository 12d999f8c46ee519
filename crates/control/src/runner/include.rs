//! `include_tasks`: hosts say which file; those that say the same run its tasks together, one such group after another.
//!
//! As with ansible-core's linear strategy, all files are read before the first of their tasks runs. A file that cannot be
//! read, or has a mistake, fails the include on the hosts that want it, and on no other.

use crate::playbook::{Include, Item, Task, TaskFile, read_tasks};
use crate::runner::actions::include_tasks::{ARGS, FILE};
use crate::runner::events::{Event, HostResult, Status};
use crate::runner::lists::{OnFailure, Way};
use crate::runner::play::Batch;
use crate::runner::result::Finished;
use crate::runner::task::{HostDone, Unit};
use crate::runner::{Runner, preflight};
use crate::variables::Passed;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value, shared};

/// A file that a host wants to include, for the task or one item of its loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The file's name, rendered.
    file: String,
    /// The other arguments, rendered.
    args: Option<Value>,
    /// The item, and what belongs to it; empty without a loop.
    item: Map,
    /// What output shows for the item; `None` without a loop.
    label: Option<String>,
    /// Whether `no_log` hides it.
    is_hidden: bool,
}

/// Hosts that include the same file in the same way.
pub(super) struct Group {
    wanted: Wanted,
    /// In the order of the play.
    hosts: Vec<String>,
    any_errors_fatal: bool,
}

/// The tasks of a group's file.
type Tasks = Arc<Vec<Item>>;

/// What a host wants to include, by the ends of the items (or of the task alone, without `units`).
pub(super) fn wanted(units: &[Unit], finished: &[Finished], is_hidden: bool) -> Vec<Wanted> {
    let of = |(index, finished): (usize, &Finished)| {
        let unit = units.get(index);
        let label = unit.map(|unit| if is_hidden { super::report::HIDDEN_ITEM.into() } else { unit.label.clone() });
        Some(Wanted {
            file: finished.result.get(FILE).filter(|_| finished.status == Status::Ok)?.to_string(),
            args: finished.result.get(ARGS).cloned(),
            item: unit.map(|unit| unit.vars.clone()).unwrap_or_default(),
            label,
            is_hidden,
        })
    };
    finished.iter().enumerate().filter_map(of).collect()
}

/// Hosts that want the same are one group. Who wants the same twice, as by a list with the same item twice, is in two.
pub(super) fn groups(done: &[HostDone]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for host_done in done.iter().filter(|done| !done.is_lost()) {
        let host = &host_done.report.host;
        for wanted in &host_done.wanted {
            let is_new_there = |group: &&mut Group| group.wanted == *wanted && group.hosts.last() != Some(host);
            match groups.iter_mut().find(is_new_there) {
                Some(group) => {
                    group.hosts.push(host.clone());
                    group.any_errors_fatal |= host_done.any_errors_fatal;
                }
                None => groups.push(Group {
                    wanted: wanted.clone(),
                    hosts: vec![host.clone()],
                    any_errors_fatal: host_done.any_errors_fatal,
                }),
            }
        }
    }
    groups
}

impl Runner<'_> {
    /// Runs the files of `groups` on those of their hosts that are among `hosts`; gives those of `hosts` that go on.
    pub(super) fn run_included(
        &mut self,
        batch: &mut Batch,
        task: &Task,
        include: &Include,
        groups: Vec<Group>,
        hosts: Vec<String>,
        way: Way,
    ) -> Result<Vec<String>, Diagnostic> {
        let was_stopped = std::mem::take(&mut batch.is_stopped);
        let mut through = hosts;
        for (group, tasks) in self.read_all(batch, task, include, groups, &mut through, way)? {
            through = self.run_group(batch, include, group, &tasks, through, way)?;
        }
        batch.is_stopped |= was_stopped;
        Ok(through)
    }

    /// Reads the files of all groups, and gives the groups whose files could be read. The hosts of the others are lost, and
    /// are not among `hosts` any more.
    fn read_all(
        &mut self,
        batch: &mut Batch,
        task: &Task,
        include: &Include,
        groups: Vec<Group>,
        hosts: &mut Vec<String>,
        way: Way,
    ) -> Result<Vec<(Group, Tasks)>, Diagnostic> {
        let mut files: HashMap<String, Result<(String, Tasks), Diagnostic>> = HashMap::new();
        let mut ready = Vec::new();
        for mut group in groups {
            keep_those_of(&mut group.hosts, hosts);
            let name = &group.wanted.file;
            if !files.contains_key(name) {
                files.insert(name.clone(), self.read(batch, include, name, way));
            }
            match &files[name] {
                _ if group.hosts.is_empty() => {}
                Ok((path, tasks)) => {
                    group.hosts.iter().for_each(|host| self.stats_of(host).ok += 1);
                    let (hosts, item) = (group.hosts.clone(), group.wanted.label.clone());
                    self.observer.on(&Event::Included { path: path.clone(), hosts, item });
                    ready.push((group, tasks.clone()));
                }
                Err(error) => {
                    let done: Vec<_> = group.hosts.iter().map(|host| failed(task, &group, host, error)).collect();
                    done.iter().for_each(|done| self.observer.on(&Event::Host(&done.report)));
                    *hosts = self.settle(batch, task, std::mem::take(hosts), done, false, way.on_failure)?;
                }
            }
        }
        Ok(ready)
    }

    /// The tasks of the file called `name`, with its absolute path. Mistakes in it are found before any of them runs.
    fn read(&mut self, batch: &Batch, include: &Include, name: &str, way: Way) -> Result<(String, Tasks), Diagnostic> {
        let TaskFile { path, items, warnings } = read_tasks(self.files, include, name)?;
        if way.is_handler && items.iter().any(|item| matches!(item, Item::Block(_))) {
            let error = Diagnostic::new(ErrorKind::Input, "Using a block as a handler is not supported.");
            return Err(error.note(format!("{} is included by a handler", path.display())));
        }
        let mut findings = preflight::check_included(&items, batch.play);
        let warnings = warnings.iter().chain(&findings.warnings).map(ToString::to_string);
        warnings.for_each(|warning| self.observer.on(&Event::Warning(warning)));
        if findings.errors.is_empty() {
            return Ok((absolute(&path), Arc::new(items)));
        }
        let first = findings.errors.remove(0);
        Err(findings.errors.iter().fold(first, |first, other| first.note(format!("and: {other}"))))
    }

    /// Runs the tasks of a file on the hosts of its group, and gives those of `through` that go on.
    fn run_group(
        &mut self,
        batch: &mut Batch,
        include: &Include,
        group: Group,
        tasks: &[Item],
        mut through: Vec<String>,
        way: Way,
    ) -> Result<Vec<String>, Diagnostic> {
        let mut own = group.hosts;
        keep_those_of(&mut own, &through);
        own.retain(|host| !batch.finished.contains(host));
        if own.is_empty() || batch.ended {
            return Ok(through);
        }
        let passed = Passed { vars: include.vars.clone(), item: Arc::new(shared(group.wanted.item)) };
        Arc::make_mut(&mut batch.vars).passed.push(passed);
        let came = self.run_items(batch, tasks, own.clone(), way);
        Arc::make_mut(&mut batch.vars).passed.pop();
        let came = came?;
        let own: HashSet<_> = own.into_iter().collect();
        if batch.is_stopped {
            // What stops all hosts stops those, too, that include something else.
            if way.on_failure == OnFailure::Gone {
                self.gone.extend(through.into_iter().filter(|host| !own.contains(host)));
            }
            return Ok(came);
        }
        let came: HashSet<_> = came.into_iter().collect();
        through.retain(|host| came.contains(host) || !own.contains(host));
        Ok(through)
    }
}

/// The end of a host whose file cannot be included.
fn failed(task: &Task, group: &Group, host: &str, error: &Diagnostic) -> HostDone {
    let mut result: Map = [("changed", false.into()), (FILE, group.wanted.file.as_str().into())]
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    result.insert("failed".into(), true.into());
    result.insert("reason".into(), error.message.as_str().into());
    let error = match &error.place {
        Some(_) => error.clone().note(format!("included at {}", task.place)),
        None => error.clone().at(&task.action.place),
    };
    let registered = Arc::new(Value::Map(result));
    let is_hidden = group.wanted.is_hidden;
    let shown = if is_hidden { Arc::new(Value::Map(super::report::censored(false))) } else { registered.clone() };
    HostDone {
        report: HostResult {
            host: host.to_owned(),
            module: "include_tasks",
            delegate: None,
            status: Status::Failed,
            ignored: false,
            result: shown,
            changes: Vec::new(),
            retries: Vec::new(),
            items: None,
            error: (!is_hidden).then_some(error),
            warnings: Vec::new(),
            always_shown: false,
            diff: false,
        },
        registered,
        facts: Map::new(),
        facts_for: None,
        gathered: Default::default(),
        notified: Vec::new(),
        wanted: Vec::new(),
        any_errors_fatal: group.any_errors_fatal,
    }
}

fn keep_those_of(hosts: &mut Vec<String>, all: &[String]) {
    let all: HashSet<&String> = all.iter().collect();
    hosts.retain(|host| all.contains(host));
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
