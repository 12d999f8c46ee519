//! From the ends of a task's items to what is shown, registered and notified for the host.

use crate::runner::events::{HostResult, ItemReport, Status};
use crate::runner::include;
use crate::runner::result::Finished;
use crate::runner::task::{HostDone, TaskRun, Unit};
use crate::template::Scope;
use crate::variables::facts::Facts;
use std::sync::Arc;
use words::value::{Map, Value};

impl HostDone {
    /// Whether the result counts as changed, failed or not.
    pub fn is_changed(&self) -> bool {
        self.registered.as_map().is_some_and(is_changed)
    }

    /// Whether an include came to nothing but files to read: then these are what is to be shown.
    pub fn is_included(&self) -> bool {
        self.report.status == Status::Ok && self.report.items.as_ref().is_none_or(Vec::is_empty)
    }

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
    ) -> HostDone {
        let keywords = &self.task.keywords;
        let hidden = self.is_hidden(scope, units.as_deref().unwrap_or_default());
        for (finished, unit) in finished.iter_mut().zip(units.iter().flatten()) {
            finished.result.extend(unit.vars.clone());
        }
        let wanted = match self.task.include {
            Some(_) => include::wanted(units.as_deref().unwrap_or_default(), &finished, hidden),
            None => Vec::new(),
        };
        let status = overall(&finished);
        let retries = if units.is_none() { std::mem::take(&mut finished[0].retries) } else { Vec::new() };
        let delegate = finished.first().and_then(|first| first.delegate.clone());
        let shown = finished.iter().any(|f| f.shown);
        let warnings = finished.iter_mut().flat_map(|f| std::mem::take(&mut f.warnings)).collect();
        let facts = finished.iter_mut().flat_map(|f| std::mem::take(&mut f.facts)).collect();
        let mut gathered = Facts::default();
        finished.iter().filter(|f| !f.gathered.is_empty()).for_each(|f| gathered.extend(&f.gathered));
        let changed = finished.iter().any(|f| f.status == Status::Changed || is_changed(&f.result));
        let (registered, changes, error, items) = match units {
            Some(units) => {
                let registered = if self.task.include.is_some() {
                    loop_of_includes(&units, &finished, status)
                } else {
                    loop_result(&units, &finished, status)
                };
                (registered, Vec::new(), None, Some(self.item_reports(host, units, finished, hidden)))
            }
            None => {
                let mut only = finished.remove(0);
                if self.task.include.is_none() || status == Status::Failed {
                    only.result.entry("failed".into()).or_insert(Value::Bool(status == Status::Failed));
                }
                (only.result, only.changes, only.error, None)
            }
        };
        let mut warnings: Vec<String> = warnings;
        let mut keyword = |name, expr, default| self.keyword((name, expr), default, scope, &mut warnings);
        let ignored = match status {
            Status::Failed => keyword("ignore_errors", &keywords.ignore_errors, false),
            Status::Unreachable => keyword("ignore_unreachable", &keywords.ignore_unreachable, false),
            _ => false,
        };
        let any_errors_fatal = keyword("any_errors_fatal", &keywords.any_errors_fatal, false);
        let diff = keyword("diff", &keywords.diff, self.options.diff);
        let for_delegate = keyword("delegate_facts", &keywords.delegate_facts, false);
        let registered = Arc::new(Value::Map(registered));
        let facts_for = if for_delegate { delegate.clone() } else { None };
        let notified =
            if changed && status != Status::Failed { self.notified(scope, &mut warnings) } else { Vec::new() };
        let report = HostResult {
            host: host.to_owned(),
            module: self.runs.spec().name,
            retries,
            delegate: delegate.filter(|name| name != host).map(|name| self.shown_delegate(&name)),
            status,
            ignored,
            result: if hidden { Arc::new(Value::Map(censored(changed))) } else { registered.clone() },
            changes: if hidden { Vec::new() } else { changes },
            items,
            error: if hidden { None } else { error },
            warnings: if hidden { Vec::new() } else { warnings },
            always_shown: shown && !hidden,
            diff,
        };
        HostDone { notified, any_errors_fatal, report, registered, facts, facts_for, gathered, wanted }
    }

    /// Whether `no_log` hides the results: as soon as one item wants it, or as it cannot be told.
    fn is_hidden(&self, scope: &Arc<dyn Scope>, units: &[Unit]) -> bool {
        let Some(expr) = &self.task.keywords.no_log else { return false };
        let hides = |scope| self.flag(expr, scope).map_or(true, |said| said.unwrap_or(false));
        match units {
            [] => hides(scope),
            units => units.iter().any(|unit| hides(&unit.scope)),
        }
    }

    fn item_reports(&self, host: &str, units: Vec<Unit>, finished: Vec<Finished>, hidden: bool) -> Vec<ItemReport> {
        // Items that include something are shown when their file is read.
        let is_told = |finished: &Finished| self.task.include.is_none() || finished.status != Status::Ok;
        let items = units.into_iter().zip(finished).filter(|(_, it)| is_told(it)).map(|(unit, finished)| ItemReport {
            label: unit.label,
            delegate: finished.delegate.filter(|name| name != host).map(|name| self.shown_delegate(&name)),
            status: finished.status,
            result: finished.result,
            changes: finished.changes,
            error: finished.error,
            retries: finished.retries,
            always_shown: finished.shown,
        });
        if hidden { items.map(ItemReport::censored).collect() } else { items.collect() }
    }

    fn shown_delegate(&self, name: &str) -> String {
        let host = self.world.hosts.get(name);
        match host.and_then(|host| host.inventory.get("ansible_host")).map(|address| address.to_string()) {
            Some(address) if address != name => format!("{name}({address})"),
            _ => name.to_owned(),
        }
    }

    /// The handlers to notify; a name that cannot be told is a warning, since its handler will not run.
    fn notified(&self, scope: &Arc<dyn Scope>, warnings: &mut Vec<String>) -> Vec<String> {
        let mut names = Vec::new();
        for name in &self.task.notify {
            match self.templar.render(&name.value, scope) {
                Ok(name) => names.push(name.to_string()),
                Err(error) => warnings.push(format!("no handler is notified by `{}`: {error}", name.value)),
            }
        }
        names
    }
}

