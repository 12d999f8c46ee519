//! `slurp`: reads a file of the host.

use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::System;
use base64::Engine;

/// Longest file that is returned, in bytes: an answer may have 16 MiB, and base64 takes a third more.
const LONGEST: u64 = 11 << 20;

/// The module.
pub struct Slurp;

parameters! {
    /// Returns a file's content in base64.
    pub struct SlurpParameters for "slurp" {
        /// The file.
        src | "path": HostPath,
    }
}

impl Module for Slurp {
    type Parameters = SlurpParameters;

    fn check(&self, given: &SlurpParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let path = given.src.on(system)?;
        let shown = path.display().to_string();
        let missing = || Failure::new(format!("File not found: {shown}"));
        let size = system.stat(&path, true)?.ok_or_else(missing)?.size;
        if size > LONGEST {
            return Err(too_long(&shown, size));
        }
        // What the kernel makes while it is read has no size.
        let content = system.read(&path)?.ok_or_else(missing)?;
        if content.len() as u64 > LONGEST {
            return Err(too_long(&shown, content.len() as u64));
        }
        let encoded = base64::engine::general_purpose::STANDARD.encode(content);
        let outcome = Outcome::new().with("content", encoded).with("source", shown).with("encoding", "base64");
        Ok(Verdict::Satisfied(outcome))
    }
}

fn too_long(shown: &str, size: u64) -> Failure {
    let most = LONGEST >> 20;
    Failure::new(format!("{shown} has {size} bytes, and slurp returns at most {most} MiB"))
        .hint("take a part of it with `command: head -c …`, or get the whole with scp or rsync")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, fails, is_ok};
    use crate::system::fake::Fake;

    #[test]
    fn content_in_base64() {
        let mut fake = Fake::new().file("/etc/motd", "hi\n");
        assert_eq!(is_ok(&Slurp, &args(&[("src", "/etc/motd")]), &mut fake).values["content"], "aGkK".into());
        assert_eq!(fails(&Slurp, &args(&[("path", "/none")]), &mut fake).msg, "File not found: /none");
        let mut fake = Fake::new().file("/var/log/long", &"x".repeat((11 << 20) + 1));
        let failure = fails(&Slurp, &args(&[("path", "/var/log/long")]), &mut fake);
        assert_eq!(failure.msg, "/var/log/long has 11534337 bytes, and slurp returns at most 11 MiB");
    }
}
