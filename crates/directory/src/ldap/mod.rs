//! A directory that speaks LDAP: OpenLDAP, and what behaves like it.
//!
//! One sweep reads everybody; calls are decided on what it read ([`crate::accounts`]); each write is made on the condition that
//! its entry is still as it was read, and read back afterwards. A server's "success" alone is believed in nothing.

mod password;
mod ranges;
mod session;
mod tls;
pub mod trouble;
mod wire;
mod writing;

use crate::Directory;
use crate::accounts::{self, Decision, Mirror, Rules};
use crate::settings::Settings;
use host::change::outcome::{Failure, ItemResult, Outcome};
use session::{Session, hint_of, problem};
use std::sync::{Mutex, PoisonError};
use trouble::Trouble;
use words::diag::Diagnostic;
use words::value::Map;

/// One such directory.
pub struct LdapDirectory {
    settings: Settings,
    state: Mutex<State>,
}

/// What is known of it.
#[derive(Default)]
struct State {
    /// The connection, while there is one.
    session: Option<Session>,
    /// Everybody, as last read or written.
    mirror: Option<Mirror>,
    /// Everybody, as a dry run would leave them.
    predicted: Option<Mirror>,
}

impl LdapDirectory {
    /// Not connected yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// By what it is judged: connects, and asks the server what it is like.
    pub fn rules(&self) -> Result<Rules, Diagnostic> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(state.session(&self.settings)?.rules.clone())
    }
}

impl Directory for LdapDirectory {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn call(&self, module: &str, items: &[Map], check: bool) -> Result<Vec<ItemResult>, Diagnostic> {
        // A panic within a call leaves nothing that the next look does not mend.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if module == "accounts" {
            state.look(&self.settings)?;
            let rules = state.session(&self.settings)?.rules.clone();
            let listed = state.mirror.iter().map(|mirror| accounts::listing(mirror, &rules));
            return Ok(listed.map(|outcome| ItemResult::unchanged(Ok(outcome))).collect());
        }
        if state.mirror.is_none() {
            state.look(&self.settings)?;
        }
        if !check {
            state.predicted = None;
        }
        Ok(items.iter().map(|args| state.item(&self.settings, module, args, check)).collect())
    }
}

impl State {
    /// Reads everybody anew. A connection that was lost meanwhile is made once more.
    fn look(&mut self, settings: &Settings) -> Result<(), Diagnostic> {
        (self.mirror, self.predicted) = (None, None);
        let is_old = self.session.is_some();
        let mut swept = self.session(settings)?.sweep();
        if is_old && matches!(swept, Err(Trouble::Lost(_))) {
            self.session = None;
            swept = self.session(settings)?.sweep();
        }
        match swept {
            Ok(mirror) => self.mirror = Some(mirror),
            Err(trouble) => {
                self.session = None;
                let why = format!("cannot read who is there: {trouble}");
                return Err(problem(settings, &why, hint_of(settings, &trouble)));
            }
        }
        Ok(())
    }

    fn session(&mut self, settings: &Settings) -> Result<&mut Session, Diagnostic> {
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(Session::open(settings)?)),
        }
    }

    fn item(&mut self, settings: &Settings, module: &str, args: &Map, check: bool) -> ItemResult {
        let done = self.decide(settings, module, args, check).and_then(|decision| {
            if check {
                self.predict(&decision)
            } else {
                self.carry_out(settings, &decision)?
            }
            Ok(decision)
        });
        match done {
            Err(failure) => ItemResult::unchanged(Err(failure)),
            Ok(decision) => {
                let changed = !decision.changes.is_empty();
                ItemResult {
                    changes: decision.changes,
                    changed,
                    outcome: Ok(Outcome { warnings: decision.warnings, ..Outcome::new() }),
                }
            }
        }
    }

    fn decide(&mut self, settings: &Settings, module: &str, args: &Map, check: bool) -> Result<Decision, Failure> {
        let rules = self.session(settings).map_err(|problem| as_failure(&problem))?.rules.clone();
        let mirror = if check { self.predicted.as_ref().or(self.mirror.as_ref()) } else { self.mirror.as_ref() };
        accounts::decide(module, args, mirror.ok_or_else(nothing_read)?, &rules)
    }

    fn predict(&mut self, decision: &Decision) {
        if decision.writes.is_empty() {
            return;
        }
        if self.predicted.is_none() {
            self.predicted.clone_from(&self.mirror);
        }
        if let Some(predicted) = &mut self.predicted {
            decision.writes.iter().for_each(|write| predicted.apply(write));
        }
    }

    /// Makes the writes, one after the other: later ones may need earlier ones.
    fn carry_out(&mut self, settings: &Settings, decision: &Decision) -> Result<(), Failure> {
        for (done, write) in decision.writes.iter().enumerate() {
            self.write(settings, write).map_err(|failure| Failure { acted: failure.acted || done > 0, ..failure })?;
        }
        Ok(())
    }
}

fn nothing_read() -> Failure {
    Failure::new("nobody has read who is in this directory")
}

fn as_failure(problem: &Diagnostic) -> Failure {
    let failure = Failure::new(problem.message.clone());
    match problem.hints.first() {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}
