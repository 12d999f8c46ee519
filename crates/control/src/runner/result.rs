//! From a module's answer to what is registered, judged and shown.

use crate::playbook::{Expr, Task};
use crate::runner::events::Status;
use crate::template::{Scope, Templar, TemplateError};
use crate::variables::facts::Facts;
use host::change::Change;
use host::change::outcome::{Failure, ItemResult};
use host::parameters::Spec;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind, Place};
use words::value::{Map, Value};

/// One item's end.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: Status,
    /// The result as registered.
    pub result: Map,
    /// What changed or would change.
    pub changes: Vec<Change>,
    /// Why it failed.
    pub error: Option<Diagnostic>,
    /// What the module warned of.
    pub warnings: Vec<String>,
    /// Variables that it sets on the host.
    pub facts: Map,
    /// Facts that the host gave.
    pub gathered: Facts,
    /// Whether it is shown without `-v`.
    pub shown: bool,
    /// Tries that were left after each that did not come to what `until` waits for.
    pub retries: Vec<u32>,
    /// The host that did it instead.
    pub delegate: Option<String>,
}

impl Finished {
    /// Left out, with Ansible's reason.
    pub fn skipped(reason: &str, condition: Option<&Value>) -> Self {
        let mut result = Map::new();
        result.insert("changed".into(), false.into());
        if let Some(condition) = condition {
            result.insert("false_condition".into(), condition.clone());
        }
        result.insert("skip_reason".into(), reason.into());
        result.insert("skipped".into(), true.into());
        Self { status: Status::Skipped, result, ..Self::empty() }
    }

    /// Left out because a dry run cannot know what it depends on.
    pub fn unknown(why: &str) -> Self {
        let mut skipped = Self::skipped(&format!("unknown until it really runs: {why}"), None);
        for name in ["stdout", "stderr", "rc", "changed"] {
            skipped.result.insert(name.into(), Value::Unknown(why.into()));
        }
        skipped
    }

    /// Whether it was left out by [`Finished::unknown`].
    pub fn is_unknown(&self) -> bool {
        matches!(self.result.get("changed"), Some(Value::Unknown(_)))
    }

    /// Failed before or beside the module, with the place in the user's file.
    pub fn failed(error: Diagnostic) -> Self {
        let mut result = Map::new();
        result.insert("changed".into(), false.into());
        result.insert("failed".into(), true.into());
        result.insert("msg".into(), error.message.clone().into());
        Self { status: Status::Failed, result, error: Some(error), ..Self::empty() }
    }

    /// A task that was given up after so many seconds.
    pub fn timed_out(error: Diagnostic, period: u64) -> Self {
        let mut finished = Self::failed(error);
        let period = [("period".to_owned(), (period as i64).into())].into_iter().collect();
        finished.result.insert("timedout".into(), Value::Map(period));
        finished
    }

    /// Says in the result what could not be done, in Ansible's words.
    pub fn explain(&mut self, what: &str) {
        if let Some(error) = &self.error {
            self.result.insert("msg".into(), format!("Task failed: {what}: {}", error.message).into());
        }
    }

    /// Says in the result that it is the task that failed, in Ansible's words.
    pub fn tell_of_the_task(&mut self) {
        if let Some(error) = &self.error {
            self.result.insert("msg".into(), format!("Task failed: {}", error.message).into());
        }
    }

    /// The host did not answer.
    pub fn unreachable(error: Diagnostic) -> Self {
        let mut result = Map::new();
        result.insert("changed".into(), false.into());
        result.insert("msg".into(), format!("Task failed: {}", error.message).into());
        result.insert("unreachable".into(), true.into());
        Self { status: Status::Unreachable, result, error: Some(error), ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            status: Status::Ok,
            result: Map::new(),
            changes: Vec::new(),
            error: None,
            warnings: Vec::new(),
            facts: Map::new(),
            gathered: Facts::default(),
            shown: false,
            retries: Vec::new(),
            delegate: None,
        }
    }

    /// What a host answered for the module of `spec`; the facts in it are looked through.
    pub fn from_host(item: ItemResult, place: &Place, spec: &Spec) -> Self {
        let mut finished = Self::from_module(item, place);
        if !matches!(finished.status, Status::Failed | Status::Skipped) {
            let (gathered, warnings) = Facts::of_answer(spec, &finished.result);
            finished.gathered = gathered;
            finished.warnings.extend(warnings);
        }
        finished
    }

