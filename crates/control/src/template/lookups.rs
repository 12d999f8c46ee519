//! Lookups: what `lookup` and `query` read on the controller.

mod files;
mod password;
mod sequence;

use super::data::Eval;
use super::filters::{Args, collections};
use super::{Lookup, TemplateError};
use files::{csvfile, file_text, fileglob, first_found, ini, read, template};
use password::password;
use sequence::sequence;
use std::path::PathBuf;
use words::value::{Map, Value};

/// The names that [`run`] knows.
pub(super) const NAMES: &[&str] = &[
    "cartesian",
    "csvfile",
    "dict",
    "env",
    "file",
    "fileglob",
    "first_found",
    "flattened",
    "indexed_items",
    "ini",
    "inventory_hostnames",
    "items",
    "lines",
    "list",
    "nested",
    "password",
    "pipe",
    "random_choice",
    "sequence",
    "subelements",
    "template",
    "together",
    "unvault",
    "varnames",
    "vars",
];

type Found = Result<Vec<Value>, TemplateError>;

/// The options of each lookup, beside `wantlist` and `errors`.
const OPTIONS: &[(&str, &[&str])] = &[
    ("env", &["default"]),
    ("file", &["lstrip", "rstrip"]),
    ("template", &["template_vars", "trim_blocks", "lstrip_blocks"]),
    ("vars", &["default"]),
    ("password", &["length", "chars", "encrypt", "seed"]),
    ("first_found", &["files", "paths", "skip"]),
    ("sequence", &["start", "end", "stride", "count", "format"]),
    ("csvfile", &["file", "delimiter", "col", "default"]),
    ("ini", &["file", "section", "type", "default"]),
];

/// Fails for options that the lookup does not have.
fn check_options(short: &str, given: &Map) -> Result<(), String> {
    let own = OPTIONS.iter().find(|(name, _)| *name == short).map_or(&[] as &[&str], |(_, own)| own);
    let known = |name: &&String| own.contains(&name.as_str()) || matches!(name.as_str(), "wantlist" | "errors");
    match given.keys().find(|name| !known(name)) {
        Some(name) => Err(super::filters::signature::unknown(name, own)),
        None => Ok(()),
    }
}

/// Runs the lookup `name`, with or without `ansible.builtin.` before it.
pub(super) fn run(name: &str, args: &Args, eval: &Eval) -> Found {
    let short = name.strip_prefix("ansible.builtin.").or(name.strip_prefix("ansible.legacy.")).unwrap_or(name);
    let found = check_options(short, args.named()).and_then(|()| find_all(name, short, args, eval));
    found.map_err(|message| TemplateError::failed(format!("lookup '{short}': {message}")))
}

fn find_all(name: &str, short: &str, args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    match short {
        "env" => each(args, |name| Ok(env(args, eval, name))),
        "file" => each(args, |name| read(eval, "files", name).map(|text| file_text(args, text).into())),
        "unvault" => each(args, |name| read(eval, "files", name).map(Value::from)),
        "template" => each(args, |name| template(args, eval, name)),
        "pipe" => each(args, |command| pipe(command, eval).map(Value::from)),
        "lines" => lines(args, eval),
        "vars" => each(args, |name| variable(args, eval, name)),
        "varnames" => varnames(args, eval),
        "password" => each(args, |term| password(args, eval, term).map(Value::from)),
        "first_found" => first_found(args, eval),
        "fileglob" => fileglob(args, eval),
        "dict" => dict(args),
        "items" | "flattened" => Ok(opened(args, if short == "items" { Some(1) } else { None })),
        "list" => Ok(args.all().to_vec()),
        "indexed_items" => {
            let items = opened(args, Some(1)).into_iter().enumerate();
            Ok(items.map(|(index, item)| vec![Value::Int(index as i64), item].into()).collect())
        }
        "together" => super::filters::call_filter("zip_longest", args.all()),
        "nested" | "cartesian" => super::filters::call_filter("product", args.all()),
        "subelements" => subelements(args),
        "sequence" => sequence(args),
        "random_choice" => random_choice(args, eval),
        "csvfile" => each(args, |key| csvfile(args, eval, key)),
        "ini" => each(args, |key| ini(args, eval, key)),
        "inventory_hostnames" => inventory_hostnames(args, eval),
        "url" | "config" => Err(format!("the lookup '{short}' is not supported yet")),
        _ => Err(format!("there is no lookup '{name}'")),
    }
}

