//! What can be known to be wrong before any host is reached: unknown modules, parameters, loops, handlers, and values of
//! keywords. All of it is told at once.

use crate::playbook::model::{Argument, tasks};
use crate::playbook::{Files, Item, Keywords, Play, Playbook, Task, read_tasks};
use crate::runner::actions::{Runs, include_tasks};
use crate::runner::arguments::Arguments;
use crate::runner::keyword_values;
use crate::runner::loops;
use crate::runner::task::task_args;
use crate::template::Templar;
use host::change::outcome::Failure;
use host::parameters::Spec;
use std::collections::HashSet;
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};
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

    fn check_keywords(&mut self, keywords: &Keywords) {
        keyword_values::errors(keywords).into_iter().for_each(|error| add(&mut self.errors, error));
    }
}

/// A task that is imported twice is wrong once.
fn add(to: &mut Vec<Diagnostic>, one: Diagnostic) {
    if !to.contains(&one) {
        to.push(one);
    }
}

/// Everything that is wrong with a playbook. Files that are included while it runs are looked at when they are read.
pub fn check(playbook: &Playbook) -> Findings {
    let mut findings = Findings::default();
    for play in &playbook.plays {
        findings.check_keywords(&play.keywords);
        for task in play.all_tasks().chain(&play.handlers) {
            check_task(task, play, &mut findings);
        }
    }
    findings
}

/// Everything that is wrong with tasks of a file that a play includes.
pub fn check_included(items: &[Item], play: &Play) -> Findings {
    let mut findings = Findings::default();
    tasks(items).for_each(|task| check_task(task, play, &mut findings));
    findings
}

/// What will go wrong with the files that are included while the playbook runs, as far as they have names that can be
/// known now and are there. None of it keeps the playbook from running: what includes them may be left out.
pub fn look_ahead(playbook: &Playbook, files: &dyn Files) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for play in &playbook.plays {
        let mut seen = HashSet::new();
        play.all_tasks().chain(&play.handlers).for_each(|task| look_into(task, play, files, &mut seen, &mut found));
    }
    found
}

/// Looks into the file that `task` includes, if it includes one, and those that this includes in turn; each once.
fn look_into(task: &Task, play: &Play, files: &dyn Files, seen: &mut HashSet<PathBuf>, found: &mut Vec<Diagnostic>) {
    let Some(include) = &task.include else { return };
    let Some(name) = included_name(task) else { return };
    match read_tasks(files, include, &name) {
        Ok(file) if !seen.insert(file.path.clone()) => {}
        Ok(file) => {
            let findings = check_included(&file.items, play);
            let all = file.warnings.into_iter().chain(findings.warnings).chain(findings.errors);
            all.for_each(|one| add(found, one));
            tasks(&file.items).for_each(|task| look_into(task, play, files, seen, found));
        }
        Err(error) if error.kind == ErrorKind::Usage => {} // what is not there yet may be there in time
        Err(error) => add(found, error),
    }
}

/// The name of the file that a task includes, if it is no template.
fn included_name(task: &Task) -> Option<String> {
    let args = task_args(task, Runs::find(&task.action.name)?).ok()?;
    let file = args.named.iter().find(|arg| include_tasks::is_file(&arg.name))?;
    (!has_template(&file.value.value)).then(|| file.value.value.to_string())
}

fn check_task(task: &Task, play: &Play, findings: &mut Findings) {
    findings.check_keywords(&task.keywords);
    task.include.iter().for_each(|include| findings.check_keywords(&include.inherited));
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
