//! `slurp`: reads a file of the host.

use super::files::path;
use super::{Args, Failure, Kind, Module, Outcome, Param, Spec, Verdict};
use crate::system::System;
use base64::Engine;

/// The module.
pub struct Slurp;

static SPEC: Spec = Spec {
    name: "slurp",
    summary: "Returns a file's content in base64.",
    params: &[Param::new("src", Kind::Path, "The file.").required().aliases(&["path"])],
    ..Spec::EMPTY
};

impl Module for Slurp {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn check(&self, args: &Args, system: &dyn System) -> Result<Verdict, Failure> {
        let path = path(args, "src", system)?;
        let shown = path.display().to_string();
        let content = system.read(&path)?.ok_or_else(|| Failure::new(format!("File not found: {shown}")))?;
        let encoded = base64::engine::general_purpose::STANDARD.encode(content);
        let outcome = Outcome::new().with("content", encoded).with("source", shown).with("encoding", "base64");
        Ok(Verdict::Satisfied(outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{args, fails, is_ok};
    use crate::system::fake::Fake;

    #[test]
    fn content_in_base64() {
        let mut fake = Fake::new().file("/etc/motd", "hi\n");
        assert_eq!(is_ok(&Slurp, &args(&[("src", "/etc/motd")]), &mut fake).values["content"], "aGkK".into());
        assert_eq!(fails(&Slurp, &args(&[("path", "/none")]), &mut fake).msg, "File not found: /none");
    }
}
