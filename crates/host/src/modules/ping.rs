//! `ping`: whether modules can run at all.

use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::system::System;

/// The module.
pub struct Ping;

parameters! {
    /// Answers pong, to see whether a host is reached and modules run there.
    pub struct PingParameters for "ping" {
        /// What to answer; crash fails.
        data: String = "pong",
    }
}

impl Module for Ping {
    type Parameters = PingParameters;

    fn check(&self, given: &PingParameters, _: &dyn System) -> Result<Verdict, Failure> {
        match given.data.as_str() {
            "crash" => Err(Failure::new("boom")),
            data => Ok(Verdict::Satisfied(Outcome::new().with("ping", data))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, fails, is_ok};
    use crate::system::fake::Fake;

    #[test]
    fn pong() {
        assert_eq!(is_ok(&Ping, &args::<&str>(&[]), &mut Fake::new()).values["ping"], "pong".into());
        assert_eq!(fails(&Ping, &args(&[("data", "crash")]), &mut Fake::new()).msg, "boom");
    }
}
