//! What runs on the controller: actions that never reach a host, and the controller's half of `copy` and `template`.
//!
//! One file each, one line each in [`ACTIONS`] or [`PREPARED`].

mod assert;
mod copy;
mod debug;
mod fail;
mod files;
pub mod include_tasks;
mod include_vars;
mod pause;
mod set_fact;
mod template;

use crate::template::{Scope, Templar, TemplateError};
use host::change::outcome::{Failure, Outcome};
use host::engine::AnyModule;
use host::modules;
use host::parameters;
use host::parameters::{ModuleParameters, Spec, short_name};
use std::path::PathBuf;
use std::sync::Arc;
use words::value::Map;

/// Actions that run on the controller only.
pub static ACTIONS: &[&dyn Action] = &[
    &assert::Assert,
    &debug::Debug,
    &fail::Fail,
    &include_tasks::IncludeTasks,
    &include_vars::IncludeVars,
    &pause::Pause,
    &set_fact::SetFact,
];

/// Modules whose arguments the controller completes first.
pub static PREPARED: &[&dyn Prepare] = &[&copy::Copy, &template::Template];

/// Runs on the controller.
pub trait Action: Sync {
    /// Name and parameters.
    fn spec(&self) -> &'static Spec;

    /// Parameters that it evaluates itself: they are not rendered before.
    fn raw(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether any parameter name is allowed, as for `set_fact`.
    fn is_open(&self) -> bool {
        false
    }

    /// Whether its failures are shown on several lines, as its results are.
    fn shows_failures(&self, _args: &Map) -> bool {
        false
    }

    /// Does it.
    fn run(&self, args: &Map, context: &Context) -> Result<Done, ActionError>;
}

/// Completes a host module's arguments on the controller.
pub trait Prepare: Sync {
    /// Name and parameters as playbooks give them.
    fn spec(&self) -> &'static Spec;

    /// The module that then runs on the host.
    fn module(&self) -> &'static str;

    /// The arguments for that module.
    fn prepare(&self, args: Map, context: &Context) -> Result<Map, ActionError>;
}

/// What an action may use.
pub struct Context<'a> {
    /// Renders what the action evaluates itself.
    pub templar: &'a Templar,
    /// The variables.
    pub scope: &'a Arc<dyn Scope>,
    /// Where relative file names are looked for, in this order.
    pub directories: &'a [PathBuf],
    /// How many `-v` were given.
    pub verbosity: u8,
}

/// What an action did.
#[derive(Debug, Default)]
pub struct Done {
    /// Return values.
    pub outcome: Outcome,
    /// Variables that it sets on the host.
    pub facts: Map,
    /// Whether its result is shown without `-v`.
    pub shown: bool,
}

/// Why an action did not do it.
#[derive(Debug)]
pub enum ActionError {
    /// It failed.
    Failed(Failure),
    /// A template in what it evaluates did.
    Template(TemplateError),
}

impl From<Failure> for ActionError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<TemplateError> for ActionError {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

/// What the name of a task's module stands for.
#[derive(Clone, Copy)]
pub enum Runs {
    /// A module on the host.
    OnHost(&'static dyn AnyModule),
    /// A module on the host, after the controller's half.
    Prepared(&'static dyn Prepare, &'static dyn AnyModule),
    /// On the controller.
    OnController(&'static dyn Action),
    /// A word to the runner itself.
    Meta,
}

parameters! {
    /// Tells the runner something: flush_handlers, end_play, end_host, clear_host_errors, noop
    struct MetaParameters for "meta" {
        /// What to tell
        free_form: String,
    }
    free_form free_form;
}

impl Runs {
    /// What `name` stands for; `None` when enlist does not know it.
    pub fn find(name: &str) -> Option<Runs> {
        let short = short_name(name);
        if short == "meta" {
            return Some(Runs::Meta);
        }
        if let Some(action) = ACTIONS.iter().find(|action| action.spec().name == short) {
            return Some(Runs::OnController(*action));
        }
        if let Some(prepare) = PREPARED.iter().find(|prepare| prepare.spec().name == short) {
            return modules::find(prepare.module()).map(|module| Runs::Prepared(*prepare, module));
        }
        modules::find(short).map(Runs::OnHost)
    }

    /// The parameters that playbooks may give.
    pub fn spec(&self) -> &'static Spec {
        match self {
            Runs::OnHost(module) => module.spec(),
            Runs::Prepared(prepare, _) => prepare.spec(),
            Runs::OnController(action) => action.spec(),
            Runs::Meta => MetaParameters::SPEC,
        }
    }

    /// Whether parameter names are free.
    pub fn is_open(&self) -> bool {
        matches!(self, Runs::OnController(action) if action.is_open())
    }

    /// Parameters that are not rendered before.
    pub fn raw(&self) -> &'static [&'static str] {
        match self {
            Runs::OnController(action) => action.raw(),
            _ => &[],
        }
    }

    /// Every name that [`Runs::find`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let controller = ACTIONS.iter().map(|action| action.spec().name);
        let prepared = PREPARED.iter().map(|prepare| prepare.spec().name);
        modules::MODULES.iter().map(|module| module.spec().name).chain(controller).chain(prepared).chain(["meta"])
    }
}
