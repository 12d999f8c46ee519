//! `assert`: fails unless all conditions hold.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::change::outcome::{Failure, Outcome};
use host::parameter_name;
use host::parameters;
use host::parameters::{ModuleParameters, Spec};
use words::value::{Map, Value};

/// The action.
pub struct Assert;

parameters! {
    /// Fails unless all conditions hold
    pub struct AssertParameters for "assert" {
        /// The conditions
        that: Value,
        /// What to say when one does not hold
        fail_msg | "msg": Option<Value>,
        /// What to say when all hold
        success_msg: Option<Value>,
        /// Say nothing when all hold
        quiet: bool = "false",
    }
}

impl Action for Assert {
    fn spec(&self) -> &'static Spec {
        AssertParameters::SPEC
    }

    fn raw(&self) -> &'static [&'static str] {
        &[parameter_name!(AssertParameters, that)]
    }

    fn shows_failures(&self, args: &Map) -> bool {
        !args.get(parameter_name!(AssertParameters, quiet)).and_then(Value::to_bool).unwrap_or(false)
    }

    fn run(&self, args: &Map, context: &Context) -> Result<Done, ActionError> {
        let given = AssertParameters::read(args)?;
        for condition in &context.templar.conditions(&given.that, context.scope) {
            if !context.templar.condition(condition, context.scope)?.holds {
                let msg = given.fail_msg.map_or_else(|| "Assertion failed".to_owned(), |msg| msg.to_string());
                let failure = Failure::new(msg).with("assertion", condition.clone()).with("evaluated_to", false);
                return Err(failure.into());
            }
        }
        let msg = given.success_msg.unwrap_or("All assertions passed".into());
        let outcome = if given.quiet { Outcome::new() } else { Outcome::new().with("msg", msg) };
        Ok(Done { outcome, shown: !given.quiet, ..Done::default() })
    }
}
