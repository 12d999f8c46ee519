//! `fail`: fails with a message.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::modules::{Args, Failure, Kind, Param, Spec};
use words::value::Map;

/// The action.
pub struct Fail;

static SPEC: Spec = Spec {
    name: "fail",
    summary: "Fails with a message",
    params: &[Param::new("msg", Kind::Str, "The message").default("Failed as requested from task")],
    ..Spec::EMPTY
};

impl Action for Fail {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Map, _: &Context) -> Result<Done, ActionError> {
        let args = Args::check(&SPEC, args)?;
        Err(Failure::new(args.text("msg")).into())
    }
}
