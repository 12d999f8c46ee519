//! What is to be done for one item: conditions, arguments, host and user, before anything runs.

use super::{Errand, Plan, Stop, TaskRun, Unit, stop};
use crate::connection::{Become, Target};
use crate::playbook::Expr;
use crate::playbook::model::Argument;
use crate::runner::actions::{Context, Runs};
use crate::runner::result::{Finished, template_error};
use crate::template::{Scope, Templar, TemplateError};
use crate::variables::HostScope;
use crate::variables::target::{Asked, Resolver};
use std::sync::Arc;
use std::time::Duration;
use words::diag::Diagnostic;
use words::value::{Map, Value};

impl TaskRun<'_> {
    /// What is to be done for an item on the host of `on`, which sees the variables without the item.
    pub(in crate::runner) fn plan(&self, on: &HostScope, unit: &Unit) -> Plan {
        self.try_plan(on, unit).unwrap_or_else(Plan::Ended)
    }

    fn try_plan(&self, on: &HostScope, unit: &Unit) -> Result<Plan, Stop> {
        self.conditions(&unit.scope)?;
        let check = self.check_mode(unit)?;
        TaskRun { templar: self.templars.of(check), ..*self }.plan_as(check, on, unit)
    }

    fn plan_as(&self, check: bool, on: &HostScope, unit: &Unit) -> Result<Plan, Stop> {
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
        let environment = self.environment(unit)?;
        let (module, patience) = (module.spec().name, self.patience(unit)?);
        Ok(Plan::Host { args, place: Box::new(Errand { module, target, who, check, environment, patience }) })
    }

    /// All of `when`, outermost first; the first that does not hold skips.
    pub(super) fn conditions(&self, scope: &Arc<dyn Scope>) -> Result<(), Stop> {
        for condition in &self.task.keywords.when {
            match self.templar.condition(&condition.value, scope) {
                Ok(truth) if truth.holds => {}
                Ok(truth) => {
                    let part = match (&condition.value, truth.failed) {
                        (Value::String(_), Some(part)) => part.into(),
                        (value, _) => value.clone(),
                    };
                    return Err(Box::new(Finished::skipped("Conditional result was False", Some(&part))));
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

    /// The arguments, module_defaults below them; an argument that is `omit` is left out.
    fn render_args(&self, scope: &Arc<dyn Scope>) -> Result<Map, Stop> {
        let mut map = self.module_defaults(scope)?;
        if let Some(expr) = &self.args.all {
            map.extend(self.all_args(expr, scope)?);
        }
        self.refuse_evaluated(&map)?;
        for arg in &self.args.named {
            let value = if self.runs.raw().contains(&arg.name.as_str()) {
                Some(arg.value.value.clone())
            } else {
                self.render_arg(arg, scope)?
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
                modules.into_iter().filter(|(name, _)| host::parameters::short_name(name) == self.runs.spec().name);
            for (_, defaults) in matching {
                map.extend(defaults.as_map().cloned().unwrap_or_default());
            }
        }
        Ok(map)
    }

    pub(super) fn context<'c>(&'c self, scope: &'c Arc<dyn Scope>) -> Context<'c> {
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

    /// How long an item may take; as long as it takes without the keyword, or with 0.
    fn patience(&self, unit: &Unit) -> Result<Option<Duration>, Stop> {
        let seconds = self.number("timeout", self.task.keywords.timeout.as_ref(), 0.0, &unit.scope)?;
        let limit = Duration::try_from_secs_f64(seconds).ok();
        Ok(limit.filter(|limit| !limit.is_zero()))
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
}
