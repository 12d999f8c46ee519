//! Facts: what hosts say of themselves. They are data: they never decide how or where to connect.
//!
//! Only modules that give facts are believed to have given some ([`Spec::facts`]), and names that decide about connecting
//! are struck out of what they give: a host may be hostile, or one of its users, whose agent answers as he likes.

use crate::variables::target;
use host::parameters::Spec;
use std::collections::BTreeSet;
use std::sync::Arc;
use words::value::{Map, Value};

/// The variable with all facts.
pub const ALL: &str = "ansible_facts";

/// One host's facts. There is no way to make some but from a module's answer, which is looked through.
#[derive(Clone, Debug)]
pub struct Facts {
    /// By their short names, without the prefix `ansible_`: a mapping.
    all: Arc<Value>,
    /// The names among them that have no prefix to begin with, such as `getent_passwd`.
    unprefixed: BTreeSet<String>,
}

impl Default for Facts {
    fn default() -> Self {
        Self { all: Arc::new(Value::Map(Map::new())), unprefixed: BTreeSet::new() }
    }
}

impl Facts {
    /// The facts in the answer of the module that `spec` describes, and warnings about what is not taken.
    pub fn of_answer(spec: &Spec, values: &Map) -> (Self, Vec<String>) {
        let Some(Value::Map(given)) = values.get(ALL) else { return (Self::default(), Vec::new()) };
        let (mut facts, mut warnings, mut others) = (Map::new(), Vec::new(), Vec::new());
        for (name, value) in given {
            if !spec.facts.iter().any(|prefix| name.starts_with(prefix)) {
                others.push(name);
            } else if target::is_reserved(name) {
                warnings.push(format!("Removed restricted key from module data: {}", name.escape_debug()));
            } else {
                facts.insert(name.clone(), value.clone());
            }
        }
        warnings.extend(not_taken(spec, &others));
        (Self::of_names(facts), warnings)
    }

    fn of_names(facts: Map) -> Self {
        let unprefixed = facts.keys().filter(|name| !name.starts_with("ansible_")).cloned().collect();
        let short = |name: String| match name.strip_prefix("ansible_") {
            Some(short) if name != "ansible_local" => short.to_owned(),
            _ => name,
        };
        let all = facts.into_iter().map(|(name, value)| (short(name), value)).collect();
        Self { all: Arc::new(Value::Map(all)), unprefixed }
    }

    /// Adds later facts, which are stronger.
    pub fn extend(&mut self, later: &Facts) {
        if let (Value::Map(all), Value::Map(later)) = (Arc::make_mut(&mut self.all), &*later.all) {
            all.extend(later.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        self.unprefixed.extend(later.unprefixed.iter().cloned());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.as_map().is_none_or(Map::is_empty)
    }

    /// All of them, as `ansible_facts`.
    pub fn all(&self) -> &Arc<Value> {
        &self.all
    }

    /// The fact that is the variable `name`: facts are variables under the names that their module gave them.
    pub fn variable(&self, name: &str) -> Option<&Value> {
        if self.unprefixed.contains(name) {
            return self.all.get(name);
        }
        let short = name.strip_prefix("ansible_").filter(|short| !self.unprefixed.contains(*short))?;
        self.all.get(if name == "ansible_local" { name } else { short })
    }

    /// The names of the variables that facts are.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let full = |name: &String| {
            if self.unprefixed.contains(name) || name == "ansible_local" {
                name.clone()
            } else {
                format!("ansible_{name}")
            }
        };
        self.all.as_map().into_iter().flat_map(Map::keys).map(full)
    }
}

/// What is said of facts that this module does not give.
fn not_taken(spec: &Spec, names: &[&String]) -> Option<String> {
    let first: Vec<_> = names.iter().take(3).map(|name| name.escape_debug().to_string()).collect();
    let more = if names.len() > first.len() { ", …" } else { "" };
    (!names.is_empty()).then(|| {
        format!("the answer of `{}` holds facts that this module does not give: {}{more}", spec.name, first.join(", "))
            + "; they are not taken"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static SPEC: Spec = Spec { name: "setup", facts: &["ansible_", "getent_"], ..Spec::EMPTY };

    fn answer(json: &str) -> Map {
        Value::from_json(json).unwrap().as_map().unwrap().clone()
    }

    #[test]
    fn facts_are_variables_under_the_names_that_the_module_gave() {
        let (facts, warnings) = Facts::of_answer(
            &SPEC,
            &answer(r#"{"ansible_facts": {"ansible_hostname": "a", "getent_passwd": {}, "ansible_local": {"p": 1}}}"#),
        );
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(facts.all().repr(), "{'hostname': 'a', 'getent_passwd': {}, 'ansible_local': {'p': 1}}");
        assert_eq!(facts.variable("ansible_hostname"), Some(&"a".into()));
        assert!(facts.variable("getent_passwd").is_some() && facts.variable("ansible_local").is_some());
        for name in ["hostname", "local", "ansible_getent_passwd", "ansible_nothing"] {
            assert_eq!(facts.variable(name), None, "{name}");
        }
        assert_eq!(facts.names().collect::<Vec<_>>(), ["ansible_hostname", "getent_passwd", "ansible_local"]);
    }

    #[test]
    fn names_that_decide_about_connecting_are_struck_out() {
        let names =
            target::setting_names().chain(["ansible_python_interpreter", "ansible_become_exe", "ansible_ssh_x"]);
        for name in names {
            let (facts, warnings) =
                Facts::of_answer(&SPEC, &answer(&format!(r#"{{"ansible_facts": {{"{name}": 1}}}}"#)));
            assert!(facts.is_empty(), "{name}");
            assert_eq!(warnings, [format!("Removed restricted key from module data: {name}")]);
        }
        let key = answer(r#"{"ansible_facts": {"ansible_ssh_host_key_rsa_public": "AAAA"}}"#);
        assert!(!Facts::of_answer(&SPEC, &key).0.is_empty());
    }

    #[test]
    fn a_module_gives_the_facts_of_its_table_alone() {
        let given = answer(r#"{"ansible_facts": {"groups": 1, "a": 1, "b": 1, "c\u001b": 1}}"#);
        let (facts, warnings) = Facts::of_answer(&SPEC, &given);
        assert!(facts.is_empty());
        let said =
            "the answer of `setup` holds facts that this module does not give: groups, a, b, …; they are not taken";
        assert_eq!(warnings, [said]);
    }
}
