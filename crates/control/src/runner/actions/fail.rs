//! `fail`: fails with a message.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::change::outcome::Failure;
use host::parameters;
use host::parameters::{ModuleParameters, Spec};
use words::value::Map;

/// The action.
pub struct Fail;

parameters! {
    /// Fails with a message
    pub struct FailParameters for "fail" {
        /// The message
        msg: String = "Failed as requested from task",
    }
}

impl Action for Fail {
    fn spec(&self) -> &'static Spec {
        FailParameters::SPEC
    }

    fn run(&self, args: &Map, _: &Context) -> Result<Done, ActionError> {
        let given = FailParameters::read(args)?;
        Err(Failure::new(given.msg).into())
    }
}
