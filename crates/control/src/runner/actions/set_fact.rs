//! `set_fact`: sets variables on the host for the rest of the run.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::change::outcome::{Failure, Outcome};
use host::parameter_name;
use host::parameters;
use host::parameters::{ModuleParameters, Spec};
use words::value::{Map, Value};

/// The action.
pub struct SetFact;

parameters! {
    /// Sets variables on the host for the rest of the run
    pub struct SetFactParameters for "set_fact" {
        /// Accepted; facts last for the run
        cacheable: bool = "false",
    }
}

impl Action for SetFact {
    fn spec(&self) -> &'static Spec {
        SetFactParameters::SPEC
    }

    fn is_open(&self) -> bool {
        true
    }

    fn run(&self, args: &Map, _: &Context) -> Result<Done, ActionError> {
        let mut facts = args.clone();
        if let Some(cacheable) = facts.shift_remove(parameter_name!(SetFactParameters, cacheable))
            && cacheable.to_bool().is_none()
        {
            return Err(Failure::new(format!("`cacheable` takes yes or no, and this is {}", cacheable.repr())).into());
        }
        if facts.is_empty() {
            return Err(Failure::new("No key/value pairs provided, at least one is required for this action").into());
        }
        if let Some(name) = facts.keys().find(|name| !is_variable_name(name)) {
            let msg = format!(
                "The variable name '{name}' is not valid. Variables must start with a letter or underscore \
                 character, and contain only letters, numbers and underscores."
            );
            return Err(Failure::new(msg).into());
        }
        let outcome = Outcome::new().with("ansible_facts", Value::Map(facts.clone()));
        Ok(Done { outcome, facts, shown: false })
    }
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
