//! One task on one host: conditions, loop, the one round trip, and what came of it.

use super::Options;
use super::actions::{ActionError, Context, Runs};
use super::arguments::{self, Arguments};
use super::events::{HostResult, Status};
use super::facts::Facts;
use super::items::Items;
use super::links::Links;
use super::loops;
use super::parallel::Panicked;
use super::result::{Finished, template_error};
use super::scope::{HostScope, PlayVars, World, with_local};
use super::target::{Asked, Login, Resolver};
use crate::change::outcome::{Failure, ItemResult};
use crate::connection::protocol::Request;
use crate::connection::{Become, LinkError, Target};
use crate::diag::{Diagnostic, ErrorKind};
use crate::playbook::model::Argument;
use crate::playbook::{Expr, Loop, Task};
use crate::template::{Scope, Templar, TemplateError};
use crate::value::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
            // A false `when` skips the task although its list is not defined.
            Err(stop) => match self.conditions(scope) {
                Err(skipped) if skipped.status == Status::Skipped => Err(skipped),
                _ => Err(stop),
            },
        }
    }

    fn loop_items(&self, looped: &Loop, scope: &Arc<dyn Scope>) -> Result<Vec<Value>, Stop> {
        let value = self.render(&looped.items, scope)?;
        if let Some(name) = looped.with.as_deref().filter(|with| loops::is_lookup(with)) {
            let found = self.templar.lookup(name, loops::terms(value), scope);
            return found.map_err(|error| stop(error, &looped.items));
        }
        loops::items(looped.with.as_deref(), value)
            .map_err(|message| Box::new(Finished::failed(Diagnostic::input(&looped.items.place, message))))
    }

    /// Whether each item is done before the next is looked at.
    pub(super) fn is_one_by_one(&self) -> bool {
        let pause = self.task.looped.as_ref().and_then(|looped| looped.pause);
        let is_repeated = self.task.until.is_some() || self.task.retries.is_some();
        is_repeated || pause.is_some() || matches!(self.runs, Runs::OnController(_))
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

    fn run_repeatedly(&self, on: &HostScope, unit: &Unit, pause: Option<f64>) -> Finished {
        let number = |name, expr: &Option<Expr>, default| self.number(name, expr.as_ref(), default, &unit.scope);
        let (retries, delay) =
            match (number("retries", &self.task.retries, 3.0), number("delay", &self.task.delay, 5.0)) {
                (Ok(retries), Ok(delay)) => (retries.max(0.0) as u32, delay.max(0.0)),
                (Err(stop), _) | (_, Err(stop)) => return *stop,
            };
        sleep(pause.unwrap_or(0.0));
        let mut lefts = Vec::new();
        for attempt in 1.. {
            let units = std::slice::from_ref(unit);
            let mut finished = self.execute(vec![self.plan(on, unit)], units).remove(0);
            self.judge(&mut finished, unit);
            if matches!(finished.status, Status::Skipped | Status::Unreachable) {
                return finished;
            }
            let done = match &self.task.until {
                Some(until) => match self.templar.condition(&until.value, &self.with_result(&finished, unit)) {
                    Ok(truth) => truth.holds,
                    Err(error) => return Finished::failed(template_error(&error, &until.place)),
                },
                None => finished.status != Status::Failed,
            };
            finished.result.insert("attempts".into(), Value::Int(i64::from(attempt.min(retries.max(1)))));
            if done || attempt > retries {
                finished.retries = lefts;
                return if done { finished } else { give_up(finished, retries) };
            }
            lefts.push(retries + 1 - attempt);
            sleep(delay);
        }
        unreachable!("the loop ends by itself")
    }

    /// A keyword that is a number.
    fn number(&self, name: &str, expr: Option<&Expr>, default: f64, scope: &Arc<dyn Scope>) -> Result<f64, Stop> {
        let Some(expr) = expr else { return Ok(default) };
        let value = self.render(expr, scope)?;
        value.to_string().trim().parse().map_err(|_| {
            let message = format!("`{name}` takes a number, and this is {}", value.repr());
            Box::new(Finished::failed(Diagnostic::input(&expr.place, message)))
        })
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

    /// What is to be done for an item on the host of `on`, which sees the variables without the item.
    pub(super) fn plan(&self, on: &HostScope, unit: &Unit) -> Plan {
        self.try_plan(on, unit).unwrap_or_else(Plan::Ended)
    }

    fn try_plan(&self, on: &HostScope, unit: &Unit) -> Result<Plan, Stop> {
        self.conditions(&unit.scope)?;
        let args = self.render_args(&unit.scope)?;
        let context = self.context(&unit.scope);
        let (module, args) = match self.runs {
            Runs::Meta | Runs::OnController(_) => return Ok(Plan::Controller(args)),
            Runs::OnHost(module) => (module, args),
            Runs::Prepared(prepare, module) => {
                (module, prepare.prepare(args, &context).map_err(|error| self.action_error(error))?)
            }
        };
        let (target, who) = self.target(on, unit)?;
        let (check, environment) = (self.check_mode(unit)?, self.environment(unit)?);
        let module = module.spec().name;
        Ok(Plan::Host { args, place: Box::new(Errand { module, target, who, check, environment }) })
    }

    /// All of `when`, outermost first; the first that does not hold skips.
    fn conditions(&self, scope: &Arc<dyn Scope>) -> Result<(), Stop> {
        for condition in &self.task.keywords.when {
            match self.templar.condition(&condition.value, scope) {
                Ok(truth) if truth.holds => {}
                Ok(truth) => {
                    let part = truth.failed.unwrap_or_else(|| condition.value.to_string());
                    return Err(Box::new(Finished::skipped("Conditional result was False", Some(&part.into()))));
                }
                Err(error) => {
                    let mut stop = stop(error, condition);
                    stop.explain("Error while evaluating conditional");
                    return Err(stop);
                }
            }
        }
        Ok(())
    }

    fn render(&self, expr: &Expr, scope: &Arc<dyn Scope>) -> Result<Value, Stop> {
        self.templar.render(&expr.value, scope).map_err(|error| stop(error, expr))
    }

    /// The arguments, module_defaults below them; an argument that is `omit` is left out.
    fn render_args(&self, scope: &Arc<dyn Scope>) -> Result<Map, Stop> {
        let mut map = self.module_defaults(scope)?;
        if let Some(expr) = &self.args.all {
            map.extend(self.all_args(expr, scope)?);
        }
        self.refuse_evaluated(&map)?;
        for arg in &self.args.named {
            let value = match self.runs.raw().contains(&arg.name.as_str()) {
                true => Some(arg.value.value.clone()),
                false => self.render_arg(arg, scope)?,
            };
            match value {
                Some(value) => map.insert(self.arg_name(arg, scope)?, value),
                None => map.shift_remove(&arg.name),
            };
        }
        Ok(map)
    }

    /// Fails if a template yielded an argument that the task itself evaluates, such as `that`: a result is no source.
    fn refuse_evaluated(&self, yielded: &Map) -> Result<(), Stop> {
        let is_written = |name: &str| self.args.named.iter().any(|arg| arg.name == name);
        let Some(name) = self.runs.raw().iter().find(|name| yielded.contains_key(**name) && !is_written(name)) else {
            return Ok(());
        };
        let message =
            format!("the argument `{name}` is evaluated, so it must stand in the task, not in a template's result");
        Err(Box::new(Finished::failed(Diagnostic::input(&self.task.action.place, message))))
    }

    /// The arguments that one template yields together.
    fn all_args(&self, expr: &Expr, scope: &Arc<dyn Scope>) -> Result<Map, Stop> {
        match self.render(expr, scope)? {
            Value::Map(args) => Ok(args),
            other => {
                let message = format!("Task args must resolve to a 'dict' not '{}'.", other.type_name());
                let mut failed = Finished::failed(Diagnostic::input(&expr.place, message));
                failed.explain(&format!(
                    "Finalization of task args for 'ansible.builtin.{}' failed",
                    self.runs.spec().name
                ));
                Err(Box::new(failed))
            }
        }
    }

    /// The argument's name. Where any name is allowed, it may be a template.
    fn arg_name(&self, arg: &Argument, scope: &Arc<dyn Scope>) -> Result<String, Stop> {
        if !self.runs.is_open() || !Templar::is_template(&arg.name) {
            return Ok(arg.name.clone());
        }
        let name = Expr::text(arg.name.as_str(), &arg.place);
        Ok(self.render(&name, scope)?.to_string())
    }

    fn render_arg(&self, arg: &Argument, scope: &Arc<dyn Scope>) -> Result<Option<Value>, Stop> {
        self.templar.render_or_omit(&arg.value.value, scope).map_err(|error| match error {
            TemplateError::Unknown { why } => Box::new(Finished::unknown(&why)),
            error => {
                let note = format!("in the argument `{}` of `{}`", arg.name, self.task.action.name);
                let mut failed = Finished::failed(template_error(&error, &arg.value.place).note(note));
                failed.explain(&format!(
                    "Finalization of task args for 'ansible.builtin.{}' failed: Error while resolving value for '{}'",
                    self.runs.spec().name,
                    arg.name
                ));
                Box::new(failed)
            }
        })
    }

    fn module_defaults(&self, scope: &Arc<dyn Scope>) -> Result<Map, Stop> {
        let mut map = Map::new();
        for layer in &self.task.keywords.module_defaults {
            let Value::Map(modules) = self.render(layer, scope)? else { continue };
            let matching =
                modules.into_iter().filter(|(name, _)| crate::modules::spec::short_name(name) == self.runs.spec().name);
            for (_, defaults) in matching {
                map.extend(defaults.as_map().cloned().unwrap_or_default());
            }
        }
        Ok(map)
    }

    fn context<'c>(&'c self, scope: &'c Arc<dyn Scope>) -> Context<'c> {
        let verbosity = self.options.verbosity;
        Context { templar: self.templar, scope, directories: self.directories, verbosity }
    }

    /// The host that does it, by its own variables, and whom it is done as, by the task's keywords in the task's scope.
    fn target(&self, on: &HostScope, unit: &Unit) -> Result<(Target, Become), Stop> {
        let resolver = Resolver { templar: self.templar, login: self.login };
        let asked = Some(Asked { keywords: &self.task.keywords, scope: &unit.scope });
        let failed = |error: Diagnostic| Box::new(Finished::failed(error.at(&self.task.place)));
        let delegate = self.delegate(&unit.scope)?.map(|name| self.scope_of(&name));
        let on = delegate.as_ref().unwrap_or(on).of_item(unit.vars.clone());
        let target = resolver.target(&on, asked).map_err(failed)?;
        let who = resolver.escalation(&on, asked).map_err(failed)?;
        Ok((target, who))
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

    /// Does what was planned: neighbouring items for the same host and user go as one request.
    pub(super) fn execute(&self, plans: Vec<Plan>, units: &[Unit]) -> Vec<Finished> {
        let mut finished = Vec::with_capacity(plans.len());
        let mut plans = plans.into_iter().zip(units).peekable();
        while let Some((plan, unit)) = plans.next() {
            match plan {
                Plan::Ended(ended) => finished.push(*ended),
                Plan::Controller(args) => finished.push(self.on_controller(&args, unit)),
                Plan::Host { args, place } => {
                    let mut items = vec![args];
                    while let Some((Plan::Host { args, .. }, _)) =
                        plans.next_if(|(next, _)| matches!(next, Plan::Host { place: p, .. } if *p == place))
                    {
                        items.push(args);
                    }
                    finished.extend(self.call(items, *place));
                }
            }
        }
        finished
    }

    fn on_controller(&self, args: &Map, unit: &Unit) -> Finished {
        let Runs::OnController(action) = self.runs else {
            return Finished::skipped("meta tasks are carried out by the runner", None);
        };
        match action.run(args, &self.context(&unit.scope)) {
            Ok(done) => {
                let item = ItemResult { changes: Vec::new(), changed: false, outcome: Ok(done.outcome) };
                let mut finished = Finished::from_module(item, &self.task.place);
                finished.facts = done.facts;
                finished.shown = done.shown;
                finished
            }
            Err(error) => Finished { shown: action.shows_failures(args), ..*self.action_error(error) },
        }
    }

    fn action_error(&self, error: ActionError) -> Stop {
        match error {
            ActionError::Failed(failure) => {
                Box::new(Finished::from_module(ItemResult::unchanged(Err(failure)), &self.task.place))
            }
            ActionError::Template(TemplateError::Unknown { why }) => Box::new(Finished::unknown(&why)),
            ActionError::Template(error) => Box::new(Finished::failed(template_error(&error, &self.task.action.place))),
        }
    }

    /// One round trip; one end for every item, whatever comes of it.
    fn call(&self, items: Vec<Map>, errand: Errand) -> Vec<Finished> {
        let (count, place) = (items.len(), &self.task.place);
        let Errand { module, target, who, check, environment } = errand;
        let bound = crate::modules::bound(module, count);
        let request = Request { module: module.into(), items, check, environment, bound };
        match self.links.call(&target, &who, &request) {
            Ok(reply) if reply.results.len() == count => {
                let certain = |item: ItemResult| if check { item } else { item.certain() };
                let end = |item| Finished::from_host(certain(item), place, self.runs.spec());
                reply.results.into_iter().map(end).collect()
            }
            Ok(reply) => {
                let error = format!("the agent answered {} of {count} items", reply.results.len());
                (0..count).map(|_| Finished::failed(Diagnostic::new(ErrorKind::Internal, error.clone()))).collect()
            }
            Err(LinkError::Unreachable(error)) => (0..count).map(|_| Finished::unreachable((*error).clone())).collect(),
            Err(LinkError::Failed(error)) => (0..count).map(|_| Finished::failed((*error).clone().at(place))).collect(),
        }
    }

    fn check_mode(&self, unit: &Unit) -> Result<bool, Stop> {
        match &self.task.keywords.check_mode {
            Some(expr) => Ok(self.flag(expr, &unit.scope)?.unwrap_or(self.options.check)),
            None => Ok(self.options.check),
        }
    }

    fn environment(&self, unit: &Unit) -> Result<Vec<(String, String)>, Stop> {
        let mut environment = Vec::new();
        for layer in &self.task.keywords.environment {
            if let Value::Map(map) = self.render(layer, &unit.scope)? {
                environment.extend(map.into_iter().map(|(name, value)| (name, value.to_string())));
            }
        }
        Ok(environment)
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

fn sleep(seconds: f64) {
    if let Ok(wait) = Duration::try_from_secs_f64(seconds) {
        std::thread::sleep(wait);
    }
}

fn give_up(mut finished: Finished, retries: u32) -> Finished {
    finished.status = Status::Failed;
    finished.result.insert("failed".into(), true.into());
    finished.result.insert("attempts".into(), Value::Int(i64::from(retries)));
    let failure = Failure::new("the task did not come to what `until` waits for");
    finished.error.get_or_insert_with(|| Diagnostic::new(ErrorKind::Host, failure.msg));
    finished
}

/// The arguments of a task by name; an error points at what cannot be read.
pub fn task_args(task: &Task, runs: Runs) -> Result<Arguments, Diagnostic> {
    arguments::named(&task.action, runs.spec())
}
