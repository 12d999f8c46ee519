//! `getent`: entries of a name service database as facts.

use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::protocol::Bound;
use crate::system::{Command, System};
use words::value::{Map, Value};

/// The module.
pub struct Getent;

parameters! {
    /// Returns entries of passwd, group, hosts and the like, from all sources of the host.
    pub struct GetentParameters for "getent" {
        /// Which database.
        database: String,
        /// Which entry; all when not given.
        key: Option<String>,
        /// What separates the fields.
        split: Option<String>,
        /// Asks only this source.
        service: Option<String>,
        /// Fails when the entry is missing.
        fail_key: bool = "yes",
    }
    facts "getent_";
}

impl Module for Getent {
    type Parameters = GetentParameters;

    fn bound(&self) -> Bound {
        Bound::LISTING
    }

    fn check(&self, given: &GetentParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let database = given.database.as_str();
        let key = given.key.as_deref().filter(|key| !key.is_empty());
        if let Some(bad) = [Some(database), key].into_iter().flatten().find(|word| word.starts_with('-')) {
            return Err(Failure::new(format!("'{bad}' would be an option of getent")));
        }
        let service = given.service.as_deref().map(|service| format!("--service={service}"));
        let argv = ["getent"].into_iter().chain(service.as_deref()).chain([database]).chain(key);
        let output = system.query(&Command::new(argv))?;
        let found = match (output.code, key) {
            (0, _) => entries(&String::from_utf8_lossy(&output.stdout), separator(given)),
            (2, Some(key)) if !given.fail_key => Map::from_iter([(key.to_owned(), Value::Null)]),
            (code, _) => return Err(Failure::new(reason(code)).with("rc", code)),
        };
        let facts = Map::from_iter([(format!("getent_{database}"), Value::Map(found))]);
        Ok(Verdict::Satisfied(Outcome::new().with("ansible_facts", facts)))
    }
}

fn separator(given: &GetentParameters) -> Option<&str> {
    let is_colon = matches!(given.database.as_str(), "passwd" | "shadow" | "group" | "gshadow");
    given.split.as_deref().or(is_colon.then_some(":"))
}

/// The first field is the name of an entry, the others are its value; blanks separate when nothing else does.
fn entries(text: &str, separator: Option<&str>) -> Map {
    let fields = |line: &str| -> Vec<Value> {
        match separator {
            Some(separator) => line.split(separator).map(Value::from).collect(),
            None => line.split_whitespace().map(Value::from).collect(),
        }
    };
    let lines = text.lines().map(fields).filter(|fields| !fields.is_empty());
    lines.map(|mut fields| (fields.remove(0).to_string(), Value::List(fields))).collect()
}

/// getent(1), "EXIT STATUS".
fn reason(code: i32) -> &'static str {
    match code {
        1 => "Missing arguments, or database unknown.",
        2 => "One or more supplied key could not be found in the database.",
        3 => "Enumeration not supported on this database.",
        _ => "Unexpected failure!",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{args, fails, is_ok};
    use crate::system::ProgramOutput;
    use crate::system::fake::Fake;

    #[test]
    fn entries_become_facts() {
        let mut fake = Fake::with_accounts();
        let outcome = is_ok(&Getent, &args(&[("database", "passwd"), ("key", "alice")]), &mut fake);
        let alice = outcome.values["ansible_facts"].get("getent_passwd").unwrap().get("alice").unwrap();
        assert_eq!(alice.repr(), "['x', '1000', '1000', 'Alice', '/home/alice', '/bin/bash']");
        let outcome = is_ok(&Getent, &args(&[("database", "group")]), &mut fake);
        assert_eq!(outcome.values["ansible_facts"].get("getent_group").unwrap().as_map().unwrap().len(), 3);
    }

    #[test]
    fn a_missing_key_fails_or_is_null() {
        let mut fake = Fake::with_accounts();
        let failure = fails(&Getent, &args(&[("database", "passwd"), ("key", "bob")]), &mut fake);
        assert_eq!(failure.msg, "One or more supplied key could not be found in the database.");
        let outcome = is_ok(&Getent, &args(&[("database", "passwd"), ("key", "bob"), ("fail_key", "no")]), &mut fake);
        assert_eq!(outcome.values["ansible_facts"].repr(), "{'getent_passwd': {'bob': None}}");
        assert!(fails(&Getent, &args(&[("database", "-s")]), &mut fake).msg.contains("option"));
    }

    #[test]
    fn other_databases_are_split_at_blanks() {
        let said = ProgramOutput { stdout: b"10.0.0.1   login1 l1\n".to_vec(), ..ProgramOutput::default() };
        let mut fake = Fake::new().program(["getent", "hosts", "login1"], said);
        let outcome = is_ok(&Getent, &args(&[("database", "hosts"), ("key", "login1")]), &mut fake);
        assert_eq!(outcome.values["ansible_facts"].repr(), "{'getent_hosts': {'10.0.0.1': ['login1', 'l1']}}");
    }
}
