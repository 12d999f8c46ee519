//! Keywords that play, block and task share, and how a task inherits them.

use super::model::{Expr, Vars};
use std::sync::Arc;
use words::diag::Diagnostic;
use words::value::node::Node;
use words::value::{Value, shared};

/// Keywords of a play, block or task. The innermost wins, except that `when` and `tags` add up and `vars`,
/// `environment` and `module_defaults` are merged, innermost last.
#[derive(Clone, Debug, Default)]
pub struct Keywords {
    /// Become another user.
    pub escalate: Option<Expr>,
    /// Whom to become.
    pub become_user: Option<Expr>,
    /// How; only `sudo` is known.
    pub become_method: Option<Expr>,
    /// Whom to log in as.
    pub remote_user: Option<Expr>,
    /// Which port to connect to.
    pub port: Option<Expr>,
    /// `ssh` or `local`.
    pub connection: Option<Expr>,
    /// Forces or forbids check mode.
    pub check_mode: Option<Expr>,
    /// Forces or forbids diffs.
    pub diff: Option<Expr>,
    /// A failure is shown and passed over.
    pub ignore_errors: Option<Expr>,
    /// An unreachable host is shown and kept.
    pub ignore_unreachable: Option<Expr>,
    /// Results are hidden.
    pub no_log: Option<Expr>,
    /// One failed host stops all.
    pub any_errors_fatal: Option<Expr>,
    /// Only the first host does it, for all.
    pub run_once: Option<Expr>,
    /// Which host does it instead.
    pub delegate_to: Option<Expr>,
    /// Facts go to the host that did it.
    pub delegate_facts: Option<Expr>,
    /// Workers for this task.
    pub throttle: Option<Expr>,
    /// How many seconds a host may take for one item.
    pub timeout: Option<Expr>,
    /// Conditions, outermost first; all must hold.
    pub when: Vec<Expr>,
    /// Tags of all levels.
    pub tags: Vec<String>,
    /// Variables, outermost first.
    pub vars: Vec<Vars>,
    /// Environment mappings, outermost first.
    pub environment: Vec<Expr>,
    /// Default arguments by module, outermost first.
    pub module_defaults: Vec<Expr>,
}

/// The keywords of this file, for "did you mean".
pub(super) const NAMES: &[&str] = &[
    "become",
    "become_user",
    "become_method",
    "remote_user",
    "port",
    "connection",
    "check_mode",
    "diff",
    "ignore_errors",
    "ignore_unreachable",
    "no_log",
    "any_errors_fatal",
    "run_once",
    "delegate_to",
    "delegate_facts",
    "throttle",
    "timeout",
    "when",
    "tags",
    "vars",
    "environment",
    "module_defaults",
];

impl Keywords {
    /// Takes one keyword; false when `name` is not one of [`NAMES`].
    pub(super) fn take(&mut self, name: &str, value: &Node) -> Result<bool, Diagnostic> {
        match name {
            "when" => self.when.extend(list_or_one(value).into_iter().map(Expr::from)),
            "tags" => self.tags.extend(texts(value, "tags")?),
            "vars" => self.vars.push(vars(value)?),
            "environment" => self.environment.extend(list_or_one(value).into_iter().map(Expr::from)),
            "module_defaults" => self.module_defaults.extend(list_or_one(value).into_iter().map(Expr::from)),
            other => match self.slot(other) {
                Some(slot) => *slot = Some(Expr::from(value)),
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Expr>> {
        Some(match name {
            "become" => &mut self.escalate,
            "become_user" => &mut self.become_user,
            "become_method" => &mut self.become_method,
            "remote_user" => &mut self.remote_user,
            "port" => &mut self.port,
            "connection" => &mut self.connection,
            "check_mode" => &mut self.check_mode,
            "diff" => &mut self.diff,
            "ignore_errors" => &mut self.ignore_errors,
            "ignore_unreachable" => &mut self.ignore_unreachable,
            "no_log" => &mut self.no_log,
            "any_errors_fatal" => &mut self.any_errors_fatal,
            "run_once" => &mut self.run_once,
            "delegate_to" => &mut self.delegate_to,
            "delegate_facts" => &mut self.delegate_facts,
            "throttle" => &mut self.throttle,
            "timeout" => &mut self.timeout,
            _ => return None,
        })
    }

    /// These keywords below `outer`'s: what is unset here is taken from there.
    pub(super) fn inherit(mut self, outer: &Keywords) -> Keywords {
        for name in NAMES {
            let outer_value = outer.clone().slot(name).and_then(|slot| slot.take());
            if let Some(slot) = self.slot(name).filter(|slot| slot.is_none()) {
                *slot = outer_value;
            }
        }
        prepend(&mut self.when, &outer.when);
        prepend(&mut self.tags, &outer.tags);
        prepend(&mut self.vars, &outer.vars);
        prepend(&mut self.environment, &outer.environment);
        prepend(&mut self.module_defaults, &outer.module_defaults);
        self
    }
}

fn prepend<T: Clone>(inner: &mut Vec<T>, outer: &[T]) {
    inner.splice(0..0, outer.iter().cloned());
}

/// A list's items, or the one thing that is no list; nothing for null.
pub(super) fn list_or_one(node: &Node) -> Vec<&Node> {
    match node.items() {
        Some(items) => items.iter().collect(),
        None if node.is_null() => Vec::new(),
        None => vec![node],
    }
}

/// A list of texts, or a comma text.
pub(super) fn texts(node: &Node, what: &str) -> Result<Vec<String>, Diagnostic> {
    let mut found = Vec::new();
    for item in list_or_one(node) {
        match item.to_value() {
            Value::String(text) => found.extend(text.split(',').map(|part| part.trim().to_owned())),
            Value::Int(number) => found.push(number.to_string()),
            _ => return Err(item.error(format!("`{what}` takes texts, and this is {}", item.kind_name()))),
        }
    }
    Ok(found)
}

/// A mapping of variables.
pub(super) fn vars(node: &Node) -> Result<Vars, Diagnostic> {
    match node.to_value() {
        Value::Map(map) => Ok(Arc::new(shared(map))),
        Value::Null => Ok(Vars::default()),
        _ => Err(node.error(format!("`vars` takes a mapping of names to values, and this is {}", node.kind_name()))),
    }
}

/// The text of a scalar node.
pub(super) fn text(node: &Node, what: &str) -> Result<String, Diagnostic> {
    match node.to_value() {
        Value::List(_) | Value::Map(_) | Value::Null => {
            Err(node.error(format!("`{what}` takes text, and this is {}", node.kind_name())))
        }
        value => Ok(value.to_string()),
    }
}

/// A boolean that must be known while reading the file.
pub(super) fn truth(node: &Node, what: &str) -> Result<bool, Diagnostic> {
    match node.to_value() {
        Value::Bool(truth) => Ok(truth),
        _ => Err(node.error(format!("`{what}` takes yes or no here, and this is {}", node.kind_name()))),
    }
}
