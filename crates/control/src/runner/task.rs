//! One task on one host: conditions, loop, the one round trip, and what came of it.

mod execute;
mod plan;
mod repeat;

use crate::connection::{Become, Target};
use crate::fleet::Links;
use crate::fleet::Panicked;
use crate::playbook::{Expr, Loop, Task};
use crate::runner::actions::Runs;
use crate::runner::arguments::{self, Arguments};
use crate::runner::events::{HostResult, Status};
use crate::runner::include::Wanted;
use crate::runner::items::Items;
use crate::runner::loops;
use crate::runner::result::{Finished, template_error};
use crate::runner::{Options, Templars};
use crate::template::{Scope, Templar, TemplateError};
use crate::variables::facts::Facts;
use crate::variables::target::Login;
use crate::variables::{HostScope, PlayVars, World, with_local};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// What a task needs, the same for all hosts.
pub struct TaskRun<'a> {
    /// The task.
    pub task: &'a Task,
    /// What its module is.
    pub runs: Runs,
    /// Its arguments, as templates.
    pub args: &'a Arguments,
    /// All hosts' variables.
    pub world: &'a Arc<World>,
    /// The play's variables.
    pub play: &'a Arc<PlayVars>,
    /// The run's options.
    pub options: &'a Options,
    /// How to log in.
    pub login: &'a Login,
    /// Renders.
    pub templar: &'a Templar,
    /// Who renders an item's arguments, by whether it is in check mode.
    pub(super) templars: &'a Templars,
    /// The open links.
    pub links: &'a Links<'a>,
    /// Where the controller's files are looked for.
    pub directories: &'a [PathBuf],
}

/// What came of a task on a host, beside what is shown.
pub struct HostDone {
    /// What is shown.
    pub report: HostResult,
    /// What `register` keeps: a mapping, the one that is shown where nothing is hidden.
    pub registered: Arc<Value>,
    /// Variables that it sets.
    pub facts: Map,
    /// The host that gets the facts instead, by `delegate_facts`.
    pub facts_for: Option<String>,
    /// Facts that the host gave.
    pub gathered: Facts,
    /// Handlers to notify, rendered.
    pub notified: Vec<String>,
    /// The files that an include wants, in the order of its items.
    pub wanted: Vec<Wanted>,
    /// A task that failed, whether or not that is passed over.
    pub any_errors_fatal: bool,
}

/// One item (or the task itself, without a loop).
pub struct Unit {
    /// The variables, the item among them.
    pub scope: Arc<dyn Scope>,
    /// What the result of an item says about the loop; empty without one.
    pub vars: Map,
    /// What output shows for it.
    pub label: String,
}

/// What is to be done for one item.
pub(super) enum Plan {
    /// It ended before anything ran.
    Ended(Box<Finished>),
    /// On the controller.
    Controller(Map),
    /// On a host.
    Host { args: Map, place: Box<Errand> },
}

/// Where and how a module runs; neighbouring items with the same errand go as one request.
#[derive(PartialEq)]
pub(super) struct Errand {
    module: &'static str,
    target: Target,
    who: Become,
    check: bool,
    environment: Vec<(String, String)>,
    patience: Option<Duration>,
}

pub(super) type Stop = Box<Finished>;

