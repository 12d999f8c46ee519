//! `POST /v1/changes`: several changes, all or none. Each is said as JSON and becomes one `sacctmgr` command, so rules,
//! authority and transaction record are sacctmgr's.

use super::caller::Who;
use super::service::Service;
use commands::Reply;
use commands::sacctmgr::{self, World};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use slurm::State;
use slurm::authority::Caller;

/// The most changes at once.
pub const MOST: usize = 10_000;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The changes, in the order in which they are made.
    pub changes: Vec<Change>,
    /// Says what would happen; nothing is kept.
    #[serde(default)]
    pub dry_run: bool,
}

/// One change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    action: Action,
    entity: String,
    #[serde(default, rename = "where")]
    place: Map<String, Value>,
    #[serde(default)]
    set: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Action {
    Add,
    Modify,
    Delete,
}

/// What can be changed.
pub const ENTITIES: [&str; 8] = ["account", "cluster", "coordinator", "federation", "qos", "resource", "user", "wckey"];

impl Batch {
    /// The commands; the error says which change cannot be meant.
    pub fn commands(&self) -> Result<Vec<Vec<String>>, String> {
        if self.changes.is_empty() || self.changes.len() > MOST {
            return Err(format!("1 to {MOST} changes are needed, these are {}", self.changes.len()));
        }
        let numbered = self.changes.iter().enumerate();
        numbered.map(|(index, change)| change.command().map_err(|why| format!("changes[{index}]: {why}"))).collect()
    }
}

impl Change {
    fn command(&self) -> Result<Vec<String>, String> {
        if !ENTITIES.contains(&&*self.entity) {
            return Err(format!("`{}` is none of {}", self.entity, ENTITIES.join(", ")));
        }
        let (verb, wanted) = match self.action {
            Action::Add => ("add", [false, true]),
            Action::Modify => ("modify", [true, true]),
            Action::Delete => ("delete", [true, false]),
        };
        if [!self.place.is_empty(), !self.set.is_empty()] != wanted {
            return Err(format!(
                "{verb} needs {}",
                match self.action {
                    Action::Add => "`set` and no `where`",
                    Action::Modify => "`where` and `set`",
                    Action::Delete => "`where` and no `set`",
                }
            ));
        }
        let mut argv: Vec<String> = ["-i", verb, &self.entity].map(str::to_owned).into();
        for (part, words) in [("where", &self.place), ("set", &self.set)] {
            if self.action == Action::Modify {
                argv.push(part.into());
            }
            for (key, value) in words {
                argv.push(word(key, value)?);
            }
        }
        Ok(argv)
    }
}

/// `key=value`; a key may end with + or -, which adds to a list or takes from it.
fn word(key: &str, value: &Value) -> Result<String, String> {
    let name = key.strip_suffix(['+', '-']).unwrap_or(key);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(format!("{key:?} is no key: letters, and + or - behind them"));
    }
    let text = text(value).map_err(|why| format!("{key}: {why}"))?;
    Ok(format!("{key}={text}"))
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok("-1".into()),
        Value::Number(number) if number.as_i64().is_some_and(i64::is_negative) => {
            Err("a number below 0 means nothing here; null takes a limit away".into())
        }
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => plain(text).map(str::to_owned),
        Value::Array(list) => {
            let texts: Vec<_> = list.iter().map(element).collect::<Result<_, _>>()?;
            Ok(texts.join(","))
        }
        Value::Object(counts) => {
            let count = |(name, count): (&String, &Value)| Ok(format!("{}={}", single(name)?, element(count)?));
            Ok(counts.iter().map(count).collect::<Result<Vec<_>, String>>()?.join(","))
        }
        Value::Bool(_) => Err("true and false mean nothing here".into()),
    }
}

/// One of a list: no list itself.
fn element(value: &Value) -> Result<String, String> {
    match value {
        Value::Array(_) | Value::Object(_) => Err("lists and objects may not be nested".into()),
        value => {
            let text = text(value)?;
            single(&text).map(str::to_owned)
        }
    }
}

fn single(text: &str) -> Result<&str, String> {
    if text.contains([',', '=']) { Err(format!("{text:?} holds a comma or =")) } else { plain(text) }
}

