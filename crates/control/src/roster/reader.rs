//! Reading a [`Node`] tree field by field, collecting everything that is wrong instead of stopping at the first.

use super::ids::{IdLedger, Kind as Numbered};
use super::load::Unnumbered;
use super::model::{State, Written};
use super::shape::RosterField;
use super::standing::{Expiry, PersonState};
use host::books::JobsOfLeavers;
use jiff::civil::Date;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use words::diag::{Diagnostic, Source};
use words::value::Value;
use words::value::node::{Kind, Node};
use words::value::written::{self, as_meant};

/// What was found wrong so far.
pub(super) struct Reader<'s> {
    /// In the order found.
    pub problems: Vec<Diagnostic>,
    /// The lines of each file, for numbers as they are written.
    lines: HashMap<&'s str, Vec<&'s str>>,
    /// The numbers that were given out, where the roster has ranges for them.
    pub ledger: Option<IdLedger>,
    /// Lines of files that have a password or something private on them, and are not shown.
    pub secret: HashSet<(String, u32)>,
    /// Who has none yet: entries that were left out for it.
    pub unnumbered: Vec<Unnumbered>,
    /// Who would have one by the name alone, though it was gone for a time.
    pub returned: Vec<Unnumbered>,
}

impl<'s> Reader<'s> {
    /// Nothing read yet of these files.
    pub fn new(files: &'s [Arc<Source>]) -> Self {
        let lines = files.iter().map(|file| (file.name.as_str(), file.text.lines().collect())).collect();
        Self {
            problems: Vec::new(),
            lines,
            ledger: None,
            secret: HashSet::new(),
            unnumbered: Vec::new(),
            returned: Vec::new(),
        }
    }

    /// A number as it is written ([`written`]).
    pub fn written<'a>(&'a self, node: &'a Node) -> Option<&'a str> {
        if !matches!(node.kind, Kind::Scalar(Value::Int(_) | Value::Float(_))) {
            return None;
        }
        let Some(lines) = self.lines.get(node.place.source.name.as_str()) else {
            return written::token(node.place.rest_of_line()?);
        };
        let line = lines.get((node.place.line as usize).checked_sub(1)?)?;
        let (start, _) = line.char_indices().nth((node.place.column as usize).checked_sub(1)?)?;
        written::token(&line[start..])
    }

