//! `debug`: shows a text or a variable.

use crate::runner::actions::{Action, ActionError, Context, Done};
use crate::template::TemplateError;
use host::change::outcome::Outcome;
use host::parameter_name;
use host::parameters;
use host::parameters::{ModuleParameters, Spec};
use words::value::{Map, Value};

/// The action.
pub struct Debug;

parameters! {
    /// Shows a text or a variable
    pub struct DebugParameters for "debug" {
        /// The text to show
        msg: Option<Value>,
        /// The variable (an expression) to show
        var: Option<String>,
        /// How many -v it takes to show it
        verbosity: i64 = "0",
    }
    exclusive [msg, var];
}

impl Action for Debug {
    fn spec(&self) -> &'static Spec {
        DebugParameters::SPEC
    }

    fn raw(&self) -> &'static [&'static str] {
        &[parameter_name!(DebugParameters, var)]
    }

    fn run(&self, args: &Map, context: &Context) -> Result<Done, ActionError> {
        let given = DebugParameters::read(args)?;
        let outcome = Outcome::new();
        if given.verbosity > i64::from(context.verbosity) {
            let why = "Verbosity threshold not met.".to_owned();
            return Ok(Done { outcome: Outcome { skipped: Some(why), ..outcome }, ..Done::default() });
        }
        let outcome = match given.var.as_deref() {
            Some(name) => outcome.with(name, variable(name, context)?),
            None => outcome.with("msg", message(args)),
        };
        Ok(Done { outcome, shown: true, ..Done::default() })
    }
}

/// A null that is given is shown as one, where it counts as not given elsewhere.
fn message(args: &Map) -> Value {
    args.get(parameter_name!(DebugParameters, msg)).cloned().unwrap_or("Hello world!".into())
}

/// The variable's value; Ansible's words for one that is not there.
fn variable(name: &str, context: &Context) -> Result<Value, TemplateError> {
    let expression = if name.contains("{{") { name.to_owned() } else { format!("{{{{ {name} }}}}") };
    match context.templar.render_str(&expression, context.scope) {
        Err(error @ TemplateError::Undefined { .. }) => Ok(format!("<< error 1 - {error} >>").into()),
        // Showing what is not known yet is fine, as long as it says so.
        Err(TemplateError::Unknown { why }) => Ok(Value::Unknown(why)),
        other => other,
    }
}
