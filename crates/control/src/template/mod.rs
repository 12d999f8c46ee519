//! Ansible's templates: Jinja with native types, lazily evaluated variables and values that a dry run cannot know.
//!
//! The language is minijinja's. What Ansible adds is here: [`Scope`] and laziness ([`data`]), results as
//! [`Value`]s ([`engine`]), conditions ([`condition`]), and errors that name the variable ([`error`]).

mod condition;
mod control_node;
mod data;
mod engine;
mod error;
mod filters;
mod functions;
mod lookups;
mod methods;
mod operators;
mod rewrite;
mod soft;
mod sources;
#[cfg(test)]
mod tests;

pub use condition::Truth;
pub use control_node::{ControlNode, Decide, Entry, EntryKind};
pub use error::TemplateError;

use std::sync::Arc;
use words::value::{Map, Value};

/// The variables that a template sees, strongest first already decided: precedence is the scope's business.
///
/// Nothing is asked for before a template uses it.
pub trait Scope: Send + Sync {
    /// The variable of that name.
    fn lookup(&self, name: &str) -> Option<Lookup>;
    /// All names, for "did you mean" and `varnames`. May be slow.
    fn names(&self) -> Vec<String>;
    /// The names that belong to it as data, such as in `debug: var=vars`: without those that lead back to itself, as
    /// `hostvars` does, since that would have no end.
    fn own_names(&self) -> Vec<String> {
        self.names()
    }

    /// The hosts that the patterns select, for who knows an inventory; `None` for who knows none.
    fn hosts_matching(&self, _patterns: &[String]) -> Option<Result<Vec<String>, String>> {
        None
    }
}

/// What a [`Scope`] has under a name.
#[derive(Clone)]
pub enum Lookup {
    /// Written by the playbook's authors (plays, roles, inventory, `-e`): texts in it are templates, evaluated in the
    /// scope they are used from, each time they are used.
    Trusted(Arc<Value>),
    /// Facts, results, file contents: never evaluated, whatever braces they hold.
    Data(Arc<Value>),
    /// A mapping that is looked up name by name, such as `hostvars` and each host in it.
    Scope(Arc<dyn Scope>),
}

/// Variables held in a map: all [`Lookup::Trusted`], or all [`Lookup::Data`].
pub struct MapScope {
    variables: indexmap::IndexMap<String, Lookup>,
}

impl MapScope {
    /// A scope of variables whose texts are templates.
    pub fn trusted(variables: Map) -> Arc<dyn Scope> {
        let trust = |(name, value)| (name, Lookup::Trusted(Arc::new(value)));
        Arc::new(MapScope { variables: variables.into_iter().map(trust).collect() })
    }

    /// A scope of plain data.
    pub fn data(variables: Map) -> Arc<dyn Scope> {
        let data = |(name, value)| (name, Lookup::Data(Arc::new(value)));
        Arc::new(MapScope { variables: variables.into_iter().map(data).collect() })
    }
}

impl Scope for MapScope {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        self.variables.get(name).cloned()
    }
    fn names(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }
}

/// Evaluates templates. Cheap to make and to share; compiled templates are kept by the process.
#[derive(Clone)]
pub struct Templar {
    control: Arc<dyn ControlNode>,
}

/// How a template file is read: what the `template` module's parameters and a `#jinja2:` first line can set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileOptions {
    /// Remove the newline after a block; Ansible's default is true.
    pub trim_blocks: bool,
    /// Remove blanks before a block; Ansible's default is false.
    pub lstrip_blocks: bool,
    /// `{{` and `}}`.
    pub variable: (String, String),
    /// `{%` and `%}`.
    pub block: (String, String),
    /// `{#` and `#}`.
    pub comment: (String, String),
    /// What the lines of the template end with in the result, whatever they end with in the file.
    pub newline: String,
}