    /// What the module answered, before `changed_when` and `failed_when`.
    pub fn from_module(item: ItemResult, place: &Place) -> Self {
        let mut finished = Self { changes: item.changes, ..Self::empty() };
        match item.outcome {
            Ok(outcome) => {
                finished.result = outcome.values;
                finished.warnings = outcome.warnings;
                finished.status = if item.changed { Status::Changed } else { Status::Ok };
                finished.result.insert("changed".into(), item.changed.into());
                if let Some(why) = outcome.skipped {
                    finished.status = Status::Skipped;
                    finished.result.insert("skipped".into(), true.into());
                    finished.result.entry("msg".into()).or_insert_with(|| why.into());
                }
            }
            Err(failure) => {
                finished.status = Status::Failed;
                finished.error = Some(module_error(&failure, place));
                finished.result = failure.values;
                finished.result.entry("changed".into()).or_insert(item.changed.into());
                finished.result.insert("failed".into(), true.into());
                finished.result.insert("msg".into(), failure.msg.into());
            }
        }
        add_lines(&mut finished.result);
        finished
    }

    /// Lets `changed_when` and `failed_when` have their say; they see the result under its registered name.
    pub fn judge(&mut self, task: &Task, templar: &Templar, scope: &Arc<dyn Scope>) {
        if matches!(self.status, Status::Skipped | Status::Unreachable) {
            return;
        }
        if let Some(condition) = &task.changed_when {
            match templar.condition(&condition.value, scope) {
                Ok(truth) => self.set_changed(truth.holds),
                Err(error) => return self.spoil(error, condition, "changed_when_result"),
            }
        }
        if let Some(condition) = &task.failed_when {
            match templar.condition(&condition.value, scope) {
                Ok(truth) => self.set_failed(truth.holds, condition.place.clone()),
                Err(error) => self.spoil(error, condition, "failed_when_result"),
            }
        }
    }

    fn set_changed(&mut self, changed: bool) {
        self.result.insert("changed".into(), changed.into());
        if self.status != Status::Failed {
            self.status = if changed { Status::Changed } else { Status::Ok };
        }
    }

    fn set_failed(&mut self, failed: bool, place: Place) {
        self.result.insert("failed_when_result".into(), failed.into());
        self.result.insert("failed".into(), failed.into());
        if failed {
            self.status = Status::Failed;
            let error = || Diagnostic::input(&place, "the task's `failed_when` holds");
            self.error.get_or_insert_with(error);
        } else if self.status == Status::Failed {
            let changed = self.result.get("changed").is_some_and(Value::is_truthy);
            self.status = if changed { Status::Changed } else { Status::Ok };
            self.error = None;
        }
    }

    /// A condition that cannot be told fails the task; the module's own result is kept.
    fn spoil(&mut self, error: TemplateError, condition: &Expr, key: &str) {
        match error {
            TemplateError::Unknown { why } => *self = Self::unknown(&why),
            error => {
                self.status = Status::Failed;
                self.error = Some(template_error(&error, &condition.place));
                self.result.insert(key.into(), format!("Error while evaluating conditional: {error}").into());
                self.result.insert("failed".into(), true.into());
            }
        }
    }
}

/// A template's error at the place of the text that holds the template.
pub fn template_error(error: &TemplateError, place: &Place) -> Diagnostic {
    Diagnostic::input(place, error.to_string())
}

fn module_error(failure: &Failure, place: &Place) -> Diagnostic {
    let error = Diagnostic::new(ErrorKind::Host, failure.msg.trim_end()).at(place);
    match &failure.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Every text output comes with its lines, as from Ansible.
fn add_lines(result: &mut Map) {
    for name in ["stdout", "stderr"] {
        let lines = match result.get(name) {
            Some(Value::String(text)) => Value::List(text.lines().map(Value::from).collect()),
            Some(unknown @ Value::Unknown(_)) => unknown.clone(),
            _ => continue,
        };
        result.entry(format!("{name}_lines")).or_insert(lines);
    }
}