impl TaskRun<'_> {
    /// Runs it.
    pub fn on_host(&self, host: &str) -> HostDone {
        let scope = self.scope_of(host);
        let seen = scope.shared();
        let items = match self.items(&seen) {
            Ok(items) => items,
            Err(finished) => return self.report(host, &seen, None, vec![*finished]),
        };
        match (&self.task.looped, items) {
            (Some(_), Some(items)) if items.is_empty() => self.report(host, &seen, Some(Vec::new()), Vec::new()),
            (Some(looped), Some(items)) => {
                let (units, finished) = Items::new(self, scope).run(looped, &items);
                self.report(host, &seen, Some(units), finished)
            }
            _ => {
                let finished = Items::new(self, scope).run_alone();
                self.report(host, &seen, None, vec![finished])
            }
        }
    }

    /// The end of a host on which the task broke off in this program itself, saying so.
    pub fn broken_off(&self, host: &str, why: &Panicked) -> HostDone {
        let error = Diagnostic::new(ErrorKind::Internal, format!("enlist broke off this task: {why}"))
            .at(&self.task.place)
            .note("this is a fault of enlist; the other hosts are not concerned");
        self.report(host, &self.scope_of(host).shared(), None, vec![Finished::failed(error)])
    }

    /// Whether what it sets are templates of a file, rather than data.
    pub(super) fn is_include(&self) -> bool {
        self.runs.spec().name == "include_vars"
    }

    /// The variables as `host` sees them.
    pub fn scope_of(&self, host: &str) -> HostScope {
        HostScope::of_task(self.world, self.play, host, self.task)
    }

    /// The items of the task's loop; `None` without one.
    fn items(&self, scope: &Arc<dyn Scope>) -> Result<Option<Vec<Value>>, Stop> {
        if let Some(expr) = &self.task.keywords.run_once {
            self.flag(expr, scope)?; // one that cannot be told must not run everywhere
        }
        let Some(looped) = &self.task.looped else { return Ok(None) };
        match self.loop_items(looped, scope) {
            Ok(items) => Ok(Some(items)),
            // Nobody knows what a condition on items says while the items are not known.
            Err(stop) if stop.is_unknown() && self.asks_items(looped) => Err(stop),
            // A false `when` skips the task although its list is not defined.
            Err(stop) => match self.conditions(scope) {
                Err(skipped) if skipped.status == Status::Skipped => Err(skipped),
                _ => Err(stop),
            },
        }
    }

    /// Whether a condition of the task names the loop's variable.
    fn asks_items(&self, looped: &Loop) -> bool {
        let conditions = self.task.keywords.when.iter().map(|expr| expr.value.to_string());
        conditions.into_iter().any(|text| text.contains(&looped.variable))
    }

    fn loop_items(&self, looped: &Loop, scope: &Arc<dyn Scope>) -> Result<Vec<Value>, Stop> {
        let value = self.render(&looped.items, scope).map_err(|mut stop| {
            stop.tell_of_the_task();
            stop
        })?;
        if let Some(name) = looped.with.as_deref().filter(|with| loops::is_lookup(with)) {
            let found = self.templar.lookup(name, loops::terms(value), scope);
            return found.map_err(|error| stop(error, &looped.items));
        }
        loops::items(looped.with.as_deref(), value).map_err(|message| {
            let mut failed = Finished::failed(Diagnostic::input(&looped.items.place, message));
            failed.result.shift_remove("changed"); // as with ansible-core: the task did not begin
            Box::new(failed)
        })
    }

    /// Whether each item is done before the next is looked at.
    pub(super) fn is_one_by_one(&self) -> bool {
        let pause = self.task.looped.as_ref().and_then(|looped| looped.pause);
        let is_repeated = self.task.until.is_some() || self.task.retries.is_some();
        let is_timed = self.task.keywords.timeout.is_some();
        is_repeated || is_timed || pause.is_some() || matches!(self.runs, Runs::OnController(_))
    }

    /// Does one item to its end.
    pub(super) fn run_one(&self, on: &HostScope, unit: &Unit) -> Finished {
        let pause = self.task.looped.as_ref().and_then(|looped| looped.pause);
        if self.task.until.is_some() || self.task.retries.is_some() || pause.is_some() {
            let delegate = self.delegate(&unit.scope).ok().flatten();
            return Finished { delegate, ..self.run_repeatedly(on, unit, pause) };
        }
        let mut finished = self.execute(vec![self.plan(on, unit)], std::slice::from_ref(unit)).remove(0);
        self.conclude(&mut finished, unit);
        finished
    }

    /// Says who did it, and lets the task judge what came of it.
    pub(super) fn conclude(&self, finished: &mut Finished, unit: &Unit) {
        finished.delegate = self.delegate(&unit.scope).ok().flatten();
        self.judge(finished, unit);
    }

    fn judge(&self, finished: &mut Finished, unit: &Unit) {
        if self.task.changed_when.is_none() && self.task.failed_when.is_none() {
            return;
        }
        let scope = self.with_result(finished, unit);
        finished.judge(self.task, self.templar, &scope);
    }

    /// The unit's variables, with the result under its registered name.
    fn with_result(&self, finished: &Finished, unit: &Unit) -> Arc<dyn Scope> {
        match &self.task.register {
            Some(name) => {
                let result = Value::Map(finished.result.clone());
                with_local(&unit.scope, [(name.clone(), result)].into_iter().collect())
            }
            None => unit.scope.clone(),
        }
    }

    fn render(&self, expr: &Expr, scope: &Arc<dyn Scope>) -> Result<Value, Stop> {
        self.templar.render(&expr.value, scope).map_err(|error| stop(error, expr))
    }

    fn delegate(&self, scope: &Arc<dyn Scope>) -> Result<Option<String>, Stop> {
        match &self.task.keywords.delegate_to {
            Some(expr) => {
                let value = self.templar.render_or_omit(&expr.value, scope).map_err(|error| stop(error, expr))?;
                Ok(value.map(|name| name.to_string()))
            }
            None => Ok(None),
        }
    }

    /// A keyword that is yes or no; `None` if it is null or `omit`.
    pub(super) fn flag(&self, expr: &Expr, scope: &Arc<dyn Scope>) -> Result<Option<bool>, Stop> {
        self.templar.flag(&expr.value, scope).map_err(|error| stop(error, expr))
    }

    /// How many hosts may do it at once; no limit without the keyword.
    pub fn throttle(&self, host: &str) -> usize {
        let number = |expr| self.render(expr, &self.scope_of(host).shared()).ok()?.to_string().parse().ok();
        self.task.keywords.throttle.as_ref().and_then(number).filter(|it| *it > 0).unwrap_or(usize::MAX)
    }

    /// A keyword that is yes or no, as `host` sees it.
    pub fn flag_for(&self, expr: &Expr, host: &str) -> bool {
        self.flag(expr, &self.scope_of(host).shared()).ok().flatten().unwrap_or(false)
    }

    /// A keyword that is yes or no, or else `default`. What cannot be told counts as no, and is a warning.
    pub(super) fn keyword(
        &self,
        keyword: (&str, &Option<Expr>),
        default: bool,
        scope: &Arc<dyn Scope>,
        warnings: &mut Vec<String>,
    ) -> bool {
        let (name, Some(expr)) = keyword else { return default };
        match self.templar.flag(&expr.value, scope) {
            Ok(said) => said.unwrap_or(default),
            Err(error) => {
                warnings.push(format!("`{name}` counts as no, since it cannot be told: {error}"));
                false
            }
        }
    }
}

fn stop(error: TemplateError, expr: &Expr) -> Stop {
    Box::new(match error {
        TemplateError::Unknown { why } => Finished::unknown(&why),
        error => Finished::failed(template_error(&error, &expr.place)),
    })
}

/// The arguments of a task by name; an error points at what cannot be read.
pub fn task_args(task: &Task, runs: Runs) -> Result<Arguments, Diagnostic> {
    arguments::named(&task.action, runs.spec())
}
