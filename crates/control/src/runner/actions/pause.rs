//! `pause`: waits.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::modules::{Args, Failure, Kind, Outcome, Param, Spec};
use std::time::Duration;
use words::value::Map;

/// The action.
pub struct Pause;

static SPEC: Spec = Spec {
    name: "pause",
    summary: "Waits for a while",
    params: &[Param::new("seconds", Kind::Float, "How long"), Param::new("minutes", Kind::Float, "How long")],
    one_of: &[&["seconds", "minutes"]],
    exclusive: &[&["seconds", "minutes"]],
    ..Spec::EMPTY
};

impl Action for Pause {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Map, _: &Context) -> Result<Done, ActionError> {
        let args = Args::check(&SPEC, args)?;
        let number = |name| args.get(name).and_then(|value| value.to_string().parse::<f64>().ok());
        let seconds = number("seconds").or(number("minutes").map(|minutes| minutes * 60.0)).unwrap_or(0.0);
        let wait = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Failure::new(format!("{seconds} seconds cannot be waited for")))?;
        std::thread::sleep(wait);
        Ok(Done { outcome: Outcome::new().with("delta", seconds as i64), ..Done::default() })
    }
}
