//! The module that `docs/adding-a-module.md` adds: what the page shows of it is compared with this file, so it compiles
//! and works. It is part of no program.

use crate::change::outcome::{Failure, Outcome};
use crate::change::{Action, Change};
use crate::engine::testing::{args, changed_then_ok};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::fake::Fake;
use crate::system::{Attributes, System};

struct Motd;

parameters! {
    /// Sets the message of the day.
    pub struct MotdParameters for "motd" {
        /// The message.
        text: String,
        /// Where it is.
        path: HostPath = "/etc/motd",
    }
}

impl Module for Motd {
    type Parameters = MotdParameters;

    fn check(&self, given: &MotdParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let path = given.path.on(system)?;
        let wanted = given.text.clone();
        let old = system.read(&path)?;
        if old.as_deref() == Some(wanted.as_bytes()) {
            return Ok(Verdict::Satisfied(Outcome::new()));
        }
        let before = old.map(|old| String::from_utf8_lossy(&old).into_owned());
        let action = if before.is_some() { Action::Update } else { Action::Create };
        let shown = path.display().to_string();
        let change = Change::new(action, "motd", &shown).text(&shown, before, Some(wanted.clone()));
        Ok(Verdict::would(vec![change], move |system| {
            system.write(&path, wanted.as_bytes(), Attributes::default())?;
            Ok(Outcome::new())
        }))
    }
}

#[test]
fn the_message_is_set_once() {
    let mut fake = Fake::new().directory("/etc", 0o755, 0, 0);
    changed_then_ok(&Motd, &args(&[("text", "hello\n")]), &mut fake);
    assert_eq!(fake.text("/etc/motd"), "hello\n");
}