    /// The entries of the mapping `node`, which is `what`; keys that are not in `known` are reported. Nothing written
    /// (`ai_team:`) is an empty mapping.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str, fields: &[RosterField]) -> &'n [(Node, Node)] {
        let entries = self.entries(node, what);
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        for (key, _) in entries {
            let name = key.key_text();
            if !known.contains(&name.as_str()) {
                let problem = key.error(format!("{what} has no field `{name}`"));
                let problem = problem.suggest(&name, known.iter().copied());
                self.problems.push(problem.hint(format!("the fields of {what} are: {}", known.join(", "))));
            }
        }
        entries
    }

    /// The entries of a mapping whose keys are names that the site chose.
    pub fn named<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(Written<String>, &'n Node)> {
        let mut named = Vec::new();
        for (key, value) in self.entries(node, what) {
            match key.as_str() {
                Some(name) => named.push((Written { value: name.to_owned(), place: key.place.clone() }, value)),
                None => self.wrong(key, "a name", "put it in quotes if it is one: \"no\", \"123\""),
            }
        }
        named
    }

    fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(Node, Node)] {
        match &node.kind {
            Kind::Map(entries) => entries,
            _ if node.is_null() => &[],
            _ => {
                self.problems.push(node.error(format!("{what} must be a mapping, not {}", node.kind_name())));
                &[]
            }
        }
    }

    /// The items of a list; nothing written is an empty list.
    pub fn items<'n>(&mut self, node: Option<&'n Node>, what: &str) -> &'n [Node] {
        match node {
            None => &[],
            Some(node) if node.is_null() => &[],
            Some(node) => node.items().unwrap_or_else(|| {
                self.problems.push(node.error(format!("{what} must be a list, not {}", node.kind_name())));
                &[]
            }),
        }
    }

    /// A text. A number is not taken for one, since YAML may have changed it (`0123`).
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Written<String>> {
        match node.as_str() {
            Some(text) => Some(Written { value: text.to_owned(), place: node.place.clone() }),
            None => {
                self.wrong(node, what, "put it in quotes to make it text");
                None
            }
        }
    }

    /// The text under `key` of `node`, if there is one.
    pub fn text_field(&mut self, node: &Node, key: &str) -> Option<Written<String>> {
        node.get(key).and_then(|value| self.text(value, &format!("`{key}`")))
    }

    /// Texts in a list under `key`.
    pub fn text_list(&mut self, node: &Node, key: &str) -> Vec<Written<String>> {
        let items = self.items(node.get(key), &format!("`{key}`"));
        items.iter().filter_map(|item| self.text(item, &format!("an item of `{key}`"))).collect()
    }

    /// A whole number from 0 to 4294967295, in decimal digits and nothing else.
    pub fn number(&mut self, node: &Node, what: &str) -> Option<Written<u32>> {
        let written = self.written(node).map(str::to_owned);
        let written = written.as_deref();
        let plain = written.filter(|text| is_plain(text)).and_then(|text| text.parse().ok());
        if plain.is_none() {
            let shown = written.map_or_else(|| node.to_value().repr(), str::to_owned);
            let message = format!("{what} must be a whole number from 0 to {}, not {shown}", u32::MAX);
            let problem = node.error(message);
            self.problems.push(match written.and_then(as_meant) {
                Some(hint) => problem.note(as_read(node)).hint(hint),
                None => problem,
            });
        }
        Some(Written { value: plain?, place: node.place.clone() })
    }

    /// The uid or gid of an entry: the one that is written, or the one that the ledger has for it.
    pub fn own_number(&mut self, node: &Node, owner: &Written<String>, kind: Numbered) -> Option<Written<u32>> {
        let key = kind.id_name();
        if let Some(value) = node.get(key) {
            return self.number(value, &format!("`{key}`"));
        }
        let Some(ledger) = &self.ledger else {
            let why = format!("{} has the same {key} on every host", kind.whose());
            self.missing(
                owner,
                key,
                &format!("{why}; or give numbers out: `ids: {{{}: 20000-29999}}`", kind.section()),
            );
            return None;
        };
        let given = ledger.number_of(kind, owner);
        let entry = || Unnumbered { kind, name: owner.clone() };
        if given.is_none() {
            self.unnumbered.push(entry());
        } else if ledger.gone_since(kind, owner).is_some() {
            self.returned.push(entry());
        }
        Some(Written { value: given?, place: owner.place.clone() })
    }

    /// The number under `key`, if there is one.
    pub fn number_field(&mut self, node: &Node, key: &str) -> Option<Written<u32>> {
        node.get(key).and_then(|value| self.number(value, &format!("`{key}`")))
    }

    /// `yes` or `no` under `key`, if there is one.
    pub fn yes_or_no(&mut self, node: &Node, key: &str) -> Option<bool> {
        let value = node.get(key)?;
        match value.kind {
            Kind::Scalar(Value::Bool(answer)) => Some(answer),
            _ => {
                self.problems.push(value.error(format!("`{key}` must be yes or no, not {}", value.to_value().repr())));
                None
            }
        }
    }

    /// A day under `key`, such as 2027-03-01.
    pub fn day(&mut self, node: &Node, key: &str) -> Option<Written<Date>> {
        let value = node.get(key)?;
        let day = value.as_str().and_then(day_of);
        if day.is_none() {
            let problem = value.error(format!("`{key}` must be a day, not {}", value.to_value().repr()));
            self.problems.push(problem.hint("write it as 2027-03-01"));
        }
        Some(Written { value: day?, place: value.place.clone() })
    }

    /// `expires: 2027-02-28` or `expires: never`.
    pub fn expiry(&mut self, node: &Node) -> Option<Expiry> {
        let value = node.get("expires")?;
        match (value.as_str(), value.as_str().and_then(day_of)) {
            (Some("never"), _) => Some(Expiry::Never),
            (_, Some(day)) => Some(Expiry::On(day)),
            _ => {
                let shown = value.to_value().repr();
                let problem = value.error(format!("`expires` must be a day or `never`, not {shown}"));
                self.problems.push(problem.hint("write a day as 2027-02-28: the first one without login"));
                None
            }
        }
    }

    /// `jobs: run`, `jobs: cancel` or `jobs: cancel after 2h`.
    pub fn jobs_of_leavers(&mut self, node: &Node) -> Option<JobsOfLeavers> {
        let value = node.get("jobs")?;
        let policy = value.as_str().and_then(JobsOfLeavers::parse);
        if policy.is_none() {
            let shown = value.to_value().repr();
            let problem = value.error(format!("`jobs` must be run, cancel, or cancel after a time, not {shown}"));
            let problem = problem.suggest(&value.key_text(), ["run", "cancel"]);
            self.problems.push(problem.hint("a time is a number with m, h or d: jobs: cancel after 2h"));
        }
        policy
    }

    /// `state: present` or `state: absent`; present when not written.
    pub fn state(&mut self, node: &Node) -> State {
        let Some(value) = node.get("state") else { return State::Present };
        match value.as_str() {
            Some("present") => State::Present,
            Some("absent") => State::Absent,
            _ => {
                let shown = value.to_value().repr();
                let problem = value.error(format!("`state` must be present or absent, not {shown}"));
                self.problems.push(problem.suggest(&value.key_text(), ["present", "absent"]));
                State::Present
            }
        }
    }

    /// One of `states` under `key`.
    pub fn standing(
        &mut self,
        node: &Node,
        key: &str,
        states: &'static [(&'static str, PersonState)],
    ) -> Option<Written<PersonState>> {
        let value = node.get(key)?;
        let known = value.as_str().and_then(|text| states.iter().find(|(word, _)| *word == text));
        if known.is_none() {
            let words: Vec<_> = states.iter().map(|(word, _)| *word).collect();
            let message = format!("`{key}` must be {}, not {}", either(&words), value.to_value().repr());
            self.problems.push(value.error(message).suggest(&value.key_text(), words));
        }
        Some(Written { value: known?.1, place: value.place.clone() })
    }

    /// Remembers that these lines are not to be shown.
    pub fn keep_secret(&mut self, key: &Node, value: &Node) {
        let mut nodes = vec![key, value];
        while let Some(node) = nodes.pop() {
            // A text of several lines may be folded or kept.
            let lines = node.as_str().map_or(1, |text| text.lines().count() as u32 + 1);
            let (file, first) = (&node.place.source.name, node.place.line);
            self.secret.extend((first..first + lines).map(|line| (file.clone(), line)));
            nodes.extend(node.items().unwrap_or_default());
            nodes.extend(node.entries().unwrap_or_default().iter().flat_map(|(key, value)| [key, value]));
        }
    }

    /// Whether a problem would be shown with a line that is not to be shown: its own, or the one before.
    pub fn would_show(&self, problem: &Diagnostic) -> bool {
        problem.place.as_ref().is_some_and(|place| {
            let is_secret = |line| self.secret.contains(&(place.source.name.clone(), line));
            is_secret(place.line) || place.line.checked_sub(1).is_some_and(is_secret)
        })
    }

    /// Reports that `owner` lacks `key`, and why it is needed.
    pub fn missing(&mut self, owner: &Written<String>, key: &str, why: &str) {
        let problem = Diagnostic::input(&owner.place, format!("`{}` has no `{key}`", owner.value));
        self.problems.push(problem.note(why));
    }

    /// Reports a node of the wrong kind.
    pub fn wrong(&mut self, node: &Node, what: &str, hint: &str) {
        self.problems.push(node.error(format!("{what} must be text, not {}", node.kind_name())).hint(hint));
    }
}

/// A day. A time of day or a zone would be dropped, and is none.
pub(super) fn day_of(text: &str) -> Option<Date> {
    text.parse().ok().filter(|_| text.len() == "2027-02-28".len())
}

/// `a, b or c`.
pub(super) fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Decimal digits without a zero before them.
pub(super) fn is_plain(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits && !text.is_empty() && (text == "0" || !text.starts_with('0'))
}

/// What YAML makes of a number.
pub(super) fn as_read(node: &Node) -> String {
    format!("YAML reads it as {}", node.to_value())
}
