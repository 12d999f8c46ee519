//! `assert`: fails unless all conditions hold.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::modules::{Args, Failure, Kind, Outcome, Param, Spec, args};
use words::value::{Map, Value};

/// The action.
pub struct Assert;

static SPEC: Spec = Spec {
    name: "assert",
    summary: "Fails unless all conditions hold",
    params: &[
        Param::new("that", Kind::Raw, "The conditions").required(),
        Param::new("fail_msg", Kind::Raw, "What to say when one does not hold").aliases(&["msg"]),
        Param::new("success_msg", Kind::Raw, "What to say when all hold"),
        Param::new("quiet", Kind::Bool, "Say nothing when all hold").default("false"),
    ],
    ..Spec::EMPTY
};

impl Action for Assert {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn raw(&self) -> &'static [&'static str] {
        &["that"]
    }

    fn shows_failures(&self, args: &Map) -> bool {
        !args.get("quiet").and_then(args::bool).unwrap_or(false)
    }

    fn run(&self, args: &Map, context: &Context) -> Result<Done, ActionError> {
        let args = Args::check(&SPEC, args)?;
        let that = args.get("that").map(|that| context.templar.conditions(that, context.scope));
        let conditions = that.unwrap_or_default();
        for condition in &conditions {
            if !context.templar.condition(condition, context.scope)?.holds {
                let msg = args.get("fail_msg").map_or_else(|| "Assertion failed".to_owned(), Value::to_string);
                let failure = Failure::new(msg).with("assertion", condition.clone()).with("evaluated_to", false);
                return Err(failure.into());
            }
        }
        let msg = args.get("success_msg").cloned().unwrap_or("All assertions passed".into());
        let outcome = if args.flag("quiet") { Outcome::new() } else { Outcome::new().with("msg", msg) };
        Ok(Done { outcome, shown: !args.flag("quiet"), ..Done::default() })
    }
}
