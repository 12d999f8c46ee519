//! `ping`: whether modules can run at all.

use super::{Args, Failure, Kind, Module, Outcome, Param, Spec, Verdict};
use crate::system::System;

/// The module.
pub struct Ping;

static SPEC: Spec = Spec {
    name: "ping",
    summary: "Answers pong, to see whether a host is reached and modules run there.",
    params: &[Param::new("data", Kind::Str, "What to answer; crash fails.").default("pong")],
    ..Spec::EMPTY
};

impl Module for Ping {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, _: &dyn System) -> Result<Verdict, Failure> {
        match args.text("data") {
            "crash" => Err(Failure::new("boom")),
            data => Ok(Verdict::Satisfied(Outcome::new().with("ping", data))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{args, fails, is_ok};
    use crate::system::fake::Fake;

    #[test]
    fn pong() {
        assert_eq!(is_ok(&Ping, &args::<&str>(&[]), &mut Fake::new()).values["ping"], "pong".into());
        assert_eq!(fails(&Ping, &args(&[("data", "crash")]), &mut Fake::new()).msg, "boom");
    }
}