impl Default for FileOptions {
    fn default() -> Self {
        let pair = |start: &str, end: &str| (start.to_owned(), end.to_owned());
        FileOptions {
            trim_blocks: true,
            lstrip_blocks: false,
            variable: pair("{{", "}}"),
            block: pair("{%", "%}"),
            comment: pair("{#", "#}"),
            newline: "\n".to_owned(),
        }
    }
}

impl Templar {
    /// A templar whose templates reach files, clock and programs through `control`.
    pub fn on(control: Arc<dyn ControlNode>) -> Templar {
        Templar { control }
    }

    fn eval(&self, scope: &Arc<dyn Scope>) -> data::Eval {
        data::Eval::new(scope, &self.control)
    }

    /// Evaluates every text in `value`, as deep as it goes. A text that is one `{{ expression }}` becomes the
    /// expression's own type; entries that evaluate to `omit` are left out. `omit` as the whole value is null here,
    /// see [`Templar::render_or_omit`].
    pub fn render(&self, value: &Value, scope: &Arc<dyn Scope>) -> Result<Value, TemplateError> {
        Ok(self.render_or_omit(value, scope)?.unwrap_or(Value::Null))
    }

    /// As [`Templar::render`]; `None` when the whole value is `omit`, that is: as if it was not written at all.
    pub fn render_or_omit(&self, value: &Value, scope: &Arc<dyn Scope>) -> Result<Option<Value>, TemplateError> {
        self.eval(scope).render(value)
    }

    /// Evaluates one text.
    pub fn render_str(&self, text: &str, scope: &Arc<dyn Scope>) -> Result<Value, TemplateError> {
        let eval = self.eval(scope);
        Ok(eval.render_text(text)?.unwrap_or(Value::Null))
    }

    /// Evaluates a `when`, `changed_when`, `failed_when`, `until` or `that`: a boolean, an expression, or a list of
    /// these, which must all hold. Stops at the first that does not.
    ///
    /// Braces in an expression stand for a value; see [`condition`]. What a value holds is never read as an expression.
    pub fn condition(&self, condition: &Value, scope: &Arc<dyn Scope>) -> Result<Truth, TemplateError> {
        condition::evaluate(condition, &self.eval(scope))
    }

    /// Evaluates a keyword that is yes or no, such as `ignore_errors`: a boolean, one of Ansible's words for it, or a
    /// text whose result is one of these. `None` for null and `omit`; everything else is an error.
    pub fn flag(&self, flag: &Value, scope: &Arc<dyn Scope>) -> Result<Option<bool>, TemplateError> {
        condition::flag(flag, &self.eval(scope))
    }

    /// What the lookup `name` finds for these terms, as `with_NAME` wants it.
    pub fn lookup(&self, name: &str, terms: Vec<Value>, scope: &Arc<dyn Scope>) -> Result<Vec<Value>, TemplateError> {
        lookups::run(name, &filters::Args::of(terms), &self.eval(scope))
    }

    /// The names of all lookups.
    pub fn lookup_names() -> &'static [&'static str] {
        lookups::NAMES
    }

    /// The conditions of `that`: those that are written, or that the variable holds which `{{ name }}` alone names.
    pub fn conditions(&self, that: &Value, scope: &Arc<dyn Scope>) -> Vec<Value> {
        condition::listed(that, &self.eval(scope))
    }

    /// Evaluates the text of a template file; `name` is its path, for messages and for `{% include %}`. A first line
    /// `#jinja2: key:value, …` overrides `options`.
    pub fn render_file(
        &self,
        name: &str,
        text: &str,
        scope: &Arc<dyn Scope>,
        options: &FileOptions,
    ) -> Result<String, TemplateError> {
        self.eval(scope).render_file(name, text, options)
    }

    /// A line end as people write it for [`FileOptions::newline`]: itself, or its escape.
    pub fn newline(written: &str) -> Option<&'static str> {
        engine::newline(written)
    }

    /// Whether `text` holds template syntax at all.
    pub fn is_template(text: &str) -> bool {
        engine::is_template(text)
    }
}