/// As the filter, but the first of each pair comes without the list that the second is of.
fn subelements(args: &Args) -> Result<Vec<Value>, String> {
    let mut pairs = super::filters::call_filter("subelements", args.all())?;
    let way: Vec<String> = match args.all().get(1) {
        Some(Value::List(keys)) => keys.iter().map(Value::to_string).collect(),
        Some(keys) => keys.to_string().split('.').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    for pair in &mut pairs {
        if let Value::List(pair) = pair
            && let Some(first) = pair.first_mut()
        {
            remove(first, &way);
        }
    }
    Ok(pairs)
}

fn remove(from: &mut Value, way: &[String]) {
    match (from, way) {
        (Value::Map(map), [last]) => drop(map.shift_remove(last)),
        (Value::Map(map), [key, rest @ ..]) => map.get_mut(key).into_iter().for_each(|inner| remove(inner, rest)),
        _ => {}
    }
}

fn each(args: &Args, one: impl Fn(&str) -> Result<Value, String>) -> Result<Vec<Value>, String> {
    args.all().iter().map(|term| one(&term.to_string())).collect()
}

fn opened(args: &Args, levels: Option<i64>) -> Vec<Value> {
    let mut out = Vec::new();
    super::filters::flatten(args.all().to_vec(), levels, &mut out);
    out
}

fn env(args: &Args, eval: &Eval, name: &str) -> Value {
    let default = || args.named().get("default").cloned().unwrap_or_else(|| Value::from(""));
    eval.control().variable(name).map_or_else(default, Value::from)
}

/// One of the terms.
fn random_choice(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let chosen = collections::random(&Args::of(args.all().to_vec()), &**eval.control())?;
    Ok(match chosen {
        Value::List(items) => items.into_iter().take(1).collect(),
        other => vec![other],
    })
}

fn directory(eval: &Eval, variable: &str) -> Option<PathBuf> {
    match eval.scope.lookup(variable)? {
        Lookup::Data(value) | Lookup::Trusted(value) => value.as_str().map(PathBuf::from),
        Lookup::Scope(_) => None,
    }
}

/// What a command of the controller prints, run in the playbook's directory.
fn shell(command: &str, eval: &Eval) -> Result<String, String> {
    eval.control().shell(command, directory(eval, "playbook_dir").as_deref())
}

fn pipe(command: &str, eval: &Eval) -> Result<String, String> {
    shell(command, eval).map(|output| output.trim_end().to_owned())
}

fn lines(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let outputs = args.all().iter().map(|command| shell(&command.to_string(), eval)).collect::<Result<Vec<_>, _>>()?;
    Ok(outputs.iter().flat_map(|output| output.lines()).map(Value::from).collect())
}

fn variable(args: &Args, eval: &Eval, name: &str) -> Result<Value, String> {
    match eval.value_of(name) {
        Some(value) => value.map_err(|error| error.to_string()),
        None => args.named().get("default").cloned().ok_or_else(|| format!("no variable found with this name: {name}")),
    }
}

fn varnames(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let names = eval.scope.names();
    let mut found = Vec::new();
    for term in args.all() {
        let regex = words::text::python_re::compile(&term.to_string(), false, false)?;
        found.extend(
            names.iter().filter(|name| regex.is_match(name.as_str()).unwrap_or(false)).map(|n| Value::from(n.as_str())),
        );
    }
    Ok(found)
}

/// The hosts of the inventory that patterns select, as `hosts:` of a play would.
fn inventory_hostnames(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let patterns: Vec<String> = opened(args, None).iter().map(Value::to_string).collect();
    match eval.scope.hosts_matching(&patterns) {
        Some(found) => Ok(found?.into_iter().map(Value::from).collect()),
        None => Err("there is no inventory here".into()),
    }
}

fn dict(args: &Args) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for term in args.all() {
        let map = term.as_map().ok_or_else(|| format!("needs mappings, not {}", term.type_name()))?;
        let pair = |(key, value): (&String, &Value)| {
            Value::from_iter([("key", key.as_str().into()), ("value", value.clone())])
        };
        found.extend(map.iter().map(pair));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::control_node::fake::FakeNode;
    use crate::template::{ControlNode, MapScope};
    use std::sync::Arc;

    #[test]
    fn every_name_is_known() {
        let control: Arc<dyn ControlNode> = Arc::new(FakeNode::default());
        let eval = Eval::new(&MapScope::data(Map::new()), &control);
        for name in NAMES {
            let found = run(name, &Args::default(), &eval).map_err(|error| error.to_string());
            assert!(!found.is_err_and(|error| error.contains("there is no lookup")), "{name}");
        }
    }
}
