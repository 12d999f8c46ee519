//! A host that prints template text: whatever a playbook does with it, the controller evaluates none of it.
//!
//! `uses.yml` has what playbooks do with a host's text. The short form tries every use with every text on hosts of this
//! machine, all uses in one run; the long form tries each alone, on a lab host over SSH.

use super::{figure, is_long};
use crate::support::{enlist_path, lab};
use control::yaml;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use words::diag::Source;
use words::value::{Map, Value};

/// What the host prints; `COMMAND` makes the file that nobody may make.
const TEXTS: [&str; 7] = [
    "lookup('pipe','COMMAND')",
    "{{ lookup('pipe','COMMAND') }}",
    "x' or lookup('pipe','COMMAND') or 'x",
    "#jinja2: trim_blocks:True\n{{ lookup('pipe','COMMAND') }}",
    "{% if lookup('pipe','COMMAND') %}1{% endif %}",
    "\0{{ lookup('pipe','COMMAND') }}",
    "query('lines','COMMAND')",
];

/// Refused before a host is reached, so it cannot stand in a playbook with others.
const ALONE: &str = "include_tasks";

fn uses() -> Map {
    let source = Source::new("uses.yml", include_str!("uses.yml"));
    let uses = yaml::parse_one(&source).unwrap().unwrap().to_value();
    uses.as_map().unwrap().clone()
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap()
}

fn with(map: &Value, key: &str, value: Value) -> Value {
    let mut map = map.as_map().unwrap().clone();
    map.entry(key.to_owned()).or_insert(value);
    Value::Map(map)
}

/// A block that goes on whatever its tasks come to, and says that it was reached.
fn block(name: &str, tasks: &Value) -> Value {
    let tolerant = |task: &Value| match task.get("block") {
        Some(_) => task.clone(),
        None => with(&with(task, "ignore_errors", true.into()), "ignore_unreachable", true.into()),
    };
    let tasks: Vec<Value> = tasks.as_list().unwrap().iter().map(tolerant).collect();
    Value::from_iter([
        ("block", Value::List(tasks)),
        ("rescue", json(r#"[{"meta": "noop"}]"#)),
        ("always", json(&format!(r#"[{{"debug": {{"msg": "reached {name};"}}}}]"#))),
    ])
}

/// One play on the host `evil`: reads its text, then all of `uses`.
fn playbook<'u>(uses: impl Iterator<Item = (&'u String, &'u Value)>) -> String {
    let read = json(r#"{"command": "cat {{ evil }}", "register": "r"}"#);
    let tasks = std::iter::once(read).chain(uses.map(|(name, tasks)| block(name, tasks))).collect();
    let play = Value::from_iter([
        ("hosts", Value::from("evil")),
        ("gather_facts", false.into()),
        ("vars", json(r#"{"wrapped": "{{ r.stdout }}"}"#)),
        ("tasks", Value::List(tasks)),
    ]);
    Value::List(vec![play]).to_json_line(false)
}

/// A directory with a host's text in it, and the file that must not come to be.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.path().join("work")).unwrap();
        fs::write(place.path().join("work/t1.j2"), "v={{ r.stdout }} {% set q = r.stdout %}{{ q }}\n").unwrap();
        let hosts = format!(
            "evil\nother\n[all:vars]\nansible_connection=local\nevil={0}/evil\nwork={0}/work\n",
            place.path().display()
        );
        fs::write(place.path().join("hosts"), hosts).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn play(&self, playbook: &str) -> Output {
        fs::write(self.path().join("site.yml"), playbook).unwrap();
        let enlist = enlist_path();
        Command::new(enlist).args(["play", "-i", "hosts", "site.yml"]).current_dir(self.path()).output().unwrap()
    }

    fn text(&self, text: &str) -> String {
        text.replace("COMMAND", &format!("touch {}/made", self.path().display()))
    }

    fn was_made(&self) -> bool {
        self.path().join("made").exists()
    }
}

#[test]
fn what_a_host_prints_is_never_evaluated() {
    let uses = uses();
    assert_eq!(uses.len(), 80);
    let together = || uses.iter().filter(|(name, _)| *name != ALONE);
    for text in TEXTS {
        let place = Place::new();
        fs::write(place.path().join("evil"), place.text(text)).unwrap();
        let ran = place.play(&playbook(together()));
        let said = String::from_utf8(ran.stdout).unwrap();
        for (name, _) in together() {
            assert!(said.contains(&format!("reached {name};")), "{text:?}: {name} was not tried:\n{said}");
        }
        assert!(!place.was_made(), "{text:?} was evaluated:\n{said}");
        place.play(&playbook(uses.iter().filter(|(name, _)| *name == ALONE)));
        assert!(!place.was_made(), "{text:?} was evaluated by {ALONE}");
    }
}

/// The test above can fail: the same text is obeyed where the playbook itself has it.
#[test]
fn what_a_playbook_says_is_evaluated() {
    let place = Place::new();
    let message = place.text(TEXTS[1]);
    let playbook =
        format!(r#"[{{"hosts": "evil", "gather_facts": false, "tasks": [{{"debug": {{"msg": "{message}"}}}}]}}]"#);
    assert!(place.play(&playbook).status.success());
    assert!(place.was_made());
}

/// Two hosts of the lab under the names that the uses know.
fn lab_hosts(place: &Place) -> String {
    let vars = format!("[all:vars]\nevil=/srv/evil\nwork={}/work\n", place.path().display());
    format!("evil ansible_host=10.0.0.2\nother ansible_host=10.0.0.1\n{vars}")
}

#[test]
fn each_use_alone_on_a_host_over_ssh() {
    if !is_long() {
        return;
    }
    let lab = lab();
    let place = Place::new();
    let inventory = lab.write_temp("hosts", &lab_hosts(&place));
    let inventory = inventory.to_str().unwrap();
    let uses = uses();
    for text in TEXTS {
        let file = lab.write_temp("evil", &place.text(text));
        lab.lab(&["put", "login2", file.to_str().unwrap(), "/srv/evil"]).ok();
        for one in &uses {
            let playbook = lab.write_temp("site.yml", &playbook([one].into_iter()));
            let ran = lab.enlist(&["play", "-i", inventory, playbook.to_str().unwrap()]);
            assert!(ran.stdout.contains("reached ") || one.0 == ALONE, "{text:?}, {}: {ran:?}", one.0);
            assert!(!place.was_made(), "{text:?} was evaluated by {}", one.0);
        }
    }
    figure("a host that prints templates", format!("{} runs, none evaluated", TEXTS.len() * uses.len()));
}
