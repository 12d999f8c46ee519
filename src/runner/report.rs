//! From the ends of a task's items to what is shown, registered and notified for the host.

use super::events::{HostResult, ItemReport, Status};
use super::result::Finished;
use super::task::{HostDone, TaskRun, Unit};
use crate::playbook::Task;
use crate::template::Scope;
use crate::value::{Map, Value};
use std::sync::Arc;

impl HostDone {
    /// Whether the host drops out of the play, unless a rescue section catches it.
    pub fn is_lost(&self) -> bool {
        matches!(self.report.status, Status::Failed | Status::Unreachable) && !self.report.ignored
    }
}

impl TaskRun<'_> {
    /// Sums the items up.
    pub(super) fn report(
        &self,
        host: &str,
        scope: &Arc<dyn Scope>,
        units: Option<Vec<Unit>>,
        mut finished: Vec<Finished>,
        delegate: Option<String>,
    ) -> HostDone {
        let keywords = &self.task.keywords;
        let hidden = self.keyword(&keywords.no_log, scope);
        let status = overall(&finished);
        let shown = finished.iter().any(|f| f.shown);
        let warnings = finished.iter_mut().flat_map(|f| std::mem::take(&mut f.warnings)).collect();
        let facts = finished.iter_mut().flat_map(|f| std::mem::take(&mut f.facts)).collect();
        let changed = finished.iter().any(|f| f.status == Status::Changed || is_changed(&f.result));
        let (registered, changes, error, items) = match units {
            Some(units) => {
                let registered = loop_result(self.task, &units, &finished, status);
                (registered, Vec::new(), None, Some(items(units, finished, hidden)))
            }
            None => {
                let only = finished.remove(0);
                (only.result, only.changes, only.error, None)
            }
        };
        let ignored = match status {
            Status::Failed => self.keyword(&keywords.ignore_errors, scope),
            Status::Unreachable => self.keyword(&keywords.ignore_unreachable, scope),
            _ => false,
        };
        let gathered = match (self.runs.spec().name, registered.get("ansible_facts")) {
            ("setup", Some(Value::Map(facts))) => facts.clone(),
            _ => Map::new(),
        };
        let report = HostResult {
            host: host.to_owned(),
            delegate: delegate.map(|name| self.shown_delegate(&name)),
            status,
            ignored,
            result: if hidden { censored(changed) } else { registered.clone() },
            changes: if hidden { Vec::new() } else { changes },
            items,
            error: if hidden { None } else { error },
            warnings,
            always_shown: shown,
            diff: keywords.diff.as_ref().map_or(self.options.diff, |_| self.keyword(&keywords.diff, scope)),
        };
        HostDone {
            notified: if changed && status != Status::Failed { self.notified(scope) } else { Vec::new() },
            any_errors_fatal: self.keyword(&keywords.any_errors_fatal, scope),
            report,
            registered,
            facts,
            gathered,
        }
    }

    fn shown_delegate(&self, name: &str) -> String {
        let host = self.world.hosts.get(name);
        match host.and_then(|host| host.inventory.get("ansible_host")).map(Value::to_string) {
            Some(address) if address != name => format!("{name}({address})"),
            _ => name.to_owned(),
        }
    }

    fn notified(&self, scope: &Arc<dyn Scope>) -> Vec<String> {
        let names = self.task.notify.iter().filter_map(|name| self.templar.render(&name.value, scope).ok());
        names.map(|name| name.to_string()).collect()
    }
}

pub(super) fn is_changed(result: &Map) -> bool {
    result.get("changed").is_some_and(Value::is_truthy)
}

/// One end for all items: unreachable before failed before changed; skipped only if all are.
fn overall(finished: &[Finished]) -> Status {
    let any = |status| finished.iter().any(|f| f.status == status);
    match () {
        () if any(Status::Unreachable) => Status::Unreachable,
        () if any(Status::Failed) => Status::Failed,
        () if any(Status::Changed) => Status::Changed,
        () if any(Status::Ok) => Status::Ok,
        () => Status::Skipped,
    }
}

fn items(units: Vec<Unit>, finished: Vec<Finished>, hidden: bool) -> Vec<ItemReport> {
    units
        .into_iter()
        .zip(finished)
        .map(|(unit, finished)| match hidden {
            false => ItemReport {
                label: unit.label,
                status: finished.status,
                result: finished.result,
                changes: finished.changes,
                error: finished.error,
            },
            true => ItemReport {
                label: "(censored due to no_log)".into(),
                status: finished.status,
                result: censored(is_changed(&finished.result)),
                changes: Vec::new(),
                error: None,
            },
        })
        .collect()
}

fn censored(changed: bool) -> Map {
    let text = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
    [("censored", Value::from(text)), ("changed", changed.into())].map(|(k, v)| (k.to_owned(), v)).into_iter().collect()
}

/// What a loop registers.
fn loop_result(task: &Task, units: &[Unit], finished: &[Finished], status: Status) -> Map {
    let variable = task.looped.as_ref().map_or("item", |looped| looped.variable.as_str());
    let results = units.iter().zip(finished).map(|(unit, finished)| {
        let mut result = finished.result.clone();
        result.insert(variable.to_owned(), unit.item.clone().unwrap_or_default());
        result.insert("ansible_loop_var".into(), variable.into());
        result.entry("failed".into()).or_insert(Value::Bool(finished.status == Status::Failed));
        Value::Map(result)
    });
    let mut map = Map::new();
    map.insert("results".into(), Value::List(results.collect()));
    map.insert("changed".into(), finished.iter().any(|f| is_changed(&f.result)).into());
    let msg = match status {
        Status::Failed | Status::Unreachable => "One or more items failed",
        Status::Skipped if units.is_empty() => "No items in the list",
        Status::Skipped => "All items skipped",
        _ => "All items completed",
    };
    map.insert("msg".into(), msg.into());
    match status {
        Status::Failed => map.insert("failed".into(), true.into()),
        Status::Skipped => map.insert("skipped".into(), true.into()),
        Status::Unreachable => map.insert("unreachable".into(), true.into()),
        _ => None,
    };
    map
}
