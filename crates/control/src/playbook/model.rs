//! What a playbook says, after imports are resolved and keywords are inherited.

use super::{Keywords, Search};
use std::sync::Arc;
use words::diag::{Diagnostic, Place};
use words::value::node::Node;
use words::value::written::Number;
use words::value::{Shared, Value};

/// One file of plays, imports resolved.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// The path as given.
    pub path: String,
    /// Its plays in order.
    pub plays: Vec<Play>,
    /// What is allowed but probably not meant, such as a key written twice.
    pub warnings: Vec<Diagnostic>,
}

/// A value that may hold templates, and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// The value as written.
    pub value: Value,
    /// Where.
    pub place: Place,
    /// The numbers in it.
    pub numbers: Vec<Number>,
}

impl Expr {
    /// A text that was written somewhere, maybe as part of another.
    pub fn text(text: impl Into<String>, place: &Place) -> Self {
        Self { value: Value::String(text.into()), place: place.clone(), numbers: Vec::new() }
    }
}

impl From<&Node> for Expr {
    fn from(node: &Node) -> Self {
        Self { value: node.to_value(), place: node.place.clone(), numbers: Number::within(node) }
    }
}

/// Which hosts do which tasks.
#[derive(Clone, Debug)]
pub struct Play {
    /// Its name; without one, output shows the host pattern.
    pub name: Option<String>,
    /// Host patterns, templates not yet rendered.
    pub hosts: Expr,
    /// Whether facts are gathered first; `None` follows the configuration (they are).
    pub gather_facts: Option<bool>,
    /// The play's own keywords, without those of tasks.
    pub keywords: Keywords,
    /// Files of variables; an inner list means "the first that exists".
    pub vars_files: Vec<Expr>,
    /// Hosts in work per batch: numbers or "30%"; empty means all at once.
    pub serial: Vec<Expr>,
    /// More than this percentage of failed hosts stops the play.
    pub max_fail_percentage: Option<Expr>,
    /// Handlers also run on hosts that failed.
    pub force_handlers: bool,
    /// Tasks before roles and tasks.
    pub pre_tasks: Vec<Item>,
    /// Tasks.
    pub tasks: Vec<Item>,
    /// Tasks after the handlers of the tasks.
    pub post_tasks: Vec<Item>,
    /// Handlers, in the order in which they run.
    pub handlers: Vec<Task>,
    /// Where it starts.
    pub place: Place,
}

impl Play {
    /// The name that output shows.
    pub fn title(&self) -> String {
        match (&self.name, &self.hosts.value) {
            (Some(name), _) => name.clone(),
            (None, Value::List(hosts)) => hosts.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
            (None, hosts) => hosts.to_string(),
        }
    }

    /// The task lists in the order in which they run; handlers are flushed after each.
    pub fn sections(&self) -> [&[Item]; 3] {
        [&self.pre_tasks, &self.tasks, &self.post_tasks]
    }

    /// The tasks of all sections, in order.
    pub fn all_tasks(&self) -> impl Iterator<Item = &Task> {
        self.sections().into_iter().flat_map(tasks)
    }
}

/// All tasks of a list, those of its blocks with their rescue and always sections among them, in order. Tasks of files
/// that are read when the run comes to them are not among them. Everybody who looks at tasks goes through here, but for the
/// runner, who decides which of them to run.
pub fn tasks<'p>(items: &'p [Item]) -> Box<dyn Iterator<Item = &'p Task> + 'p> {
    Box::new(items.iter().flat_map(|item| match item {
        Item::Task(task) => Box::new(std::iter::once(&**task)) as Box<dyn Iterator<Item = &'p Task>>,
        Item::Block(block) => {
            Box::new([&block.tasks, &block.rescue, &block.always].into_iter().flat_map(|part| tasks(part)))
        }
    }))
}

/// One entry of a task list.
#[derive(Clone, Debug)]
pub enum Item {
    /// A task.
    Task(Arc<Task>),
    /// A block of tasks.
    Block(Block),
}

/// Tasks with common keywords (already inherited by them) and with error handling.
#[derive(Clone, Debug)]
pub struct Block {
    /// The tasks.
    pub tasks: Vec<Item>,
    /// Run on hosts on which a task of the block failed.
    pub rescue: Vec<Item>,
    /// Run in either case.
    pub always: Vec<Item>,
}

/// One task or handler.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name, a template; without one, output shows the action.
    pub name: Option<String>,
    /// What it does.
    pub action: Action,
    /// Keywords, those of play and blocks inherited.
    pub keywords: Keywords,
    /// The loop.
    pub looped: Option<Loop>,
    /// The variable that gets the result.
    pub register: Option<String>,
    /// When the result counts as changed; empty leaves it to the module.
    pub changed_when: Option<Expr>,
    /// When the result counts as failed; `None` leaves it to the module.
    pub failed_when: Option<Expr>,
    /// Handlers to notify when changed.
    pub notify: Vec<Expr>,
    /// Topics that a handler listens to.
    pub listen: Vec<String>,
    /// Repeat until this holds.
    pub until: Option<Expr>,
    /// Tries after the first; 3 when `until` is given without it.
    pub retries: Option<Expr>,
    /// Seconds between tries.
    pub delay: Option<Expr>,
    /// What it gives to the tasks of the file that it includes; `None` for a task that includes none.
    pub include: Option<Arc<Include>>,
    /// Where it starts.
    pub place: Place,
}

/// What `include_tasks` gives to the tasks of its file. Which file that is, the task says when the run comes to it.
#[derive(Debug)]
pub struct Include {
    /// The keywords that they inherit: those below `apply`, and those around the include, not the ones beside it.
    pub inherited: Keywords,
    /// Its `vars`: in the file, only `-e` is stronger.
    pub vars: Vars,
    /// Where the file is looked for.
    pub search: Search,
}

impl Task {
    /// The name or, without one, the action as written.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.action.name)
    }
}

/// A module with its arguments.
#[derive(Clone, Debug)]
pub struct Action {
    /// The module as written, perhaps with its collection.
    pub name: String,
    /// Where the module name stands.
    pub place: Place,
    /// Free-form text, as in `command: ls -l`.
    pub free_form: Option<Expr>,
    /// Arguments by name.
    pub args: Vec<Argument>,
    /// A template in `args:` that yields more of them.
    pub more_args: Option<Expr>,
}

/// One argument of a module.
#[derive(Clone, Debug)]
pub struct Argument {
    /// Parameter name.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// Its value.
    pub value: Expr,
}

/// `loop:` or `with_…:`.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The lookup of `with_X`; `None` for `loop`.
    pub with: Option<String>,
    /// The items.
    pub items: Expr,
    /// The name of the item's variable.
    pub variable: String,
    /// The name of the index's variable, if wanted.
    pub index: Option<String>,
    /// What output shows instead of the item, a template.
    pub label: Option<Expr>,
    /// Whether `ansible_loop` is wanted.
    pub extended: bool,
    /// Seconds between items.
    pub pause: Option<f64>,
}

/// One layer of variables, shared by everything below it.
pub type Vars = Arc<Shared>;
