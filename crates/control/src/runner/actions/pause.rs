//! `pause`: waits.

use crate::runner::actions::{Action, ActionError, Context, Done};
use host::change::outcome::{Failure, Outcome};
use host::parameters;
use host::parameters::{ModuleParameters, Spec};
use std::time::Duration;
use words::value::Map;

/// The action.
pub struct Pause;

parameters! {
    /// Waits for a while
    pub struct PauseParameters for "pause" {
        /// How long
        seconds: Option<f64>,
        /// How long
        minutes: Option<f64>,
    }
    exclusive [seconds, minutes];
    one_of [seconds, minutes];
}

impl Action for Pause {
    fn spec(&self) -> &'static Spec {
        PauseParameters::SPEC
    }

    fn run(&self, args: &Map, _: &Context) -> Result<Done, ActionError> {
        let given = PauseParameters::read(args)?;
        let seconds = given.seconds.or(given.minutes.map(|minutes| minutes * 60.0)).unwrap_or(0.0);
        let wait = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Failure::new(format!("{seconds} seconds cannot be waited for")))?;
        std::thread::sleep(wait);
        Ok(Done { outcome: Outcome::new().with("delta", seconds as i64), ..Done::default() })
    }
}
