//! `debug`: shows a text or a variable.

use crate::runner::actions::{Action, ActionError, Context, Done};
use crate::template::TemplateError;
use host::modules::{Args, Kind, Outcome, Param, Spec};
use words::value::{Map, Value};

/// The action.
pub struct Debug;

static SPEC: Spec = Spec {
    name: "debug",
    summary: "Shows a text or a variable",
    params: &[
        Param::new("msg", Kind::Raw, "The text to show"),
        Param::new("var", Kind::Str, "The variable (an expression) to show"),
        Param::new("verbosity", Kind::Int, "How many -v it takes to show it").default("0"),
    ],
    exclusive: &[&["msg", "var"]],
    ..Spec::EMPTY
};

impl Action for Debug {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn raw(&self) -> &'static [&'static str] {
        &["var"]
    }

    fn run(&self, given: &Map, context: &Context) -> Result<Done, ActionError> {
        let args = Args::check(&SPEC, given)?;
        let outcome = Outcome::new();
        if args.int("verbosity").unwrap_or(0) > i64::from(context.verbosity) {
            let why = "Verbosity threshold not met.".to_owned();
            return Ok(Done { outcome: Outcome { skipped: Some(why), ..outcome }, ..Done::default() });
        }
        let outcome = match args.str("var") {
            Some(name) => outcome.with(name, variable(name, context)?),
            None => outcome.with("msg", given.get("msg").cloned().unwrap_or("Hello world!".into())),
        };
        Ok(Done { outcome, shown: true, ..Done::default() })
    }
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