/// Quotes would be taken as sacctmgr's own.
fn plain(text: &str) -> Result<&str, String> {
    let bad = |c: char| c.is_control() || matches!(c, '"' | '\'');
    if text.contains(bad) { Err(format!("{text:?} holds a quote or a control character")) } else { Ok(text) }
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// What sacctmgr says to each change, up to the one that failed.
    pub results: Vec<Said>,
    /// Which one was refused, if so; then nothing was changed.
    pub failed: Option<usize>,
    /// Counts the changes of the state.
    pub revision: u64,
}

/// What sacctmgr says.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    stdout: String,
    stderr: String,
    code: u8,
}

/// Makes all changes or none; the error says why the store did not keep them.
pub fn apply(service: &Service, who: Who, commands: Vec<Vec<String>>, dry_run: bool) -> Result<Answer, String> {
    let world = service.world();
    let caller = world.caller(who).map_err(|why| format!("{why}; nothing was changed"))?;
    if dry_run {
        let kept = service.kept();
        let (results, failed) = run(&mut State::clone(&kept.state), &caller, &*world, &commands);
        return Ok(Answer { results, failed, revision: kept.revision });
    }
    let written = service.write(move |change| Ok(run(change.state, &caller, &*world, &commands)))?;
    let (results, failed) = written.gave;
    Ok(Answer { results, failed, revision: written.revision })
}

fn run(state: &mut State, caller: &Caller, world: &dyn World, commands: &[Vec<String>]) -> (Vec<Said>, Option<usize>) {
    let mut results = Vec::new();
    for (index, argv) in commands.iter().enumerate() {
        let Reply { stdout, mut stderr, code, question, .. } = sacctmgr::run(state, caller, world, argv, &[]);
        let asks = question.is_some();
        stderr.push_str(&question.unwrap_or_default());
        results.push(Said { stdout, stderr, code });
        if code != 0 || asks {
            state.rollback();
            return (results, Some(index));
        }
    }
    (results, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(changes: &str) -> Result<Vec<String>, String> {
        let batch: Batch =
            serde_json::from_str(&format!("{{\"changes\": [{changes}]}}")).map_err(|error| error.to_string())?;
        batch.commands().map(|all| all.iter().map(|argv| argv.join(" ")).collect())
    }

    #[test]
    fn changes_are_commands() {
        let said = commands(
            r#"{"action": "add", "entity": "user", "set": {"name": ["a", "b"], "account": "x", "grptres": {"cpu": 4}}},
               {"action": "modify", "entity": "user", "where": {"name": "a"}, "set": {"qos+": ["hi"], "maxjobs": null}},
               {"action": "delete", "entity": "account", "where": {"name": "x"}}"#,
        );
        assert_eq!(
            said.unwrap(),
            [
                "-i add user name=a,b account=x grptres=cpu=4",
                "-i modify user where name=a set qos+=hi maxjobs=-1",
                "-i delete account name=x"
            ]
        );
    }

    #[test]
    fn what_cannot_be_meant() {
        for (change, why) in [
            (r#"{"action": "add", "entity": "user"}"#, "changes[0]: add needs `set` and no `where`"),
            (r#"{"action": "delete", "entity": "user"}"#, "delete needs `where`"),
            (r#"{"action": "modify", "entity": "user", "set": {"maxjobs": 1}}"#, "modify needs `where` and `set`"),
            (r#"{"action": "add", "entity": "dump", "set": {"name": "x"}}"#, "`dump` is none of account"),
            (r#"{"action": "add", "entity": "user", "set": {"name": "a\u001bb"}}"#, "control character"),
            (r#"{"action": "add", "entity": "user", "set": {"name": "'a"}}"#, "quote"),
            (r#"{"action": "add", "entity": "user", "set": {"name": ["a,b"]}}"#, "comma"),
            (r#"{"action": "add", "entity": "user", "set": {"name": [["a"]]}}"#, "nested"),
            (r#"{"action": "add", "entity": "user", "set": {"a b": "c"}}"#, "is no key"),
            (r#"{"action": "add", "entity": "user", "set": {"name": true}}"#, "mean nothing"),
            (r#"{"action": "add", "entity": "user", "set": {"maxjobs": -5}}"#, "null takes a limit away"),
            (r#"{"action": "add", "entity": "user", "set": {"grptres": {"cpu": -1}}}"#, "below 0"),
            (r#"{"action": "drop", "entity": "user", "set": {}}"#, "unknown variant"),
            (r#"{"action": "add", "entity": "user", "set": {}, "uid": 0}"#, "unknown field"),
            ("", "1 to 10000 changes"),
        ] {
            let error = commands(change).unwrap_err();
            assert!(error.contains(why), "{change}: {error}");
        }
    }
}
