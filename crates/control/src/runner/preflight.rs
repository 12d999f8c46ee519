//! What can be known to be wrong before any host is reached: unknown modules, parameters, loops, handlers, and values of
//! keywords. All of it is told at once.

use crate::playbook::model::Argument;
use crate::playbook::{Item, Play, Playbook, Task};
use crate::runner::actions::Runs;
use crate::runner::arguments::Arguments;
use crate::runner::keyword_values;
use crate::runner::loops;
use crate::runner::task::task_args;
use crate::template::Templar;
use host::change::outcome::Failure;
use host::parameters::Spec;
use words::diag::Diagnostic;
use words::value::written::Number;
use words::value::{Map, Value};

/// What is found in a playbook, each once.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is wrong: the playbook is not run.
    pub errors: Vec<Diagnostic>,
    /// What is allowed, and probably not meant.
    pub warnings: Vec<Diagnostic>,
}

impl Findings {
    fn take(&mut self, found: Result<(), Diagnostic>) {
        if let Err(error) = found {
            add(&mut self.errors, error);
        }
    }
}

/// A task that is imported twice is wrong once.
fn add(to: &mut Vec<Diagnostic>, one: Diagnostic) {
    if !to.contains(&one) {
        to.push(one);
    }
}

/// Everything that is wrong with a playbook.
pub fn check(playbook: &Playbook) -> Findings {
    let mut findings = Findings::default();
    for play in &playbook.plays {
        keyword_values::errors(&play.keywords).into_iter().for_each(|error| add(&mut findings.errors, error));
        for section in play.sections() {
            check_items(section, play, &mut findings);
        }
        for handler in &play.handlers {
            check_task(handler, play, &mut findings);
        }
    }
    findings
}

fn check_items(items: &[Item], play: &Play, findings: &mut Findings) {
    for item in items {
        match item {
            Item::Task(task) => check_task(task, play, findings),
            Item::Block(block) => {
                for part in [&block.tasks, &block.rescue, &block.always] {
                    check_items(part, play, findings);
                }
            }
        }
    }
}

fn check_task(task: &Task, play: &Play, findings: &mut Findings) {
    keyword_values::errors(&task.keywords).into_iter().for_each(|error| add(&mut findings.errors, error));
    findings.take(keyword_values::check_numbers(task));
    findings.take(check_loop(task));
    findings.take(check_handlers(task, play));
    let Some(runs) = Runs::find(&task.action.name) else {
        return add(&mut findings.errors, unknown_module(task));
    };
    match task_args(task, runs) {
        Ok(args) => {
            findings.take(check_args(&args, runs, task));
            let odd = odd_numbers(&args, runs.spec(), task);
            odd.into_iter().for_each(|error| add(&mut findings.errors, error));
            let warning = args.named.iter().find_map(keyword_values::odd_mode);
            warning.into_iter().for_each(|warning| add(&mut findings.warnings, warning));
        }
        Err(error) => add(&mut findings.errors, error),
    }
}

fn unknown_module(task: &Task) -> Diagnostic {
    let action = &task.action;
    let mut known: Vec<_> = Runs::names().collect();
    known.sort_unstable();
    known.dedup();
    Diagnostic::input(&action.place, format!("couldn't resolve module/action '{}'", action.name))
        .note("enlist has no module of this name, and the word is no keyword of a task")
        .note(format!("its modules: {}", known.join(", ")))
        .suggest(&action.name, known)
}

fn check_args(args: &Arguments, runs: Runs, task: &Task) -> Result<(), Diagnostic> {
    let (spec, named) = (runs.spec(), &args.named);
    if runs.is_open() {
        return Ok(());
    }
    for arg in named {
        if spec.param(&arg.name).is_none() {
            return Err(unknown_parameter(arg, spec));
        }
    }
    let is_static = args.all.is_none() && !named.iter().any(|arg| has_template(&arg.value.value));
    if is_static && task.keywords.module_defaults.is_empty() {
        let map: Map = named.iter().map(|arg| (arg.name.clone(), arg.value.value.clone())).collect();
        spec.check(&map).map_err(|failure| at_argument(failure, named, task))?;
    }
    Ok(())
}

/// Numbers of the scheduler that YAML reads as others than were written: `MaxWall: 24:00:00` would be 60 days.
fn odd_numbers(args: &Arguments, spec: &Spec, task: &Task) -> Vec<Diagnostic> {
    if !spec.name.starts_with("slurm_") {
        return Vec::new();
    }
    let values = args.named.iter().map(|arg| &arg.value).chain(task.looped.iter().map(|looped| &looped.items));
    values.flat_map(|value| &value.numbers).filter_map(Number::problem).collect()
}

fn unknown_parameter(arg: &Argument, spec: &Spec) -> Diagnostic {
    let mut known: Vec<_> = spec.params.iter().map(|param| param.name).filter(|n| !n.starts_with('_')).collect();
    known.sort_unstable();
    Diagnostic::input(&arg.place, format!("Unsupported parameters for ({}) module: {}", spec.name, arg.name))
        .note(format!("Supported parameters include: {}", known.join(", ")))
        .suggest(&arg.name, known.iter().copied())
}

/// The failure at the argument that it names, if it names one.
fn at_argument(failure: Failure, args: &[Argument], task: &Task) -> Diagnostic {
    let named = args.iter().find(|arg| failure.msg.contains(&format!(" {} ", arg.name)));
    let place = named.map_or(&task.action.place, |arg| &arg.value.place);
    let error = Diagnostic::input(place, format!("{}: {}", task.action.name, failure.msg));
    failure.hint.iter().fold(error, |error, hint| error.hint(hint))
}

pub(super) fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => Templar::is_template(text),
        Value::List(items) => items.iter().any(has_template),
        Value::Map(map) => map.values().any(has_template),
        _ => false,
    }
}

fn check_loop(task: &Task) -> Result<(), Diagnostic> {
    match &task.looped {
        Some(looped) => match looped.with.as_deref() {
            Some(with) if !loops::is_known(with) => {
                let error =
                    Diagnostic::input(&looped.items.place, format!("enlist does not know the loop `with_{with}`"));
                Err(error
                    .suggest(with, loops::KNOWN.iter().chain(Templar::lookup_names()).copied())
                    .hint("`loop:` with a lookup or filter may do the same"))
            }
            _ => Ok(()),
        },
        None => Ok(()),
    }
}

fn check_handlers(task: &Task, play: &Play) -> Result<(), Diagnostic> {
    for notify in &task.notify {
        let name = notify.value.to_string();
        let known = |handler: &Task| handler.name.as_deref() == Some(&name) || handler.listen.contains(&name);
        let templated = |handler: &Task| handler.name.as_deref().is_some_and(Templar::is_template);
        if !Templar::is_template(&name) && !play.handlers.iter().any(|h| known(h) || templated(h)) {
            let names = play.handlers.iter().filter_map(|handler| handler.name.as_deref());
            let message = format!(
                "The requested handler '{name}' was not found in either the main handlers list nor in the \
                 listening handlers list"
            );
            return Err(Diagnostic::input(&notify.place, message).suggest(&name, names));
        }
    }
    Ok(())
}
