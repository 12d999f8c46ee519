//! A plan without who it is about, for places where others read along: names, keys and comments are masked, each always in the
//! same way, so that a reviewer still sees what belongs together.
//!
//! A mask is made of the name by SHA-256. Who can guess a name can make its mask; with a secret of the site's own
//! (`ENLIST_REDACT_SECRET`) only who has that can.

use control::plan::{Plan, digest};
use host::identity::authorized_keys::PublicKey;
use serde_json::Value;
use std::collections::BTreeSet;

/// Modules whose names are nobody's.
const SHARED: [&str; 3] = ["group", "slurm_account", "slurm_qos"];

/// How things are masked.
pub struct Redaction {
    secret: String,
    names: BTreeSet<String>,
}

/// Letters of a mask behind its kind: 40 bits.
const LETTERS: usize = 10;

/// Fields that hold a real name.
const REAL_NAMES: [&str; 3] = ["comment", "gecos", "displayName"];

impl Redaction {
    /// Masks every login of the plan, and `others`: people whom its texts may speak of.
    pub fn new(plan: &Plan, others: impl IntoIterator<Item = String>, secret: String) -> Self {
        let steps = plan.hosts.iter().flat_map(|host| &host.steps).filter(|step| !SHARED.contains(&&*step.module));
        let of_step =
            steps.flat_map(|step| ["user", "name"].into_iter().filter_map(|name| step.args.get(name)?.as_str()));
        let left_out = plan.left_out.iter().filter(|one| !one.what.starts_with("the "));
        let of_left_out = left_out.filter_map(|one| one.what.rsplit([' ', '/']).next());
        let names = of_step.chain(of_left_out).map(str::to_owned).chain(others);
        Self { secret, names: names.collect() }
    }

    /// The plan with masks. It is for the eye only.
    pub fn plan(&self, plan: &Plan) -> Plan {
        let mut json = serde_json::to_value(plan).expect("a plan is JSON");
        for part in ["hosts", "left_out"] {
            if let Some(part) = json.get_mut(part) {
                self.value(part);
            }
        }
        serde_json::from_value(json).expect("masks change texts alone")
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                self.real_name(fields);
                for (key, field) in fields.iter_mut().filter(|(key, _)| !FIXED.contains(&key.as_str())) {
                    if !REAL_NAMES.contains(&key.as_str()) {
                        self.value(field);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A real name: as an argument, or as both sides of a field.
    fn real_name(&self, fields: &mut serde_json::Map<String, Value>) {
        let is_field = fields.get("name").and_then(Value::as_str).is_some_and(|name| REAL_NAMES.contains(&name));
        let places: &[&str] = if is_field { &["before", "after", "comment"] } else { &REAL_NAMES };
        for place in places {
            if let Some(Value::String(text)) = fields.get_mut(*place)
                && !text.is_empty()
            {
                *text = self.mask("name", text);
            }
        }
    }

    /// A text with masks, line by line.
    pub fn text(&self, text: &str) -> String {
        text.split_inclusive('\n').map(|line| self.line(line)).collect()
    }

    /// A key, with its comment; else every name in it, and every home.
    fn line(&self, line: &str) -> String {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        match PublicKey::parse(line.trim_end()) {
            Some(key) => format!("{} {}{end}", key.kind, self.mask("key", &key.body)),
            None => self.words(line),
        }
    }

    fn words(&self, text: &str) -> String {
        let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut masked = String::with_capacity(text.len());
        for piece in text.split_inclusive(|c| !is_of_word(c)) {
            let word = piece.trim_end_matches(|c| !is_of_word(c));
            let names_somebody = masked.ends_with("/home/") || masked.ends_with("the home of ");
            // A file of a person's own, such as a rule of sudo.
            let own_file = word.strip_prefix("enlist-").filter(|name| self.names.contains(*name));
            if let Some(name) = own_file {
                masked.extend(["enlist-", &self.mask("person", name), &piece[word.len()..]]);
                continue;
            }
            if !word.is_empty() && (self.names.contains(word) || names_somebody) {
                masked.extend([self.mask("person", word).as_str(), &piece[word.len()..]]);
            } else {
                masked.push_str(piece);
            }
        }
        masked
    }

    /// `person-3f0a9c1b22`: the same for the same text, another for another.
    fn mask(&self, kind: &str, text: &str) -> String {
        let digest = digest(format!("{}\0{kind}\0{text}", self.secret).as_bytes());
        let letters = digest.trim_start_matches("sha256:").get(..LETTERS).unwrap_or_default();
        format!("{kind}-{letters}")
    }
}

/// Fields of a plan that are words of its own.
const FIXED: [&str; 6] = ["module", "phase", "action", "kind", "type", "observed"];