/// What is shown instead of an item that `no_log` hides.
pub(super) const HIDDEN_ITEM: &str = "(censored due to no_log)";

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

pub(super) fn censored(changed: bool) -> Map {
    let text = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
    [("censored", Value::from(text)), ("changed", changed.into())].map(|(k, v)| (k.to_owned(), v)).into_iter().collect()
}

impl ItemReport {
    /// The item with everything hidden, as `no_log` wants it.
    fn censored(self) -> Self {
        let result = censored(is_changed(&self.result));
        let label = HIDDEN_ITEM.into();
        Self { label, result, changes: Vec::new(), error: None, always_shown: false, ..self }
    }
}

/// What a loop registers.
fn loop_result(units: &[Unit], finished: &[Finished], status: Status) -> Map {
    let results = finished.iter().map(|finished| {
        let mut result = finished.result.clone();
        result.entry("failed".into()).or_insert(Value::Bool(finished.status == Status::Failed));
        Value::Map(result)
    });
    all_results(results, units, finished, status)
}

/// What a loop of an include registers: results say `changed` and `failed` only where nothing was included.
fn loop_of_includes(units: &[Unit], finished: &[Finished], status: Status) -> Map {
    let results = finished.iter().map(|finished| {
        let mut result = finished.result.clone();
        if finished.status == Status::Ok {
            result.shift_remove("changed");
        }
        Value::Map(result)
    });
    all_results(results, units, finished, status)
}

fn all_results(results: impl Iterator<Item = Value>, units: &[Unit], finished: &[Finished], status: Status) -> Map {
    let mut map = Map::new();
    map.insert("results".into(), Value::List(results.collect()));
    map.insert("changed".into(), finished.iter().any(|f| is_changed(&f.result)).into());
    map.insert("skipped".into(), (status == Status::Skipped).into());
    if units.is_empty() {
        map.insert("skipped_reason".into(), "No items in the list".into());
        return map;
    }
    let msg = match status {
        Status::Failed | Status::Unreachable => "One or more items failed",
        Status::Skipped => "All items skipped",
        _ => "All items completed",
    };
    map.insert("msg".into(), msg.into());
    match status {
        Status::Failed => map.insert("failed".into(), true.into()),
        Status::Unreachable => map.insert("unreachable".into(), true.into()),
        _ => None,
    };
    map
}
